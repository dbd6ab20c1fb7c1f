"""What `farm models debug` prints below its table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestrator.cli.models.debug import _keeping
from orchestrator.config import suite as suites
from orchestrator.models.layer_errors import LayerError
from orchestrator.reports import layer_errors


def layer(name, rmse_by_scale):
    return LayerError(
        layer=name, operator="CONV_2D", rmse_by_scale=rmse_by_scale, max_abs_error=0.1, scale=0.1, tensor=name
    )


LAYERS = (layer("a", 0.8), layer("b", 0.3), layer("c: d", 2.0), layer("e", 0.9))


def printed(scheme, worst=2):
    screen = Console(file=io.StringIO(), width=200)
    layer_errors.show(LAYERS, screen, scheme=scheme, keeping=_keeping(scheme), worst=worst)
    return screen.file.getvalue()


@pytest.mark.parametrize("scheme", ["int8", "int8-io"])
def test_the_last_line_is_a_scheme_of_a_suite_that_keeps_the_worst_layers_float(tmp_path, scheme):
    line = printed(scheme).rstrip().rpartition("\n")[2]

    (tmp_path / "suite.yaml").write_text(f"models: tiny-cxr\ndataset: phantom\nschemes:\n  - float32\n{line}\n")
    suite = suites.load(tmp_path / "suite.yaml")
    assert suite.scheme_options == {f"{scheme}-worst": {"kind": "int8", "float_layers": ["c: d", "e"]}}


def test_a_scheme_that_keeps_no_layers_float_gets_no_line():
    shown = printed("int16x8")

    assert "float_layers" not in shown
    assert "int16x8 keeps no layer in float32; measure float16 or dynamic beside it." in shown
