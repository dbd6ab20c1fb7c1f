"""What stands below a run that is over, from a stored run."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from orchestrator.cli.context import project as project_of
from orchestrator.cli.run import show_detached, show_results
from orchestrator.domain import event as happened
from orchestrator.domain.device import LOCAL, Device
from orchestrator.domain.result import Verdict
from orchestrator.runs.collect import exit_status
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_measurement
from tests.lab.telling import RUN, SMOKE, judged, ready, started, tell

OFF = "nothing answers at 10.0.0.9:22"
SCHEMES = ("float32", "int8")


@pytest.fixture
def shown(tmp_path, monkeypatch, capsys):
    """Return what a run of some devices shows at its end; ``off`` never answered, ``gone`` was lost on the way."""
    monkeypatch.setenv("COLUMNS", "120")

    def show(*devices, inventory="local: {transport: local}", more=()):
        (tmp_path / "inventory.yaml").write_text(f"devices: {{{inventory}}}\n")
        files = project_of(None, tmp_path / "inventory.yaml")
        with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
            tell(store, started(), *(event for device in devices for event in finished(device)), *more)
            show_results(RUN, store, files, as_json=False)
        return capsys.readouterr().out.splitlines()

    return show


def finished(device):
    entry = LOCAL if device == "local" else Device(name=device, address=device)
    yield happened.DeviceProbed(run=RUN, at=MIDNIGHT, device=device, entry=entry, facts={})
    for number, scheme in enumerate(SCHEMES, 1):
        case = make_case(device=device, scheme=scheme)
        yield ready(sha256=str(number) * 64, scheme=scheme)
        for attempt in range(3):
            measurement = make_measurement(
                (1_000_000 // number + attempt,) * 20,
                attempt=f"{case}-{attempt}",
                case=case,
                number=attempt + 1,
                artifact=str(number) * 64,
            )
            yield happened.AttemptEnded(run=RUN, at=MIDNIGHT, device=device, measurement=measurement)
        yield judged(
            case, artifact=str(number) * 64, attempts=3, p50_ns=1e6 / number, verdict=Verdict.WARN, reasons=(SMOKE,)
        )


def left_out(device, reason, kind=happened.LaneSkipped):
    cases = [make_case(device=device, scheme=scheme) for scheme in SCHEMES]
    yield kind(run=RUN, at=MIDNIGHT, device=device, reason=reason)
    for case in cases:
        yield happened.CaseSkipped(run=RUN, at=MIDNIGHT, device=device, case=case, reason=reason)


def test_how_often_a_link_was_tried_again_stands_below_the_run(shown):
    lost = [
        happened.LinkLost(
            run=RUN, at=MIDNIGHT + timedelta(seconds=number), device="local", reason=f"local: cut {number}"
        )
        for number in (1, 2)
    ]

    lines = shown("local", more=lost)

    assert "retried  local: its link was tried again 2 times, the last one after: cut 2" in lines


def test_the_end_of_a_run_begins_with_its_id_its_counts_and_each_lost_device_once(shown):
    no_runtime = happened.CaseSkipped(
        run=RUN, at=MIDNIGHT, device="local", case=make_case(runtime="tflite"), reason="no tflite"
    )

    lines = shown("local", "pi5", more=[*left_out("off", f"off: {OFF}"), no_runtime])

    assert lines[:5] == [
        "run run-1: 7 cases on 3 devices: 4 WARN; 3 skipped; 1 device lost",
        f"lost     off: {OFF}",
        "         once it answers: farm run --resume run-1",
        "skipped  local/tiny-cxr/float32/tflite/t1/b1: no tflite",
        "",
    ]
    assert "\n".join(lines).count(OFF) == 1


def test_a_device_that_is_out_is_checked_before_the_run_goes_on(shown):
    reason = f"off (pi@192.0.2.1): {OFF}"
    taken_out = happened.DeviceTakenOut(run=RUN, at=MIDNIGHT, device="off", reason=reason)

    lines = shown("local", more=[*left_out("off", reason), taken_out])

    assert lines[1:3] == [
        f"lost     {reason}",
        "         once it answers: farm devices check off, then: farm run --resume run-1",
    ]


def test_a_run_that_is_left_ends_with_the_devices_that_it_lost(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell(store, started(), *left_out("off", f"off: {OFF}"))
        show_detached(RUN, ["local"], store, as_json=False)
        lines = capsys.readouterr().out.splitlines()
        show_detached(RUN, ["local"], store, as_json=True)
        answer = json.loads(capsys.readouterr().out)

    assert lines[0] == "run run-1 goes on by itself on local"
    assert lines[-2:] == [f"lost     off: {OFF}", "         once it answers: farm run --resume run-1"]
    assert answer == {"run": RUN, "devices": ["local"], "lost": {"off": OFF}}


def test_a_stopped_lane_names_the_way_to_go_on_once(shown):
    reason = "off: another command stopped its lane\n  go on with: farm run --resume run-1"

    lines = shown("local", more=left_out("off", reason))

    assert lines[1:3] == [
        "lost     off: another command stopped its lane",
        "         go on with: farm run --resume run-1",
    ]
    assert "\n".join(lines).count("farm run --resume") == 1


def test_a_device_that_answered_when_the_run_went_on_is_not_lost(shown):
    lines = shown("pi5", more=[*left_out("local", "it is off"), *finished("local")])

    assert not [line for line in lines if line.startswith("lost")]


@pytest.mark.parametrize(("device", "status"), [("off", 1), ("local", 0)])
def test_a_run_that_is_collected_fails_where_a_device_was_lost_and_has_no_result(tmp_path, device, status):
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        lost = happened.LaneSkipped(run=RUN, at=MIDNIGHT, device=device, reason=OFF)
        tell(store, started(), *finished("local"), lost)

        assert exit_status(RUN, store) == status


def test_a_matrix_of_devices_and_schemes_stands_before_the_tables(shown):
    lines = shown("local", "pi5")

    matrix = lines.index("tiny-cxr, every device")
    assert lines[matrix + 1].split() == ["device", "float32", "int8"]
    assert lines[matrix + 3].split() == ["local", "1.00", "ms*", "500", "µs", "2.0×*"]
    assert lines[matrix + 4].split() == ["pi5", "1.00", "ms*", "500", "µs", "2.0×*"]
    assert matrix < next(number for number, line in enumerate(lines) if line.startswith("tiny-cxr on local"))


def test_one_device_needs_no_matrix_and_is_advised_to_get_company(shown):
    lines = shown("local")

    assert not [line for line in lines if "every device" in line]
    assert lines[-1] == "A real device: farm devices add pi5 --address pi@192.168.1.20"


def test_who_has_devices_is_not_advised_to_add_a_first(shown):
    inventory = "local: {transport: local}, pi5: {address: 127.0.0.1}"

    assert not [line for line in shown("local", inventory=inventory) if "farm devices add" in line]
