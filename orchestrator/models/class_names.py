"""What a model calls its outputs, before it is loaded: the suite, a file beside the model, labels inside a ``.tflite``."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.domain.model import ModelSpec

#: Names of files of names, the first that is there counts: ``MODEL.classes.txt`` before ``classes.txt``.
BESIDE = tuple(f"{what}.{ending}" for what in ("classes", "labels") for ending in ("txt", "json"))
#: Bounds of a file of names.
MOST_BYTES = 1 << 20
MOST_NAMES = 65_536
#: As Teachable Machine writes it: ``0 Effusion``.
_NUMBERED = re.compile(r"(\d+)[ \t:,]+(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassNames:
    """The names of a model's outputs, in the order of its columns."""

    #: ``None`` for a column without a name, which is never scored.
    names: tuple[str | None, ...]
    #: Where they are from, for messages.
    source: str


def stated(spec: ModelSpec) -> ClassNames | None:
    """Return the names that the suite or the model's files say, ``None`` where none do; raises `ModelError`.

    The suite's ``classes:`` win over a file beside the model, that over labels in the metadata of a ``.tflite``.
    """
    if spec.classes is not None:
        return _checked(spec.classes, f"`classes:` of model {spec.name}")
    path = spec.options.get("path")
    if not isinstance(path, str):
        return None
    for file in _beside(Path(path)):
        try:
            if not file.is_file():  # a pipe would be waited for
                continue
            with file.open("rb") as content:
                return _read(content.read(MOST_BYTES + 1), file.suffix, str(file))
        except (FileNotFoundError, IsADirectoryError):
            continue
        except OSError as error:
            raise ModelError(f"{file}: {error.strerror}", hint="or say `classes:` in the suite") from error
    return _in_metadata(Path(path)) if path.lower().endswith(".tflite") else None


def of_outputs(names: Sequence[str]) -> ClassNames:
    """Return the names of outputs that give one score each."""
    return _checked(tuple(names), "the model's outputs")


def key(name: str) -> str:
    """Return ``name`` as names are compared: without case, spaces, ``_`` and ``-``."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _beside(path: Path) -> Iterator[Path]:
    path = path if path.name else path.absolute()
    for stem in dict.fromkeys((path.name, path.stem) if path.name else ()):  # the root has no name
        yield from (path.with_name(f"{stem}.{name}") for name in BESIDE)
    yield from (
        folder / name for folder in ((path, path.parent) if path.is_dir() else (path.parent,)) for name in BESIDE
    )


def _in_metadata(path: Path) -> ClassNames | None:
    """Return the labels that the TFLite Metadata Writer packs behind the model as a ZIP archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = [each for each in archive.infolist() if each.filename.lower().endswith(".txt")]
            files = [each for each in files if "label" in each.filename.lower()] or files
            if len(files) != 1 or files[0].file_size > MOST_BYTES:
                return None
            content = archive.read(files[0])
    except Exception:  # noqa: BLE001  most files carry none, and each packing has errors of its own for what is damaged
        return None
    return _read(content, ".txt", f"{files[0].filename} in {path}")


def _read(content: bytes, ending: str, source: str) -> ClassNames:
    if len(content) > MOST_BYTES:
        raise ModelError(f"{source}: larger than {MOST_BYTES} bytes: no list of class names")
    try:
        text = content.decode("utf-8-sig")
        names = _of_json(json.loads(text)) if ending == ".json" else _of_lines(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{source}: it is no list of class names: {brief(error)}", hint="one name a line, or a JSON list"
        ) from error
    return _checked(names, source)


def _of_lines(text: str) -> tuple[str | None, ...]:
    lines = [line.strip() for line in text.rstrip().splitlines()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(match and int(match[1]) == place for place, match in enumerate(numbered)):
        lines = [match[2].strip() for match in numbered if match]
    return tuple(line or None for line in lines)


def _of_json(plain: Any) -> tuple[str | None, ...]:
    """Return the names of a list, of ``{"0": name}``, or of ``{name: 0}``."""
    if isinstance(plain, dict) and isinstance(plain.get("classes", plain.get("labels")), list | dict):
        plain = plain.get("classes", plain.get("labels"))
    if isinstance(plain, dict):
        numbered = {int(key): value for key, value in plain.items()} if all(map(str.isdecimal, plain)) else None
        if numbered is not None and len(numbered) < len(plain):
            raise ValueError("a number is there twice")
        by_number = numbered or {number: name for name, number in plain.items()}
        if sorted(by_number) != list(range(len(by_number))):
            raise ValueError("its numbers are not 0, 1, 2, …")
        plain = [by_number[number] for number in range(len(by_number))]
    if not isinstance(plain, list) or not all(name is None or isinstance(name, str) for name in plain):
        raise ValueError("a list of texts is expected")
    return tuple(plain)


def _checked(names: tuple[str | None, ...], source: str) -> ClassNames:
    """Raise `ModelError` where two names are the same, or one is empty."""
    if not 0 < len(names) <= MOST_NAMES:
        raise ModelError(f"{source}: {len(names)} class names")
    seen: dict[str, str] = {}
    for name in names:
        if name is None:
            continue
        if not key(name) or not name.isprintable():
            raise ModelError(f"{source}: {name[:80]!r} is no class name")
        if key(name) in seen:
            raise ModelError(f"{source}: {seen[key(name)]!r} and {name!r} are the same name")
        seen[key(name)] = name
    return ClassNames(names=names, source=source)
