"""What a prefix should be besides what its checks say: degraded, drained, damped, kept."""

import contextlib
import json
import signal
import time

import pytest

from lab import Prefixes, stays, wait_until
from lab.vty_proxy import LOCKED, VtyProxy

QUICK = {"interval": "100ms", "fast_interval": "50ms", "timeout": "150ms"}


def network_line(lab, prefix):
    """The statement as bgpd has it."""
    for line in lab.bgpd.command("show running-config").splitlines():
        if line.strip().startswith(f"network {prefix}"):
            return line.strip()
    return None


def status(lab, configuration):
    code, text = lab.start("status", "-c", configuration, "--json")
    return code, json.loads(text.strip().splitlines()[-1])


def verbs(lab, since, prefixes=frozenset(Prefixes.ALL)):
    return [(verb, prefix) for _, verb, prefix in lab.peer.events(since) if prefix in prefixes]


def test_degraded_and_back_without_a_single_withdrawal(lab):
    rule = {"on_down": {"route_map": "SICK"}}
    configuration = lab.write(lab.configuration(rule=rule))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        begin = time.time()
        lab.dns.kill()
        for prefix in Prefixes.ANYCAST:
            wait_until(
                f"the peer to see {prefix} degraded",
                lambda: lab.peer.communities(prefix) == Prefixes.SICK,
                within=5,
            )
            line = withdrawd.wait_for_line(f"{prefix} degraded", level="warning").message
            assert 'sent "router bgp 65001; address-family' in line
            assert f"network {prefix} route-map SICK" in line
        lab.dns.repair()
        wait_until(
            "the peer to see its own route-map again",
            lambda: lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
            and lab.peer.communities(Prefixes.PLAIN) == "",
            within=10,
        )
        wait_until("the rest", lambda: lab.peer.communities(Prefixes.IPV6) == "", within=5)
        assert [verb for verb, _ in verbs(lab, begin) if verb != "announced"] == []
        assert {prefix for _, prefix in verbs(lab, begin)} == Prefixes.ANYCAST
        assert network_line(lab, Prefixes.TAGGED) == f"network {Prefixes.TAGGED} route-map TAG"


def test_a_route_map_that_bgpd_lacks_is_refused_before_it_withdraws_anything(lab):
    configuration = lab.write(lab.configuration(rule={"on_down": {"route_map": "NOWHERE"}}))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        begin = time.time()
        lab.dns.kill()
        withdrawd.wait_for_line("bgpd has no such route-map", level="error")
        stays("the announcement", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=1)
        assert verbs(lab, begin) == []
        code, seen = status(lab, configuration)
        assert code == 1
        assert "no such route-map" in seen["prefixes"][0]["trouble"]


def test_a_gentle_drain_by_hand_with_a_grace_and_a_restart_in_the_middle(lab):
    rule = {"on_drain": {"route_map": "DRAIN"}, "drain_grace": "3s"}
    configuration = lab.write(lab.configuration(rule=rule))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        begin = time.time()
        code, text = lab.start(
            "drain", "-c", configuration, "anycast", "--reason", "new kernel\x1b[31m"
        )
        assert (code, text) == (0, "3 prefixes drained, until `withdrawd undrain`\n")
        wait_until(
            "the peer to see it drained",
            lambda: lab.peer.communities(Prefixes.TAGGED) == Prefixes.DRAIN,
            within=2,
        )
        assert withdrawd.terminate() == 0
    with lab.withdrawd("run", "-c", configuration):
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        gone = [at for at, verb, _ in lab.peer.events(begin) if verb == "withdrawn"]
        assert 3.0 <= min(gone) - begin < 4.5
        code, seen = status(lab, configuration)
        drain = seen["prefixes"][0]["drain"]
        assert drain["who"] == "root"
        assert drain["why"] == "new kernel\\x1b[31m"
        assert drain["left_s"] is None
        assert seen["prefixes"][0]["reason"] == "drain"
        # All is as it should be.
        assert code == 0
        code, text = lab.start("undrain", "-c", configuration, Prefixes.PLAIN)
        assert (code, text) == (0, "1 prefix no longer drained\n")
        lab.wait_for_announcements(Prefixes.STAYING | {Prefixes.PLAIN}, within=3)
        assert lab.start("undrain", "-c", configuration, "--all")[0] == 0
        lab.wait_for_announcements(Prefixes.ALL, within=3)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY


def test_a_drain_without_a_daemon_is_taken_up_by_the_next_run_and_ends_by_itself(lab):
    configuration = lab.write(lab.configuration())
    assert lab.start("once", "-c", configuration)[0] == 0
    code, text = lab.start("drain", "-c", configuration, Prefixes.PLAIN, "--for", "4s")
    assert code == 0
    assert "1 prefix drained for 4.0 s" in text
    assert "no withdrawd runs here now" in text
    begin = time.time()
    assert lab.start("once", "-c", configuration)[0] == 0
    lab.wait_for_announcements(Prefixes.ALL - {Prefixes.PLAIN}, within=3)
    # The same in cron mode, which continues what once has begun.
    with lab.withdrawd("cron", "--for", "8s", "-c", configuration):
        lab.wait_for_announcements(Prefixes.ALL, within=8)
        assert time.time() - begin > 2.5


@pytest.mark.parametrize(
    ("length", "said"), (("30m", "30 min"), ("30min", "30 min"), ("2h", "2 h"), ("1d", "1 d"))
)
def test_how_long_a_drain_lasts_can_be_said_as_people_say_it(lab, length, said):
    configuration = lab.write(lab.configuration())
    code, text = lab.start("drain", "-c", configuration, "anycast", "--for", length)
    assert code == 0
    assert f"3 prefixes drained for {said}" in text


def test_orders_that_make_no_sense(lab):
    configuration = lab.write(lab.configuration())
    for arguments, text in (
        (["drain"], "Name a rule or a prefix, or say --all"),
        (["drain", "anycats"], 'the rules are "anycast", "other"'),
        (["drain", "192.0.2.0/25"], "no rule has this prefix"),
        (["drain", "anycast", "--for", "30"], "--for"),
        (["drain", "anycast", "--all"], "excludes"),
        (["darin", "anycast"], 'there is no command "darin"; did you mean "drain"?'),
        (["drain", "anycast", "--resaon", "x"], '`withdrawd drain` has no option "--resaon"; did you mean "--reason"?'),
        (["undrain", "anycast", "other"], '`withdrawd undrain` does not take "other"'),
        (["reload"], "runs of cron read the configuration anew"),
        (["now"], "withdrawd once"),
    ):
        code, said = lab.start(*arguments, "-c", configuration)
        assert code == 2, said
        assert text in said
    for arguments, text in (
        (["--verson"], '`withdrawd` has no option "--verson"; did you mean "--version"?'),
        (["show"], "prefix"),
    ):
        code, said = lab.start(*arguments)
        assert (code, text in said) == (2, True), said
    assert not (lab.directory / "state.json").exists()


def test_a_maintenance_file_drains_and_its_removal_ends_it(lab):
    switch = lab.directory / "maintenance"
    text = lab.configuration(rule={"checks": ["resolver", "maintenance"]})
    text += f'\n[check.maintenance]\ntype = "file"\npath = "{switch}"\npresent = "drain"\n'
    text += 'interval = "100ms"\nfast_interval = "50ms"\n'
    configuration = lab.write(text)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("maintenance", "up")
        switch.write_text("")
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        withdrawd.wait_for_line('rule "anycast": drained: check "maintenance" present')
        _, seen = status(lab, configuration)
        assert seen["prefixes"][0]["health"] == "up"
        assert seen["prefixes"][0]["drain"]["who"].startswith('check "maintenance"')
        switch.unlink()
        lab.wait_for_announcements(Prefixes.ALL, within=3)


def test_who_flaps_is_damped_and_comes_back(lab):
    rule = {"half_life": "4s", "suppress": 1700, "reuse": 800}
    configuration = lab.write(lab.configuration(rule=rule, check={"rise": 1}))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        for _ in range(2):
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=5)
            lab.dns.repair()
            mended = time.time()
            withdrawd.wait_for_line("ok 1 of 1", after=0)
            if not withdrawd.lines(containing="flap damping"):
                lab.wait_for_announcements(Prefixes.ALL, within=5)
        withdrawd.wait_for_line("flap damping", level="warning")
        stays("damping", lambda: lab.peer.prefixes() == Prefixes.STAYING, seconds=1)
        code, seen = status(lab, configuration)
        damping = seen["prefixes"][0]["damping"]
        assert damping["suppressed"] and 0 < damping["left_s"] < 8
        assert seen["prefixes"][0]["reason"] == "damping"
        lab.wait_for_announcements(Prefixes.ALL, within=15)
        assert time.time() - mended > 2


def test_automatic_withdrawals_stop_at_the_minimum(lab):
    text = lab.configuration(rule={"group": "edge"})
    text = text.replace("[rule.other]\n", '[rule.other]\ngroup = "edge"\n')
    text += '\n[group.edge]\nmin_announced = "50%"\n'  # of four: two
    configuration = lab.write(text)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        begin = time.time()
        lab.dns.kill()
        wait_until("two to go", lambda: len(lab.peer.prefixes()) == 3, within=5)
        line = withdrawd.wait_for_line('min_announced = 2 of group "edge" keeps it', "critical")
        assert "stays announced" in line.message
        lab.other_dns.kill()
        withdrawd.wait_for_health("other", "down")
        stays("the minimum", lambda: len(lab.peer.prefixes()) == 3, seconds=1)
        code, seen = status(lab, configuration)
        assert code == 1
        (group,) = seen["groups"]
        assert group == {
            "name": "edge", "min_announced": 2, "prefixes": 4, "wanted": 2, "held": 2
        }
        assert len(verbs(lab, begin)) == 2
        lab.other_dns.repair()
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=10)


def test_reload_under_load(lab):
    """Configurations come and go while answers and faults do: what has not changed is left alone."""
    text = lab.configuration()
    configuration = lab.write(text)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.other_dns.kill()
        lab.wait_for_announcements(Prefixes.ALL - {Prefixes.OTHER}, within=5)
        begin = time.time()
        for round_ in range(20):
            configuration.write_text(text + f"# {round_}\n")
            code, said = lab.start("reload", "-c", configuration)
            assert (code, said) == (0, "the new configuration is good, and in force\n")
        assert verbs(lab, begin) == []

        configuration.write_text(text.replace('checks = ["resolver"]', 'checks = ["resolvr"]'))
        code, said = lab.start("reload", "-c", lab.write(text, "good.toml"))
        assert code == 2
        assert 'did you mean "resolver"' in said
        withdrawd.wait_for_line("nothing changes", level="error")

        # A rule that is gone leaves its prefix as it is; another one's changes come into force.
        changed = text.split("[check.other]")[0].replace(
            'checks = ["resolver"]', 'checks = ["resolver"]\non_down = { route_map = "SICK" }'
        )
        configuration.write_text(changed)
        assert lab.start("reload", "-c", configuration)[0] == 0
        lab.dns.kill()
        wait_until(
            "the peer to see it degraded",
            lambda: lab.peer.communities(Prefixes.TAGGED) == Prefixes.SICK,
            within=5,
        )
        lab.other_dns.repair()
        assert Prefixes.OTHER not in lab.peer.prefixes()
        assert [verb for verb, _ in verbs(lab, begin) if verb == "withdrawn"] == []


def test_a_rule_that_was_drained_before_it_disappeared_leaves_its_prefix_withdrawn(lab):
    """Who wants the prefix of a removed rule gone says so with a drain."""
    text = lab.configuration()
    configuration = lab.write(text)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("other", "up")
        assert lab.start("drain", "-c", configuration, "other")[0] == 0
        lab.wait_for_announcements(Prefixes.ALL - {Prefixes.OTHER}, within=5)
        configuration.write_text(text.split("[check.other]")[0])
        assert lab.start("reload", "-c", configuration)[0] == 0
        withdrawd.wait_for_line("goes on with the new configuration")
        stays(
            "the withdrawal",
            lambda: lab.peer.prefixes() == Prefixes.ALL - {Prefixes.OTHER}, seconds=2,
        )


def test_on_exit_and_at_start(lab):
    configuration = lab.write(
        lab.configuration(rule={"on_exit": "withdraw", "at_start": "withdraw"}, check={"rise": 20})
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        assert "at_start" in withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn").message
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        assert withdrawd.terminate() == 0
        assert "on_exit" in withdrawd.lines(containing=f"{Prefixes.PLAIN} withdrawn")[-1].message
    lab.wait_for_announcements(Prefixes.STAYING, within=2)


def test_a_reload_that_the_end_overtakes_keeps_nothing_announced(lab):
    """Both come while a change of bgpd waits for its answer, which is that it is locked."""
    proxy = VtyProxy(lab.bgpd, lab.directory / "slow")
    try:
        configuration = lab.write(
            lab.configuration(
                transports=["socket"], rule={"on_exit": "withdraw"},
                bgpd={"socket": proxy.path, "reconcile_interval": "200ms"},
            )
        )
        with lab.withdrawd("run", "-c", configuration) as withdrawd:
            withdrawd.wait_for_health("resolver", "up")
            lab.wait_for_announcements(Prefixes.ALL, within=5)

            def moment(stage, command):
                if command != "configure terminal":
                    return
                proxy.moment, proxy.locked = None, LOCKED["Quagga"]
                withdrawd.signal_it(signal.SIGHUP)
                time.sleep(0.1)  # the answer takes so long
                withdrawd.signal_it(signal.SIGTERM)
                time.sleep(0.1)

            proxy.moment = moment
            lab.bgpd.configure(65001, "ipv4", f"no network {Prefixes.PLAIN}")
            withdrawd.wait_for_line("configuration is locked", within=5)
            proxy.locked = None
            assert withdrawd.wait(10) == 0
        lab.wait_for_announcements(Prefixes.STAYING, within=2)
    finally:
        proxy.close()
        lab.restore()


def test_now_asks_at_once(lab):
    configuration = lab.write(lab.configuration(check={"interval": "20s", "fast_interval": "50ms"}))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        stays("ignorance", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=1)
        begin = time.time()
        code, said = lab.start("now", "-c", configuration)
        assert (code, said) == (0, "asks 2 check(s) now\n")
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        assert time.time() - begin < 3


@pytest.fixture
def vrf(lab):
    """An instance in a VRF, with prefixes of both families."""
    lab.bgpd.command(
        "configure terminal", "router bgp 65009 vrf CUSTOMER", "bgp router-id 10.53.0.9",
        "no bgp network import-check", "address-family ipv4 unicast", "network 192.0.2.0/24",
        "network 203.0.113.64/26 backdoor", "exit-address-family", "address-family ipv6 unicast",
        "network 2001:db8:99::/48 route-map TAG", "exit-address-family", "end",
    )
    yield
    lab.bgpd.command("configure terminal", "no router bgp 65009 vrf CUSTOMER", "end")


@pytest.mark.needs_frr("Quagga has no VRFs")
def test_one_check_takes_down_three_of_eight_across_families_and_a_vrf(lab, vrf):
    """Five in the instance without a name, three in the VRF; the check "resolver" has one of each
    family here and one there."""
    text = lab.configuration(rule={"prefixes": [Prefixes.PLAIN, Prefixes.IPV6], "vrf": "default"})
    text = text.replace("[rule.other]\n", '[rule.other]\nvrf = "default"\n')
    text += """
[rule.customer]
vrf = "CUSTOMER"
prefixes = ["203.0.113.64/26"]
checks = ["resolver"]
[rule.others]
vrf = "CUSTOMER"
prefixes = ["192.0.2.0/24", "2001:db8:99::/48"]
checks = ["other"]
"""
    configuration = lab.write(text)
    before = lab.bgpd.command("show running-config")
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.ALL - {Prefixes.PLAIN, Prefixes.IPV6}, within=5)
        withdrawd.wait_for_line("203.0.113.64/26 withdrawn")
        lines = lab.bgpd.command("show running-config").splitlines()
        gone = [line for line in before.splitlines() if line not in lines]
        # The VRF has 192.0.2.0/24 too, so one line of that text stays.
        assert sum(line.strip() == "network 192.0.2.0/24" for line in lines) == 1
        assert [line.strip() for line in gone] == [
            "network 2001:db8:53::/48", "network 203.0.113.64/26 backdoor"
        ]
        lab.dns.repair()
        wait_until(
            "the configuration to be what it was",
            lambda: lab.bgpd.command("show running-config") == before,
            within=10,
        )


def test_a_plain_member_of_the_vty_group_may_look_and_drain(lab):
    configuration = lab.write(lab.configuration(transports=["socket"]))
    for daemon in (True, False):
        lab.restore()
        with contextlib.ExitStack() as stack:
            if daemon:
                withdrawd = stack.enter_context(lab.withdrawd("run", "-c", configuration))
                withdrawd.wait_for_health("resolver", "up")
                withdrawd.wait_for_health("other", "up")
            code, text = lab.start_as_member("status", "-c", configuration)
            assert code == 0, text
            assert f"{Prefixes.TAGGED}   announced" in text
            assert max(map(len, text.splitlines())) <= 80
            code, text = lab.start_as_member("status", "-c", configuration, "--json")
            assert code == 0, text
            seen = json.loads(text)
            assert seen["source"] == ("daemon" if daemon else "own look")
            assert [prefix["advertised_to"] for prefix in seen["prefixes"]] == [1, 1, 1, 1]
            code, text = lab.start_as_member("plan", "-c", configuration)
            assert (code, text) == (0, "")
            code, text = lab.start_as_member("check", "-c", configuration)
            assert code == 0, text
            code, text = lab.start_as_member("drain", "-c", configuration, Prefixes.PLAIN)
            if daemon:
                assert code == 0, text
                assert "drained by nobody" in withdrawd.wait_for_line("drained by").message
            else:
                # The state file is withdrawd's.
                assert code == 2
                assert "lock" in text
