"""What can go wrong with SSH, each with a real server that does it."""

from __future__ import annotations

import getpass
import importlib
import inspect
import pkgutil
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import paramiko.ssh_exception
import pytest

from orchestrator import errors
from orchestrator.domain.device import Device
from orchestrator.errors import AuthenticationRefused, ConnectionLost, HostKeyRefused, Unreachable
from orchestrator.transports import known_hosts
from orchestrator.transports.connector import Connector
from orchestrator.transports.exceptions import TABLE, find, translate
from orchestrator.transports.ssh import SshTransport, shown_key
from tests.lab.sshd import free_port, make_key

pytestmark = pytest.mark.sshd


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Give farm a home directory without keys, agent and ~/.ssh/config."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


def run(device, trusted):
    transport = SshTransport(device, Connector(known_hosts=trusted))
    try:
        return transport.run(["echo", "hello"])
    finally:
        transport.close()


def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_the_next_command(sshd, tmp_path):
    server = sshd()

    with pytest.raises(HostKeyRefused) as caught:
        run(server.device, tmp_path / "nothing")

    assert server.fingerprint in caught.value.message
    assert "farm devices trust pi5-a" in caught.value.hint


def test_a_changed_host_key_is_refused_with_both_fingerprints(sshd):
    server = sshd()
    before = server.fingerprint
    server.renew_host_key()

    with pytest.raises(HostKeyRefused) as caught:
        run(server.device, server.known_hosts)

    assert before in caught.value.message
    assert server.fingerprint in caught.value.message
    assert "farm devices trust pi5-a" in caught.value.hint


def test_keys_of_the_users_own_known_hosts_are_not_trusted(sshd, tmp_path, home):
    server = sshd()
    (home / ".ssh" / "known_hosts").write_text(server.known_hosts.read_text())

    with pytest.raises(HostKeyRefused):
        run(server.device, tmp_path / "nothing")


def test_hashed_known_hosts_are_read(sshd):
    server = sshd()
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", server.known_hosts], check=True, capture_output=True)
    assert "127.0.0.1" not in server.known_hosts.read_text()

    assert run(server.device, server.known_hosts).out == b"hello\n"


def test_a_wrong_key_is_refused_naming_the_user_and_the_keys_tried(sshd, tmp_path):
    server = sshd()
    make_key(tmp_path / "other")
    device = replace(server.device, identity_file=str(tmp_path / "other"))

    with pytest.raises(AuthenticationRefused) as caught:
        run(device, server.known_hosts)

    assert f"no login as {getpass.getuser()}" in caught.value.message
    assert f"{tmp_path / 'other'}: refused" in caught.value.message


def test_a_wrong_user_is_refused(sshd):
    server = sshd()

    with pytest.raises(AuthenticationRefused, match="no login as nobody-here"):
        run(replace(server.device, user="nobody-here"), server.known_hosts)


def test_a_missing_identity_file_is_named(sshd):
    server = sshd()

    with pytest.raises(AuthenticationRefused, match="/no/such/key: no such file"):
        run(replace(server.device, identity_file="/no/such/key"), server.known_hosts)


def test_an_encrypted_identity_file_asks_for_the_ssh_agent(sshd, tmp_path):
    server = sshd()
    key = tmp_path / "encrypted"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key], check=True)

    with pytest.raises(AuthenticationRefused, match="encrypted: encrypted"):
        run(replace(server.device, identity_file=str(key)), server.known_hosts)


def test_a_file_that_is_no_key_is_named(sshd, tmp_path):
    server = sshd()
    (tmp_path / "garbage").write_text("not a key")
    (tmp_path / "garbage").chmod(0o600)

    with pytest.raises(AuthenticationRefused, match="garbage: no usable private key"):
        run(replace(server.device, identity_file=str(tmp_path / "garbage")), server.known_hosts)


def test_the_default_key_of_the_home_directory_is_offered(sshd, home):
    server = sshd()
    shutil.copy(server.identity_file, home / ".ssh" / "id_ed25519")

    assert run(replace(server.device, identity_file=None), server.known_hosts).status == 0


def test_a_key_that_others_may_read_is_not_used_and_the_way_out_is_told(sshd):
    server = sshd()
    server.identity_file.chmod(0o644)

    with pytest.raises(AuthenticationRefused, match=f"others may read it .chmod 600 {server.identity_file}"):
        run(server.device, server.known_hosts)


def test_no_server_is_asked_for_more_handshakes_at_once_than_it_takes(sshd):
    server = sshd(extra="MaxStartups 9:100:9")  # one more than we knock at once; above it, every one is reset
    trusted = server.known_hosts

    with ThreadPoolExecutor(24) as pool:
        done = list(pool.map(lambda _: run(server.device, trusted).out, range(24)))

    assert done == [b"hello\n"] * 24


def test_a_server_that_resets_all_but_two_handshakes_lets_twenty_in_one_after_the_other(sshd):
    server = sshd(extra="MaxStartups 2:100:2")

    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda _: run(server.device, server.known_hosts).out, range(20)))

    assert done == [b"hello\n"] * 20


def test_a_jump_host_and_a_device_of_one_address_do_not_wait_for_each_other(sshd):
    gate = sshd("gate", extra="MaxStartups 100")  # as two private networks have it: 192.168.1.1 behind 192.168.1.1
    far = replace(gate.device, name="far", via=gate.device)
    start = threading.Barrier(32)

    def knock():
        start.wait()
        return run(far, gate.known_hosts).out

    done: list[bytes] = []
    threads = [threading.Thread(target=lambda: done.append(knock()), daemon=True) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert done == [b"hello\n"] * 32


def test_what_ssh_config_includes_counts(sshd, home):
    server = sshd()
    (home / ".ssh" / "config").write_text("Include wards/*\nHost nothing\n  Port 1\n")
    (home / ".ssh" / "wards").mkdir()
    (home / ".ssh" / "wards" / "three").write_text(
        f"Host bedside\n  HostName 127.0.0.1\n  Port {server.port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {server.identity_file}\n"
    )

    assert run(Device(name="pi", address="bedside"), server.known_hosts).out == b"hello\n"


def test_a_server_with_a_host_certificate_is_known_by_its_plain_key(sshd, tmp_path):
    server = sshd()
    make_key(tmp_path / "authority")
    signing = ["ssh-keygen", "-q", "-s", tmp_path / "authority", "-I", "pi5-a", "-h", server.folder / "host_key.pub"]
    subprocess.run(signing, check=True)
    server.stop()
    server.extra = f"HostCertificate {server.folder / 'host_key-cert.pub'}"
    server.start()

    assert run(server.device, server.known_hosts).out == b"hello\n"


def test_keys_of_the_ssh_agent_are_offered(sshd, tmp_path, monkeypatch):
    server = sshd()
    path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        while subprocess.run(["ssh-add", "-q", server.identity_file], capture_output=True, check=False).returncode == 2:
            time.sleep(0.01)  # nothing listens there yet

        assert run(replace(server.device, identity_file=None), server.known_hosts).status == 0
    finally:
        agent.kill()
        agent.wait()


def test_a_server_that_takes_only_passwords_says_so(sshd):
    server = sshd(extra="PubkeyAuthentication no\nPasswordAuthentication yes")

    with pytest.raises(AuthenticationRefused, match="it accepts no keys, only password"):
        run(server.device, server.known_hosts)


def test_a_port_where_nothing_listens_is_unreachable_at_once():
    device = Device(name="off", address="127.0.0.1", port=free_port())
    began = time.monotonic()

    with pytest.raises(Unreachable, match="no SSH server listens there") as refused:
        run(device, free_path())

    assert time.monotonic() - began < 120
    assert refused.value.hint == "start its SSH server there, or set its `port:` to the one where it listens"


def test_a_name_without_an_address_is_unreachable():
    with pytest.raises(Unreachable, match="its name has no address"):
        run(Device(name="off", address="no-such-name.invalid"), free_path())


def test_an_address_that_never_answers_the_banner_is_reported_in_time():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()

        with pytest.raises(Unreachable):
            run(Device(name="mute", address="127.0.0.1", port=mute.getsockname()[1]), free_path())

    assert time.monotonic() - began < 60


def test_an_address_that_swallows_packets_is_reported_in_time():
    # A listener whose backlog is full drops SYNs without an answer, as a machine that is off does.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        began = time.monotonic()

        with pytest.raises(Unreachable, match="nothing answers in time"):
            run(Device(name="swallows", address="127.0.0.1", port=full.getsockname()[1]), free_path())

        for filler in fillers:
            filler.close()
    assert time.monotonic() - began < 60


def test_something_that_is_no_ssh_server_is_unreachable():
    with socket.socket() as web:
        web.bind(("127.0.0.1", 0))
        web.listen()

        def serve():
            connection, _ = web.accept()
            with connection:
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n" * 200)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(Unreachable):
            run(Device(name="web", address="127.0.0.1", port=web.getsockname()[1]), free_path())


def test_a_handshake_that_is_reset_before_the_banner_is_tried_again(sshd):
    server = sshd()
    hung_up = []
    with socket.socket() as front:
        front.bind(("127.0.0.1", 0))
        front.listen()
        port = front.getsockname()[1]

        def serve():
            first, _ = front.accept()
            first.close()  # as sshd does above MaxStartups
            hung_up.append(True)
            second, _ = front.accept()
            with second, socket.create_connection(("127.0.0.1", server.port)) as inner:
                relay(second, inner)

        threading.Thread(target=serve, daemon=True).start()
        trusted = server.folder / "front_known_hosts"
        trusted.write_text(server.known_hosts.read_text().replace(str(server.port), str(port)))

        assert run(replace(server.device, port=port), trusted).out == b"hello\n"
    assert hung_up


def test_a_banner_before_the_login_is_no_part_of_the_answer(sshd, tmp_path):
    (tmp_path / "banner").write_text("Authorized use only!\n" * 20)
    server = sshd(extra=f"Banner {tmp_path / 'banner'}")

    done = run(server.device, server.known_hosts)

    assert (done.out, done.err) == (b"hello\n", b"")


def test_noise_of_a_login_shell_stands_before_the_answer(sshd):
    server = sshd(extra="ForceCommand sh -c 'echo Welcome; echo news >&2; exec sh -c \"$SSH_ORIGINAL_COMMAND\"'")

    done = run(server.device, server.known_hosts)

    assert (done.out, done.err) == (b"Welcome\nhello\n", b"news\n")


def test_a_connection_cut_under_way_is_lost_and_the_next_call_connects_again(sshd):
    server = sshd()
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    threading.Timer(0.5, server.cut).start()

    with pytest.raises(ConnectionLost, match="pi5-a"):
        transport.run(["sleep", "30"])

    assert transport.run(["echo", "hello"]).out == b"hello\n"
    transport.close()


def test_a_connection_cut_while_sending_is_lost(sshd):
    server = sshd()
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    cut = threading.Event()

    def once(sent):
        if not cut.is_set() and sent > 1_000_000:
            cut.set()
            server.cut()

    with pytest.raises(ConnectionLost):
        transport.run(["cat"], stdin=b"x" * 30_000_000, progress=once)

    transport.close()


def test_a_stream_whose_connection_is_cut_is_lost(sshd):
    server = sshd()
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    chunks = transport.stream(["sh", "-c", "echo ready; cat"])
    next(chunks)
    server.cut()

    with pytest.raises(ConnectionLost):
        next(chunks)

    transport.close()


def test_a_connection_that_was_cut_while_idle_is_opened_again(sshd):
    server = sshd()
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    transport.run(["true"])
    server.cut()
    deadline = time.monotonic() + 60
    while transport._connection.is_connected and time.monotonic() < deadline:
        time.sleep(0.01)

    assert transport.run(["echo", "hello"]).out == b"hello\n"
    transport.close()


def test_the_users_ssh_config_says_host_user_port_and_key(sshd, home):
    server = sshd()
    (home / ".ssh" / "config").write_text(
        f"Host bedside\n  HostName 127.0.0.1\n  Port {server.port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {server.identity_file}\n"
    )

    assert run(Device(name="pi", address="bedside"), server.known_hosts).out == b"hello\n"


def test_a_broken_ssh_config_is_the_users_to_mend(sshd, home):
    server = sshd()
    (home / ".ssh" / "config").write_text("Host x\n  this is no setting=\n Port\n")

    with pytest.raises(errors.UsageError, match="ssh/config"):
        run(server.device, server.known_hosts)


def through(home, jump):
    (home / ".ssh" / "config").write_text(
        f"Host gate\n  HostName 127.0.0.1\n  Port {jump.port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {jump.identity_file}\nHost 127.0.0.1\n  ProxyJump none\nHost behind\n"
        "  HostName 127.0.0.1\n  ProxyJump gate\n"
    )


def test_a_jump_host_is_used_and_both_keys_are_checked(sshd, home, tmp_path):
    jump, server = sshd("gate"), sshd("pi5-a")
    through(home, jump)
    trusted = tmp_path / "both"
    trusted.write_text(jump.known_hosts.read_text() + server.known_hosts.read_text())

    assert run(replace(server.device, address="behind"), trusted).out == b"hello\n"
    assert "direct-tcpip" in jump.log or "Accepted publickey" in jump.log


def test_a_jump_host_with_an_unknown_key_is_refused(sshd, home):
    jump, server = sshd("gate"), sshd("pi5-a")
    through(home, jump)

    with pytest.raises(HostKeyRefused) as caught:
        run(replace(server.device, address="behind"), server.known_hosts)

    assert jump.fingerprint in caught.value.message
    assert "gate" in caught.value.message


def both(tmp_path, *servers):
    trusted = tmp_path / "both"
    trusted.write_text("".join(server.known_hosts.read_text() for server in servers))
    return trusted


def test_the_inventory_s_jump_host_is_used_with_its_own_key_and_login(sshd, home, tmp_path):
    jump, server = sshd("gate"), sshd("pi5-a")
    far, near = replace(server.device, via=replace(jump.device, address="localhost")), tmp_path / "near"
    near.write_text(jump.known_hosts.read_text().replace("127.0.0.1", "localhost") + server.known_hosts.read_text())
    (home / ".ssh" / "config").write_text("Host 127.0.0.1\n  ProxyJump nobody@nowhere.invalid\n")

    assert run(far, near).out == b"hello\n"
    assert "Accepted publickey" in jump.log
    assert "Accepted publickey" in server.log


def test_jump_hosts_are_passed_one_after_the_other(sshd, home, tmp_path):
    outer, inner, server = sshd("outer"), sshd("inner"), sshd("pi5-a")
    far = replace(server.device, via=replace(inner.device, via=outer.device))

    assert run(far, both(tmp_path, outer, inner, server)).out == b"hello\n"
    assert all("Accepted publickey" in each.log for each in (outer, inner, server))


def test_the_inventory_s_jump_host_with_an_unknown_key_is_refused_by_its_name(sshd, home):
    jump, server = sshd("gate"), sshd("pi5-a")

    with pytest.raises(HostKeyRefused) as caught:
        run(replace(server.device, via=jump.device), server.known_hosts)

    assert f"pi5-a (jump host gate): unknown host key {jump.fingerprint}" in caught.value.message
    assert "farm devices trust gate" in caught.value.hint


def test_a_jump_host_whose_key_changed_is_refused_by_its_name(sshd, home, tmp_path):
    jump, server = sshd("gate"), sshd("pi5-a")
    trusted = both(tmp_path, jump, server)
    jump.renew_host_key()

    with pytest.raises(HostKeyRefused) as caught:
        run(replace(server.device, via=jump.device), trusted)

    assert jump.fingerprint in caught.value.message
    assert "farm devices trust gate" in caught.value.hint


def test_a_jump_host_that_is_off_or_takes_no_key_is_told_apart_from_the_device(sshd, home, tmp_path):
    jump, server = sshd("gate"), sshd("pi5-a")
    far, trusted = replace(server.device, via=jump.device), both(tmp_path, jump, server)
    (jump.folder / "authorized_keys").write_text("")

    with pytest.raises(AuthenticationRefused, match=r"pi5-a \(jump host gate\): no login as"):
        run(far, trusted)
    jump.stop()
    with pytest.raises(Unreachable, match=r"pi5-a: its jump host gate .*no SSH server listens there"):
        run(far, trusted)


def test_a_device_that_is_off_behind_a_jump_host_is_unreachable(sshd, home):
    jump = sshd("gate")
    through(home, jump)
    began = time.monotonic()

    with pytest.raises(Unreachable, match="pi5-a"):
        run(Device(name="pi5-a", address="behind", port=free_port()), jump.known_hosts)

    assert time.monotonic() - began < 60


def test_a_device_that_hangs_behind_a_jump_host_is_a_lost_connection(sshd, home, tmp_path):
    jump, server = sshd("gate"), sshd("pi5-a")
    through(home, jump)
    trusted = tmp_path / "both"
    trusted.write_text(jump.known_hosts.read_text() + server.known_hosts.read_text())
    transport = SshTransport(replace(server.device, address="behind"), Connector(known_hosts=trusted))
    chunks = transport.stream(["sh", "-c", "echo ready; cat"])
    next(chunks)
    server.freeze()
    began = time.monotonic()

    with pytest.raises(ConnectionLost):
        next(chunks)

    assert time.monotonic() - began < 120
    transport.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux can be told")
def test_the_kernel_is_told_when_to_give_a_silent_peer_up(sshd):
    server = sshd()
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    transport.run(["true"])
    sock = transport._connection.transport.sock

    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    transport.close()


def test_the_key_a_server_shows_is_the_one_ssh_keygen_names(sshd, tmp_path):
    server = sshd()

    key = shown_key(replace(server.device, user="nobody-here"), Connector(known_hosts=tmp_path / "nothing"))

    assert key.fingerprint == server.fingerprint
    assert key.name == f"[127.0.0.1]:{server.port}"


def test_a_key_that_is_trusted_is_read_by_paramiko_and_by_openssh(sshd, tmp_path):
    server = sshd()
    trusted = tmp_path / "farm" / "known_hosts"
    known_hosts.trust(trusted, shown_key(server.device, Connector(known_hosts=trusted)))

    assert run(server.device, trusted).out == b"hello\n"
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[127.0.0.1]:{server.port}", "-f", trusted], capture_output=True, check=False
    )
    assert found.returncode == 0
    assert trusted.stat().st_mode & 0o777 == 0o600


def test_twenty_runs_over_one_connection_leave_no_channel_behind(sshd):
    server = sshd()
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    for _ in range(20):
        transport.run(["true"])

    assert len(transport._connection.transport._channels) <= 1  # the last one's goodbye may still be on its way
    assert server.log.count("Accepted publickey") == 1
    transport.close()


def test_the_fast_cipher_is_chosen(sshd):
    server = sshd()
    transport = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    transport.run(["true"])

    assert transport._connection.transport.remote_cipher == "aes128-gcm@openssh.com"
    transport.close()


#: Never leave paramiko, or are of another operating system.
INSIDE = {"NeedRekeyException", "WindowsError"}


def raised_by(*packages):
    """Return every exception that a module of ``packages`` defines."""
    for package in packages:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(("_winapi", "win_pageant", "win_openssh")):
                continue
            loaded = importlib.import_module(module.name)
            for name, kind in inspect.getmembers(loaded, inspect.isclass):
                if issubclass(kind, Exception) and kind.__module__ == module.name and name not in INSIDE:
                    yield kind


@pytest.mark.parametrize("kind", list(raised_by(paramiko)), ids=lambda kind: kind.__name__)
def test_every_exception_of_paramiko_has_a_row(kind):
    assert find(kind.__new__(kind)).words


@pytest.mark.parametrize(
    "kind",
    [kind for _, kind in inspect.getmembers(paramiko.ssh_exception, inspect.isclass) if issubclass(kind, Exception)],
    ids=lambda kind: kind.__name__,
)
def test_what_paramiko_documents_has_a_row_of_its_own(kind):
    assert kind in [row.foreign for row in TABLE]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.foreign.__name__)
def test_no_row_of_the_table_is_hidden_by_one_above_it(row):
    instance = row.foreign.__new__(row.foreign)

    assert find(instance) is row


@pytest.mark.parametrize(
    ("error", "opening", "opened"),
    [
        (TimeoutError("timed out"), Unreachable, ConnectionLost),
        (ConnectionResetError(104, "reset"), Unreachable, ConnectionLost),
        (EOFError(), Unreachable, ConnectionLost),
        (socket.gaierror(-2, "unknown"), Unreachable, ConnectionLost),
        (paramiko.ssh_exception.SSHException("x"), Unreachable, ConnectionLost),
        (paramiko.ssh_exception.IncompatiblePeer("x"), errors.DeviceUnfit, errors.DeviceUnfit),
        (UnicodeError("label too long"), errors.UsageError, errors.UsageError),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), Unreachable, ConnectionLost),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_when_an_exception_comes_decides_what_it_means(error, opening, opened):
    def kind(*, opening):
        return type(translate(error, "pi5-a", name="pi5-a", address="10.0.0.1", opening=opening))

    assert kind(opening=True) is opening
    assert kind(opening=False) is opened


def free_path():
    from pathlib import Path

    return Path("/nonexistent/known_hosts")


def relay(one, other):
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass

    threading.Thread(target=copy, args=(other, one), daemon=True).start()
    copy(one, other)
