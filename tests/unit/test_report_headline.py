"""The first words of a report."""

from __future__ import annotations

from orchestrator.analysis.best import Limits, choose, for_fleet
from orchestrator.analysis.table_rows import TableRow
from orchestrator.reports.page.headline import headline
from tests.unit.test_reports import make_row

ANY = Limits(auc_drop=None)


def rows(fleet, **changes):
    return [
        make_row(
            device=device,
            scheme=scheme,
            p50_ns=p50,
            p50_low_ns=p50 * 0.99,
            p50_high_ns=p50 * 1.01,
            size_bytes=size,
            **changes,
        )
        for device, schemes in fleet.items()
        for scheme, (p50, size) in schemes.items()
    ]


def head(results, limits=ANY):
    choices = choose(results, {}, limits)
    return headline(choices, for_fleet(choices), [TableRow(row=row, against=None) for row in results])


def test_one_device_gets_one_scheme():
    found = head(rows({"pi5": {"float32": (3e6, 4000), "int8": (1e6, 1000)}}))

    assert found.text == "Deploy int8 on pi5"
    assert found.tone == "good"


def test_float32_is_kept_not_deployed():
    assert head(rows({"pi5": {"float32": (1e6, 4000), "int8": (3e6, 1000)}})).text == "Keep float32 on pi5"


def test_devices_that_differ_get_one_artifact_for_all():
    fleet = {
        "pi5": {"float32": (9e6, 4000), "int8": (1e6, 1000)},
        "laptop": {"float32": (1e6, 4000), "int8": (1.2e6, 1000)},
    }

    found = head(rows(fleet))

    assert found.text == "One artifact for both devices: int8"
    assert "one artifact for both devices: int8" in found.sentences[0]


def test_without_scores_the_lead_is_by_time_alone():
    found = head(rows({"pi5": {"float32": (3e6, 4000), "int8": (1e6, 1000)}}, auc_mean=None), Limits())

    assert (found.text, found.tone) == ("No variant can be recommended", "none")
    assert found.lead == "int8 is the fastest on pi5 by time alone: no AUC is known."
    assert (
        head(rows({"pi5": {"int8": (1e6, 1000)}}, auc_mean=None), Limits()).lead
        == "No AUC is known; the times are below."
    )


def test_warnings_are_in_the_tone():
    reason = {"verdict": "WARN", "code": "drift", "message": "slower", "advice": "cool it"}

    assert head(rows({"pi5": {"int8": (1e6, 1000)}}, verdict="WARN", reasons=(reason,))).tone == "warn"


def test_nothing_that_fits_is_no_recommendation():
    found = head(rows({"pi5": {"int8": (1e6, 1000)}}), Limits(auc_drop=None, p50_ns=1.0))

    assert (found.text, found.tone) == ("No variant can be recommended", "none")


def test_throughput_alone_has_no_choice():
    assert head(rows({"pi5": {"int8": (1e6, 1000)}}, interpreters=2)).text == "Throughput alone was measured"


def test_a_smoke_run_decides_nothing():
    reason = {"verdict": "WARN", "code": "smoke", "message": "wiring only", "advice": "measure longer"}
    fleet = {"pi5": {"float32": (3e6, 4000), "int8": (1e6, 1000)}}

    found = head(rows(fleet, verdict="WARN", reasons=(reason,)))

    assert (found.text, found.tone) == ("These measurements can't decide what to deploy", "none")
    assert "effort smoke shows that tiny-cxr works on pi5" in found.lead


def test_what_holds_on_every_device_is_one_sentence():
    reason = {"verdict": "WARN", "code": "smoke", "message": "wiring only", "advice": "measure longer"}
    results = rows(
        {device: {"float32": (3e6, 4000)} for device in ("pi4", "pi5")},
        verdict="WARN",
        reasons=(reason,),
        auc_mean=None,
    )

    found = head(results, Limits())

    assert found.lead == (
        "effort smoke shows that tiny-cxr works on both devices, not what to deploy: farm run decides."
    )
    assert found.sentences == ("tiny-cxr: no artifact fits both devices",)
