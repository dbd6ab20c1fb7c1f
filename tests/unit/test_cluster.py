"""What goes to a worker of a cluster and what is accepted from one, without a cluster."""

from __future__ import annotations

import hashlib
import json
import queue
import threading
from collections import Counter
from dataclasses import replace
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.domain.blob import Blob, Environment
from orchestrator.domain.device import Device, Limits
from orchestrator.domain.event import (
    AttemptEnded,
    AttemptStarted,
    Cursor,
    LaneEnded,
    LaneSkipped,
    LaneStarted,
    PreparationStarted,
)
from orchestrator.errors import (
    AgentFailed,
    AuthenticationRefused,
    DeviceFailing,
    FarmError,
    HostKeyRefused,
    TransferBroken,
)
from orchestrator.models.blob_folder import BlobFolder
from orchestrator.runs import planner
from orchestrator.runs.cluster import probing
from orchestrator.runs.cluster.cluster import Cluster, Worker
from orchestrator.runs.cluster.device_worker import explained
from orchestrator.runs.cluster.errand import Errand
from orchestrator.runs.cluster.line import WorkerLine, error_from_json, error_to_json
from orchestrator.runs.cluster.orders import BuildOrder, LaneOrder, ProbeOrder, from_text, to_text
from orchestrator.runs.cluster.walk import ClusterWalk
from orchestrator.runs.cluster.worker import Workplace
from orchestrator.runs.commits import Commits
from orchestrator.runs.walk import LaneWork
from orchestrator.store.event_text import to_line
from orchestrator.testing import make_case, make_measurement, make_suite
from orchestrator.transports.connector import Connector
from tests.faults.measured import make_inputs

GATE = Device(name="gate", address="10.0.0.1", user="farm")
PI = Device(name="pi", address="10.0.0.2", via=GATE, tags=("site-ward",), limits=Limits(start_below_c=50.0))


@pytest.fixture
def work(tmp_path):
    """A lane of three attempts."""
    suite = replace(make_suite(schemes=("float32",), runtimes=("null",)), attempts=3)
    (lane,) = planner.plan("run-1", suite, ["pi"]).lanes
    wheel = Blob(what="numpy.whl", sha256="e" * 64, path=tmp_path / "wheels" / "numpy.whl")
    inputs = replace(
        make_inputs(tmp_path / "blobs"),
        environments={"litert": Environment(name="f" * 64, wheels=(wheel,))},
        scored_by={"null": "1" * 64},
        reusable=frozenset({"null"}),
    )
    return LaneWork(
        run="run-1",
        device=PI,
        lane=lane,
        inputs=inputs,
        done=frozenset({"an-attempt"}),
        unfinished=(Cursor(lane="run-1-pi-1", offset=77),),
        lanes_before=1,
        patience_s=60.0,
        detaches=False,
    )


class Line(queue.SimpleQueue):
    """A queue of the scheduler, to a worker."""

    def put(self, item, timeout=None):
        super().put(item)

    def close(self):
        pass


class FakeCluster:
    """One worker that sends what a test says, then nothing."""

    address = "tcp://10.0.0.1:8786"
    lost = None

    def __init__(self, *messages):
        self.workers = {"tcp://w": Worker(address="tcp://w", name="w", sites=frozenset())}
        self.messages = messages
        self.line = Line()

    def worker_for(self, device):
        return self.workers["tcp://w"]

    def begin(self, kind, worker, site):
        inbox = queue.SimpleQueue()
        begun = {"kind": "begun", "try": "1", "version": version("edge-farm")}
        for message in (begun, *({"try": "1"} | each for each in self.messages)):
            inbox.put(message)
        return None, inbox

    def line_to(self, mark):
        return self.line

    def line_from(self, mark):
        return Line()

    def end(self, worker, future):
        pass


def walked(work, *messages):
    """Return the walk and its events, once a worker has sent ``messages``."""
    cluster = FakeCluster(*messages)
    walk = ClusterWalk(cluster, work, PushLimits(), Commits())
    return cluster, walk, list(walk.events())


def sent(event):
    return {"kind": "event", "event": to_line(event)}


OVER = {"kind": "over", "is_over": True, "has_left": False, "failure": None, "damage": None}


def test_an_order_comes_back_as_it_was_with_files_in_the_folders_of_the_worker(work, tmp_path):
    text = to_text(LaneOrder.of(work, PushLimits(bytes_per_s=1000, site_pushes=2)))

    order = from_text(text, LaneOrder)
    there = order.placed(tmp_path / "there", tmp_path / "wheels-there")

    assert str(tmp_path) not in text
    assert (order.bytes_per_s, order.site_pushes) == (1000, 2)
    assert there.inputs.environments["litert"].wheels[0].path == tmp_path / "wheels-there" / ("e" * 64) / "numpy.whl"
    inputs = replace(there.inputs, blobs=work.inputs.blobs, environments=work.inputs.environments)
    assert replace(there, inputs=inputs) == work
    assert {blob.path.parent for blob in there.files} == {tmp_path / "there"}


@pytest.mark.parametrize("kind", [LaneOrder, ProbeOrder, BuildOrder])
@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"$":"Path","of":"/etc"}', '{"$":"BuildOrder","of":{}}'])
def test_what_is_no_order_is_a_value_error(kind, text):
    with pytest.raises(ValueError, match=r"no order|no \w+Order|Expecting value"):
        from_text(text, kind)


def test_an_order_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="no LaneOrder"):
        from_text(to_text(ProbeOrder(run="run-1", device=PI)), LaneOrder)


@pytest.mark.parametrize("path", ["../../.ssh/authorized_keys", "/etc/passwd"])
def test_a_wheel_that_names_a_path_elsewhere_is_refused(work, path):
    text = to_text(LaneOrder.of(work, PushLimits())).replace(f"{'e' * 64}/numpy.whl", path)

    with pytest.raises(ValueError, match="is no place in a folder"):
        from_text(text, LaneOrder)


@pytest.mark.parametrize("error", [HostKeyRefused("a", hint="b"), AgentFailed("c"), DeviceFailing("d", hint="e")])
def test_an_error_keeps_its_class(error):
    back = error_from_json(json.loads(json.dumps(error_to_json(error))))

    assert (type(back), back.message, back.hint) == (type(error), error.message, error.hint)


def test_an_error_of_no_known_class_is_a_farm_error():
    assert type(error_from_json({"class": "difflib", "message": "x", "hint": None})) is FarmError
    assert error_from_json(None) is None


def test_what_a_worker_sends_is_yielded_and_another_one_would_go_on_behind_it(work):
    happened = [
        AttemptStarted(run="run-1", device="pi", attempt="a", case=make_case(), number=1),
        AttemptEnded(
            run="run-1",
            device="pi",
            measurement=make_measurement(attempt="a"),
            cursor=Cursor(lane="run-1-pi-1", offset=99),
        ),
        LaneEnded(run="run-1", device="pi", lane="run-1-pi-1", error="lost"),
        LaneStarted(run="run-1", device="pi", lane="run-1-pi-2"),
    ]

    cluster, walk, events = walked(work, *map(sent, happened), {"kind": "begun", "version": "", "try": "2"})

    first = from_text(cluster.line.get(), LaneOrder).work
    assert (first.done, first.unfinished, first.lanes_before) == (work.done, work.unfinished, 1)
    assert [event for event in events if event in happened] == happened
    left = walk.left()
    assert left.done == {"an-attempt", "a"}
    assert left.unfinished == (Cursor(lane="run-1-pi-2", offset=0),)
    assert left.lanes_before == 2
    assert "worker w has farm " in events[-1].reason


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"$":"Device","of":{"name":"pi"}}',
        to_line(LaneStarted(run="run-1", device="another", lane="x")),
        to_line(LaneStarted(run="run-2", device="pi", lane="x")),
    ],
)
def test_what_is_no_event_of_its_lane_ends_the_lane(work, text):
    _, walk, events = walked(work, {"kind": "event", "event": text}, OVER)

    assert isinstance(events[-1], LaneSkipped)
    assert "worker w sends" in events[-1].reason
    assert "farm run --resume run-1" in events[-1].reason
    assert not walk.is_over, "the device is not to blame"


def test_a_worker_gets_no_file_but_those_of_its_lane(work):
    cluster, _, events = walked(work, {"kind": "want", "sha256": "../../../etc/passwd"}, OVER)

    cluster.line.get()
    assert cluster.line.empty()
    assert "asks for a file that its lane does not need" in events[-1].reason


def test_a_file_of_the_lane_is_sent_whole(work):
    (artifact,) = work.inputs.artifacts.values()

    cluster, walk, _ = walked(work, {"kind": "want", "sha256": artifact.sha256}, OVER)

    cluster.line.get()
    assert json.loads(cluster.line.get()) == {"size_bytes": len(b"an artifact")}
    assert cluster.line.get() == b"an artifact"
    assert walk.is_over


def asked(*messages):
    """Return what asking a device yields, and its facts, where a worker sends ``messages``."""
    cluster = FakeCluster(*messages)
    events = []
    stage = probing.ask(cluster, ProbeOrder(run="run-1", device=PI, runtimes=("null",)), 5.0)
    try:
        while True:
            events.append(next(stage))
    except StopIteration as end:
        return cluster, events, end.value


def test_a_device_is_asked_by_a_worker_and_its_facts_come_back():
    looking = PreparationStarted(run="run-1", device="pi", what="looking for the agent")

    cluster, events, facts = asked(sent(looking), {"kind": "facts", "facts": {"cores": 4}})

    order = from_text(cluster.line.get(), ProbeOrder)
    assert (order.device, order.run, order.runtimes) == (PI, "run-1", ("null",))
    assert [event.what for event in events] == ["worker w asks it", "looking for the agent"]
    assert facts == {"cores": 4}


def test_a_worker_asks_what_a_device_lacks():
    cluster = FakeCluster({"kind": "facts", "facts": {"a" * 64: 7}})
    sizes = {"a" * 64: 10, "b" * 64: 20}

    lacking = probing.arrived(cluster, ProbeOrder(run="run-1", device=PI, sizes=sizes), 5.0)

    assert lacking == {"a" * 64: 7}
    assert from_text(cluster.line.get(), ProbeOrder).sizes == sizes


def test_what_a_worker_could_not_ask_fails_as_it_would_here():
    error = HostKeyRefused("pi: unknown host key", hint="farm devices add")

    with pytest.raises(HostKeyRefused, match="unknown host key"):
        asked({"kind": "failed", "error": error_to_json(error)})


def test_a_worker_that_sends_an_event_of_another_device_while_it_asks_is_refused():
    other = PreparationStarted(run="run-1", device="another", what="looking for the agent")

    with pytest.raises(FarmError, match="an event of another lane"):
        asked(sent(other), {"kind": "facts", "facts": {}})


@pytest.mark.parametrize("kind", [HostKeyRefused, AuthenticationRefused])
def test_a_key_that_a_worker_lacks_is_explained_with_what_counts_there(tmp_path, kind):
    place = Workplace(name="near", state=tmp_path, connector=Connector(known_hosts=tmp_path / "known_hosts"))

    error = explained(kind("pi: no", hint="farm devices add"), place)

    assert type(error) is kind
    assert "farm devices add\n  worker near asks it: its own SSH keys count" in error.hint
    assert str(tmp_path / "known_hosts") in error.hint
    other = AgentFailed("pi: no")
    assert explained(other, place) is other


class Pieces(WorkerLine):
    """The controller, as a worker sees it."""

    def __init__(self, *pieces):
        self.pieces = [json.dumps({"size_bytes": sum(map(len, pieces))}), *pieces]

    def send(self, kind, **fields):
        pass

    def receive(self, timeout_s):
        return self.pieces.pop(0)


def test_a_file_with_another_hash_is_not_kept(tmp_path):
    blobs = BlobFolder(tmp_path / "blobs")
    sha256 = hashlib.sha256(b"onetwo").hexdigest()

    with pytest.raises(TransferBroken, match="another hash"):
        Pieces(b"one", b"tvo").receive_file(sha256, blobs)
    assert list(blobs.root.iterdir()) == []

    Pieces(b"one", b"two").receive_file(sha256, blobs)
    assert blobs.is_whole(sha256)


@pytest.mark.parametrize("pieces", [(b"one", b"tvo"), (b"onetwomore",)])
def test_an_artifact_with_another_hash_is_refused(tmp_path, pieces):
    cluster = FakeCluster()
    errand = Errand(cluster, "builds of mine", cluster.worker_for(PI), "build")
    errand._files = SimpleNamespace(get=lambda left=list(pieces), **_: left.pop(0))

    with pytest.raises(TransferBroken, match="worker w arrived with another hash"):
        errand.receive(tmp_path / "artifact", 6, hashlib.sha256(b"onetwo").hexdigest())


def placed(device, *workers, load=()):
    """Return the name of the worker that a cluster of such workers gives a device to."""
    cluster = Cluster.__new__(Cluster)
    cluster._lock = threading.Lock()
    cluster._load = Counter(dict(load))
    cluster.workers = {name: Worker(address=name, name=name, sites=frozenset(sites)) for name, sites in workers}
    found = cluster.worker_for(device)
    return None if found is None else found.name


def test_a_device_goes_to_its_site_and_anywhere_while_no_worker_names_a_site():
    anywhere = Device(name="x", address="10.0.0.3")

    assert placed(PI, ("a", []), ("b", ["ward"])) == "b"
    assert placed(PI, ("a", []), ("b", ["attic"])) is None
    assert placed(PI, ("a", []), ("b", [])) == "a"
    assert placed(PI) is None
    assert placed(anywhere, ("a", []), ("b", ["ward"])) == "a"
    assert placed(replace(PI, tags=()), ("a", []), ("b", ["gate"])) == "b", "behind a gate, its name is the site's"


def test_the_worker_with_the_fewest_lanes_gets_the_next_one():
    assert placed(PI, ("a", []), ("b", []), load={"a": 2, "b": 1}) == "b"
