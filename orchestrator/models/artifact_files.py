"""Artifacts as files in a folder of the user's, each with its recipe beside it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.domain.artifact import Artifact
    from orchestrator.models.artifacts import Artifacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """An artifact where the user wants it."""

    artifact: Artifact
    path: Path
    #: The JSON file with sha256, options, versions and checks.
    recipe: Path
    #: False where both files were there already, with the same bytes.
    is_new: bool


def write(
    artifacts: Artifacts, wanted: Sequence[tuple[Artifact, str]], folder: Path, *, about: Mapping[str, Any]
) -> tuple[ArtifactFile, ...]:
    """Write each of the ``wanted`` artifacts, of a format, into ``folder`` and return where they are.

    ``about`` are JSON values that every recipe has too. Raises `UsageError`, before anything is written, where a file of
    that name has other bytes.
    """
    planned = []
    for artifact, ending in wanted:
        name = f"{artifact.model}-{artifact.scheme}" + (f"-b{artifact.batch}" if artifact.batch > 1 else "")
        path, recipe = folder / f"{name}.{ending}", folder / f"{name}.json"
        contents = {path: artifacts.path(artifact.sha256).read_bytes(), recipe: _recipe(artifact, path.name, about)}
        planned.append((artifact, path, recipe, contents))
    present = {path for *_, contents in planned for path, content in contents.items() if _is_there(path, content)}
    folder.mkdir(parents=True, exist_ok=True)
    for *_, contents in planned:
        for path, content in contents.items():
            if path not in present:
                _write(path, content)
    return tuple(
        ArtifactFile(artifact=artifact, path=path, recipe=recipe, is_new=not {path, recipe} <= present)
        for artifact, path, recipe, _ in planned
    )


def _recipe(artifact: Artifact, name: str, about: Mapping[str, Any]) -> bytes:
    plain = {key: value for key, value in asdict(artifact).items() if key != "golden"}
    return json.dumps({"file": name, **plain, **about}, indent=1).encode() + b"\n"


def _is_there(path: Path, content: bytes) -> bool:
    """Check whether ``path`` has this ``content``; raises `UsageError` where it has another."""
    try:
        if path.read_bytes() == content:
            return True
    except FileNotFoundError:
        return False
    raise UsageError(
        f"{path}: a file with other bytes is there", hint="choose another folder (--output), or remove the file"
    )


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)
