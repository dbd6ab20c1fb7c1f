"""The database holds no way to a device any more."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

#: What a database may hold of an inventory's entry, at this schema.
KEPT = frozenset({"name", "transport", "tags", "groups", "python", "runtimes", "limits"})
#: What stands for an address, a user, a key.
HIDDEN = "…"
#: Rows read or written by one statement.
MANY = 2_000

DEVICES = sa.table("devices", sa.column("name", sa.Text()), sa.column("entry", sa.JSON()))
EVENTS = sa.table("events", sa.column("id"), sa.column("kind"), sa.column("device"), sa.column("detail", sa.JSON()))
#: Columns of text in which farm wrote why something failed, each with the key of its table.
TEXTS = (
    ("attempts", ("id",), "error"),
    ("scores", ("id",), "error"),
    ("profiles", ("id",), "error"),
    ("lanes", ("id",), "error"),
    ("run_cases", ("run", "case_id"), "skipped"),
)
#: What older farms wrote around a way to a device: some never answered, so that no entry of theirs is stored.
SHAPES = tuple(
    re.compile(shape)
    for shape in (
        r"[^\s()\[\],;`'\"]+@[^\s()\],;`'\"]*[^\s()\],;:`'\".]",  # user@host:22
        r"\[[^\]\s]+\]:\d+",
        r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])(?::\d+)?",
        r"(?<=no login as )[^\s:]+",
        r"(?<=can't reach )\S+",
        r"(?<=`ping )[^\s`]+",
        r"(?<=\(tried )[^)]+",
        r"(?<=farm tried )\S.*",
    )
)
#: ``pi5 (10.0.0.5, which is …): off``, also of its jump host.
LABEL = re.compile(r"^([^\s(]+(?:: its jump host [^\s(]+)?) \((?!jump host )[^()]*\)(?=:)")


def upgrade() -> None:
    here = op.get_bind()
    if here.dialect.name == "sqlite":
        here.exec_driver_sql("PRAGMA secure_delete = ON")  # what is replaced is overwritten in the file, too
    entries = here.execute(sa.select(DEVICES.c.name, DEVICES.c.entry)).all()
    probed = EVENTS.c.kind == "DeviceProbed"
    reached = here.execute(sa.select(EVENTS.c.device, EVENTS.c.detail).where(probed)).all()
    names = {*(name for name, _ in entries), *(name for name, _ in reached)}
    hidden = _hider(names, [entry for _, entry in entries], [detail.get("entry") for _, detail in reached])
    for name, entry in entries:
        if isinstance(entry, dict) and not entry.keys() <= KEPT:
            kept = {key: value for key, value in entry.items() if key in KEPT}
            here.execute(sa.update(DEVICES).where(DEVICES.c.name == name).values(entry=kept))
    transports = {name: entry.get("transport", "ssh") for name, entry in entries if isinstance(entry, dict)}
    for name in dict.fromkeys(name for name, _ in reached):
        detail = {"entry": transports.get(name, "ssh")}
        here.execute(sa.update(EVENTS).where(probed, EVENTS.c.device == name).values(detail=detail))
    for table, keys, column in TEXTS:
        _rewrite(here, table, keys, sa.column(column, sa.Text()), hidden, lambda text: text.is_not(None))
    whys = _of_json(hidden, ("reason", "error"))
    _rewrite(here, "events", ("id",), sa.column("detail", sa.JSON()), whys, _holds('"reason": "', '"error": "'))
    messages = _of_json(hidden, ("message", "advice"))
    _rewrite(here, "run_cases", ("run", "case_id"), sa.column("reasons", sa.JSON()), messages, _holds('"message": "'))


def downgrade() -> None:
    """Leave it: what was removed is known to the inventory alone."""


def _hider(names: set[Any], entries: list[Any], reached: list[Any]) -> Callable[[str], str]:
    """Return what hides the ways to devices in a text: those of stored entries, those by which runs reached one."""
    words = {word for entry in entries for word in _ways(entry)}
    words |= {word for text in reached if isinstance(text, str) for word in _written(text)}
    words -= names | {"", "ssh", "local"}
    longest_first = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    ways = re.compile(rf"(?<![\w.@-])(?:{longest_first})(?::\d+)?(?![\w@-])" if words else "(?!)")

    def hidden(text: str) -> str:
        text = LABEL.sub(r"\1", ways.sub(HIDDEN, text))
        for shape in SHAPES:
            text = shape.sub(HIDDEN, text)
        return text

    return hidden


def _ways(entry: Any) -> Iterator[str]:
    """Yield the words of an entry that lead to its device, those of its jump hosts among them."""
    while isinstance(entry, dict):
        user, address = str(entry.get("user") or ""), str(entry.get("address") or "")
        if address:
            yield from _written(f"{user}@{address}" if user else address)
        yield str(entry.get("identity_file") or "")
        entry = entry.get("via")


def _written(text: str) -> Iterator[str]:
    """Yield the words that lead to a device that is written ``user@address:port``, as far as it says that; a user alone may be any word."""
    user, _, place = text.rpartition("@")
    host = re.sub(r":\d+$", "", place).strip("[]")
    yield from (text, place, host, f"[{host}]")
    if user:
        yield from (f"{user}@{host}", f"as {user}")


def _of_json(hidden: Callable[[str], str], keys: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return what hides the ways in values of ``keys``, however deep."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: hidden(inner) if key in keys and isinstance(inner, str) else changed(inner)
                for key, inner in value.items()
            }
        return [changed(inner) for inner in value] if isinstance(value, list) else value

    return changed


def _holds(*parts: str) -> Callable[[Any], Any]:
    return lambda column: sa.or_(*(sa.cast(column, sa.Text()).contains(part) for part in parts))


def _rewrite(  # noqa: PLR0917  what is where
    here: sa.Connection,
    name: str,
    keys: tuple[str, ...],
    column: Any,
    changed: Callable[[Any], Any],
    chosen: Callable[[Any], Any],
) -> None:
    table = sa.table(name, *map(sa.column, keys), column)
    key, text = tuple(table.columns[each] for each in keys), table.columns[column.name]
    found = here.execute(sa.select(*key).where(chosen(text))).all()
    change = sa.update(table).where(*(each == sa.bindparam(f"the_{each.name}") for each in key))
    change = change.values({column.name: sa.bindparam("the_value")})
    for start in range(0, len(found), MANY):
        part = [tuple(row) for row in found[start : start + MANY]]
        rows = here.execute(sa.select(*key, text).where(sa.tuple_(*key).in_(part))).all()
        values = [(row, changed(row[-1])) for row in rows]
        new = [
            {"the_value": value} | {f"the_{each}": part for each, part in zip(keys, row, strict=False)}
            for row, value in values
            if value != row[-1]
        ]
        if new:
            here.execute(change, new)
