"""A picture of a few images of every class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.datasets.image_files import spread

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.datasets.base import Dataset, Part

#: Height and width of an image in the picture, pixels between images, height of a line of text.
IMAGE, GAP, LINE = 128, 6, 18
#: Images of a class in its row.
COLUMNS = 8
#: Images that are decoded to choose from.
LOOKED_AT = 400


def draw(dataset: Dataset, part: Part, path: Path) -> int:
    """Write a PNG with a row for each class, and one for images of none; returns how many images it shows.

    Raises `DatasetError` for an image that can't be read, `OSError` where ``path`` can't be written.
    """
    from PIL import Image, ImageDraw

    images = dataset.load(part, height=IMAGE, width=IMAGE, limit=LOOKED_AT)
    columns = [(name, (images.labels[:, place] > 0).nonzero()[0]) for place, name in enumerate(dataset.classes)]
    without = (images.labels.sum(axis=1) == 0).nonzero()[0]
    columns.append((f"not {dataset.classes[0]}" if len(columns) == 1 else "none of them", without))
    columns = [(name, rows) for name, rows in columns if len(rows)]
    step = IMAGE + GAP
    sheet = Image.new("RGB", (GAP + COLUMNS * step, GAP + len(columns) * (step + LINE)), "white")
    pen, shown = ImageDraw.Draw(sheet), 0
    for row, (name, rows) in enumerate(columns):
        top = GAP + row * (step + LINE)
        pen.text((GAP, top), f"{name}  ({len(rows)} of {len(images.pixels)})", fill="black")
        for column, place in enumerate(spread([0] * len(rows), COLUMNS)):
            pixels = images.pixels[rows[place]]
            image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
            sheet.paste(image, (GAP + column * step, top + LINE))
            shown += 1
    sheet.save(path, format="PNG")
    return shown
