"""Keras architectures by name, each with a score for every class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator import registry
from orchestrator.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Architecture -> least height and width in pixels that Keras takes; the others take any.
LEAST_SIDE = dict.fromkeys(
    ("mobilenetv2", "mobilenetv2-1.0", "mobilenetv3large", "efficientnetb0", "resnet50", "densenet121"), 32
)
#: Keras's own 0.99 leaves the moving averages far behind after the few hundred steps of a short training.
BATCH_NORM_MOMENTUM = 0.9


def check_sides(architecture: str, height: int, width: int) -> None:
    """Raise `ModelError` for an image that is too small for ``architecture``, without Keras."""
    least = LEAST_SIDE.get(architecture, 1)
    if min(height, width) < least:
        raise ModelError(
            f"architecture {architecture} takes images of at least {least} × {least} pixels, not {height} × {width}",
            hint=f"choose size {least} or more, or tiny-cxr, which takes any",
        )


def build(architecture: str, height: int, width: int, channels: int, outputs: int, **settings: Any) -> Any:
    """Return an untrained network by name; raises `ModelError` where it refuses such images or outputs."""
    check_sides(architecture, height, width)
    try:
        return registry.find("architecture", architecture)(height, width, channels, outputs, **settings)
    except ValueError as error:
        raise ModelError(
            f"architecture {architecture} can't be built for {height} × {width} × {channels} pixels: {error}"
        ) from error


def tiny_cxr(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained depthwise-separable network of some 39,000 parameters."""
    stem, blocks = {"filters": 16, "kernel_size": 3, "strides": 2}, ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1))
    return _separable("tiny_cxr", (height, width, channels), stem, blocks, _findings(outputs, activation))


def small_cxr(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained depthwise-separable network of some 490,000 parameters, 120 million MACs at 128 × 128 pixels."""
    stem = {"filters": 64, "kernel_size": 9, "strides": 4}
    blocks = ((128, 1), (128, 1), (256, 2), *[(256, 1)] * 4, (256, 2), (256, 1))
    return _separable("small_cxr", (height, width, channels), stem, blocks, _findings(outputs, activation))


def _separable(
    name: str,
    image: tuple[int, int, int],
    stem: Mapping[str, int],
    blocks: Sequence[tuple[int, int]],
    head: Any,
) -> Any:
    """Return a MobileNet (Howard et al., 2017): a convolution, then depthwise-separable blocks of (filters, stride)."""
    import keras
    from keras import layers

    def normalised(x: Any) -> Any:
        return layers.ReLU(6.0)(layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x))

    inputs = layers.Input(image, name="image")
    x = normalised(layers.Conv2D(**stem, padding="same", use_bias=False)(inputs))
    for filters, strides in blocks:
        x = normalised(layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x))
        x = normalised(layers.Conv2D(filters, 1, use_bias=False)(x))
    return keras.Model(inputs, head(layers.GlobalAveragePooling2D()(x)), name=name)


def _findings(outputs: int, activation: str) -> Any:
    from keras import layers

    return layers.Dense(outputs, activation=activation, name="findings")


def mobilenetv2(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained MobileNetV2 of half width (Sandler et al., CVPR 2018), some 700,000 parameters."""
    import keras

    return _headed(keras.applications.MobileNetV2, height, width, channels, outputs, activation=activation, alpha=0.5)


def mobilenetv2_full(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained MobileNetV2 of full width (Sandler et al., CVPR 2018), some 2.3 million parameters."""
    import keras

    return _headed(keras.applications.MobileNetV2, height, width, channels, outputs, activation=activation)


def mobilenetv3_large(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained MobileNetV3Large (Howard et al., ICCV 2019), some 3 million parameters."""
    import keras

    return _headed(
        keras.applications.MobileNetV3Large,
        height,
        width,
        channels,
        outputs,
        activation=activation,
        include_preprocessing=False,
    )


def efficientnetb0(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained EfficientNetB0 (Tan & Le, ICML 2019), some 4 million parameters; it rescales pixels itself."""
    import keras

    return _headed(keras.applications.EfficientNetB0, height, width, channels, outputs, activation=activation)


def resnet50(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained ResNet50 (He et al., CVPR 2016), some 24 million parameters."""
    import keras

    return _headed(keras.applications.ResNet50, height, width, channels, outputs, activation=activation)


def densenet121(height: int, width: int, channels: int, outputs: int, activation: str = "sigmoid") -> Any:
    """Return an untrained DenseNet121 (Huang et al., CVPR 2017; the network of CheXNet), some 7 million parameters."""
    import keras

    return _headed(keras.applications.DenseNet121, height, width, channels, outputs, activation=activation)


def _headed(
    application: Any, height: int, width: int, channels: int, outputs: int, *, activation: str, **settings: Any
) -> Any:
    """Put a pooled head on a network of `keras.applications`, without weights: they would be a download."""
    import keras
    from keras import layers

    body = application(
        input_shape=(height, width, channels), include_top=False, weights=None, pooling="avg", **settings
    )
    for layer in body.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    x = layers.Dropout(0.2)(body.output)
    return keras.Model(body.input, _findings(outputs, activation)(x), name=body.name)
