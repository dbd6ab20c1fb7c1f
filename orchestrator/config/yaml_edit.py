"""Change one value of a YAML text without touching a byte around it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


#: Keys from the top of the document down.
Path = tuple[str, ...]


class CannotSplice(ValueError):  # noqa: N818  the caller says to the user what the error is
    """The text has a form, such as an alias in the way, that this module does not change."""


def put(text: str, path: Path, value: Any) -> str:
    """Return ``text`` with ``value`` at ``path``; keys that are missing on the way are added after their siblings."""
    top = _compose(text)
    if top is None:
        return _ending(text) + block(_nested(path, value), newline=_newline(text))
    node = top
    for depth, key in enumerate(path):
        if not _is_mapping(node):
            raise CannotSplice(f"{'.'.join(path[:depth])} is not a mapping")
        pair = _child(node, key)
        if pair is None:
            return _inserted(text, node, _nested(path[depth:], value))
        parent_key, node = pair
        if _is_null(node) and depth + 1 < len(path):
            return _below(text, parent_key, node, _nested(path[depth + 1 :], value))
    return _replaced(text, parent_key, node, value)


def drop(text: str, path: Path) -> str:
    """Return ``text`` without the key at the end of ``path``; comments on lines of their own before it stay."""
    mapping = _at(text, path[:-1])
    pair = _child(mapping, path[-1])
    if pair is None:
        raise KeyError(path[-1])
    key, value = pair
    pairs = list(mapping.value)
    place = next(number for number, (other, _) in enumerate(pairs) if other is key)
    if mapping.flow_style:
        if place:
            return text[: _end(pairs[place - 1][1])] + text[max(_end(value), key.end_mark.index + 1) :]
        until = pairs[1][0].start_mark.index if len(pairs) > 1 else _end(value)
        return text[: key.start_mark.index] + text[until:]
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    return text[:start] + text[_line_end(text, _last(key, value)) :]


def rename(text: str, path: Path, new: str) -> str:
    """Return ``text`` with another word for the key at the end of ``path``."""
    pair = _child(_at(text, path[:-1]), path[-1])
    if pair is None:
        raise KeyError(path[-1])
    key, _ = pair
    return text[: key.start_mark.index] + inline(new) + text[key.end_mark.index :]


def rename_item(text: str, path: Path, old: str, new: str) -> str:
    """Return ``text`` with another word for an item of the list at ``path``."""
    for item in _items(text, path):
        if item.value == old:
            return text[: item.start_mark.index] + inline(new) + text[item.end_mark.index :]
    raise KeyError(old)


def drop_item(text: str, path: Path, word: str) -> str:
    """Return ``text`` without an item of the list at ``path``; the last one leaves an empty list."""
    items = _items(text, path)
    place = next((number for number, item in enumerate(items) if item.value == word), None)
    if place is None:
        raise KeyError(word)
    if len(items) == 1:
        return put(text, path, [])
    start, end = items[place].start_mark.index, items[place].end_mark.index
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip() == "-":  # an item on a line of its own
        return text[:line] + text[_line_end(text, end) :]
    if place:
        return text[: items[place - 1].end_mark.index] + text[end:]
    return text[:start] + text[items[1].start_mark.index :]


def is_null(text: str, path: Path) -> bool:
    """Check whether nothing is written at ``path``, as in ``key:``."""
    pair = _child(_at(text, path[:-1]), path[-1])
    return pair is not None and _is_null(pair[1])


def inline(value: Any) -> str:
    """Return a scalar, list or mapping as YAML on one line."""
    import ruamel.yaml
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(key)}: {inline(inner)}" for key, inner in value.items()) + "}"
    # the library leaves some words without quotes that can't stand so behind a key, such as ``: 0``
    if isinstance(value, str) and re.search(r"[\x00-\x1f\x7f\u0085\u2028\u2029]|^[:?-]", value):
        value = DoubleQuotedScalarString(value)
    yaml = ruamel.yaml.YAML(typ="rt")
    yaml.default_flow_style = True
    yaml.width = 1 << 20
    out = io.StringIO()
    yaml.dump([value], out)  # a scalar alone would get a document end marker
    return out.getvalue().strip()[1:-1]


def block(values: Mapping[str, Any], *, indent: int = 0, newline: str = "\n") -> str:
    """Return ``values`` as lines of YAML: mappings below their keys, lists on one line."""
    lines = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines.append(f"{' ' * indent}{inline(key)}:{newline}{block(value, indent=indent + 2, newline=newline)}")
        else:
            written = "" if value is None or value == {} else f" {inline(value)}"
            lines.append(f"{' ' * indent}{inline(key)}:{written}{newline}")
    return "".join(lines)


def _compose(text: str) -> Any:
    import ruamel.yaml

    node = ruamel.yaml.YAML(typ="rt").compose(text)
    if node is not None and not _is_mapping(node):
        raise CannotSplice("the document is not a mapping")
    return node


def _at(text: str, path: Path) -> Any:
    node: Any = _compose(text)
    for key in path:
        pair = _child(node, key) if _is_mapping(node) else None
        if pair is None:
            raise KeyError(key)
        node = pair[1]
    if not _is_mapping(node):
        raise KeyError(path)
    return node


def _items(text: str, path: Path) -> list[Any]:
    """Return the scalars of the list at ``path``, as far as they stand where they are written."""
    pair = _child(_at(text, path[:-1]), path[-1])
    if pair is None or pair[1].id != "sequence" or pair[1].start_mark.index < pair[0].end_mark.index:
        raise CannotSplice(f"{path[-1]} is not a list")
    items = list(pair[1].value)
    if any(item.id != "scalar" for item in items):
        raise CannotSplice(f"{path[-1]} is not a list of words")
    return items


def _is_mapping(node: Any) -> bool:
    return getattr(node, "id", None) == "mapping"


def _is_null(node: Any) -> bool:
    return getattr(node, "id", None) == "scalar" and node.start_mark.index == node.end_mark.index and not node.style


def _child(node: Any, key: str) -> tuple[Any, Any] | None:
    return next(
        ((written, value) for written, value in node.value if written.id == "scalar" and written.value == key), None
    )


def _end(node: Any) -> int:
    """Return where the last thing written of ``node`` ends; a block's own mark is behind the comments that follow it."""
    if getattr(node, "flow_style", None) or not isinstance(node.value, list) or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _last(*last) if isinstance(last, tuple) else _end(last)


def _last(key: Any, value: Any) -> int:
    return int(key.end_mark.index) + 1 if _is_null(value) else _end(value)


def _line_end(text: str, position: int) -> int:
    """Return where the line after ``position`` begins; block scalars end behind their line already."""
    if text[position - 1 : position] == "\n":
        return position
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1


def _colon(text: str, key: Any) -> int:
    """Return the place behind the colon of ``key``."""
    return text.index(":", key.end_mark.index) + 1


def _inserted(text: str, mapping: Any, values: Mapping[str, Any]) -> str:
    if mapping.flow_style or not mapping.value:
        written = ", ".join(f"{inline(key)}: {inline(value)}" for key, value in values.items())
        if mapping.value:
            place = _last(*mapping.value[-1])
            return f"{text[:place]}, {written}{text[place:]}"
        place = text.index("{", mapping.start_mark.index) + 1
        return text[:place] + written + text[place:]
    indent = mapping.value[0][0].start_mark.column
    place = _line_end(text, _last(*mapping.value[-1]))
    before = _ending(text[:place])
    return before + block(values, indent=indent, newline=_newline(text)) + text[place:]


def _below(text: str, key: Any, value: Any, values: Mapping[str, Any]) -> str:
    if value.tag != "tag:yaml.org,2002:null":
        raise CannotSplice(f"{key.value} has a tag")
    place = _line_end(text, _colon(text, key))
    indent = key.start_mark.column + 2
    return _ending(text[:place]) + block(values, indent=indent, newline=_newline(text)) + text[place:]


def _replaced(text: str, key: Any, value: Any, new: Any) -> str:
    if _is_null(value):
        place = _colon(text, key)
        return f"{text[:place]} {inline(new)}{text[place:]}"
    if getattr(value, "flow_style", None) is False:  # a block becomes one line
        return f"{text[: _colon(text, key)]} {inline(new)}{text[_end(value) :]}"
    if value.start_mark.index < key.end_mark.index:
        raise CannotSplice(f"{key.value} is an alias")
    newline = "\n" if text[value.end_mark.index - 1] == "\n" else ""
    return text[: value.start_mark.index] + inline(new) + newline + text[value.end_mark.index :]


def _nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _ending(text: str) -> str:
    """Return ``text`` with a line end, unless it is empty or has one."""
    return text if not text or text.endswith("\n") else text + _newline(text)
