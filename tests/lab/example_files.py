"""Files that examples name: networks of any size, images in the layout of ChestX-ray14."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from orchestrator.datasets.chestxray14 import FINDINGS

SHIPPED = Path(__file__).parents[2] / "orchestrator" / "models" / "weights" / "tiny-cxr.keras"


def keras_file(path: Path, *, size: int, channels: int, outputs: int) -> None:
    """Write the shipped network for other images and findings: what `farm models train` would leave; a plan reads no weights."""
    with zipfile.ZipFile(SHIPPED) as shipped, zipfile.ZipFile(path, "w") as written:
        for name in shipped.namelist():
            content = shipped.read(name)
            if name == "config.json":
                content = content.replace(b"[null, 64, 64, 1]", f"[null, {size}, {size}, {channels}]".encode())
                content = content.replace(b'"units": 14', f'"units": {outputs}'.encode())
            written.writestr(name, content)


def chestxray14(folder: Path) -> None:
    """Write 42 patients with an image each: the findings in turn, every sixth patient is tested."""
    (folder / "images").mkdir(parents=True)
    rows, lists = ["Image Index,Finding Labels,Patient ID"], {"train_val_list.txt": [], "test_list.txt": []}
    for patient in range(42):
        name = f"{patient:08d}_000.png"
        Image.fromarray(np.full((8, 8), patient, np.uint8)).save(folder / "images" / name)
        rows.append(f"{name},{FINDINGS[patient % 14]},{patient}")
        lists["train_val_list.txt" if patient % 6 else "test_list.txt"].append(name)
    (folder / "Data_Entry_2017_v2020.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name, images in lists.items():
        (folder / name).write_text("\n".join(images) + "\n", encoding="utf-8")
