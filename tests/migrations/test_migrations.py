"""Migrations make exactly the tables that the code expects, wherever they are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError

from orchestrator.store import engine, migrate
from orchestrator.store.queries import Queries
from orchestrator.store.schema import Base
from orchestrator.testing import make_case
from tests.lab.postgres import binaries

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty(database_url):
    opened = engine.connect(database_url)
    yield opened
    opened.dispose()


def tables(opened):
    return set(sqlalchemy.inspect(opened).get_table_names())


def test_an_empty_database_gets_every_table(empty):
    with empty.connect() as connection:
        assert migrate.current(connection) is None

    assert migrate.upgrade(empty) == migrate.NEWEST

    assert tables(empty) == {table.name for table in Base.metadata.sorted_tables} | {"alembic_version"}
    with empty.connect() as connection:
        assert migrate.current(connection) == migrate.NEWEST


def test_models_and_migrations_agree(empty):
    migrate.upgrade(empty)

    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_difference_between_models_and_migrations_would_be_seen(empty):
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN colour INTEGER")

    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) != []


def test_upgrading_twice_changes_nothing(empty):
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("INSERT INTO cases VALUES (1, 'local', 'tiny-cxr', 'int8', 'litert', 1, 1, 0)")

    assert migrate.upgrade(empty) == migrate.NEWEST
    migrate.ensure(empty)

    with empty.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM cases").scalar_one() == 1


def test_every_migration_can_be_taken_back(empty):
    migrate.upgrade(empty)

    with empty.connect().execution_options(writes=True) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    assert tables(empty) == {"alembic_version"}
    assert migrate.upgrade(empty) == migrate.NEWEST


def test_there_is_one_history_without_branches():
    revisions = list(migrate._script().walk_revisions())

    assert migrate._script().get_heads() == [migrate.NEWEST]
    assert [script.revision for script in revisions] == sorted((script.revision for script in revisions), reverse=True)


def test_alembic_alone_is_sent_to_farm():
    with pytest.raises(SystemExit, match="farm db upgrade"):
        command.upgrade(migrate._config(), "head")


def test_in_a_checkout_the_migrations_are_at_its_top():
    assert migrate.folder() == ROOT / "migrations"


def test_a_percent_sign_in_the_folder_does_no_harm(tmp_path, monkeypatch):
    shutil.copytree(migrate.folder(), tmp_path / "100%s")
    monkeypatch.setattr(migrate, "folder", lambda: tmp_path / "100%s")

    assert migrate._script().get_current_head() == migrate.NEWEST


def test_a_folder_without_migrations_is_no_silent_success(tmp_path, monkeypatch, empty):
    monkeypatch.setattr(migrate, "folder", lambda: tmp_path / "nothing")

    with pytest.raises(CommandError, match="nothing"):
        migrate.upgrade(empty)


def test_the_wheel_brings_the_migrations_along(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    code = (
        "import sys\n"
        "from orchestrator.store import migrate\n"
        "from orchestrator.store.store import Store\n"
        "print(migrate.folder())\n"
        "Store.open(sys.argv[1]).close()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'farm.db'}"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.strip() == str(site / "orchestrator" / "store" / "migrations")


def test_a_device_keeps_the_facts_of_its_last_run_through_the_upgrade(empty):
    migrate.upgrade(empty)
    with empty.connect().execution_options(writes=True) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO runs (id, started_at, suite, seed, effort, dataset, synthetic, farm_version)"
                " VALUES ('r', '2026-01-01', '{}', 0, 'smoke', 'phantom', true, '0')"
            )
        )
        connection.execute(sqlalchemy.text("INSERT INTO devices VALUES ('pi', '{}', '2026-01-01')"))
        for number, cores in enumerate((2, 4)):
            connection.execute(
                sqlalchemy.text(
                    "INSERT INTO device_facts (id, run, device, at, facts) VALUES (:id, 'r', 'pi', '2026-01-01', :facts)"
                ),
                {"id": number, "facts": f'{{"cores": {cores}}}'},
            )

    migrate.upgrade(empty)

    with empty.connect() as connection:
        said = connection.execute(sqlalchemy.text("SELECT CAST(facts AS TEXT) FROM devices")).scalar_one()
        assert said == '{"cores": 4}'


def test_attempts_from_before_the_golden_check_stay_without_one(empty):
    migrate.upgrade(empty)
    with empty.connect().execution_options(writes=True) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        size = '{"height": 8, "width": 8, "channels": 1, "mean": [0], "std": [1]}'
        connection.exec_driver_sql(
            "INSERT INTO runs (id, started_at, suite, seed, effort, dataset, synthetic, farm_version)"
            " VALUES ('r', '2026-01-01', '{}', 0, 'smoke', 'phantom', true, '0')"
        )
        connection.exec_driver_sql("INSERT INTO cases VALUES (1, 'local', 'tiny-cxr', 'int8', 'litert', 1, 1)")
        connection.execute(
            sqlalchemy.text("INSERT INTO artifacts VALUES ('a', 1, 'tiny-cxr', 'int8', 1, :preprocess, '{}', '{}')"),
            {"preprocess": size},
        )
        connection.exec_driver_sql(
            "INSERT INTO attempts (id, run, case_id, number, artifact, started_at, ended_at, wall_ns, readings)"
            " VALUES ('t', 'r', 1, 1, 'a', '2026-01-01', '2026-01-01', 5, '[]')"
        )

    migrate.upgrade(empty)

    queries = Queries(empty)
    (attempt,) = queries.measurements("r", make_case(scheme="int8-io"))
    assert (attempt.golden_max_difference, attempt.golden_mean_difference) == (None, None)
    artifact = queries.artifact("a", "r", make_case(scheme="int8"))
    assert artifact is not None
    assert artifact.golden is None


def test_results_of_an_older_farm_get_the_figures_that_are_computed_when_judging_now(empty):
    migrate.upgrade(empty)
    samples = (1000, 2000, 3000)
    with empty.connect().execution_options(writes=True) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
        for statement in (
            "INSERT INTO artifacts VALUES ('a', 1, 'm', 's', 1, '{}', '{}', '{}', NULL)",
            "INSERT INTO cases VALUES (1, 'pi', 'm', 'float32', 'litert', 1, 1, 0)",
            "INSERT INTO cases VALUES (2, 'pi', 'm', 'int8', 'litert', 1, 1, 0)",
            *(
                "INSERT INTO runs (id, started_at, suite, seed, effort, dataset, synthetic, farm_version)"  # noqa: S608
                f" VALUES ('{effort}', '2026-01-01', '{{}}', 0, '{effort}', 'phantom', true, '0')"
                for effort in ("quick", "smoke")
            ),
            *(
                "INSERT INTO run_cases (run, case_id, judged_at, artifact, attempts, samples, verdict, reasons)"  # noqa: S608
                f" VALUES ('{run}', {case}, '2026-01-0{case}', 'a', 2, 6, 'VALID', '[]')"
                for run in ("quick", "smoke")
                for case in (1, 2)
            ),
        ):
            connection.exec_driver_sql(statement)
        for number, error in enumerate((None, None, "broken"), 1):
            connection.execute(
                sqlalchemy.text(
                    "INSERT INTO attempts (id, run, case_id, number, artifact, started_at, ended_at, wall_ns, readings,"
                    " error, load_ns, first_ns, peak_rss_bytes, invocations_per_sample) VALUES (:id, 'quick', 2, :number,"
                    " 'a', '2026-01-01', '2026-01-01', 5, '[]', :error, :load, 7, :peak, 10)"
                ),
                {"id": f"t{number}", "number": number, "error": error, "load": number * 10, "peak": number * 1000},
            )
            data = b"".join(value.to_bytes(8, "little") for value in samples) if error is None else b"torn"
            connection.execute(
                sqlalchemy.text("INSERT INTO samples VALUES (:id, 'latency', 3, :data)"),
                {"id": f"t{number}", "data": data},
            )

    migrate.upgrade(empty)

    with empty.connect() as connection:
        columns = connection.exec_driver_sql("SELECT p10_ns, p50_ns, count FROM attempts ORDER BY id").all()
    assert [tuple(row) for row in columns] == [(120.0, 200.0, 3), (120.0, 200.0, 3), (None, None, 0)]
    float32, int8 = Queries(empty).results()
    assert (int8.run, int8.load_ns, int8.first_ns, int8.import_ns, int8.peak_rss_bytes) == ("quick", 15, 7, None, 2000)
    assert (float32.run, float32.size_ratio, int8.size_ratio) == ("quick", 1.0, 1.0)


def _before_0014(opened, *statements):
    """Take the schema back to what an older farm had, and store what it would have."""
    migrate.upgrade(opened)
    with opened.connect().execution_options(writes=True) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0013")
        for statement, values in statements:
            connection.execute(sqlalchemy.text(statement), values)


SUITE = """{"schemes": ["float32", "int8", "mine", "io", "mixed"], "scheme_options": {"mine": {"kind": "int8"},
 "io": {"kind": "int8", "float_io": true}, "mixed": {"kind": "int8", "float_layers": ["first"]}}}"""
STORED_INT8 = (
    (
        (
            "INSERT INTO runs (id, started_at, suite, seed, effort, dataset, synthetic, farm_version)"
            " VALUES ('r', '2026-01-01', :suite, 0, 'smoke', 'phantom', true, '0')"
        ),
        {"suite": SUITE},
    ),
    ("INSERT INTO cases VALUES (1, 'local', 'tiny-cxr', 'int8', 'litert', 1, 1, 0)", {}),
    ("INSERT INTO artifacts VALUES ('a', 1, 'tiny-cxr', 'int8', 1, '{}', '{}', '{}', NULL)", {}),
    (
        (
            "INSERT INTO calibrations (id, device, at, run, case_name, effort, attempts, group_size, noise_floor, observed,"
            " p50_ns, seed) VALUES (1, 'local', '2026-01-01', 'r', 'local/tiny-cxr/int8/litert/t1/b1', 'quick', 20, 3, 0.1,"
            " 0.1, 1.0, 0)"
        ),
        {},
    ),
    *(
        (
            "INSERT INTO events (id, run, at, kind, detail) VALUES (:id, 'r', '2026-01-01', :kind, :detail)",
            {"id": number, "kind": kind, "detail": detail},
        )
        for number, (kind, detail) in enumerate(
            (
                ("ArtifactReady", '{"scheme": "int8", "model": "int8"}'),
                ("CaseSkipped", '{"case": "int8/int8/int8/litert/t1/b1"}'),
                ("BlobSent", '{"what": "artifact int8"}'),
            )
        )
    ),
)


def _stored(opened, column, table):
    query = sqlalchemy.text(f"SELECT CAST({column} AS TEXT) FROM {table} ORDER BY 1")  # noqa: S608  constants
    with opened.connect() as connection:
        return list(connection.execute(query).scalars())


def test_int8_of_an_older_farm_is_called_int8_io_wherever_it_is_named(empty):
    _before_0014(empty, *STORED_INT8)

    migrate.upgrade(empty)

    assert _stored(empty, "scheme", "cases") == _stored(empty, "scheme", "artifacts") == ["int8-io"]
    assert _stored(empty, "case_name", "calibrations") == ["local/tiny-cxr/int8-io/litert/t1/b1"]
    assert [json.loads(detail) for detail in _stored(empty, "detail", "events")] == [
        {"case": "int8/int8/int8-io/litert/t1/b1"},
        {"scheme": "int8-io", "model": "int8"},
        {"what": "artifact int8"},
    ]
    suite = json.loads(_stored(empty, "suite", "runs")[0])
    assert suite["schemes"] == ["float32", "int8-io", "mine", "io", "mixed"]
    assert suite["scheme_options"] == {
        "mine": {"kind": "int8-io"},
        "io": {"kind": "int8"},
        "mixed": {"kind": "int8", "float_layers": ["first"]},
    }


def test_int8_keeps_apart_from_another_scheme_that_a_suite_called_int8_io(empty):
    other = "INSERT INTO cases VALUES (2, 'local', 'tiny-cxr', 'int8-io', 'litert', 1, 1, 0)"
    _before_0014(empty, *STORED_INT8, (other, {}))

    migrate.upgrade(empty)

    assert _stored(empty, "scheme", "cases") == ["int8-io", "int8-io-2"]
    suite = json.loads(_stored(empty, "suite", "runs")[0])
    assert suite["schemes"][1] == "int8-io-2"
    assert suite["scheme_options"]["int8-io-2"] == {"kind": "int8-io"}


def test_how_devices_are_reached_leaves_a_database_of_an_older_farm(empty):
    device = "INSERT INTO devices (name, last_seen_at, entry) VALUES (:name, '2026-01-01', :entry)"
    probed = "INSERT INTO events (id, run, at, kind, device, detail) VALUES (:id, 'r', '2026-01-01', 'DeviceProbed', :device, :detail)"
    entry = {
        "name": "pi",
        "transport": "ssh",
        "tags": ["ward"],
        "address": "pi.secret",
        "user": "secret",
        "via": {"address": "secret"},
    }
    _before_0014(
        empty,
        STORED_INT8[0],
        (device, {"name": "pi", "entry": json.dumps(entry)}),
        (device, {"name": "here", "entry": '{"name": "here", "transport": "local"}'}),
        (probed, {"id": 1, "device": "pi", "detail": '{"entry": "secret@pi.secret:22"}'}),
        (probed, {"id": 2, "device": "here", "detail": '{"entry": "local"}'}),
    )

    migrate.upgrade(empty)

    entries = [json.loads(entry) for entry in _stored(empty, "entry", "devices")]
    assert entries == [
        {"name": "here", "transport": "local"},
        {"name": "pi", "transport": "ssh", "tags": ["ward"]},
    ]
    assert [json.loads(detail) for detail in _stored(empty, "detail", "events")] == [
        {"entry": "local"},
        {"entry": "ssh"},
    ]


GATE = {"name": "gate", "address": "gate.secret.example", "user": "secretgate", "port": 40022}
ENTRY = {"name": "pi", "transport": "ssh", "address": "192.0.2.77", "user": "secretuser", "port": 40022, "via": GATE}
OLD_REASONS = (
    "pi (secretuser@192.0.2.77:40022): nothing answers in time; is it on? `ping 192.0.2.77` shows it",
    "pi: its jump host gate (secretgate@gate.secret.example:40022, which is 198.51.100.9:40022): it hung up",
    "pi: the jump host gate can't reach [192.0.2.77]:40022",
    "pi: no login as secretuser: it refused all our keys (tried /home/joe/secretkey: a public key)",
    "pi: login as secretuser failed by /home/joe/secretkey",
    "never (never.secret.example): no SSH server listens there",
    "never: unknown host key SHA256:abc at [never.secret.example]:40022",
    "never: no login as secretnever: it accepts no keys",
)
SECRETS = ("secret", "192.0.2", "198.51.100", "40022")


def test_why_devices_failed_is_kept_by_an_upgrade_without_how_they_are_reached(empty, database_url, request):
    size = '{"height": 8, "width": 8, "channels": 1, "mean": [0], "std": [1]}'
    reason = (
        '[{"verdict": "INVALID", "code": "build-failed", "message": "at secretuser@192.0.2.77: x", "advice": "ping"}]'
    )
    event = "INSERT INTO events (id, run, at, kind, device, detail) VALUES (:id, 'r', '2026-01-01', :kind, :device, :detail)"
    texts = [{"reason": text, "case": "pi/m/float32/litert/t1/b1"} for text in OLD_REASONS]
    _before_0014(
        empty,
        STORED_INT8[0],
        (
            "INSERT INTO devices (name, last_seen_at, entry) VALUES ('pi', '2026-01-01', :entry)",
            {"entry": json.dumps(ENTRY | {"identity_file": "/home/joe/secretkey"})},
        ),
        (
            event,
            {"id": 1, "kind": "DeviceProbed", "device": "pi", "detail": '{"entry": "old@pi.secret.example:40022"}'},
        ),
        *(
            (event, {"id": 2 + number, "kind": "LaneSkipped", "device": "pi", "detail": json.dumps(text)})
            for number, text in enumerate((*texts, {"reason": "it was at pi.secret.example:40022"}))
        ),
        ("INSERT INTO cases VALUES (1, 'pi', 'm', 'float32', 'litert', 1, 1, 0)", {}),
        ("INSERT INTO artifacts VALUES ('a', 1, 'm', 'float32', 1, :size, '{}', '{}', NULL)", {"size": size}),
        (
            "INSERT INTO run_cases (run, case_id, attempts, samples, skipped, reasons) VALUES ('r', 1, 0, 0, :text, :reason)",
            {"text": OLD_REASONS[0], "reason": reason},
        ),
        (
            (
                "INSERT INTO attempts (id, run, case_id, number, artifact, started_at, ended_at, wall_ns, readings, error)"
                " VALUES ('t', 'r', 1, 1, 'a', '2026-01-01', '2026-01-01', 5, '[]', :text)"
            ),
            {"text": f"lost: {OLD_REASONS[2]}"},
        ),
        (
            'INSERT INTO lanes (id, run, device, number, "offset", ended, error) VALUES (:id, :run, :device, 1, 0, true, :text)',
            {"id": "r-pi-1", "run": "r", "device": "pi", "text": OLD_REASONS[3]},
        ),
    )
    assert all(secret in _everything(empty, database_url, request) for secret in SECRETS)

    migrate.upgrade(empty)

    held = _everything(empty, database_url, request)
    assert [secret for secret in SECRETS if secret in held] == []
    assert "pi: nothing answers in time" in held
    assert "never: no SSH server listens there" in held
    assert "pi/m/float32/litert/t1/b1" in held


def _everything(opened, url, request):
    """Return the bytes of a database's files, or what pg_dump writes of it."""
    opened.dispose()
    address = sqlalchemy.make_url(url)
    if address.get_backend_name() == "sqlite":
        folder = Path(address.database).parent
        return "".join(
            path.read_bytes().decode("utf-8", "ignore") for path in folder.glob(f"{Path(address.database).name}*")
        )
    postgres = request.getfixturevalue("postgres")
    dump = [binaries() / "pg_dump", "--inserts", "-h", postgres.folder, "-U", "farm", address.database]
    done = subprocess.run(
        dump, env=os.environ | {"PGPASSWORD": postgres.password}, capture_output=True, text=True, check=True
    )
    return done.stdout
