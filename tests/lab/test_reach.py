"""Withdrawn here, reachable all the same; announced, and heard by nobody: it is said."""

import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from lab import Peer, Prefixes, wait_until
from lab.namespaces import NetworkNamespace, command
from lab.network import VTY_PASSWORD

P = Prefixes.PLAIN
HTTP = '\n[http]\nlisten = "127.0.0.1:9853"\n'

SITE = f"""hostname site
router bgp 65003
 bgp router-id 10.54.0.3
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.54.0.1 remote-as 65001
 neighbor 10.54.0.1 timers connect 1
 !
 address-family ipv4 unicast
  network {P}
 exit-address-family
!
"""


@pytest.fixture
def sick(lab):
    """withdrawd at work, and all of rule "anycast" withdrawn."""
    # By name, because one of the tests has a second instance.
    text = lab.configuration(fallback={"after": "1s"}, rule={"vrf": "default"})
    text = text.replace("[rule.other]", '[rule.other]\nvrf = "default"')
    configuration = lab.write(text + HTTP)
    with lab.withdrawd("run", "-c", configuration) as program:
        program.wait_for_health("resolver", "up")
        program.wait_for_health("other", "up")
        lab.dns.kill()
        wait_until("it to be withdrawn", lambda: P not in lab.bgpd.networks(), within=5)
        program.configuration = configuration
        yield program


def reach(lab, program, prefix=P):
    """{kind: text} of what status says of it, and the exit status."""
    status, text = lab.start("status", "--json", "-c", program.configuration)
    row = next(x for x in json.loads(text)["prefixes"] if x["prefix"] == prefix)
    return {x["kind"]: x["text"] for x in row["reach"]}, status


def said_everywhere(lab, program, kind, words, by=("status", "show", "doctor")):
    """By status --json and all these."""
    wait_until(f"status to say {kind}", lambda: kind in reach(lab, program)[0], within=5)
    assert words in reach(lab, program)[0][kind]
    for name in by:
        what = ("show", P) if name == "show" else (name,)
        text = lab.start(*what, "-c", program.configuration)[1]
        assert words in " ".join(text.split()), f"{name}:\n{text}"
    wait_until(
        "metrics to say so",
        lambda: re.search(rf'^withdrawd_prefixes_reach{{kind="{kind}"}} [1-9]', page(lab, "metrics"), re.M),
        within=5,
    )
    assert words in page(lab, "healthz")


def page(lab, name):
    """What the daemon serves there, also with 503."""
    try:
        with lab.edge.entered(), urllib.request.urlopen(f"http://127.0.0.1:9853/{name}", timeout=3) as got:
            return got.read().decode()
    except urllib.error.HTTPError as ill:
        return ill.read().decode()


@pytest.fixture
def other_site(lab):
    """Another site of the same service, behind the same host."""
    with OtherSite(lab) as site:
        yield site


class OtherSite:
    def __init__(self, lab):
        self.lab = lab

    def __enter__(self):
        lab = self.lab
        self.place = NetworkNamespace("site")
        command("ip", "link", "add", "to-site", "netns", lab.edge.name, "type", "veth",
                "peer", "name", "to-edge", "netns", self.place.name)
        for namespace, link, host in ((lab.edge, "to-site", 1), (self.place, "to-edge", 3)):
            namespace.ip("address", "add", f"10.54.0.{host}/24", "dev", link)
            namespace.ip("link", "set", link, "up")
        lab.bgpd.command("configure terminal", "router bgp 65001",
                         "neighbor 10.54.0.3 remote-as 65003",
                         "neighbor 10.54.0.3 timers connect 1", "end")
        self.site = Peer(self.place, lab.directory / "site", SITE)
        wait_until("the other site's session", self.site.established, within=30)
        return self.site

    def __exit__(self, *_):
        self.lab.bgpd.command("configure terminal", "router bgp 65001",
                              "no neighbor 10.54.0.3", "end")
        self.site.kill()
        self.place.close()


def test_another_sites_path_that_is_handed_on_is_said(lab, other_site, sick):
    wait_until("the peer to have the other site's path", lambda: P in lab.peer.prefixes(), within=5)
    said_everywhere(lab, sick, "handed_on", "handed on to 10.53.0.2 with another site's path")
    doctor = lab.start("doctor", "-c", sick.configuration)[1]
    assert f"{P}: no statement in router bgp 65001, and not in the table" not in doctor
    time.sleep(2)
    assert sick.lines("critical") == []


@pytest.mark.needs_frr("Quagga has no VRFs")
def test_a_path_imported_from_a_vrf_is_not_taken_for_ours(lab, sick):
    pids = lab.bgpd.pids()
    lab.bgpd.command("configure terminal", "router bgp 65001 vrf RED", "bgp router-id 10.53.0.9",
                     "no bgp network import-check", "address-family ipv4 unicast", f"network {P}",
                     "exit-address-family", "exit", "router bgp 65001",
                     "address-family ipv4 unicast", "import vrf RED", "end")
    try:
        wait_until("the peer to have the imported path", lambda: P in lab.peer.prefixes(), within=5)
        said_everywhere(lab, sick, "imported", "by a path imported from 10.53.0.9:2")
        said_everywhere(lab, sick, "other_instance",
                        "a statement in router bgp 65001 vrf RED as well")
        time.sleep(2.5)  # longer than fallback.after
        assert lab.bgpd.pids() == pids
        assert "redistribut" not in sick.text()
    finally:
        lab.bgpd.command("configure terminal", "router bgp 65001", "address-family ipv4 unicast",
                         "no import vrf RED", "exit-address-family", "exit",
                         "no router bgp 65001 vrf RED", "end")


def test_other_tables_and_a_default_route_are_said(lab, sick):
    asked = ("configure terminal", "router bgp 65001", "address-family ipv4 {}", "{} {}", "end")
    wanted = [("multicast", f"network {P}"), ("unicast", "neighbor 10.53.0.2 default-originate")]
    tables = "ipv4 multicast"
    if not lab.software.is_quagga:
        wanted += [("labeled-unicast", f"network {P}"), ("vpn", f"network {P} rd 65001:7 label 77")]
        tables = "ipv4 labeled-unicast, ipv4 multicast, ipv4 vpn"

    def type_all(no):
        for table, statement in wanted:
            lab.bgpd.command(*(x.format(table) for x in asked[:3]), f"{no}{statement}", "end")

    type_all("")
    try:
        said_everywhere(lab, sick, "other_table", f"a statement in {tables} of router bgp 65001")
        said_everywhere(lab, sick, "default_route", "default route that bgpd originates to 10.53.0.2")
    finally:
        type_all("no ")


def test_a_second_writer_is_undone_within_a_second_each_time_and_told_of(lab, sick, measured):
    ended = threading.Event()

    def write():
        while not ended.is_set():
            lab.bgpd.configure(65001, "ipv4", f"network {P}")
            ended.wait(1.1)

    # Somebody sits at a terminal, and may be the one.
    terminal = lab.edge.socket(socket.AF_INET, socket.SOCK_STREAM)
    terminal.connect(("127.0.0.1", 2605))
    terminal.sendall(VTY_PASSWORD.encode() + b"\n")
    begun = time.time()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        line = sick.wait_for_line("by somebody else 5 times", level="critical", within=30)
        assert P in line.message
        assert "connected from 127.0.0.1" in line.message
        said_everywhere(lab, sick, "contested", "by somebody else", by=("status", "show"))
        text = lab.start("status", "-c", sick.configuration)[1]
        assert "a human is needed" in text
        assert json.loads(lab.start("status", "--json", "-c", sick.configuration)[1])["failing"]
        time.sleep(max(0.0, begun + 20 - time.time()))
    finally:
        ended.set()
        writer.join()
        terminal.close()
    wait_until("it to be withdrawn for good", lambda: P not in lab.peer.prefixes(), within=5)
    mine = [(at, verb) for at, verb, prefix in lab.peer.events(begun) if prefix == P]
    assert mine[-1][1] == "withdrawn"
    spans = [end - start for (start, verb), (end, _) in zip(mine, mine[1:]) if verb == "announced"]
    measured(f"a second writer: announced {len(spans)} times in 20 s, there for {sum(spans):.2f} s "
             f"in all, {max(spans):.2f} s at most")
    # Quagga mostly has not sent yet what is undone so soon.
    assert len(spans) >= (1 if lab.software.is_quagga else 5) and max(spans) < 1.0


@pytest.mark.parametrize("how", ["shutdown", "maximum-prefix"])
def test_a_healthy_prefix_that_nobody_hears_is_said(lab, how):
    configuration = lab.write(lab.configuration() + HTTP)
    there = {
        "shutdown": (lab.bgpd, "router bgp 65001", "neighbor 10.53.0.2 shutdown"),
        "maximum-prefix": (lab.peer, "router bgp 65002", "neighbor 10.53.0.1 maximum-prefix 1"),
    }[how]
    with lab.withdrawd("run", "-c", configuration) as program:
        program.configuration = configuration
        program.wait_for_health("resolver", "up")
        program.wait_for_health("other", "up")
        wait_until("all to be well",
                   lambda: lab.start("status", "-c", configuration)[0] == 0, within=5)
        bgpd, router, statement = there
        family = () if how == "shutdown" else ("address-family ipv4 unicast",)
        bgpd.command("configure terminal", router, *family, statement, "end")
        try:
            wait_until("status to say so",
                       lambda: "unheard" in reach(lab, program)[0], within=15)
            assert reach(lab, program)[1] == 1
            said_everywhere(lab, program, "unheard", "advertised to no peer")
            assert "10.53.0.2" in lab.start("show", P, "-c", configuration)[1]
        finally:
            bgpd.command("configure terminal", router, *family,
                         "no " + statement.removesuffix(" 1"), "end")
            (lab.peer if how == "maximum-prefix" else lab.bgpd).command("clear bgp *")
        wait_until("status to be well again",
                   lambda: lab.start("status", "-c", configuration)[0] == 0, within=30)
