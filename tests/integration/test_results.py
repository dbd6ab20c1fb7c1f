"""`farm results`, `farm runs` and `farm db`, as a person types them."""

from __future__ import annotations

import json
import shlex
import subprocess
from datetime import timedelta

import pytest
import sqlalchemy

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.store import migrate
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_artifact, make_case, make_measurement, make_scores, make_suite
from tests.lab.project import FARM, Project
from tests.lab.telling import started, tell
from tests.unit.test_reports import ATTEMPT_KEYS, KEYS, SHOW_KEYS

RUN = "20260101-000000-abcd"
SMOKE = Reason(verdict=Verdict.WARN, code="smoke", message="the wiring holds", advice="measure with --effort standard")
CASE = "local/tiny-cxr/int8/litert/t1/b1"


@pytest.fixture
def asked(tmp_path) -> Project:
    """A folder in which only questions are asked."""
    (tmp_path / "home").mkdir()
    return Project(folder=tmp_path)


@pytest.fixture
def measured(asked) -> Project:
    """The same after two runs."""
    with Store.open(f"sqlite:///{asked.folder / 'farm.db'}") as store:
        fill(store)
    return asked


def fill(store, run=RUN):
    """Tell of a run of two schemes, one skipped case, and of a run that was broken off."""
    own = {"run": run, "device": "local", "at": MIDNIGHT}
    suite = {
        "suite": make_suite().to_json(),
        "seed": 0,
        "effort": "smoke",
        "dataset": "phantom",
        "synthetic": True,
        "farm_version": "0.1.0",
    }
    events = [
        run_event.RunStarted(run=run, at=MIDNIGHT, **suite),
        happened.DeviceProbed(**own, entry=LOCAL, facts={"cores": 4}),
        happened.CaseSkipped(**own, case=make_case(runtime="tflite"), reason="[Errno 2] no tflite, Python 3.11"),
    ]
    for number, scheme in enumerate(("float32", "int8"), 1):
        case, sha256 = make_case(scheme=scheme), str(number) * 64
        artifact = make_artifact(sha256=sha256, scheme=scheme, size_bytes=8000 // number)
        attempt = make_measurement((1_000_000 // number,) * 20, attempt=f"{run}-{number}", case=case, artifact=sha256)
        result = CaseResult(
            run=run,
            case=case,
            artifact=sha256,
            size_bytes=None,
            attempts=1,
            samples=20,
            p50_ns=1e6 / number,
            p90_ns=None,
            p99_ns=None,
            auc_mean=1.0,
            verdict=Verdict.WARN,
            reasons=(SMOKE,),
        )
        events += [
            run_event.ArtifactReady(run=run, artifact=artifact, reused=False, seconds=1),
            happened.AttemptEnded(**own, measurement=attempt),
            happened.Scored(**own, scores=make_scores(scoring=f"{run}-s{number}", scheme=scheme, artifact=sha256)),
            happened.CaseJudged(**own, result=result),
        ]
    later = MIDNIGHT + timedelta(hours=1)
    events += [
        run_event.RunEnded(run=run, at=MIDNIGHT, exit_status=0),
        run_event.RunStarted(run="20260101-010000-ef01", at=later, **suite),
    ]
    for event in events:
        store.record(event)


def refused(done, status, *words):
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["results"], "no results here yet; start with: farm run"),
        (["results", "list"], "no results here yet; start with: farm run"),
        (["runs"], "no runs yet; start with: farm run"),
    ],
    ids=" ".join,
)
def test_an_empty_store_says_how_to_start(asked, argv, words):
    done = asked.farm(*argv)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.strip() == words
    assert asked.json(*argv) == []
    assert "schema none yet" in asked.farm("db", "check").stdout
    assert not (asked.folder / "farm.db").exists(), "a question creates no database"


def test_a_run_without_results_is_named_with_how_it_goes_on(asked):
    with Store.open(f"sqlite:///{asked.folder / 'farm.db'}") as store:
        tell(store, started())

    done = asked.farm("results")

    assert done.returncode == 0
    assert done.stderr.strip().endswith("has no results yet; if it was broken off: farm run --resume run-1")


def test_an_empty_store_has_no_run_and_no_case(asked):
    refused(asked.farm("results", "list", "--run", "latest"), 2, "no run yet: farm run")
    refused(asked.farm("results", "show", CASE), 2, f"no case with a result called '{CASE}'", "farm run")


def test_results_are_a_table_for_people(measured):
    done = measured.farm("results", COLUMNS="80")

    assert (done.returncode, done.stderr) == (0, "")
    title, header, _, float32, int8, _, *below = done.stdout.splitlines()
    assert title == f"tiny-cxr on local, litert, 1 thread, dataset phantom (synthetic images), effort smoke, run {RUN}"
    assert header.split() == ["scheme", "size", "p50", "against", "float32", "(95", "%)", "AUC", "change", "(95", "%)", "verdict"]  # fmt: skip
    assert float32.split() == ["float32", "8.00", "kB", "1.00", "ms", "AUC", "1.0000", "WARN"]
    assert int8.split() == ["int8", "4.00", "kB", "(−50", "%)", "500", "µs", "can't", "tell", "(1", "attempt)", "0.0000", "WARN"]  # fmt: skip
    assert below == [
        "can't tell: 7 attempts a side would; farm run --compare makes 7",
        "WARN all: the wiring holds; measure with --effort standard",
        "",
        "effort smoke shows that tiny-cxr works on local, not what to deploy: farm run decides",
    ]


def test_a_run_is_judged_again_and_what_changed_is_said(measured):
    refused(measured.farm("results", "judge", "--run", "x"), 2, "no run called 'x'")

    said = measured.json("results", "judge", "--run", RUN)

    assert [row["case"] for row in said] == [str(make_case()), CASE]
    assert [row["changed"] for row in said] == [False, False]
    assert (said[1]["reasons"], said[1]["figures"]["p50_ns"]) == (["smoke"], 500_000)
    done = measured.farm("results", "judge", "--run", RUN)
    assert (done.returncode, done.stdout) == (0, "2 cases judged by what is stored of them, 0 changed\n")


def test_results_are_json_for_programs(measured):
    float32, int8 = measured.json("results")

    assert (list(float32), list(int8)) == (KEYS, KEYS)
    assert (float32["case"], int8["case"]) == (str(make_case()), CASE)
    assert (int8["run"], int8["p50_ns"], int8["speedup"], int8["size_ratio"]) == (RUN, 500_000, 2.0, 2.0)
    assert int8["reasons"][0]["code"] == "smoke"


def test_a_list_can_be_narrowed(measured):
    assert [row["scheme"] for row in measured.json("results", "list", "--scheme", "int8", "--run", RUN)] == ["int8"]
    assert measured.json("results", "list", "--threads", "4") == []
    assert measured.json("results", "list", "--run", "latest") == []
    assert len(measured.json("results", "list", "--device", "local", "--model", "tiny-cxr", "--runtime", "litert")) == 2


def test_every_filter_takes_a_list_and_either_spelling(measured):
    def cases(*argv):
        return [row["scheme"] for row in measured.json("results", "list", *argv)]

    assert cases("--schemes", "int8,float32") == cases("--scheme=int8,float32") == ["float32", "int8"]
    assert cases("--threads", "1,4", "--batch", "1", "--verdict", "warn,VALID") == ["float32", "int8"]
    assert cases("--verdict", "INVALID") == cases("--batch", "8") == cases("--since", "1h") == []
    assert cases("--since", "2025-12-31") == ["float32", "int8"]
    assert cases("--sort", "p50") == ["int8", "float32"]
    assert cases("--sort", "p50", "--limit", "1") == ["int8"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--since", "20.11.2026"], ("neither a date nor an age", "did you mean 2026-11-20?")),
        (["--since", "yesterday"], ("write it as 2026-11-20, 2026-11-20T14:30, 7d or 12h",)),
        (["--verdict", "WARM"], ("no verdict called 'WARM'; did you mean 'WARN'?",)),
        (["--threads", "1,x"], ("--threads 1,x: expected whole numbers",)),
        (["--sort", "p5"], ("no order called 'p5'; did you mean 'p50'?",)),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_malformed_filter_is_refused_with_the_nearest_form(measured, argv, words):
    refused(measured.farm("results", "list", *argv), 2, *words)


def test_a_value_that_no_result_has_is_named_beside_those_that_some_have(measured):
    done = measured.farm("results", "list", "--schemes", "int8,int9")

    assert "\nint8 " in done.stdout
    assert "no result with scheme 'int9'; did you mean 'int8'?" in done.stderr


def test_a_terminal_gets_a_page_and_how_to_narrow(measured, monkeypatch, capsys):
    from orchestrator.cli.results import list as listing

    monkeypatch.setattr(listing, "PAGE", 1)
    monkeypatch.setenv("FORCE_COLOR", "1")
    listing.print_results(
        listing.filters(), db=f"sqlite:///{measured.folder / 'farm.db'}", inventory=None, as_json=False
    )

    shown = capsys.readouterr()
    assert "int8" not in shown.out
    assert "1 of 2 results; narrow them" in shown.err
    assert "--limit 2" in shown.err


def test_devices_of_a_list_are_selected_like_anywhere_else(measured):
    every = len(measured.json("results", "list", "--device", "local"))

    assert every > 0
    assert len(measured.json("results", "list", "--device", "loc*,all")) == every
    assert measured.json("results", "list", "--device", "!local") == []
    refused = measured.farm("results", "list", "--device", "tag:nothing")
    assert (refused.returncode, "no tag called 'nothing'" in refused.stderr) == (2, True)


def test_a_list_of_one_run_tells_what_was_skipped(measured):
    done = measured.farm("results", "list", "--run", "20260101-00")

    skipped = done.stdout.splitlines()[-1]
    assert skipped == "skipped  local/tiny-cxr/float32/tflite/t1/b1: [Errno 2] no tflite, Python 3.11"


def test_what_was_skipped_is_narrowed_too(measured):
    done = measured.farm("results", "list", "--run", RUN, "--runtime", "litert")

    assert "skipped" not in done.stdout
    assert "skipped" in measured.farm("results", "list", "--run", RUN, "--runtime", "tflite").stdout


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--scheme", "int9"], "no result with scheme 'int9'; did you mean 'int8'?"),
        (["--device", "zzz", "--run", RUN], f"no result with device 'zzz' in run {RUN}; there is local"),
        (["--threads", "4"], "no result with threads '4'; there is 1"),
        (["--run", "latest"], "if it was broken off: farm run --resume 20260101-010000-ef01"),
    ],
    ids=" ".join,
)
def test_a_list_that_is_empty_says_why(measured, argv, words):
    done = measured.farm("results", "list", *argv)

    assert (done.returncode, done.stdout) == (0, "")
    assert words in done.stderr
    assert measured.json("results", "list", *argv) == []


@pytest.mark.parametrize(
    "option", [["--db", "sqlite:///other.db"], ["--json"], ["--inventory", "x.yaml"]], ids=" ".join
)
def test_an_option_in_front_of_list_or_show_is_refused_because_they_would_not_hear_it(measured, option):
    for argv in (["list"], ["show", CASE]):
        refused(measured.farm("results", *option, *argv), 2, f"farm results {argv[0]} {option[0]}")

    assert not (measured.folder / "other.db").exists()
    assert measured.farm("results", "list", FARM_DB="sqlite:///farm.db").returncode == 0


def test_one_case_is_shown_in_full(measured):
    done = measured.farm("results", "show", CASE, COLUMNS="80")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{CASE}  run {RUN}, 2026-01-01 00:00 UTC\n")
    for words in (
        "all 20 samples: 500 µs",
        "AUC-ROC on 2 images",
        "cores",
        "the wiring holds",
        "delegate",
        "recipe",
    ):
        assert words in done.stdout
    shown = measured.json("results", "show", CASE, "--run", RUN)
    assert list(shown) == KEYS + SHOW_KEYS
    assert list(shown["attempt_list"][0]) == ATTEMPT_KEYS
    assert shown["attempt_list"][0]["latency_ns"] == [500_000] * 20


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["list", "--run", "20260101-010000-ef02"], "did you mean '20260101-010000-ef01'?"),
        (["list", "--run", "2026"], "give more of its id: farm runs"),
        (["show", "local/tiny-cxr/int9/litert/t1/b1"], f"did you mean '{CASE}'?"),
        (["show", "local/tiny-cxr/int8/litert/t1/b1", "--run", "latest"], "no case with a result called"),
        (["show", "local/int8"], "DEVICE/MODEL/SCHEME/RUNTIME/tTHREADS/bBATCH"),
        (["show", "local/tiny-cxr/int8/litert/tone/b1"], "DEVICE/MODEL/SCHEME/RUNTIME/tTHREADS/bBATCH"),
        (["list", "--threads", "many"], "--threads"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_exist_is_answered_with_the_nearest_name(measured, argv, words):
    refused(measured.farm("results", *argv), 2, words)


@pytest.mark.parametrize("width", ["80", "120"])
def test_runs_are_a_table_for_people(measured, width):
    done = measured.farm("runs", COLUMNS=width)

    assert (done.returncode, done.stderr) == (0, "")
    assert "…" not in done.stdout
    assert done.stdout.index("20260101-010000-ef01") < done.stdout.index(RUN)
    for words in ("2 WARN", "farm run --resume", "phantom", "(synthetic)", "smoke", "local"):
        assert words in " ".join(done.stdout.split())


def test_runs_are_json_for_programs(measured):
    second, first = measured.json("runs")

    assert list(first) == [
        *("id", "started_at", "ended_at", "suite", "seed", "effort", "dataset", "synthetic"),
        *("farm_version", "exit_status", "devices", "cases", "verdicts", "name"),
    ]
    assert (first["id"], first["verdicts"], first["devices"], first["cases"]) == (RUN, {"WARN": 2}, ["local"], 3)
    assert first["started_at"] == "2026-01-01T00:00:00+00:00"
    assert (second["ended_at"], second["exit_status"]) == (None, None)


def test_the_database_is_checked_and_upgraded(asked):
    newest = migrate.NEWEST
    new = asked.farm("db", "check")
    assert (new.returncode, new.stderr) == (0, "")
    assert f"schema none yet, this farm needs {newest}" in new.stdout

    upgraded = asked.farm("db", "upgrade")
    assert (upgraded.returncode, upgraded.stdout, upgraded.stderr) == (0, f"schema {newest}\n", "")
    again = asked.farm("db", "upgrade")
    assert (again.returncode, again.stdout) == (0, f"schema {newest}\n")
    assert f"farm.db: schema {newest}, this farm needs {newest}" in asked.farm("db", "check").stdout


def test_a_database_of_a_newer_farm_is_refused_by_every_command(measured):
    opened = sqlalchemy.create_engine(f"sqlite:///{measured.folder / 'farm.db'}")
    with opened.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    opened.dispose()

    for argv in (["results"], ["runs"], ["db", "upgrade"]):
        refused(measured.farm(*argv), 1, "schema 9999, which this farm does not know", "use the newer farm")
    checked = measured.farm("db", "check")
    assert checked.returncode == 1
    assert "use the newer farm" in checked.stderr
    assert f"schema 9999, this farm needs {migrate.NEWEST}" in checked.stdout


def test_a_database_that_cannot_be_opened_is_no_traceback(asked):
    (asked.folder / "farm.db").write_text("dear diary, " * 1000)

    for argv in (["results"], ["results", "show", CASE], ["runs"], ["db", "check"], ["db", "upgrade"]):
        refused(asked.farm(*argv), 1, "file is not a database")
    refused(
        asked.farm("results", "--db", "mysql://me:hush@machine/farm"), 1, "mysql is not a database that farm can use"
    )
    assert "hush" not in asked.farm("results", "--db", "postgresql://me:hush@127.0.0.1:1/farm").stderr


def test_a_reader_that_leaves_early_is_no_traceback(measured):
    import subprocess
    import sys

    command = f"{sys.executable} -m orchestrator.cli.main results --json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=measured.folder,
        env=measured.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("[\n", "")


def test_a_reader_of_tables_that_leaves_early_gets_no_error(measured):
    import subprocess
    import sys

    farm = f"{sys.executable} -m orchestrator.cli.main results"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {farm} | true"],
        cwd=measured.folder,
        env=measured.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.postgres
def test_results_in_postgresql_read_the_same(measured, postgres, postgres_url):
    with Store.open(postgres_url) as store:
        fill(store)
    url = sqlalchemy.make_url(postgres_url)._replace(password=None).render_as_string()
    options = ["--db", url]

    answers = []
    for argv in (["results"], ["results", "show", CASE], ["runs"]):
        ours = measured.farm(*argv, "--json")
        theirs = measured.farm(*argv, *options, "--json", PGPASSWORD=postgres.password)
        assert theirs.returncode == 0, theirs.stderr
        answers.append((json.loads(theirs.stdout), json.loads(ours.stdout)))
    for theirs, ours in answers:
        assert theirs == ours
    checked = measured.farm("db", "check", FARM_DB=url, PGPASSWORD=postgres.password)
    newest = migrate.NEWEST
    assert f"schema {newest}, this farm needs {newest}" in checked.stdout


def test_a_case_that_is_not_whole_is_refused_with_the_stored_ones_that_have_its_parts(measured):
    done = measured.farm("results", "show", "local/tiny-cxr/int8")

    assert done.returncode == 2
    assert "write it whole: local/tiny-cxr/int8/litert/t1/b1" in done.stderr
    assert "float32" not in done.stderr


@pytest.mark.parametrize("words", [["--json"], []])
def test_who_has_read_enough_ends_a_command_quietly(asked, words):
    command = shlex.join([*FARM, "devices", "list", *words])

    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        cwd=asked.folder,
        env=asked.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
