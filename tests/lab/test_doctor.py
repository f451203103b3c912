"""`withdrawd doctor`: each thing broken in turn on a real bgpd, and mended with what it prints."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from lab import Prefixes, wait_until
from lab.bgpd import VtyError
from lab.dns import Nsd
from lab.namespaces import command
from lab.programs import Program

LONGEST = 20.0


class Diagnosis:
    def __init__(self, status, said):
        self.status, self.said = status, said
        self.value = json.loads(said)
        self.findings = self.value["findings"]

    def wrong(self, item=None):
        return [
            x for x in self.findings if x["verdict"] == "wrong" and item in (None, x["item"])
        ]

    def about(self, subject, verdict=None):
        return [
            x for x in self.findings
            if x["subject"] == subject and verdict in (None, x["verdict"])
        ]


def as_user(*groups):
    return (
        "setpriv", "--reuid=nobody", "--regid=nogroup",
        f"--groups={','.join(groups)}" if groups else "--clear-groups",
    )


def doctor(lab, configuration, within=(), options=("--json",)):
    """As root, or `within` another program that runs it."""
    lab.runs += 1
    started = time.monotonic()
    done = subprocess.run(
        lab.place.enter(*within, lab.program, "doctor", "-c", configuration, *options),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )
    assert time.monotonic() - started < LONGEST
    assert done.stderr == ""
    if "--json" not in options:
        return done.returncode, done.stdout
    diagnosis = Diagnosis(done.returncode, done.stdout)
    assert diagnosis.value["exit_status"] == done.returncode
    return diagnosis


def carry_out(lab, finding):
    """Types the printed cure into a shell."""
    assert finding["cure_is_command"], finding
    command(*lab.place.enter("sh", "-c", finding["cure"]))


def one(findings):
    assert len(findings) == 1, findings
    return findings[0]


@pytest.fixture
def healthy(lab):
    """A configuration that nothing is wrong with, once withdrawd or doctor has been at it."""
    yield lab.write(lab.configuration())
    for lines in (
        ("router bgp 65001", "no bgp network import-check"),
        ("router bgp 65001", "address-family ipv4 unicast", "no aggregate-address 192.0.2.0/24"),
        ("router bgp 65001", "address-family ipv4 unicast", "no network 192.0.2.0/25"),
        ("router bgp 65001", "address-family ipv4 unicast", "no network 192.0.0.0/16"),
    ):
        with contextlib.suppress(VtyError):
            lab.bgpd.command("configure terminal", *lines, "end")
    # FRR 10.3 takes `no router bgp 65001 view LAB` for the default instance, and 10.7 refuses it.
    if "view LAB" in lab.bgpd.command("show running-config"):
        lab.bgpd.kill()
        lab.bgpd.start()
        lab.wait_for_announcements()


def test_nothing_is_wrong_with_a_host_that_is_right(lab, healthy):
    with lab.withdrawd("run", "-c", healthy) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        seen = doctor(lab, healthy)
        assert seen.status == 0, seen.said
        for prefix in Prefixes.ANYCAST | {Prefixes.OTHER}:
            assert "advertised to 1 peer" in one(seen.about(prefix))["text"]
        assert len([x for x in seen.findings if x["item"] == "transport"]) == 3
        release = one([x for x in seen.findings if x["item"] == "release"])
        assert re.fullmatch(r"(FRRouting|Quagga) \d+\.\d+\S*", release["text"])
        assert release["verdict"] == "ok"
        assert f"pid {withdrawd.process.pid}" in one(seen.about("withdrawd run"))["text"]

        status, said = doctor(lab, healthy, options=())
        assert status == 0
        assert "Nothing is wrong." in said
        # Only a path that has no blanks can be longer.
        for line in said.splitlines():
            assert len(line) <= 80 or len(line.split()[-1]) > 60, line
        assert "\x1b" not in said


def test_peers_are_counted_as_the_prefix_is_really_advertised(lab, healthy):
    lab.bgpd.command("configure terminal", "router bgp 65001", "neighbor 10.53.0.2 shutdown", "end")
    try:
        wait_until("the IPv4 session to be down", lambda: not lab.peer.established(), within=10)
        seen = doctor(lab, healthy)
        assert "advertised to no peer" in one(seen.about(Prefixes.PLAIN, "wrong"))["text"]
        assert "advertised to 1 peer" in one(seen.about(Prefixes.IPV6))["text"]
    finally:
        lab.bgpd.command(
            "configure terminal", "router bgp 65001", "no neighbor 10.53.0.2 shutdown", "end"
        )
        lab.wait_for_announcements()


def test_a_plain_member_of_the_vty_group_sees_what_members_may(lab, healthy):
    with lab.withdrawd("run", "-c", healthy) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        seen = doctor(lab, healthy, as_user(lab.software.vty_group))
        assert seen.status == 0, seen.said
        assert one(seen.about("bgpd's process"))["verdict"] == "unseen"
        assert "advertised to 1 peer" in one(seen.about(Prefixes.PLAIN))["text"]


def test_without_the_group_the_group_is_named(lab, healthy):
    seen = doctor(lab, healthy, as_user())
    assert seen.status == 3
    for finding in seen.wrong("transport"):
        assert finding["cure"] == f"usermod -aG {lab.software.vty_group} nobody"
    # What the command would bring about:
    assert doctor(lab, healthy, as_user(lab.software.vty_group)).status == 0


def test_a_broken_configuration_is_2(lab, healthy):
    broken = lab.write("chekcs = 1\n", "broken.toml")
    seen = doctor(lab, broken)
    assert seen.status == 2
    assert any("broken.toml:1:1" in x["text"] for x in seen.wrong("configuration"))
    assert doctor(lab, lab.directory / "nowhere.toml").status == 2


def test_a_password_file_that_others_can_read_is_mended(lab, healthy):
    (lab.directory / "vty-password").chmod(0o644)
    seen = doctor(lab, healthy)
    assert seen.status == 1
    carry_out(lab, one(seen.wrong()))
    assert doctor(lab, healthy).status == 0


@pytest.mark.parametrize("which", ("vty-password", "enable-password"))
def test_a_wrong_password_is_told(lab, healthy, which):
    lab.secret(which, "wrong")
    finding = one(doctor(lab, healthy).wrong())
    assert finding["subject"] == "telnet 127.0.0.1:2605"
    assert "password" in finding["cure"]


def test_ways_into_bgpd_that_lead_nowhere(lab, healthy):
    nowhere = {"socket": lab.directory / "nowhere", "vtysh": "/bin/nowhere", "telnet": "127.0.0.1:1"}
    for key, value in nowhere.items():
        seen = doctor(lab, lab.write(lab.configuration(bgpd={key: value}), "nowhere.toml"))
        assert seen.status == 1
        finding = one(seen.wrong())
        assert finding["item"] == "transport" and finding["subject"].startswith(key)
        assert finding["cure"]
    seen = doctor(lab, lab.write(lab.configuration(bgpd=nowhere), "nowhere.toml"))
    assert seen.status == 3
    assert len(seen.wrong("transport")) == 3


def test_telnet_that_nobody_has_set_up_is_no_fault(lab, healthy):
    plain = lab.configuration(bgpd={"password_file": None, "enable_password_file": None})
    seen = doctor(lab, lab.write(plain))
    assert seen.status == 0, seen.said
    assert one(seen.about("telnet 127.0.0.1:2605"))["verdict"] == "note"


def test_a_bgpd_that_does_not_run_is_started_by_the_cure(lab, healthy):
    lab.bgpd.kill()
    seen = doctor(lab, healthy)
    assert seen.status == 3
    carry_out(lab, one(seen.wrong("process")))
    wait_until("bgpd's vty to answer", lab.bgpd.answers, within=10)
    lab.wait_for_announcements()
    assert doctor(lab, healthy).status == 0


def test_a_frozen_bgpd_is_told_in_time(lab, healthy):
    lab.bgpd.freeze()
    try:
        seen = doctor(lab, healthy)
        assert seen.status == 3
        assert any("no answer" in x["text"] for x in seen.wrong("transport"))
    finally:
        lab.bgpd.thaw()


def test_a_pid_file_that_names_nobody_and_a_restart_that_is_not_there(lab, healthy):
    wrong = {"pid_file": lab.directory / "no.pid", "restart": ["/bin/nowhere"]}
    seen = doctor(lab, lab.write(lab.configuration(bgpd=wrong)))
    assert {x["subject"] for x in seen.wrong()} == {"bgpd's process", "restart of bgpd"}
    assert all(x["cure"] for x in seen.wrong())


@pytest.mark.needs_frr("Quagga's vtysh mixes several instances up, a fault of its own")
def test_several_instances_and_a_rule_that_names_none(lab, healthy):
    lab.bgpd.command("configure terminal", "router bgp 65001 view LAB", "end")
    seen = doctor(lab, healthy)
    assert seen.status == 1
    findings = seen.wrong()
    assert {x["subject"] for x in findings} == {"rule anycast", "rule other"}
    assert all('vrf = "default"' in x["cure"] for x in findings)
    mended = lab.configuration(rule={"vrf": "default"}, other=False)
    assert doctor(lab, lab.write(mended)).status == 0


def test_an_aggregate_in_place_of_a_statement_is_named_and_replaced(lab, healthy):
    lab.bgpd.configure(
        65001, "ipv4", "no network 192.0.2.0/24", "network 192.0.2.0/25",
        "aggregate-address 192.0.2.0/24",
    )
    wait_until(
        "the aggregate", lambda: lab.peer.prefixes() >= {"192.0.2.0/25", "192.0.2.0/24"}, within=10
    )
    seen = doctor(lab, healthy)
    finding = one(seen.about(Prefixes.PLAIN, "wrong"))
    assert '"aggregate-address 192.0.2.0/24"' in finding["text"]
    assert any('"network 192.0.2.0/25"' in x["text"] for x in seen.about(Prefixes.PLAIN, "note"))
    carry_out(lab, finding)
    assert lab.bgpd.networks() >= {"192.0.2.0/24", "192.0.2.0/25"}
    wait_until("doctor to be content", lambda: doctor(lab, healthy).status == 0, within=5)


def test_a_less_specific_statement_of_no_rule_is_mentioned(lab, healthy):
    lab.bgpd.configure(65001, "ipv4", "network 192.0.0.0/16")
    notes = doctor(lab, healthy).about(Prefixes.PLAIN, "note")
    assert '"network 192.0.0.0/16", in no rule, covers it' in one(notes)["text"]


def test_route_maps_that_rules_name_must_be_there(lab, healthy):
    configuration = lab.write(
        lab.configuration(rule={"route_map": "TAG"}).replace(
            '[rule.anycast]\n', '[rule.anycast]\non_down = { route_map = "SLOWLY" }\n'
        )
    )
    seen = doctor(lab, configuration)
    finding = one(seen.wrong())
    assert finding["subject"] == "route-map SLOWLY" and "on_down" in finding["text"]
    assert one(seen.about("route-map TAG"))["verdict"] == "ok"
    try:
        carry_out(lab, finding)
        assert doctor(lab, configuration).status == 0
    finally:
        lab.bgpd.command("configure terminal", "no route-map SLOWLY", "end")


def test_a_statement_that_the_start_up_file_lacks_is_mentioned(lab, healthy):
    kept = lab.bgpd.configuration.read_text()
    lab.bgpd.configuration.write_text(re.sub(r"  network 192\.0\.2\.0/24\n", "", kept))
    try:
        seen = doctor(lab, healthy)
        told = {x["verdict"]: x["text"] for x in seen.about(str(lab.bgpd.configuration))}
        assert Prefixes.PLAIN in told["note"] and "only withdrawd announces it" in told["note"]
        assert Prefixes.OTHER in told["ok"] and Prefixes.PLAIN not in told["ok"]
        lab.bgpd.configuration.chmod(0o600)
        told = one(doctor(lab, healthy, as_user(lab.software.vty_group)).about(str(lab.bgpd.configuration)))
        assert told["verdict"] == "unseen"
    finally:
        lab.bgpd.configuration.write_text(kept)
        lab.bgpd.configuration.chmod(0o644)


def test_a_sick_dns_server_is_told_with_what_it_did_to_the_prefixes(lab, healthy):
    lab.dns.kill()
    assert lab.start("once", "-c", healthy)[0] == 1
    seen = doctor(lab, healthy)
    finding = one(seen.wrong())
    assert finding["subject"] == "check resolver" and "port unreachable" in finding["text"]
    assert "looks down now" in one(seen.about(Prefixes.PLAIN))["text"]


def test_a_dns_server_that_does_not_answer_at_the_service_address(lab, healthy):
    lab.edge.ip("address", "add", "192.0.2.53/32", "dev", "lo")
    try:
        finding = one(doctor(lab, healthy).wrong())
        assert (finding["item"], finding["subject"]) == ("service-address", "192.0.2.53")
        with contextlib.closing(Nsd(lab.edge, lab.directory / "dns53", address="192.0.2.53")):
            seen = doctor(lab, healthy)
            assert seen.status == 0, seen.said
            assert one(seen.about("192.0.2.53"))["verdict"] == "ok"
    finally:
        lab.edge.ip("address", "del", "192.0.2.53/32", "dev", "lo")


def test_a_watchfrr_that_watches_bgpd_is_mentioned(lab, healthy):
    double = lab.directory / "watchfrr"
    shutil.copy("/usr/bin/tail", double)
    for watched, verdict in (("bgpd", "note"), ("zebra", "ok")):
        watcher = Program(
            lab.place.enter(double, "-f", "/dev/null", watched), lab.directory / "watchfrr.log"
        )
        with contextlib.closing(watcher):
            subject = f"watchfrr (pid {watcher.process.pid})"
            found = wait_until(
                "it to be seen", lambda: doctor(lab, healthy).about(subject), within=5
            )
            assert one(found)["verdict"] == verdict


def test_cron_beside_the_daemon_is_told_and_cron_alone_is_fine(lab, healthy):
    cron_d = lab.directory / "cron.d"
    cron_d.mkdir(exist_ok=True)
    (cron_d / "withdrawd").write_text(
        f"# withdrawd cron\n* * * * * root {lab.program} cron -c {healthy}\n"
    )
    here = ("unshare", "-m", "sh", "-ec", f'mount --bind {cron_d} /etc/cron.d; exec "$@"', "sh")
    line = "/etc/cron.d/withdrawd:2"
    seen = doctor(lab, healthy, here)
    assert seen.status == 0, seen.said
    assert one(seen.about(line))["verdict"] == "ok"
    with lab.withdrawd("run", "-c", healthy) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        finding = one(doctor(lab, healthy, here).wrong())
        assert finding["subject"] == line and "beside the daemon" in finding["text"]


def test_two_daemons_for_the_same_bgpd_are_told(lab, healthy):
    second = lab.write(
        lab.configuration(
            top={key: lab.directory / f"second-{key}"
                 for key in ("state_file", "history_file", "control_socket", "lock_file")}
        ),
        "second.toml",
    )
    with lab.withdrawd("run", "-c", healthy) as first, lab.withdrawd("run", "-c", second) as rival:
        first.wait_for_health("resolver", "up")
        rival.wait_for_health("resolver", "up")
        finding = one(doctor(lab, healthy).wrong())
        assert f"pid {rival.process.pid}" in finding["text"] and "second.toml" in finding["text"]


def test_files_that_cannot_be_written_are_told(lab, healthy):
    in_the_way = lab.write("", "file")
    configuration = lab.write(lab.configuration(top={"state_file": in_the_way / "state.json"}))
    finding = one(doctor(lab, configuration).wrong())
    assert finding["item"] == "files" and "state_file" in finding["cure"]


def as_service(lab, user):
    """What runs a program where withdrawd.service is installed and names that user."""
    units = lab.directory / "units"
    units.mkdir(exist_ok=True)
    (units / "withdrawd.service").write_text(f"[Service]\nUser={user}\n")
    return ("unshare", "-m", "sh", "-c", f'mount --bind {units} /etc/systemd/system && exec "$@"', "sh")


def test_root_is_told_what_the_services_user_may_not(lab, healthy):
    """What root may do says nothing of a service that runs as somebody else."""
    folder = lab.directory / "of-the-service"
    folder.mkdir()
    shutil.chown(folder, "nobody", "nogroup")
    lock = folder / "lock"
    lock.write_text("")  # as root's `withdrawd once` left it once
    os.chmod(lock, 0o644)
    configuration = lab.write(lab.configuration(top={"lock_file": lock}))
    assert not doctor(lab, configuration).wrong("files")
    diagnosis = doctor(lab, configuration, within=as_service(lab, "nobody"))
    assert "withdrawd.service" in one(diagnosis.about("nobody", "ok"))["text"]
    socket = [x for x in diagnosis.wrong("transport") if x["subject"].startswith("socket")]
    assert one(socket)["cure"] == f"usermod -aG {lab.software.vty_group} nobody"
    finding = next(x for x in diagnosis.wrong("files") if x["subject"] == str(lock))
    assert finding["cure"] == f"chown nobody {lock}"


def test_a_vty_folder_that_root_may_enter_and_the_service_not(lab, healthy):
    folder = lab.bgpd.vty_directory
    mode, owner = folder.stat().st_mode, folder.stat().st_uid
    os.chmod(folder, 0o700)
    try:
        assert not doctor(lab, healthy).wrong("transport")
        diagnosis = doctor(lab, healthy, within=as_service(lab, "nobody"))
        told = [x for x in diagnosis.wrong("transport") if x["subject"].startswith("socket")]
        assert str(folder) in one(told)["text"] + one(told)["cure"]
    finally:
        os.chmod(folder, mode)
        assert folder.stat().st_uid == owner


ZEBRA = "/usr/lib/frr/zebra"


@pytest.fixture
def with_zebra(lab):
    """bgpd beside a zebra, which knows this host's addresses."""
    folder, script = lab.bgpd.directory, lab.bgpd.start_script
    kept = script.read_text()
    (folder / "zebra.conf").write_text("hostname edge\n")
    shutil.chown(folder / "zebra.conf", "frr", "frr")
    zebra = Program(
        lab.place.enter(
            ZEBRA, "-f", folder / "zebra.conf", "-i", folder / "zebra.pid", "-z",
            folder / "zserv.api", "--vty_socket", lab.bgpd.vty_directory, "-P", "0",
        ),
        folder / "zebra.log",
    )
    try:
        wait_until("zebra to listen", (folder / "zserv.api").exists, within=10)
        script.write_text(kept.replace(" -n -Z ", f" -n -z {folder / 'zserv.api'} "))
        lab.bgpd.kill()
        lab.bgpd.start()
        yield
    finally:
        zebra.close()
        script.write_text(kept)
        lab.bgpd.kill()
        lab.bgpd.start()
        lab.wait_for_announcements()


@pytest.mark.needs_frr("the lab gives doctor's tests FRR's zebra only")
def test_import_check_that_holds_prefixes_back_is_lifted_by_the_cure(lab, healthy, with_zebra):
    def told():
        return {x["subject"] for x in doctor(lab, healthy).wrong("prefix")}

    lab.bgpd.command("configure terminal", "router bgp 65001", "bgp network import-check", "end")
    all_of_them = Prefixes.ANYCAST | {Prefixes.OTHER}
    wait_until("bgpd to hold them back", lambda: told() == all_of_them, within=10)
    finding = one(doctor(lab, healthy).about(Prefixes.PLAIN, "wrong"))
    assert "import-check" in finding["text"]
    carry_out(lab, finding)
    wait_until("bgpd to let them go", lambda: not told(), within=10)


@pytest.mark.needs_frr("the lab gives doctor's tests FRR's zebra only")
def test_redistribution_in_place_of_or_besides_a_statement_is_named_and_taken_out(
    lab, healthy, with_zebra
):
    def told(count):
        return lambda: len(doctor(lab, healthy).about(Prefixes.PLAIN, "wrong")) == count

    lab.edge.ip("address", "add", "192.0.2.53/24", "dev", "lo")
    try:
        lab.bgpd.configure(65001, "ipv4", "redistribute static")
        for statement in ("network", "no network"):
            lab.bgpd.configure(
                65001, "ipv4", f"{statement} {Prefixes.PLAIN}", "redistribute connected"
            )
            wait_until("doctor to tell it", told(1), within=10)
            seen = doctor(lab, healthy)
            finding = one(seen.about(Prefixes.PLAIN, "wrong"))
            assert '"redistribute connected"' in finding["text"]
            assert ("besides" in finding["text"]) == (statement == "network")
            carry_out(lab, finding)
            wait_until("doctor to be content", told(0), within=10)
            assert Prefixes.PLAIN in lab.bgpd.networks()
            notes = [x for x in doctor(lab, healthy).findings if x["item"] == "redistribution"]
            assert '"redistribute static"' in one(notes)["text"]
    finally:
        for source in ("static", "connected"):
            with contextlib.suppress(VtyError):
                lab.bgpd.configure(65001, "ipv4", f"no redistribute {source}")
        lab.edge.ip("address", "del", "192.0.2.53/24", "dev", "lo")
