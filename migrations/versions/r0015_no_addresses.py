"""The database holds no way to a device any more."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

#: What a database may hold of an inventory's entry, at this schema.
KEPT = frozenset({"name", "transport", "tags", "groups", "python", "runtimes", "limits"})

DEVICES = sa.table("devices", sa.column("name", sa.Text()), sa.column("entry", sa.JSON()))
EVENTS = sa.table("events", sa.column("id"), sa.column("kind"), sa.column("device"), sa.column("detail", sa.JSON()))


def upgrade() -> None:
    here = op.get_bind()
    if here.dialect.name == "sqlite":
        here.exec_driver_sql("PRAGMA secure_delete = ON")  # what is replaced is overwritten in the file, too
    entries = here.execute(sa.select(DEVICES.c.name, DEVICES.c.entry)).all()
    for name, entry in entries:
        if isinstance(entry, dict) and not entry.keys() <= KEPT:
            kept = {key: value for key, value in entry.items() if key in KEPT}
            here.execute(sa.update(DEVICES).where(DEVICES.c.name == name).values(entry=kept))
    transports = {name: entry.get("transport", "ssh") for name, entry in entries if isinstance(entry, dict)}
    probed = EVENTS.c.kind == "DeviceProbed"
    for name in here.execute(sa.select(EVENTS.c.device).where(probed).distinct()).scalars().all():
        detail = {"entry": transports.get(name, "ssh")}
        here.execute(sa.update(EVENTS).where(probed, EVENTS.c.device == name).values(detail=detail))


def downgrade() -> None:
    """Leave it: what was removed is known to the inventory alone."""
