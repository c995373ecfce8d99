"""`journeyman init`: what it leaves on a forge and on the disk, said once or twice, and what it refuses."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from bot.devforge.server import DevForge
from bot.forges.credentials import AppKey
from bot.forges.github.api import GitHubForge

RECEIVER = "http://127.0.0.1:9"
SECRET = "0123456789abcdef0123"


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("JOURNEYMAN_")}
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", "init", *arguments],
        env={**kept, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- gitlab ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def lab() -> Iterator[DevForge]:
    with DevForge(runner=None, dialect="gitlab") as forge:
        forge.add_repo("team/shop", {"a.txt": "one\n"}, roles={"journeyman": "maintain", "weak": "triage"})
        yield forge


def init_gitlab(lab: DevForge, who: str = "journeyman", **changed: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "JOURNEYMAN_GITLAB_URL": lab.url,
        "JOURNEYMAN_GITLAB_TOKEN": lab.add_user(who),
        "JOURNEYMAN_GITLAB_WEBHOOK_SECRET": SECRET,
        **changed,
    }
    given = {name: value for name, value in settings.items() if value}
    return command("gitlab", "team/shop", "--url", f"{RECEIVER}/", "--json", **given)


def test_a_project_gets_one_hook_and_the_label_however_often(lab: DevForge) -> None:
    first, again = init_gitlab(lab), init_gitlab(lab)
    steps = [{step["what"]: step["is"] for step in json.loads(done.stdout)["steps"]} for done in (first, again)]
    assert (steps[0]["token"], steps[0]["hook"], steps[0]["label approved-by-human"]) == ("Maintainer", "made", "made")
    assert (steps[1]["hook"], steps[1]["label approved-by-human"]) == ("found", "found")
    with lab.world.lock:
        place = lab.world.repo("team/shop")
        assert place is not None
        (hook,) = place.hooks.values()
        assert (hook.url, hook.secret) == (f"{RECEIVER}/webhooks/gitlab", SECRET)
        assert {"push", "issue", "note", "merge_request", "job", "pipeline"} <= set(hook.events)
    assert SECRET not in first.stdout + first.stderr


@pytest.mark.slow
def test_an_account_that_may_not_make_hooks_is_told(lab: DevForge) -> None:
    done = init_gitlab(lab, "weak")
    assert done.returncode == 1
    assert "403" in json.loads(done.stdout)["error"]


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["JOURNEYMAN_GITLAB_TOKEN", "JOURNEYMAN_GITLAB_WEBHOOK_SECRET"])
def test_what_is_missing_is_named(missing: str, lab: DevForge) -> None:
    done = init_gitlab(lab, **{missing: ""})
    assert (done.returncode, missing in done.stderr) == (78, True)


# --- github ---------------------------------------------------------------------------------------------------------
def test_one_click_makes_an_app_and_stores_its_keys(tmp_path: Path) -> None:
    with DevForge(runner=None) as hub:
        hub.add_user("ann")
        hub.add_repo("octo/shop", {"a.txt": "one\n"})
        to = tmp_path / "keys"
        settings = {**os.environ, "JOURNEYMAN_GITHUB_URL": hub.api_url}
        argv = ["github", "--url", RECEIVER, "--to", str(to), "--name", "Shop Bot", "--organization", "octo", "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "init", *argv], env=settings, stdout=-1, stderr=-1, text=True
        )
        try:
            assert process.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())
            assert found is not None
            answer = click(found[0])
            assert answer.status_code == 200
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait(10)
        made = json.loads(out)
        assert (process.returncode, made["app"]) == (0, "shop-bot")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in to.iterdir()}
        assert modes == dict.fromkeys(("github-app-id", "github-app-key.pem", "github-webhook-secret"), 0o600)
        assert stat.S_IMODE(to.stat().st_mode) == 0o700
        assert "PRIVATE KEY" not in out
        hub.install("shop-bot", "octo/shop")
        key = AppKey((to / "github-app-id").read_text().strip(), (to / "github-app-key.pem").read_text())
        forge = GitHubForge(key, url=hub.api_url, pacing=False)
        assert forge.whoami() == "shop-bot[bot]"
        forge.close()
        assert hub.world.apps.apps["shop-bot"].hook is not None
    again = command("github", "--url", RECEIVER, "--to", str(to))
    assert again.returncode == 2
    assert "is there already" in again.stderr


def click(page: str) -> requests.Response:
    """Press the page's one button, after somebody else tried to come in with a state of their own."""
    stolen = requests.get(f"{page}made", params={"code": "a", "state": "guess"}, timeout=10)
    assert stolen.status_code == 404
    assert requests.get(page, headers={"Host": "evil.test"}, timeout=10).status_code == 421
    text = requests.get(page, timeout=10).text
    action = re.search(r'action="([^"]+)"', text)
    manifest = re.search(r'value="([^"]+)"', text)
    assert action is not None
    assert manifest is not None
    where, form = unescape(action[1]), json.loads(unescape(manifest[1]))
    assert urlsplit(where).path == "/organizations/octo/settings/apps/new"
    assert parse_qs(urlsplit(where).query)["state"]
    assert (form["public"], form["hook_attributes"]["url"]) == (False, f"{RECEIVER}/webhooks/github")
    assert "issue_comment" in form["default_events"]
    return requests.post(where, data={"manifest": json.dumps(form)}, timeout=10)


@pytest.mark.slow
def test_nobody_clicks(tmp_path: Path) -> None:
    done = command("github", "--url", RECEIVER, "--to", str(tmp_path), "--seconds", "1", "--json")
    assert done.returncode == 1
    assert "nobody came back" in json.loads(done.stdout)["error"]
    assert list(tmp_path.iterdir()) == []
