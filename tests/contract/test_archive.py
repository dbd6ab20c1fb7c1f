"""An archive of a run, from any database into any other."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import struct
import zipfile
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy

from orchestrator.domain import event as happened
from orchestrator.domain.device import LOCAL
from orchestrator.errors import ArchiveError, FarmError, StoreError, UnknownName, UsageError
from orchestrator.exchange.bring_in import bring_in
from orchestrator.exchange.pack import pack
from orchestrator.exchange.records import CARRIED, TABLES
from orchestrator.store import schema
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_golden, make_image_list, make_measurement, make_scores
from tests.lab.telling import RUN, ended, everything_that_can_happen, judged, ready, started, tell


def fill(store):
    """Store a run with everything that can happen, a failed attempt and a second case."""
    tell(store, *everything_that_can_happen())
    again = {"attempt": "attempt-2", "number": 2}
    tell(store, ended(make_measurement((5, 6, 7), case=make_case(), warmup_ns=(), **again)))
    tell(store, ended(make_measurement((), attempt="attempt-3", number=3, error="it died", load_ns=None)))
    images = make_image_list()
    tell(
        store,
        happened.Scored(
            run=RUN, device="local", scores=make_scores(scoring="scoring-2", scheme="int8", image_list=images.sha256)
        ),
    )


def rows(url):
    """Return every row of every table, in JSON, without the keys that a database makes up."""
    engine = sqlalchemy.create_engine(url)
    content = {}
    try:
        with engine.connect() as connection:
            for table in schema.Base.metadata.sorted_tables:
                content[table.name] = sorted(
                    json.dumps(
                        {
                            key: value
                            for key, value in row._mapping.items()
                            if key not in ("id", "case_id", "baseline_case_id")
                        },
                        default=repr,
                        sort_keys=True,
                    )
                    for row in connection.execute(sqlalchemy.select(table))
                )
    finally:
        engine.dispose()
    return content


def test_a_run_goes_to_another_database_and_back_unchanged(tmp_path, database_url):
    first, last = f"sqlite:///{tmp_path / 'first.db'}", f"sqlite:///{tmp_path / 'last.db'}"
    with Store.open(first) as store:
        fill(store)
        out = pack(store, RUN, tmp_path / "out.farm.zip", images=True)
    with Store.open(database_url) as store:
        there = bring_in(store, out.path)
        back = pack(store, RUN, tmp_path / "back.farm.zip", images=True)
    with Store.open(last) as store:
        bring_in(store, back.path)

    assert there.new
    assert out.path.read_bytes() == back.path.read_bytes()
    before, after = rows(first), rows(last)
    for each in (before, after):  # how a device is reached stays at home
        each.pop("devices")
        each["events"] = [event for event in each["events"] if "DeviceProbed" not in event]
    assert after == before


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """A farm's database, the archive of its run, and the database of another farm that has a run of its own."""
    folder = tmp_path_factory.mktemp("templates")
    with Store.open(f"sqlite:///{folder / 'home.db'}") as store:
        fill(store)
        pack(store, RUN, folder / "run.farm.zip")
    with Store.open(f"sqlite:///{folder / 'elsewhere.db'}") as store:
        tell(store, started("run-0"), ready("run-0"), judged(run="run-0"))
    return folder


@pytest.fixture
def archive(templates, tmp_path):
    for name in ("home.db", "run.farm.zip"):
        shutil.copy(templates / name, tmp_path)
    return tmp_path / "run.farm.zip"


@pytest.fixture
def elsewhere(templates, tmp_path):
    shutil.copy(templates / "elsewhere.db", tmp_path)
    with Store.open(f"sqlite:///{tmp_path / 'elsewhere.db'}") as store:
        yield store


def content(tmp_path):
    return rows(f"sqlite:///{tmp_path / 'elsewhere.db'}")


def edited(path, name, change, *, honest=True):
    """Change a member of an archive with ``change(bytes)``; ``honest``: its manifest has the hash of what comes out."""
    with zipfile.ZipFile(path) as zipped:
        members = {each: zipped.read(each) for each in zipped.namelist()}
    members[name] = change(members[name])
    if honest and name != "manifest.json":
        manifest = json.loads(members["manifest.json"])
        manifest["members"][name] = {"sha256": hashlib.sha256(members[name]).hexdigest(), "size": len(members[name])}
        members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for each, data in members.items():
            zipped.writestr(each, data)
    return path


def with_key(key, value, line=0):
    """Return a change that sets a key of one line's object."""

    def change(data):
        lines = data.splitlines()
        lines[line] = json.dumps(json.loads(lines[line]) | {key: value}).encode()
        return b"".join(each + b"\n" for each in lines)

    return change


def test_names_and_labels_of_images_leave_a_farm_only_where_that_is_asked_for(archive, tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'home.db'}") as home:
        asked = pack(home, RUN, tmp_path / "images.farm.zip", images=True).path

    held = []
    for path in (archive, asked):
        with zipfile.ZipFile(path) as zipped:
            held.append(b"".join(zipped.read(name) for name in zipped.namelist()))
    assert [b"one.png" in each for each in held] == [False, True]


def test_how_a_device_is_reached_stays_at_home(templates, tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'home.db'}") as home:
        tell(home, started())
        entry = replace(LOCAL, name="pi", transport="ssh", address="pi.secret.example", user="root")
        tell(home, happened.DeviceProbed(run=RUN, at=MIDNIGHT, device="pi", entry=entry, facts={"cores": 4}))
        path = pack(home, RUN, tmp_path / "run.farm.zip").path

    with zipfile.ZipFile(path) as zipped:
        assert not [name for name in zipped.namelist() if b"secret" in zipped.read(name)]


def test_importing_twice_changes_nothing(archive, elsewhere, tmp_path):
    first = bring_in(elsewhere, archive)
    once = content(tmp_path)

    second = bring_in(elsewhere, archive)

    assert (first.new, second.new) == (True, False)
    assert (second.cases, second.attempts, second.scorings) == (2, 3, 2)
    assert content(tmp_path) == once


def test_what_is_imported_answers_like_what_was_measured(archive, elsewhere, tmp_path):
    bring_in(elsewhere, archive)

    with Store.open(f"sqlite:///{tmp_path / 'home.db'}") as home:
        for case in (make_case(), make_case(scheme="int8")):
            assert elsewhere.measurements(RUN, case) == home.measurements(RUN, case)
        assert elsewhere.scores(RUN, make_case()) == home.scores(RUN, make_case())
        assert elsewhere.results(run=RUN) == home.results(run=RUN)
        assert elsewhere.runs()[0] == home.runs()[0] or elsewhere.runs()[1] == home.runs()[0]
        assert elsewhere.facts(RUN, "local") == home.facts(RUN, "local")
        assert elsewhere.artifact("a" * 64, RUN, make_case()) == home.artifact("a" * 64, RUN, make_case())
        assert elsewhere.skips(RUN) == home.skips(RUN)


def test_an_imported_run_is_newest_only_where_it_was_judged_later(archive, elsewhere):
    tell(elsewhere, started("run-9"), ready("run-9"), judged(run="run-9", at=MIDNIGHT + timedelta(days=1)))

    bring_in(elsewhere, archive)

    assert [row.run for row in elsewhere.results()] == ["run-9"]


def test_a_run_that_is_there_with_other_content_is_refused(archive, elsewhere, tmp_path):
    bring_in(elsewhere, archive)
    tell(elsewhere, judged(at=MIDNIGHT + timedelta(days=1), p50_ns=7.0))
    before = content(tmp_path)

    with pytest.raises(ArchiveError, match="a run run-1 with other content: cases, events differ"):
        bring_in(elsewhere, archive)

    assert content(tmp_path) == before


def test_the_name_of_a_run_is_taken_along_unless_another_has_it(archive, elsewhere, tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'home.db'}") as home:
        home.name_run(RUN, "release")
        pack(home, RUN, archive)
    elsewhere.name_run("run-0", "release")

    done = bring_in(elsewhere, archive)

    assert done.name_taken == "release"
    assert {row.id: row.name for row in elsewhere.runs()} == {"run-0": "release", RUN: None}
    assert not bring_in(elsewhere, archive).new


def told_hardware(store, key, run):
    facts = {"hardware_key": key}
    tell(store, happened.DeviceProbed(run=run, at=MIDNIGHT, device="local", entry=LOCAL, facts=facts))


def test_a_device_that_is_another_machine_here_must_be_renamed(archive, elsewhere, tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'home.db'}") as home:
        told_hardware(home, "one", RUN)
        pack(home, RUN, archive)
    told_hardware(elsewhere, "two", "run-0")
    before = content(tmp_path)

    with pytest.raises(ArchiveError, match="local is another machine than the one of that name here") as refused:
        bring_in(elsewhere, archive)
    assert "--rename local=OTHER" in refused.value.hint
    assert content(tmp_path) == before

    done = bring_in(elsewhere, archive, rename={"local": "lab2"})

    assert done.devices == {"local": "lab2"}
    assert elsewhere.measurements(RUN, make_case(device="lab2"))
    assert {row.name for row in elsewhere.devices()} == {"local", "lab2"}
    assert not bring_in(elsewhere, archive, rename={"local": "lab2"}).new
    assert bring_in(elsewhere, archive, prefix="lab2", rename={"local": "lab2"}).new is False


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        ({"rename": {"pi": "other"}}, UnknownName, "no device in the archive called 'pi'"),
        ({"rename": {"local": "../x"}}, UsageError, "can't be the name of a device"),
        ({"prefix": "x/"}, UsageError, "can't be the name of a device"),
    ],
)
def test_a_name_that_no_device_can_have_is_refused(archive, elsewhere, names, error, words):
    with pytest.raises(error, match=words):
        bring_in(elsewhere, archive, **names)


def bomb(path):
    """Make the samples 100 MB of zeros that the file packs into 100 kB."""
    return edited(path, "latency.i64", lambda _: bytes(100 << 20))


def flood(path):
    with zipfile.ZipFile(path, "a") as zipped:
        for number in range(100):
            zipped.writestr(f"{number}", b"")
    return path


def added(name):
    def add(path):
        with zipfile.ZipFile(path, "a") as zipped:
            zipped.writestr(name, b"x")
        return path

    return add


def twice(path):
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as zipped:
        zipped.writestr("runs.jsonl", b"{}\n")
    return path


def overwritten(data):
    return lambda path: path.write_bytes(data) and path


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])
    return path


def flipped(path):
    """Alter one byte of the packed attempts, and leave the list at the end as it is."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as zipped:
        info = zipped.getinfo("attempts.jsonl")
    data[info.header_offset + 30 + len(info.filename) + 20 + info.compress_size // 2] ^= 0xFF
    path.write_bytes(data)
    return path


def without(name):
    def change(path):
        with zipfile.ZipFile(path) as zipped:
            members = {each: zipped.read(each) for each in zipped.namelist() if each != name}
        with zipfile.ZipFile(path, "w") as zipped:
            for each, data in members.items():
                zipped.writestr(each, data)
        return path

    return change


def with_detail(kind, **changes):
    """Return a change of the details of events of one kind."""

    def change(data):
        events = [json.loads(line) for line in data.splitlines()]
        for event in events:
            event["detail"] |= changes if event["kind"] == kind else {}
        return b"".join(json.dumps(event).encode() + b"\n" for event in events)

    return change


def of(member, change, **options):
    return lambda path: edited(path, member, change, **options)


def manifest(**changes):
    return of("manifest.json", lambda data: json.dumps(json.loads(data) | changes).encode())


HOSTILE = {
    "an empty file": (overwritten(b" "), "is truncated, or no archive"),
    "another kind of file": (overwritten(b"%PDF-1.7" * 100), "is truncated, or no archive"),
    "a zip that lies about its list": (
        overwritten(b"x" * 100 + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 50, 9, 0)),
        "is damaged",
    ),
    "a truncated file": (cut, "is truncated, or no archive"),
    "a flipped byte": (flipped, "is damaged"),
    "a wrong hash": (
        of("events.jsonl", lambda data: data + b"\n", honest=False),
        "events.jsonl is not what manifest.json",
    ),
    "a missing member": (without("scores.jsonl"), "lacks scores.jsonl"),
    "no manifest": (without("manifest.json"), "lacks manifest.json"),
    "zip-slip": (added("../../etc/passwd"), "a member that no archive of a run has: '../../etc/passwd'"),
    "an absolute name": (added("/tmp/x"), "a member that no archive of a run has"),
    "a name that a terminal obeys": (added("\x1b[2Jx"), "a member that no archive of a run has"),
    "too many members": (flood, "has more members"),
    "a member given twice": (twice, "has runs.jsonl twice"),
    "a bomb": (bomb, "would unpack to"),
    "a newer version": (manifest(version=2), "a newer farm wrote it"),
    "no version": (manifest(version="1"), "has no version"),
    "another format": (manifest(format="tar"), "is not an archive of a run"),
    "a manifest without hashes": (manifest(members={}), "lacks runs.jsonl"),
    "the id of another run": (manifest(run="run-2"), "must hold the run 'run-2' alone"),
    "no JSON": (of("events.jsonl", lambda _: b"{nope\n"), "events.jsonl line 1 is not JSON"),
    "nested JSON": (of("events.jsonl", lambda _: b"[" * 100_000 + b"\n"), "events.jsonl line 1 is not JSON"),
    "a list": (of("events.jsonl", lambda _: b"[]\n"), "events.jsonl line 1 is not a JSON object"),
    "NaN": (of("cases.jsonl", lambda data: data.replace(b'"threads":1', b'"threads":NaN')), "NaN is not a number"),
    "a key given twice": (of("runs.jsonl", lambda data: data.replace(b"{", b'{"seed":1,', 1)), "a key is given twice"),
    "a cut line": (of("events.jsonl", lambda data: data[:-1]), "is cut off"),
    "an unknown key": (of("lanes.jsonl", with_key("shell", "rm")), "unknown key 'shell'"),
    "a missing key": (of("runs.jsonl", with_key("seed", None)), "runs.jsonl line 1: seed: is missing"),
    "a text for a number": (of("attempts.jsonl", with_key("number", "1")), "number: is not a whole number"),
    "true for a number": (of("attempts.jsonl", with_key("number", True)), "number: is not a whole number"),
    "a huge number": (of("attempts.jsonl", with_key("wall_ns", 1 << 63)), "wall_ns: is not a whole number"),
    "a number for a text": (of("runs.jsonl", with_key("effort", 5)), "effort: is not a str"),
    "a moment without a zone": (of("runs.jsonl", with_key("started_at", "2026-01-01T00:00:00")), "without a zone"),
    "no moment": (of("runs.jsonl", with_key("started_at", "soon")), "started_at: Invalid isoformat"),
    "an odd device": (of("lanes.jsonl", with_key("device", "../etc")), "device: is not the name of a device"),
    "an odd model": (of("cases.jsonl", with_key("model", "a/b")), "can't be the name of a case"),
    "an odd id": (of("attempts.jsonl", with_key("id", "a b")), "id: is not an id"),
    "an odd verdict": (of("cases.jsonl", with_key("verdict", "GOOD")), "verdict: 'GOOD' is not a valid Verdict"),
    "odd reasons": (of("cases.jsonl", with_key("reasons", [{"code": "x"}])), "reasons: "),
    "an odd figure": (of("cases.jsonl", with_key("figures", {"p50_ns": "fast"})), "is not a finite number"),
    "odd preprocessing": (of("artifacts.jsonl", with_key("preprocess", {})), "preprocess: "),
    "preprocessing of words": (
        of(
            "artifacts.jsonl",
            with_key("preprocess", {"height": "48", "width": 48, "channels": 1, "mean": [0], "std": [1]}),
        ),
        "preprocess: is not a whole number",
    ),
    "golden scores of words": (
        of("artifacts.jsonl", with_key("golden", {**asdict(make_golden()), "scores": [["high"]]})),
        "golden: is not a finite number",
    ),
    "golden scores of words in an event": (
        of("events.jsonl", with_detail("ArtifactReady", golden={**asdict(make_golden()), "scores": [["high"]]})),
        "golden: is not a finite number",
    ),
    "a case given twice": (of("cases.jsonl", lambda data: data.splitlines(keepends=True)[0] * 2), "has a case twice"),
    "an attempt of no case": (of("attempts.jsonl", with_key("case", 2)), "is not a whole number"),
    "an attempt given twice": (of("attempts.jsonl", with_key("id", "attempt-2")), "nothing is imported"),
    "an artifact that is not there": (of("attempts.jsonl", with_key("artifact", "f" * 64)), "nothing is imported"),
    "samples out of order": (
        of("attempts.jsonl", with_key("latency", {"offset": 5, "count": 1})),
        "number 0 is expected next",
    ),
    "more samples than there are": (
        of("attempts.jsonl", with_key("latency", {"offset": 0, "count": 1 << 40})),
        "latency.i64: ends before",
    ),
    "samples of no attempt": (of("latency.i64", lambda data: data + bytes(8)), "has more numbers than"),
    "half a sample": (of("latency.i64", lambda data: data[:-1]), "latency.i64: ends before"),
    "a negative sample": (of("latency.i64", lambda data: b"\xff" * 8 + data[8:]), "a sample is below 0"),
    "scores that are no number": (of("scores.f32", lambda data: b"\xff" * len(data)), "scores: one is not finite"),
    "scores of another shape": (of("scores.jsonl", with_key("images", 3)), "are not images × class_count"),
    "a list of other images": (
        of(
            "image_lists.jsonl",
            lambda _: json.dumps({"sha256": "0" * 64, **json.loads(make_image_list().to_bytes())}).encode() + b"\n",
        ),
        "is not what its sha256 is of",
    ),
    "another size of an artifact": (of("artifacts.jsonl", with_key("size_bytes", 5)), "has 5 bytes there, 1000 here"),
}


@pytest.mark.parametrize(("damage", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_damaged_or_hostile_is_refused_and_nothing_of_it_is_imported(
    archive, elsewhere, tmp_path, damage, words
):
    damage(archive)
    before, files = content(tmp_path), sorted(tmp_path.iterdir())

    with pytest.raises(FarmError, match=re.escape(words)) as refused:
        bring_in(elsewhere, archive)

    assert isinstance(refused.value, ArchiveError | StoreError)
    assert content(tmp_path) == before
    assert sorted(tmp_path.iterdir()) == files


def test_an_archive_of_version_1_is_imported_by_every_later_farm(elsewhere):
    path = Path(__file__).parents[1] / "data" / "run-1.farm.zip"  # tests/data/make_archive.py wrote it once

    done = bring_in(elsewhere, path)

    assert (done.run, done.new, done.cases, done.attempts, done.scorings) == (RUN, True, 2, 3, 2)
    assert [len(attempt.latency_ns) for attempt in elsewhere.measurements(RUN, make_case())] == [128, 3, 0]
    assert [row.verdict for row in elsewhere.results(run=RUN)] == ["VALID"]
    assert not bring_in(elsewhere, path).new


def test_the_int8_of_an_older_farms_archive_is_called_int8_io(elsewhere):
    bring_in(elsewhere, Path(__file__).parents[1] / "data" / "run-1.farm.zip")

    assert elsewhere.scores(RUN, make_case(scheme="int8-io")) is not None
    assert elsewhere.scores(RUN, make_case(scheme="int8")) is None


def test_every_table_of_a_run_is_in_its_archive():
    of_a_run = {
        table.name
        for table in schema.Base.metadata.sorted_tables
        if "run" in table.columns
        or any(key.column.table.name in ("attempts", "profiles") for key in table.foreign_keys)
    }

    archived = {table.__tablename__ for tables in TABLES.values() for table in tables}
    assert of_a_run <= archived | CARRIED
