"""The converter of ONNX files to SavedModels: onnx2tf, in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config.child_environment import child_environment
from orchestrator.errors import BuildError, brief
from orchestrator.models import onnx2tf_process, onnx_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where its environment is: its pins (numpy, TensorFlow, protobuf) are not farm's.
FOLDER = Path(sys.prefix) / "onnx2tf"
REQUIREMENT = "onnx2tf>=1.29.24,<3"
#: DenseNet121 takes 40 s on two cores.
TIMEOUT_S = 1800
AS_IS = "measure it as it is: scheme as-is, runtime onnxruntime"


def version() -> str | None:
    """Return the version of onnx2tf, ``None`` where it is not installed."""
    found = sorted(FOLDER.glob("lib/python*/site-packages/onnx2tf-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info").partition("-")[2] if found else None


def how_to_install() -> str:
    """Return the command, some 2.6 GB."""
    python, folder = shlex.quote(sys.executable), shlex.quote(str(FOLDER))
    return f"{python} -m venv {folder} && {folder}/bin/pip install '{REQUIREMENT}'"


def convert(
    content: bytes, shape: Sequence[int], outputs: Sequence[int], *, keep_order: bool, folder: Path, subject: str
) -> None:
    """Write the network in an ONNX file's ``content`` as a SavedModel to ``folder``, for an input of ``shape``.

    Channels first become channels last, as TensorFlow's kernels take them, unless ``keep_order``. ``outputs`` are the numbers
    of those that are kept, none where there is one. Raises `BuildError` about ``subject``.
    """
    if version() is None:
        raise BuildError(f"{subject}: its conversion needs onnx2tf, which is missing", hint=how_to_install())
    with tempfile.TemporaryDirectory() as here:
        path = Path(here) / "model.onnx"  # a copy: onnx2tf rewrites the file it is given
        # onnx2tf tells channels from other sides by their sizes: of a free batch it turned a layer of MobileNetV2 the wrong way
        fixed = onnx_shapes.fixed(content, shape, outputs)
        path.write_bytes(fixed.SerializeToString())
        names = [fixed.graph.input[0].name] if keep_order else None
        order = {"path": str(path), "folder": str(folder), "keep": names}
        try:
            done = subprocess.run(
                [str(FOLDER / "bin" / "python"), "-I", str(Path(onnx2tf_process.__file__).resolve())],
                input=json.dumps(order),
                capture_output=True,
                text=True,
                errors="replace",
                cwd=here,
                env=child_environment(
                    PATH=f"{FOLDER / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                    TF_CPP_MIN_LOG_LEVEL="3",
                    CUDA_VISIBLE_DEVICES="-1",
                ),
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BuildError(f"{subject}: onnx2tf can't convert it: {brief(error)}", hint=AS_IS) from error
    sys.stderr.write(done.stderr)
    if done.returncode or not (folder / "saved_model.pb").is_file():
        raise BuildError(f"{subject}: onnx2tf can't convert it: {_reason(done.stderr, done.returncode)}", hint=AS_IS)


def _reason(words: str, status: int) -> str:
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).strip() for line in words.splitlines()]
    errors = [line for line in lines if re.match(r"\w*(?:Error|Exception)\b.*: \S", line)]
    after = [line for line in lines[lines.index(errors[-1]) + 1 :] if line] if errors else []
    if errors and errors[-1].startswith("ValueError: Exception encountered") and after:
        errors.append(after[0])
    return brief(Exception(errors[-1])) if errors else f"it ended with status {status}"
