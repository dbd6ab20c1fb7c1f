"""Durations as they were sampled, packed from the device to the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

#: Of one sample, on the wire, in memory, in the database.
SAMPLE_BYTES = 8


@dataclass(frozen=True, slots=True, repr=False)
class Samples:
    """Durations in ns, in order; ``data`` is int64 little-endian. Raises `ValueError` where it ends in half a sample."""

    data: bytes = b""

    def __post_init__(self) -> None:
        if len(self.data) % SAMPLE_BYTES:
            raise ValueError(f"{len(self.data)} bytes are no whole number of samples of {SAMPLE_BYTES} bytes")

    @classmethod
    def of(cls, values: Iterable[int]) -> Self:
        """Pack integers; raises `OverflowError` beyond 64 bits."""
        import numpy as np

        return cls(np.fromiter(values, "<i8").tobytes())

    def __repr__(self) -> str:
        """Return how many there are: a million of them fill a screen."""
        return f"Samples({len(self)})"

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.data) // SAMPLE_BYTES

    def array(self) -> NDArray[np.int64]:
        """Return the samples as int64 of shape [n], read-only, without a copy."""
        import numpy as np

        return np.frombuffer(self.data, "<i8")
