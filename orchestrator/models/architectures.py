"""Keras architectures that `farm models train` can fit; every one ends in sigmoids, one for each class."""

from __future__ import annotations

from typing import Any

#: Keras's own 0.99 leaves the moving averages far behind after the few hundred steps of a short training.
BATCH_NORM_MOMENTUM = 0.9


def tiny_cxr(height: int, width: int, channels: int, outputs: int) -> Any:
    """Return an untrained depthwise-separable network of some 39,000 parameters."""
    import keras
    from keras import layers

    def normalised(x: Any) -> Any:
        return layers.ReLU(6.0)(layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x))

    inputs = layers.Input((height, width, channels), name="image")
    x = normalised(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(inputs))
    for filters, strides in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        x = normalised(layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x))
        x = normalised(layers.Conv2D(filters, 1, use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(outputs, activation="sigmoid", name="findings")(x), name="tiny_cxr")


def mobilenetv2(height: int, width: int, channels: int, outputs: int) -> Any:
    """Return an untrained MobileNetV2 of half width (Sandler et al., CVPR 2018), some 700,000 parameters."""
    import keras

    return _headed(keras.applications.MobileNetV2, height, width, channels, outputs, alpha=0.5)


def densenet121(height: int, width: int, channels: int, outputs: int) -> Any:
    """Return an untrained DenseNet121 (Huang et al., CVPR 2017; the network of CheXNet), some 7 million parameters."""
    import keras

    return _headed(keras.applications.DenseNet121, height, width, channels, outputs)


def _headed(application: Any, height: int, width: int, channels: int, outputs: int, **settings: Any) -> Any:
    """Put a pooled sigmoid head on a network of `keras.applications`, without weights: they would be a download."""
    import keras
    from keras import layers

    body = application(
        input_shape=(height, width, channels), include_top=False, weights=None, pooling="avg", **settings
    )
    for layer in body.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    x = layers.Dropout(0.2)(body.output)
    return keras.Model(body.input, layers.Dense(outputs, activation="sigmoid", name="findings")(x), name=body.name)
