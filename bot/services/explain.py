"""The story of a run, told from its facts alone: `/agent why` and `journeyman runs show`."""

from datetime import UTC, datetime

from bot.domain import facts as f
from bot.domain.change import Subject
from bot.domain.envelope import Envelope
from bot.domain.intent import Intent
from bot.domain.run import Run
from bot.services.messages import headline, verdict_table
from bot.services.quoting import code

HIDDEN = (f.EffectDone, f.Reported, f.Woken)
MAX_ROWS = 25
MAX_RULES = 20


def why(run: Run, envelopes: list[Envelope]) -> str:
    """Say where the run stands and how it came there."""
    rows = story(envelopes)
    cut = rows if len(rows) <= MAX_ROWS else [*rows[:5], f"- … {len(rows) - 20} more …", *rows[-15:]]
    parts = [headline(run), "", *cut]
    if run.judged is not None:
        parts += ["", *verdict_table(run.judged, MAX_RULES)]
    return "\n".join(parts)


def story(envelopes: list[Envelope]) -> list[str]:
    """Return one line for each fact that people care for, with its time and who signed it."""
    rows: list[str] = []
    intent: Intent | None = None
    for envelope in envelopes:
        fact = f.decode(envelope.kind, envelope.body)
        if isinstance(fact, HIDDEN):
            continue
        if isinstance(fact, f.Requested):
            intent = fact.intent
        moment = datetime.fromtimestamp(envelope.clock.wall / 1000, UTC).strftime("%H:%M:%S")
        rows.append(f"- {moment} {tell(fact, intent)} ({envelope.zone})")
    return rows


def tell(fact: f.Fact, intent: Intent | None = None) -> str:
    """Tell one fact in a few words; `intent` is that of its run."""
    match fact:
        case f.Requested(asked):
            what = "a fix" if asked.kind == "fix" else "a revision"
            return f"{code(asked.requester)} asked for {what} of {asked.subject.mark}"
        case f.SourceStored(sha):
            return f"base commit {sha[:12]} stored for the agent"
        case f.PlanDrafted(plan):
            return f"plan drafted: {code(', '.join(task.title for task in plan.graph.tasks))}"
        case f.Planned(digest):
            return f"plan {digest[:12]} frozen"
        case f.PlanApproved(digest, by, role):
            return f"plan {digest[:12]} approved by {code(by)} ({code(role)})"
        case f.TaskStarted(task, attempt):
            return f"{code(task)}: attempt {attempt} began"
        case f.TaskDone(task):
            return f"{code(task)}: patch found and proven"
        case f.TaskFailed(task, _, why_code, reason):
            return f"{code(task)}: {code(why_code)}: {code(reason)}"
        case f.PatchRefused(task, reason):
            return f"{code(task)}: patch refused: {code(reason)}"
        case f.ToolRefused(task, tool, reason):
            return f"{code(task)}: tool {code(tool)} refused: {code(reason)}"
        case f.ModelUsed(task, vendor, model):
            return f"{code(task)}: asked {code(f'{vendor}/{model}')}"
        case f.EffectIntended(_, kind, target):
            return f"will {kind}: {code(target)}"
        case f.EffectFailed(key, reason):
            return f"{code(key)} failed: {code(reason)}"
        case f.Published(number, _, _, head) if intent is not None and intent.kind == "revise":
            return f"{head[:12]} pushed to change {_mark(intent, number)}"
        case f.Published(number, branch, _, head):
            return f"change {_mark(intent, number)} opened from {code(branch)} at {head[:12]}"
        case f.HeadSeen(sha):
            return f"the change moved on to {sha[:12]}"
        case f.Judged(sha, _, _, state):
            return f"{sha[:12]} judged: {state}"
        case f.Merged(_, merged, landed):
            return f"merged as {merged[:12]}, {'exactly what was approved' if landed else 'NOT what was approved'}"
        case f.MergeRefused(_, reason):
            return f"the forge did not merge: {code(reason)}"
        case f.IssueClosed(number):
            return f"issue #{number} closed"
        case f.ChangeClosed(number, by, merged):
            return f"change {_mark(intent, number)} {'merged' if merged else 'closed'} by {code(by or 'somebody')}"
        case f.Stopped(by):
            return f"stopped by {code(by)}"
        case f.Retried(by):
            return f"retry asked by {code(by)}"
        case f.Failed(why_code, reason):
            return f"ended: {code(why_code)}: {code(reason)}"
        case f.Received(delivery, name):
            return f"delivery {code(delivery)} ({code(name)})"
        case f.Handled(_, outcome, reason):
            return f"{outcome}: {code(reason)}"
        case f.EffectDone(key) | f.Reported(_, key):
            return f"{code(key)} done"
        case f.Woken(cause):
            return f"woken by {code(cause)}"


def _mark(intent: Intent | None, change: int) -> str:
    return Subject(intent.repo, "change", change).mark if intent is not None else f"#{change}"
