"""The host keys that many connections look up in one file."""

from __future__ import annotations

import pytest

from orchestrator.errors import HostKeyRefused
from orchestrator.transports import known_hosts
from orchestrator.transports.known_hosts import HostKey, TrustedKeys

BLOB = bytes.fromhex("0000000b7373682d6564323535313900000020") + bytes(range(32))


def key(name: str) -> HostKey:
    return HostKey(name=name, kind="ssh-ed25519", blob=BLOB)


def test_a_file_is_read_once_for_all_connections_and_again_where_it_changed(tmp_path, monkeypatch):
    path, trusted = tmp_path / "known_hosts", TrustedKeys()
    reads = []
    content = known_hosts.content
    monkeypatch.setattr(known_hosts, "content", lambda path: reads.append(path) or content(path))
    for number in range(20):
        known_hosts.trust(path, key(f"10.0.0.{number}"))

    found = [trusted.of(path, f"10.0.0.{number}") for number in range(20)]
    before = trusted.of(path, "10.0.1.1")
    known_hosts.trust(path, key("10.0.1.1"))
    after = trusted.of(path, "10.0.1.1")

    assert {(kind, one.asbytes()) for ((kind, one),) in found} == {("ssh-ed25519", BLOB)}
    assert (before, [kind for kind, _ in after]) == ([], ["ssh-ed25519"])
    assert len(reads) == 2


def test_a_file_with_a_line_that_cannot_be_read_is_refused_each_time(tmp_path):
    path, trusted = tmp_path / "known_hosts", TrustedKeys()
    path.write_text("10.0.0.1 ssh-ed25519 AAA\n")

    for _ in range(2):
        with pytest.raises(HostKeyRefused, match="a line can't be read"):
            trusted.of(path, "10.0.0.2")


def test_without_a_file_no_key_is_trusted(tmp_path):
    assert TrustedKeys().of(tmp_path / "known_hosts", "10.0.0.1") == []
