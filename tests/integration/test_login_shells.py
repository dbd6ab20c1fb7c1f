"""Whatever shell a device's account has, and whatever that says on login, farm gets its answers."""

from __future__ import annotations

import json
import shutil

import pytest

from orchestrator.transports.connector import Connector
from orchestrator.transports.ssh import SshTransport
from tests.lab.hosts import HostSpec
from tests.lab.project import Project

pytestmark = pytest.mark.sshd

#: The shell, the file it reads on every login, and a line that makes it speak there.
SHELLS = {
    "sh": ("/bin/sh", None, ""),
    "bash": ("/bin/bash", ".bashrc", "echo Welcome to ward 3"),
    "tcsh": ("/usr/bin/tcsh", ".cshrc", "echo 'Welcome to {ward} 3'"),
    "fish": ("/usr/bin/fish", ".config/fish/config.fish", "echo '{\"welcome\": 3}'"),
}
WORDS = [
    "a b",
    "it's",
    'say "hi"',
    "bang! bang",
    "$HOME",
    "`id`",
    "a\\b",
    "*",
    "~",
    "",
    "é",
    "a;b",
    "-n",
    "{a,b}",
    "%1",
    "$(touch owned)",
    "--help",
    "-",
    "two\nlines",
    "Ger\u00e4t \u202e5",
]


@pytest.fixture(scope="module")
def shells(lab):
    """A host for each login shell; those that are not installed are told, in CI by a failure."""
    absent = [path for path, _, _ in SHELLS.values() if shutil.which(path) is None]
    if absent:
        pytest.skip(f"no {' and no '.join(absent)} here (Debian: apt install tcsh fish)")
    hosts = lab(*(HostSpec(name=name, shell=path) for name, (path, _, _) in SHELLS.items()))
    for name, (_, startup, line) in SHELLS.items():
        if startup is not None:
            file = hosts[name].folder / "root" / startup
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(line + "\n")
    return hosts


@pytest.mark.parametrize("name", SHELLS)
def test_words_reach_a_program_unharmed(shells, name):
    transport = SshTransport(shells[name].device, Connector(known_hosts=shells.known_hosts))
    with shells.entered():
        done = transport.run(["python3", "-c", "import sys,json;print(json.dumps(sys.argv[1:]))", *WORDS])
        transport.close()

    assert json.loads(done.out.splitlines()[-1]) == WORDS


def test_devices_with_any_shell_are_taken_in_and_answer(shells, tmp_path):
    project = Project(folder=tmp_path, lab=shells)
    (tmp_path / "home").mkdir()
    for host in shells:
        argv = ["--address", f"root@{host.address}", "--fingerprint", host.fingerprint, "--no-setup"]
        done = project.farm("devices", "add", host.name, *argv, "--identity-file", str(shells.identity_file))
        assert done.returncode == 0, f"{host.name}: {done.stderr}"

    answers = project.json("devices", "check", "!local")

    assert [answer["device"] for answer in answers if answer["reached"]] == list(SHELLS)


def test_an_account_without_a_home_directory_is_told_what_could_not_be_made(lab, tmp_path):
    hosts = lab(HostSpec(name="pi-q", extra="AuthorizedKeysFile /mnt/host/root/.ssh/authorized_keys"))
    host = hosts["pi-q"]
    users = host.folder / "passwd"
    users.write_text(users.read_text().replace(":/root:", ":/proc/nowhere:"))  # nothing can be made there, even by root
    project = Project(folder=tmp_path, lab=hosts)
    (tmp_path / "home").mkdir()
    argv = ["--address", f"root@{host.address}", "--fingerprint", host.fingerprint, "--no-setup"]

    done = project.farm("devices", "add", "pi-q", *argv, "--identity-file", str(hosts.identity_file))

    assert done.returncode == 1
    assert "the agent could not be installed" in done.stderr
    assert "/proc/nowhere" in done.stderr
    assert "workdir:" in done.stderr
