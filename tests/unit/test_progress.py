from __future__ import annotations

from io import StringIO

from rich.console import Console

from orchestrator.cli.progress import Screen
from orchestrator.domain import event as happened
from orchestrator.domain.device import LOCAL
from orchestrator.testing import make_artifact


def screen_of(*events):
    out = StringIO()
    with Screen(Console(file=out, width=200)) as screen:
        for event in events:
            screen.show(event)
    return out.getvalue()


def failed(scheme, error="m.keras: weights alone\n  model.save()", model="mine"):
    return happened.BuildFailed(run="r", model=model, scheme=scheme, batch=1, error=error)


def ready(scheme, **checks):
    artifact = make_artifact(model="mine", scheme=scheme, checks=checks)
    return happened.ArtifactReady(run="r", artifact=artifact, reused=True, seconds=0.0)


def test_why_a_model_cannot_be_built_is_shown_once_for_all_its_schemes():
    shown = screen_of(failed("float32"), failed("int8"), failed("int8", model="other"))

    assert shown.splitlines() == [
        "mine float32 cannot be built: m.keras: weights alone",
        "  model.save()",
        "mine int8 cannot be built: for the same reason",
        "other int8 cannot be built: m.keras: weights alone",
        "  model.save()",
    ]


def test_doubtful_scores_of_a_model_are_shown_once_also_where_its_artifacts_are_found_again():
    shown = screen_of(ready("float32", doubt="they are the same"), ready("int8", doubt="they are the same"))

    assert shown == "mine  doubtful: they are the same\n"
    assert screen_of(ready("float32")) == ""


def test_the_cpu_quota_of_a_device_in_a_container_is_shown_before_it_measures():
    facts = {"cpu_model": "Cortex-A72", "cores": 4, "quota_cpus": 0.5}
    odd = facts | {"quota_cpus": "half"}

    shown = screen_of(
        *(happened.DeviceProbed(run="r", device="local", entry=LOCAL, facts=each) for each in (facts, odd))
    )

    assert shown.splitlines() == ["local  Cortex-A72, 4 cores, CPU quota 0.5", "local  Cortex-A72, 4 cores"]
