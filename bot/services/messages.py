"""All the words that the bot says, as pure functions of values.

Text that people or programs wrote goes through `bot.services.quoting`, so that it can form no image, link, mention,
HTML, closing keyword or command. That is all text but our own words and numbers: names of checks and paths, titles of
tasks and the evidence of the agent zone included.
"""

import re

from bot.domain.change import GateReport, Subject
from bot.domain.commands import VERBS, Unknown
from bot.domain.facts import Judged, TaskDone
from bot.domain.run import Run
from bot.services.quoting import block, code, plain

HELP = {
    "fix": "do the work for this issue and open a change",
    "plan": "make a plan and wait for `/agent approve`",
    "approve": "approve the waiting plan (`/agent approve DIGEST`)",
    "revise": "put one more commit on the open change (`/agent revise WHAT TO CHANGE`)",
    "stop": "stop the run of this issue",
    "retry": "try a stopped or failed run again",
    "why": "tell what happened and what it waits for",
    "explain": "say what the gate's rules ask for (`/agent explain RULE` for one of them)",
    "budget": "say what the run has used, and how much more it may",
    "help": "list the commands",
}
FOOTER = "`/agent why` · `/agent stop` · `/agent help`"
MARKS = {"pass": "✅ pass", "pending": "⏳ waiting", "fail": "❌ fail"}
MAX_TITLE = 72
MAX_RULES = 40
MAX_LOST = 3
MAX_EVIDENCE = 20


def status(run: Run) -> str:
    """The one status comment: state and next action, checklist, folded details, footer."""
    parts = [headline(run), "", *checklist(run)]
    details = _details(run)
    if details:
        parts += ["", "<details><summary>Details</summary>", "", *details, "", "</details>"]
    # While tasks run, every call would change the cost and so edit the comment.
    used = "" if run.state == "working" else f"{cost(run)} · "
    parts += ["", f"{run.id} · {used}{FOOTER}"]
    return "\n".join(parts)


def headline(run: Run) -> str:
    """Line one: where it stands, and what a human can do now."""
    if run.merged is not None and not run.merged.landed:
        what, sha = code(run.merged.detail), run.merged.merged_sha[:12]
        return f"**Look at this: what landed as {sha} is not what was approved:** {what}. If in doubt, revert it."
    match run.state:
        case "done" if run.intent.kind == "revise":
            return f"**Revised.** {_pushed(run)}. The gate looks at it anew; an earlier approval does not count for it."
        case "done":
            assert run.merged is not None
            return f"**Done.** Merged as {run.merged.merged_sha[:12]}; the issue is closed. Nothing left to do."
        case "merged":
            return "**Merged.** Closing the issue."
        case "failed":
            assert run.failed is not None
            if run.merged is not None:
                return f"**Merged,** but the issue could not be closed: {code(run.failed.reason)}. Close it by hand."
            return f"**Not solved.** {code(run.failed.reason)}. Next: {_advice(run)}"
        case "stopped":
            assert run.stopped is not None
            then = "The change stays as it was." if run.intent.kind == "revise" else "Comment `/agent retry` to go on."
            return f"**Stopped** by {code(run.stopped.by)}. {then}"
        case "closed":
            assert run.change_closed is not None
            what = "merged without the gate" if run.change_closed.merged else "closed"
            mark = _mark(run, run.change_closed.number)
            return f"**Ended.** Change {mark} was {what} on the forge. `/agent retry` begins anew."
        case "planned":
            assert run.planned is not None
            return f"**Plan ready.** Comment `/agent approve {run.planned.digest[:12]}` to carry it out."
        case "waiting" | "merging":
            return _gate_headline(run)
        case "publishing" if run.intent.kind == "revise":
            return "**Fix found.** Pushing it."
        case "publishing":
            return "**Fix found.** Opening the change."
        case "working":
            return "**Working on it** in the sandbox. Nothing for you to do yet."
        case _:
            return "**Planning.** Nothing for you to do yet."


def _mark(run: Run, change: int) -> str:
    return Subject(run.intent.repo, "change", change).mark


def _pushed(run: Run) -> str:
    assert run.published is not None
    return f"{run.published.head_sha[:12]} is on {_mark(run, run.published.number)}"


def _advice(run: Run) -> str:
    assert run.failed is not None
    if run.intent.kind == "revise":
        return "the change stays as it was; comment `/agent revise WHAT TO CHANGE` again, or change it by hand."
    match run.failed.code:
        case "nothing_failing":
            return "add a failing test that shows the problem, then comment `/agent retry`."
        case "patch_refused":
            return "make this change by hand, or ask for one that leaves these paths alone and comment `/agent retry`."
        case "hang":
            return "mend what hangs, then comment `/agent retry`."
        case "timeout":
            return "give tasks more time with `JOURNEYMAN_TASK_SECONDS`, then comment `/agent retry`."
        case _:
            return "see the details, then comment `/agent retry`."


def _gate_headline(run: Run) -> str:
    assert run.published is not None
    mark = _mark(run, run.published.number)
    if run.merge_refused is not None:
        reason = code(run.merge_refused.reason)
        return f"**The forge did not merge {mark}:** {reason}. Mend it; `/agent retry` looks again."
    if run.judged is None:
        return f"**Change {mark} is open.** Waiting for its checks."
    if run.judged.state == "approved":
        return f"**Permitted.** Merging {mark} at {run.judged.sha[:12]}."
    word = "Blocked" if run.judged.state == "blocked" else "Waiting"
    first = next((row for row in run.judged.rules if row[1] == "fail"), None) or next(
        (row for row in run.judged.rules if row[1] == "pending"), ("", "", "the gate")
    )
    return f"**{word}: change {mark}** — {code(first[0])}: {code(first[2])}."


def checklist(run: Run) -> list[str]:
    """The steps of the plan as a checklist."""
    planned, solution, published, judged = run.planned, run.solution, run.published, run.judged
    rows = [_tick(planned is not None, f"Plan {code(planned.digest[:12])}" if planned is not None else "Plan")]
    if run.intent.mode == "approval":
        who = f" by {code(run.plan_approval.by)}" if run.plan_approval is not None else ""
        rows.append(_tick(run.plan_is_approved, f"Plan approved{who}"))
    if solution is not None:
        before, after = _proof(solution, "test_before"), _proof(solution, "test_after")
        rows.append(_tick(True, f"Fix found: tests {before} before, {after} after"))
    else:
        rows.append(_tick(False, "Fix found"))
    if run.intent.kind == "revise":
        return [*rows, _tick(published is not None, _pushed(run) if published is not None else "Pushed")]
    opened = f"Change {_mark(run, published.number)} opened" if published is not None else "Change opened"
    rows.append(_tick(published is not None, opened))
    current = judged is not None and judged.sha == run.head
    rows.append(_tick(current and judged is not None and judged.checks == "success", "Checks green"))
    approvers = ", ".join(code(who) for who in judged.approvers) if judged is not None and current else ""
    rows.append(_tick(bool(approvers), f"Approved by {approvers}" if approvers else "Approved by a human"))
    rows.append(_tick(run.merged is not None, "Merged"))
    return rows


def _tick(done: bool, text: str) -> str:
    return f"- [{'x' if done else ' '}] {text}"


def _details(run: Run) -> list[str]:
    rows: list[str] = []
    if run.planned is not None:
        rows += [f"- {code(task.title)} (at most {task.seconds:.0f} s)" for task in run.planned.plan.graph.tasks]
    for lost in list(run.lost.values())[-MAX_LOST:]:
        rows += ["", f"{code(lost.task)} brought nothing:", block(lost.reason)]
    if run.judged is not None:
        rows += ["", *verdict_table(run.judged)]
    return rows


def cost(run: Run) -> str:
    """What the run has used of models, in one line."""
    if not run.used:
        return "no model used"
    tokens = sum(use.input_tokens + use.output_tokens for use in run.used)
    costs = [use.cost for use in run.used]
    known = [cost for cost in costs if cost is not None]
    money = f"${sum(known):.2f}" if len(known) == len(costs) else "cost unknown"
    return f"{len(run.used)} model calls, {tokens} tokens, {money}"


def verdict_table(judged: Judged, limit: int = MAX_RULES) -> list[str]:
    """The verdict as a table: rule, state, why; past `limit` rules those that hold are left out first."""
    rules = list(judged.rules)
    if len(rules) > limit:
        rules = sorted(rules, key=lambda rule: (rule[1] != "fail", rule[1] == "pass"))[:limit]
    rows = ["| rule | state | why |", "|---|---|---|"]
    for name, state, reason in rules:
        rows.append(f"| {code(name, 100)} | {MARKS.get(state, state)} | {code(reason, 300)} |")
    left = len(judged.rules) - len(rules)
    return [*rows, f"| … | | {left} more rules |"] if left else rows


def gate(judged: Judged) -> GateReport:
    """The check `journeyman/gate` on one head."""
    states = {"approved": "success", "pending": "pending", "blocked": "failure"}
    waiting = [row for row in judged.rules if row[1] != "pass"]
    title = "Permitted" if not waiting else f"{waiting[0][0]}: {waiting[0][2]}"
    lines = [*verdict_table(judged), "", _by_policy(judged)]
    state = states[judged.state]
    assert state in {"success", "pending", "failure"}
    return GateReport(state, plain(title, 120), "\n".join(lines))  # type: ignore[arg-type]


def _by_policy(judged: Judged) -> str:
    if not judged.policy:
        return "No policy was asked: the gate stays shut without one."
    return f"Policy {code(judged.source or 'unnamed')}, digest {code(judged.policy[:12])}."


def change_title(run: Run) -> str:
    """The title of the change: the issue's title as one plain line; of a revision, what was asked for."""
    if run.intent.kind == "revise":
        return f"Revise: {plain(run.intent.text.partition(chr(10))[0], MAX_TITLE).strip() or 'as asked for'}"
    return f"Fix: {plain(run.intent.title, MAX_TITLE).strip() or 'the reported problem'}"


def change_body(run: Run, files: list[str], added: int, removed: int, mail: str) -> str:
    """The body of the change: why, what, proof, risk and rollback; `mail` is the requester's address."""
    solution = run.solution
    assert solution is not None
    assert run.planned is not None
    evidence = solution.evidence
    before, after = _proof(solution, "test_before"), _proof(solution, "test_after")
    command, seconds = code(str(evidence.get("command", "pytest"))), _proof(solution, "seconds")
    shown = ", ".join(code(path) for path in files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    lines = [
        f"**Why:** #{run.intent.issue}, asked by {code(run.intent.requester)}.",
        "",
        f"**What:** {shown}: +{added} −{removed} lines.",
        "",
        f"**Proof:** tests {before} before and {after} after:",
        f"{command}, {seconds} s, in a sandbox with no network.",
        *_still_failing(evidence),
        "",
        "**Risk and rollback:** nothing but these files changes; revert the merged commit to undo it.",
        "",
        "<details><summary>How it was found</summary>",
        "",
        *[f"- {code(key, 40)}: {code(str(value))}" for key, value in sorted(evidence.items())[:MAX_EVIDENCE]],
        f"- plan: {code(run.planned.digest)}",
        "",
        "</details>",
        "",
        *trailers(run, mail),
    ]
    return "\n".join(lines)


def _still_failing(evidence: dict[str, str | int | float]) -> list[str]:
    tests, count = evidence.get("still_failing"), evidence.get("still_failing_count")
    if not tests or not isinstance(count, int):
        return []
    who, still, end = ("test", "still fails", "it passes") if count == 1 else ("tests", "still fail", "they pass")
    return [f"{count} other {who} failed before and {still}: {code(str(tests), 400)}; the gate waits until {end}."]


def _proof(solution: TaskDone, key: str) -> str:
    """Show one piece of evidence: a number or one of our own words as it is, anything else quoted."""
    value = solution.evidence.get(key, "unknown")
    known = isinstance(value, int | float) or value in {"passed", "failed", "unknown"}
    return str(value) if known else code(str(value))


def trailers(run: Run, mail: str, approved_by: tuple[str, ...] = ()) -> list[str]:
    """The git trailers that bind a commit to its run, plan, approvers and requester, whose address `mail` is."""
    assert run.planned is not None
    rows = [f"Agent-Run: {run.id}", f"Agent-Plan: {run.planned.digest}"]
    rows += [f"Approved-By: {_login(who)}" for who in approved_by]
    return [*rows, f"Co-authored-by: {_login(run.intent.requester)} <{_address(mail)}>"]


def _login(login: str) -> str:
    """Return a login as a trailer takes it: it can neither begin a line nor end an address."""
    return re.sub(r"[^\w.\[\]-]", "", login, flags=re.ASCII)[:100]


def _address(mail: str) -> str:
    return re.sub(r"[^\w.@+\[\]-]", "", mail, flags=re.ASCII)[:200]


def commit_message(run: Run, mail: str) -> str:
    """The message of the bot's commit; `mail` is the requester's address."""
    return "\n".join([change_title(run), "", f"For #{run.intent.issue}.", "", *trailers(run, mail), ""])


def chat(run: Run) -> str:
    """The chat message of a run: one text, updated in place."""
    ticks = "\n".join(row.replace("- [x]", "•  done:").replace("- [ ]", "•  open:") for row in checklist(run))
    return f"{run.intent.repo.name}#{run.intent.issue}: {headline(run)}\n{ticks}\n{run.id}".replace("**", "*")


def help_text() -> str:
    """The answer to `/agent help`."""
    rows = [f"- `/agent {verb}`: {HELP[verb]}" for verb in VERBS]
    return "\n".join(["A command stands alone at the start of a comment:", "", *rows])


def unknown(command: Unknown) -> str:
    """The answer to a command that does not exist."""
    guess = f"Did you mean `/agent {command.nearest}`? " if command.nearest else ""
    return f"There is no command {code(command.word, 40)}. {guess}`/agent help` lists all."


def not_allowed(login: str, role: str, verb: str) -> str:
    """The answer to somebody who may not."""
    return (
        f"{code(login)} has {role} access here; `/agent {verb}` takes write access. "
        "Anybody with write, maintain or admin access can give the command."
    )


def already(run: Run) -> str:
    """The answer to a second request while a run works on the issue."""
    return f"{run.id} already works on this issue. {headline(run)}"


def no_run(verb: str) -> str:
    """The answer to a command that needs a run where there is none."""
    return f"No run works on this, so there is nothing to {verb}. `/agent fix` on an issue begins one."


def no_policy(problem: str) -> str:
    """The answer to a question about rules that cannot be read."""
    return (
        f"The policy cannot be read, so the gate stays shut: {code(problem, 400)}. Mend the file on the target branch."
    )


def revise_what() -> str:
    """The answer to a revision that does not say what is wanted."""
    return "Say what to change: `/agent revise WHAT TO CHANGE`, with more on the lines below it if need be."


def nothing_to_revise() -> str:
    """The answer to a revision where no change of ours is open."""
    return "No change of mine is open here, so there is nothing to revise. `/agent fix` on an issue opens one."


def overtaken(verb: str, by: str) -> str:
    """The answer to a command that came in after a later one had been obeyed, and would undo it."""
    return (
        f"`/agent {verb}` came in late: `/agent {by}`, written after it, was obeyed before, so this one was not. "
        "Comment again if you still want it."
    )
