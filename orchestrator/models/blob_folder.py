"""Files named by their sha256, each there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from orchestrator.config.private_folder import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray


class BlobFolder:
    """A folder of blobs; two processes may write there at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        make_private(root)

    def path(self, sha256: str) -> Path:
        """Return where a blob is."""
        return self.root / sha256

    def is_whole(self, sha256: str) -> bool:
        """Return whether a blob is there as it was written; reads all of it."""
        try:
            with self.path(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False

    def keep_file(self, path: Path) -> str:
        """Move a finished file of the same disk here and return its sha256."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        path.replace(self.path(sha256))
        return sha256

    def keep_bytes(self, content: bytes) -> str:
        """Write a blob and return its sha256."""
        with self.unfinished() as file:
            file.write(content)
        return self.keep_file(Path(file.name))

    def keep_array(self, array: NDArray[np.uint8]) -> str:
        """Write a blob in the format ``.npy`` and return its sha256."""
        import numpy as np

        with self.unfinished() as file:
            np.save(file, array, allow_pickle=False)
        return self.keep_file(Path(file.name))

    @contextmanager
    def unfinished(self) -> Iterator[IO[bytes]]:
        """Yield a temporary file to write a blob to; it goes where an exception ends that."""
        with tempfile.NamedTemporaryFile(dir=self.root, delete=False) as file:
            try:
                yield file
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise


class Recipes:
    """A folder of JSON files: what each blob is, by the digest of everything that decides its content."""

    def __init__(self, root: Path) -> None:
        self._root = root
        make_private(root)

    def read(self, key: str) -> dict[str, Any] | None:
        """Return what was written under ``key``, ``None`` where there is nothing that can be read."""
        try:
            return dict(json.loads((self._root / f"{key}.json").read_bytes()))
        except (FileNotFoundError, ValueError):
            return None

    def write(self, key: str, plain: Mapping[str, Any]) -> None:
        """Write JSON values, whole or not at all; two builders at once write the same bytes."""
        with tempfile.NamedTemporaryFile(dir=self._root, delete=False) as file:
            try:
                file.write(json.dumps(plain, indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(self._root / f"{key}.json")
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise


def digest(plain: Mapping[str, Any]) -> str:
    """Return the sha256 of JSON values, whatever their order."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
