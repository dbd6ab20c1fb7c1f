"""Scores for images: pixels in, float32 scores out, whatever the artifact's number type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Protocol

import numpy as np

from agent.runtimes.base import FREE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.runtimes.base import Loaded, Tensor

#: The sides of images [n, height, width, channels] in the order that an input takes them (NHWC, NCHW).
CHANNELS_LAST = (0, 1, 2, 3)
CHANNELS_FIRST = (0, 3, 1, 2)


class Preprocess(Protocol):
    """The fields that `agent.wire.Preprocess` shares with the controller's: both ends prepare images with this module."""

    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def scale(self) -> float: ...  # noqa: D102
    @property
    def mean(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def std(self) -> tuple[float, ...]: ...  # noqa: D102


class Unscorable(Exception):  # noqa: N818  a fact about artifact and images, not an error of ours
    """The artifact and the images do not fit together, or the scores are no numbers."""


def preprocess(pixels: NDArray[np.uint8], how: Preprocess) -> NDArray[np.float32]:
    """Return float32 [n, height, width, channels] from uint8 pixels [n, height, width, 1 or channels]."""
    if pixels.shape[1:3] != (how.height, how.width) or pixels.shape[3] not in (1, how.channels):
        wanted = (how.height, how.width, how.channels)
        raise Unscorable("the images are %r, the model expects %r" % (pixels.shape[1:], wanted))
    mean = np.asarray(how.mean, dtype=np.float32)
    std = np.asarray(how.std, dtype=np.float32)
    prepared = (pixels.astype(np.float32) * np.float32(how.scale) - mean) / std
    shape = (pixels.shape[0], how.height, how.width, how.channels)
    return np.ascontiguousarray(np.broadcast_to(prepared, shape), dtype=np.float32)


def quantize(values: NDArray[np.float32], tensor: Tensor) -> NDArray[Any]:
    """Return ``values`` in the tensor's own number type: rounded half to even, clipped to its range."""
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    if not tensor.scale:
        raise Unscorable("the artifact's %s input has no scale" % dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(values / np.float32(tensor.scale)) + tensor.zero_point
    clipped: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(dtype)
    return clipped


def dequantize(values: NDArray[Any], tensor: Tensor) -> NDArray[np.float32]:
    """Return the real values of the tensor's numbers, as float32."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if not tensor.scale:
        raise Unscorable("the artifact's %s output has no scale" % values.dtype)
    return (values.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)


def side_by_side(values: Sequence[NDArray[Any]], tensors: Sequence[Tensor], batch: int) -> NDArray[np.float32]:
    """Return the real values of several outputs of ``batch`` images as one output, float32 [batch, columns]."""
    return np.concatenate([dequantize(each, tensors[at]).reshape(batch, -1) for at, each in enumerate(values)], axis=1)


def feed(loaded: Loaded, pixels: NDArray[np.uint8], how: Preprocess, batch: int) -> None:
    """Set the input to the first ``batch`` images, repeating them where there are fewer."""
    values = prepared(loaded, pixels, how, batch)
    if values is not None and loaded.input is not None:
        if FREE in loaded.input.shape:
            loaded.fix(values.shape)  # type: ignore[attr-defined]  # those with free sides have it
        loaded.set_input(values)


def prepared(loaded: Loaded, pixels: NDArray[np.uint8], how: Preprocess, batch: int) -> Optional[NDArray[Any]]:
    """Return the first ``batch`` images as the input takes them, ``None`` where there is no input. Raises `Unscorable`."""
    if loaded.input is None:
        return None
    if not len(pixels):
        raise Unscorable("the dataset has no image")
    order = _order(loaded.input.shape, batch, how)
    chosen = np.asarray(pixels[:batch])
    repeated = np.resize(chosen, (batch, *chosen.shape[1:]))
    return quantize(np.ascontiguousarray(preprocess(repeated, how).transpose(order)), loaded.input)


def _order(shape: tuple[int, ...], batch: int, how: Preprocess) -> tuple[int, ...]:
    """Return in which order an input of ``shape`` takes the sides of (batch, height, width, channels)."""
    sides = (batch, how.height, how.width, how.channels)
    orders = [
        order
        for order in (CHANNELS_LAST, CHANNELS_FIRST)
        if len(shape) == len(order) and all(shape[at] in (FREE, sides[place]) for at, place in enumerate(order))
    ]
    if not orders:
        raise Unscorable("the artifact's input is %r, the case expects %r" % (shape, sides))
    if len(orders) > 1 and FREE in shape:
        raise Unscorable("the artifact's input %r takes %r as channels first and last" % (shape, sides))
    return orders[0]


def scores(
    loaded: Loaded,
    pixels: NDArray[np.uint8],
    how: Preprocess,
    *,
    batch: int,
    classes: int,
    columns: Optional[Sequence[int]] = None,
) -> NDArray[np.float32]:
    """Return float32 scores [n, classes] for uint8 pixels [n, height, width, channels].

    The last batch is filled up with repeated images whose scores are dropped. ``columns`` are those of the output, one for
    each class; without them, a dataset with one class (positive or not) takes the last of two. Raises `Unscorable`.
    """
    if loaded.output is None:
        raise Unscorable("this runtime has no output: there is nothing to score")
    blocks = []
    for start in range(0, len(pixels), batch):
        wanted = min(batch, len(pixels) - start)
        feed(loaded, pixels[start : start + batch], how, batch)
        loaded.invoke()
        values = dequantize(loaded.get_output(), loaded.output)
        blocks.append(_columns(values.reshape(batch, -1)[:wanted], classes, columns))
    scored = np.concatenate(blocks) if blocks else np.zeros((0, classes), np.float32)
    broken = int(np.count_nonzero(~np.isfinite(scored)))
    if broken:
        raise Unscorable("%d of %d scores are not finite numbers" % (broken, scored.size))
    return scored


def _columns(values: NDArray[np.float32], classes: int, chosen: Optional[Sequence[int]]) -> NDArray[np.float32]:
    columns = values.shape[1]
    if chosen is not None:
        if len(chosen) != classes or not all(0 <= column < columns for column in chosen):
            raise Unscorable("columns %r of %d are no %d classes" % (tuple(chosen), columns, classes))
        return values[:, list(chosen)]
    if columns == classes:
        return values.copy()
    if classes == 1 and columns == 2:
        return values[:, 1:].copy()
    raise Unscorable("the artifact has %d output columns, the labels have %d" % (columns, classes))
