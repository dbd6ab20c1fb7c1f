"""`farm devices edit, rename, remove, show, list` as a person uses them; no device is asked anything."""

from __future__ import annotations

import json
import re
import sqlite3
import sys

import pytest

from tests.lab.project import Project

TEXT = """\
# ward 3
devices:
  gate: {address: 10.0.0.1}
  pi-a:
    address: 10.0.0.2   # by the window
    via: gate
    tags: [ward]
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "home").mkdir(parents=True)
    (folder / "inventory.yaml").write_text(TEXT)
    return Project(folder=folder)


def text(project):
    return (project.folder / "inventory.yaml").read_text()


def test_keys_are_changed_from_the_command_line(project):
    done = project.farm("devices", "edit", "pi-a", "user=pi", "tags+=lab", "limits.disk=2GB", "via=")

    assert done.returncode == 0, done.stderr
    assert text(project) == TEXT.replace("    via: gate\n", "").replace("[ward]", "[ward, lab]") + (
        "    user: pi\n    limits:\n      disk: 2GB\n"
    )


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["pi-a", "usr=pi"], "unknown key 'usr'; did you mean 'user'?"),
        (["pi-b", "user=pi"], "no device called 'pi-b'; did you mean 'pi-a'?"),
        (["pi-a", "port=0"], "port: must be at least 1"),
        (["pi-a"], "nothing to change"),
        (["local", "user=x"], "`local` is built in"),
    ],
)
def test_a_change_that_can_not_be_meant_is_a_mistake_of_usage(project, argv, words):
    done = project.farm("devices", "edit", *argv)

    assert done.returncode == 2
    assert words in done.stderr
    assert text(project) == TEXT


def test_results_follow_a_device_to_its_new_name(project):
    assert project.farm("db", "upgrade").returncode == 0
    with sqlite3.connect(project.folder / "farm.db") as store:
        store.execute("INSERT INTO devices (name, entry, last_seen_at) VALUES ('pi-a', '{}', '2026-01-01 00:00:00')")
        store.execute("INSERT INTO cases VALUES (1, 'pi-a', 'tiny-cxr', 'int8', 'litert', 1, 1, 0)")
    store.close()

    done = project.farm("devices", "rename", "pi-a", "ward-pi")

    assert done.returncode == 0, done.stderr
    assert "  ward-pi:\n" in text(project)
    assert project.rows("SELECT device FROM cases") == [("ward-pi",)]
    assert project.rows("SELECT name FROM devices") == [("ward-pi",)]


def test_a_name_that_has_results_of_its_own_is_refused_and_nothing_is_changed(project):
    assert project.farm("db", "upgrade").returncode == 0
    with sqlite3.connect(project.folder / "farm.db") as store:
        for number, name in enumerate(("pi-a", "pi-z")):
            store.execute(
                "INSERT INTO devices (name, entry, last_seen_at) VALUES (?, '{}', '2026-01-01 00:00:00')", [name]
            )
            store.execute("INSERT INTO cases VALUES (?, ?, 'tiny-cxr', 'int8', 'litert', 1, 1, 0)", [number, name])
    store.close()

    done = project.farm("devices", "rename", "pi-a", "pi-z")

    assert done.returncode == 1
    assert "has results of a device 'pi-z' already" in done.stderr
    assert text(project) == TEXT
    assert sorted(project.rows("SELECT device FROM cases")) == [("pi-a",), ("pi-z",)]


def test_nothing_is_removed_unasked_nor_a_jump_host_in_use(project):
    unasked = project.farm("devices", "remove", "pi-a")
    assert (unasked.returncode, "add --yes" in unasked.stderr) == (2, True)
    used = project.farm("devices", "remove", "gate", "--yes")
    assert (used.returncode, "pi-a goes through gate" in used.stderr) == (2, True)
    assert text(project) == TEXT

    assert project.farm("devices", "remove", "tag:ward", "--yes").returncode == 0
    assert text(project) == "# ward 3\ndevices:\n  gate: {address: 10.0.0.1}\n"


def test_an_entry_is_shown_with_everything_that_is_known(project):
    shown = json.loads(project.farm("devices", "show", "pi-a", "--json").stdout)
    assert (shown["via"], shown["address"], shown["facts"], shown["last_seen_at"]) == ("gate", "10.0.0.2", None, None)
    words = project.farm("devices", "show", "pi-a").stdout
    assert "never asked; next:  farm devices check pi-a" in words
    assert "gate keeps its files" in words
    assert "relay" not in project.farm("devices", "show", "gate").stdout
    assert "True" not in words + project.farm("devices", "show", "gate").stdout

    assert project.farm("devices", "check", "local").returncode == 0
    shown = project.farm("devices", "show", "local").stdout
    assert "last seen" in shown
    assert "Python" in shown or "python" in shown
    assert re.search(r"memory +[\d.]+ [GT]B", shown)
    assert re.search(r"has_ctypes +yes", shown)
    narrow, wide = (project.farm("devices", "list", COLUMNS=columns).stdout for columns in ("60", "140"))
    assert max(map(len, narrow.splitlines())) <= 60
    assert "memory" in wide


def test_asking_for_what_is_known_makes_no_database(project):
    assert project.farm("devices", "list").returncode == 0
    assert project.farm("devices", "list", "arch:x86_64").returncode == 2
    assert not (project.folder / "farm.db").exists()


def test_what_a_device_said_can_not_write_to_our_screen(project):
    assert project.farm("devices", "check", "local").returncode == 0
    with sqlite3.connect(project.folder / "farm.db") as store:
        store.execute(
            "UPDATE devices SET facts = ?", [json.dumps({"machine": "[red]\x1b[2Jx", "cpu_model": 7, "runtimes": 3})]
        )
    store.close()

    listed, shown = project.farm("devices", "list"), project.farm("devices", "show", "local")

    assert listed.returncode == shown.returncode == 0
    assert "\x1b[2J" not in listed.stdout + shown.stdout
    assert "[red]" in listed.stdout


@pytest.mark.parametrize(
    ("editor", "status", "words"),
    [
        ("import sys; p = sys.argv[1]; t = open(p).read().replace('ward', 'lab'); open(p, 'w').write(t)", 0, "changed"),
        ("pass", 0, "nothing changed"),
    ],
    ids=["a change", "none"],
)
def test_an_editor_changes_the_whole_file(project, tmp_path, editor, status, words):
    from tests.integration.test_devices import at_a_terminal

    script = tmp_path / "editor.py"
    script.write_text(editor)
    done, said = at_a_terminal(project, ["devices", "edit"], "n", EDITOR=f"{sys.executable} {script}")

    assert done == status, said
    assert text(project) == (TEXT.replace("ward", "lab") if "replace" in editor else TEXT)
    assert words in said or words == "changed"
