"""Several files as one stream: a line that lists them, then the content of each."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class FileRow:
    """What the agent's `receive-all` reads: the rest of each file, sha256 -> path, behind the bytes that arrived."""

    def __init__(self, files: Mapping[str, Path], arrived: Mapping[str, int]) -> None:
        self._files, self._arrived = files, arrived
        sizes = {sha256: path.stat().st_size for sha256, path in files.items()}
        self.size_bytes = sum(sizes.values())
        self._listed = json.dumps([[sha256, size, arrived[sha256]] for sha256, size in sizes.items()]).encode() + b"\n"
        self._pieces = self._streams()
        self._current: BinaryIO = io.BytesIO()

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, fewer at the end, none after it."""
        content = self._current.read(size)
        while len(content) < size:
            following = next(self._pieces, None)
            self._current = following or io.BytesIO()  # the last one is closed by now
            if following is None:
                break
            content += following.read(size - len(content))
        return content

    def _streams(self) -> Iterator[BinaryIO]:
        yield io.BytesIO(self._listed)
        for sha256, path in self._files.items():
            with path.open("rb") as file:
                file.seek(self._arrived[sha256])
                yield file
