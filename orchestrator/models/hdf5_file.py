"""HDF5 files that hold their numbers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief

if TYPE_CHECKING:
    from pathlib import Path


def refuse_other_files(path: Path, content: Any = None) -> None:
    """Raise `ModelError` where an HDF5 file takes groups or numbers from another file: any that its reader may read.

    ``content`` is the file opened, where it is no file at ``path`` but a part of that.
    """
    import h5py

    try:
        with h5py.File(content or path) as file:
            elsewhere = _elsewhere(file)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: it is damaged: {brief(error)}", hint="copy it again") from error
    if elsewhere is not None:
        raise ModelError(
            f"{path}: its {elsewhere[:80]!r} is in another file, and farm reads no other files for a model",
            hint="save it whole: `model.save('model.h5')`",
        )


def _elsewhere(top: Any) -> str | None:
    import h5py

    left, visited = [top], {top.id.__hash__()}
    while left:
        group = left.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                return f"{group.name.rstrip('/')}/{name}"
            if isinstance(link, h5py.SoftLink):  # what it leads to has a link of its own
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                return str(item.name)
            if isinstance(item, h5py.Group) and item.id.__hash__() not in visited:
                visited.add(item.id.__hash__())
                left.append(item)
    return None
