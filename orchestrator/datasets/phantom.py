"""Synthetic chest-radiograph phantoms with the 14 findings of ChestX-ray14: no patient, nothing to download.

Every finding is a caricature of what it looks like on a radiograph, faint enough, and enough disturbed by anatomy that
varies from patient to patient, that a small network makes mistakes: quantization needs something to lose.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.datasets.base import Images, resized
from orchestrator.datasets.blocks import Listing, regrouped
from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Part, Task

    Field = NDArray[np.floating[Any]]

#: Names and order of ChestX-ray14 (Wang et al., CVPR 2017).
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
#: Phantoms are drawn at this many pixels a side; other sizes are resized from it.
DRAWN = 64
#: Raised whenever the drawing changes, so that nothing built on older phantoms is found again.
DRAWING = 1
IMAGES_PER_PATIENT = 3
#: Some 100 MB at 1024 × 1024.
RESIZED_AT_ONCE = 100
#: How likely each finding is in each image, independently.
PREVALENCE = 0.16
#: Contrast of the findings; with 1.0 the small network hardly errs, with 0.6 it sees no nodules.
STRENGTH = 0.8
#: Patients of each part; images are three times as many.
PATIENTS = {"train": 2700, "validation": 200, "calibration": 70, "evaluation": 340}
_STREAMS = {"train": 1, "validation": 2, "calibration": 3, "evaluation": 4}


class Phantom:
    """The dataset ``phantom``.

    ``seed`` draws other patients; ``patients`` says how many the evaluation part has; ``labelled: false`` leaves images alone, for
    the latency of any model.
    """

    task: Task = "multi-label"
    synthetic = True
    classes: tuple[str, ...] = FINDINGS

    def __init__(
        self,
        *,
        seed: int = 0,
        patients: int = PATIENTS["evaluation"],
        labelled: bool = True,
        name: str = "phantom",
    ) -> None:
        if patients < 1 or seed < 0:
            raise DatasetError(f"phantom: seed {seed} and patients {patients}: at least 0 and 1")
        self.name = name
        if not labelled:
            self.classes = ()
        self._seed = seed
        self._patients = PATIENTS | {"evaluation": patients}

    def load(self, part: Part, *, height: int, width: int, limit: int | None = None) -> Images:
        """Draw a part: the same bits each time, whatever other parts are drawn; ``limit`` keeps its first images."""
        listing = self.listing(part)
        count = len(listing.labels[:limit])
        empty = np.empty((0, height, width, 1), np.uint8)
        return Images(
            pixels=np.concatenate([empty, *self._resized(part, np.arange(count), height, width)]),
            labels=listing.labels[:count],
            patients=listing.patients[:count],
            names=listing.names[:count],
        )

    def listing(self, part: Part) -> Listing:
        """Return the labels, patients and names of a part, drawing no image."""
        labels, owner = _findings(self._rng(part), self._patients[part])
        owners = tuple(f"{part}-{number:05d}" for number in owner)
        names = tuple(f"{owner}-{place % IMAGES_PER_PATIENT}" for place, owner in enumerate(owners))
        return Listing(labels=labels[:, : len(self.classes)], patients=owners, names=names)

    def blocks(
        self, part: Part, rows: Sequence[int], *, height: int, width: int, images: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Draw some images of a part, and those before them; yield so many at a time."""
        return regrouped(self._resized(part, np.asarray(rows, np.int64), height, width), images)

    def _resized(self, part: Part, rows: NDArray[np.int64], height: int, width: int) -> Iterator[NDArray[np.uint8]]:
        rng = self._rng(part)
        labels, owner = _findings(rng, self._patients[part])
        start = 0
        for drawn in _drawn(rng, labels, owner):
            chosen = rows[(rows >= start) & (rows < start + len(drawn))] - start
            for some in range(0, len(chosen), RESIZED_AT_ONCE):
                yield resized(drawn[chosen[some : some + RESIZED_AT_ONCE], ..., None], height, width)
            start += len(drawn)
            if not len(rows) or start > rows[-1]:
                return

    def _rng(self, part: Part) -> np.random.Generator:
        return np.random.default_rng([self._seed, DRAWING, _STREAMS[part]])

    def summary(self) -> DatasetSummary:
        """Return how many images each part has; which findings they show is known when they are drawn."""
        return DatasetSummary(
            name=self.name,
            synthetic=True,
            parts=tuple(
                PartSummary(part=part, images=patients * IMAGES_PER_PATIENT)
                for part, patients in self._patients.items()
            ),
            patients=sum(self._patients.values()),
        )

    def fingerprint(self) -> str:
        """Hash what decides every pixel."""
        recipe: dict[str, Any] = {"phantom": DRAWING, "seed": self._seed, "patients": self._patients}
        if not self.classes:
            recipe["labelled"] = False
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def draw(
    rng: np.random.Generator, patients: int, *, strength: float = STRENGTH
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Return pixels [n, 64, 64], labels [n, 14] and patient numbers [n] of ``patients`` patients, three images each."""
    labels, owner = _findings(rng, patients)
    return np.concatenate(list(_drawn(rng, labels, owner, strength))), labels, owner


def _findings(rng: np.random.Generator, patients: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return labels and patient numbers: the first that is drawn."""
    owner = np.repeat(np.arange(patients), IMAGES_PER_PATIENT)
    return (rng.random((len(owner), len(FINDINGS))) < PREVALENCE).astype(np.uint8), owner


def _drawn(
    rng: np.random.Generator, labels: NDArray[np.uint8], owner: NDArray[np.int64], strength: float = STRENGTH
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels of some patients after the others, [n, 64, 64]; the labels were drawn by ``rng`` before."""
    step = 300 * IMAGES_PER_PATIENT  # patients at a time: some 100 MB of floats
    for start in range(0, len(owner), step):
        batch = slice(start, start + step)
        canvas = _Canvas.of(rng, owner[batch] - owner[start])
        shown = labels[batch].astype(np.float32)[:, :, None, None] * strength
        image = _anatomy(canvas)
        image += _in_the_lungs(canvas, shown)
        image += _of_the_lungs(canvas, shown)
        image += _beside_the_lungs(canvas, shown)
        yield _exposed(canvas, image)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """Coordinates from -1 to 1, and the anatomy of the patients on it; every field broadcasts to [n, 64, 64]."""

    rng: np.random.Generator
    owner: NDArray[np.int64]
    x: Field
    y: Field
    #: How far the patient stands off the centre.
    off_x: Field
    off_y: Field
    lung_width: Field
    lung_height: Field
    lung_gap: Field
    #: Left and right lung, 0..1.
    lungs: tuple[Field, Field]
    #: Noise with the grain of vessels, unit variance.
    grain: Field

    @classmethod
    def of(cls, rng: np.random.Generator, owner: NDArray[np.int64]) -> _Canvas:
        axis = np.linspace(-1, 1, DRAWN, dtype=np.float32)
        y, x = (field[None] for field in np.meshgrid(axis, axis, indexing="ij"))
        off_x, off_y = (_uniform(rng, len(owner), -0.05, 0.05) for _ in range(2))
        width, height = _of_patients(rng, owner, 0.30, 0.40), _of_patients(rng, owner, 0.58, 0.72)
        gap = _of_patients(rng, owner, 0.40, 0.48)
        noise = rng.normal(0, 1, (len(owner), DRAWN, DRAWN)).astype(np.float32)
        grain = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + np.roll(noise, (1, 1), (1, 2))) / 2
        left, right = (_ellipse(x - side * gap - off_x, y - off_y, width, height, 6) for side in (-1, 1))
        return cls(
            rng=rng,
            owner=owner,
            x=x,
            y=y,
            off_x=off_x,
            off_y=off_y,
            lung_width=width,
            lung_height=height,
            lung_gap=gap,
            lungs=(left, right),
            grain=grain,
        )

    @property
    def lung(self) -> Field:
        """Both lungs."""
        return np.clip(self.lungs[0] + self.lungs[1], 0, 1)

    @property
    def hila(self) -> Field:
        """Where vessels enter the lungs."""
        across = (np.abs(self.x - self.off_x) - 0.22) / 0.25
        hila: Field = np.exp(-(across**2) - (self.y / 0.5) ** 2)
        return hila

    def each(self, low: float, high: float) -> Field:
        """Return a value for every image."""
        return _uniform(self.rng, len(self.owner), low, high)

    def patients(self, low: float, high: float) -> Field:
        """Return a value for every patient, nearly the same in each of their images."""
        return _of_patients(self.rng, self.owner, low, high)

    def one_side(self) -> tuple[Field, Field, Field]:
        """Choose a lung for every image; return its sign (-1 left), the x of its centre, and its field."""
        sign = np.where(self.rng.random(len(self.owner)) < 0.5, -1, 1).astype(np.float32)[:, None, None]
        return sign, sign * self.lung_gap + self.off_x, np.where(sign < 0, *self.lungs)

    def contrast(self) -> Field:
        """How well a finding shows, around 1."""
        return self.each(0.6, 1.4)


def _anatomy(canvas: _Canvas) -> Field:
    x, y = canvas.x - canvas.off_x, canvas.y
    body = _ellipse(x, y - canvas.off_y + 0.15, 0.95, 1.25, 10)
    image = 0.62 * body - canvas.patients(0.30, 0.40) * canvas.lung
    ribs = np.sin((y + 0.35 * np.abs(x)) * canvas.patients(18, 24) + canvas.patients(0, 6))
    image += canvas.patients(0.03, 0.06) * ribs * body
    spine: Field = 0.12 * np.exp(-((x / 0.09) ** 2)) * body
    return image + spine


def _in_the_lungs(canvas: _Canvas, shown: Field) -> Field:
    """Atelectasis, infiltration, mass, nodule, pneumonia, consolidation: bright places in one lung."""
    y = canvas.y
    _, middle, lung = canvas.one_side()
    band = y - canvas.each(0.05, 0.40) - 0.2 * (canvas.x - middle)
    image = shown[:, 0] * canvas.contrast() * 0.24 * np.exp(-((band / 0.06) ** 2)) * lung

    _, middle, lung = canvas.one_side()
    field = _ellipse(canvas.x - middle, y - canvas.each(-0.3, 0.2), 0.26, 0.34, 3) * lung
    image += shown[:, 3] * canvas.contrast() * (0.05 + 0.055 * canvas.grain) * field

    for finding, brightness, radius, softness in ((4, 0.20, (0.12, 0.17), 3), (5, 0.38, (0.05, 0.07), 2)):
        _, middle, _ = canvas.one_side()
        across = canvas.x - middle - canvas.each(-0.13, 0.13)
        along = y - canvas.each(-0.4, 0.35)
        spot = _ellipse(across, along, canvas.each(*radius), canvas.each(*radius), softness)
        image += shown[:, finding] * canvas.contrast() * brightness * spot

    for finding, brightness, place, softness in ((6, 0.12, (0.15, 0.40), 2), (8, 0.14, (-0.5, -0.3), 6)):
        _, middle, lung = canvas.one_side()
        lobe = _ellipse(canvas.x - middle, y - canvas.each(*place), 0.27, 0.22, softness)
        image += shown[:, finding] * canvas.contrast() * brightness * lobe * lung
    return image


def _of_the_lungs(canvas: _Canvas, shown: Field) -> Field:
    """Edema, emphysema, fibrosis: both lungs, as a whole; and the vessels that are always there."""
    lung = canvas.lung
    image = shown[:, 9] * canvas.contrast() * 0.11 * canvas.hila * lung
    image -= shown[:, 10] * canvas.contrast() * 0.06 * lung
    net = np.sin(canvas.x * 45 + 3 * canvas.grain) * np.sin(canvas.y * 45)
    image += shown[:, 11] * canvas.contrast() * 0.09 * net * lung * (canvas.y > 0)
    vessels: Field = canvas.grain * (0.05 * (1 - 0.5 * shown[:, 10]) + 0.06 * canvas.hila) * lung * 0.8
    return image + vessels


def _beside_the_lungs(canvas: _Canvas, shown: Field) -> Field:
    """Cardiomegaly, effusion, pneumothorax, pleural thickening, hernia: what the edges of lungs and heart show."""
    x, y = canvas.x - canvas.off_x, canvas.y
    heart = canvas.patients(0.22, 0.30) + shown[:, 1] * canvas.each(0.05, 0.13)
    image = 0.26 * _ellipse(x - 0.13, y - 0.42, heart, 0.30, 5)

    _, middle, lung = canvas.one_side()
    surface = y - canvas.off_y - canvas.each(0.28, 0.50) - 0.25 * np.abs(canvas.x - middle)
    image += shown[:, 2] * canvas.contrast() * 0.20 * lung * _sigmoid(18 * surface)

    sign, middle, lung = canvas.one_side()
    outside = np.clip(sign * (canvas.x - middle) / canvas.lung_width - 0.45, 0, 0.5) * (y < 0.1)
    image -= shown[:, 7] * canvas.contrast() * 0.15 * np.minimum(1, 4 * outside) * lung

    sign, middle, _ = canvas.one_side()
    rim = ((canvas.x - middle) / canvas.lung_width) ** 2 + (y / canvas.lung_height) ** 2 - 1
    outer = (sign * (canvas.x - middle) > 0.1) & (np.abs(y) < 0.5)
    image += shown[:, 12] * canvas.contrast() * 0.20 * np.exp(-((rim / 0.16) ** 2)) * outer

    bubble = _ellipse(x - canvas.each(-0.06, 0.12), y - canvas.off_y - 0.55, 0.11, 0.095, 4)
    gas: Field = shown[:, 13] * canvas.contrast() * 0.17 * bubble
    return image - gas


def _exposed(canvas: _Canvas, image: Field) -> NDArray[np.uint8]:
    """Add the detector's noise and the exposure's brightness."""
    noise = canvas.rng.normal(0, 0.045, image.shape).astype(np.float32)
    exposed = (image + noise + 0.12 + canvas.each(-0.05, 0.05)) * canvas.each(0.85, 1.15)
    exposure: NDArray[np.uint8] = (np.clip(exposed, 0, 1) * 255).astype(np.uint8)
    return exposure


def _ellipse(x: Field, y: Field, radius_x: Field | float, radius_y: Field | float, softness: float) -> Field:
    """Return 1 inside, 0 outside, with a soft edge."""
    return _sigmoid(-softness * ((x / radius_x) ** 2 + (y / radius_y) ** 2 - 1))


def _sigmoid(z: Field) -> Field:
    result: Field = 1 / (1 + np.exp(np.clip(-z, -30, 30)))
    return result


def _uniform(rng: np.random.Generator, count: int, low: float, high: float) -> Field:
    return rng.uniform(low, high, count).astype(np.float32)[:, None, None]


def _of_patients(rng: np.random.Generator, owner: NDArray[np.int64], low: float, high: float) -> Field:
    own = rng.uniform(low, high, int(owner[-1]) + 1)[owner] + rng.normal(0, (high - low) * 0.05, len(owner))
    return own.astype(np.float32)[:, None, None]
