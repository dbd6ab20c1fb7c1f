"""Cases of throughput; attempts tell their start-up, copies, clock and batches apart."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

IDENTITY = ("device", "model", "scheme", "runtime", "threads", "batch")
DURATIONS = ("import_ns", "context_ns", "span_ns", "feed_ns", "read_ns", "clock_ns", "loop_ns")


def upgrade() -> None:
    for name in DURATIONS:
        op.add_column("attempts", sa.Column(name, sa.BigInteger()))
    op.add_column(
        "attempts", sa.Column("invocations_per_sample", sa.Integer(), nullable=False, server_default=sa.text("1"))
    )
    op.add_column("attempts", sa.Column("unloadable", sa.Boolean(), nullable=False, server_default=sa.false()))
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_cases("0", (*IDENTITY, "interpreters"))
    else:
        op.add_column("cases", sa.Column("interpreters", sa.Integer(), nullable=False, server_default=sa.text("0")))
        op.alter_column("cases", "interpreters", server_default=None)
        op.drop_constraint("one_case", "cases", type_="unique")
        op.create_unique_constraint("one_case", "cases", [*IDENTITY, "interpreters"])


def downgrade() -> None:
    # Fails where there are cases of throughput beside those of latency: it can't keep both.
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_cases(None, IDENTITY)
    else:
        op.drop_constraint("one_case", "cases", type_="unique")
        op.drop_column("cases", "interpreters")
        op.create_unique_constraint("one_case", "cases", [*IDENTITY])
    for name in ("unloadable", "invocations_per_sample", *DURATIONS):
        op.drop_column("attempts", name)


def _rebuild_cases(interpreters: str | None, identity: tuple[str, ...]) -> None:
    """Make the table anew, because SQLite can't drop a constraint of one, and put its rows back before it looks.

    Rows of other tables refer to these; with deferred checks that is looked at when the transaction ends
    (https://www.sqlite.org/foreignkeys.html, section 5).
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM cases")
    op.drop_index("ix_cases_device", table_name="cases")
    op.drop_table("cases")
    columns = [
        sa.Column(name, sa.Integer() if name in ("threads", "batch") else sa.Text(), nullable=False)
        for name in IDENTITY
    ]
    if interpreters is not None:
        columns.append(sa.Column("interpreters", sa.Integer(), nullable=False))
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(*identity, name="one_case"),
    )
    op.create_index("ix_cases_device", "cases", ["device"])
    names = ", ".join(("id", *IDENTITY))
    more = (", interpreters", f", {interpreters}") if interpreters is not None else ("", "")
    op.execute(f"INSERT INTO cases ({names}{more[0]}) SELECT {names}{more[1]} FROM kept")  # noqa: S608  our own words
    op.execute("DROP TABLE kept")
