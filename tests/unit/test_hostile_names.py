"""Names that a shell, a terminal or an option parser would take for something else."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from orchestrator.config import suite as suites
from orchestrator.config.importers import read
from orchestrator.config.inventory import Inventory
from orchestrator.datasets.csv_table import CsvTable
from orchestrator.datasets.folder import Folder
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.domain.run_name import validated
from orchestrator.errors import FarmError, InventoryError, UsageError
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_artifact, make_case, make_measurement, make_suite
from orchestrator.transports.ssh_lookup import SshLookup
from tests.lab.project import Project

#: Each with a file ``owned`` in the current folder, where someone executes it.
OPTION = "-oProxyCommand=touch owned"
NAMES = {
    "an option": OPTION,
    "two dashes": "--",
    "a substitution": "$(touch owned)",
    "backquotes": "`touch owned`",
    "a semicolon": "x;touch owned",
    "spaces": "a b  c",
    "a quote": "it's",
    "quotes": 'say "hi"',
    "a line end": "x\ntouch owned",
    "another direction": "pi\u202e5",
    "colours": "\x1b[31mred",
    "a variable": "${HOME}",
    "markup": "<img src=x onerror=owned>|[red]x",
    "accents": "Gerät-é",
}
every_name = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())


def is_harmless(text):
    """Say whether a terminal shows ``text`` as it is."""
    return all(letter.isprintable() or letter == "\n" for letter in text)


@pytest.fixture(autouse=True)
def asked(tmp_path_factory, monkeypatch):
    """The words that the program `ssh` was started with; in a folder in which nothing may be made."""
    folder, here = tmp_path_factory.mktemp("bin"), tmp_path_factory.mktemp("here")
    words = folder / "words"
    (folder / "ssh").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {words}\necho hostname x; echo port 22; echo user y\n'
    )
    (folder / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.chdir(here)
    yield lambda: words.read_text().split("\n")[:-1] if words.exists() else []
    assert list(here.iterdir()) == []


def inventory(folder, **entry):
    path = folder / "inventory.yaml"
    path.write_text(json.dumps({"devices": {"pi": entry}}))
    return Inventory.load(path)


@every_name
@pytest.mark.parametrize("kind", ["device", "tag", "group", "import"])
def test_no_device_tag_or_group_has_such_a_name(tmp_path, monkeypatch, name, kind):
    path = tmp_path / "inventory.yaml"
    monkeypatch.setenv("HOME", "/home/joe")
    if kind == "import":
        path.write_text(json.dumps({"all": {"hosts": {name: {}}}}))
    else:
        tags = {"tags": [name]} if kind == "tag" else {}
        groups = {"groups": {name: {}}} if kind == "group" else {}
        path.write_text(
            json.dumps({"devices": {name if kind == "device" else "pi": {"address": "x"} | tags} | {}} | groups)
        )

    if kind == "import":
        devices = read(path).devices
    else:
        with pytest.raises(InventoryError) as caught:
            Inventory.load(path)
        devices = ()
        assert is_harmless(str(caught.value))

    assert devices == ()


@every_name
@pytest.mark.parametrize("place", ["address", "user", "via", "via user"])
def test_no_such_host_or_user_becomes_an_option_or_a_command(tmp_path, monkeypatch, asked, name, place):
    monkeypatch.setenv("HOME", "-x")
    entry = (
        {"address": "pi.lan", "via": f"{name}@gate.lan"} if place == "via user" else {"address": "pi.lan", place: name}
    )

    words = ""
    try:
        device = inventory(tmp_path, **entry).device("pi")
        for hop in filter(None, (device, device.via)):
            SshLookup().options(str(hop.address), hop.user, hop.port)
    except UsageError as refused:
        words = str(refused)

    assert is_harmless(words)
    options = asked()
    for place_of, word in enumerate(options):
        if word.startswith("-"):
            assert word in ("-T", "-G", "-l", "-p", "-F", "-o", "--"), options
        assert options[place_of - 1] != "-l" or not word.startswith("-")


def test_a_host_or_user_that_ssh_config_makes_an_option_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    for line, what in ((f'HostName "{OPTION}"', "host"), (f'User "{OPTION}"', "user")):
        (tmp_path / ".ssh" / "config").write_text(f"Host pi\n  {line}\n")

        with pytest.raises(UsageError, match=f"is not the name of a {what}"):
            SshLookup().options("pi")


@every_name
def test_no_run_is_called_so(name):
    with pytest.raises(UsageError) as caught:
        validated(name)

    assert is_harmless(str(caught.value))


@every_name
def test_a_model_or_scheme_is_called_so_only_where_a_terminal_shows_it(tmp_path, name):
    path = tmp_path / "suite.yaml"
    schemes = [{"kind": "int8", "name": name}]
    path.write_text(
        json.dumps({"models": [{"kind": "tiny-cxr", "name": name}], "dataset": "phantom", "schemes": schemes})
    )

    if name.isprintable():
        assert suites.load(path).models[0].name == name
    else:
        with pytest.raises(FarmError) as caught:
            suites.load(path)
        assert is_harmless(str(caught.value))


@every_name
def test_folders_of_a_dataset_are_called_as_they_are(tmp_path, name):
    root = tmp_path / name
    for side, patients in (("train", 12), ("test", 4)):
        for number in range(patients):
            label = name if number % 2 else "well"
            image = root / side / label / f"{name} person{number}_1.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), number).save(image)
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(["image", "label", "patient"])
    writer.writerows(
        (path.relative_to(root), number % 2, number) for number, path in enumerate(sorted(root.rglob("*.png")))
    )
    (root / "table.csv").write_text(rows.getvalue())

    images = Folder(str(root)).load("evaluation", height=8, width=8)
    table = CsvTable(str(root / "table.csv"), labels=["label"], patient="patient")

    assert images.pixels.shape == (4, 8, 8, 1)
    assert len(table.load("train", height=8, width=8).names) > 0


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A project whose results are of models and schemes with such names."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "home").mkdir()
    (folder / "inventory.yaml").write_text("devices:\n  local:\n    transport: local\n")
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        begun = {"suite": make_suite().to_json(), "seed": 0, "effort": "smoke", "dataset": OPTION, "synthetic": True}
        store.record(run_event.RunStarted(run="20260101-000000-f1ee", at=MIDNIGHT, farm_version="0.1.0", **begun))
        common = {"run": "20260101-000000-f1ee", "device": "local", "at": MIDNIGHT}
        store.record(happened.DeviceProbed(**common, entry=LOCAL, facts={"cores": 4}))
        for number, name in enumerate(name for name in NAMES.values() if name.isprintable()):
            artifact = replace(make_artifact(sha256=f"{number:064x}"), model=name, scheme=name)
            store.record(run_event.ArtifactReady(run=common["run"], artifact=artifact, reused=False, seconds=1))
            done = make_measurement(
                case=make_case(model=name, scheme=name), attempt=f"attempt-{number}", artifact=artifact.sha256
            )
            store.record(happened.AttemptEnded(**common, measurement=done))
            figures = {"attempts": 1, "samples": 3, "p50_ns": 1e6, "p50_low_ns": 1e6, "p50_high_ns": 1e6}
            reason = Reason(verdict=Verdict.WARN, code="drift", message=name, advice=name)
            result = CaseResult(
                run=common["run"],
                case=done.case,
                artifact=artifact.sha256,
                size_bytes=9,
                **figures,
                verdict=Verdict.WARN,
                reasons=(reason,),
            )
            store.record(happened.CaseJudged(**common, result=result))
        store.record(run_event.RunEnded(run=common["run"], at=MIDNIGHT, exit_status=0))
    return Project(folder=folder)


def test_results_of_such_names_are_listed_shown_and_exported_and_nothing_is_executed(stored):
    before = {path.name for path in stored.folder.iterdir()}
    rows = stored.json("results", "list")

    answers = [stored.farm("results", "list"), stored.farm("results", "export", "--format", "csv", "-o", "home/x.csv")]
    answers += [stored.farm("results", "show", "--", row["case"]) for row in rows]
    answers += [stored.farm("results", "list", f"--models={row['model']}") for row in rows]

    assert {row["model"] for row in rows} == {name for name in NAMES.values() if name.isprintable()}
    assert [(done.returncode, done.stderr) for done in answers if done.returncode] == []
    assert all(is_harmless(done.stdout + done.stderr) for done in answers)
    assert {path.name for path in stored.folder.iterdir()} == before
    with (stored.folder / "home" / "x.csv").open(newline="") as file:
        assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in ("=", "+", "@") or cell == OPTION]


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_report_shows_such_names_as_text(stored, form):
    done = stored.farm("report", "--format", form, "-o", f"home/report.{form}")
    text = (stored.folder / "home" / f"report.{form}").read_text(encoding="utf-8")

    assert done.returncode == 0, done.stderr
    assert "onerror=owned" in text
    assert "<img src=x" not in text.partition("<script>")[0]
    assert "[red]x" in text.replace("\\", "")
    assert is_harmless(done.stdout + done.stderr)


def test_every_command_that_is_shown_to_be_copied_names_its_case_in_quotes():
    sources = "".join(path.read_text() for path in (Path(__file__).parents[2] / "orchestrator").rglob("*.py"))
    filled = re.findall(r"farm results \w+ \{([^}]*case[^}]*)\}", sources)

    assert len(filled) >= 5
    assert [value for value in filled if "shlex.quote(" not in value] == []


def test_a_shell_is_offered_no_word_that_it_would_execute(stored, monkeypatch):
    from orchestrator.cli import candidates

    monkeypatch.chdir(stored.folder)

    context = SimpleNamespace(params={"db": None, "inventory": Path("inventory.yaml")})
    cases = candidates.case(context, [], "")
    models = candidates.measured_models(context, [], "")

    assert models == [NAMES["accents"]]
    assert {case.split("/")[1] for case in cases} == {NAMES["accents"], NAMES["two dashes"]}
