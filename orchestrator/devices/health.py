"""What a device's own facts say against trusting or using it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestrator.devices.tuning_text import sentences
from orchestrator.domain.tuning import ActiveTuning, Tuning
from orchestrator.domain.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.store.rows import Damage

#: An environment with numpy and LiteRT takes some 150 MB unpacked.
LITTLE_DISK_BYTES = 300_000_000
#: Kernels swap a little out without need.
LITTLE_SWAP_BYTES = 100_000_000
#: Two seconds: results of several devices could no longer be put in order.
CLOCK_OFF_NS = 2_000_000_000
DAY_S = 86_400.0


def complaints(facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return a keyword with a sentence of advice for each problem."""
    found = []
    if facts.get("emulated"):
        found.append(("emulated", "its processor is emulated: its timings say nothing about real hardware"))
    governor = facts.get("governor")
    if governor not in (None, "performance"):
        advice = f"its governor is {governor}: timings vary with it; farm devices tune sets it, or as root: cpupower frequency-set -g performance"
        found.append((str(governor), advice))
    found += tuning(facts)
    if _throttled(facts.get("throttled")):
        found.append(("throttled", "it slows itself down, by heat or low voltage: check cooling and power supply"))
    if facts.get("power_source") == "battery":
        found.append(("battery", "it runs on battery, and slower for it: plug it in"))
    swap = facts.get("swap")
    used = swap.get("used_bytes") if isinstance(swap, dict) else None
    if isinstance(used, int) and used > LITTLE_SWAP_BYTES:
        found.append(("swap", f"{format_bytes(used)} of its memory are swapped out: end what else runs there"))
    free = facts.get("disk_free_bytes")
    if isinstance(free, int) and free < LITTLE_DISK_BYTES:
        found.append(("disk", f"only {format_bytes(free)} are free there; farm devices clean gives some back"))
    if facts.get("noexec"):
        found.append(("noexec", "its work directory forbids programs: set `workdir:` to one on another file system"))
    found += _userland(facts)
    offset, unsure = facts.get("clock_offset_ns"), facts.get("clock_uncertainty_ns", 0)
    if isinstance(offset, int) and isinstance(unsure, int) and abs(offset) - unsure > CLOCK_OFF_NS:
        found.append(("clock", f"its clock is {_off(offset / 1e9)}; switch time synchronisation on"))
    return tuple(found)


def _off(seconds: float) -> str:
    """Return how far a clock is from ours: ``2 days behind``."""
    size = abs(seconds)
    words = f"{size / DAY_S:.0f} days" if size >= 2 * DAY_S else format_seconds(size)
    return f"{words} {'ahead' if seconds > 0 else 'behind'}"


def _userland(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return, like `complaints`, what keeps the usual runtimes from a device."""
    found = []
    if facts.get("libc") == "bionic":
        found.append(("bionic", "it has Android's C library, for which there are no wheels: docs/device-phone.md"))
    if facts.get("bits") == 32 and facts.get("machine") == "aarch64":
        found.append(
            ("32-bit", "its kernel has 64 bits and its programs 32: only tflite runs; a 64-bit image is faster")
        )
    return found


def disk(damage: Damage | None) -> tuple[tuple[str, str], ...]:
    """Return, like `complaints`, what runs found changed on a device's disk."""
    if damage is None:
        return ()
    files = f"{damage.files} file{'' if damage.files == 1 else 's'}"
    runs = f"{damage.runs} run{'' if damage.runs == 1 else 's'}"
    advice = (
        f"its disk changed {files} of farm's after arrival, found and installed anew by {runs}, last on {damage.last_at:%Y-%m-%d}: "
        "a card that goes on like this is dying; replace it"
    )
    return (("card", advice),)


def tuning(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return, like `complaints`, the settings that farm holds there or put back without a request."""
    found = []
    held, mended = ActiveTuning.from_json(facts.get("tuned")), facts.get("tuning_mended")
    if held is not None:
        how = "its lane puts it back" if held.lane else "farm devices tune --restore puts it back"
        found.append(("tuned", f"{held}; {how}"))
    if isinstance(mended, dict):
        with suppress(ValueError):  # a device may send anything
            found.append(("untuned", "; ".join(sentences(Tuning.from_json(mended)))))
    return found


def _throttled(flags: Any) -> bool:
    """Check whether the device slows itself down now; counts since boot are left out."""
    return isinstance(flags, dict) and any(value is True for name, value in flags.items() if str(name).endswith("_now"))
