"""Farm's own known_hosts: what OpenSSH would read and write."""

from __future__ import annotations

import base64
import subprocess
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest

from orchestrator.errors import HostKeyRefused, UsageError
from orchestrator.transports.known_hosts import HostKey, forget, known, name_at, same, trust
from tests.lab.sshd import make_key


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "key")
    kind, encoded = (tmp_path / "key.pub").read_text().split()[:2]
    return HostKey(name="[10.0.0.7]:2222", kind=kind, blob=base64.b64decode(encoded))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "farm" / "known_hosts"


def test_the_fingerprint_is_the_one_of_ssh_keygen(key, tmp_path):
    said = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], check=True, capture_output=True, text=True)

    assert key.fingerprint == said.stdout.split()[1]


@pytest.mark.parametrize(
    ("address", "port", "name"), [("pi", 22, "pi"), ("pi", 2222, "[pi]:2222"), ("fe80::1", 22, "fe80::1")]
)
def test_the_port_is_written_where_it_is_unusual(address, port, name):
    assert name_at(address, port) == name


def test_what_is_trusted_is_read_back_by_us_and_by_paramiko(key, path):
    trust(path, key)

    assert known(path, key.name) == (key,)
    assert paramiko.HostKeys(str(path)).lookup(key.name)[key.kind].asbytes() == key.blob
    assert path.stat().st_mode & 0o777 == 0o600


def test_trusting_replaces_the_old_key_of_that_name_alone(key, path):
    other = HostKey(name="10.0.0.7", kind=key.kind, blob=key.blob)
    path.parent.mkdir()
    before = other.line
    path.write_text(f"# mine\n{key.name} ssh-rsa AAAA\n{before}\n")

    trust(path, key)

    *kept, new = path.read_text().splitlines()
    assert kept == ["# mine", before]
    assert new.startswith("|1|")
    assert key.name not in new
    assert [found.blob for found in known(path, key.name)] == [key.blob]


def test_hashed_names_are_known_and_forgotten(key, path):
    trust(path, key)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)

    assert [found.blob for found in known(path, key.name)] == [key.blob]
    assert known(path, "10.0.0.8") == ()
    forget(path, key.name)
    assert known(path, key.name) == ()


def test_forgetting_without_a_file_makes_none(path):
    forget(path, "10.0.0.7")

    assert not path.exists()


def test_many_at_once_all_arrive(key, path):
    keys = [HostKey(name=f"10.0.0.{number}", kind=key.kind, blob=key.blob) for number in range(20)]

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda one: trust(path, one), keys))

    assert all(known(path, one.name) == (one,) for one in keys)


def test_fingerprints_are_compared_with_or_without_padding():
    assert same("SHA256:abc=", "SHA256:abc")
    assert not same("SHA256:abd", "SHA256:abc")


def test_an_md5_fingerprint_is_refused_with_the_command_for_the_right_one():
    with pytest.raises(UsageError, match="is not a fingerprint of the form SHA256") as caught:
        same("MD5:aa:bb", "SHA256:abc")

    assert "ssh-keygen -lf" in caught.value.hint


@pytest.mark.parametrize("start", ["@cert-authority *", "@revoked 10.0.0.8"])
def test_a_marked_line_that_paramiko_cannot_read_is_refused_with_words(key, path, start):
    trust(path, key)
    path.write_text(f"{start} {key.kind} {base64.b64encode(key.blob).decode()}\n{path.read_text()}")

    with pytest.raises(HostKeyRefused, match="a line can't be read") as caught:
        known(path, key.name)

    assert "mend that line" in caught.value.hint


def test_a_key_that_is_cut_short_is_refused_with_words(key, path):
    trust(path, key)
    path.write_text(path.read_text() + "10.0.0.8 ssh-ed25519 AAA\n")

    with pytest.raises(HostKeyRefused, match="a line can't be read"):
        known(path, key.name)
