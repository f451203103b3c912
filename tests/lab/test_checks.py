"""Checks of other kinds than A records: each takes its prefixes out, and lets them back."""

import contextlib
import os

import pytest

from lab import Prefixes

QUICK = {"interval": "100ms", "fast_interval": "50ms"}


@contextlib.contextmanager
def running(lab, check):
    """withdrawd with this check for the rule "anycast", once it is up."""
    configuration = lab.write(lab.configuration(check=check))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        yield withdrawd


def goes_and_comes_back(lab, withdrawd, break_it, mend_it, cause):
    break_it()
    lab.wait_for_announcements(Prefixes.STAYING, within=5)
    withdrawd.wait_for_line(cause)
    mend_it()
    lab.wait_for_announcements(Prefixes.ALL, within=5)


def test_an_address_removed_from_its_interface(lab):
    def address(what):
        return lambda: lab.edge.ip("address", what, "192.0.2.53/32", "dev", "lo")

    address("add")()
    try:
        only = {"type": "address", "address": "192.0.2.53", "interface": "lo", **QUICK}
        with running(lab, only) as withdrawd:
            goes_and_comes_back(lab, withdrawd, address("delete"), address("add"), "not on lo")
    finally:
        address("delete")()


def test_a_file_that_is_touched(lab):
    switch = lab.directory / "maintenance"
    with running(lab, {"type": "file", "path": switch, **QUICK}) as withdrawd:
        cause = f"present 1 of 1 (file {switch}"
        goes_and_comes_back(lab, withdrawd, lambda: switch.write_text(""), switch.unlink, cause)


def test_a_command_that_fails(lab):
    verdict = lab.directory / "verdict"
    plugin = lab.directory / "plugin"
    plugin.write_text('#!/bin/sh\necho "it says $1"; read -r status <"$2"; exit "$status"\n')
    plugin.chmod(0o755)

    def says(status):
        def write():
            fresh = verdict.with_suffix(".new")
            fresh.write_text(f"{status}\n")
            os.replace(fresh, verdict)

        return write

    says(0)()
    command = {"type": "exec", "command": [plugin, "so; $HOME", verdict], "timeout": "5s", **QUICK}
    with running(lab, command) as withdrawd:
        goes_and_comes_back(lab, withdrawd, says(2), says(0), "exit 2: it says so; $HOME")


def test_a_serial_that_falls_behind(lab):
    def serve(nsd, serial):
        nsd.serial = serial - 1
        nsd.repair()

    def hurry():
        serve(lab.other_dns, 103)

    def follow():
        serve(lab.dns, 103)

    zone = {"name": "test.com", "qtype": "SOA", "serial_from": "127.0.0.2", "serial_lag": 2}
    for nsd in (lab.dns, lab.other_dns):
        serve(nsd, 100)
    with running(lab, {**zone, "timeout": "1s", "flags": ["aa"], **QUICK}) as withdrawd:
        goes_and_comes_back(lab, withdrawd, hurry, follow, "serial 100 is 3 behind 103")


@pytest.mark.parametrize("transport", ("udp", "tcp", "both"))
def test_who_a_server_is_in_class_ch(lab, transport):
    asked = {"name": "id.server", "class": "CH", "qtype": "TXT", "transport": transport}
    asked.update(QUICK)
    status, said = lab.start("check", "resolver", "-c", lab.write(lab.configuration(check=asked)))
    assert status == 0 and "CH TXT id.server" in said, said
    wrong = {**asked, "expect_any": ["somebody else"]}
    status, said = lab.start("check", "resolver", "-c", lab.write(lab.configuration(check=wrong)))
    assert status == 1 and "expected somebody else; got" in said, said


def test_what_is_expected_of_records(lab):
    def check(**keys):
        return lab.start("check", "resolver", "-c", lab.write(lab.configuration(check=keys)))

    address = {"name": "www.test.com", "flags": ["aa"], "edns_size": 1232}
    status, said = check(**address, expect_any=["192.0.2.1", "198.18.0.53"])
    assert status == 0, said
    status, said = check(**address, expect_all=["192.0.2.1"])
    assert status == 1 and "expected 192.0.2.1; got 198.18.0.53" in said, said
    status, said = check(name="no.test.com", rcode="NXDOMAIN")
    assert status == 0, said
    servers = {"name": "test.com", "qtype": "NS", "source": "127.0.0.3"}
    status, said = check(**servers, expect_any=["NS.test.com"])
    assert status == 0, said
