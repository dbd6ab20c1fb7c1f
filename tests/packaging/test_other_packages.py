"""Other packages called `orchestrator` and `agent` beside farm's own: named in a sentence, or harmless."""

from __future__ import annotations

import json

from tests.packaging.conftest import make_wheel


def test_a_package_that_wrote_over_farms_own_is_named_with_what_mends_it(environment):
    other = make_wheel(
        environment.folder, "orchestrator", "7.1", {"orchestrator/__init__.py": "import nothing_of_it\n"}
    )
    environment.uv("pip", "install", "--no-deps", str(other))

    refused = environment.farm("results")

    assert refused.returncode == 3
    assert "farm: orchestrator 7.1 has files among farm's own: orchestrator/__init__.py\n" in refused.stderr
    assert (
        "pip uninstall orchestrator; pip install --force-reinstall --no-deps edge_farm-0.1.0-py3-none-any.whl"
        in refused.stderr
    )
    assert "Traceback" not in refused.stderr


def test_an_empty_init_over_farms_own_is_no_farm_either_and_farm_comes_back_as_the_message_says(environment, wheel):
    other = make_wheel(environment.folder, "orchestrator", "7.1", {"orchestrator/__init__.py": ""})
    environment.uv("pip", "install", "--no-deps", str(other))

    refused = environment.farm("--version")
    environment.uv("pip", "uninstall", "orchestrator")
    gone = environment.farm("--version")
    environment.uv("pip", "install", "--reinstall", "--no-deps", str(wheel))
    back = environment.farm("--version")

    assert (refused.returncode, gone.returncode, back.returncode) == (3, 3, 0)
    assert "orchestrator 7.1" in refused.stderr
    assert "finds no __init__.py" in gone.stderr
    assert "pip install --force-reinstall --no-deps edge_farm-0.1.0-py3-none-any.whl" in gone.stderr


def test_a_package_that_only_adds_files_does_no_harm_and_farm_doctor_names_it(environment):
    files = {"orchestrator/timeout.py": "", "agent.py": "raise SystemExit(1)\n"}
    environment.uv("pip", "install", "--no-deps", str(make_wheel(environment.folder, "orchestrator", "1.0", files)))
    (site,) = environment.folder.glob("venv/lib/python*/site-packages")
    (site / "orchestrator" / "errors.py").write_bytes((site / "orchestrator" / "errors.py").read_bytes() + b"\n")

    found = json.loads(environment.farm("doctor", "--json").stdout)

    assert [(each["state"], each["sentence"], each["command"]) for each in found[:2]] == [
        (
            "warning",
            "the package orchestrator 1.0 has files among farm's own: agent.py, orchestrator/timeout.py",
            "pip uninstall orchestrator",
        ),
        (
            "error",
            "1 file of farm's own not as installed: orchestrator/errors.py",
            "pip install --force-reinstall --no-deps edge_farm-0.1.0-py3-none-any.whl",
        ),
    ]


def test_what_pythonpath_puts_first_is_named(environment):
    (environment.folder / "first").mkdir()
    (environment.folder / "first" / "agent.py").write_text("")

    refused = environment.farm("--version", PYTHONPATH=str(environment.folder / "first"))

    assert refused.returncode == 3
    assert f"`import agent` finds {environment.folder}/first/agent.py, not " in refused.stderr


def test_folders_of_a_project_that_are_called_orchestrator_and_agent_are_the_projects(environment):
    for name in ("orchestrator", "agent", "json"):
        (environment.folder / name).mkdir()
        (environment.folder / name / "__init__.py").write_text("raise SystemExit('this is not farm')\n")
    (environment.folder / "not.tflite").write_bytes(b"nothing")

    shown = environment.farm("models", "show", "not.tflite")

    assert shown.returncode != 0
    assert "not.tflite" in shown.stderr
    assert "this is not farm" not in shown.stderr
