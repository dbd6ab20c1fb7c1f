"""A fresh device that takes passwords only gets our key, once asked and never told on."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.integration.test_devices import at_a_terminal
from tests.lab.hosts import HostSpec
from tests.lab.project import Project
from tests.lab.sshd import make_key

pytestmark = pytest.mark.sshd

PASSWORD = "open sesame"  # noqa: S105


@pytest.fixture(params=["openssh", "dropbear"])
def fresh(request, lab, tmp_path):
    """A project with a key of its own, and a host whose root logs in by password alone."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here, which makes the password's hash")
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True)
    shadow = f"root:{hashed.stdout.strip()}:19000:0:99999:7:::"
    hosts = lab(
        HostSpec(
            name="pi-z",
            server=request.param,
            passwords=True,
            extra="PasswordAuthentication yes\nPermitRootLogin yes\nAuthorizedKeysFile .ssh/authorized_keys",
            dress=f"printf '%s\\n' '{shadow}' >/run/shadow; chmod 600 /run/shadow; mount --bind /run/shadow /etc/shadow",
        )
    )
    project = Project(folder=tmp_path / "project", lab=hosts)
    (project.folder / "home" / ".ssh").mkdir(parents=True)
    make_key(project.folder / "home" / ".ssh" / "id_ed25519")
    return project, hosts["pi-z"]


def add(host, *more):
    return [
        "devices",
        "add",
        "pi-z",
        "--address",
        f"root@{host.address}",
        "--fingerprint",
        host.fingerprint,
        "--no-setup",
        *more,
    ]


def test_our_key_is_left_there_after_the_password_was_asked_for(fresh):
    project, host = fresh
    keys = host.folder / "root" / ".ssh" / "authorized_keys"
    keys.parent.mkdir(exist_ok=True)
    keys.write_text("ssh-ed25519 AAAA someone")  # no line end: ours must not become a part of it

    refused = project.farm(*add(host))
    assert (refused.returncode, "no login as root" in refused.stderr) == (1, True)
    status, said = at_a_terminal(project, add(host, "--yes"), ["wrong", PASSWORD], "Password of root")
    assert status == 0, said
    assert said.count("Password of root") == 2
    assert PASSWORD not in said

    ours = (project.folder / "home" / ".ssh" / "id_ed25519.pub").read_text().strip()
    assert keys.read_text().splitlines() == ["ssh-ed25519 AAAA someone", ours]
    assert keys.stat().st_mode & 0o777 == 0o600
    assert project.farm("devices", "check", "pi-z").returncode == 0


def test_three_wrong_passwords_are_the_end_and_nothing_is_left_behind(fresh):
    project, host = fresh

    status, said = at_a_terminal(project, add(host, "--yes"), ["a", "b", "c", "d"], "Password of root")

    assert status == 1
    assert "the password was refused" in said
    assert not (project.folder / "inventory.yaml").exists()
    keys = host.folder / "root" / ".ssh" / "authorized_keys"
    assert (
        not keys.exists() or (project.folder / "home" / ".ssh" / "id_ed25519.pub").read_text() not in keys.read_text()
    )


def test_a_person_who_does_not_want_the_key_copied_is_told_what_was_refused(fresh):
    project, host = fresh

    status, said = at_a_terminal(project, add(host), "n", "It asks for the password")

    assert status == 1
    assert "no login as root" in said
