"""What the bot says in the situations of a run, as files to be read and reviewed: tests/unit/snapshots/*.md.

`python -m tests.snapshots` writes them anew; the tests compare them byte by byte.
"""

from pathlib import Path

from bot.domain import facts as f
from bot.domain.commands import Unknown
from bot.policy.load import load as load_policy
from bot.services import answers, messages
from bot.services.explain import why
from tests.builders import (
    HEAD,
    OTHER,
    STORY,
    done,
    envelopes,
    intent,
    judged,
    merged,
    plan,
    planned,
    run_of,
    task,
)

FOLDER = Path(__file__).parent / "unit" / "snapshots"
POLICY = Path(__file__).parents[1] / "policies" / "default.yml"

FAILED = f.TaskFailed("repair", 1, "no_patch", "tried 120 candidates in 58 s;\nnone made test_add pass")
USED = f.ModelUsed("repair", "openai", "small", 1200, 300, 0.02)
FREE = f.ModelUsed("repair", "local", "small", 100, 50, None)
BLOCKED = judged(
    "blocked",
    checks="failure",
    rules=(
        ("the change can be merged", "pass", "open, and without conflicts"),
        ("tests are green", "fail", "failed: tests; push a fix, or run the checks again"),
        ("approved by a human", "pending", '"approved-by-human" is not set; somebody with write access sets it'),
    ),
)
WAITING = judged(
    "pending", rules=(*BLOCKED.rules[:1], ("tests are green", "pass", "succeeded: tests"), *BLOCKED.rules[2:])
)
PLANNED = run_of(*STORY.planned, mode="approval")
FACTS: dict[str, list[f.Fact]] = {
    "planning": [],
    "working": [*STORY.planned, USED],
    "publishing": [*STORY.solved, USED, FREE],
    "opened": STORY.opened,
    "waiting": [*STORY.opened, WAITING],
    "blocked": [*STORY.opened, BLOCKED],
    "permitted": [*STORY.opened, judged()],
    "moved": [*STORY.opened, judged(), f.HeadSeen(OTHER, ("1",))],
    "not-merged": [*STORY.opened, judged(), f.MergeRefused(HEAD, "the base branch was modified")],
    "merged": STORY.merged,
    "done": [*STORY.merged, f.IssueClosed(7)],
    "landed-otherwise": [*STORY.opened, judged(), merged(landed=False, detail="calc.py differs"), f.IssueClosed(7)],
    "not-closed": [*STORY.merged, f.Failed("forge", "the forge refused: the issue is locked")],
    "stopped": [*STORY.planned, f.Stopped("bob")],
    "closed": [*STORY.opened, WAITING, f.ChangeClosed(8, "bob", False)],
    "merged-by-hand": [*STORY.opened, WAITING, f.ChangeClosed(8, "bob", True)],
    "failed": [*STORY.planned, FAILED, f.Failed("no_patch", "nothing helped")],
    "nothing-failing": [*STORY.planned, f.Failed("nothing_failing", "all 12 tests pass")],
    "patch-refused": [
        *STORY.solved,
        f.PatchRefused("repair", ".github/ci.yml is protected: a person must change it"),
        f.Failed("patch_refused", ".github/ci.yml is protected: a person must change it"),
    ],
    "hang": [*STORY.planned, f.Failed("hang", "test_loop did not end within 60 s")],
    "handed-on": [
        STORY.stored,
        f.PlanDrafted(plan(task(), task("agent", instead_of="repair"))),
        planned(task(), task("agent", instead_of="repair")),
        FAILED,
        done("agent", tests=12),
    ],
}

MAIL = "alice@users.noreply.github.com"


def said() -> dict[str, str]:
    """Everything that the bot says, by the name of its file."""
    texts = {f"status-{name}": messages.status(run_of(*facts)) for name, facts in FACTS.items()}
    texts["status-planned"] = messages.status(PLANNED)
    approved = f.PlanApproved(plan().digest, "bob", "write")
    texts["status-plan-approved"] = messages.status(run_of(*STORY.planned, approved, mode="approval"))
    solved = run_of(*STORY.solved)
    texts["change-body"] = messages.change_body(solved, ["calc.py"], 1, 1, MAIL)
    texts["change-body-many-files"] = messages.change_body(
        solved, [f"f{number}.py" for number in range(9)], 90, 12, MAIL
    )
    partly = done(still_failing="test_net.py::test_get, test_net.py::test_put", still_failing_count=2)
    texts["change-body-still-failing"] = messages.change_body(run_of(*STORY.planned, partly), ["calc.py"], 1, 1, MAIL)
    revised = {
        "kind": "revise",
        "change": 8,
        "base": "agent/issue-7-x",
        "target": "main",
        "text": "call it `total` @bob",
    }
    for name in ("planning", "working", "publishing", "opened", "failed", "stopped"):
        texts[f"revise-{name}"] = messages.status(run_of(*FACTS[name], **revised))
    texts["revise-commit-message"] = messages.commit_message(run_of(*STORY.solved, **revised), MAIL)
    texts["revise-why"] = why(
        run_of(*STORY.opened, **revised), envelopes([f.Requested(intent(**revised)), *STORY.opened])
    )
    texts["revise-what"] = messages.revise_what()
    texts["revise-nothing"] = messages.nothing_to_revise()
    texts["commit-message"] = messages.commit_message(solved, MAIL)
    texts["trailers-approved"] = "\n".join(messages.trailers(solved, MAIL, ("bob", "carol")))
    for name, verdict in {"permitted": judged(), "waiting": WAITING, "blocked": BLOCKED}.items():
        report = messages.gate(verdict)
        texts[f"gate-{name}"] = f"{report.state}\n{report.title}\n\n{report.summary}"
    texts["chat-waiting"] = messages.chat(run_of(*FACTS["waiting"]))
    texts["chat-done"] = messages.chat(run_of(*FACTS["done"]))
    texts["help"] = messages.help_text()
    texts["unknown"] = messages.unknown(Unknown("fixx", "fix"))
    texts["unknown-far"] = messages.unknown(Unknown("frobnicate"))
    texts["not-allowed"] = messages.not_allowed("mallory", "read", "fix")
    texts["already"] = messages.already(PLANNED)
    texts["no-run"] = messages.no_run("stop")
    texts["overtaken"] = messages.overtaken("fix", "stop")
    policy, verdict = load_policy(POLICY.read_text(encoding="utf-8"), "default"), run_of(*FACTS["blocked"]).judged
    texts["explain"] = answers.rules(policy, None)
    texts["explain-judged"] = answers.rules(policy, verdict)
    texts["explain-rule"] = answers.rule("Approved by a human", policy, verdict)
    texts["explain-rule-not-judged"] = answers.rule("no protected path is touched", policy, None)
    texts["explain-no-such-rule"] = answers.rule("tests green", policy, verdict)
    texts["explain-no-policy"] = messages.no_policy(".agent.yml:3:1: this key is there twice")
    texts["budget"] = answers.budget(run_of(*FACTS["working"]), 2, 50, 3)
    texts["budget-unknown-cost"] = answers.budget(run_of(*FACTS["publishing"]), 1, 50, 3)
    texts["budget-no-model"] = answers.budget(run_of(*FACTS["opened"]), 1, 50, 3)
    texts["why-done"] = why(run_of(*FACTS["done"]), envelopes([f.Requested(intent()), *FACTS["done"]]))
    texts["why-failed"] = why(run_of(*FACTS["failed"]), envelopes([f.Requested(intent()), *FACTS["failed"]]))
    return texts


def write(folder: Path = FOLDER) -> None:
    """Write every snapshot anew, and take away those that nothing says any more."""
    folder.mkdir(exist_ok=True)
    texts = said()
    for old in folder.glob("*.md"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
