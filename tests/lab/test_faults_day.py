"""What a bad day has, in a minute: hundreds of faults one after the other, and nothing that grows."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from lab import Prefixes, wait_until
from lab.lying_dns import LyingDns
from lab.vty_proxy import END, LOCKED, VtyProxy

FAULTS = 200
WARM_UP = 65  # faults, after which memory has what it is going to need
GROWTH_KIB = 1024

VTYSH = {
    "works": '#!/bin/sh\nexec vtysh "$@"\n',
    "hangs": "#!/bin/sh\nsleep 1000 & sleep 1000\n",
    "fails": "#!/bin/sh\nkill -9 $$\n",
}


class Day:
    """A lab in which withdrawd runs, and what can happen to it. Each fault is over, and its effect
    seen in bgpd, when its function returns."""

    def __init__(self, lab):
        self.lab = lab
        self.dns = LyingDns(lab.edge)
        self.proxy = VtyProxy(lab.bgpd, lab.directory / "day")
        self.vtysh = lab.directory / "day-vtysh"
        self.set_vtysh("works")
        self.withdrawd = None
        quick = {"server": "127.0.0.3", "interval": "40ms", "fast_interval": "20ms", "rise": 1}
        self.configuration = lab.write(
            lab.configuration(
                transports=["socket", "vtysh", "telnet"],
                bgpd={
                    "socket": self.proxy.path, "socket_timeout": "150ms",
                    "vtysh": self.vtysh, "vtysh_timeout": "200ms",
                    "retry_transport": "100ms", "reconcile_interval": "150ms",
                },
                check={**quick, "timeout": "80ms"}, rule={"damping": False},
                top={"on_change": ["/bin/true"]},
            )
        )

    def close(self):
        self.proxy.close()
        self.dns.close()

    def set_vtysh(self, how):
        fresh = self.vtysh.with_suffix(".new")
        fresh.write_text(VTYSH[how])
        fresh.chmod(0o755)
        os.replace(fresh, self.vtysh)

    def wait_for(self, prefixes, within=8):
        wait_until(
            f"bgpd to have {sorted(prefixes)}", lambda: self.networks() == prefixes, within
        )

    def networks(self):
        try:
            return self.lab.bgpd.networks()
        except OSError:
            return None

    def sick(self, lie="empty"):
        self.dns.lie = lie
        self.wait_for(Prefixes.STAYING)

    def well(self):
        self.dns.lie = None
        self.wait_for(Prefixes.ALL)

    def run(self, *arguments):
        status, said = self.lab.start(*arguments, "-c", self.configuration)
        assert status in (0, 1), said

    def happenings(self):
        return (
            self.dns_lies, self.bgpd_dies, self.bgpd_dies_while_sick, self.bgpd_freezes,
            self.connections_end, self.somebody_configures, self.socket_fails, self.socket_babbles,
            self.all_but_telnet_fails, self.somebody_types, self.operator_drains,
            self.operator_looks, self.configuration_is_read_again,
        )

    # --- what can happen

    def dns_lies(self):
        self.sick(random_.choice(LyingDns.UDP_LIES + LyingDns.TCP_LIES))
        self.well()

    def bgpd_dies(self):
        self.lab.bgpd.kill()
        self.lab.bgpd.start()
        self.wait_for(Prefixes.ALL)

    def bgpd_dies_while_sick(self):
        self.sick()
        self.lab.bgpd.kill()
        self.lab.bgpd.start()
        self.wait_for(Prefixes.STAYING)
        self.well()

    def bgpd_freezes(self):
        self.lab.bgpd.freeze()
        self.dns.lie = "empty"
        time.sleep(0.2)  # How long it is frozen.
        self.lab.bgpd.thaw()
        self.wait_for(Prefixes.STAYING)
        self.well()

    def connections_end(self):
        self.proxy.hang_up()
        self.sick()
        self.proxy.hang_up()
        self.well()

    def somebody_configures(self):
        self.proxy.locked = LOCKED["Quagga"]
        self.dns.lie = "empty"
        time.sleep(0.15)  # How long somebody sits there.
        self.proxy.locked = None
        self.wait_for(Prefixes.STAYING)
        self.well()

    def socket_fails(self):
        self.proxy.refusing = True
        self.proxy.hang_up()
        self.sick()
        self.proxy.refusing = False
        self.well()

    def socket_babbles(self):
        self.proxy.instead["show running-config"] = random_.choice(
            (b"\1\2\xff" + END + b"\0", b"!\n" * (1 << 20) + END + b"\0", END + b"\2")
        )
        self.sick()
        self.proxy.instead.clear()
        self.well()

    def all_but_telnet_fails(self):
        self.set_vtysh(random_.choice(("hangs", "fails")))
        self.socket_fails()
        self.set_vtysh("works")

    def somebody_types(self):
        self.lab.bgpd.configure(65001, "ipv4", f"no network {Prefixes.PLAIN}")
        self.wait_for(Prefixes.ALL)
        self.sick()
        self.lab.bgpd.configure(65001, "ipv6", f"network {Prefixes.IPV6}")
        self.wait_for(Prefixes.STAYING)
        self.well()

    def operator_drains(self):
        self.run("drain", "anycast")
        self.wait_for(Prefixes.STAYING)
        self.run("undrain", "anycast")
        self.wait_for(Prefixes.ALL)

    def operator_looks(self):
        self.run("status", "--json")
        self.run("now")

    def configuration_is_read_again(self):
        before = len(self.withdrawd.lines())
        self.withdrawd.signal_it(signal.SIGHUP)
        self.withdrawd.wait_for_line("goes on with the new configuration", after=before)
        self.wait_for(Prefixes.ALL)

    # --- what must not grow

    def at_rest(self):
        """As it is after a reload and with nothing to do: (KiB resident, descriptors)."""
        self.configuration_is_read_again()
        self.run("now")
        pid = self.withdrawd.pids()[0]
        wait_until("no child to be left", lambda: children(pid) == [], within=5)
        self.sick()
        self.well()
        wait_until("no child to be left", lambda: children(pid) == [], within=5)
        # The socket, and nothing of the other transports: what is counted is asked for only then.
        status = Path(f"/proc/{pid}/status").read_text()
        resident = next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS"))
        # A question to DNS may be under way: the least of some looks.
        return resident, min(self.descriptors(pid) for _ in range(30))

    @staticmethod
    def descriptors(pid):
        time.sleep(0.005)
        return len(os.listdir(f"/proc/{pid}/fd"))


random_ = random.Random(4)


def children(pid):
    """Also the dead that nobody has fetched."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.fixture
def day(lab):
    day = Day(lab)
    yield day
    day.close()


def test_a_soak(lab, day, request, measured):
    """--soak MINUTES, with --sanitized: a fault each two seconds, and nothing is reported."""
    minutes = request.config.getoption("--soak")
    if not minutes:
        pytest.skip("takes as long as --soak says")
    assert request.config.getoption("--sanitized")
    faults = int(minutes * 30)
    with lab.withdrawd("run", "-c", day.configuration) as withdrawd:
        day.withdrawd = withdrawd
        withdrawd.wait_for_health("resolver", "up")
        begin, late = time.monotonic(), 0
        for number in range(faults):
            ahead = begin + 2 * number - time.monotonic()
            late += ahead < -2
            time.sleep(max(ahead, 0))
            random_.choice(day.happenings())()
            withdrawd.assert_running()
        measured(
            f"{faults} faults in {(time.monotonic() - begin) / 60:.1f} min, {late} of them begun late"
        )
        assert late < faults / 10
        # Of these faults one is to be told as critical: that somebody else types again and again.
        critical = [x.message for x in withdrawd.lines("critical")]
        assert [x for x in critical if "by somebody else" not in x] == []
        assert withdrawd.terminate(within=30) == 0
    lab.wait_for_announcements(Prefixes.ALL)


def test_a_day_of_faults_leaves_nothing_behind(lab, day, sizes_count, measured):
    happenings = day.happenings()
    begin = time.time()
    with lab.withdrawd("run", "-c", day.configuration) as withdrawd:
        day.withdrawd = withdrawd
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        pid = withdrawd.pids()[0]
        most = 0
        for number in range(FAULTS):
            # All of them in the warm-up, then as it comes.
            happening = happenings[number % len(happenings)] if number < WARM_UP else \
                random_.choice(happenings)
            happening()
            withdrawd.assert_running()
            most = max(most, len(children(pid)))
            if number + 1 == WARM_UP:
                before = day.at_rest()
        after = day.at_rest()
        measured(
            f"{FAULTS} faults in {time.time() - begin:.0f} s: memory from {before[0]} to {after[0]} "
            f"KiB, descriptors from {before[1]} to {after[1]}, at most {most} children at a time"
        )
        assert after[1] == before[1]
        assert after[0] - before[0] < GROWTH_KIB
        assert most <= 3
        assert withdrawd.lines("critical") == []
        assert withdrawd.terminate(within=12) == 0
    # Nothing healthy was ever touched by withdrawd.
    for prefix in Prefixes.STAYING:
        assert withdrawd.lines(containing=f"{prefix} withdrawn") == []
    assert lab.edge.pids("sleep") == []
    lab.wait_for_announcements(Prefixes.ALL)
    assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
