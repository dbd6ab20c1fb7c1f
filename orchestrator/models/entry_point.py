"""A model that a Python function of the user's builds: ``entry: my_models:build``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import re
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief, no_such
from orchestrator.models import classifier, defined_names, imported_files, precision
from orchestrator.models.keras_file import KerasFile
from orchestrator.models.shipped import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.domain.model import Preprocess
    from orchestrator.models.base import Form
    from orchestrator.models.keras_source import KerasSource

#: Folders below the module's that hold no code of it.
_NO_CODE = frozenset({"__pycache__", ".venv", ".git", "node_modules"})


class EntryPoint:
    """What ``function(**arguments)`` of ``entry``, ``module:function``, returns: a Keras model, or the path of one.

    The module is looked for in ``folder``, a suite's own where it says none, then among installed packages. It is imported by
    `load` alone, which runs in a process that builds artifacts. ``files`` are read by the function: weights, tables.
    """

    formats: tuple[Form, ...] = ("saved_model", "keras")

    def __init__(
        self,
        entry: str,
        *,
        folder: str = ".",
        arguments: Mapping[str, Any] | None = None,
        files: Sequence[str] = (),
        output: str | None = None,
        preprocess: Preprocess | None = None,
    ) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", entry, re.ASCII):
            raise ModelError(f"model {entry[:80]!r}: `entry:` must be module:function, such as my_models:build")
        self._entry = entry
        self._module, _, self._function = entry.partition(":")
        self._folder, self._output = Path(folder), output
        self._arguments = dict(arguments or {})
        self._files = tuple(self._folder / file for file in files)
        if preprocess is None:
            raise ModelError(
                f"model {entry}: the suite does not say what the model expects of an image",
                hint="add `preprocess: {size: 224, channels: 3, scale: …, mean: …, std: …}` to the model",
            )
        self.preprocess = preprocess
        self._source = self._source_file()
        for file in self._files:
            if not file.is_file():
                raise ModelError(
                    f"{file}: no such file", hint="`files:` in a suite are relative to the model's `folder:`"
                )

    @staticmethod
    def name_of(name: str | None, options: Mapping[str, Any]) -> str:
        """Return what the model is called: its function's name where the suite gives none."""
        return name or str(options.get("entry", "python")).rpartition(":")[2]

    def sha256(self) -> str:
        """Hash the code of the module (of its whole package), the arguments, and ``files``; nothing is imported."""
        root, codes = self._code()
        digest = hashlib.sha256()
        for path in codes:
            name = path.relative_to(root).as_posix()
            digest.update(f"{name} {file_sha256(path)}\n".encode(errors="surrogateescape"))
        for path in self._files:
            digest.update(f"{path.name} {file_sha256(path)}\n".encode(errors="surrogateescape"))
        how = self.preprocess
        sides = [how.height, how.width, how.channels]
        digest.update(json.dumps([self._entry, self._arguments, self._output, sides], sort_keys=True).encode())
        return digest.hexdigest()

    def _code(self) -> tuple[Path, list[Path]]:
        """Return the folder of the outermost package with the code in it; of a module without one, what it imports from beside it."""
        depth = self._module.count(".") + (self._source.stem == "__init__")
        if not depth:
            return self._source.parent, sorted(imported_files.beside(self._source))
        root = self._source.parents[depth - 1]  # which may itself be installed below .venv
        return root, [path for path in sorted(root.rglob("*.py")) if not _NO_CODE & set(path.relative_to(root).parts)]

    def check_ends(self) -> None:
        """Raise `ModelError` where the module does not define the function; nothing is imported, so that its scores stay unknown."""
        try:
            names = defined_names.of_module(self._source)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            words = f"{type(error).__name__}: {brief(error)}"
            raise ModelError(f"model {self._entry}: {self._where(error)}: {words}") from error
        if names is not None and self._function not in names:
            raise self._absent(names)

    def load(self) -> KerasSource:
        """Import the module, call the function, and return the model; raises `ModelError` with file and line of the code."""
        import keras

        keras.utils.set_random_seed(0)  # weights that are drawn are the same in every process
        made = self._called()
        if isinstance(made, str | Path):
            path = self._folder / made
            return KerasFile(str(path), output=self._output, preprocess=self.preprocess).load()
        if not isinstance(made, keras.Model):
            raise ModelError(
                f"model {self._entry}: it returns {type(made).__module__}.{type(made).__qualname__}, not a keras.Model",
                hint="return a keras.Model of Keras 3, or the path of a .keras, .h5 or SavedModel",
            )
        how, subject = self.preprocess, f"model {self._entry}"
        if not getattr(made, "inputs", None):
            raise ModelError(
                f"{subject}: it is not built, or is a subclass of keras.Model without fixed inputs",
                hint="begin it with keras.Input((height, width, channels))",
            )
        expected = how.height, how.width, how.channels
        classifier.check_input([tuple(tensor.shape)[1:] for tensor in made.inputs], expected, subject)
        return classifier.scored(precision.in_float32(made), subject, expected, self._output)

    def _called(self) -> Any:
        """Return what the user's function returns."""
        here, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        sys.path.insert(0, str(self._folder.absolute()))
        try:
            importlib.invalidate_caches()
            module = importlib.import_module(self._module)
            if hasattr(module, self._function):
                return getattr(module, self._function)(**self._arguments)
        except (Exception, SystemExit) as error:
            raise ModelError(
                f"model {self._entry}: {self._where(error)}: {type(error).__name__}: {brief(error)}"
            ) from error
        finally:
            sys.path.remove(str(self._folder.absolute()))
            sys.dont_write_bytecode = here
        raise self._absent(vars(module))

    def _absent(self, names: Iterable[str]) -> ModelError:
        words = no_such("function", self._function, [name for name in names if not name.startswith("_")])
        return ModelError(f"model {self._entry}: {self._source}: {words}", hint="name it in `entry:`, module:function")

    def _where(self, error: BaseException) -> str:
        """Return ``file:line`` of the user's code that ``error`` is from: the innermost of its own frames."""
        if isinstance(error, SyntaxError) and error.filename:
            return f"{error.filename}:{error.lineno}"
        folder = self._source.parent.absolute()
        frames = traceback.extract_tb(error.__traceback__)
        mine = [frame for frame in frames if folder in Path(frame.filename).absolute().parents]
        return f"{mine[-1].filename}:{mine[-1].lineno}" if mine else str(self._source)

    def _source_file(self) -> Path:
        """Return the file of the module without importing it, or a package that it is in."""
        parts = self._module.split(".")
        places = [self._folder]
        if parts[0] == "__main__":
            raise ModelError(f"model {self._entry}: __main__ is farm itself", hint="name the module of the function")
        if not self._in(places, parts[0]) and (spec := importlib.util.find_spec(parts[0])) is not None:
            places = [Path(place).parent for place in spec.submodule_search_locations or ()]
            places = places or [Path(spec.origin or "").parent]
        found = None
        for part in parts:
            found = self._in(places, part)
            if found is None:
                raise ModelError(
                    f"model {self._entry}: no module {self._module!r} in {self._folder}, and none is installed",
                    hint="say `folder:`, where the module is, relative to the suite",
                )
            places = [found.parent]
        assert found is not None  # noqa: S101  there is at least one part
        return found

    @staticmethod
    def _in(places: Sequence[Path], name: str) -> Path | None:
        candidates = (place / path for place in places for path in (f"{name}.py", f"{name}/__init__.py"))
        return next((path for path in candidates if path.is_file()), None)
