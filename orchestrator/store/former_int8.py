"""The name of today for what an older farm stored as ``int8``: ``int8-io``, whose ends are integers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.domain.case import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: The first schema in which ``int8`` has float32 input and output.
SINCE = "0014"
FORMER, NAME = "int8", "int8-io"


def free_name(schemes: Iterable[str]) -> str:
    """Return the name for integer input and output: ``int8-io``, with a number where a suite called another scheme so."""
    taken, name, number = set(schemes), NAME, 1
    while name in taken:
        number += 1
        name = f"{NAME}-{number}"
    return name


def renamed(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a row of any table, or a record of an archive, with ``name`` wherever it says that the scheme is ``int8``."""
    return {key: _CHANGES[key](value, name) if key in _CHANGES else value for key, value in row.items()}


def _scheme(value: Any, name: str) -> Any:
    return name if value == FORMER else value


def _case(value: Any, name: str) -> Any:
    try:
        case = Case.parse(value)
    except (ValueError, TypeError):  # the number of a case, in archives
        return value
    return str(replace(case, scheme=_scheme(case.scheme, name)))


def _detail(value: Any, name: str) -> Any:
    return renamed(value, name) if isinstance(value, dict) else value


def _suite(value: Any, name: str) -> Any:
    """Return the suite that asks this farm for what an older one built."""
    if not isinstance(value, dict) or not isinstance(value.get("schemes"), list):
        return value
    schemes, options = value["schemes"], value.get("scheme_options", {})
    changed = {**value, "schemes": [_scheme(scheme, name) for scheme in schemes]}
    if isinstance(options, dict):
        renamed_too = {name: {"kind": NAME}} if FORMER in schemes and name != NAME else {}
        changed["scheme_options"] = {scheme: _options(given) for scheme, given in options.items()} | renamed_too
    return changed


def _options(given: Any) -> Any:
    if not isinstance(given, dict) or given.get("kind") != FORMER:
        return given
    rest = {key: value for key, value in given.items() if key != "float_io"}
    return rest if given.get("float_io") or given.get("float_layers") else {**rest, "kind": NAME}


#: Column, or key of an event's detail -> what becomes of its value.
_CHANGES: Mapping[str, Callable[[Any, str], Any]] = {
    "scheme": _scheme,
    "case": _case,
    "case_name": _case,
    "detail": _detail,
    "suite": _suite,
}
