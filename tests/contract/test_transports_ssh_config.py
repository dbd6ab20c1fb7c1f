"""What ssh_config(5) says of a host, by OpenSSH itself and by farm's own reader where there is no ssh."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import FarmError, UsageError
from orchestrator.transports import openssh, ssh_lookup
from orchestrator.transports.ssh_lookup import SshLookup

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH client here")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give farm a home directory of its own, and no configuration of this machine."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(openssh, "SYSTEM_CONFIG", tmp_path / "system")
    return tmp_path / "home"


@pytest.fixture(params=["ssh -G", "its files"])
def reader(request, monkeypatch):
    """Ask the installed ssh, then farm's own reader."""
    if request.param != "ssh -G":
        monkeypatch.setattr(ssh_lookup.shutil, "which", lambda _: None)
    return request.param


@pytest.fixture
def ask(home, reader):
    """Return a function that looks ``host`` up in a configuration."""

    def ask(config, host="board", **given):
        (home / ".ssh" / "config").write_text(config)
        return SshLookup().options(host, **given)

    return ask


def where(options):
    return options.user, options.host, options.port


#: Every case: what the file says, and where `board` is.
PLACES = {
    "X11 is none of our business": ("Host *\n ForwardX11 yes\nHost board\n HostName 127.0.0.1\n", "127.0.0.1:22"),
    "keywords with digits": (
        "Host *\n ForwardX11Trusted yes\n ForwardX11Timeout 5m\n PKCS11Provider none\nHost board\n Port 7\n",
        "board:7",
    ),
    "criteria in capitals": (
        "Match Host 10.0.*.*\n Port 2300\nHost board\n HostName 127.0.0.1\n Port 2299\n",
        "127.0.0.1:2299",
    ),
    "the final pass": ("Match final all\n ForwardX11Trusted yes\n SendEnv LANG\nHost board\n Port 7\n", "board:7"),
    "a final pass that sets something": (
        "Match final host 10.0.0.1\n Port 7\nHost board\n HostName 10.0.0.1\n",
        "10.0.0.1:7",
    ),
    "the final pass sees the new name": (
        "Host 10.0.0.1\n Port 7\nHost board\n HostName 10.0.0.1\nMatch final all\n",
        "10.0.0.1:7",
    ),
    "a canonical name without domains": ("CanonicalizeHostname yes\nHost board\n HostName 127.0.0.1\n", "127.0.0.1:22"),
    "canonical criteria": ("CanonicalizeHostname yes\nMatch canonical host board\n Port 7\n", "board:7"),
    "the first value counts": ("Host board\n Port 7\nHost *\n Port 8\n", "board:7"),
    "a negated pattern": ("Host * !board\n Port 7\nHost b?ard\n Port 8\n", "board:8"),
    "brackets are no pattern": ("Host [b]oard\n Port 7\nHost board\n Port 8\n", "board:8"),
    "a negated criterion": (
        "Match !originalhost board\n Port 7\nMatch !user nobody-x originalhost board\n Port 8\n",
        "board:8",
    ),
    "a list of patterns": ("Match originalhost other,b*,!*x\n Port 7\n", "board:7"),
    "host is the new name": ("Host board\n HostName 10.0.0.1\nMatch host 10.0.*\n Port 7\n", "10.0.0.1:7"),
    "original host is the old name": (
        "Host board\n HostName 10.0.0.1\nMatch originalhost board\n Port 7\n",
        "10.0.0.1:7",
    ),
    "no host in capitals": ("Match originalhost BOARD\n Port 7\n", "board:7"),
    "user": ("Host board\n User pi\nMatch user pi\n Port 7\n", "board:7"),
    "local user": (f"Match localuser {getpass.getuser()}\n Port 7\n", "board:7"),
    "all": ("Host other\n Port 7\nMatch all\n Port 8\n", "board:8"),
    "equals signs and quotes": ('Host="board"\n  HostName = "127.0.0.1"\n\tPort=7 # why\n', "127.0.0.1:7"),
    "a token": ("Host board\n HostName %h.lab.example\n", "board.lab.example:22"),
    "a percent sign": ("Host board\n HostName fe80::1%%eth0\n", "fe80::1%eth0:22"),
    "lists with signs": ("Ciphers +aes128-cbc\nKexAlgorithms ^curve25519-sha256\nMACs -hmac-sha1\nPort 7\n", "board:7"),
    "what is to be ignored": ("IgnoreUnknown UseKeychain,Foo*\nUseKeychain yes\nFooBar 1\nPort 7\n", "board:7"),
    "carriage returns": ("Host board\r\n Port 7\r\n", "board:7"),
    "an upper case keyword": ("HOST board\n PORT 7\n", "board:7"),
}


@pytest.mark.parametrize(("config", "place"), PLACES.values(), ids=PLACES)
def test_both_readers_find_the_place(ask, config, place):
    options = ask(config)

    assert f"{options.host}:{options.port}" == place


def test_what_the_inventory_says_wins_and_counts_for_criteria(ask):
    config = "Host board\n HostName 10.0.0.1\n User pi\n Port 7\nMatch user root\n HostKeyAlias root-s\n"

    assert where(ask(config)) == ("pi", "10.0.0.1", 7)
    options = ask(config, user="root", port=2222)
    assert where(options) == ("root", "10.0.0.1", 2222)
    assert options.host_key_alias == "root-s"


def test_files_are_found_with_tokens_variables_and_the_home_directory(ask, home, monkeypatch):
    monkeypatch.setenv("KEYS", "/keys")

    options = ask(
        'Host board\n HostName 10.0.0.1\n User pi\n Port 7\n IdentityFile "~/.ssh/with space"\n'
        " IdentityFile %d/%n-%h-%p-%r\n IdentityFile ${KEYS}/100%%\n IdentityFile none\n"
        " HostKeyAlias %n-in-%h\n IdentitiesOnly yes\n IdentityAgent ~/.agent/%r.sock\n"
        " UserKnownHostsFile ~/one /two\n ConnectTimeout 1m\n AddressFamily inet6\n BindAddress ::1\n"
    )

    assert options.identity_files == (
        home / ".ssh" / "with space",
        home / "board-10.0.0.1-7-pi",
        Path("/keys/100%"),
    )
    assert options.host_key_alias == "board-in-10.0.0.1"
    assert options.identities_only
    assert options.agent == home / ".agent" / "pi.sock"
    assert options.known_hosts_files == (home / "one", Path("/two"))
    assert options.connect_timeout_s == 60
    assert (options.family, options.bind_address) == (socket.AF_INET6, "::1")


def test_no_identity_file_is_no_list_of_the_usual_ones(ask):
    assert ask("Host board\n Port 7\n").identity_files == ()


@pytest.mark.parametrize(
    ("written", "socket_path"), [("none", None), ("SSH_AUTH_SOCK", "/a"), ("$OTHER", "/b"), ("/c", "/c")]
)
def test_the_agent_is_the_one_that_is_named(ask, monkeypatch, written, socket_path):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/a")
    monkeypatch.setenv("OTHER", "/b")

    assert ask(f"IdentityAgent {written}\n").agent == (socket_path and Path(socket_path))
    assert ask("Port 7\n").agent == Path("/a")


def test_includes_count_where_they_stand_and_only_under_their_host(ask, home):
    (home / ".ssh" / "inner").write_text("Port 1\nHost b*\n  User inner\n  IdentityFile ~/k\n")
    config = "Host a* bb\n  Include inner none*\n  User outer\nHost *\n  User any\n"

    assert ask(config, "aa").port == 1
    assert ask(config, "aa").user == "outer"
    assert ask(config, "bb").user == "inner"
    assert ask(config, "bb").identity_files == (home / "k",)
    assert ask(config, "bc").user == "any"
    assert ask(config, "bc").port == 22


def test_the_file_of_the_system_comes_after_the_users(ask):
    openssh.SYSTEM_CONFIG.write_text("Match final all\n GSSAPIAuthentication yes\nHost *\n Port 8\n User system\n")

    options = ask("Host board\n Port 7\n")

    assert where(options) == ("system", "board", 7)


def test_jump_hosts_and_commands_exclude_each_other_and_none_is_none(ask):
    assert ask("ProxyJump a,u@b:7\nProxyCommand nc %h %p\n").jumps == ("a", "u@b:7")
    assert ask("ProxyJump a\nProxyCommand nc %h %p\n").proxy_command == ()
    assert ask("ProxyCommand nc %h %p\nProxyJump a\n").jumps == ()
    for words in ("ProxyJump none\nProxyJump a\n", "ProxyCommand none\nProxyJump a\n", "ProxyCommand none\n"):
        options = ask(words)
        assert (options.jumps, options.proxy_command) == ((), ())


def test_jump_hosts_have_tokens(ask):
    options = ask("Host board\n User pi\n HostName 10.0.0.1\n ProxyJump %r@gate-%n,[fe80::1%eth0]:22\n")

    assert options.jumps == ("pi@gate-board", "[fe80::1%eth0]:22")


def test_a_proxy_command_is_a_list_of_words(ask):
    options = ask("Host board\n HostName 10.0.0.1\n ProxyCommand exec nc -X 'a b' [%h]:%p %r%% 2>/dev/null\n User pi\n")

    assert options.proxy_command == ("nc", "-X", "a b", "[10.0.0.1]:22", "pi%")


@pytest.mark.parametrize(
    "line",
    ["ProxyCommand nc %h %p | tee log", 'ProxyCommand sh -c "exec $X"', "BindInterface eth9"],
)
def test_what_farm_can_not_follow_is_refused_by_name(ask, line):
    with pytest.raises(UsageError, match=line.split()[0]):
        ask(f"{line}\n")


def test_a_jump_host_of_every_host_is_not_its_own(ask):
    options = ask("Host *\n ProxyJump board\n User pi\n")

    assert (options.user, options.jumps) in [("pi", ()), ("pi", ("board",))]  # the route leaves it out


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("Host board\n this is no setting\n Port\n", "config"),
        ("Port ssh?\n", "ssh?"),
        ("Host 'board\n", "config"),
        ("Host board\n HostName %q\n", "%q"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(ask, config, words):
    with pytest.raises(UsageError) as refused:
        ask(config)

    assert words in refused.value.message


def test_a_criterion_that_nobody_knows_never_moves_a_host(ask, reader):
    for criterion in ("nonsense x", "nonsense x originalhost board", "!nonsense x"):
        with pytest.raises(UsageError, match=r"config(:| line )[12]"):
            ask(f"Match {criterion}\n Port 2300\nHost board\n Port 2299\n")


@pytest.mark.parametrize(
    "criterion", ["exec 'exit 1'", "localnetwork 10.0.0.0/8", "version OpenSSH_*", "sessiontype shell"]
)
def test_farms_own_reader_refuses_what_only_ssh_can_tell_and_only_if_it_matters(home, monkeypatch, criterion):
    monkeypatch.setattr(ssh_lookup.shutil, "which", lambda _: None)
    config = home / ".ssh" / "config"

    config.write_text(f"Match {criterion}\n Port 2300\nHost board\n Port 2299\n")
    with pytest.raises(UsageError, match="config:2: only ssh itself can tell whether 'port' counts for board"):
        SshLookup().options("board")

    config.write_text(f"Host board\n Port 2299\nMatch {criterion}\n Port 2300\n SendEnv X\n")
    assert SshLookup().options("board").port == 2299
    config.write_text(f"Match originalhost other {criterion}\n Port 2300\n")
    assert SshLookup().options("board").port == 22


def test_farms_own_reader_knows_tags(home, monkeypatch):
    monkeypatch.setattr(ssh_lookup.shutil, "which", lambda _: None)
    (home / ".ssh" / "config").write_text(
        "Host board\n Tag lab\nMatch tagged ward\n Port 7\nMatch tagged lab\n Port 8\n"
    )

    assert SshLookup().options("board").port == 8


def test_farms_own_reader_looks_no_name_up_in_other_domains(home, monkeypatch):
    monkeypatch.setattr(ssh_lookup.shutil, "which", lambda _: None)
    (home / ".ssh" / "config").write_text("CanonicalizeHostname yes\nCanonicalDomains lab.example\n")

    with pytest.raises(UsageError, match="only ssh itself can tell whether 'canonicaldomains' counts"):
        SshLookup().options("board")
    assert SshLookup().options("10.0.0.1").host == "10.0.0.1"


def test_farms_own_reader_skips_an_unknown_keyword_with_one_warning(home, monkeypatch):
    monkeypatch.setattr(ssh_lookup.shutil, "which", lambda _: None)
    (home / ".ssh" / "config").write_text("Brightness 7\nPort 8\n")
    warnings: list[str] = []
    lookup = SshLookup(warnings.append)

    assert [lookup.options(host).port for host in ("a", "b")] == [8, 8]
    assert [text.partition("config:")[2] for text in warnings] == ["1: unknown keyword 'brightness' skipped"]


def test_ssh_executes_the_users_own_match_exec(home):
    (home / ".ssh" / "config").write_text('Match exec "test %h = board"\n Port 7\n')

    assert SshLookup().options("board").port == 7
    assert SshLookup().options("other").port == 22


def test_a_match_exec_that_hangs_is_given_up(home, monkeypatch):
    monkeypatch.setattr(openssh, "TIMEOUT_S", 0.5)
    (home / ".ssh" / "config").write_text('Match exec "sleep 300"\n Port 7\n')
    began = time.monotonic()

    with pytest.raises(UsageError, match="gave no answer within"):
        SshLookup().options("board")

    assert time.monotonic() - began < 250  # not the 300 s of the program


@pytest.mark.parametrize("name", ["-oProxyCommand=touch x", "a\0b", "$(id)", "a b"])
def test_a_host_that_looks_like_an_option_or_a_command_is_never_one(home, reader, name):
    with pytest.raises(UsageError, match="is not the name of a host"):
        SshLookup().options(name)


@pytest.mark.parametrize("name", ["-oProxyCommand=touch x", "a\0b", "`id`"])
def test_a_user_that_looks_like_an_option_or_a_command_is_never_one(home, reader, name):
    with pytest.raises(UsageError, match="is not the name of a user"):
        SshLookup().options("board", user=name)


def test_none_is_a_name_of_a_user_or_a_host_like_any_other(ask):
    options = ask("Host board\n HostName none\n User none\n")

    assert where(options) == ("none", "none", 22)


@pytest.mark.parametrize(
    "words", ["No user exists for uid 1234", "unknown option -- G", "Invalid option -G", "ssh: illegal option -- G"]
)
def test_an_ssh_that_can_not_be_asked_is_as_good_as_none(home, tmp_path, monkeypatch, words):
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (home / ".ssh" / "config").write_text("Host board\n Port 7\n")

    assert SshLookup().options("board").port == 7


@pytest.mark.parametrize(
    "program",
    [
        "#!/bin/sh\nexit 0\n",
        "#!/bin/sh\necho usage: ssh destination\n",
        "#!/bin/sh\necho hostname 192.0.2.1\n",
        "#!/bin/sh\necho hostname board; echo port 22; echo user pi\n",
        "#!/bin/sh\nhead -c 2000000 /dev/zero\n",
        "#!/no/such/interpreter\n",
        "",
    ],
)
def test_an_ssh_that_prints_no_answer_moves_no_device(home, tmp_path, monkeypatch, program):
    path = tmp_path / "bin" / "ssh"
    path.parent.mkdir()
    path.write_text(program)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    assert where(SshLookup().options("board", user="pi", port=2222)) == ("pi", "board", 2222)


def test_an_ssh_that_prints_without_end_is_ended(home, tmp_path, monkeypatch):
    path = tmp_path / "bin" / "ssh"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\nexec yes\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(openssh, "TIMEOUT_S", 500)
    began = time.monotonic()

    assert SshLookup().options("board").port == 22

    assert time.monotonic() - began < 250  # it is ended for what it prints, not for its time


def test_a_background_process_of_match_exec_does_not_make_ssh_hang(home, monkeypatch):
    (home / ".ssh" / "config").write_text('Match exec "sleep 60 &"\n Port 7\n')
    monkeypatch.setattr(openssh, "TIMEOUT_S", 50.0)

    assert SshLookup().options("board").port == 7


def test_a_lookup_asks_once_and_another_one_asks_again(home, monkeypatch):
    asked = []
    real = openssh.ask
    monkeypatch.setattr(openssh, "ask", lambda *args, **given: asked.append(args[1]) or real(*args, **given))
    lookup = SshLookup()

    for _ in range(3):
        lookup.options("board")
    SshLookup().options("board")

    assert asked == ["board", "board"]


WORDS = st.sampled_from(["board", "b*", "!board", "*", "10.0.0.1", "pi", "other", "!b*", "?oard"])
CONDITIONS = st.one_of(
    st.builds("Host {} {}".format, WORDS, WORDS),
    st.builds(
        "Match {}{} {}".format,
        st.sampled_from(["", "!"]),
        st.sampled_from(["host", "User", "originalHost"]),
        WORDS.filter(lambda word: word[0] != "!"),
    ),
    st.builds(
        "Match {} {} {}".format,
        st.sampled_from(["final", "canonical", "!final"]),
        st.sampled_from(["host", "user"]),
        WORDS,
    ),
    st.sampled_from(["Match all", "Match final all", "Match canonical all"]),
)
SETTINGS = st.sampled_from(
    [
        "HostName 10.0.0.1",
        "HostName x-%h",
        "Port 7",
        "Port 8",
        "User pi",
        "User root",
        "ProxyJump a",
        "ProxyJump none",
        "IdentityFile /a",
        "IdentityFile /b",
        "HostKeyAlias z",
        "CanonicalizeHostname yes",
        "ForwardX11 yes",
        "ProxyCommand nc x",
    ]
)


@given(blocks=st.lists(st.tuples(CONDITIONS, st.lists(SETTINGS, max_size=3)), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_farms_own_reader_says_what_ssh_says(home, blocks):
    text = "".join(f"{condition}\n" + "".join(f" {line}\n" for line in lines) for condition, lines in blocks)
    (home / ".ssh" / "config").write_text(text)

    def answer(which):
        with pytest.MonkeyPatch.context() as patch:
            if which is None:
                patch.setattr(ssh_lookup.shutil, "which", lambda _: None)
            try:
                return replace(SshLookup().options("board"), known_hosts_files=())
            except FarmError:
                return None

    by_ssh, by_us = answer("ssh"), answer(None)

    assert by_us == by_ssh or by_ssh is None, text
