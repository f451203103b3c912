"""Text that wants to be more than text, in every field that comes from outside: DNS, a command's
output, an operator, the control socket, the state file, bgpd itself. None of it reaches bgpd, a shell,
or a line of the log as it came."""

import contextlib
import json
import re
import socket
import subprocess

import pytest

from lab import Prefixes, wait_until
from lab.lying_dns import LyingDns
from lab.recording import in_front_of_socket, in_front_of_telnet

HOSTILE = (
    b"a\nno router bgp 65001\n",
    b"a\r\nend\r\nno router bgp 65001\r\n",
    b"a\0no router bgp 65001\0",
    b"a; no router bgp 65001",
    b"\x1b[2J\x1b]0;no router bgp\x07",
    b"$(no router bgp)`no router bgp`|no router bgp",
    b"\xc2\x9b31m\xff%s%n",
)
ALL = b" ".join(HOSTILE)

NAME = r"[A-Za-z0-9_.:@+/=~-]+"
PREFIX = r"[0-9a-f.:]+/\d+"
# All that may ever be typed.
TYPED = re.compile(
    rf"enable|secret|zebra|terminal length 0|configure terminal|end|exit|exit-address-family|router bgp 65001"
    rf"|address-family ipv[46]( unicast)?|(no )?network {PREFIX}( route-map {NAME})?"
    rf"|show running-config|show bgp summary|show (ip )?bgp( ipv6)?( unicast)? {PREFIX}|"
)


class HostileDns(LyingDns):
    """Its TXT records are hostile, and so are the names they are about."""

    def _lies(self, query, asker):
        end = query.index(b"\0", 12) + 5
        if query[end - 4 : end - 2] != b"\0\x10":
            return super()._lies(query, asker)
        if self.lie == "hostile name":
            label = HOSTILE[0][:60]
            target = bytes([len(label)]) + label + b"\0"
            data = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0" + bytes([len(target)]) + target
        else:
            strings = b"".join(bytes([len(text)]) + text for text in HOSTILE)
            data = b"\xc0\x0c\0\x10\0\1\0\0\0\x3c" + len(strings).to_bytes(2, "big") + strings
        return [(self.udp, self.answer(query, data))]


def words_typed(sent):
    """The lines of what went to a vty; telnet's negotiation left out."""
    sent = re.sub(rb"\xff[\xfb-\xfe].", b"", sent)
    return [line.decode("latin-1") for line in re.split(rb"[\0\n]", sent)]


def ask_control(path, request):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        sock.sendall(request + b"\n")
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while got := sock.recv(65536):
                answer += got
        return answer


@pytest.fixture
def liar(lab):
    server = HostileDns(lab.edge)
    yield server
    server.close()


@pytest.fixture(params=("socket", "vtysh", "telnet"))
def recorded(request, lab):
    """(a transport, the [bgpd] keys that lead it through a recorder, what was typed so far)."""
    if request.param == "vtysh":
        record = lab.directory / "vtysh-arguments"
        record.write_bytes(b"")
        wrapper = lab.write(
            '#!/bin/sh\nfor one; do printf "%s\\0" "$one"; done >> ' + f"{record}\n"
            'exec vtysh "$@"\n', "vtysh",
        )
        wrapper.chmod(0o755)
        options = {"-d", "bgpd", "-E", "-c", "--vty_socket", str(lab.bgpd.vty_directory)}
        yield "vtysh", {"vtysh": wrapper}, lambda: [
            word for word in words_typed(record.read_bytes()) if word not in options
        ]
        return
    if request.param == "socket":
        path = lab.directory / "recorder.vty"
        path.unlink(missing_ok=True)
        recorder = in_front_of_socket(path, lab.bgpd.vty_directory / "bgpd.vty")
        keys = {"socket": path}
    else:
        recorder = in_front_of_telnet(lab.edge, 2699, 2605)
        keys = {"telnet": "127.0.0.1:2699"}
    yield request.param, keys, lambda: words_typed(recorder.sent)
    recorder.close()


def test_hostile_text_from_everywhere_is_shown_escaped_and_never_typed(lab, liar, recorded):
    transport, bgpd, typed = recorded
    environment = lab.directory / "environment"
    environment.unlink(missing_ok=True)
    hook = lab.write(f"#!/bin/sh\nenv -0 >> {environment}\n", "on-change")
    hook.chmod(0o755)
    output = lab.directory / "output"
    output.write_bytes(ALL)
    plugin = lab.write(f"#!/bin/sh\ncat {output}; cat {output} >&2; exit $(cat {output}.status)\n", "plugin")
    plugin.chmod(0o755)
    (lab.directory / "output.status").write_text("0")
    text = lab.configuration([transport], bgpd=bgpd, top={"on_change": [hook]},
                             check={"server": "127.0.0.3", "qtype": "TXT"},
                             rule={"checks": ["resolver", "plugin"]})
    text += f'[check.plugin]\ntype = "exec"\ncommand = ["{plugin}", "; no router bgp", "a\\nb"]\n'
    text += 'interval = "200ms"\nfast_interval = "100ms"\n'
    configuration = lab.write(text)
    # A state file that somebody else wrote.
    hostile = ALL.decode("latin-1")
    (lab.directory / "state.json").write_text(json.dumps({
        "version": 1, "saved": 1, "checks": {hostile: {"health": hostile}},
        "withdrawn": [{"rule": "anycast", "prefix": Prefixes.TAGGED, "route_map": hostile}],
        "drains": [{"rule": "anycast", "prefix": Prefixes.PLAIN, "who": hostile, "why": hostile}],
    }))
    control = lab.directory / "control.sock"
    with lab.withdrawd("run", "-c", configuration, "--log-level", "debug") as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("plugin", "up")
        lab.wait_for_announcements(Prefixes.ALL - {Prefixes.PLAIN}, within=10)

        shown = b""
        for one in HOSTILE:
            for request in (one, b"drain " + one, b"undrain " + one):
                shown += ask_control(control, request.replace(b"\n", b" "))
            why = one.decode("latin-1")
            for verb in ("drain", "undrain"):
                order = {"target": "anycast", "who": why, "why": why}
                shown += ask_control(control, f"{verb} {json.dumps(order)}".encode())
                shown += ask_control(control, f"{verb} {json.dumps({'target': why})}".encode())
            argument = one.replace(b"\0", b"")
            done = subprocess.run(
                lab.place.enter(lab.program, "drain", "-c", str(configuration), "anycast",
                                "--reason", argument),
                stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
            )
            assert done.returncode == 0, done.stderr
            shown += done.stdout + done.stderr
        lab.wait_for_announcements(Prefixes.STAYING, within=10)
        shown += lab.start("status", "-c", configuration)[1].encode()
        shown += lab.start("show", Prefixes.PLAIN, "-c", configuration)[1].encode()
        assert lab.start("undrain", "--all", "-c", configuration)[0] == 0
        lab.wait_for_announcements(Prefixes.ALL, within=10)

        # The command says it, and then DNS.
        (lab.directory / "output.status").write_text("2")
        lab.wait_for_announcements(Prefixes.STAYING, within=10)
        withdrawd.wait_for_line(r"exit 2: a")
        (lab.directory / "output.status").write_text("0")
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        liar.lie = "hostile name"
        lab.wait_for_announcements(Prefixes.STAYING, within=10)
        shown += lab.start("check", "-c", configuration)[1].encode()
        shown += lab.start("log", "-c", configuration)[1].encode()
        liar.lie = None
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        wait_until(
            "on_change to have heard of it",
            lambda: environment.exists() and environment.read_bytes().count(b"WITHDRAWD_NEW=announced") >= 6,
            within=10,
        )
        assert withdrawd.terminate(within=10) == 0

    lines = typed()
    assert f"no network {Prefixes.IPV6}" in lines
    assert [line for line in lines if not TYPED.fullmatch(line)] == []
    log = withdrawd.output.read_bytes()
    assert rb"no router bgp" in log  # said, but as text
    for line in log.splitlines():
        assert re.fullmatch(rb"\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warning|error|critical) [ -~]*", line)
    assert re.findall(rb"[^ -~\n]", shown) == []
    for variable in environment.read_bytes().split(b"\0"):
        if variable.startswith(b"WITHDRAWD_"):
            assert re.fullmatch(rb"[ -~]*", variable)
    assert Prefixes.TAGGED in lab.bgpd.networks()
    assert "router bgp 65001" in lab.bgpd.command("show running-config")
