"""Results named int8 have integer input and output, which int8-io is called from now on."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from orchestrator.store.former_int8 import FORMER, free_name, renamed

revision = "0014"
down_revision = "0013"

#: Rows read or written by one statement.
MANY = 2_000
#: Table -> its key, and what may name a scheme in it; JSON is searched as text first.
NAMING = {"runs": ("id", "suite"), "calibrations": ("id", "case_name"), "events": ("id", "detail")}


def upgrade() -> None:
    here = op.get_bind()
    schemes = [row.scheme for row in here.execute(sa.text("SELECT DISTINCT scheme FROM cases"))]
    schemes += [row.scheme for row in here.execute(sa.text("SELECT DISTINCT scheme FROM artifacts"))]
    name = free_name(schemes)
    for table in ("cases", "artifacts", "scores"):
        change = sa.text(f"UPDATE {table} SET scheme = :name WHERE scheme = :former")  # noqa: S608  constants
        here.execute(change, {"name": name, "former": FORMER})
    for table, (key, column) in NAMING.items():
        _rename(here, table, key, column, name)


def downgrade() -> None:
    """Leave the names: which of them this migration gave can't be seen any more."""


def _rename(here: sa.Connection, table: str, key: str, column: str, name: str) -> None:
    kind = sa.Text() if column == "case_name" else sa.JSON()
    rows = sa.table(table, sa.column(key), sa.column(column, kind))
    of_key, of_column = rows.columns[key], rows.columns[column]
    naming = sa.select(of_key).where(sa.cast(of_column, sa.Text()).contains(FORMER))
    change = sa.update(rows).where(of_key == sa.bindparam("the_key")).values({column: sa.bindparam("the_value")})
    for keys in _parts(here.execute(naming).scalars().all()):
        changed = []
        for row in here.execute(sa.select(rows).where(of_key.in_(keys))).mappings():
            value = renamed({column: row[column]}, name)[column]
            if value != row[column]:
                changed.append({"the_key": row[key], "the_value": value})
        if changed:
            here.execute(change, changed)


def _parts(values: list[object]) -> Iterator[list[object]]:
    for start in range(0, len(values), MANY):
        yield values[start : start + MANY]
