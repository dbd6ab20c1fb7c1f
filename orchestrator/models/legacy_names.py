"""Names that a file of Keras 2 may have: of what only computes."""

from __future__ import annotations

import re

#: Modules that a file's classes may come from; legacy Keras imports any module that a file names.
PACKAGES = re.compile(
    r"builtins|(?:tf_)?keras(?:\.src)?(?:\.(?:activations|constraints|engine|initializers|layers|losses|metrics|mixed_precision"
    r"|models|optimizers|regularizers)(?:\.\w+)*)?"
)
#: Modules that its functions may come from: the others load models, fetch addresses, write files.
ACTIVATION_PACKAGES = re.compile(r"builtins|(?:tf_)?keras(?:\.src)?\.activations")
#: Functions of TensorFlow's that Keras 2 names in a file (``TFOpLambda``) and that only compute.
ARITHMETIC = (
    *("__operators__.", "math.", "nn.", "image.", "linalg.", "signal."),
    *("keras.activations.", "keras.backend."),
)
FUNCTIONS = frozenset(
    {"add", "cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "gather", "identity", "maximum"}
    | {"minimum", "multiply", "ones_like", "pad", "reshape", "reverse", "shape", "slice", "split", "squeeze", "stack"}
    | {"strided_slice", "subtract", "tile", "transpose", "unstack", "where", "zeros_like", "compat.v1.shape"}
)
ACTIVATIONS = frozenset(
    {
        "elu",
        "exponential",
        "gelu",
        "hard_sigmoid",
        "hard_swish",
        "leaky_relu",
        "linear",
        "mish",
        "relu",
        "relu6",
        "selu",
    }
    | {"sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh"}
)
#: Layers of a function of TensorFlow's, which their configuration names.
OPERATORS = frozenset({"TFOpLambda", "SlicingOpLambda"})
_DIMENSIONS = re.compile(
    r"(?:(?:Average|Max|Global(?:Average|Max))Pooling|(?:Avg|Max|GlobalAvg|GlobalMax)Pool|(?:Depthwise|Separable)?Conv"
    r"|(?:Separable)?Convolution|Conv(?=\dDTranspose)|Convolution(?=\dDTranspose)|ConvLSTM|Cropping|LocallyConnected"
    r"|SpatialDropout|UpSampling|ZeroPadding)[123]D(?:Transpose)?"
)
#: Layers, and what configurations of layers hold. Not among them: layers that carry Python code (``Lambda``), that run any
#: operator or method by its name (``TensorFlowOpLayer``, ``ClassMethod``, ``InstanceMethod``), or that read files
#: (``StringLookup``, ``TextVectorization``, …).
_CLASSES = frozenset(
    {"Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout", "Attention", "Average"}
    | {"BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "Bidirectional", "CategoryEncoding"}
    | {"CenterCrop", "Concatenate", "Dense", "Discretization", "Dot", "Dropout", "ELU", "EinsumDense", "Embedding"}
    | {"Flatten", "Functional", "GRU", "GRUCell", "GaussianDropout", "GaussianNoise", "GroupNormalization", "Identity"}
    | {
        "InputLayer",
        "InputSpec",
        "LSTM",
        "LSTMCell",
        "LayerNormalization",
        "LeakyReLU",
        "Masking",
        "Maximum",
        "Minimum",
    }
    | {"Model", "MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute", "RNN", "RandomBrightness"}
    | {
        "RandomContrast",
        "RandomCrop",
        "RandomFlip",
        "RandomHeight",
        "RandomRotation",
        "RandomTranslation",
        "RandomWidth",
    }
    | {"RandomZoom", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing", "Sequential", "SimpleRNN"}
    | {"SimpleRNNCell", "Softmax", "StackedRNNCells", "Subtract", "SyncBatchNormalization", "ThresholdedReLU"}
    | {"TimeDistributed", "UnitNormalization", *OPERATORS}
    | {"Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Ones"}
    | {"Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros"}
    | {"L1", "L1L2", "L2", "OrthogonalRegularizer", "MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm"}
    | {"Policy", "TensorShape", "__bytes__", "__ellipsis__", "__numpy__", "__tensor__", "__tuple__"}
)


def is_class(name: object) -> bool:
    """Check whether a file may make an object of the class ``name``."""
    return isinstance(name, str) and (name in _CLASSES or _DIMENSIONS.fullmatch(name) is not None)


def is_operator(name: object) -> bool:
    """Check whether a file may call TensorFlow's function ``name``."""
    return isinstance(name, str) and (name.startswith(ARITHMETIC) or name in FUNCTIONS)
