"""The tables. `migrations/` builds them; a test holds the two together.

`envelopes` is append-only and is the truth; `heads` and `register` are signed checkpoints against a cut tail; `runs` is
a read model; `jobs` is what is still to be done; `inbox`, `artifacts` and `memo` are stores of bytes.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# PostgreSQL would otherwise sort names by the locale of its machine, and an export would not be the same everywhere.
Name = Text().with_variant(Text(collation="C"), "postgresql")

envelopes = Table(
    "envelopes",
    metadata,
    Column("stream", Name, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("wall", BigInteger, nullable=False),
    Column("counter", Integer, nullable=False),
    Column("zone", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),
    UniqueConstraint("id", name="envelopes_id"),
)

heads = Table(
    "heads",
    metadata,
    Column("stream", Name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("wall", BigInteger, nullable=False),
    Column("counter", Integer, nullable=False),
    Column("zone", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

register = Table(
    "register",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("streams", Integer, nullable=False),
    Column("mark", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Name, primary_key=True),
    Column("forge", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received", Double, nullable=False),
    UniqueConstraint("forge", "name", "digest", name="inbox_content"),
)

runs = Table(
    "runs",
    metadata,
    Column("run", Text, primary_key=True),
    Column("repo", Text, nullable=False),
    Column("issue", Integer, nullable=False),
    Column("change", Integer),
    Column("head", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated", Double, nullable=False),
    Index("runs_issue", "repo", "issue"),
    Index("runs_change", "repo", "change"),
    Index("runs_head", "repo", "head"),
    Index("runs_updated", "updated"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("due", Double, nullable=False),
    Column("sent", Double),
    Column("until", Double),
    Column("again", Double),
    Column("fence", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("silent", Integer, nullable=False),
    Column("dying", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("lane", Text),
    Column("place", BigInteger),
    Index("jobs_due", "state", "due"),
    Index("jobs_lane", "lane", "place"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

memo = Table(
    "memo",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
