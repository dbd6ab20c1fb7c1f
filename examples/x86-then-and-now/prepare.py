"""Make the three networks of this example without a training and without a download: ``python prepare.py``.

Keras's own architectures at 224 × 224, with random convolutions. One pass of phantoms sets the statistics of every batch
normalisation, so that activations are of the size that they have in a trained network and quantization has sane ranges; then
the last layer is fitted to the findings. Latency depends on neither; accuracy is enough to see that int8 still computes the
same thing, and means no more than that.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from agent import scoring
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import Preprocess

HERE = Path(__file__).parent
SIZE = 224
#: As suite.yaml says it: pixels become -1..1, on three channels, which the networks of the study have.
PREPROCESS = Preprocess(height=SIZE, width=SIZE, channels=3, scale=1 / 127.5, mean=(1.0,))
#: Images for the batch normalisations: 24 * 7 * 7 values for each channel of the last layers.
STATISTICS = 24
#: Images that the last layer is fitted to.
FITTED = 240
#: Weight of the squared coefficients: a thousand features are not to be fitted to a few hundred images by heart, and the
#: rounding of int8 is not to be blown up.
RIDGE = 1.0
NETWORKS = {
    "densenet121": (keras.applications.DenseNet121, {}),
    "mobilenetv2": (keras.applications.MobileNetV2, {}),
    "mobilenetv3": (keras.applications.MobileNetV3Large, {"include_preprocessing": False}),
}


def main(names: list[str]) -> None:
    """Write ``NAME.keras`` beside this file for each name, all of them where none is given."""
    train = Phantom().load("train", height=SIZE, width=SIZE)
    pixels = scoring.preprocess(train.pixels[:FITTED], PREPROCESS)
    labels = train.labels[:FITTED].astype(np.float64)
    for name in names or NETWORKS:
        keras.utils.set_random_seed(0)
        build, settings = NETWORKS[name]
        body = build(input_shape=(SIZE, SIZE, 3), include_top=False, weights=None, pooling="avg", **settings)
        settle(body, pixels[:STATISTICS])
        features = np.concatenate([np.asarray(body(batch)) for batch in np.array_split(pixels, FITTED // 8)])
        last = keras.layers.Dense(labels.shape[1], activation="sigmoid", name="findings")
        model = keras.Model(body.input, last(body.output), name=name)
        last.set_weights(fitted(features.astype(np.float64), labels))
        model.save(HERE / f"{name}.keras")
        print(f"{name}.keras: {model.count_params():,} parameters")


def settle(body: keras.Model, pixels: np.ndarray) -> None:
    """Give every batch normalisation the statistics of ``pixels`` float32 [n, 224, 224, 3]."""
    normalisations = [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalisations]
    for layer in normalisations:
        layer.momentum = 0.0  # what it sees replaces what it knew
    body(pixels, training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum = momentum


def fitted(features: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Return kernel [columns, findings] and bias [findings] of a ridge logistic regression for each finding."""
    mean, deviation = features.mean(axis=0), features.std()  # of all: a feature that hardly varies stays small
    inputs = (features - mean) / deviation
    kernel = np.zeros((features.shape[1], labels.shape[1]))
    bias = np.zeros(labels.shape[1])

    def loss(weights: np.ndarray, wanted: np.ndarray) -> tuple[float, np.ndarray]:
        logits = inputs @ weights[1:] + weights[0]
        wrong = (expit(logits) - wanted) / len(wanted)
        value = np.mean(np.logaddexp(0, logits) - wanted * logits) + RIDGE * weights[1:] @ weights[1:] / 2
        return float(value), np.concatenate([[wrong.sum()], inputs.T @ wrong + RIDGE * weights[1:]])

    for column, wanted in enumerate(labels.T):
        found = minimize(loss, np.zeros(features.shape[1] + 1), (wanted,), method="L-BFGS-B", jac=True).x
        kernel[:, column] = found[1:] / deviation
        bias[column] = found[0] - mean @ kernel[:, column]
    return [kernel.astype(np.float32), bias.astype(np.float32)]


if __name__ == "__main__":
    main(sys.argv[1:])
