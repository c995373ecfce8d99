"""The policy language: what each rule answers, what a file may not say, and the schema that says it to editors."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from bot.domain.change import GATE, Check, LabelSet, Repo, Role
from bot.domain.errors import PolicyError
from bot.policy import schema
from bot.policy.evaluate import RuleVerdict, check_state, evaluate, protected, protected_paths
from bot.policy.load import MAX_BYTES, LoadedPolicy, describe, load
from bot.policy.model import Policy
from bot.services.deps import Broker
from bot.services.policies import policy_of
from tests.builders import ALICE, BASE, BOB, BOT, HEAD, REPO, check, label, policy, snapshot

POLICIES = Path(__file__).parents[2] / "policies"
APPROVED = "approved-by-human"


def named(name: str) -> LoadedPolicy:
    return load((POLICIES / f"{name}.yml").read_text(encoding="utf-8"), name)


def only(rule: str, **wanted: Any) -> RuleVerdict:
    """The answer of a policy's single rule on a snapshot."""
    return evaluate(policy(rule), snapshot(**wanted)).rules[1]


# --- the change itself
@pytest.mark.parametrize(
    ("wanted", "state", "reason"),
    [
        ({}, "pass", "open, and without conflicts"),
        ({"state": "closed"}, "fail", "it is closed"),
        ({"state": "merged"}, "fail", "it is merged"),
        ({"draft": True}, "pending", "it is a draft"),
        ({"mergeable": False}, "fail", "it conflicts"),
        ({"mergeable": None}, "pending", "not yet said"),
        ({"draft": True, "mergeable": False}, "pending", "it is a draft"),
    ],
)
def test_the_change_must_be_mergeable_whatever_the_policy_says(wanted: dict[str, Any], state: str, reason: str) -> None:
    verdict = evaluate(policy("checks: {}"), snapshot(**wanted))
    first = verdict.rules[0]
    assert (first.name, first.state) == ("the change can be merged", state)
    assert reason in first.reason
    assert verdict.state == {"pass": "approved", "pending": "pending", "fail": "blocked"}[state]


# --- checks
CHECKS: list[tuple[str, list[Check], str, str]] = [
    ("", [], "pending", "0 of at least 1 checks succeeded"),
    ("", [check()], "pass", "succeeded: tests"),
    ("", [check(state="failure")], "fail", "failed: tests"),
    ("", [check(state="pending")], "pending", "still running: tests"),
    ("", [check(state="neutral")], "pending", "0 of at least 1"),
    ("", [check(), check("lint", "neutral")], "pass", "succeeded: tests"),
    ("", [check(), check("lint", "pending")], "pending", "still running: lint"),
    ("", [check(), check("lint", "pending"), check("types", "failure")], "fail", "failed: types"),
    ("", [check(GATE)], "pending", "0 of at least 1"),
    ("", [check(), check(GATE, "failure")], "pass", "succeeded: tests"),
    ("", [check(), check(GATE, "pending")], "pass", "succeeded: tests"),
    ("", [check(), check("Journeyman/Gate", "failure")], "fail", "failed: Journeyman/Gate"),
    ("at_least: 2", [check()], "pending", "1 of at least 2"),
    ("at_least: 2", [check(), check("lint")], "pass", "succeeded: lint, tests"),
    ("at_least: 2", [check(), check(source="other")], "pass", "succeeded: tests"),
    ("ignore: [lint]", [check(), check("lint", "failure")], "pass", "succeeded: tests"),
    ("ignore: [tests]", [check()], "pending", "0 of at least 1"),
    ("", [check(f"c{number}", "failure") for number in range(7)], "fail", "failed: c0, c1, c2, c3, c4 and 2 more"),
]


@pytest.mark.parametrize(("wanted", "checks", "state", "reason"), CHECKS)
def test_checks(wanted: str, checks: list[Check], state: str, reason: str) -> None:
    answer = only(f"checks: {{{wanted}}}", checks=checks)
    assert answer.state == state
    assert answer.reason.startswith(reason)


@pytest.mark.parametrize(
    ("states", "wanted"),
    [([], "none"), (["neutral"], "none"), (["success", "neutral"], "success"), (["success", "pending"], "pending"),
     (["success", "pending", "failure"], "failure")],
)  # fmt: skip
def test_checks_in_one_word(states: list[str], wanted: str) -> None:
    checks = tuple(check(f"c{number}", state) for number, state in enumerate(states))
    assert check_state(checks) == wanted
    assert check_state((*checks, check(GATE, "failure"))) == wanted
    assert check_state((*checks, check("x", "failure")), ignore=("x",)) == wanted


# --- labels
LABELS: list[tuple[str, dict[str, Any], str, str]] = [
    ("nobody", {"labels": ()}, "pending", "is not set"),
    ("a human with write access", {}, "pass", "set by bob"),
    ("another label", {"labels": (label(name="approved"),)}, "pending", "is not set"),
    ("another case of the label", {"labels": (label(name="Approved-By-Human"),)}, "pending", "is not set"),
    ("the bot", {"labels": (label(BOT),), "roles": {BOT: Role.ADMIN}}, "pending", "is the bot"),
    (
        "the bot in capitals",
        {"labels": (label(BOT.upper()),), "roles": {BOT.upper(): Role.ADMIN}},
        "pending",
        "is the bot",
    ),
    ("another bot", {"labels": (label("ci[bot]"),), "roles": {"ci[bot]": Role.ADMIN}}, "pending", "is a bot"),
    ("an account of unknown kind", {"labels": (replace(label(), by_bot=None),)}, "pending", "whether bob is a person"),
    (
        "another bot in capitals",
        {"labels": (label("CI[Bot]"),), "roles": {"CI[Bot]": Role.ADMIN}},
        "pending",
        "is a bot",
    ),
    ("the requester", {"labels": (label(ALICE),)}, "pending", "is the requester"),
    (
        "the requester in capitals",
        {"labels": (label("ALICE"),), "roles": {"ALICE": Role.ADMIN}},
        "pending",
        "is the requester",
    ),
    ("the requester, written so", {"requester": "Bob"}, "pending", "is the requester"),
    ("the author", {"author": BOB}, "pending", "is the author"),
    ("a committer", {"committers": (BOT, "BOB")}, "pending", "is the committer"),
    ("somebody who may triage", {"roles": {BOB: Role.TRIAGE}}, "pending", "has triage access, not write"),
    ("somebody who may read", {"roles": {BOB: Role.READ}}, "pending", "has read access"),
    ("a stranger", {"roles": {}}, "pending", "has none access"),
    ("a maintainer", {"roles": {BOB: Role.MAINTAIN}}, "pass", "set by bob"),
    ("nobody knows who", {"labels": (label(""),), "roles": {"": Role.ADMIN}}, "pending", "nobody knows"),
    ("before the push", {"stale": frozenset({"1"})}, "pending", "commits were pushed after it"),
    ("after the push", {"stale": frozenset({"2"})}, "pass", "set by bob"),
    ("a commit of nobody knows whom", {"ours": False, "committers": ("", BOT)}, "pending", "nobody knows who wrote"),
    ("a commit of somebody known", {"ours": False, "committers": (BOT, "carol")}, "pass", "set by bob"),
    ("the bot's own commit, not linked to it", {"committers": ("",)}, "pass", "set by bob"),
    ("long before the bot's own push", {"labels": (label(at=1.0),)}, "pass", "set by bob"),
    ("first who does not count, then who does", {"labels": (label(ALICE), label())}, "pass", "set by bob"),
]


@pytest.mark.parametrize(("wanted", "state", "reason"), [row[1:] for row in LABELS], ids=[row[0] for row in LABELS])
def test_a_label_counts_by_who_set_it_and_when(wanted: dict[str, Any], state: str, reason: str) -> None:
    verdict = evaluate(policy(f"label: {{name: {APPROVED}}}"), snapshot(**wanted))
    answer = verdict.rules[1]
    assert answer.state == state
    assert reason in answer.reason
    assert verdict.approvers == ((BOB,) if state == "pass" else ())
    assert bool(answer.fix) == (state != "pass")


@pytest.mark.parametrize(
    ("never", "by", "counts"),
    [
        ("[]", ALICE, True),
        ("[]", BOT, False),
        ("[author]", ALICE, True),
        ("[requester]", ALICE, False),
        ("[bot, author, committer]", ALICE, True),
    ],
)
def test_the_parties_are_the_policys_choice_but_the_bot_never_counts(never: str, by: str, counts: bool) -> None:
    wanted = f"label: {{name: {APPROVED}, set_by: {{never: {never}}}}}"
    answer = only(wanted, labels=(label(by),), roles={by: Role.ADMIN})
    assert (answer.state == "pass") is counts


def test_who_is_excluded_is_said() -> None:
    assert (
        "who is not the bot or the author sets"
        in only(f"label: {{name: {APPROVED}, set_by: {{never: [bot, author]}}}}", labels=()).fix
    )
    assert (
        "somebody with write access sets" in only(f"label: {{name: {APPROVED}, set_by: {{never: []}}}}", labels=()).fix
    )


@given(st.text(max_size=12), st.sampled_from(list(Role)), st.frozensets(st.sampled_from(["1", "2"])))
def test_whoever_counts_is_no_party_and_may_write(by: str, role: Role, stale: frozenset[str]) -> None:
    verdict = evaluate(
        policy(f"label: {{name: {APPROVED}}}"),
        snapshot(labels=(LabelSet(APPROVED, by, 100.0, "1", by_bot=False),), roles={by: role}, stale=stale),
    )
    if verdict.approvers:
        assert by
        assert by.lower() not in {BOT, ALICE}
        assert role.at_least(Role.WRITE)
        assert "1" not in stale


# --- paths
PATHS: list[tuple[str, str, bool]] = [
    ("/.github/", ".github/workflows/ci.yml", True),
    ("/.github/", ".GitHub/Workflows/ci.yml", True),
    ("/.GITHUB/", ".github/workflows/ci.yml", True),
    ("/.github/", "docs/.github/x", False),
    ("/.github/", ".githubx", False),
    ("CODEOWNERS", "CODEOWNERS", True),
    ("CODEOWNERS", "docs/codeowners", True),
    ("CODEOWNERS", "docs/CODEOWNERS/x", True),
    ("CODEOWNERS", "CODEOWNERS.md", False),
    ("*.pem", "deep/down/a.PEM", True),
    ("secrets/**", "secrets/a/b", True),
    (".agent.yml", ".agent.yml", True),
    (".agent.yml", "xagent.yml", False),
    ("wor\u212ad", "world/workd", True),
    ("ma\u017fk", "MASK", True),
]


@pytest.mark.parametrize(("pattern", "path", "hit"), PATHS)
def test_paths_are_protected_without_regard_to_case(pattern: str, path: str, hit: bool) -> None:
    assert protected((pattern,), ("calc.py", path)) == ([path] if hit else [])
    answer = only(f"paths: {{none: ['{pattern}']}}", files=("calc.py", path))
    assert answer.state == ("fail" if hit else "pass")
    assert (path in answer.reason) is hit


def test_a_later_pattern_can_make_an_exception() -> None:
    assert protected(("/docs/*", "!/docs/a.md"), ("docs/a.md", "docs/b.md")) == ["docs/b.md"]


def test_the_protected_paths_of_all_rules_are_known() -> None:
    loaded = policy("paths: {none: [a, b]}", "checks: {}", "paths: {none: [c]}")
    assert protected_paths(loaded) == ("a", "b", "c")


# --- whole verdicts
def test_the_worst_answer_of_a_rule_and_of_a_policy_counts() -> None:
    both = "checks: {}, paths: {none: [calc.py]}"
    assert only(both, checks=[check(state="pending")]).state == "fail"
    assert only("checks: {}, label: {name: x}").state == "pending"
    verdict = evaluate(policy("checks: {}", both), snapshot())
    assert [rule.state for rule in verdict.rules] == ["pass", "pass", "fail"]
    assert verdict.state == "blocked"


def test_a_rule_that_requires_nothing_fails() -> None:
    loaded = policy("checks: {}")
    empty = loaded.policy.rules[0].requires.model_copy(update={"checks": None})
    rules = (loaded.policy.rules[0].model_copy(update={"requires": empty}),)
    verdict = evaluate(LoadedPolicy(loaded.policy.model_copy(update={"rules": rules}), "x", "y"), snapshot())
    assert verdict.rules[1].state == "fail"
    assert verdict.state == "blocked"


def test_a_verdict_names_what_it_is_about() -> None:
    loaded = named("default")
    verdict = evaluate(loaded, snapshot())
    assert (verdict.sha, verdict.base_sha, verdict.policy) == (HEAD, BASE, loaded.digest)
    assert (verdict.state, verdict.checks, verdict.approvers) == ("approved", "success", (BOB,))


DEFAULT: list[tuple[str, dict[str, Any], str, str]] = [
    ("tests green, bob approves", {}, "approved", "approved"),
    ("tests green, alice approves", {"labels": (label(ALICE),)}, "pending", "approved"),
    ("alice approves her own commits", {"labels": (label(ALICE),), "committers": (ALICE,)}, "pending", "pending"),
    ("nobody approves", {"labels": ()}, "pending", "pending"),
    ("no tests", {"checks": ()}, "pending", "pending"),
    ("tests red", {"checks": (check(state="failure"),)}, "blocked", "blocked"),
    ("workflow touched", {"files": (".github/workflows/ci.yml",)}, "blocked", "blocked"),
    ("owners touched", {"files": ("docs/CODEOWNERS",)}, "blocked", "blocked"),
    ("closed", {"state": "closed"}, "blocked", "blocked"),
]


@pytest.mark.parametrize(("wanted", "team", "solo"), [row[1:] for row in DEFAULT], ids=[row[0] for row in DEFAULT])
def test_the_two_policies_that_come_along(wanted: dict[str, Any], team: str, solo: str) -> None:
    assert evaluate(named("default"), snapshot(**wanted)).state == team
    assert evaluate(named("solo"), snapshot(**wanted)).state == solo


# --- reading
HEAD_LINES = "version: 1\nrules:\n  - name: a\n    requires:\n"
BAD: list[tuple[str, str, str]] = [
    ("", "1:1", "a policy is a mapping"),
    ("- a", "1:1", "a policy is a mapping"),
    ("just words", "1:1", "a policy is a mapping"),
    ("version: 1", "1:1", "rules: Field required"),
    ("rules: []\nversion: 1", "1:1", "rules: Tuple should have at least 1 item"),
    ("version: 2\nrules: []", "1:1", "version: Input should be 1"),
    (HEAD_LINES.replace("1", "true") + "      checks: {}", "1:1", "version: Input should be a number"),
    (HEAD_LINES.replace("1", "'1'") + "      checks: {}", "1:1", "version: Input should be 1"),
    (HEAD_LINES + "      checks:\n        at_leats: 2", "6:9", "rules.0.requires.checks.at_leats: unknown key"),
    (HEAD_LINES + "      checks:\n        at_least: 0", "6:9", "greater than or equal to 1"),
    (HEAD_LINES + "      checks:\n        at_least: yes", "6:9", "valid integer"),
    (HEAD_LINES + "      checks:\n        at_least: '2'", "6:9", "valid integer"),
    (HEAD_LINES + "      checks:\n        at_least: true", "6:9", "valid integer"),
    (HEAD_LINES + "      checks:", "4:5", "checks is empty"),
    (HEAD_LINES + "      checks: ~\n      paths: {none: [a]}", "4:5", "checks is empty"),
    (HEAD_LINES + "      {}", "4:5", "requires checks, a label or paths"),
    (HEAD_LINES + "      label: {}", "5:7", "name: Field required"),
    (HEAD_LINES + "      label: {name: x, set_by: {role: boss}}", "5:33", "role: Input should be"),
    (HEAD_LINES + "      label: {name: x, set_by: {never: [all]}}", "5:41", "never.0: Input should be"),
    (HEAD_LINES + "      label: {name: x, set_by: {never: ~}}", "5:33", "never"),
    (HEAD_LINES + "      paths: {none: []}", "5:15", "at least 1 item"),
    (HEAD_LINES + "      paths: {none: ['# a']}", "5:22", "should match pattern"),
    (HEAD_LINES + "      paths: {none: [' a']}", "5:22", "should match pattern"),
    (HEAD_LINES + "      paths: {none: [a, '!']}", "5:25", "Invalid git pattern"),
    (HEAD_LINES + "      paths: {none: ['/']}", "5:22", "can match nothing"),
    ("version: 1\nrules:\n  - name: a\n  requires: b", "4:3", "expected"),
    ("version: 1\nversion: 1", "2:1", "duplicate key"),
    ("version: 1\n\tx: 2", "2:1", "cannot start any token"),
    ("a: 'b", "1:6", "unexpected end of stream"),
    ("x: &a 1\ny: *a", "1:4", "anchors, aliases and tags"),
    ("a: &a [*a]", "1:4", "anchors, aliases and tags"),
    ("x: !!bool maybe", "1:4", "anchors, aliases and tags"),
    ("a: " + "[" * 50, "1:23", "levels deep"),
    ("{" * 60_000, "1:21", "levels deep"),
    ("version: 1\n---\nversion: 1", "2:1", "another document"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "problem"), BAD, ids=range(len(BAD)))
def test_whatever_is_odd_is_an_error_with_its_place(text: str, place: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load(text, "p.yml")
    assert str(caught.value).startswith(f"p.yml:{place}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("text", ["a: 2020-99-99", "a: " + "1" * 5000, "a: \x00", "#" * (MAX_BYTES + 1)])
def test_what_has_no_place_is_an_error_all_the_same(text: str) -> None:
    with pytest.raises(PolicyError, match=r"^p.yml: "):
        load(text, "p.yml")


FRAGMENTS = [": ", "- ", "\n", "  ", "version: 1\n", "rules:\n", "name", "{", "}", "[", "]", "? ", "|", ">", "!!int ",
             "'", '"', "#", "~", ".nan", "2020-01-01", "0x", "1_0", "<<", "%YAML 1.1\n", "---\n", "...\n",
             "\\x", "&a ", "*a", "\t"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@example("? : : ")
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join) | st.text(max_size=30))
def test_no_text_crashes_the_reader(text: str) -> None:
    try:
        loaded = load(text, "p.yml")
    except PolicyError:
        return
    assert loaded.policy.rules


def test_a_policy_is_known_by_every_byte_of_its_text() -> None:
    text = HEAD_LINES + "      checks: {}\n"
    assert load(text, "a").digest == load(text, "b").digest
    assert load(text, "a").digest != load(text + "# more\n", "a").digest
    assert load(text, "a").source == "a"


def test_values_that_are_written_out_are_the_defaults() -> None:
    short = policy(f"label: {{name: {APPROVED}}}").policy
    parties = "[bot, requester, author, committer]"
    assert policy(f"label: {{name: {APPROVED}, set_by: {{role: write, never: {parties}}}}}").policy == short


def test_an_error_of_the_whole_file_is_placed_at_its_start() -> None:
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate_json("[1]")
    assert describe(caught.value, [1], "x") == "x:1:1: the file: Input should be an object"


# --- the schema
GOOD = ["checks: {}", "checks: {at_least: 3, ignore: [lint]}", f"label: {{name: {APPROVED}}}",
        "paths: {none: ['!a', '*']}", "label: {name: x, set_by: {role: admin, never: []}}, checks: {}"]  # fmt: skip
ILL = ["", "checks: ~", "checks: []", "checks: {at_least: 0}", "checks: {at_least: 101}", "checks: {at_least: '1'}",
       "checks: {at_least: true}", "checks: {ignore: lint}", "label: {}", "label: {name: ''}", "label: {name: 3}",
       "label: {name: x, by: y}", "label: {name: x, set_by: {role: root}}", "label: {name: x, set_by: {never: [me]}}",
       "label: {name: x, set_by: ~}", "paths: {}", "paths: {none: []}", "paths: {none: ['']}", "paths: {none: ['#x']}",
       "paths: {none: x}", "nothing: {}", "checks: {}, nothing: {}", "checks: {}, label: ~"]  # fmt: skip


def schema_says(text: str) -> bool:
    document = YAML(typ="safe").load(text)
    return jsonschema.Draft202012Validator(json.loads(schema.text())).is_valid(document)


@pytest.mark.parametrize("rule", GOOD)
def test_schema_and_reader_agree_on_what_is_good(rule: str) -> None:
    text = f"version: 1\nrules: [{{name: a, requires: {{{rule}}}}}]"
    assert load(text, "x").policy.rules
    assert schema_says(text)


@pytest.mark.parametrize(
    "text",
    [f"version: 1\nrules: [{{name: a, requires: {{{rule}}}}}]" for rule in ILL]
    + [
        "version: 2\nrules: [{name: a, requires: {checks: {}}}]",
        "version: true\nrules: [{name: a, requires: {checks: {}}}]",
    ]
    + [
        "version: 1\nrules: []",
        "version: 1",
        "rules: [{name: a, requires: {checks: {}}}]",
        "[]",
        "version: 1\nrules: [a]",
    ]
    + ["version: 1\nrules: [{name: a}]", "version: 1\nrules: [{requires: {checks: {}}}]"]
    + [
        "version: 1\nrules: [{name: '', requires: {checks: {}}}]",
        "version: 1\nx: 1\nrules: [{name: a, requires: {checks: {}}}]",
    ],
)
def test_schema_and_reader_agree_on_what_is_bad(text: str) -> None:
    with pytest.raises(PolicyError):
        load(text, "x")
    assert not schema_says(text)


def test_the_published_schema_is_up_to_date(tmp_path: Path) -> None:
    schema.write(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == schema.text()
    assert schema.FILE == POLICIES / "schema.json"
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), "run: python -m bot.policy.schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.text()))


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yml")), ids=lambda path: path.stem)
def test_every_policy_that_comes_along_is_good(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "$schema=schema.json" in text
    assert schema_says(text)
    assert named(path.stem).policy.version == 1


def test_the_example_of_the_manual_is_a_policy() -> None:
    manual = (POLICIES / "README.md").read_text(encoding="utf-8")
    examples = [part.split("```")[0] for part in manual.split("```yaml\n")[1:]]
    policies = [text for text in examples if text.startswith("version:")]
    assert policies
    assert [load(text, "README.md").policy.version for text in policies] == [1] * len(policies)


# --- which policy is in force
class Files:
    """A forge that holds one file at one commit."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def file(self, repo: Repo, path: str, sha: str) -> str | None:
        assert (repo, path, sha) == (REPO, ".agent.yml", BASE)
        return self.text


def in_force(text: str | None) -> str:
    """The name of the policy in force for a repository whose `.agent.yml` holds this text."""
    deps = Broker(
        ledger=None,  # type: ignore[arg-type]
        jobs=None,  # type: ignore[arg-type]
        artifacts=None,  # type: ignore[arg-type]
        git=None,  # type: ignore[arg-type]
        forges={"github": Files(text)},  # type: ignore[dict-item]
        time=None,  # type: ignore[arg-type]
        policies=named,
        policy_name="default",
        author=("a", "b"),
    )
    return policy_of(deps, REPO, BASE).source


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, "default"),
        ("policy: solo", "solo"),
        ("policy: default", "default"),
        ("$schema: x\n", "default"),
        ("{}", "default"),
    ],
)
def test_the_file_of_the_target_branch_names_the_policy(text: str | None, name: str) -> None:
    assert in_force(text) == name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"^.agent.yml:1:1: the file is a mapping"),
        ("solo", r"^.agent.yml:1:1: the file is a mapping"),
        ("policy: [solo]", "policy names one"),
        ("policy: ~", "policy names one"),
        ("policies: solo", "unknown key 'policies'"),
        ("policy: solo\n2: 3", "unknown key '2'"),
        ("policy: 'solo", r"^.agent.yml:1:14: "),
    ],
)
def test_a_file_that_is_not_in_order_shuts_the_gate(text: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        in_force(text)
