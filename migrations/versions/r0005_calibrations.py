"""How far apart a case comes out on a device when it is compared with itself."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "calibrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("case_name", sa.Text(), nullable=False),
        sa.Column("effort", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("group_size", sa.Integer(), nullable=False),
        sa.Column("noise_floor", sa.Double(), nullable=False),
        sa.Column("observed", sa.Double(), nullable=False),
        sa.Column("p50_ns", sa.Double(), nullable=False),
        sa.Column("loop_ns", sa.BigInteger()),
        sa.Column("clock_ns", sa.BigInteger()),
        sa.Column("governor", sa.Text()),
        sa.Column("hardware_key", sa.Text()),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_calibrations_device", "calibrations", ["device"])


def downgrade() -> None:
    op.drop_index("ix_calibrations_device", table_name="calibrations")
    op.drop_table("calibrations")
