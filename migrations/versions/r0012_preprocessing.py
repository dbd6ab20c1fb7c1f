"""Attempts know how long their device takes to prepare an image."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("pre_ns", sa.BigInteger()))
    op.add_column("attempts", sa.Column("preparations_ns", sa.JSON()))


def downgrade() -> None:
    op.drop_column("attempts", "preparations_ns")
    op.drop_column("attempts", "pre_ns")
