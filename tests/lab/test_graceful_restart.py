"""Peers with graceful restart keep what they have heard in a session that merely breaks off. A killed
bgpd's prefixes must go all the same."""

import contextlib
import json
import time

import pytest

from lab import Lab, Prefixes, stays, wait_until

KEPT = 20  # seconds
FALLBACK = {"after": "1500ms", "restart_delay": "500ms"}
GRACEFUL = f" bgp graceful-restart\n bgp graceful-restart restart-time {KEPT}\n"
WITHOUT_PTRACE = "setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace"


class GracefulLab(Lab):
    """Both bgpds have graceful restart on, and so does the one that is started again."""

    def _build_bgp(self):
        super()._build_bgp()
        for bgpd, asn in ((self.bgpd, 65001), (self.peer, 65002)):
            text = bgpd.configuration.read_text()
            bgpd.configuration.write_text(
                text.replace(f"router bgp {asn}\n", f"router bgp {asn}\n{GRACEFUL}")
            )
            bgpd.kill()
            bgpd.start()
        self.wait_for_announcements()

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


@pytest.fixture
def lab(shared_lab):
    shared_lab.restore()
    assert shared_lab.keeps()
    return shared_lab


def status(lab):
    return json.loads(lab.start("status", "--json", "-c", lab.directory / "withdrawd.toml")[1])


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


def test_a_frozen_bgpd_is_killed_and_the_peer_lets_go_at_once(lab, measured):
    configuration = lab.write(lab.configuration(fallback=FALLBACK, other=False))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        lab.dns.kill()
        took = lost_after_the_kill(lab)
        measured(f"graceful restart ({KEPT} s), bgpd frozen: lost {took:.2f} s after the kill")
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


def test_hard_mode_ends_the_sessions_and_bgpd_stays_down(lab, measured):
    configuration = lab.write(
        lab.configuration(
            top={"mode": "hard"},
            bgpd={"settle": "500ms", "password_file": None, "enable_password_file": None},
            other=False,
        ).split("[rule.anycast]")[0]
    )
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
    configuration = lab.write(
        lab.configuration(
            top={"mode": "hard"},
            bgpd={"settle": "500ms", "password_file": None, "enable_password_file": None},
            other=False,
        ).split("[rule.anycast]")[0]
    )
    with lab.without_ptrace(), lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("nothing to do")
        lab.dns.kill()
        line = withdrawd.wait_for_line("killed", level="warning").message
        assert "peers with graceful restart may keep its prefixes until it runs again" in line
        assert Prefixes.ALL <= lab.peer.prefixes()  # what is said is true
        assert status(lab)["bgpd"]["kept_by_peers"]["left_s"] is None
