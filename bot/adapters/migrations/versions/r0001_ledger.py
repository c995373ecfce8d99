"""The ledger, its checkpoints, the inbox, the runs, the jobs and the stores of bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False)


def _signed() -> tuple[sa.Column[str], ...]:
    return _text("zone"), _text("key"), _text("signature")


def _ledger() -> None:
    op.create_table(
        "envelopes",
        sa.Column("stream", _NAME, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        _text("id"),
        _text("cause"),
        sa.Column("wall", sa.BigInteger, nullable=False),
        sa.Column("counter", sa.Integer, nullable=False),
        _text("zone"),
        _text("kind"),
        _text("body"),
        _text("previous"),
        _text("hash"),
        _text("key"),
        _text("signature"),
        sa.UniqueConstraint("id", name="envelopes_id"),
    )
    op.create_table(
        "heads",
        sa.Column("stream", _NAME, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        _text("hash"),
        sa.Column("wall", sa.BigInteger, nullable=False),
        sa.Column("counter", sa.Integer, nullable=False),
        *_signed(),
    )
    register = op.create_table(
        "register",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("streams", sa.Integer, nullable=False),
        _text("mark"),
        *_signed(),
    )
    op.bulk_insert(register, [{"id": 1, "streams": 0, "mark": "0" * 64, "zone": "", "key": "", "signature": ""}])


def _intake_and_runs() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", _NAME, primary_key=True),
        _text("forge"),
        _text("name"),
        _text("digest"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received", sa.Double, nullable=False),
        sa.UniqueConstraint("forge", "name", "digest", name="inbox_content"),
    )
    op.create_table(
        "runs",
        _text("run", key=True),
        _text("repo"),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("change", sa.Integer),
        _text("head"),
        _text("state"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
    )
    op.create_index("runs_issue", "runs", ["repo", "issue"])
    op.create_index("runs_head", "runs", ["repo", "head"])
    op.create_index("runs_change", "runs", ["repo", "change"])
    op.create_index("runs_updated", "runs", ["updated"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        _text("name", key=True),
        _text("key", key=True),
        _text("state"),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("sent", sa.Double),
        sa.Column("until", sa.Double),
        sa.Column("again", sa.Double),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("silent", sa.Integer, nullable=False),
        sa.Column("dying", sa.Integer, nullable=False),
        _text("reason"),
        sa.Column("lane", sa.Text),
        sa.Column("place", sa.BigInteger),
    )
    op.create_index("jobs_due", "jobs", ["state", "due"])
    op.create_index("jobs_lane", "jobs", ["lane", "place"])


def _stores() -> None:
    op.create_table(
        "artifacts",
        _text("digest", key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "memo",
        _text("scope", key=True),
        _text("key", key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )


def upgrade() -> None:
    """Create everything."""
    _ledger()
    _intake_and_runs()
    _jobs()
    _stores()
