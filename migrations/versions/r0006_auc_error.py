"""Scores know how far off their mean AUC may be."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("scores", sa.Column("auc_error", sa.Double()))


def downgrade() -> None:
    op.drop_column("scores", "auc_error")
