"""Ways to a device that ssh_config(5) describes: agents, jump hosts, commands, names of host keys, servers with limits."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from orchestrator.domain.device import Device
from orchestrator.errors import AuthenticationRefused, DeviceUnfit, HostKeyRefused, Unreachable, UsageError
from orchestrator.transports import ssh_lookup
from orchestrator.transports.connector import Connector
from orchestrator.transports.known_hosts import trust
from orchestrator.transports.ssh import SshTransport, server_name, shown_key
from tests.lab.sshd import free_port

pytestmark = pytest.mark.sshd

BOARD = Device(name="board", address="board")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Give farm a home directory without keys, agent and ~/.ssh/config."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture(params=["ssh -G", "its files"])
def reader(request, monkeypatch):
    """Ask the installed ssh, then farm's own reader."""
    if request.param != "ssh -G":
        monkeypatch.setattr(ssh_lookup.shutil, "which", lambda _: None)
    elif shutil.which("ssh") is None:
        pytest.skip("no OpenSSH client here")


def host(name, server, *more):
    lines = [f"HostName 127.0.0.1\n Port {server.port}\n User {getpass.getuser()}", *more]
    return f"Host {name}\n " + "\n ".join(lines) + "\n"


def run(device, trusted, *argv):
    transport = SshTransport(device, Connector(known_hosts=trusted))
    try:
        return transport.run(list(argv) or ["echo", "hello"]).out
    finally:
        transport.close()


def both(tmp_path, *servers):
    trusted = tmp_path / "both"
    trusted.write_text("".join(server.known_hosts.read_text() for server in servers))
    return trusted


@contextmanager
def agent_with(path, *keys):
    """Run an ssh-agent at ``path`` that holds ``keys``."""
    path.parent.mkdir(exist_ok=True)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        adding = ["ssh-add", "-q", *keys]
        while (
            done := subprocess.run(adding, capture_output=True, env={"SSH_AUTH_SOCK": str(path)}, check=False)
        ).returncode:
            assert agent.poll() is None, done.stderr
            time.sleep(0.01)
        yield
    finally:
        agent.kill()
        agent.wait()


def test_the_agent_of_ssh_config_is_used(sshd, home, reader):
    server = sshd()
    (home / ".ssh" / "config").write_text(f"Host *\n IdentityAgent ~/.agent/agent.sock\n{host('board', server)}")

    with agent_with(home / ".agent" / "agent.sock", server.identity_file):
        assert run(BOARD, server.known_hosts) == b"hello\n"


def test_an_agent_that_does_not_run_is_named(sshd, home, reader):
    server = sshd()
    (home / ".ssh" / "config").write_text(host("board", server, "IdentityAgent ~/gone.sock"))

    with pytest.raises(AuthenticationRefused, match=r"ssh-agent .*/gone.sock: No such file"):
        run(BOARD, server.known_hosts)


def test_the_agents_key_of_a_public_half_is_the_only_one_that_is_offered(sshd, home, reader):
    server, other = sshd(), sshd("other")
    public = home / ".ssh" / "board.pub"
    shutil.copy(f"{server.identity_file}.pub", public)
    agent = home / ".agent" / "agent.sock"
    (home / ".ssh" / "config").write_text(
        host("board", server, f"IdentityAgent {agent}", "IdentitiesOnly yes", "IdentityFile ~/.ssh/board.pub")
    )

    with pytest.raises(AuthenticationRefused, match=r"board.pub: a public key, and no ssh-agent has its private half"):
        run(BOARD, server.known_hosts)
    with agent_with(agent, other.identity_file, server.identity_file):
        assert run(BOARD, server.known_hosts) == b"hello\n"
    assert "Failed publickey" not in server.log


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_of_a_key_is_offered_with_it(sshd, home, tmp_path, reader, kind):
    for name, type_ in (("authority", "ed25519"), ("mine", kind)):
        subprocess.run(["ssh-keygen", "-q", "-t", type_, "-N", "", "-f", tmp_path / name], check=True)
    signing = ["ssh-keygen", "-q", "-s", tmp_path / "authority", "-I", "me", "-n", getpass.getuser()]
    subprocess.run([*signing, tmp_path / "mine.pub"], check=True)
    server = sshd("board", extra=f"TrustedUserCAKeys {tmp_path / 'authority.pub'}")
    (server.folder / "authorized_keys").write_text("")
    config = home / ".ssh" / "config"

    config.write_text(host("board", server, f"IdentityFile {tmp_path / 'mine'}"))
    assert run(BOARD, server.known_hosts) == b"hello\n"
    (tmp_path / "mine-cert.pub").rename(tmp_path / "elsewhere.pub")
    with pytest.raises(AuthenticationRefused):
        run(BOARD, server.known_hosts)
    config.write_text(
        host(
            "board",
            server,
            f"IdentityFile {tmp_path / 'mine'}",
            f"CertificateFile {tmp_path / 'elsewhere.pub'}",
            "IdentityAgent ~/.agent/sock",
        )
    )
    with agent_with(home / ".agent" / "sock", tmp_path / "mine"):
        assert run(BOARD, server.known_hosts) == b"hello\n"


def test_a_jump_host_of_ssh_config_that_has_no_address_is_named(sshd, home, reader):
    server = sshd()
    (home / ".ssh" / "config").write_text(host("board", server, "ProxyJump gateway.invalid"))

    with pytest.raises(Unreachable) as caught:
        run(BOARD, server.known_hosts)

    assert caught.value.message.startswith("board: its jump host gateway.invalid (gateway.invalid): its name has no")
    assert "ping gateway.invalid" in caught.value.hint


def test_a_jump_host_of_ssh_config_that_is_off_or_takes_no_key_is_named(sshd, home, tmp_path, reader):
    gate, server = sshd("gate"), sshd("board")
    (home / ".ssh" / "config").write_text(
        host("board", server, "ProxyJump gate", f"IdentityFile {server.identity_file}") + host("gate", gate)
    )
    trusted = both(tmp_path, gate, server)

    with pytest.raises(AuthenticationRefused, match=r"board \(jump host gate\): no login as"):
        run(BOARD, trusted)
    gate.stop()
    with pytest.raises(Unreachable, match=r"board: its jump host gate \(.*no SSH server listens there"):
        run(BOARD, trusted)


def test_a_jump_host_that_can_not_reach_the_device_is_told_from_the_device(sshd, home, reader):
    gate = sshd("gate")
    (home / ".ssh" / "config").write_text(
        f"Host board\n HostName 127.0.0.1\n Port {free_port()}\n ProxyJump gate\n"
        + host("gate", gate, f"IdentityFile {gate.identity_file}")
    )

    with pytest.raises(Unreachable, match=r"board \(board, which is .*: the jump host gate can't reach \[127"):
        run(BOARD, gate.known_hosts)


def test_a_jump_host_that_forwards_nothing_is_named_with_the_setting(sshd, home, tmp_path):
    gate, server = sshd("gate", extra="AllowTcpForwarding no"), sshd("board")

    with pytest.raises(UsageError, match=r"board: the jump host gate forwards no connections") as caught:
        run(replace(server.device, via=gate.device), both(tmp_path, gate, server))

    assert "AllowTcpForwarding" in caught.value.hint


def test_the_first_jump_host_has_jump_hosts_of_its_own(sshd, home, tmp_path, reader):
    outer, inner, server = sshd("outer"), sshd("inner"), sshd("board")
    (home / ".ssh" / "config").write_text(
        host("board", server, "ProxyJump inner", f"IdentityFile {server.identity_file}")
        + host("inner", inner, "ProxyJump outer", f"IdentityFile {inner.identity_file}")
        + host("outer", outer, f"IdentityFile {outer.identity_file}")
    )

    assert run(BOARD, both(tmp_path, outer, inner, server)) == b"hello\n"
    assert all("Accepted publickey" in each.log for each in (outer, inner, server))


def test_a_jump_host_of_every_host_is_reached_directly_itself(sshd, home, tmp_path, reader):
    gate, server = sshd("gate"), sshd("board")
    (home / ".ssh" / "config").write_text(
        host("board", server, f"IdentityFile {server.identity_file}")
        + host("gate", gate, f"IdentityFile {gate.identity_file}")
        + "Host *\n ProxyJump gate\n"
    )
    trusted = both(tmp_path, gate, server)

    assert run(BOARD, trusted) == b"hello\n"
    assert run(Device(name="gate", address="gate"), trusted) == b"hello\n"


def test_a_proxy_command_is_the_connection(sshd, home, tmp_path, reader):
    server = sshd("board")
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "far = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while data := os.read(0, 65536): far.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := far.recv(65536): os.write(1, data)\n"
    )
    (home / ".ssh" / "config").write_text(
        host("board", server, f"IdentityFile {server.identity_file}", f"ProxyCommand {sys.executable} {relay} %h %p")
    )

    assert run(BOARD, server.known_hosts) == b"hello\n"


def test_a_proxy_command_that_fails_is_named_with_its_own_words(sshd, home, reader):
    server = sshd("board")
    script = home / "fails.sh"
    script.write_text("echo no route today >&2; exit 3\n")
    config = home / ".ssh" / "config"

    config.write_text(host("board", server, f"ProxyCommand sh {script}"))
    with pytest.raises(Unreachable, match=r"board .*ProxyCommand printed: no route today"):
        run(BOARD, server.known_hosts)
    config.write_text(host("board", server, "ProxyCommand no-such-program %h"))
    with pytest.raises(UsageError, match=r"board: ProxyCommand of ssh_config: no-such-program: No such file"):
        run(BOARD, server.known_hosts)


def test_a_name_for_the_host_key_counts_instead_of_the_address(sshd, home, tmp_path, reader):
    server = sshd("board")
    (home / ".ssh" / "config").write_text(
        host("board", server, f"IdentityFile {server.identity_file}", "HostKeyAlias ward-3")
    )
    trusted = tmp_path / "trusted"
    connector = Connector(known_hosts=trusted)

    with pytest.raises(HostKeyRefused, match="at ward-3"):
        run(BOARD, server.known_hosts)
    trust(trusted, shown_key(BOARD, connector))

    assert run(BOARD, trusted) == b"hello\n"
    assert server_name(BOARD, connector) == "ward-3"


def test_a_key_that_ssh_trusts_is_refused_and_said_to_be_trusted_there(sshd, home, tmp_path, reader):
    server = sshd("board")
    shutil.copy(server.known_hosts, home / "known")
    (home / ".ssh" / "config").write_text(host("board", server, "UserKnownHostsFile ~/known"))

    with pytest.raises(HostKeyRefused, match=f"unknown host key.*ssh trusts this key, by {home / 'known'}"):
        run(BOARD, tmp_path / "nothing")


def test_a_broken_ssh_config_is_refused_by_the_name_of_the_device(home, tmp_path, reader):
    (home / ".ssh" / "config").write_text("Host board\n Port none-such\n")

    with pytest.raises(UsageError, match=r"^board: .*none-such"):
        run(BOARD, tmp_path / "nothing")
    (home / ".ssh" / "config").write_text("Host board\n ProxyJump gate\nHost gate\n ProxyCommand a | b\n")
    with pytest.raises(UsageError, match=r"^board \(jump host gate\): .*needs a shell"):
        run(BOARD, tmp_path / "nothing")


def test_only_addresses_of_the_family_that_is_named_are_dialled(sshd, home, reader):
    server = sshd("board")
    config = home / ".ssh" / "config"
    trusted = server.known_hosts.with_name("by_name")
    trusted.write_text(server.known_hosts.read_text().replace("127.0.0.1", "localhost"))
    named = host("board", server, f"IdentityFile {server.identity_file}").replace(
        "HostName 127.0.0.1", "HostName localhost"
    )

    config.write_text(f"{named} AddressFamily inet\n BindAddress 127.0.0.1\n")
    assert run(BOARD, trusted) == b"hello\n"
    config.write_text(f"{host('board', server)} AddressFamily inet6\n")
    with pytest.raises(Unreachable, match="its name has no address"):
        run(BOARD, trusted)


def test_a_server_that_allows_one_session_serves_programs_one_after_the_other(sshd):
    server = sshd(extra="MaxSessions 1")
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))

    answers = [transport.run(["echo", str(number)]).out for number in range(10)]
    transport.close()

    assert answers == [f"{number}\n".encode() for number in range(10)]
    assert server.log.count("Accepted publickey") == 1


def test_a_server_that_allows_one_session_serves_a_second_program_by_a_second_login(sshd):
    server = sshd(extra="MaxSessions 1")
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    stream = transport.stream(["sh", "-c", "echo ready; cat"])

    assert next(stream) == b"ready\n"
    assert [transport.run(["echo", "hello"]).out for _ in range(2)] == [b"hello\n"] * 2
    stream.close()
    assert transport.run(["echo", "hello"]).out == b"hello\n"
    transport.close()

    assert server.log.count("Accepted publickey") == 3


def test_a_server_that_allows_no_session_is_named_with_the_setting(sshd):
    server = sshd(extra="MaxSessions 0")

    with pytest.raises(DeviceUnfit, match="pi5-a: its SSH server refused a session") as caught:
        run(server.device, server.known_hosts)

    assert "MaxSessions" in caught.value.hint


def test_an_address_that_is_no_host_name_is_refused(tmp_path):
    for address in ("a" * 70 + ".example", "a..b"):
        with pytest.raises((UsageError, Unreachable), match=r"^board"):
            run(Device(name="board", address=address), tmp_path / "nothing")


def test_the_keys_of_our_agent_are_not_forwarded_whatever_ssh_config_asks_for(sshd, home, reader, monkeypatch):
    server = sshd()
    ours = home / ".agent" / "agent.sock"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(ours))
    (home / ".ssh" / "config").write_text(host("board", server, "ForwardAgent yes"))

    with agent_with(ours, server.identity_file):
        variables = run(BOARD, server.known_hosts, "env").decode()

    assert "SSH_AUTH_SOCK" not in variables
    assert "SSH_CONNECTION" in variables
