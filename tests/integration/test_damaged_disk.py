"""Real runs on a device whose disk changes what arrived there: bits flip, files are cut, as a dying SD card does it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.tensorflow


def damage(path, how):
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "a bit": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
            "half": content[:middle],
            "empty": b"",
        }[how]
    )


@pytest.mark.parametrize("how", ["a bit", "half", "empty"])
def test_what_the_disk_changed_is_found_and_installed_anew_before_it_is_measured(project, how):
    first = project.farm("run", "--schemes", "int8", "--effort", "smoke")
    assert first.returncode == 0, first.stderr
    folder = project.workdir
    files = [*(folder / "blobs").iterdir(), *(folder / "agents").glob("*.zip")]
    for path in files:
        damage(path, how)

    second = project.farm("run", "--schemes", "int8", "--effort", "smoke")

    assert second.returncode == 0, second.stderr
    assert "Traceback" not in second.stderr
    mended = {detail["what"] for detail in project.events("DamageMended")}
    assert mended == {
        "agent",
        "artifact tiny-cxr int8",
        "images for tiny-cxr, 1 of 1",
        "labels for tiny-cxr",
        "golden images for tiny-cxr",
    }
    assert "artifact tiny-cxr int8 had changed on its disk" in " ".join(second.stderr.split())
    aucs = {row["auc_mean"] for row in project.json("results", "list")}
    assert len(aucs) == 1
