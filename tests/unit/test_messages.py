# ruff: noqa: RUF001 - look-alikes are what is tested
"""What the bot says: snapshots to be read, and that foreign words in it can do nothing."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.domain import facts as f
from bot.domain.commands import Unknown
from bot.domain.run import Run, apply
from bot.policy.load import LoadedPolicy
from bot.policy.model import Checks, Label, Policy, Requires, Rule
from bot.services import answers, messages
from bot.services.explain import MAX_ROWS, story, tell, why
from bot.services.quoting import block, code, plain, visible
from tests import snapshots
from tests.builders import (
    HEAD,
    STORY,
    envelope,
    envelopes,
    intent,
    judged,
    plan,
    planned,
    published,
    run_of,
    task,
)
from tests.unit.test_facts import ONE_OF_EACH

OWN_HTML = {
    "<details><summary>Details</summary>",
    "<details><summary>How it was found</summary>",
    "</details>",
    "<sub>",
    "</sub>",
}
DIGEST = re.compile("[0-9a-f]{12,}")
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

HOSTILE = [
    "EVIL", "@EVIL", "@org/EVIL", "#1 EVIL", "fixes #1 EVIL", "Closes: GH-1 EVIL", "resolves octo/calc#1 EVIL",
    "fixes https://github.com/octo/calc/issues/1 EVIL", "https://evil.test/EVIL", "www.evil.test/EVIL",
    "EVIL@evil.test", "![EVIL](https://evil.test/x.png)", "[EVIL](https://evil.test)",
    "[EVIL]: https://evil.test", "<https://evil.test/EVIL>", "<img src=x onerror=EVIL>", "<!-- EVIL -->",
    "</details>EVIL", "<b>EVIL", "&#64;EVIL", "&lt;EVIL", "**EVIL**", "_EVIL_", "~~EVIL~~", "`EVIL`", "``EVIL",
    "EVIL`", "`EVIL", "\\`EVIL", "EVIL\\", "|EVIL|", "a\\|EVIL", "$`EVIL`$", "$$EVIL$$", "```\nEVIL\n```",
    "~~~\nEVIL", "````\nEVIL", "`\u200b``\nEVIL\n`\u200b``", "# EVIL", "> EVIL", "- [x] EVIL", "---\nEVIL",
    "EVIL\n===", "EVIL\n\n@EVIL\n\n/agent fix EVIL", "/agent approve EVIL", "\r\rEVIL", "\x0bEVIL\x0c",
    "\u2028EVIL\u2029", "\u0085EVIL", "\u202eEVIL", "E\u200bVIL EVIL", "\x1b[31mEVIL\x1b[0m",
    "\x1b]8;;https://evil.test\x07EVIL", "\x00EVIL", "\ud800EVIL", "EVIL" * 500, " ".join(["EVIL"] * 500),
    "EVIL\n" * 5000, ":EVIL:", "EVIL [skip ci]", "!1 EVIL", "<!channel> EVIL", "<@U1> EVIL",
]  # fmt: skip


def tokens(text: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def live(text: str) -> str:
    """Everything in a markdown text that is not code, with what it holds that acts."""
    parts = []
    for token in tokens(text):
        if token.type in {"link_open", "image"} and not is_address_of_trailer(token):
            parts.append(f"{token.type} {token.attrs}")
        elif token.type in {"html_block", "html_inline"}:
            parts += [line for line in token.content.splitlines() if line.strip() and line.strip() not in OWN_HTML]
        elif token.type == "text":
            parts.append(token.content)
    return "\n".join(parts)


def is_address_of_trailer(token: Token) -> bool:
    return str(token.attrs.get("href", "")).startswith("mailto:") and token.markup == "autolink"


def shown_lines(text: str) -> list[str]:
    """The lines that are visible before anything is unfolded."""
    rows, folded = [], 0
    for line in text.splitlines():
        folded += line.startswith("<details>")
        if not folded:
            rows.append(line)
        folded -= line == "</details>"
    assert folded == 0
    return rows


def lives(evil: str) -> Iterator[tuple[str, list[f.Fact]]]:
    """Runs whose facts say something evil wherever somebody else chooses the words."""
    tasks = (task(title=evil), task("agent", title=evil, instead_of="repair"))
    frozen = f.Planned(plan(*tasks).digest, plan(*tasks))
    head: list[f.Fact] = [STORY.stored, f.PlanDrafted(frozen.plan), frozen]
    lost = f.TaskFailed("repair", 1, evil, evil)
    proof: dict[str, str | int | float] = {"test_before": evil, "seconds": evil, "command": evil, evil: evil}
    proof |= {"still_failing": f"a {evil}", "still_failing_count": 2}
    used: list[f.Fact] = [f.ToolRefused(evil, evil, evil), f.ModelUsed(evil, evil, evil, 1, 2)]
    solved: list[f.Fact] = [*head, lost, *used, f.TaskDone("agent", 1, "11" * 32, proof)]
    opened: list[f.Fact] = [*solved, f.Published(8, evil, evil, HEAD, "t", evil)]
    verdict = judged(
        "blocked", rules=((evil, "fail", evil), (evil, "pending", evil), (evil, "pass", evil)), approvers=(evil,)
    )
    yield "failed", [*head, lost, replace(lost, task=evil), f.Failed(evil, evil)]
    yield "refused", [*solved, f.PatchRefused("agent", evil), f.Failed("patch_refused", evil)]
    yield "solved", solved
    yield "approved", [*head, f.PlanApproved(frozen.digest, evil, evil)]
    yield "blocked", [*opened, verdict]
    yield "not merged", [*opened, judged(rules=verdict.rules), f.MergeRefused(HEAD, evil)]
    yield "landed", [*opened, judged(approvers=(evil,)), f.Merged(HEAD, HEAD, False, evil), f.IssueClosed(7)]
    yield "stopped", [*opened, f.Stopped(evil), f.Woken(evil)]
    yield "closed", [*opened, f.ChangeClosed(8, evil, False), f.EffectIntended(evil, "merge", evil)]
    yield (
        "retried",
        [*opened, f.Retried(evil), f.EffectFailed(evil, evil), f.Failed(evil, evil), f.HeadSeen(HEAD, ("1",))],
    )


REVISION: dict[str, Any] = {"kind": "revise", "change": 8, "base": "agent/issue-7", "target": "main"}


def policy_named(evil: str) -> LoadedPolicy:
    """Return a policy whose rule is called that, as a repository's own could be."""
    label = Label(name=evil[:50])
    rules = (Rule(name=evil, requires=Requires(label=label, checks=Checks(ignore=(evil,)))),)
    return LoadedPolicy(Policy(version=1, rules=rules), evil, "d" * 64)


def markdowns(evil: str) -> Iterator[tuple[str, str]]:
    """Every markdown text that the bot makes of such runs."""
    for name, facts in lives(evil):
        for mode in ("review", "approval"):
            asked = f.Requested(intent(title=evil, text=evil, mode=mode, requester="alice"))
            if mode == "review" and is_storable(evil):
                yield f"revision {name}", messages.status(run_of(*facts, title=evil, text=evil, **REVISION))
            stream = [envelope(asked, 1), *envelopes(facts, 2)] if is_storable(evil) else []
            run = run_of(*facts, title=evil, text=evil, mode=mode) if is_storable(evil) else unstored(facts, evil, mode)
            yield f"status {name}", messages.status(run)
            yield f"already {name}", messages.already(run)
            if stream:
                yield f"why {name}", why(run, stream)
            yield f"budget {name}", answers.budget(run, 1, 50, 3)
            if run.judged is not None:
                hostile = evil.translate({ord(char): " " for char in evil if not char.isprintable()}).strip()[:100]
                policy = policy_named(hostile or "x")
                verdict = replace(run.judged, rules=((hostile or "x", "fail", evil),))
                yield f"explain {name}", answers.rules(policy, verdict)
                yield f"explain rule {name}", answers.rule(hostile or "x", policy, verdict)
                yield f"explain no rule {name}", answers.rule(f"zz{evil}", policy_named("x"), verdict)
            if run.solution is not None:
                yield f"body {name}", messages.change_body(run, [evil] * 5, 1, 1, "alice@mail.example")
            if run.judged is not None:
                yield f"gate {name}", messages.gate(replace(run.judged, source=evil)).summary
    yield "refusal", messages.not_allowed(evil, "read", "fix")
    yield "unknown", messages.unknown(Unknown(evil))


def is_storable(text: str) -> bool:
    """Lone surrogates cannot be encoded: the ledger cleans them away."""
    return text.encode(errors="replace").decode() == text


def unstored(facts: list[f.Fact], evil: str, mode: str) -> Run:
    run = run_of(title="x", mode=mode)
    for fact in facts:
        run = apply(run, fact)
    return run


SAID = snapshots.said()


@pytest.mark.parametrize("name", sorted(SAID))
def test_the_bot_says_what_the_snapshots_say(name: str) -> None:
    kept = (snapshots.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert SAID[name] + "\n" == kept, "read the difference; then run: python -m tests.snapshots"


def test_there_is_no_snapshot_of_what_is_never_said(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("old")
    snapshots.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in snapshots.FOLDER.iterdir())


@pytest.mark.parametrize("evil", HOSTILE, ids=[ascii(evil)[:40] for evil in HOSTILE])
def test_foreign_words_stay_within_code_and_within_bounds(evil: str) -> None:
    for name, text in markdowns(evil):
        assert "EVIL" not in live(text), f"{name}:\n{text}"
        assert "evil.test" not in live(text), name
        assert not text.startswith("/agent"), name
        assert len(shown_lines(text)) <= 60, name
        assert len(text) < 60_000, name
        assert visible(text.replace("\n", "")) == text.replace("\n", ""), name
        assert not set("\u202e\u200b\x1b\x00") & set(text), name


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.text(st.sampled_from("`~|<>[]()!@#&*_\\\n\r\t \u200b\u202e-+=:/.$1ab\"'"), max_size=24))
def test_no_foreign_text_breaks_out(evil: str) -> None:
    for (name, quiet), (_, text) in zip(markdowns("quiet"), markdowns(evil), strict=True):
        assert DIGEST.sub("0", live(text)) == DIGEST.sub("0", live(quiet)), name


def test_the_body_of_a_change_has_at_most_25_visible_lines() -> None:
    evidence: dict[str, str | int | float] = {f"key {number}": "x" * 1000 for number in range(500)}
    text = messages.change_body(
        run_of(*STORY.planned, f.TaskDone("repair", 1, "11" * 32, evidence)), ["f.py"] * 50, 1, 1, "alice@mail.example"
    )
    assert len(shown_lines(text)) <= 25
    assert len(text) < 10_000


def test_a_huge_run_is_told_in_bounds() -> None:
    tasks = [task(f"t{number}", title="x" * 5000) for number in range(20)]
    frozen = planned(*tasks)
    lost = [f.TaskFailed(one.id, 1, "no_patch", ("line " * 200 + "\n") * 5000) for one in tasks]
    rules = tuple((f"rule {number} " + "x" * 90, "pass" if number else "fail", "y" * 2000) for number in range(100))
    facts: list[f.Fact] = [
        STORY.stored,
        f.PlanDrafted(frozen.plan),
        frozen,
        *lost,
        published(),
        judged("blocked", rules=rules),
    ]
    run = run_of(*facts)
    for text in (messages.status(run), why(run, envelopes([f.Requested(intent()), *facts])), messages.chat(run)):
        assert len(text) < 60_000
        assert len(shown_lines(text)) <= 60
    assert run.judged is not None
    table = messages.verdict_table(run.judged)
    assert len(table) == messages.MAX_RULES + 3
    assert table[2].startswith("| `rule 0 ")
    assert table[-1] == "| … | | 60 more rules |"


# --- the three ways of quoting
def test_code_is_one_line_that_nothing_ends() -> None:
    assert code("a\n b\t c") == "`a b c`"
    assert code("") == code(" \n") == code("\u200b") == "` `"
    assert code("a`b|c") == "`aˋb¦c`"
    assert code("x" * 300) == "`" + "x" * 199 + "…`"
    assert code("x" * 200) == "`" + "x" * 200 + "`"
    assert code("abc", 2) == "`a…`"


def test_references_are_broken_where_a_forge_would_read_them() -> None:
    assert code("fixes #12") == "`fixes ＃12`"
    assert code("fixes octo/calc#12") == "`fixes octo/calc＃12`"
    assert code("closes gh-12, GH-3") == "`closes gh‑12, GH‑3`"
    assert code("https://forge.test/o/r/issues/5") == "`https://forge.test/o/r/issues∕5`"
    assert code("#define C# x-1 agh-1") == "`#define C# x-1 agh-1`"


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("add() subtracts", "Fix: add() subtracts"),
        ("  two\n lines ", "Fix: two lines"),
        ("", "Fix: the reported problem"),
        ("<>`[]", "Fix: the reported problem"),
        ("snake_case_name & R&D cost $5", "Fix: snake_case_name & R&D cost $5"),
        ("fixes #1 and GH-2", "Fix: fixes ＃1 and GH‑2"),
        ("#12", "Fix: ＃12"),
        ("GH<-12", "Fix: GH‑12"),
        ("G*H-12", "Fix: GH‑12"),
        ("group/project!12!", "Fix: group/project！12!"),
        ("ask @org/team or a@b.test", "Fix: ask ＠org/team or a＠b.test"),
        ("see https://forge.test/o/r/pull/5", "Fix: see https:∕∕forge.test/o/r/pull∕5"),
        ("see www.evil.test", "Fix: see www․evil.test"),
        ("[skip ci] ***NO_CI***", "Fix: skip ci NO_CI"),
        ("a\u202eb\u200bc\x1b[31md", "Fix: abcd"),
        ("x" * 100, "Fix: " + "x" * 71 + "…"),
    ],
)
def test_a_title_is_one_plain_line(title: str, wanted: str) -> None:
    assert messages.change_title(run_of(title=title)) == wanted


@given(st.text())
def test_a_title_never_acts(title: str) -> None:
    said = messages.change_title(run_of(title=title.encode(errors="replace").decode()))
    assert said.startswith("Fix: ")
    assert len(said) <= 5 + messages.MAX_TITLE
    assert not set("\n\r@<>[]`") & set(said)
    assert "\n" not in plain(title, 50)


def test_a_block_is_cut_in_its_middle() -> None:
    assert block("a\nb") == "```text\na\nb\n```"
    rows = block("\n".join(str(number) for number in range(5000)), lines=4).splitlines()
    assert rows == ["```text", "0", "1", "… 4996 lines left out …", "4998", "4999", "```"]
    assert block("x" * 900, width=10) == "```text\n" + "x" * 10 + "\n```"
    assert block("") == "```text\n\n```"


@given(st.text(st.sampled_from("`~\n\r \u200b\u202eab\x1b[0m"), max_size=60))
def test_nothing_ends_a_block(text: str) -> None:
    found = [token.type for token in tokens(block(text) + "\n\nafter")]
    assert found == ["fence", "paragraph_open", "inline", "text", "paragraph_close"]


@pytest.mark.parametrize("login", ["alice", "journeyman[bot]", "a-b_c.d"])
def test_a_login_is_kept_in_a_trailer(login: str) -> None:
    assert messages.trailers(run_of(*STORY.planned, requester=login), f"{login}@mail.example", (login,))[2:] == [
        f"Approved-By: {login}",
        f"Co-authored-by: {login} <{login}@mail.example>",
    ]


def test_no_login_makes_a_trailer_of_its_own() -> None:
    evil = "a\nApproved-By: root\r\n<x@y> "
    rows = messages.trailers(run_of(*STORY.planned, requester=evil), f"{evil}@mail.example", (evil,))
    name = "aApproved-Byrootxy"
    assert rows[2:] == [f"Approved-By: {name}", f"Co-authored-by: {name} <aApproved-Byrootx@y@mail.example>"]
    assert not [row for row in rows if "\n" in row or "\r" in row]


def test_costs_are_known_or_said_to_be_unknown() -> None:
    paid, free = f.ModelUsed("a", "v", "m", 100, 20, 0.5), f.ModelUsed("a", "v", "m", 1, 1, None)
    assert "2 model calls, 240 tokens, $1.00" in messages.status(run_of(paid, paid))
    assert "2 model calls, 122 tokens, cost unknown" in messages.status(run_of(paid, free))


def test_the_gate_says_pending_success_or_failure() -> None:
    states = {state: messages.gate(judged(state)).state for state in ("approved", "pending", "blocked")}
    assert states == {"approved": "success", "pending": "pending", "blocked": "failure"}
    assert len(messages.gate(judged("blocked", rules=(("n" * 100, "fail", "r" * 900),))).title) <= 120


# --- the story
@pytest.mark.parametrize("fact", ONE_OF_EACH, ids=lambda fact: type(fact).__name__)
def test_every_fact_can_be_told_in_one_line(fact: f.Fact) -> None:
    assert tell(fact).strip()
    assert "\n" not in tell(fact)


def test_a_long_story_keeps_its_beginning_and_its_end() -> None:
    facts: list[f.Fact] = [f.Requested(intent()), *[f.Stopped(f"p{number}") for number in range(100)]]
    text = why(run_of(*facts[1:]), envelopes(facts))
    rows = [row for row in text.splitlines() if row.startswith("- ")]
    assert len(rows) == 21 <= MAX_ROWS
    assert "asked for a fix of #7" in rows[0]
    assert rows[5] == "- … 81 more …"
    assert "p99" in rows[-1]


def test_a_story_leaves_out_what_nobody_cares_for() -> None:
    quiet: list[f.Fact] = [f.EffectDone("k", "r"), f.Reported("gate", "d", "r"), f.Woken("x")]
    assert story(envelopes(quiet)) == []
