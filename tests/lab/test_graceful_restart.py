"""Peers with graceful restart keep what they have heard in a session that merely breaks off. A killed
bgpd's prefixes must go all the same."""

import contextlib
import json
import re
import time

import pytest

from lab import Lab, Prefixes, stays, wait_until

KEPT = 20  # seconds
LONG_LIVED = 30
FALLBACK = {"after": "1500ms", "restart_delay": "500ms"}
GRACEFUL = f" bgp graceful-restart\n bgp graceful-restart restart-time {KEPT}\n"
WITHOUT_PTRACE = "setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace"


class GracefulLab(Lab):
    """Both bgpds have graceful restart on, and so does the one that is started again. `both` are
    more statements of each; with a `port` only the edge opens sessions, by that port of the peer's.
    """

    def __init__(self, program, name="", both="", port=None):
        super().__init__(program, name=name)
        self.both, self.port = both, port

    def _build_bgp(self):
        super()._build_bgp()
        for bgpd, asn in ((self.bgpd, 65001), (self.peer, 65002)):
            self.edit(bgpd.configuration, f"(router bgp {asn}\n)", rf"\1{GRACEFUL}{self.both}")
        if self.port:
            session = "( neighbor .*) remote-as.*"
            self.edit(self.bgpd.configuration, session, rf"\g<0>\n\1 port {self.port}")
            self.edit(self.peer.configuration, session, r"\g<0>\n\1 passive")
            self.edit(self.peer.start_script, "-P 2605", rf"\g<0> -p {self.port}")
        for bgpd in (self.bgpd, self.peer):
            bgpd.kill()
            bgpd.start()
        self.wait_for_announcements()

    @staticmethod
    def edit(file, pattern, by):
        text, count = re.subn(pattern, by, file.read_text())
        assert count
        file.write_text(text)

    def keeps(self):
        """Does the peer know that the edge wants to be waited for?"""
        seen = json.loads(self.peer.command("show bgp neighbors json"))["10.53.0.1"]
        return seen["gracefulRestartInfo"]["remoteGrMode"] == "Restart"

    @contextlib.contextmanager
    def without_ptrace(self):
        program = self.program
        self.program = self.write(
            f'#!/bin/sh\nexec {WITHOUT_PTRACE} {program} "$@"\n', "withdrawd-without"
        )
        self.program.chmod(0o755)
        try:
            yield
        finally:
            self.program = program


@pytest.fixture(scope="module")
def shared_lab(program):
    with GracefulLab(program) as lab:
        yield lab


@pytest.fixture(scope="module")
def long_lived_lab(program):
    both = f" bgp long-lived-graceful-restart stale-time {LONG_LIVED}\n"
    with GracefulLab(program, "llgr", both) as lab:
        yield lab


@pytest.fixture(scope="module")
def other_port_lab(program):
    with GracefulLab(program, "port", port=1790) as lab:
        yield lab


@pytest.fixture(scope="module")
def hurried_lab(program):
    with GracefulLab(program, "hold", " timers bgp 1 3\n") as lab:
        yield lab


def restored(lab):
    lab.restore()
    assert lab.keeps()
    return lab


@pytest.fixture
def lab(shared_lab):
    return restored(shared_lab)


@pytest.fixture(params=(
    "shared_lab",
    pytest.param("long_lived_lab", marks=pytest.mark.needs_frr("Quagga has no long-lived kind")),
    "other_port_lab",
))
def each_lab(request):
    return restored(request.getfixturevalue(request.param))


def status(lab):
    return json.loads(lab.start("status", "--json", "-c", lab.directory / "withdrawd.toml")[1])


def hard_configuration(lab):
    changes = {"settle": "500ms", "password_file": None, "enable_password_file": None}
    text = lab.configuration(top={"mode": "hard"}, bgpd=changes, other=False)
    return lab.write(text.split("[rule.anycast]")[0])


def doctors(lab, configuration):
    """What `doctor` finds about what peers would keep."""
    said = json.loads(lab.start("doctor", "--json", "-c", configuration)[1])
    return next(x for x in said["findings"] if x["item"] == "graceful-restart")


def lost_after_the_kill(lab, gone=Prefixes.ANYCAST, within=KEPT + 10):
    # It may run again before anybody has seen that it does not.
    before = lab.bgpd.pids()
    wait_until(
        "bgpd to be killed",
        lambda: not lab.bgpd.running() or lab.bgpd.pids() != before, within=10,
    )
    killed_at = time.time()
    wait_until("the peer to lose them", lambda: not gone & lab.peer.prefixes(), within)
    return time.time() - killed_at


def test_a_frozen_bgpd_is_killed_and_the_peer_lets_go_at_once(each_lab, measured):
    lab = each_lab
    configuration = lab.write(lab.configuration(fallback=FALLBACK, other=False))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        lab.dns.kill()
        took = lost_after_the_kill(lab)
        kind = lab.name or "plain"
        measured(
            f"graceful restart ({KEPT} s), {kind}, bgpd frozen: lost {took:.2f} s after the kill"
        )
        assert took < 1
        line = withdrawd.wait_for_line("killed", level="critical")
        assert "and 2 BGP sessions ended by a NOTIFICATION" in line.message
        assert status(lab)["bgpd"]["kept_by_peers"] is None
        stays("a killed bgpd, while DNS fails", lambda: not lab.bgpd.running(), seconds=1)
        lab.dns.repair()
        wait_until("bgpd to be started again", lab.bgpd.running, within=10)
        lab.wait_for_announcements(Prefixes.ALL)


def test_who_may_not_end_the_sessions_starts_bgpd_at_once_and_withdraws(lab, measured):
    configuration = lab.write(lab.configuration(fallback=FALLBACK, other=False))
    with lab.without_ptrace(), lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        lab.dns.kill()
        took = lost_after_the_kill(lab)
        measured(
            f"graceful restart ({KEPT} s), bgpd frozen, no CAP_SYS_PTRACE: lost {took:.2f} s after "
            "the kill"
        )
        assert took < KEPT / 2
        line = withdrawd.wait_for_line("killed", level="critical").message
        assert f"may keep its prefixes for up to {KEPT} s" in line
        assert "CAP_SYS_PTRACE" in line and "started again at once" in line
        kept = status(lab)["bgpd"]["kept_by_peers"]
        assert 0 < kept["left_s"] <= KEPT
        text = lab.start("status", "-c", configuration)[1]
        assert "Peers with graceful restart may keep what bgpd announced" in text
        lab.wait_for_announcements(Prefixes.STAYING)
        assert len(withdrawd.lines("critical", "killed")) == 1


def test_a_peer_whose_hold_time_was_over_before_the_kill_is_said_to_keep_it(hurried_lab, measured):
    lab = restored(hurried_lab)
    configuration = lab.write(lab.configuration(fallback=FALLBACK, other=False))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        wait_until("the hold time to be over", lambda: not lab.peer.established(), within=6)
        assert Prefixes.ALL <= lab.peer.prefixes()
        lab.dns.kill()
        line = withdrawd.wait_for_line("killed", level="critical").message
        if Prefixes.ANYCAST & lab.peer.prefixes():
            assert status(lab)["bgpd"]["kept_by_peers"] is not None, line
        assert f"may keep its prefixes for up to {KEPT} s" in line
        assert "had hung up before" in line and "started again at once" in line
        took = lost_after_the_kill(lab)
        measured(f"graceful restart ({KEPT} s), hold time over: lost {took:.2f} s after the kill")
        assert took < KEPT / 2


def test_doctor_says_whether_peers_would_let_go(each_lab):
    lab = each_lab
    kept = KEPT + (LONG_LIVED if "llgr" in lab.name else 0)
    configuration = lab.write(lab.configuration(fallback=FALLBACK, other=False))
    may = doctors(lab, configuration)
    assert may["verdict"] == "ok" and "by a NOTIFICATION, 2 now" in may["text"]
    with lab.without_ptrace():
        may_not = doctors(lab, configuration)
    assert may_not["verdict"] == "wrong"
    assert f"a killed bgpd's prefixes for up to {kept} s" in may_not["text"]
    assert "CAP_SYS_PTRACE" in may_not["cure"]


def test_hard_mode_ends_the_sessions_and_bgpd_stays_down(lab, measured):
    configuration = hard_configuration(lab)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("nothing to do")
        lab.dns.kill()
        took = lost_after_the_kill(lab, Prefixes.ALL)
        measured(f"graceful restart ({KEPT} s), hard mode: lost {took:.2f} s after the kill")
        assert took < 1
        withdrawd.wait_for_line("and 2 BGP sessions ended by a NOTIFICATION", level="warning")
        stays("a killed bgpd, while DNS fails", lambda: not lab.bgpd.running(), seconds=1)
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL)


def test_hard_mode_says_what_peers_keep_where_it_may_not_end_the_sessions(lab):
    configuration = hard_configuration(lab)
    with lab.without_ptrace(), lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("nothing to do")
        lab.dns.kill()
        line = withdrawd.wait_for_line("killed", level="warning").message
        assert "peers with graceful restart may keep its prefixes until it runs again" in line
        assert Prefixes.ALL <= lab.peer.prefixes()  # what is said is true
        assert status(lab)["bgpd"]["kept_by_peers"]["left_s"] is None


@pytest.mark.needs_frr("of a Quagga the peer keeps nothing once its hold time is over")
def test_hard_mode_says_what_peers_keep_whose_hold_time_was_over(hurried_lab):
    lab = restored(hurried_lab)
    configuration = hard_configuration(lab)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("nothing to do")
        lab.bgpd.freeze()
        wait_until("the hold time to be over", lambda: not lab.peer.established(), within=6)
        lab.dns.kill()
        line = withdrawd.wait_for_line("killed", level="warning").message
        assert "may keep its prefixes until it runs again" in line
        assert "had hung up before" in line
        assert Prefixes.ALL <= lab.peer.prefixes()  # what is said is true
        assert status(lab)["bgpd"]["kept_by_peers"]["left_s"] is None
