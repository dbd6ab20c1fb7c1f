"""Where a training stands, in a file beside its model: `MODEL.checkpoint.npz`."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.errors import ModelError, brief

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
ENDING = ".checkpoint.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A training after an epoch: enough to go on as if it had never stopped."""

    #: What the result depends on, JSON values only.
    settings: Mapping[str, Any]
    #: The epochs that are over, JSON values only.
    epochs: Sequence[Mapping[str, Any]]
    #: State of the generator that shuffles and augments.
    generator: Mapping[str, Any]
    #: Variables of the model, then of the optimizer.
    variables: Sequence[NDArray[Any]]

    def write(self, model: Path) -> None:
        """Write it beside ``model``, whole or not at all."""
        plain = {key: value for key, value in asdict(self).items() if key != "variables"}
        text = json.dumps({"format": FORMAT, **plain}).encode()
        arrays: dict[str, Any] = {f"variable{number}": value for number, value in enumerate(self.variables)}
        path = path_beside(model)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        with unfinished.open("wb") as file:
            np.savez(file, **arrays | {"state": np.frombuffer(text, np.uint8)})
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    @classmethod
    def beside(cls, model: Path) -> Checkpoint:
        """Return the checkpoint of a model's file; raises `ModelError` where there is none or it is damaged."""
        path = path_beside(model)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                plain = _plain(json.loads(arrays["state"].tobytes()))
                variables = [arrays[f"variable{number}"] for number in range(len(arrays.files) - 1)]
            return cls(variables=variables, **plain)
        except FileNotFoundError as error:
            raise ModelError(
                f"{path}: no such checkpoint, so that there is no training to go on with",
                hint="a finished training leaves none; leave --resume out to begin one",
            ) from error
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{path}: can't be read as a checkpoint: {brief(error)}", hint="remove it, and train without --resume"
            ) from error

    def refuse_others(self, settings: Mapping[str, Any], model: Path) -> None:
        """Raise `ModelError` where a training of ``settings`` would be another one than this."""
        for key, value in settings.items():
            if self.settings.get(key) != value:
                raise ModelError(
                    f"{path_beside(model)}: it is of another training: {key.replace('_', ' ')} {self.settings.get(key)}, not {value}",
                    hint="give the same options and versions as before, or remove it and train without --resume",
                )


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    if state.pop("format") != FORMAT:
        raise ValueError("another version of farm wrote it")
    return state


def refuse_existing(model: Path) -> None:
    """Raise `ModelError` where an interrupted training of the same file would be lost."""
    path = path_beside(model)
    if path.exists():
        raise ModelError(
            f"{path}: a training was interrupted there",
            hint="go on with it: --resume; or remove the file to begin anew",
        )


def remove(model: Path) -> None:
    """Remove the checkpoint of a training that is over."""
    path_beside(model).unlink(missing_ok=True)


def path_beside(model: Path) -> Path:
    """Return where the checkpoint of a model's file is."""
    return model.with_name(model.name + ENDING)
