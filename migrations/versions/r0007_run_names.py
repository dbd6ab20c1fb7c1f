"""A run may have a name that people give it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("runs", sa.Column("name", sa.String(64)))
    op.create_index("ix_runs_name", "runs", ["name"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_runs_name", table_name="runs")
    op.drop_column("runs", "name")
