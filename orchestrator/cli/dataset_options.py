"""Options of a dataset on the command line."""

from __future__ import annotations

from typing import Any


def dataset_options(kind: str, words: list[str]) -> dict[str, Any]:
    """Return the options of a dataset from KEY=VALUE words, each value read as YAML reads it."""
    import inspect

    from orchestrator import registry
    from orchestrator.errors import UsageError, unknown_key

    known = inspect.signature(registry.find("dataset", kind)).parameters
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--option {word}: expected KEY=VALUE")
        if key not in known:
            raise UsageError(f"--option {word}: {unknown_key(key, known, of=f'dataset {kind}')}")
        found[key] = _value(value)
    missing = [name for name, parameter in known.items() if parameter.default is parameter.empty and name not in found]
    if missing:
        raise UsageError(f"dataset {kind} needs --option {missing[0]}=…")
    return found


def _value(text: str) -> Any:
    """Return what YAML reads, or the text itself where YAML takes it for syntax: ``|``, ``[0-9]+``."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        value = YAML(typ="safe").load(text)
    except YAMLError:
        return text
    return text if value == "" and text.strip("'\"") else value
