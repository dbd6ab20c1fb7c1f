"""A device keeps the facts of its last answer, in a run or outside any."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

DEVICES = sa.table("devices", sa.column("name", sa.String), sa.column("facts", sa.JSON))
FACTS = sa.table(
    "device_facts", sa.column("id", sa.Integer), sa.column("device", sa.String), sa.column("facts", sa.JSON)
)


def upgrade() -> None:
    # Not in batch mode: that replaces the table, which SQLite refuses while others refer to it.
    op.add_column("devices", sa.Column("facts", sa.JSON()))
    connection = op.get_bind()
    for device, facts in connection.execute(sa.select(FACTS.c.device, FACTS.c.facts).order_by(FACTS.c.id)).all():
        connection.execute(sa.update(DEVICES).where(DEVICES.c.name == device).values(facts=facts))


def downgrade() -> None:
    op.drop_column("devices", "facts")
