"""Parse YAML within limits, so that no file can exhaust the machine or end in another library's exception."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Largest file in bytes: an inventory of 20,000 devices has 3 MB.
MAX_BYTES = 10_000_000
#: Levels of mappings and lists inside each other; the deepest key of a suite is on the fourth.
MAX_DEPTH = 50
#: Values that aliases (``*name``) may add to those that are written.
MAX_ALIASED = 100_000
#: Characters of a number: of a longer one Python takes the square of its length, or more, to read it.
MAX_NUMBER = 1_000


class NotYaml(ValueError):  # noqa: N818  the caller says whose error it is
    """The text is not YAML, or exceeds a limit; ``line`` counts from 1."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(words)
        self.line, self.words = line, words


def parse(text: str) -> Any:
    """Return what ``text`` holds, as ruamel.yaml's values that know their lines; raises `NotYaml`."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        return _parsed(text)
    except NotYaml:
        raise
    except ReaderError as reason:
        line = 1 + text.count("\n", 0, reason.position)
        raise NotYaml(line, f"character U+{reason.character:04X} is not allowed") from reason
    except MarkedYAMLError as reason:
        line = reason.problem_mark.line + 1 if reason.problem_mark else 1
        problem = (reason.problem or reason.context or "not YAML").strip().splitlines()[0]
        # the words that follow are values of the file, and may be secrets
        raise NotYaml(line, re.sub(r"(found duplicate key \S+|found undefined alias).*", r"\1", problem)) from reason
    except YAMLError as reason:
        raise NotYaml(1, str(reason).splitlines()[0]) from reason
    except RecursionError as reason:
        raise NotYaml(1, f"nested deeper than {MAX_DEPTH} levels") from reason
    except Exception as reason:  # the library answers some broken texts with whatever Python raises
        raise NotYaml(1, f"not YAML: {type(reason).__name__}") from reason


def _parsed(text: str) -> Any:
    import ruamel.yaml
    from ruamel.yaml.constructor import RoundTripConstructor

    class Bounded(RoundTripConstructor):
        """Looks at the size of a document before it makes values of it."""

        def construct_document(self, node: Any) -> Any:
            sizes: dict[int, int] = {}
            expanded = _size(node, 1, sizes)
            if expanded - len(sizes) > MAX_ALIASED:
                raise NotYaml(1, f"its aliases stand for {expanded} values, {MAX_ALIASED} at most are read")
            try:
                return super().construct_document(node)
            except (ValueError, ArithmeticError, TypeError, AttributeError) as reason:
                scalar = _unreadable(node)
                if scalar is None:
                    raise
                kind = str(scalar.tag).rpartition(":")[2]
                raise NotYaml(scalar.start_mark.line + 1, f"this value can't be read as {kind}") from reason

    yaml = ruamel.yaml.YAML(typ="rt")
    yaml.Constructor = Bounded
    yaml.composer.warn_double_anchors = False
    return yaml.load(text.removeprefix("\ufeff"))


def _size(node: Any, depth: int, sizes: dict[int, int]) -> int:
    """Return how many values ``node`` stands for, those of aliases each time; raises `NotYaml` for a deep one."""
    if depth > MAX_DEPTH:  # an alias inside what it stands for has no end
        raise NotYaml(node.start_mark.line + 1, f"nested deeper than {MAX_DEPTH} levels")
    if node.id == "scalar" and len(node.value) > MAX_NUMBER and str(node.tag).endswith((":int", ":float")):
        kind = str(node.tag).rpartition(":")[2]
        raise NotYaml(node.start_mark.line + 1, f"this value can't be read as {kind}")
    if id(node) not in sizes:
        sizes[id(node)] = 1 + sum(_size(child, depth + 1, sizes) for child in _children(node))
    return sizes[id(node)]


def _children(node: Any) -> Iterator[Any]:
    for child in node.value if isinstance(node.value, list) else ():
        if isinstance(child, tuple):
            key, value = child
            if key.id != "scalar":
                raise NotYaml(key.start_mark.line + 1, "a key must be a word")
            yield from (key, value)
        else:
            yield child


def _unreadable(node: Any) -> Any:
    """Return the first scalar that its tag does not fit: ``2026-02-30``, a number of 5,000 digits."""
    import ruamel.yaml

    if node.id == "scalar":
        try:
            ruamel.yaml.YAML(typ="rt").constructor.construct_object(node, deep=True)
        except Exception:  # noqa: BLE001  whatever it is, it is why the document can't be read
            return node
        return None
    return next(filter(None, map(_unreadable, _children(node))), None)
