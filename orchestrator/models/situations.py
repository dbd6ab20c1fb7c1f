"""Recognised failures of Keras, TensorFlow or its converter, each as a sentence with what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import FarmError, brief

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Operators or names that a sentence lists.
_LISTED = 5
EXPORT = "give farm a SavedModel instead: `model.export('folder')` where that code is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a library says, what that means, what to do."""

    pattern: re.Pattern[str]
    #: ``{}`` is replaced by what the pattern's first group matched, every different one of them.
    sentence: str
    hint: str


def _situation(pattern: str, sentence: str, hint: str) -> Situation:
    return Situation(pattern=re.compile(pattern), sentence=sentence, hint=hint)


#: Reading a file into Keras.
LOADING = (
    _situation(
        r"No model config found",
        "it holds weights alone, no architecture",
        "save the whole model: `model.save('model.keras')`, not `save_weights()`",
    ),
    _situation(
        r"(?i)\blambda\b[^.]*\b(?:deserializ|unsafe|arbitrary)|(?:deserializ|unsafe)[^.]*\blambda\b",
        "it has a Lambda layer, which carries Python code, and farm runs no code from files",
        EXPORT,
    ),
    _situation(
        r"(?:Could not locate (?:class|function)|Unknown (?:layer|object|activation function):) '?(\w+)'?",
        "it has a layer or function of your own, '{}', and farm runs no code from files",
        EXPORT,
    ),
    _situation(
        r"Bad CRC-32|truncated file|[Cc]hecksum|not an sstable|Read less bytes|Unable to read file|JSONDecodeError|Expecting .*: line \d+",
        "it is damaged or cut off",
        "copy it again, or save the model again",
    ),
    _situation(
        r"axes don't match array|expected \d+ variables|weight count mismatch|Layer count mismatch|shape mismatch",
        "its weights do not fit its architecture",
        "save the model again where it was trained: `model.save('model.keras')`",
    ),
)
_HALF = _situation(
    r"tensor<[\dx]*x?b?f16>",
    "it computes in float16 (mixed precision), which TensorFlow's converter refuses",
    "export it under the float32 policy: `keras.config.set_dtype_policy('float32')`, build it, load its weights, export",
)
_CHANNELS_FIRST = _situation(
    r"only supports? (?:the )?NHWC|NCHW.*(?:not supported|CPU)|(?:not supported|CPU).*NCHW",
    "its layers are channels first (NCHW), which TensorFlow computes on GPUs alone",
    "build it with `data_format='channels_last'` (transpose no weights: kernels are stored alike) and save it again",
)
#: Converting a SavedModel to ``.tflite``.
CONVERTING = (
    _situation(
        r"AssignVariableOp|AssignAddVariableOp",
        "its program changes variables while it scores, as layers that augment images do (RandomFlip …)",
        "give farm the .keras file, or export the model without those layers",
    ),
    _HALF,
    _CHANNELS_FIRST,
    _situation(
        r"'tf\.(\w+)' op is neither a custom op nor a flex op",
        "TFLite has no operator for {}",
        "replace it in the model, or measure the Keras model itself: scheme `keras`, runtime `tensorflow`",
    ),
    _situation(
        r"Quantization(?: to \S+)?(?: is)? not yet supported for op:?\s*'?(\w+)",
        "TFLite can't quantize {} by this scheme",
        "other schemes need none: float32, float16, dynamic",
    ),
)
#: Loading a ready ``.tflite`` into LiteRT's interpreter, or computing scores there.
INTERPRETING = (
    _situation(
        r"not a valid Flatbuffer|[Mm]map|model identifier",
        "it is damaged or cut off",
        "copy it again, or convert the model again",
    ),
    _situation(
        r"Select TensorFlow op\(s\)",
        "it needs TensorFlow's own operators (Flex), which LiteRT's kernels lack",
        "convert the model with TFLITE_BUILTINS alone, or give farm the Keras model",
    ),
    _situation(
        r"(?:unresolved custom op: |Didn't find (?:custom )?op for (?:builtin opcode|name) ')(\w+)",
        "LiteRT's kernels lack its operator {}",
        "convert the model with TFLITE_BUILTINS alone, or with a converter of the runtime's age",
    ),
    _situation(
        r"(?i)xnnpack|delegate",
        "LiteRT's default delegate, XNNPACK, fails to prepare it",
        "convert the model again; farm checks every artifact with the kernels that devices use by default",
    ),
    _situation(
        r"failed to prepare|failed to invoke",
        "LiteRT's kernels refuse its graph",
        "run it in ai_edge_litert.interpreter.Interpreter on this machine, then convert the model again",
    ),
)
#: Loading an ``.onnx`` file into ONNX Runtime, or computing scores there.
ONNX = (
    _situation(
        r"INVALID_PROTOBUF|[Pp]rotobuf parsing failed",
        "it is damaged or cut off",
        "copy it again, or export the model again",
    ),
    _situation(
        r"Unsupported model IR version|under development and support for this is limited|official support for domain",
        "a newer ONNX wrote it than this ONNX Runtime knows",
        "export it with an older opset, torch.onnx.export(…, opset_version=17), or pip install --upgrade onnxruntime",
    ),
    _situation(
        r"(\S+?)\(-?\d+\) is not a registered function/op|No Op registered for (\w+)",
        "ONNX Runtime has no operator {}",
        "export the model without operators of your own",
    ),
    _situation(
        r"Could not find an implementation for (\w+)",
        "ONNX Runtime's CPU kernels lack {} for these number types",
        "export the model in float32",
    ),
    _situation(
        r"INVALID_GRAPH|NOT_IMPLEMENTED|\bFAIL\b",
        "ONNX Runtime refuses its graph, which is damaged or was never right",
        "check it: python -c \"import onnx; onnx.checker.check_model('FILE', full_check=True)\"",
    ),
)
#: Computing scores in TensorFlow.
SCORING = (_CHANNELS_FIRST,)


def translated(
    error: Exception, known: Sequence[Situation], kind: type[FarmError], subject: str, otherwise: str = ""
) -> FarmError:
    """Return ``error`` as one sentence about ``subject``, with what to do where the situation is known.

    An error of farm's own is returned as it is; what is not recognised is cut to one line, behind ``otherwise``.
    """
    if isinstance(error, FarmError):
        return error
    words = str(error)
    for situation in known:
        matches = [match[1] if situation.pattern.groups else "" for match in situation.pattern.finditer(words)]
        if matches:
            names = sorted(dict.fromkeys(matches))
            listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
            return kind(f"{subject}: {situation.sentence.format(listed)}", hint=situation.hint)
    return kind(f"{subject}: {otherwise}{type(error).__name__}: {cause(error)}")


def cause(error: Exception) -> str:
    """Return one line of an error: of Keras's dumps what comes after the configuration, else what comes before."""
    words = str(error)
    _, found, after = words.rpartition("Exception encountered:")
    if found and after.strip():
        return brief(Exception(after))
    return brief(Exception(re.split(r"\s*(?:Full object config:|using config=|\{')", words, maxsplit=1)[0]))
