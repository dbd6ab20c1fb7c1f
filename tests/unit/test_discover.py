"""What announces itself as an SSH server is found, and nothing it says of itself is believed."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from zeroconf import ServiceInfo

from orchestrator.config.address import parse_address
from orchestrator.config.inventory_edit import check_name
from orchestrator.devices.discovery import Service, described, discover, suggestion
from orchestrator.domain.device import Device

RESPONDER = """
import socket, sys
from zeroconf import ServiceInfo, Zeroconf

here = [socket.inet_aton("127.0.0.1")]
with Zeroconf(interfaces=["127.0.0.1"]) as zeroconf:
    for kind in ("_ssh._tcp.local.", "_sftp-ssh._tcp.local."):
        info = ServiceInfo(kind, f"Pi of ward 3.{kind}", 2222, addresses=here, server="pi-ward-3.local.")
        zeroconf.register_service(info)
    print("announced", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def responder():
    """Announce an SSH server on the loopback interface, from another process."""
    process = subprocess.Popen(
        [sys.executable, "-c", RESPONDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.stdout.readline()
    if said != "announced\n":
        _, why = process.communicate(timeout=300)
        pytest.skip(f"no multicast on the loopback interface here: {why.strip().splitlines()[-1:]}")
    yield process
    process.communicate("", timeout=300)


def test_a_server_that_announces_itself_twice_is_found_once(responder):
    services = ()
    for seconds in (0.5, 2, 10):  # a busy machine answers late
        services = discover(seconds, interfaces=["127.0.0.1"])
        if any(service.port == 2222 for service in services):  # others may announce themselves too
            break

    assert [service for service in services if service.port == 2222] == [
        Service(name="Pi of ward 3", hostname="pi-ward-3.local", addresses=("127.0.0.1",), port=2222)
    ]


def test_an_interface_that_this_machine_lacks_is_told():
    # In a process of its own: zeroconf leaves a socket to the garbage collector where it can't listen.
    program = "from orchestrator.devices.discovery import discover; discover(0.1, interfaces=['192.0.2.1'])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)

    assert "UsageError: can't listen for mDNS here" in done.stderr


@pytest.mark.parametrize(
    ("service", "line"),
    [
        (Service("Pi", "pi.local", ("192.168.1.7",), 22), "farm devices add pi --address 192.168.1.7"),
        (Service("Pi", "pi.local", (), 2222), "farm devices add pi --address pi.local:2222"),
        (Service("Pi", "pi", ("fe80::1%eth0",), 2222), "farm devices add pi --address '[fe80::1%eth0]:2222'"),
        (Service("$(reboot); é", "", ("10.0.0.1",), 22), "farm devices add reboot --address 10.0.0.1"),
        (Service("all", "", ("10.0.0.1",), 22), "farm devices add all-1 --address 10.0.0.1"),
        (Service("é", "", ("10.0.0.1",), 22), "farm devices add device --address 10.0.0.1"),
        (Service("x" * 80, "", ("10.0.0.1",), 22), f"farm devices add {'x' * 64} --address 10.0.0.1"),
    ],
)
def test_the_suggested_command_is_safe_to_paste_and_means_what_was_found(service, line):
    assert suggestion(service) == line

    *_, name, _, address = shlex.split(line)
    check_name(name)
    _, host, port = parse_address(address)
    assert Device(name=name, address=host).address in (*service.addresses, service.hostname)
    assert port in (None, service.port)


def announced(**said):
    values = {"port": 22, "addresses": [bytes([10, 0, 0, 1])], "server": "pi.local."} | said
    return ServiceInfo("_ssh._tcp.local.", "pi._ssh._tcp.local.", **values)


def test_control_characters_and_useless_addresses_of_an_announcement_are_dropped():
    kind = "_ssh._tcp.local."
    every = [bytes([224, 0, 0, 1]), bytes(4), bytes([10, 0, 0, 1]), bytes([10, 0, 0, 1])]

    found = described(kind, f"\x1b]0;owned\x07pi\n.{kind}", announced(addresses=every, server="-pi\x1b[31m; rm.local."))

    assert found == Service(name="]0;ownedpi", hostname="pi31mrm.local", addresses=("10.0.0.1",), port=22)


@pytest.mark.parametrize("said", [{"port": 0}, {"addresses": [], "server": ";;;."}])
def test_an_announcement_that_leads_nowhere_is_no_service(said):
    assert described("_ssh._tcp.local.", "pi._ssh._tcp.local.", announced(**said)) is None
