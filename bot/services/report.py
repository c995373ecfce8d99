"""Bring the people's views up to date: the one status comment and the one chat message of a run."""

from hashlib import sha256

from bot.domain.errors import ForgeError, Unavailable
from bot.domain.facts import REFUSED, Reported
from bot.domain.run import Run
from bot.ports import Posted
from bot.services import messages
from bot.services.books import Effect, Performer, RunBook
from bot.services.deps import Broker


def report(deps: Broker, book: RunBook, performer: Performer) -> None:
    """Say what changed, if anything. A surface that refuses is noted and does not hold up the run."""
    _comment(deps, book, performer)
    if deps.chat is not None:
        _chat(deps, book, performer)


def _comment(deps: Broker, book: RunBook, performer: Performer) -> None:
    run = book.run
    text = messages.status(run)
    digest = _digest(text)
    if _known(book, "comment") == digest:
        return
    subject = run.intent.subject
    effect = Effect(run.report_key("comment"), "comment", str(subject))
    try:
        ref = performer.perform(book, effect, lambda: deps.forge(subject.repo).ensure_comment(subject, run.id, text))
    except Unavailable:
        raise
    except ForgeError:
        ref = REFUSED
    book.record(Reported("comment", digest, ref))


def _chat(deps: Broker, book: RunBook, performer: Performer) -> None:
    chat, run = deps.chat, book.run
    assert chat is not None
    text = messages.chat(run)
    digest = _digest(text)
    if _known(book, "slack") == digest:
        return
    before = run.reported.get("slack")
    known = _posted(before.ref) if before is not None else None
    since = run.began if _unsure(run) else None
    effect = Effect(run.report_key("slack"), "chat", run.id)
    try:
        ref = performer.perform(book, effect, lambda: _ref(chat.post(text, run=run.id, known=known, since=since)))
    except ForgeError:
        # Chat is a courtesy: neither an outage nor a refusal of it may hold up a run.
        ref = before.ref if before is not None else ""
    book.record(Reported("slack", digest, ref))


def _unsure(run: Run) -> bool:
    """Tell whether an attempt to say something may have left a message that we do not know of.

    The answer was lost, or we died before it was written down. A refusal counts as well: it may be the answer to the
    second of two attempts, and does not tell how the first one ended.
    """
    said = [outcome for key, outcome in run.effects.items() if key.startswith("report:slack:")]
    return any(not outcome.startswith("done ") for outcome in said)


def _known(book: RunBook, surface: str) -> str:
    known = book.run.reported.get(surface)
    return known.digest if known is not None else ""


def _digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


def _ref(posted: Posted) -> str:
    return f"{posted.channel} {posted.timestamp}"


def _posted(ref: str) -> Posted | None:
    channel, _, timestamp = ref.partition(" ")
    return Posted(channel, timestamp) if timestamp else None
