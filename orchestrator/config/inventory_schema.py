"""What may be written in ``inventory.yaml``, key by key; the JSON schema for editors is made of it."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import pydantic

from orchestrator.domain.device import LOCAL
from orchestrator.domain.units import parse_bytes, parse_rate
from orchestrator.runtimes import names

#: A name stands in case names (``device/model/…``), file names and on the command line.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_RULE = "letters, digits, dots, dashes and underscores, 64 at most"
#: Means every device, so no device may be called that; the group of this name holds every device.
ALL = "all"
#: Keys whose values are numbers also where they come from ``${NAME}``.
REFERRING = frozenset({"port", "start_below_c", "settle_margin_c", "settle_at_most_s", "attempt_timeout_s"})


def name_misfit(name: object, kind: str = "device") -> str | None:
    """Return why ``name`` can't be the name of a ``device``, ``group`` or ``tag``, ``None`` where it can."""
    if isinstance(name, str) and NAME.fullmatch(name) and not (kind == "device" and name == ALL):
        return None
    rule = f"{NAME_RULE}, and not `{ALL}`" if kind == "device" else NAME_RULE
    return f"{str(name)[:100]!r} can't be the name of a {kind}: {rule}"


def _plain_address(text: str) -> str:
    if not text or text.startswith("-") or re.search(r"[\s/@\[\]]", text) or re.fullmatch(r"[^:]*:\d+", text):
        raise ValueError(f"{text!r} is not a bare name or IP address; user and port have keys of their own")
    return text


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return _one_line(text)


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} has a control character")
    return text


def _tag(text: str) -> str:
    wrong = name_misfit(text, "tag")
    if wrong is not None:
        raise ValueError(wrong)
    return text


def _runtime(text: str) -> str:
    wrong = names.misfit(text)
    if wrong is not None:
        raise ValueError(wrong)
    return text


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a size such as 500MB, 2GB or 1.5GiB")  # noqa: TRY004  pydantic reads ValueError
    size = parse_bytes(value) if isinstance(value, str) else value
    if size <= 0:
        raise ValueError("must be more than 0")
    return size


def _rate(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("must be a rate such as 500kB/s or 2MB/s")  # noqa: TRY004  pydantic reads ValueError
    return parse_rate(value)


def _for_a_shell(text: str) -> str:
    # csh takes ! for history even in quotes and no line ends; fish takes the backslash for its own there
    if re.search(r"[\\!\x00-\x1f\x7f]", text):
        raise ValueError(f"{text!r} has a character that not every login shell passes on")
    return _not_empty(text)


Path = Annotated[str, pydantic.AfterValidator(_for_a_shell)]
Text = Annotated[str, pydantic.AfterValidator(_not_empty)]
Tag = Annotated[str, pydantic.AfterValidator(_tag)]
Runtime = Annotated[str, pydantic.AfterValidator(_runtime)]
Size = Annotated[
    int,
    pydantic.BeforeValidator(_size, json_schema_input_type=int | str),
    pydantic.Field(examples=["500MB", "2GB", "1.5GiB"]),
]

Rate = Annotated[
    int,
    pydantic.BeforeValidator(_rate, json_schema_input_type=str),
    pydantic.Field(examples=["500kB/s", "2MB/s"]),
]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class LimitsOf(_Model):
    """What farm may ask of the device."""

    start_below_c: Annotated[
        pydantic.FiniteFloat | None,
        pydantic.Field(
            ge=0,
            le=150,
            description="°C; an attempt waits until the device is cooler (default: than idle plus settle_margin_c).",
        ),
    ] = None
    settle_margin_c: Annotated[
        pydantic.FiniteFloat | None, pydantic.Field(gt=0, le=150, description="°C above idle (default 5).")
    ] = None
    settle_at_most_s: Annotated[
        pydantic.FiniteFloat | None,
        pydantic.Field(ge=0, le=86400, description="Seconds that an attempt waits at most to be cooler (default 300)."),
    ] = None
    disk: Annotated[Size | None, pydantic.Field(description="The most that farm's files may take there.")] = None
    memory: Annotated[Size | None, pydantic.Field(description="The most that one measuring process may take.")] = None
    attempt_timeout_s: Annotated[
        pydantic.FiniteFloat | None, pydantic.Field(gt=0, description="Seconds; the longest that one attempt may take.")
    ] = None
    push_rate: Annotated[
        Rate | None, pydantic.Field(description="The most that all pushes to its site send together.")
    ] = None


class Settings(_Model):
    """What devices and groups have in common."""

    transport: Annotated[Text | None, pydantic.Field(description="ssh or local.")] = None
    user: Annotated[Text | None, pydantic.Field(description="Who to log in as.")] = None
    port: Annotated[int | None, pydantic.Field(ge=1, le=65535, description="The SSH server's port.")] = None
    identity_file: Annotated[Text | None, pydantic.Field(description="A private key on this machine.")] = None
    via: Annotated[Text | None, pydantic.Field(description="Jump host: a device, or USER@HOST:PORT.")] = None
    relay: Annotated[
        bool | None,
        pydantic.Field(description="Whether a jump host keeps files for the devices behind it (default true)."),
    ] = None
    tags: Annotated[list[Tag] | None, pydantic.Field(description="Words to select by; those of groups add up.")] = None
    python: Annotated[Path | None, pydantic.Field(description=f"Python there (default {LOCAL.python}).")] = None
    workdir: Annotated[
        Path | None, pydantic.Field(description=f"Where the agent keeps its files there (default {LOCAL.workdir}).")
    ] = None
    runtimes: Annotated[
        list[Runtime] | None, pydantic.Field(min_length=1, description="Runtimes that may be measured (default: any).")
    ] = None
    limits: Annotated[LimitsOf | None, pydantic.Field(description="What farm may ask of the device.")] = None
    notes: Annotated[str | None, pydantic.Field(description="For people.")] = None

    def given(self) -> dict[str, Any]:
        """Return the fields of a `Device` that are written here; lists as tuples, sizes in bytes."""
        names = {"disk": "disk_bytes", "memory": "memory_bytes", "push_rate": "push_bytes_per_s"}
        values = self.model_dump(exclude_none=True, exclude={"groups", "devices", "children"})
        if "limits" in values:
            values["limits"] = {names.get(key, key): value for key, value in values["limits"].items()}
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


class Entry(Settings):
    """A device."""

    address: Annotated[
        Annotated[str, pydantic.AfterValidator(_plain_address)] | None,
        pydantic.Field(description="A name, an IP address, or a Host of ~/.ssh/config."),
    ] = None
    groups: Annotated[list[Tag], pydantic.Field(description="Groups whose settings count for it.")] = []


class Group(Settings):
    """Settings that several devices share; what a device says itself wins."""

    devices: Annotated[list[Text], pydantic.Field(description="Who belongs to it: names and globs.")] = []
    children: Annotated[list[Tag], pydantic.Field(description="Groups whose devices belong to it, too.")] = []


class File(_Model):
    """The devices farm may use."""

    devices: Annotated[dict[str, Entry | None] | None, pydantic.Field(description="Devices by name.")] = None
    groups: Annotated[
        dict[str, Group | None] | None,
        pydantic.Field(description="Groups by name; the group `all` holds every device."),
    ] = None


def json_schema() -> str:
    """Return the schema of the file in the words of JSON Schema 2020-12, for editors that complete and check YAML."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **File.model_json_schema()}
    schema["title"] = "farm inventory"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
