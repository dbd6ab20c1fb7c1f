"""The graphics adapters that Vulkan drivers offer, asked through the loader library in a process of its own.

No tool is needed on the device. Drivers print, hang and crash: all that can come to harm is the process that asks.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Optional

from agent import spawn
from agent.facts.system_files import Root

LIBRARY = "libvulkan.so.1"
#: Below the root and below a home: where the loader looks for drivers' manifests (its LoaderDriverInterface.md).
_FOLDERS = ("usr/share", "usr/local/share", "etc", "usr/local/etc", "etc/xdg")
_HOME = (".local/share", ".config")
#: What replaces those folders, and what comes on top of them.
_VARIABLES = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES")

# From vulkan_core.h.
_SUCCESS, _INCOMPLETE = 0, 5
_APPLICATION_INFO, _INSTANCE_CREATE_INFO = 0, 1
_PROPERTIES_2, _DRIVER_PROPERTIES = 1000059001, 1000196000
_VERSION_1_1 = 1 << 22 | 1 << 12
_TYPES = {1: "integrated", 2: "discrete", 3: "virtual", 4: "cpu"}
_CPU = 4
#: Far more than `VkPhysicalDeviceLimits` and `VkPhysicalDeviceSparseProperties` take, which we do not read.
_REST = 2048


class _Application(ctypes.Structure):
    _fields_ = (
        ("sType", ctypes.c_int32),
        ("pNext", ctypes.c_void_p),
        ("pApplicationName", ctypes.c_char_p),
        ("applicationVersion", ctypes.c_uint32),
        ("pEngineName", ctypes.c_char_p),
        ("engineVersion", ctypes.c_uint32),
        ("apiVersion", ctypes.c_uint32),
    )


class _Instance(ctypes.Structure):
    _fields_ = (
        ("sType", ctypes.c_int32),
        ("pNext", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("pApplicationInfo", ctypes.POINTER(_Application)),
        ("enabledLayerCount", ctypes.c_uint32),
        ("ppEnabledLayerNames", ctypes.c_void_p),
        ("enabledExtensionCount", ctypes.c_uint32),
        ("ppEnabledExtensionNames", ctypes.c_void_p),
    )


class _Driver(ctypes.Structure):
    _fields_ = (
        ("sType", ctypes.c_int32),
        ("pNext", ctypes.c_void_p),
        ("driverID", ctypes.c_int32),
        ("driverName", ctypes.c_char * 256),
        ("driverInfo", ctypes.c_char * 256),
        ("conformanceVersion", ctypes.c_uint8 * 4),
    )


class _Properties(ctypes.Structure):
    _fields_ = (
        ("sType", ctypes.c_int32),
        ("pNext", ctypes.POINTER(_Driver)),
        ("apiVersion", ctypes.c_uint32),
        ("driverVersion", ctypes.c_uint32),
        ("vendorID", ctypes.c_uint32),
        ("deviceID", ctypes.c_uint32),
        ("deviceType", ctypes.c_uint32),
        ("deviceName", ctypes.c_char * 256),
        ("rest", ctypes.c_uint8 * _REST),
    )


def question(root: Root, environ: Mapping[str, str]) -> Optional[tuple[str, ...]]:
    """Return the words that run `main`, or ``None`` where no driver has left its manifest: then there is nothing to ask."""
    folders = [os.path.join(root.path, base) for base in _FOLDERS]
    folders += [os.path.join(environ["HOME"], base) for base in _HOME if environ.get("HOME")]
    configured = any(environ.get(name) for name in _VARIABLES)
    if not configured and not any(root.names(os.path.join(folder, "vulkan/icd.d")) for folder in folders):
        return None
    return tuple(spawn.command(__name__))


def parse(printed: str) -> list[dict[str, object]]:
    """Read what `main` printed, after whatever a driver printed before it."""
    try:
        return list(json.loads(printed.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        return []


def main(arguments: list[str]) -> int:
    """Print the adapters as JSON, and leave without giving drivers the chance to crash at the end."""
    del arguments
    os.write(1, b"\n" + json.dumps(adapters(ctypes.CDLL(LIBRARY))).encode() + b"\n")
    sys.stdout.flush()
    os._exit(0)


def adapters(library: Any) -> list[dict[str, object]]:
    """Return ``name type class driver api`` of each adapter; ``type`` is ``software`` where a CPU plays it."""
    instance = ctypes.c_void_p()
    application = _Application(sType=_APPLICATION_INFO, apiVersion=_VERSION_1_1)
    wanted = _Instance(sType=_INSTANCE_CREATE_INFO, pApplicationInfo=ctypes.pointer(application))
    if library.vkCreateInstance(ctypes.byref(wanted), None, ctypes.byref(instance)) != _SUCCESS:
        return []
    count = ctypes.c_uint32()
    if library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None) != _SUCCESS:
        return []
    devices = (ctypes.c_void_p * count.value)()
    if library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), devices) not in (_SUCCESS, _INCOMPLETE):
        return []
    return [_ask(library, ctypes.c_void_p(device)) for device in devices[: count.value]]


def _ask(library: Any, device: ctypes.c_void_p) -> dict[str, object]:
    driver = _Driver(sType=_DRIVER_PROPERTIES)
    properties = _Properties(sType=_PROPERTIES_2, pNext=ctypes.pointer(driver))
    library.vkGetPhysicalDeviceProperties2(device, ctypes.byref(properties))
    return describe(
        name=properties.deviceName,
        kind=properties.deviceType,
        driver=b" ".join(word for word in (driver.driverName, driver.driverInfo) if word),
        api=properties.apiVersion,
    )


def describe(*, name: bytes, kind: int, driver: bytes, api: int) -> dict[str, object]:
    """Return an adapter's facts; ``kind`` is a `VkPhysicalDeviceType`, ``api`` a version packed as Vulkan packs them."""
    fields: dict[str, object] = {
        "name": name.decode("utf-8", "replace"),
        "type": "software" if kind == _CPU else "hardware",
        "class": _TYPES.get(kind, "other"),
        "driver": driver.decode("utf-8", "replace"),
        "api": "%d.%d.%d" % (api >> 22 & 0x7F, api >> 12 & 0x3FF, api & 0xFFF),
    }
    return {key: value for key, value in fields.items() if value}
