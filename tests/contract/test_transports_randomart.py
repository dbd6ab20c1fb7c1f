"""The picture of a host key is the one that people know from ssh-keygen."""

from __future__ import annotations

import base64
import subprocess

import pytest

from orchestrator.transports.randomart import randomart

KINDS = [("ed25519", 256), ("rsa", 2048), ("rsa", 3072), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521)]


@pytest.mark.parametrize(("kind", "bits"), KINDS, ids=str)
def test_the_picture_is_the_one_of_ssh_keygen(tmp_path, kind, bits):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-N", "", "-f", key], check=True)
    printed = subprocess.run(["ssh-keygen", "-lvf", f"{key}.pub"], check=True, capture_output=True, text=True).stdout

    shown = randomart(base64.b64decode((tmp_path / "key.pub").read_text().split()[1]))

    assert shown == printed.partition("\n")[2].strip("\n")
