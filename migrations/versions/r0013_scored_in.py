"""Scores know the earlier run that they were taken over from."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("scores", sa.Column("scored_in", sa.Text()))


def downgrade() -> None:
    op.drop_column("scores", "scored_in")
