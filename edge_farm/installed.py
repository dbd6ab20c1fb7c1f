"""The files of farm's packages that belong to another package.

``orchestrator`` and ``agent`` are names that others use too, and pip lets the second package write over the first.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

#: The distribution, as pip calls it.
DISTRIBUTION = "edge-farm"
#: Its packages whose names others use too.
SHARED = ("orchestrator", "agent")


def complaint() -> tuple[str, str] | None:
    """Return a sentence about the packages that take the place of farm's own, and what mends it; None without any."""
    owners = intruders()
    names = ", ".join(owners)
    apart = f"pipx install {wheel()} keeps farm apart"
    remedy = f"pip uninstall {' '.join(name.split()[0] for name in owners)}; {again()}; {apart}"
    if (words := shadowed()) is not None:
        return (f"{words}; it is of {names}", remedy) if owners else (words, f"rename it; where it is gone: {again()}")
    if not owners:
        return None
    files = sorted(file for each in owners.values() for file in each)
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return f"{names} has files among farm's own: {', '.join(files[:3])}{more}", remedy


def again() -> str:
    """Return the command that installs farm's own files once more."""
    return f"pip install --force-reinstall --no-deps {wheel()}"


def wheel() -> str:
    """Return the name of the file that farm was installed from."""
    from importlib.metadata import version

    return f"edge_farm-{version(DISTRIBUTION)}-py3-none-any.whl"


def shadowed() -> str | None:
    """Return a sentence about what Python imports in the place of a package of farm's; None as a rule."""
    here = Path(__file__).parents[1]
    for name in SHARED:
        spec = find_spec(name)
        origin = None if spec is None else spec.origin  # a folder without __init__.py has none
        if origin is None or Path(origin) != here / name / "__init__.py":
            return f"`import {name}` finds {origin or 'no __init__.py'}, not {here / name}/__init__.py"
    return None


def intruders() -> dict[str, list[str]]:
    """Return the other installed packages with files in farm's folders: ``name version`` -> their files there."""
    from importlib.metadata import distributions

    found: dict[str, list[str]] = {}
    for package in distributions():
        files = sorted(str(file) for file in package.files or () if _is_shared(file.parts))
        if files and package.name.lower().replace("_", "-") != DISTRIBUTION:
            found[f"{package.name} {package.version}"] = files
    return found


def altered() -> list[str]:
    """Return the files of an installed farm that are not as they were installed; none for a checkout, whose files change."""
    from importlib.metadata import distribution

    return sorted(_altered(distribution(DISTRIBUTION)))


def _is_shared(parts: tuple[str, ...]) -> bool:
    return parts[0] in SHARED or parts[0] in {f"{name}.py" for name in SHARED}


def _altered(package: Distribution) -> Iterator[str]:
    import hashlib
    from base64 import urlsafe_b64encode

    for file in package.files or ():
        if file.hash is None or not _is_shared(file.parts):
            continue
        path = Path(str(package.locate_file(file)))
        digest = hashlib.new(file.hash.mode, path.read_bytes() if path.is_file() else b"").digest()
        if urlsafe_b64encode(digest).decode().rstrip("=") != file.hash.value:
            yield str(file)
