"""Faults of a cluster that take long to show: all with FARM_TEST_SLOW, none without."""

from __future__ import annotations

import json
import os
import shutil
import signal
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.suites import QUICK, has_finished, measured, stored
from tests.faults.test_dask import add_devices, on, ready_model, walked
from tests.lab.project import wait_for

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.sshd,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("FARM_TEST_SLOW"), reason="FARM_TEST_SLOW is not set"),
]
MANY = 6
#: Reasons that come and go with what else the machine does.
OF_A_BUSY_MACHINE = {
    "drift",
    "frequency-changed",
    "interrupted",
    "memory-short",
    "not-warmed-up",
    "other-load",
    "steal",
    "swapped",
    "throttled",
    "unstable",
}


def many_attempts(project):
    """Write a suite whose lane takes some seconds."""
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=MANY))


def test_a_scheduler_that_is_killed_ends_the_run_with_the_next_command(project, sshd, dask_scheduler):
    dask_cluster = dask_scheduler()
    dask_cluster.worker("one", add_devices(project, [sshd("pi-a")]))
    many_attempts(project)

    run = project.start("run", "suite.yaml", *on(dask_cluster), "--devices", "pi-a")
    wait_for(lambda: project.events("AttemptEnded"), every=0.01)
    dask_cluster.processes[0].kill()
    out, err = run.communicate(timeout=60)

    assert run.returncode == 1, out + err
    assert f"the Dask scheduler at {dask_cluster.address} is lost" in err
    assert "farm run --resume" in err
    assert "Traceback" not in err


def test_ctrl_c_lets_the_worker_stop_the_lane_and_resume_goes_on_without_a_cluster(project, sshd, dask_cluster):
    server = sshd("pi-a")
    dask_cluster.worker("one", add_devices(project, [server]))
    many_attempts(project)

    run = project.start("run", "suite.yaml", *on(dask_cluster), "--devices", "pi-a")
    wait_for(lambda: project.events("AttemptEnded"), every=0.01)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)

    assert run.returncode == 130, err
    assert "farm run --resume" in err
    assert "go on" not in err, "no lane was left"
    assert "Traceback" not in err
    assert has_finished(server.folder / "work"), "the worker stopped the lane"
    assert len(stored(project)) < MANY
    resumed = project.process("run", "--resume", "latest")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert set(stored(project).values()) == {1}
    assert len(stored(project)) == MANY


def test_ctrl_c_in_the_middle_of_a_build_ends_the_run_at_once(project, dask_cluster):
    ready_model(project)
    dask_cluster.worker("one", "")
    dask_cluster.wait_for_workers()
    folder = dask_cluster.folder / "worker-one" / ".farm"
    os.mkfifo(folder / "build.log")  # nothing reads it: the worker waits there, its artifact built and not sent

    run = project.start("run", "suite.yaml", *on(dask_cluster), "--devices", "local")
    wait_for(lambda: list(folder.glob("building-*/0.npy")))
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)

    assert run.returncode == 130, err
    assert "farm run --resume" in err
    assert "Traceback" not in err
    assert not list((project.folder / ".farm").glob("building-*"))


def test_a_dry_run_asks_by_workers_what_the_controller_does_not_reach(project, sshd, dask_cluster):
    known_hosts = add_devices(project, [sshd("pi-a")])
    (project.folder / ".farm" / "known_hosts").write_text("")
    dask_cluster.worker("one", known_hosts)

    plan = project.process("run", "suite.yaml", *on(dask_cluster), "--devices", "pi-a", "--dry-run", "--json")

    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert '"pi-a"' in plan.stdout
    assert "unknown host key" not in plan.stdout + plan.stderr


def test_a_worker_that_loses_its_controller_leaves_its_lane_to_the_device(project, sshd, dask_cluster):
    server = sshd("pi-a")
    worker = dask_cluster.worker("one", add_devices(project, [server]))
    many_attempts(project)

    run = project.start("run", "suite.yaml", *on(dask_cluster), "--devices", "pi-a")
    wait_for(lambda: project.events("AttemptEnded"), every=0.01)
    run.kill()
    run.communicate()

    wait_for(lambda: not server.connections)
    assert worker.poll() is None, "the worker serves on"
    wait_for(lambda: has_finished(server.folder / "work"))
    resumed = project.process("run", "--resume", "latest", *on(dask_cluster))
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert stored(project) == measured(server.folder / "work")
    assert set(stored(project).values()) == {1}
    assert len(stored(project)) == MANY


def test_a_run_that_detaches_leaves_lanes_that_the_worker_started(project, sshd, dask_cluster):
    server = sshd("pi-a")
    dask_cluster.worker("one", add_devices(project, [server]))

    left = project.process("run", "suite.yaml", *on(dask_cluster), "--devices", "pi-a", "--detach")
    attached = project.process("attach")

    assert left.returncode == 0, left.stdout + left.stderr
    assert "goes on by itself on pi-a" in left.stdout
    assert walked(project) == {"pi-a": ["one"]}
    assert attached.returncode == 0, attached.stdout + attached.stderr
    assert stored(project) == measured(server.folder / "work")
    assert len(stored(project)) == 3


def test_a_login_that_a_worker_lacks_skips_the_device_with_a_reason_and_no_other(project, sshd, dask_cluster):
    servers = [sshd(name) for name in ("pi-a", "pi-b")]
    known_hosts = add_devices(project, servers)
    inventory = project.folder / "inventory.yaml"
    with_keys = inventory.read_text()
    inventory.write_text(with_keys.replace(f"identity_file: {servers[1].identity_file}, ", ""))
    (project.folder / "home" / ".ssh").mkdir()
    shutil.copy(servers[1].identity_file, project.folder / "home" / ".ssh" / "id_ed25519")  # the controller's own
    dask_cluster.worker("one", known_hosts)

    done = project.process("run", "suite.yaml", *on(dask_cluster), "--devices", "pi-*")

    assert done.returncode == 1, done.stdout + done.stderr
    assert walked(project) == {"pi-a": ["one"]}
    (skipped,) = project.events("LaneSkipped")
    assert "worker one asks it: its own SSH keys count" in skipped["reason"]
    assert skipped["reason"].startswith("pi-b: ")


def test_a_cluster_gives_the_verdicts_that_threads_give(project, sshd, dask_cluster):
    servers = [sshd(name) for name in ("pi-a", "pi-b")]
    known_hosts = add_devices(project, servers)
    for name in ("one", "two"):
        dask_cluster.worker(name, known_hosts)
    dask_cluster.wait_for_workers()

    done = [project.process("run", "suite.yaml", *more, "--devices", "pi-*") for more in (on(dask_cluster), ())]

    assert [each.returncode for each in done] == [0, 0], done
    query = (
        "SELECT run, device, model, scheme, runtime, attempts, artifact, verdict, reasons FROM run_cases "
        "JOIN cases ON cases.id = case_id ORDER BY run, device"
    )
    rows = project.rows(query)
    first, second = [
        [
            (*row[1:-1], {reason["code"] for reason in json.loads(row[-1])} - OF_A_BUSY_MACHINE)
            for row in rows
            if row[0] == run
        ]
        for run in dict.fromkeys(row[0] for row in rows)
    ]
    assert len(first) == 2
    assert first == second


def test_what_is_built_on_a_worker_is_what_is_built_here(project, dask_cluster):
    words = (
        "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32, int8]\neffort: smoke\naccuracy: none\nattempts: 1\n"
    )
    (project.folder / "suite.yaml").write_text(words)
    kept = {path.name: path.read_bytes() for path in (project.folder / ".farm" / "recipes").glob("*.json")}
    for path in (project.folder / ".farm" / "recipes").glob("*.json"):
        path.unlink()
    dask_cluster.worker("one", "")
    dask_cluster.wait_for_workers()

    done = project.process("run", "suite.yaml", *on(dask_cluster), "--devices", "local")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [event["what"] for event in project.events("BuildsPlaced")] == ["worker one builds tiny-cxr (float32, int8)"]
    assert [event["reused"] for event in project.events("ArtifactReady")] == [False, False]
    again = {path.name: path.read_bytes() for path in (project.folder / ".farm" / "recipes").glob("*.json")}
    assert again.items() <= kept.items(), "the same recipe, bytes, checks, golden scores"


def certificates(folder):
    """Write a certificate that is its own authority, and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return paths


def test_a_scheduler_with_tls_serves_those_with_a_certificate_alone(project, tmp_path, dask_scheduler):
    made = ready_model(project)
    certificate, key = map(str, certificates(tmp_path))
    tls = "--tls-ca-file", certificate, "--tls-cert", certificate, "--tls-key", key
    cluster = dask_scheduler(*tls, protocol="tls")
    cluster.worker("one", "", *tls)
    cluster.wait_for_workers()
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    ours = {
        f"{prefix}CA_FILE": certificate,
        f"{prefix}CLIENT__CERT": certificate,
        f"{prefix}CLIENT__KEY": key,
    }

    done = project.process("run", "suite.yaml", *on(cluster), "--devices", "local", **ours)
    stranger = project.process("run", "suite.yaml", *on(cluster), "--devices", "local")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [event["artifact"] for event in project.events("ArtifactReady")] == [made["sha256"]]
    assert stranger.returncode == 2, stranger.stdout + stranger.stderr
    assert "certificates for tls:// are named in Dask's settings" in stranger.stderr
    assert "Traceback" not in stranger.stderr
