"""`farm devices` as a person uses it, against real servers."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import termios
import time

import pytest

from tests.lab.project import FARM, Project
from tests.lab.sshd import free_port

pytestmark = pytest.mark.sshd

COMMANDS = [
    "list",
    "show",
    "check",
    "add",
    "trust",
    "import",
    "discover",
    "edit",
    "rename",
    "remove",
    "setup",
    "clean",
    "tune",
    "calibrate",
    "wheels",
]


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "home").mkdir(parents=True)
    return Project(folder=folder)


def address(server):
    return f"{getpass.getuser()}@127.0.0.1:{server.port}"


def add(project, server, *more, name="pi5-a", **environment):
    argv = ["devices", "add", name, "--address", address(server), "--identity-file", str(server.identity_file)]
    return project.farm(*argv, "--workdir", str(server.folder / "work"), "--no-setup", *more, **environment)


def untouched(project):
    return not (project.folder / "inventory.yaml").exists() and not (project.folder / ".farm" / "known_hosts").exists()


def at_a_terminal(project, argv, typed, question="Trust it?", **environment):
    """Run farm with a terminal at its standard input and error; return its status and what it printed there.

    ``typed`` answers the first ``question``; a list answers it one by one, each time it is asked.
    """
    answers = [typed] if isinstance(typed, str) else list(typed)
    master, slave = os.openpty()
    process = subprocess.Popen(
        [*project.prefix, *FARM, *argv],
        cwd=project.folder,
        env=project.environment | {"TERM": "xterm"} | environment,
        stdin=slave,
        stdout=subprocess.DEVNULL,
        stderr=slave,
    )
    os.close(slave)
    said, heard = b"", 0
    while True:
        try:
            said += os.read(master, 4096)
        except OSError:  # how Linux says that the last writer is gone
            break
        if answers and said.count(question.encode(), heard):
            heard = len(said)
            # A hidden answer must not be typed before the echo is off: what came before is thrown away then.
            while question.startswith("Pass") and process.poll() is None and _echoes(master):
                time.sleep(0.01)
            os.write(master, answers.pop(0).encode() + b"\n")
    os.close(master)
    return process.wait(timeout=300), said.decode()


def _echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_a_device_is_added_by_its_fingerprint_and_then_answers(project, sshd):
    server = sshd()

    added = add(project, server, "--fingerprint", server.fingerprint, "--tag", "ward-3", "--tag", "pi")

    assert added.returncode == 0, added.stderr
    assert "Python 3" in added.stdout
    assert "farm run --devices pi5-a" in added.stdout
    (entry,) = project.json("devices", "list", "tag:ward-3")
    assert (entry["name"], entry["port"], entry["tags"]) == ("pi5-a", server.port, ["ward-3", "pi"])
    (answer,) = project.json("devices", "check", "pi5-a")
    assert answer["reached"]
    assert answer["facts"]["machine"] == os.uname().machine
    assert abs(answer["facts"]["clock_offset_ns"]) <= answer["facts"]["clock_uncertainty_ns"]  # it is the same clock


def test_a_person_at_a_terminal_is_shown_the_fingerprint_and_asked(project, sshd):
    server = sshd()
    argv = ["devices", "add", "pi5-a", "--address", address(server), "--identity-file", str(server.identity_file)]
    argv += ["--no-setup"]

    status, said = at_a_terminal(project, [*argv, "--workdir", str(server.folder / "work")], "y")

    assert status == 0, said
    assert server.fingerprint in said
    assert "pi5-a" in (project.folder / "inventory.yaml").read_text()


def locked(server, passphrase):
    """Give the device's key a passphrase."""
    argv = ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", str(server.identity_file)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def test_a_locked_key_is_asked_for_once_and_never_without_a_terminal(project, sshd):
    server = sshd()
    assert add(project, server, "--fingerprint", server.fingerprint).returncode == 0
    locked(server, "open sesame")

    alone = project.farm("devices", "check", "pi5-a")
    assert (alone.returncode, "encrypted (ssh-add" in alone.stderr) == (1, True)
    argv = ["devices", "check", "pi5-a"]
    status, said = at_a_terminal(project, argv, ["wrong", "open sesame"], "Passphrase of")
    assert status == 0, said
    assert said.count("Passphrase of") == 2
    assert "sesame" not in said
    status, said = at_a_terminal(project, argv, ["a", "b", "c", "d"], "Passphrase of")
    assert status == 1
    assert "wrong passphrase" in said


def test_a_person_who_says_no_changes_nothing(project, sshd):
    server = sshd()
    argv = ["devices", "add", "pi5-a", "--address", address(server), "--identity-file", str(server.identity_file)]
    argv += ["--no-setup"]

    status, said = at_a_terminal(project, argv, "n")

    assert status == 1
    assert "was not confirmed" in said
    assert untouched(project)


def test_without_a_terminal_and_a_fingerprint_nothing_is_trusted(project, sshd):
    server = sshd()

    done = add(project, server)

    assert done.returncode == 2
    assert f"--fingerprint {server.fingerprint}" in done.stderr
    assert untouched(project)


def test_another_fingerprint_is_refused(project, sshd):
    server = sshd()
    other = "SHA256:" + "A" * 43

    done = add(project, server, "--fingerprint", other)

    assert done.returncode == 1
    assert server.fingerprint in done.stderr
    assert other in done.stderr
    assert untouched(project)


def test_a_fingerprint_of_another_form_is_a_mistake_of_usage(project, sshd):
    done = add(project, sshd(), "--fingerprint", "MD5:aa:bb")

    assert done.returncode == 2
    assert untouched(project)


def test_a_device_that_takes_no_key_of_ours_is_not_added(project, sshd):
    server = sshd()
    (server.folder / "authorized_keys").write_text("")

    done = add(project, server, "--fingerprint", server.fingerprint)

    assert done.returncode == 1
    assert "no login as" in done.stderr
    assert untouched(project)


def test_a_device_without_python_is_not_added(project, sshd):
    server = sshd()

    done = add(project, server, "--fingerprint", server.fingerprint, "--python", "python-that-is-not-there")

    assert done.returncode == 1
    assert "python-that-is-not-there" in done.stderr
    assert untouched(project)


#: Programs that are called python3 on some devices: one that is none, one that sends people to a shop, an old one.
STUBS = {
    "none": ("echo 'BusyBox v1.36'", "printed is not JSON: expected value at line 1 column 1: 'BusyBox v1.36'"),
    "shop": (
        "echo 'Python was not found; install it from the Store' >&2; exit 9",
        "does not run there: Python was not",
    ),
    "old": (
        "exec python3 -c 'import sys; sys.version_info = (3, 8, 18); sys.argv.pop(0); exec(sys.argv[1])' \"$@\"",
        "is Python 3.8; the agent needs 3.9 or later",
    ),
}


@pytest.mark.parametrize("kind", STUBS)
def test_a_python_that_is_a_stub_or_too_old_is_told_with_what_to_set(project, sshd, tmp_path, kind):
    body, words = STUBS[kind]
    stub = tmp_path / "python3"
    stub.write_text(f"#!/bin/sh\n{body}\n")
    stub.chmod(0o755)
    server = sshd()

    done = add(project, server, "--fingerprint", server.fingerprint, "--python", str(stub))

    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "`python:`" in done.stderr
    assert untouched(project)


def test_a_device_is_not_added_twice_and_a_key_known_before_stays(project, sshd):
    server = sshd()
    assert add(project, server, "--fingerprint", server.fingerprint).returncode == 0
    trusted = (project.folder / ".farm" / "known_hosts").read_text()

    again = add(project, server, "--fingerprint", server.fingerprint)

    assert again.returncode == 2
    assert "there is a device 'pi5-a' already" in again.stderr
    assert (project.folder / ".farm" / "known_hosts").read_text() == trusted


@pytest.mark.parametrize("wrong", ["", "pi@", "pi@host:0", "pi@host:99999", "pi@host:ssh", "a b", "[::1", "h/x"])
def test_an_address_that_is_none_is_a_mistake_of_usage(project, wrong):
    done = project.farm("devices", "add", "x", "--address", wrong)

    assert done.returncode == 2
    assert repr(wrong) in done.stderr
    assert untouched(project)


@pytest.mark.parametrize("name", ["all", "a/b", "tag:x", "!x"])
def test_a_name_that_means_something_else_is_refused(project, name):
    done = project.farm("devices", "add", "--address", "pi@host", "--", name)

    assert done.returncode == 2
    assert "can't be the name of a device" in done.stderr


def test_ipv6_addresses_are_read_in_every_form():
    from orchestrator.config.address import parse_address

    assert parse_address("pi@[fe80::1%eth0]:2222") == ("pi", "fe80::1%eth0", 2222)
    assert parse_address("[::1]") == (None, "::1", None)
    assert parse_address("pi@fe80::1") == ("pi", "fe80::1", None)
    assert parse_address("pi@10.0.0.1:22") == ("pi", "10.0.0.1", 22)
    assert parse_address("host.example") == (None, "host.example", None)


def test_check_asks_all_side_by_side_and_fails_if_one_does(project, sshd):
    server = sshd()
    assert add(project, server, "--fingerprint", server.fingerprint).returncode == 0
    with (project.folder / "inventory.yaml").open("a") as inventory:
        for number in range(8):
            inventory.write(f"  off-{number}:\n    address: 127.0.0.1\n    port: {free_port()}\n")
    began = time.monotonic()

    done = project.farm("devices", "check", "--json")

    assert done.returncode == 1
    answers = {answer["device"]: answer for answer in json.loads(done.stdout)}
    assert answers["pi5-a"]["reached"]
    assert answers["local"]["reached"]
    assert answers["off-3"]["error"] == "Unreachable"
    assert time.monotonic() - began < 120


def test_a_device_that_was_never_asked_differs_from_one_that_gave_no_answer(project):
    (project.folder / "inventory.yaml").write_text(
        f"devices:\n  asked: {{address: 127.0.0.1, port: {free_port()}}}\n  new: {{address: 127.0.0.1}}\n"
    )
    assert project.farm("devices", "check", "asked").returncode == 1

    listed = project.farm("devices", "list").stdout
    shown = project.farm("devices", "show", "asked").stdout
    rows = {row["name"]: row["last_failure"] for row in project.json("devices", "list")}

    words = {line.split()[0]: line for line in listed.splitlines() if line.strip()}
    assert "never asked" in words["new"]
    assert "never asked" not in words["asked"]
    assert "failed just now" in words["asked"]
    assert "Connection refused" in shown
    assert "never seen; next:  farm devices check asked" in shown
    assert rows["new"] is None
    assert "Connection refused" in rows["asked"]["reason"]
    assert rows["asked"]["at"].startswith("20")


def test_a_re_imaged_device_is_refused_until_its_new_key_is_trusted(project, sshd):
    server = sshd()
    assert add(project, server, "--fingerprint", server.fingerprint).returncode == 0
    server.renew_host_key()

    refused = project.farm("devices", "check", "pi5-a")
    assert refused.returncode == 1
    assert "farm devices trust pi5-a" in refused.stderr

    trusted = project.farm("devices", "trust", "pi5-a", "--fingerprint", server.fingerprint)
    assert trusted.returncode == 0, trusted.stderr
    assert project.farm("devices", "check", "pi5-a").returncode == 0


def test_an_entry_written_by_hand_is_refused_until_its_key_is_trusted(project, sshd):
    server = sshd()
    (project.folder / "inventory.yaml").write_text(
        f"devices:\n  pi:\n    address: 127.0.0.1\n    port: {server.port}\n    user: {getpass.getuser()}\n"
        f"    identity_file: {server.identity_file}\n    workdir: {server.folder / 'work'}\n"
    )

    refused = project.farm("devices", "check", "pi")
    assert refused.returncode == 1
    assert server.fingerprint in refused.stderr

    assert project.farm("devices", "trust", "pi", "--fingerprint", server.fingerprint).returncode == 0
    assert project.farm("devices", "check", "pi").returncode == 0


def test_a_mistake_in_the_inventory_is_said_with_its_line(project):
    (project.folder / "inventory.yaml").write_text("devices:\n  pi:\n    adress: x\n")

    done = project.farm("devices", "list")

    assert done.returncode == 2
    assert "inventory.yaml:3: device pi: unknown key 'adress'; did you mean 'address'?" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_in_its_help(project, command):
    done = project.farm("devices", command, "--help")

    assert done.returncode == 0
    assert f"farm devices {command}" in done.stdout


def test_a_jump_host_that_is_no_device_is_cleaned_by_the_address_that_via_has(project, sshd):
    gate = address(sshd())
    inventory = f"devices:\n  pi:\n    address: 192.0.2.1\n    via: {gate}\n"
    (project.folder / "inventory.yaml").write_text(inventory)

    known = project.process("devices", "clean", gate)
    unknown = project.process("devices", "clean", "ada@192.0.2.2:22")

    assert (known.returncode, unknown.returncode) == (1, 2), known.stdout + known.stderr
    assert "unknown host key" in known.stderr
    assert "'ada@192.0.2.2:22'" in unknown.stderr
