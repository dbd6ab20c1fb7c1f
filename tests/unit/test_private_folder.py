"""What farm keeps of a project is its user's alone."""

from __future__ import annotations

import os

import pytest

from orchestrator.config.private_folder import make_private
from orchestrator.models.artifacts import Artifacts
from orchestrator.transports import known_hosts
from orchestrator.transports.known_hosts import HostKey


@pytest.fixture(autouse=True)
def _mask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder):
    return {path.name: oct(path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*")) if path.is_dir()}


def test_every_folder_on_the_way_is_made_for_its_owner_alone(tmp_path):
    make_private(tmp_path / ".farm" / "a" / "b")

    assert modes(tmp_path / ".farm") == {".farm": "0o700", "a": "0o700", "b": "0o700"}


def test_a_folder_that_was_there_keeps_its_permissions(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)

    make_private(tmp_path / "shared")

    assert modes(tmp_path / "shared") == {"shared": "0o755"}


def test_whatever_makes_the_state_first_makes_it_private(tmp_path):
    Artifacts(tmp_path / "one" / ".farm")
    known_hosts.trust(tmp_path / "two" / ".farm" / "known_hosts", HostKey(name="pi", kind="ssh-ed25519", blob=b"x"))

    assert set(modes(tmp_path / "one" / ".farm").values()) == {"0o700"}
    assert set(modes(tmp_path / "two" / ".farm").values()) == {"0o700"}
