"""What reads the bytes of a stranger, one function each: it returns, or raises an error of farm's."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent import journal as agent_journal
from agent import wire
from agent.refusals import Refused
from orchestrator.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = Path(__file__).parent / "corpus"
#: What a reader may raise: farm's own errors; on a device a refusal, and of its journal `ValueError`.
_HOUSE: tuple[type[BaseException], ...] = (FarmError, Refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A reader; ``read`` gets the bytes, with a folder of its own to put files into."""

    name: str
    read: Callable[[bytes, Path], object]
    #: Words that mean something to the reader, for mutations.
    words: tuple[bytes, ...] = ()

    def corpus(self) -> list[bytes]:
        """Return the small files that fuzzing begins with, past crashes among them."""
        return [path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())]

    def crash(self, data: bytes, folder: Path) -> Exception | None:
        """Return what the reader raises beside errors of farm's, ``None`` for nothing."""
        try:
            self.read(data, folder)
        except _HOUSE:
            return None
        except Exception as error:
            return error
        return None


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _wire(data: bytes, folder: Path) -> None:
    lines = b"".join(line + b"\n" for line in data.split(b"\n")[:-1])
    whole = agent_journal.whole(lines)
    assert lines.startswith(whole)
    for line in whole.splitlines(keepends=True):
        with suppress(ValueError):
            record = wire.decode_line(line)
            assert wire.decode_line(wire.encode_line(record)) == record
    with suppress(ValueError):
        request = wire.read_request(data)
        assert wire.read_request(wire.to_json(request)) == request


def _signed(data: bytes) -> list[bytes]:
    """Return lines of a journal whose checksums are right, whatever is in them."""
    return [b"%08x %s\n" % (zlib.crc32(line), line) for line in data.split(b"\n") if line]


def _journal(data: bytes, folder: Path) -> None:
    from orchestrator.devices.remote.journal import JournalReader
    from orchestrator.devices.remote.journal_lines import records
    from tests.fuzz.lane import lane

    steps, inputs = lane()
    reader = JournalReader("r", "pi", "l", steps, inputs)
    for recorded in records([b"farm-journal\n", *_signed(data)], 0, line_bytes=1 << 20, source="pi"):
        event = reader.event(recorded)
        assert "\x1b" not in repr(event)


def _journal_on_the_device(data: bytes, folder: Path) -> None:
    from agent.kept_scores import kept_scores
    from agent.workdir import Workdir
    from tests.fuzz.lane import request, scoring

    workdir = Workdir(folder / "agent").make()
    lane = folder / "agent" / "lanes" / "lane-1"
    lane.mkdir(exist_ok=True)
    (lane / "request.json").write_bytes(wire.to_json(request()))
    (lane / "journal").write_bytes(b"".join(_signed(data)))
    kept_scores(workdir, scoring())


def _answer(data: bytes, folder: Path) -> None:
    from orchestrator.devices.remote import answers, gate

    for kind in (
        answers.Located,
        answers.Installed,
        answers.MissingBlobs,
        answers.EnvironmentReady,
        answers.Removed,
        answers.Refusal,
    ):
        with suppress(FarmError):
            gate.read_answer(kind, data, "pi")
    facts = gate.read_facts(data, "pi")
    assert "\x1b" not in json.dumps(facts, ensure_ascii=False, allow_nan=False)


def _origin(data: bytes, folder: Path) -> None:
    """Read what a device keeps of a run of another controller, then plan it and store it."""
    from agent import packing
    from orchestrator.devices.remote import origin
    from orchestrator.exchange.adopt import adopt, unlabelled
    from orchestrator.runs import planner
    from tests.fuzz.lane import store

    with suppress(FarmError):
        origin.read(data.decode("latin-1"), "run-1", "pi")
    kept = origin.read(packing.pack_bytes(data), "run-1", "pi")
    assert "\x1b" not in repr(kept)
    planner.lane_of("run-1", kept.suite, kept.cases)
    adopt(store(), kept, "pi", "joe@ward", 1, unlabelled(kept, folder, "pi"))


def _dialogue(data: bytes, folder: Path) -> None:
    from orchestrator.devices.remote.dialogue import Answer

    whole, in_pieces = Answer("pi"), Answer("pi")
    is_whole = whole.take(data)
    ends = [in_pieces.take(data[start : start + 5]) for start in range(0, len(data), 5)]
    assert is_whole == any(ends)
    assert not is_whole or whole.completed == in_pieces.completed


def _inventory(data: bytes, folder: Path) -> None:
    from orchestrator.config.inventory import Inventory

    Inventory.load(_file(folder, "inventory.yaml", data))


def _suite(data: bytes, folder: Path) -> None:
    from orchestrator.config import suite, suite_text

    loaded = suite.load(_file(folder, "suite.yaml", data))
    again = suite.load(_file(folder, "again.yaml", suite_text.text(loaded, folder).encode()))
    assert again.models == loaded.models


def _claims(data: bytes, folder: Path) -> None:
    from orchestrator.config import claims

    claims.load(_file(folder, "claims.yaml", data))


def _ansible(data: bytes, folder: Path) -> None:
    from orchestrator.config import importers

    path = _file(folder, "hosts", data)
    with suppress(FarmError):
        importers.as_inventory(path)
    importers.read(path)


def _ssh_config(data: bytes, folder: Path) -> None:
    from orchestrator.config import importers, ssh_config, ssh_resolve
    from orchestrator.transports import ssh_options

    path = _file(folder, "config", data)
    with suppress(FarmError):
        importers.read(path)
    for host in ("pi5", "gate.example.org"):
        resolved = ssh_resolve.resolve(ssh_config.lines(path), host, local_user="joe")
        ssh_options.parsed(resolved.options, host)


def _keras(data: bytes, folder: Path) -> None:
    _of_keras(_file(folder, "model.keras", data))


def _keras_config(data: bytes, folder: Path) -> None:
    """Read a ``.keras`` file whose checksums are right, whatever its configuration is."""
    from tests.fuzz.make_corpus import zipped

    _of_keras(_file(folder, "model.keras", zipped({"metadata.json": data, "config.json": data})))


def _h5(data: bytes, folder: Path) -> None:
    _of_keras(_file(folder, "model.h5", data))


def _of_keras(path: Path) -> None:
    from orchestrator.domain.model import Preprocess
    from orchestrator.models import keras_config, model_file, stated_preprocessing
    from orchestrator.models.keras_file import KerasFile

    keras_config.ends(path)
    keras_config.first_layers(path)
    model_file.keras_version(path)
    stated_preprocessing.of_file(path, "keras")
    _names(path)
    model = KerasFile(str(path), preprocess=Preprocess(height=8, width=8, channels=1))
    model.check_ends()
    model.sha256()
    model._refuse_other_files()


def _tflite(data: bytes, folder: Path) -> None:
    from orchestrator.models import kernel_needs, stated_preprocessing, tflite_graph

    path = _file(folder, "model.tflite", data)
    kernel_needs.newest(data)
    _names(path)
    with suppress(FarmError):
        stated_preprocessing.of_file(path, "tflite")
    tflite_graph.read(path)


def _onnx(data: bytes, folder: Path) -> None:
    from orchestrator.models import onnx_graph, stated_preprocessing

    path = _file(folder, "model.onnx", data)
    with suppress(FarmError):
        stated_preprocessing.of_file(path, "onnx")
    onnx_graph.macs(onnx_graph.read(path), 8)


def _names(path: Path) -> None:
    from orchestrator.domain.model import ModelSpec
    from orchestrator.models import class_names

    class_names.stated(ModelSpec(name="m", kind="keras", options={"path": str(path)}))


def _class_names(data: bytes, folder: Path) -> None:
    model = _file(folder, "model.onnx", b"")
    (folder / "labels.txt").unlink(missing_ok=True)
    _file(folder, "classes.json", data)
    with suppress(FarmError):
        _names(model)
    (folder / "classes.json").unlink()
    _file(folder, "labels.txt", data)
    _names(model)


def _table(data: bytes, folder: Path) -> None:
    from orchestrator.datasets.csv_table import CsvTable

    for name in ("a.png", "b.png", "c.png"):
        _file(folder, name, b"")
    path = _file(folder, "table.csv", data)
    with suppress(FarmError):
        CsvTable(str(path), labels="label", separator="|", patient="patient", split="split", view="view")
    CsvTable(str(path), labels=["label"], uncertain="positive")


def _image(data: bytes, folder: Path) -> None:
    from orchestrator.datasets import decoding

    path = _file(folder, "image.png", data)
    with suppress(FarmError):
        decoding.sample([path])
    with suppress(FarmError):
        decoding.dimensions(path)
    decoding.decode(path, height=8, width=8, grey=True, bits=12)


def _dicom(data: bytes, folder: Path) -> None:
    from orchestrator.datasets import decoding, dicom

    path = _file(folder, "image.dcm", data)
    with suppress(FarmError):
        dicom.patient(path)
    decoding.decode(path, height=8, width=8, grey=False, bits=None)


def _npz(data: bytes, folder: Path) -> None:
    from orchestrator.datasets.medmnist import MedMnist

    dataset = MedMnist(str(_file(folder, "toy.npz", data)))
    dataset.load("evaluation", height=8, width=8, limit=4)


def _archive(data: bytes, folder: Path) -> None:
    from orchestrator.exchange import unpack
    from orchestrator.exchange.contents import Contents, devices
    from orchestrator.exchange.layout import IMAGES, KINDS

    with unpack.opened(_file(folder, "run.farm.zip", data)) as archive:
        devices(archive)
        contents = Contents(archive, {})
        for kind in KINDS:
            if kind != IMAGES:
                list(contents.records(kind))
        list(contents.image_lists())


def _archive_records(data: bytes, folder: Path) -> None:
    """Read an archive whose hashes are right; the first line of ``data`` names the member that the rest replaces."""
    from tests.fuzz.make_corpus import archive_with

    name, _, content = data.partition(b"\n")
    _archive(archive_with(name.decode(errors="replace"), content), folder)


def _wheel(data: bytes, folder: Path) -> None:
    from hashlib import sha256

    from agent import environments
    from agent.workdir import Workdir

    workdir = Workdir(folder / "agent").make()
    name = sha256(data).hexdigest()
    _file(folder, f"agent/blobs/{name}", data)
    wheel = wire.Wheel(filename="toy-1-py3-none-any.whl", sha256=name)
    environments.ensure(workdir, wire.EnvironmentRequest(environment=name, wheels=(wheel,)))
    assert not (folder / "outside").exists()


TARGETS = {
    target.name: target
    for target in (
        Target(name="wire", read=_wire, words=(b"record", b"AttemptDone", b"LaneDone", b"null", b"[]", b"{}")),
        Target(name="journal", read=_journal, words=(b'"record":', b"9" * 400, b"1e400", b"NaN", b"-1", b"null")),
        Target(name="device-journal", read=_journal_on_the_device, words=(b'"shard":', b'"id":', b"null", b"[]")),
        Target(name="answer", read=_answer, words=(b"9" * 5000, b"\\ud800", b"\\u001b", b"1e400", b"[" * 200)),
        Target(
            name="origin", read=_origin, words=(b'"cases":', b"9" * 400, b"1e400", b"\\u001b", b"null", b"../", b"[]")
        ),
        Target(
            name="dialogue",
            read=_dialogue,
            words=(b"farm-answer ", b'"status":', b'"out_bytes":', b"9" * 400, b"1048576", b"-1", b"null", b"1e400"),
        ),
        Target(
            name="inventory", read=_inventory, words=(b"devices:", b"groups:", b"via: ", b"&a ", b"*a", b"<<: ", b"${")
        ),
        Target(name="suite", read=_suite, words=(b"models:", b"dataset:", b"kind: ", b"&a ", b"*a", b"!!", b"? ")),
        Target(name="claims", read=_claims, words=(b"claims:", b"than:", b"&a ", b"*a", b"1e400", b"[]")),
        Target(
            name="ansible",
            read=_ansible,
            words=(b"[a:children]\n", b"[0:9]", b"ansible_host=", b"_meta", b"{{ x }}", b"-J x", b"!vault"),
        ),
        Target(
            name="ssh_config",
            read=_ssh_config,
            words=(b"Host *\n", b"Match ", b"ProxyCommand ", b"%h", b"${X}", b"~x/", b"ConnectTimeout ", b"Include "),
        ),
        Target(name="keras", read=_keras, words=(b"PK\x01\x02", b"PK\x05\x06", b"../", b"config.json", b"Infinity")),
        Target(
            name="keras-config",
            read=_keras_config,
            words=(b"Infinity", b"NaN", b"9" * 5000, b"[" * 500, b"null", b'{"'),
        ),
        Target(name="h5", read=_h5, words=(b"\x89HDF", b"TREE", b"SNOD", b"HEAP", b"\xff\xff\xff\xff")),
        Target(name="tflite", read=_tflite, words=(b"TFL3", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80")),
        Target(name="onnx", read=_onnx, words=(b"\x7f", b"\xff\xff\xff\xff\x0f", b"Conv", b"location")),
        Target(name="class-names", read=_class_names, words=(b'{"0": ', b"[", b"null", b"1e9", b"classes", b"0 ")),
        Target(name="table", read=_table, words=(b'"', b",", b"\r", b"\n", b"label", b"a.png", b"\0", b"-1", b"train")),
        Target(
            name="image", read=_image, words=(b"IHDR", b"IDAT", b"zTXt", b"\xff\xda", b"II*\0", b"\xff\xff\xff\xff")
        ),
        Target(name="dicom", read=_dicom, words=(b"DICM", b"SQ", b"OW", b"\xff\xff\xff\xff", b"\xfe\xff\x00\xe0")),
        Target(name="npz", read=_npz, words=(b"\x93NUMPY", b"'descr': '|O'", b"(-1,)", b"PK\x01\x02", b"9" * 12)),
        Target(name="archive", read=_archive, words=(b"PK\x01\x02", b"PK\x05\x06", b"manifest.json", b"../")),
        Target(name="archive-records", read=_archive_records, words=(b"null", b"1e400", b"-1", b"[]", b"\\ud800")),
        Target(name="wheel", read=_wheel, words=(b"../outside", b"/outside", b"PK\x01\x02", b".data/purelib/")),
    )
}
