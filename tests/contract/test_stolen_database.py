"""What whoever steals the database has of devices and patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.domain.image_list import ImageList
from orchestrator.runs.concealed import Concealed
from orchestrator.runs.recorder import Recorder
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case
from orchestrator.transports.connector import Connector
from orchestrator.transports.route import server_of
from tests.contract.test_archive import fill, rows
from tests.lab.telling import RUN, tell


def test_how_devices_are_reached_is_not_in_the_database(database_url):
    gate = replace(LOCAL, name="gate", transport="ssh", address="gate.secret.example", user="secret-gate")
    reached = {"address": "pi.secret.example", "user": "secret-user", "port": 40_022, "via": gate}
    keys = {"identity_file": "/home/joe/secret-key", "notes": "secret notes", "workdir": "/srv/secret-place"}

    with Store.open(database_url) as store:
        fill(store)
        entry = replace(LOCAL, name="pi", transport="ssh", **reached, **keys)
        tell(store, happened.DeviceProbed(run=RUN, at=MIDNIGHT, device="pi", entry=entry, facts={"cores": 4}))

    held = str(rows(database_url))
    assert '"pi"' in held
    assert "secret" not in held
    assert "40022" not in held


def test_why_a_device_was_skipped_is_stored_without_how_it_is_reached(database_url, tmp_path):
    gate = replace(LOCAL, name="gate", transport="ssh", address="gate.secret.example", user="secret-gate")
    pi = replace(gate, name="pi", address="192.0.2.77", user="secret-user", port=40_022, via=gate)
    pi = replace(pi, identity_file="/home/joe/secret-key")
    connector = Connector(known_hosts=tmp_path / "known_hosts")
    reasons = [
        str(server_of(pi, connector).translated(TimeoutError())),
        str(server_of(gate, connector, behind="pi").translated(ConnectionRefusedError())),
        "pi: the jump host gate can't reach [192.0.2.77]:40022\n  `ping 192.0.2.77` on gate tells",
        "pi: no login as secret-user: farm tried /home/joe/secret-key",
    ]

    with Store.open(database_url) as store:
        fill(store)
        recorder = Recorder(store, tmp_path, RUN, conceal=Concealed([pi], connector))
        skipped = [happened.LaneSkipped(run=RUN, at=MIDNIGHT, device="pi", reason=reason) for reason in reasons]
        skipped += [happened.CaseSkipped(run=RUN, at=MIDNIGHT, case=make_case(device="pi"), reason=reasons[0])]
        shown = list(recorder.record(skipped))

    held = str(rows(database_url))
    assert shown == skipped, "the screen shows what a person has to know"
    assert "pi: nothing answers in time" in held
    assert not [word for word in ("secret", "40022", "192.0.2.77") if word in held]


def test_identifiers_of_patients_are_not_in_the_database(database_url):
    patients = ["secret-4711", "secret-4712", "secret-4711"]
    images = ImageList.of(
        dataset="mine",
        task="binary",
        classes=("ill",),
        names=["a.png", "b.png", "c.png"],
        patients=patients,
        labels=np.array([[0], [1], [0]], np.uint8),
    )

    with Store.open(database_url) as store:
        fill(store)
        tell(store, run_event.ImagesListed(run=RUN, image_list=images))

    assert "secret" not in str(rows(database_url)) + str(images.to_bytes())
