"""What a model's file is, read without TensorFlow."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING

from orchestrator.errors import ModelError, brief, printable

if TYPE_CHECKING:
    from pathlib import Path

#: What to do about a path that leads nowhere.
RELATIVE = "`path:` in a suite is relative to the suite's own folder"
#: A part that unpacks to more bytes, and to so many times those that are packed, is a bomb: weights are stored as they are.
BOMB_BYTES, MOST_TIMES = 64 << 20, 100
#: What reading a ZIP archive raises.
_DAMAGE = (zipfile.BadZipFile, zlib.error)
ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
#: First bytes of what is not a model, and what to do about it.
_OTHERS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the model itself", "fetch it: git lfs pull"),
    (b"<", "a web page, not a model (a download that asked for a login?)", "download it again"),
    (b"\x80", "a Python pickle, which farm does not execute", "save it with Keras: `model.save('model.keras')`"),
)


def content(path: Path) -> bytes:
    """Return what the file at ``path`` holds; raises `ModelError` where it can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file", hint=RELATIVE) from None
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error


def check(path: Path) -> None:
    """Raise `ModelError` where the file at ``path`` (``.keras``, ``.h5``) can be no model, with what it is instead."""
    with path.open("rb") as file:
        start = file.read(64)
    is_keras = path.suffix == ".keras"
    if start.startswith(ZIP):
        if not is_keras:
            raise ModelError(
                f"{path}: it is a .keras file by its content", hint="rename it: its name must end in .keras"
            )
        _check_archive(path)
        return
    if start.startswith(HDF5):
        if is_keras:
            raise ModelError(f"{path}: it is an HDF5 file by its content", hint="rename it: its name must end in .h5")
        return
    refuse_what_is_no_model(path, start)
    what = "it is empty" if not start else "its first bytes are not those of a Keras model"
    raise ModelError(f"{path}: {what}", hint="save the model again: `model.save('model.keras')`")


def refuse_what_is_no_model(path: Path, start: bytes) -> None:
    """Raise `ModelError` where a file that begins with ``start`` is known to be something else, with what it is."""
    for beginning, what, hint in _OTHERS:
        if start.lstrip().startswith(beginning):
            raise ModelError(f"{path}: it is {what}", hint=hint)
    if start and _is_text(start):
        first_line = printable(start.decode(errors="ignore").strip().partition("\n")[0])
        raise ModelError(
            f"{path}: it is a text file, not a model", hint=f"is it the right file? it begins with: {first_line}"
        )


def _is_text(start: bytes) -> bool:
    """Return whether the first bytes of a file are letters alone; the last one may be cut in its middle."""
    text = start.decode(errors="ignore")
    return len(start) - len(text.encode()) < 4 and all(each.isprintable() or each.isspace() for each in text)


def keras_version(path: Path) -> str | None:
    """Return the version of Keras that wrote a ``.keras`` or ``.h5`` file, ``None`` where the file does not tell."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                version = json.loads(archive.read("metadata.json"))["keras_version"]
        else:
            import h5py

            with h5py.File(path) as file:
                version = file.attrs["keras_version"]
        return version.decode() if isinstance(version, bytes) else str(version)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, EOFError, *_DAMAGE):
        return None


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (*_DAMAGE, NotImplementedError, ValueError) as error:
        raise ModelError(
            f"{path}: it is damaged: {brief(error)}", hint="copy it again, or save the model again"
        ) from error
    names = [member.filename for member in members]
    if any(name.endswith("saved_model.pb") for name in names):
        raise ModelError(f"{path}: it is an archive of a SavedModel", hint="unpack it and name the folder")
    if "config.json" not in names:
        raise ModelError(f"{path}: it is a ZIP archive without Keras's config.json", hint="save it: `model.save()`")
    for member in members:
        trick = _trick(member)
        if trick is not None:
            raise ModelError(
                f"{path}: its part {member.filename[:80]!r} {trick}, as none that Keras writes",
                hint="save the model again: `model.save('model.keras')`",
            )
    if len(set(names)) != len(names):
        raise ModelError(
            f"{path}: it has two parts of one name", hint="save the model again: `model.save('model.keras')`"
        )


def _trick(member: zipfile.ZipInfo) -> str | None:
    """Return what a part of an archive does to who unpacks it, ``None`` where that is nothing."""
    place = PureWindowsPath(member.filename)  # of Windows or not: both kinds of slashes
    if place.is_absolute() or place.drive or place.root or ".." in place.parts:
        return "would be unpacked outside of its folder"
    if member.flag_bits & 1:
        return "takes a password"
    if member.file_size > max(BOMB_BYTES, MOST_TIMES * member.compress_size):
        return f"unpacks to {member.file_size:,} bytes from {member.compress_size:,}"
    return None
