"""`farm results export` and `import`, as a person or a job uses them."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pytest

from orchestrator.domain.result import Verdict
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_measurement
from tests.lab.same_process import call
from tests.lab.telling import RUN, SMOKE, ended, everything_that_can_happen, judged, tell

PAGE = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project with a run of one case, three attempts, one of them failed with words that a device chose."""
    folder = tmp_path_factory.mktemp("project")
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        tell(store, *everything_that_can_happen())
        tell(store, ended(make_measurement(range(1, 1001), attempt="attempt-2", number=2)))
        tell(store, ended(make_measurement((), attempt="attempt-3", number=3, error="=cmd|' /C calc'!A0")))
        tell(store, judged(verdict=Verdict.WARN, reasons=(SMOKE,)))
    return folder


def farm(folder, *argv):
    return call(["results", *argv], folder=folder, environment={"HOME": str(folder), "NO_COLOR": "1"})


def exported(folder, *argv):
    done = farm(folder, "export", *argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_csv_has_a_row_for_each_case_that_a_spreadsheet_reads(folder):
    (row,) = csv.DictReader(io.StringIO(exported(folder, "--format", "csv")))

    (plain,) = json.loads(farm(folder, "list", "--json").stdout)
    assert set(row) == set(plain)
    assert (row["case"], row["threads"], row["synthetic"]) == (str(make_case()), "1", "true")
    assert (float(row["p50_ns"]), row["p99_ns"], row["reasons"]) == (1e6, "", "smoke")


def test_json_lines_are_the_rows_of_json(folder):
    lines = exported(folder).splitlines()

    assert [json.loads(line) for line in lines] == json.loads(farm(folder, "list", "--json").stdout)


def test_attempts_have_a_row_each_and_no_cell_is_a_formula(folder):
    rows = list(csv.DictReader(io.StringIO(exported(folder, "--attempts", "--format", "csv"))))

    assert [(row["case"], row["run"], row["number"], row["samples"]) for row in rows] == [
        (str(make_case()), RUN, number, samples) for number, samples in (("1", "128"), ("2", "1000"), ("3", "0"))
    ]
    assert [row["p50_ns"] for row in rows] == ["1000000.0", "500.5", ""]
    assert rows[1]["p10_ns"] == "100.9"
    assert rows[2]["error"] == "'=cmd|' /C calc'!A0"
    assert json.loads(rows[0]["versions"])["numpy"] == "2.4.6"


@pytest.mark.parametrize("attempts", [[], ["--attempts"]], ids=["cases", "attempts"])
def test_parquet_has_typed_columns(folder, tmp_path, attempts):
    import pyarrow as pa
    import pyarrow.parquet as pq

    exported(folder, *attempts, "-o", str(tmp_path / "results.parquet"))

    table = pq.read_table(tmp_path / "results.parquet")
    lines = [json.loads(line) for line in exported(folder, *attempts).splitlines()]
    assert table.num_rows == len(lines)
    assert table.column_names == list(lines[0])
    types = {name: table.schema.field(name).type for name in table.column_names}
    assert (types["threads"], types["p50_ns"], types["case"]) == (pa.int64(), pa.float64(), pa.string())
    moment = "started_at" if attempts else "measured_at"
    assert table[moment][0].as_py().astimezone(UTC).isoformat() == lines[0][moment]
    assert table["p50_ns"].to_pylist() == [line["p50_ns"] for line in lines]


def test_without_pyarrow_a_sentence_says_what_to_install(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    done = farm(folder, "export", "-o", str(tmp_path / "x.parquet"))

    assert done.returncode == 2
    assert "Parquet needs pyarrow" in done.stderr
    assert "pip install 'edge-farm[parquet]'" in done.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-o", "results.xls"], "its name does not say which format"),
        (["--format", "cvs"], "no format called 'cvs'; did you mean 'csv'?"),
        (["--format", "parquet"], "parquet needs a file"),
        (["-o", "run.farm.zip", "--scheme", "int8"], "--schemes does not go with an archive"),
        (["-o", "nowhere/results.csv"], "nowhere/results.csv: No such file or directory"),
        (["--run", "nope"], "no run called 'nope'"),
    ],
)
def test_an_export_that_can_not_be_made_says_why(folder, argv, words):
    done = farm(folder, "export", *argv)

    assert done.returncode == 2
    assert words in done.stderr


def test_filters_narrow_what_is_exported(folder):
    assert exported(folder, "--scheme", "float32", "--device", "loc*")
    assert exported(folder, "--schemes", "float32,int8", "--verdict", "WARN", "--since", "2025-12-31")
    for narrow in (("--scheme", "int8"), ("--verdict", "VALID"), ("--since", "2026-01-02"), ("--threads", "2")):
        assert exported(folder, *narrow) == ""


def test_an_archive_goes_to_another_farm_once(folder, tmp_path):
    printed = exported(folder, "--run", "latest", "-o", str(tmp_path / "run.farm.zip"))
    first = farm(tmp_path, "import", "run.farm.zip", "--rename", "local=lab2")
    again = farm(tmp_path, "import", "run.farm.zip", "--rename", "local=lab2")

    assert re.search(r"run run-1: .*run\.farm\.zip, [\d.]+ kB\nsha256 [0-9a-f]{64}", printed)
    assert (first.returncode, again.returncode) == (0, 0)
    assert "run run-1 imported: 2 cases, 3 attempts, 1 scorings\n  device local is called lab2 here" in first.stdout
    assert "run run-1 is there already, with the same content" in again.stdout
    assert [row["device"] for row in json.loads(farm(tmp_path, "list", "--json").stdout)] == ["lab2"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["gone.farm.zip"], "gone.farm.zip: No such file"),
        (["run.farm.zip", "--rename", "local"], "--rename local: must be OLD=NEW"),
        (["run.farm.zip", "--rename", "locl=x"], "no device in the archive called 'locl'; did you mean 'local'?"),
    ],
)
def test_an_import_that_can_not_be_made_says_why(folder, tmp_path, argv, words):
    exported(folder, "--run", "latest", "-o", str(tmp_path / "run.farm.zip"))

    done = farm(tmp_path, "import", *argv)

    assert done.returncode == 2
    assert words in done.stderr


def test_the_page_s_own_reader_reads_an_archive(folder, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exported(folder, "--run", "latest", "-o", str(tmp_path / "run.farm.zip"))

    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["local float32 1 1000000 ns", "local float32 2 501 ns"]


def test_the_benchmark_json_has_the_keys_that_litert_s_own_tool_writes(folder, tmp_path):
    tool = [
        sys.executable,
        "-m",
        "ai_edge_litert.tools.benchmark_litert_model",
        "--num_runs",
        "3",
        "--warmup_runs",
        "1",
    ]
    model = PAGE.parents[1] / "tests" / "data" / "float32.tflite"
    subprocess.run(
        [*tool, "--model", str(model), "--result_json", str(tmp_path / "tool.json")], check=True, capture_output=True
    )
    theirs = json.loads((tmp_path / "tool.json").read_text())

    (ours,) = json.loads(exported(folder, "--json-benchmark"))

    assert set(ours) - {"farm"} == set(theirs)
    assert set(ours["latency"]) == set(theirs["latency"])
    for name, value in theirs["latency"].items():
        assert isinstance(ours["latency"][name], int | float), (name, value)
    times = [1_000_000] * 128 + list(range(1, 1001))
    assert ours["latency"]["num_runs"] == len(times)
    assert ours["latency"]["avg_ms"] == pytest.approx(sum(times) / len(times) / 1e6)
    assert ours["latency"]["median_ms"] == pytest.approx(564.5e-6)
    assert ours["latency"]["init_ms"] == 5.0
    assert (ours["fully_accelerated"], ours["num_threads"], ours["farm"]["verdict"]) == (True, 1, "WARN")


def test_google_benchmark_s_json_has_an_iteration_for_each_attempt(folder):
    written = json.loads(exported(folder, "--format", "google-benchmark"))

    assert [(each["run_type"], each["iterations"], each["real_time"]) for each in written["benchmarks"]] == [
        ("iteration", 128, 1e6),
        ("iteration", 1000, 500.5),
        ("aggregate", 2, 500_250.25),
        ("aggregate", 2, 500_250.25),
        ("aggregate", 2, pytest.approx(706_752.9, rel=1e-6)),
    ]
    assert {each["run_name"] for each in written["benchmarks"]} == {str(make_case())}
    assert written["context"]["host_name"] == "local"


def test_pyperf_itself_reads_what_is_written_for_it(folder, tmp_path):
    import pyperf

    exported(folder, "--format", "pyperf", "-o", str(tmp_path / "suite.json"))

    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "suite.json"))
    (benchmark,) = suite.get_benchmarks()
    assert benchmark.get_name() == str(make_case())
    assert (benchmark.get_nrun(), benchmark.get_nvalue(), benchmark.get_unit()) == (2, 1128, "second")
    assert benchmark.get_values()[:1] == (0.001,)
    assert benchmark.get_runs()[0].warmups == ((1, 0.0011), (1, 0.00105))
    assert benchmark.get_metadata()["farm_run"] == RUN
    stats = subprocess.run(
        [sys.executable, "-m", "pyperf", "stats", str(tmp_path / "suite.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Total number of values: 1128" in stats.stdout


def test_an_empty_benchmark_is_refused(folder):
    done = farm(folder, "export", "--format", "pyperf", "--scheme", "int8")

    assert done.returncode == 2
    assert "no result has latencies to export" in done.stderr


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of SQLAlchemy and of Python
def test_mlflow_has_the_run_its_cases_and_the_report_once(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    argv = ("export", "--mlflow", uri, "--db", f"sqlite:///{folder / 'farm.db'}")

    first, again = farm(tmp_path, *argv), farm(tmp_path, *argv)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "run run-1 logged 1 cases, experiment farm" in first.stdout
    assert "run run-1 is there already; nothing changed" in again.stdout
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("farm").experiment_id])
    (parent,) = [each for each in runs if "farm.run" in each.data.tags]
    (child,) = [each for each in runs if each.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(runs) == 2
    assert (parent.info.run_name, parent.data.params["effort"], parent.info.status) == (RUN, "smoke", "FINISHED")
    assert child.data.metrics["p50_ns"] == 1e6
    assert (child.data.params["scheme"], child.data.tags["farm.verdict"]) == ("float32", "WARN")
    assert {each.path for each in client.list_artifacts(parent.info.run_id)} >= {"report.md", "results.jsonl"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("uri", ["nonsense://secret", "http://u:hunter2@127.0.0.1:9"])
def test_an_mlflow_that_is_not_there_is_a_sentence_without_the_password(folder, uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    done = farm(folder, "export", "--mlflow", uri)

    assert done.returncode == 2
    assert "MLflow at " in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
