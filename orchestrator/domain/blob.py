"""A blob: a file that a device needs, known by its sha256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file on the controller that a lane needs on its device."""

    #: What people call it: ``artifact tiny-cxr int8``, ``numpy-2.4.6-….whl``.
    what: str
    sha256: str
    path: Path
    #: Whether it is a shard of the evaluation images.
    is_images: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Wheels that bring a runtime along; ``name`` is a hash over them."""

    name: str
    wheels: tuple[Blob, ...]
