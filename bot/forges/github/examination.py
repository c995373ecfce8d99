"""Everything that the doctor can find out about a credential on GitHub, and about a repository with it."""

from collections.abc import Iterator

from bot.domain.change import Repo
from bot.forges.findings import Finding, looked
from bot.forges.github import examine, examine_repo
from bot.forges.github.app import App
from bot.forges.github.credentials import Phase, PlainToken
from bot.forges.github.webhook import EVENTS


def examination(credential: App | PlainToken, repo: Repo | None) -> Iterator[Finding]:
    """Look at the credential and, where one is named, at a repository. Nothing is changed, and nothing raised.

    A credential that is not taken, or a GitHub that is away, is one finding and the last.
    """
    if isinstance(credential, App):
        first = list(looked("github app", lambda: examine.app(credential, EVENTS)))
    else:
        first = list(looked("github token", lambda: examine.token(credential.anywhere)))
    yield from first
    if first[0].state != "fail":
        yield from _hook_of_app(credential)
        yield from _repository(credential, repo) if repo is not None else ()


def _hook_of_app(credential: App | PlainToken) -> Iterator[Finding]:
    if isinstance(credential, App):
        slug = credential.login().removesuffix("[bot]")
        yield from looked("hook", lambda: examine_repo.app_hook(credential.requests, slug))


def _repository(credential: App | PlainToken, repo: Repo) -> Iterator[Finding]:
    if isinstance(credential, App):
        found = list(looked("installation", lambda: examine.app_on(credential, repo)))
        yield from found
        if any(one.check == "installation" and one.state == "fail" for one in found):
            return
    else:
        found = list(looked("permissions", lambda: examine.token_on(credential.anywhere, repo)))
        yield from found
        yield from looked("hook", lambda: examine_repo.hook(credential.anywhere, repo, EVENTS))
    yield from looked("protection", lambda: _protection(credential, repo, found))


def _protection(credential: App | PlainToken, repo: Repo, found: list[Finding]) -> Iterator[Finding]:
    if isinstance(credential, App):
        number, admin = int(credential.about()["id"]), examine.may_administer(credential.installation(repo))
    else:
        number, admin = None, any(one.check == "permissions beyond need" and one.state != "ok" for one in found)
    yield from examine_repo.protection(credential.requester(repo, Phase.READ), repo, number, admin=admin)
