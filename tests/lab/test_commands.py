"""Every command that only looks: with the daemon and without, as root and as a plain member of bgpd's
vty group, as text and as JSON."""

import contextlib
import json
import tomllib

import pytest

from lab import Prefixes, wait_until

# What each prints at least, and the keys that its JSON has.
LOOKING = {
    "status": (["status"], [Prefixes.TAGGED, "announced", "route-map TAG"], {"prefixes", "checks"}),
    "show": (
        ["show", Prefixes.TAGGED],
        ["route-map TAG", "resolver: up", "sourced, local", "last changes"],
        {"prefixes", "checks", "bgpd_says", "changes"},
    ),
    "check": (["check", "resolver"], ["resolver: ok"], None),
    "doctor": (["doctor"], ["resolver"], None),
    "log": (["log"], [], None),
}


@pytest.fixture(scope="module", params=[True, False], ids=["daemon", "alone"])
def up(request, shared_lab):
    """A lab where withdrawd runs, or has run."""
    lab = shared_lab
    lab.restore()
    # A member of the group may not read withdrawd's own passwords, and need not.
    configuration = lab.write(lab.configuration(transports=["socket"]))
    with contextlib.ExitStack() as stack:
        withdrawd = stack.enter_context(lab.withdrawd("run", "-c", configuration))
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        # Something to look back at.
        assert lab.start("drain", "-c", configuration, "anycast", "--reason", "a <b>test</b>")[0] == 0
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        assert lab.start("undrain", "-c", configuration, "anycast")[0] == 0
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        if not request.param:
            assert withdrawd.terminate() == 0
        yield lab, configuration


@pytest.mark.parametrize("member", [False, True], ids=["root", "member"])
@pytest.mark.parametrize("name", LOOKING)
def test_a_command_that_looks(up, name, member):
    lab, configuration = up
    arguments, parts, keys = LOOKING[name]
    start = lab.start_as_member if member else lab.start
    heard = len(lab.peer.events())
    code, text = start(*arguments, "-c", configuration)
    # doctor may find fault with a lab; it is no host.
    assert code == 0 or name == "doctor" and code == 1, text
    for part in parts:
        assert part in text
    assert "\x1b" not in text
    if name != "log":  # into a pipe, a line each, for grep
        ours = [line for line in text.splitlines() if "sourced, local" not in line]  # as bgpd has it
        assert [line for line in ours if len(line) > 80 and " " in line.strip()] == []
    code, text = start(*arguments, "--json", "-c", configuration)
    values = [json.loads(line) for line in text.splitlines()]
    if keys:
        assert keys <= values[0].keys()
    if name == "log":
        kinds = [value["kind"] for value in values]
        assert {"drained", "changed", "undrained"} <= set(kinds)
        assert "a <b>test</b>" in {value["cause"] for value in values if value["kind"] == "drained"}
    if name == "show":
        assert [value["rule"] for value in values[0]["prefixes"]] == ["anycast"]
        assert [value["is"] for value in values[0]["changes"] if value["kind"] == "changed"] == [
            "withdrawn", "announced"
        ]
        assert values[0]["changes"][-1]["prefix"] == Prefixes.TAGGED
    assert len(lab.peer.events()) == heard


def test_show_of_what_is_no_prefix_of_ours(lab):
    configuration = lab.write(lab.configuration())
    for target, text in (
        ("anycast", "is no prefix"),
        ("192.0.2.1/24", "did you mean 192.0.2.0/24"),
        (Prefixes.OTHER_IPV6, "no rule has this prefix"),
    ):
        code, said = lab.start("show", target, "-c", configuration)
        assert code == 2
        assert text in said


def test_a_prefix_announced_by_something_else_is_called_out_in_words(lab):
    """`aggregate-address` puts it into the table without a network statement."""
    lab.bgpd.command(
        "configure terminal", "router bgp 65001", "address-family ipv4 unicast",
        "no network 192.0.2.0/24", "network 192.0.2.128/25", "aggregate-address 192.0.2.0/24", "end",
    )
    try:
        wait_until("the aggregate", lambda: Prefixes.PLAIN in lab.peer.prefixes(), within=5)
        lab.dns.kill()
        configuration = lab.write(lab.configuration(transports=["socket"], fallback={"after": "60s"}))
        code, text = lab.start("status", "-c", configuration)
        assert code == 1
        assert "in the table without a network statement" in " ".join(text.split())
    finally:
        lab.bgpd.command(
            "configure terminal", "router bgp 65001", "address-family ipv4 unicast",
            "no aggregate-address 192.0.2.0/24", "no network 192.0.2.128/25", "end",
        )


@pytest.mark.parametrize("broken", ["unknown key", "no TOML"])
def test_a_mistake_in_the_file_does_not_come_between_an_operator_and_the_daemon(lab, broken):
    """Somebody edits the file at three in the morning; the daemon goes on with what it has read."""
    configuration = lab.write(lab.configuration(transports=["socket"]))
    text = configuration.read_text()
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        configuration.write_text("unknown = 1\n" + text if broken == "unknown key" else text + "\n[rule.x\n")
        assert lab.start("validate", "-c", configuration)[0] == 2
        for command, expected in (
            (["drain", "anycast", "--reason", "oops"], "drained"),
            (["status"], "drained by root"),
            (["show", Prefixes.PLAIN], "mend the configuration"),
            (["log"], "oops"),
            (["now"], "asks"),
            (["undrain", "anycast"], "no longer drained"),
        ):
            code, said = lab.start(*command, "-c", configuration)
            assert expected in " ".join(said.split()), command
            assert code == 0, (command, said)
    # Without the daemon the file is all there is.
    assert lab.start("status", "-c", configuration)[0] == 2


def test_the_daemon_is_found_by_its_socket_alone(lab):
    configuration = lab.write(lab.configuration(transports=["socket"]))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        socket = tomllib.loads(configuration.read_text())["control_socket"]
        for command in (["status"], ["now"], ["drain", "anycast"], ["undrain", "anycast"]):
            code, said = lab.start(*command, "-s", socket, "-c", "/nonexistent.toml")
            assert code == 0, said


def test_who_drains_is_the_kernels_word_and_not_the_clients(lab):
    configuration = lab.write(lab.configuration(transports=["socket"]))
    control = tomllib.loads(configuration.read_text())["control_socket"]
    claim = json.dumps({"target": "anycast", "who": "root", "why": "not me"})
    talk = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        " s.sendall(('drain ' + sys.argv[2] + chr(10)).encode()); print(s.recv(4096).decode())"
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        code, said = lab.start_as_member(
            "-c", talk, control, claim, program="/usr/bin/python3"
        )
        assert code == 0 and "drained" in said
        code, text = lab.start("status", "--json", "-c", configuration)
        who = {row["drain"]["who"] for row in json.loads(text)["prefixes"] if row["drain"]}
        assert len(who) == 1
        assert who.pop().endswith(' ("root")')
        assert lab.start("undrain", "anycast", "-c", configuration)[0] == 0


@pytest.mark.parametrize("running", [True, False], ids=["daemon", "alone"])
def test_status_and_doctor_of_one_thing(lab, running):
    configuration = lab.write(lab.configuration(transports=["socket"]))

    def start(*arguments):
        return lab.start(*arguments, "--json", "-c", configuration)

    with contextlib.ExitStack() as stack:
        if running:
            withdrawd = stack.enter_context(lab.withdrawd("run", "-c", configuration))
            withdrawd.wait_for_health("resolver", "up")
            withdrawd.wait_for_health("other", "up")
        for target, prefixes in (
            ("anycast", Prefixes.ANYCAST), (Prefixes.TAGGED, {Prefixes.TAGGED}),
        ):
            code, text = start("status", target)
            assert code == 0
            seen = json.loads(text)
            assert {row["prefix"] for row in seen["prefixes"]} == prefixes
            assert [check["name"] for check in seen["checks"]] == ["resolver"]
        # What is wrong with others is not its business.
        lab.other_dns.kill()
        if running:
            withdrawd.wait_for_health("other", "down")
        assert start("status", "anycast")[0] == 0
        assert start("status")[0] == 1
        code, said = lab.start("status", "anicast", "-c", configuration)
        assert code == 2
        assert 'find "anicast"' in said
    code, text = start("doctor", Prefixes.TAGGED)
    assert {finding["subject"] for finding in json.loads(text)["findings"]} == {Prefixes.TAGGED}
    code, text = start("doctor", "transport")
    assert {finding["item"] for finding in json.loads(text)["findings"]} == {"transport"}
    assert code == 0
    code, said = lab.start("doctor", "transports", "-c", configuration)
    assert code == 2
    assert "expected a prefix, a rule, a check, or one of" in said
