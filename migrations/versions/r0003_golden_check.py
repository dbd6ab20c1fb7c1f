"""Artifacts know the scores of a few images, and attempts how far from them they were."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

DIFFERENCES = ("golden_max_difference", "golden_mean_difference")


def upgrade() -> None:
    op.add_column("artifacts", sa.Column("golden", sa.JSON()))
    for name in DIFFERENCES:
        op.add_column("attempts", sa.Column(name, sa.Double()))


def downgrade() -> None:
    for name in DIFFERENCES:
        op.drop_column("attempts", name)
    op.drop_column("artifacts", "golden")
