"""The image files of one class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.datasets import dicom
from orchestrator.datasets.file_names import shown, shown_name
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

#: Endings that Pillow or pydicom decodes; of files with several frames the first is read.
ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm"}
    | {".jp2", ".j2k"}
    | dicom.ENDINGS
)
#: A folder inside a class that holds its images; masks and the like lie beside it.
IMAGE_FOLDERS = frozenset({"images", "image", "imgs", "img"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFiles:
    """The images below a class folder, in an order that never changes."""

    images: tuple[Path, ...]
    #: Why files were left out -> how many.
    left_out: Counter[str]


def class_files(folder: Path) -> ClassFiles:
    """Return the images in ``folder``, or one level deeper in ``images/`` or its only folder with images.

    Hidden files do not count, nor do DICOM files beside pictures. Raises `DatasetError` where there is no image, or it is unclear which folder holds them.
    """
    entries = sorted(entry for entry in folder.iterdir() if entry.name[0] != ".")
    files = [entry for entry in entries if not entry.is_dir()]
    inner = {entry: sorted(_visible_files(entry)) for entry in entries if entry.is_dir()}
    everything = [*files, *(path for paths in inner.values() for path in paths)]
    # DICOM beside pictures is most often where they were made from: read both, and images would count twice
    taken = ENDINGS - dicom.ENDINGS if any(_has(path, ENDINGS - dicom.ENDINGS) for path in everything) else ENDINGS

    def _is_image(path: Path) -> bool:
        return _has(path, taken)

    images = [path for path in files if _is_image(path)]
    left_out = Counter(_ending(path) for path in files if not _is_image(path))
    with_images = [entry for entry, paths in inner.items() if any(map(_is_image, paths))]
    chosen = [entry for entry in with_images if entry.name.lower() in IMAGE_FOLDERS]
    if not images and not chosen and len(with_images) == 1:
        chosen = with_images
    if not images and not chosen and with_images:
        names = ", ".join(shown_name(entry) for entry in with_images[:3])
        raise DatasetError(
            f"{shown(folder)}: its images are in {len(with_images)} folders ({names}{', …' if len(with_images) > 3 else ''})",
            hint=f"move the images that count into {shown(folder)} or {shown(folder / 'images')}",
        )
    for entry, paths in inner.items():
        if entry in chosen:
            images += [path for path in paths if _is_image(path)]
            left_out.update(_ending(path) for path in paths if not _is_image(path))
        elif paths:
            left_out[f"in {shown_name(entry)}/"] += len(paths)
    if not images:
        raise DatasetError(f"{shown(folder)}: no image in it{_instead(left_out)}", hint=_remedy())
    return ClassFiles(images=tuple(images), left_out=left_out)


def spread(groups: Sequence[object], limit: int) -> list[int]:
    """Return at most ``limit`` positions of ``groups``, as many of every group as possible, evenly spaced in each."""
    positions: dict[object, list[int]] = {}
    for position, group in enumerate(groups):
        positions.setdefault(group, []).append(position)
    shares = dict.fromkeys(positions, 0)
    left = min(limit, len(groups))
    while left:
        for group, places in positions.items():
            if left and shares[group] < len(places):
                shares[group] += 1
                left -= 1
    return sorted(
        places[i * len(places) // shares[group]] for group, places in positions.items() for i in range(shares[group])
    )


def _has(path: Path, endings: frozenset[str]) -> bool:
    return path.suffix.lower() in endings


def _ending(path: Path) -> str:
    return shown_name(path.with_name(path.suffix.lower())) if path.suffix else "no ending"


def _visible_files(folder: Path) -> Iterable[Path]:
    return (entry for entry in folder.iterdir() if entry.name[0] != "." and entry.is_file())


def _instead(left_out: Counter[str]) -> str:
    return f" ({', '.join(f'{count} {why}' for why, count in left_out.most_common(3))})" if left_out else ""


def _remedy() -> str:
    return f"expected files that end in {', '.join(sorted(ENDINGS))}"
