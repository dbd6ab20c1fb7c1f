"""What `farm run` advises below its tables."""

from __future__ import annotations

import pytest

from orchestrator.cli import run as command
from orchestrator.cli.context import project
from tests.lab.telling import RUN, ended, judged, ready, started, tell

PI = "  pi5: {address: 192.168.1.20}\n"


@pytest.mark.parametrize(("devices", "advised"), [("", True), (PI, False)])
def test_a_first_device_is_advised_only_where_the_inventory_has_none(tmp_path, capsys, devices, advised):
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(f"devices:\n  local: {{transport: local}}\n{devices}")
    files = project(inventory=inventory)
    with files.open_store() as store:
        tell(store, started(), ready(), ended(), judged())

        command.show_results(RUN, store, files, as_json=False)

    assert ("A real device: farm devices add" in capsys.readouterr().out) is advised
