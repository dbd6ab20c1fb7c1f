"""What synthetic chest radiographs show, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

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
IMAGES_PER_PATIENT = 3
#: How likely each finding is in each image, independently.
PREVALENCE = 0.16
#: Contrast of the findings; with 1.0 the small network hardly errs, with 0.6 it sees no nodules.
STRENGTH = 0.8


def draw(
    rng: np.random.Generator, patients: int, *, strength: float = STRENGTH
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Return pixels [n, 64, 64], labels [n, 14] and patient numbers [n] of ``patients`` patients, three images each."""
    labels, owner = draw_findings(rng, patients)
    return np.concatenate(list(drawn(rng, labels, owner, strength))), labels, owner


def draw_findings(rng: np.random.Generator, patients: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return labels and patient numbers: the first that is drawn."""
    owner = np.repeat(np.arange(patients), IMAGES_PER_PATIENT)
    return (rng.random((len(owner), len(FINDINGS))) < PREVALENCE).astype(np.uint8), owner


def drawn(
    rng: np.random.Generator,
    labels: NDArray[np.uint8],
    owner: NDArray[np.int64],
    strength: float = STRENGTH,
    *,
    rows: NDArray[np.int64] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels of some patients after the others, [n, 64, 64]; the labels were drawn by ``rng`` before.

    ``rows``, in ascending order, are the images that are wanted: the others cost their random numbers alone.
    """
    step = 300 * IMAGES_PER_PATIENT  # patients at a time: some 100 MB of floats
    rows = np.arange(len(owner)) if rows is None else rows
    for start in range(0, int(rows[-1]) + 1, step):
        batch = slice(start, start + step)
        chosen = rows[(rows >= start) & (rows < start + step)] - start
        canvas = _Canvas.of(rng, owner[batch] - owner[start], chosen)
        shown = labels[batch][chosen].astype(np.float32)[:, :, None, None] * strength
        image = _anatomy(canvas)
        image += _in_the_lungs(canvas, shown)
        image += _of_the_lungs(canvas, shown)
        image += _beside_the_lungs(canvas, shown)
        yield _exposed(canvas, image)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """Coordinates from -1 to 1, and the anatomy of the patients on it; every field broadcasts to [n, 64, 64].

    Chance is drawn for every image of ``owner``, so that ``rows``, the n that are wanted, are the same whichever they are.
    """

    rng: np.random.Generator
    owner: NDArray[np.int64]
    rows: NDArray[np.int64]
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
    def of(cls, rng: np.random.Generator, owner: NDArray[np.int64], rows: NDArray[np.int64]) -> _Canvas:
        axis = np.linspace(-1, 1, DRAWN, dtype=np.float32)
        y, x = (field[None] for field in np.meshgrid(axis, axis, indexing="ij"))
        off_x, off_y = (_uniform(rng, len(owner), -0.05, 0.05)[rows] for _ in range(2))
        width, height, gap = (
            _of_patients(rng, owner, *between)[rows] for between in ((0.30, 0.40), (0.58, 0.72), (0.40, 0.48))
        )
        noise = _noise(rng, len(owner), 1)[rows].astype(np.float32)
        grain = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + np.roll(noise, (1, 1), (1, 2))) / 2
        left, right = (_ellipse(x - side * gap - off_x, y - off_y, width, height, 6) for side in (-1, 1))
        return cls(
            rng=rng,
            owner=owner,
            rows=rows,
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
        return _uniform(self.rng, len(self.owner), low, high)[self.rows]

    def patients(self, low: float, high: float) -> Field:
        """Return a value for every patient, nearly the same in each of their images."""
        return _of_patients(self.rng, self.owner, low, high)[self.rows]

    def one_side(self) -> tuple[Field, Field, Field]:
        """Choose a lung for every image; return its sign (-1 left), the x of its centre, and its field."""
        sign = np.where(self.rng.random(len(self.owner))[self.rows] < 0.5, -1, 1).astype(np.float32)[:, None, None]
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
    noise = _noise(canvas.rng, len(canvas.owner), 0.045)[canvas.rows].astype(np.float32)
    exposed = (image + noise + 0.12 + canvas.each(-0.05, 0.05)) * canvas.each(0.85, 1.15)
    exposure: NDArray[np.uint8] = (np.clip(exposed, 0, 1) * 255).astype(np.uint8)
    return exposure


def _ellipse(x: Field, y: Field, radius_x: Field | float, radius_y: Field | float, softness: float) -> Field:
    """Return 1 inside, 0 outside, with a soft edge."""
    return _sigmoid(-softness * ((x / radius_x) ** 2 + (y / radius_y) ** 2 - 1))


def _sigmoid(z: Field) -> Field:
    result: Field = 1 / (1 + np.exp(np.clip(-z, -30, 30)))
    return result


def _noise(rng: np.random.Generator, count: int, deviation: float) -> NDArray[np.float64]:
    return rng.normal(0, deviation, (count, DRAWN, DRAWN))


def _uniform(rng: np.random.Generator, count: int, low: float, high: float) -> Field:
    return rng.uniform(low, high, count).astype(np.float32)[:, None, None]


def _of_patients(rng: np.random.Generator, owner: NDArray[np.int64], low: float, high: float) -> Field:
    own = rng.uniform(low, high, int(owner[-1]) + 1)[owner] + rng.normal(0, (high - low) * 0.05, len(owner))
    return own.astype(np.float32)[:, None, None]
