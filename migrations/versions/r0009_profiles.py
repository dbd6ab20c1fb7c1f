"""Operators of a case are timed one by one."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("artifact", sa.String(64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("unsupported", sa.Boolean(), nullable=False),
        sa.Column("invocations", sa.Integer(), nullable=False),
        sa.Column("interrupted", sa.Integer(), nullable=False),
        sa.Column("total_ns", sa.BigInteger(), nullable=False),
        sa.Column("quiet_ns", sa.BigInteger(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.ForeignKeyConstraint(["artifact"], ["artifacts.sha256"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_profiles_run", "profiles", ["run"])
    op.create_index("ix_profiles_case_id", "profiles", ["case_id"])
    op.create_table(
        "operators",
        sa.Column("profile", sa.String(64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("delegate", sa.Text()),
        sa.Column("median_ns", sa.BigInteger(), nullable=False),
        sa.Column("total_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["profile"], ["profiles.id"]),
        sa.PrimaryKeyConstraint("profile", "place"),
    )


def downgrade() -> None:
    op.drop_table("operators")
    op.drop_index("ix_profiles_case_id", table_name="profiles")
    op.drop_index("ix_profiles_run", table_name="profiles")
    op.drop_table("profiles")
