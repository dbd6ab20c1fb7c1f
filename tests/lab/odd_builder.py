"""A builder whose orders say what it does: in place of `orchestrator.models.builder`, without TensorFlow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from orchestrator.models import child
from tests.lab.project import wait_for


def main() -> None:
    """Do what each order says, then answer with this process's id."""
    held, started = [], []
    for order in child.orders():
        sys.stderr.write("an order came\n")
        for name in order.get("writes", ()):
            Path(name).write_text(str(os.getpid()), encoding="utf-8")
        if "waits_for" in order:
            wait_for(Path(order["waits_for"]).exists)
        if "leaves_a_folder" in order:
            Path(order["leaves_a_folder"]).write_text(tempfile.mkdtemp(), encoding="utf-8")
        if "starts" in order:
            code = f"held = b'x' * {order['starts']}\nimport signal; print(flush=True); signal.pause()"
            # its group is ours, and ends with it
            started.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
            started[-1].stdout.readline()
        held.append(b"x" * order.get("takes_bytes", 0))
        if "waits_for_end_of" in order:
            wait_for(lambda file=order["waits_for_end_of"]: not is_alive(int(Path(file).read_text(encoding="utf-8"))))
        if "hangs_without" in order and not Path(order["hangs_without"]).exists():
            Path(order["hangs_without"]).touch()
            signal.pause()
        if "exits" in order:
            sys.exit(order["exits"])
        if "kills_itself" in order:
            os.kill(os.getpid(), order["kills_itself"])
        sys.stdout.write(json.dumps({"pid": os.getpid()}) + "\n")
        sys.stdout.flush()


def is_alive(pid: int) -> bool:
    """Check whether there is such a process, other than a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


if __name__ == "__main__":
    main()
