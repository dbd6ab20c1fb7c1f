"""Write run-1.farm.zip: an archive in version 1 of the format, which every later farm must import."""

from __future__ import annotations

import tempfile
from pathlib import Path

from orchestrator.exchange.pack import pack
from orchestrator.store.store import Store
from tests.contract.test_archive import fill
from tests.lab.telling import RUN

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/farm.db") as store:
        fill(store)
        pack(store, RUN, Path(__file__).parent / "run-1.farm.zip", images=True)
