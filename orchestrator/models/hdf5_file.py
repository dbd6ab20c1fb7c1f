"""HDF5 files that hold their numbers themselves, no more of them than their size allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Numbers that take more bytes in memory, and so many times those that are stored, are no weights but a bomb.
BOMB_BYTES, MOST_TIMES = 64 << 20, 100


def refuse_other_files(path: Path, content: Any = None) -> None:
    """Raise `ModelError` where an HDF5 file takes groups or numbers from another file: any that its reader may read.

    So it does where numbers take far more memory than the file has. ``content`` is the file opened, where it is no file at
    ``path`` but a part of that.
    """
    import h5py

    try:
        with h5py.File(content or path) as file:
            for name, item in _leaves(file):
                if isinstance(item, h5py.ExternalLink) or item.external or item.is_virtual:
                    raise ModelError(
                        f"{path}: its {name[:80]!r} is in another file, and farm reads no other files for a model",
                        hint="save it whole: `model.save('model.h5')`",
                    )
                stored = item.id.get_storage_size()
                if item.nbytes > max(BOMB_BYTES, MOST_TIMES * stored):
                    raise ModelError(
                        f"{path}: its {name[:80]!r} takes {item.nbytes:,} bytes of memory, the file has {stored:,} of them",
                        hint="save the model again: `model.save('model.keras')`",
                    )
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ModelError(f"{path}: it is damaged: {brief(error)}", hint="copy it again") from error


def _leaves(top: Any) -> Iterator[tuple[str, Any]]:
    """Yield every link to another file, and every dataset, each with its name."""
    import h5py

    left, visited = [top], {top.id.__hash__()}
    while left:
        group = left.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield f"{group.name.rstrip('/')}/{name}", link
                continue
            if isinstance(link, h5py.SoftLink):  # what it leads to has a link of its own
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                yield str(item.name), item
            elif isinstance(item, h5py.Group) and item.id.__hash__() not in visited:
                visited.add(item.id.__hash__())
                left.append(item)
