"""The report of a crash, which people attach to an issue."""

from __future__ import annotations

import pytest

from orchestrator.runs.crash import REPORT_LENGTH, crashed, write_report

SECRET = "hunter2"  # noqa: S105  it must never be seen


def report_of(error, tmp_path):
    try:
        raise error
    except type(error) as raised:
        return write_report("run-1", "pi", tmp_path, raised).read_text()


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://u:{SECRET}@h/db",
        f"postgresql://u:a/{SECRET}@h/db",
        f"postgresql://u:a@b:{SECRET}@h/db",
        f"postgresql://h/db?user=u&password={SECRET}&x=1",
        f"host=h password={SECRET} dbname=farm",
        rf"host=h password='it\'s {SECRET}' dbname=farm",
    ],
)
def test_no_password_is_in_a_report_or_in_the_event(tmp_path, monkeypatch, text):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.delenv("FARM_DB", raising=False)
    error = RuntimeError(text)

    assert SECRET not in report_of(error, tmp_path)
    assert SECRET not in crashed("run-1", "pi", tmp_path, error).reason


def test_a_password_of_the_address_of_the_database_is_secret_by_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("FARM_DB", "postgresql://u:p%40ss/w0rd@h/db")

    assert "w0rd" not in report_of(RuntimeError("the server refused p@ss/w0rd and p%40ss/w0rd"), tmp_path)


def test_a_message_of_many_megabytes_makes_a_short_report(tmp_path):
    assert len(report_of(RuntimeError("\x1b" * 20_000_000), tmp_path)) < 5 * REPORT_LENGTH
