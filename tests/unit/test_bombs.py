"""Small files that would take all of a machine: each is refused before it does."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from orchestrator.config import foreign_inventory, importers, ssh_config, ssh_resolve, yaml_parse
from orchestrator.datasets import decoding
from orchestrator.errors import DatasetError, InventoryError


def png(width, height):
    """Return a PNG file of so many black pixels of one bit."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def decode(path):
    return decoding.decode(path, height=8, width=8, grey=True, bits=None)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".gif"])
def test_a_picture_that_unpacks_to_more_pixels_than_a_radiograph_has_is_not_unpacked(tmp_path, suffix):
    path = tmp_path / f"bomb{suffix}"
    if suffix == ".png":
        path.write_bytes(png(8_000, 6_251))
    else:
        Image.new("1", (8_000, 6_251)).save(path, **({"compression": "tiff_deflate"} if suffix == ".tif" else {}))
    assert path.stat().st_size < 500_000

    with pytest.raises(DatasetError, match=r"bomb\.\w+: 8000 × 6251 pixels, farm reads at most 50,000,000"):
        decode(path)
    with pytest.raises(DatasetError, match="farm reads at most"):
        decoding.sample([path])


def test_a_dicom_file_that_unpacks_to_more_pixels_than_a_radiograph_has_is_not_unpacked(tmp_path):
    from tests.unit.test_datasets_dicom import write

    path = write(tmp_path / "bomb.dcm", np.zeros((8, 8), np.uint16), Rows=65_535, Columns=65_535)

    with pytest.raises(DatasetError, match="farm reads at most"):
        decode(path)


def test_a_text_in_a_picture_does_not_unpack_without_end(tmp_path):
    path = tmp_path / "text.png"
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, "PNG")
    body = b"zTXt" + b"Comment\0\0" + zlib.compress(bytes(80 << 20), 9)
    bomb = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(out.getvalue()[:33] + bomb + out.getvalue()[33:])

    with pytest.raises(DatasetError, match="can't be read as an image"):
        decode(path)


def test_postscript_in_the_place_of_a_picture_starts_no_program(tmp_path, monkeypatch):
    path, program, started = tmp_path / "image.png", tmp_path / "gs", tmp_path / "started"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")
    program.write_text(f"#!/bin/sh\ntouch {started}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)

    with pytest.raises(DatasetError, match="can't be read as an image"):
        decode(path)

    assert not started.exists()


@pytest.mark.parametrize("ends", [".5", ""], ids=["float", "int"])
def test_a_number_of_many_digits_is_refused_before_it_is_read(ends):
    with pytest.raises(yaml_parse.NotYaml, match="this value can't be read as"):
        yaml_parse.parse("%YAML 1.1\n---\nseed: 1" + ":59" * 2_000 + ends)


def test_words_with_many_signs_of_equality_are_told_from_an_inventory_at_once():
    assert foreign_inventory.of_text("host" + " a=b=c=d" * 2_000) is None
    assert foreign_inventory.of_text("host" + " a=b=c=d" * 20 + " ansible_host=x") == foreign_inventory.INI


def test_a_pattern_of_many_stars_is_matched_at_once():
    assert not ssh_resolve.matches("a" * 1_000, ["*a" * 200 + "b"])
    assert ssh_resolve.matches("a" * 1_000, ["*a" * 200 + "*"])
    assert ssh_resolve.matches("pi5.lan", ["p?5*", "!pi6*"])
    assert ssh_resolve.matches("", ["*"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pi[0:9999]\n" * 30, "hosts:21: more than 200000 hosts are named"),
        ("".join(f"[g{number}]\n" for number in range(2_100)), "more than 2000 groups"),
        ("[a]\n" + "[x]" * 400 + ":22\n", "hosts:2: the name of a host has 1203 characters"),
    ],
    ids=["hosts", "groups", "brackets"],
)
def test_an_inventory_of_another_tool_that_grows_without_bounds_is_refused(tmp_path, text, words):
    (tmp_path / "hosts").write_text(text)

    with pytest.raises(InventoryError) as caught:
        importers.read(tmp_path / "hosts")

    assert words in caught.value.message


@pytest.mark.parametrize("read", [importers.read, importers.as_inventory, ssh_config.lines])
def test_an_endless_file_in_place_of_an_inventory_is_not_read_to_its_end(read, tmp_path):
    path = tmp_path / "hosts"
    path.touch()
    os.truncate(path, 1 << 36)  # zeros that take no room

    with pytest.raises(InventoryError, match=r"larger than \d+ MiB"):
        read(path)
