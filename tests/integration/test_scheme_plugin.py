"""A scheme of another package: one file and an entry point, with options that are identity."""

from __future__ import annotations

import os

import pytest

from orchestrator.config import suite as suites
from orchestrator.domain.model import DatasetSpec
from orchestrator.errors import SuiteError
from orchestrator.models import kernel_needs
from orchestrator.models.artifacts import Artifacts, Build, Built, key_of
from orchestrator.models.schemes.base import options_in

pytestmark = pytest.mark.tensorflow

#: As docs/models.md shows it.
PLUGIN = '''\
"""Dynamic range quantization with a scale for each channel of a dense layer."""

from orchestrator.domain.artifact import Tolerance
from orchestrator.models.schemes.tflite import TFLiteScheme


class PerChannel(TFLiteScheme):
    name = "per-channel"
    tolerance = Tolerance(largest=0.1, mean=5e-3, times_kernels=3.0)

    def __init__(self, *, dense: bool = True) -> None:
        self.options = {"dense": dense}

    def configure(self, converter, calibration) -> None:
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter._experimental_disable_per_channel_quantization_for_dense_layers = not self.options["dense"]
'''
SUITE = """\
models: tiny-cxr
dataset: {kind: phantom, patients: 40}
schemes:
  - per-channel
  - {kind: per-channel, name: per-tensor, dense: false}
"""
PHANTOM = DatasetSpec(kind="phantom", options={"patients": 40})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install the plug-in as a package: its module, and a ``dist-info`` with its entry point."""
    packages = tmp_path / "packages"
    about = packages / "edge_per_channel-1.0.dist-info"
    about.mkdir(parents=True)
    (packages / "edge_per_channel.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-per-channel\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[farm.scheme]\nper-channel = edge_per_channel:PerChannel\n")
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    )


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "suite.yaml").write_text(text)
        return suites.load(tmp_path / "suite.yaml")

    return load


@pytest.mark.usefixtures("installed")
def test_a_scheme_from_an_entry_point_is_built_with_its_options(load, tmp_path):
    suite = load(SUITE)
    builds = [
        Build(model=suite.models[0], scheme=scheme, batch=1, options=options_in(suite, scheme))
        for scheme in suite.schemes
    ]

    outcomes = list(Artifacts(tmp_path / "farm").ensure(builds, PHANTOM))

    assert [outcome.error for outcome in outcomes if not isinstance(outcome, Built)] == []
    assert [outcome.artifact.scheme for outcome in outcomes] == ["per-channel", "per-tensor"]
    assert [outcome.artifact.recipe["options"] for outcome in outcomes] == [{"dense": True}, {"dense": False}]
    assert len({key_of(build, PHANTOM) for build in builds}) == 2
    needs = [
        kernel_needs.newest((tmp_path / "farm" / "blobs" / each.artifact.sha256).read_bytes()) for each in outcomes
    ]
    assert [str(need) for need in needs] == [
        "FULLY_CONNECTED version 12 needs TensorFlow Lite 2.17",
        "CONV_2D version 5 needs TensorFlow Lite 2.4",
    ]


@pytest.mark.usefixtures("installed")
def test_an_option_that_the_scheme_does_not_take_is_refused_with_its_line(load):
    with pytest.raises(SuiteError, match=r"suite\.yaml:5: .*'dens'.*dense"):
        load(SUITE.replace("dense:", "dens:"))


def test_without_the_package_the_scheme_is_unknown(load):
    with pytest.raises(SuiteError, match=r"suite\.yaml:4: .*'per-channel'"):
        load(SUITE)
