"""Five sites, a bgpd each, one peer that hears them all, and an etcd of three members: whatever
happens, as long as etcd can be reached two of them keep announcing."""

import json
import os
import pty
import signal
import subprocess
import time
import urllib.request

import pytest

from lab.fleet import PREFIX, Fleet, missing_etcd
from lab.waiting import stays, wait_until

KEEP = 2
METRICS = "http://127.0.0.1:9853/metrics"
ROUNDS = int(os.environ.get("WITHDRAWD_FLEET_ROUNDS", "100"))

if missing_etcd():
    pytestmark = pytest.mark.skip(reason=missing_etcd())


@pytest.fixture(scope="module")
def built(program):
    with Fleet(program) as fleet:
        yield fleet


@pytest.fixture
def fleet(built):
    built.restore()
    return built


def held(fleet):
    return [s for s in fleet.sites if s.withdrawd.lines("critical", "stays announced")]


def test_the_record_deleted_everywhere_at_once_again_and_again(fleet, measured):
    fleet.start()
    fleet.all_up()
    sessions = fleet.peer.sessions()
    begin = time.time()
    for _ in range(ROUNDS):
        fleet.dns.fail("NXDOMAIN")
        # Each has gone or was refused.
        wait_until(
            "every site to have decided",
            lambda: all(place["state"] != "up" for place in fleet.records().values()),
            within=40,
        )
        fleet.dns.repair()
        fleet.wait_for_announcing(5)
        fleet.all_up()
    assert fleet.fewest_announcing(begin) >= KEEP
    assert fleet.peer.changes_since(sessions) == []
    assert held(fleet)
    measured(
        f"fleet: the record deleted everywhere {ROUNDS} times in {time.time() - begin:.0f} s, "
        f"never fewer than {KEEP} of 5 sites announced"
    )


def test_who_was_refused_goes_when_others_are_back(fleet):
    fleet.start()
    fleet.all_up()
    fleet.dns.fail("NXDOMAIN")
    fleet.wait_for_announcing(KEEP)
    wait_until("two sites to be held", lambda: len(held(fleet)) == KEEP, within=10)
    kept = held(fleet)
    status = kept[0].command("status").stdout
    assert "keep_announcing = 2 of fleet" in " ".join(status.split())
    for site in kept:
        # Their own server has nothing either; the others ask one that has.
        assert site.withdrawd.lines("critical", "only") or site.withdrawd.lines("critical", "no other")
    fleet.dns.repair()
    fleet.wait_for_announcing(5)
    for site in kept:
        site.withdrawd.wait_for_line("no longer kept by the fleet", within=10)


def test_a_site_that_is_refused_says_so_wherever_somebody_may_look(fleet, tmp_path):
    heard = tmp_path / "heard"
    told = ["/bin/sh", "-c", f'echo "$WITHDRAWD_KIND $WITHDRAWD_PREFIX $WITHDRAWD_CAUSE" >> {heard}']
    fleet.start()
    fleet.all_up()
    site = fleet.sites[0]
    site.stop()
    # There are four others, so it is refused however many of them stay.
    http = '\n[http]\nlisten = "127.0.0.1:9853"\n'
    site.start(top={"on_change": told}, extra=http, keep_announcing=5)
    site.withdrawd.wait_for_line("the store answers", within=30)
    site.withdrawd.wait_for_health("resolver", "up")

    def metrics():
        with site.namespace.entered(), urllib.request.urlopen(METRICS, timeout=3) as answer:
            return [line for line in answer.read().decode().splitlines() if "prefix_held{" in line]

    assert [line.split()[-1] for line in metrics()] == ["0"]
    fleet.dns.fail("NXDOMAIN")
    site.withdrawd.wait_for_line("stays announced", level="critical", within=10)
    wait_until("metrics to say so", lambda: [x.split()[-1] for x in metrics()] == ["1"], within=5)
    wait_until("on_change to hear of it", lambda: heard.exists() and heard.read_text(), within=5)
    said = heard.read_text()
    assert said.startswith(f"held {PREFIX} ") and "keep_announcing = 5" in said, said
    status = site.command("status")
    assert status.returncode == 1, status.stdout
    assert "keep_announcing = 5 of fleet" in " ".join(status.stdout.split())
    assert PREFIX in site.bgpd.networks()


def test_a_site_that_is_killed_does_not_count(fleet):
    fleet.start()
    fleet.all_up()
    for site in fleet.sites[:2]:
        site.withdrawd.kill()
        site.bgpd.kill()
    fleet.wait_for_states(s3="up", s4="up", s5="up")
    fleet.dns.fail("NXDOMAIN")
    fleet.wait_for_announcing(KEEP)
    wait_until("two sites to be held", lambda: len(held(fleet)) >= KEEP, within=10)
    stays("two sites announcing", lambda: len(fleet.announcing()) == KEEP, 1)


def test_a_lease_that_ends_while_a_withdrawal_is_in_flight(fleet):
    """Sites that froze come to life with leases that have ended, and find out by themselves."""
    fleet.start()
    fleet.all_up()
    begin = time.time()
    for site in fleet.sites[:2]:
        site.withdrawd.signal_it(19)
    fleet.wait_for_states(s3="up", s4="up", s5="up")
    fleet.dns.fail("NXDOMAIN")
    for site in fleet.sites[:2]:
        site.withdrawd.signal_it(18)
    wait_until("all to have decided", lambda: len(held(fleet)) >= KEEP, within=20)
    stays("enough sites announcing", lambda: len(fleet.announcing()) >= KEEP, 1)
    assert fleet.fewest_announcing(begin) >= KEEP
    fleet.dns.repair()
    fleet.wait_for_announcing(5)
    fleet.all_up()


@pytest.mark.parametrize("manner", ["withdraw", "hold"])
def test_a_site_cut_off_from_etcd_does_as_it_is_told(fleet, manner):
    fleet.start(when_unreachable=manner)
    fleet.all_up()
    alone = fleet.sites[4]
    alone.cut_off()
    alone.withdrawd.wait_for_line("the store cannot be reached", within=20)
    fleet.dns.fail("NXDOMAIN")
    if manner == "withdraw":
        alone.withdrawd.wait_for_line("is withdrawn without leave of the fleet", within=10)
        wait_until(
            "it to be withdrawn", lambda: alone.address not in fleet.announcing(), within=10
        )
    else:
        alone.withdrawd.wait_for_line("stays announced", within=10)
        wait_until("the others to have gone", lambda: len(fleet.announcing()) <= 3, within=10)
        stays("it announcing", lambda: alone.address in fleet.announcing(), 1)
    assert alone.command("status", "--json").returncode in (1, 0)
    assert "fleet" in alone.command("status").stdout
    alone.reconnect()
    fleet.dns.repair()
    fleet.wait_for_announcing(5)
    fleet.all_up()


def test_etcd_loses_its_leader_and_a_withdrawal_waits_no_longer_than_it_must(fleet):
    fleet.start(timeout="3s", when_unreachable="hold")
    fleet.all_up()
    begin = time.time()
    leader = fleet.leader()
    leader.kill()
    fleet.dns.fail("NXDOMAIN")
    fleet.wait_for_announcing(KEEP, within=40)
    assert fleet.fewest_announcing(begin) == KEEP
    fleet.dns.repair()
    leader.start()
    fleet.wait_for_announcing(5)
    fleet.all_up()


def test_etcd_without_a_quorum_and_restored(fleet):
    fleet.start(when_unreachable="hold")
    fleet.all_up()
    begin = time.time()
    for member in fleet.etcd[:2]:
        member.kill()
    for site in fleet.sites:
        site.withdrawd.wait_for_line("the store cannot be reached", within=30)
    fleet.dns.fail("NXDOMAIN")
    for site in fleet.sites:
        site.withdrawd.wait_for_line("stays announced", within=10)
    stays("all sites announcing", lambda: len(fleet.announcing()) == 5, 1)
    for member in fleet.etcd[:2]:
        member.start()
    # Leases have ended meanwhile: who comes back first finds nobody healthy, and all stay.
    for site in fleet.sites:
        site.withdrawd.wait_for_line("the store answers", within=40, after=len(site.withdrawd.lines()) - 3)
    stays("enough sites announcing", lambda: len(fleet.announcing()) >= KEEP, 2)
    assert fleet.fewest_announcing(begin) >= KEEP
    fleet.dns.repair()
    fleet.wait_for_announcing(5)
    fleet.all_up()


def test_a_slow_etcd_delays_a_withdrawal_by_the_timeout_and_no_more(fleet, measured):
    fleet.delayed(0.3)
    fleet.start(timeout="250ms")
    fleet.all_up()
    begin = time.time()
    fleet.dns.fail("NXDOMAIN")
    for site in fleet.sites:
        line = site.withdrawd.wait_for_line("is withdrawn without leave of the fleet", within=20)
        assert "has not answered within 250 ms" in line.message
    fleet.wait_for_announcing(0)
    measured(f"fleet: with etcd 0.6 s away all have gone {time.time() - begin:.2f} s after it")


def test_an_etcd_that_is_far_but_in_time_is_waited_for(fleet):
    fleet.delayed(0.05)
    fleet.start(timeout="5s")
    fleet.all_up()
    begin = time.time()
    fleet.dns.fail("NXDOMAIN")
    fleet.wait_for_announcing(KEEP)
    stays("two sites announcing", lambda: len(fleet.announcing()) == KEEP, 1)
    assert fleet.fewest_announcing(begin) == KEEP


def test_a_drain_asks_and_one_by_force_does_not(fleet):
    fleet.start()
    fleet.all_up()
    for count, site in ((4, fleet.sites[0]), (3, fleet.sites[1]), (2, fleet.sites[2])):
        assert site.command("drain", "anycast").returncode == 0
        fleet.wait_for_announcing(count)
    refused = fleet.sites[3]
    assert refused.command("drain", "anycast").returncode == 0
    refused.withdrawd.wait_for_line("stays announced", within=10)
    stays("two sites announcing", lambda: len(fleet.announcing()) == KEEP, 1)
    assert refused.command("drain", "anycast", "--force").returncode == 0
    fleet.wait_for_announcing(1)
    for site in fleet.sites[:4]:
        assert site.command("undrain", "anycast").returncode == 0
    fleet.wait_for_announcing(5)
    fleet.all_up()


def test_without_etcd_a_site_decides_for_itself(fleet):
    for member in fleet.etcd:
        member.kill()
    site = fleet.sites[0]
    site.start()
    site.withdrawd.wait_for_line("the store cannot be reached", within=20)
    fleet.dns.fail("NXDOMAIN")
    wait_until("it to be withdrawn", lambda: site.address not in fleet.announcing(), within=10)
    fleet.dns.repair()
    fleet.wait_for_announcing(5)
    assert PREFIX in site.command("status").stdout


def test_the_table_of_sites_by_prefixes(fleet):
    fleet.start()
    fleet.all_up()
    fleet.sites[0].command("drain", "anycast")
    fleet.wait_for_states(s1="left", s2="up", s3="up", s4="up", s5="up")
    fleet.sites[4].withdrawd.kill()
    fleet.wait_for_states(s1="left", s2="up", s3="up", s4="up")
    table = fleet.sites[1].command("fleet")
    assert table.returncode == 1, table.stderr
    rows = {line.split()[1]: line for line in table.stdout.splitlines() if PREFIX in line}
    assert "drained" in rows["s1"]
    assert "announced" in rows["s2"]
    assert "silent" in next(line for line in table.stdout.splitlines() if "s5" in line)


def test_two_hosts_with_one_name_say_so_and_keep_the_floor(fleet):
    one, twin, *others = fleet.sites
    fleet.start([one, *others], lease="2s")
    fleet.wait_for_states(s1="up", s3="up", s4="up", s5="up")
    # Who is started again finds the record of the run before, and has no rival for that.
    others[0].withdrawd.kill()
    others[0].start(lease="2s").wait_for_line("the store answers", within=20)
    twin.start(site="s1", lease="2s")
    for site in (one, twin):
        line = site.withdrawd.wait_for_line('uses the site name "s1", too', "critical", within=40)
        assert f"another host ({os.uname().nodename}/" in line.message
        shown = site.command("status")
        assert shown.returncode == 1
        assert 'uses the site name s1, too' in " ".join(shown.stdout.split())
        assert json.loads(site.command("status", "--json").stdout)["fleet"]["name_contested_by"]
    fleet.wait_for_states(s1="up", s3="up", s4="up", s5="up")

    begin = time.time()
    fleet.dns.fail("NXDOMAIN")
    # One, or both of the two with one name, may go; of the names two stay.
    wait_until("some to have gone", lambda: len(fleet.announcing()) < 5, within=20)
    wait_until("others to be held", lambda: len(held(fleet)) >= KEEP, within=20)
    fleet.dns.repair()
    fleet.wait_for_announcing(5)
    assert fleet.fewest_announcing(begin) >= KEEP

    twin.withdrawd.kill()
    one.withdrawd.wait_for_line('nobody else uses the site name "s1"', within=40)
    wait_until("status to be fine", lambda: one.command("status").returncode == 0, within=10)
    for site in others:
        assert not site.withdrawd.lines("critical", "uses the site name")


def watching(site, output):
    argv = site.enter(
        site.fleet.program, "fleet", "-c", site.directory / "withdrawd.toml", "--watch",
        "--interval", "200ms",
    )  # fmt: skip
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE)


def test_the_table_that_is_watched_changes_by_itself_and_ends_when_it_is_told(fleet, tmp_path):
    fleet.start()
    fleet.all_up()
    site, other = fleet.sites[:2]
    output = tmp_path / "shown"
    with output.open("wb") as file:
        watch = watching(site, file)
    last = lambda: output.read_text().rpartition("fleet withdrawd:")[2]
    try:
        wait_until("all to be announced", lambda: last().count(" announced ") == 5, within=10)
        other.command("drain", "anycast")
        wait_until("the drain to be shown", lambda: last().count(" drained ") == 1, within=20)
        other.command("undrain", "anycast")
        wait_until("its end to be shown", lambda: last().count(" announced ") == 5, within=20)
        assert watch.poll() is None
    finally:
        watch.send_signal(signal.SIGINT)
        problems = watch.communicate(timeout=10)[1]
    assert watch.returncode == 0
    assert problems == b""
    assert "\x1b" not in output.read_text()

    # On a terminal it is in colour, in place, and leaves the terminal as it was.
    terminal, its_end = pty.openpty()
    watch = watching(site, its_end)
    os.close(its_end)
    seen = b""
    while seen.count(b"announced") < 10:
        seen += os.read(terminal, 65536)
    watch.send_signal(signal.SIGINT)
    problems = watch.communicate(timeout=10)[1]
    os.close(terminal)
    assert (watch.returncode, problems) == (0, b"")
    assert b"\x1b[" in seen
