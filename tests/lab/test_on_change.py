"""What has changed is kept, shown, and handed to a command; that command changes nothing else."""

import json
import time

from lab import Prefixes, wait_until


def command(lab, body):
    path = lab.write(f"#!/bin/sh\n{body}\n", "on-change")
    path.chmod(0o755)
    return path


def test_each_change_is_handed_to_the_command_and_kept(lab):
    heard = lab.directory / "heard"
    told = command(
        lab,
        'echo "$WITHDRAWD_KIND|$WITHDRAWD_RULE|$WITHDRAWD_PREFIX|$WITHDRAWD_OLD|$WITHDRAWD_NEW|'
        f'$WITHDRAWD_CAUSE" >> {heard}',
    )
    heard.unlink(missing_ok=True)
    configuration = lab.write(lab.configuration(top={"on_change": [told]}))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        wait_until(
            "six calls",
            lambda: heard.exists() and len(heard.read_text().splitlines()) == 6,
            within=5,
        )
    lines = [line.split("|") for line in heard.read_text().splitlines()]
    down, back = lines[:3], lines[3:]
    assert {line[2] for line in down} == {line[2] for line in back} == Prefixes.ANYCAST
    assert {tuple(line[:2] + line[3:5]) for line in down} == {
        ("changed", "anycast", "announced", "withdrawn")
    }
    assert {tuple(line[3:5]) for line in back} == {("withdrawn", "announced")}
    assert all("port unreachable" in line[5] for line in down)

    code, text = lab.start("log", Prefixes.PLAIN, "--json", "-c", configuration)
    assert code == 0
    kept = [json.loads(line) for line in text.splitlines()]
    assert [(entry["was"], entry["is"]) for entry in kept] == [
        ("announced", "withdrawn"), ("withdrawn", "announced")
    ]
    assert all(entry["by"].startswith("withdrawd through ") for entry in kept)


def test_a_command_that_hangs_or_fails_delays_nothing(lab):
    for body, said in (
        ("sleep 60", "not finished after 1.0 s, killed"),
        ("echo no such host >&2; exit 3", "exit status 3: no such host"),
    ):
        lab.restore()
        hook = command(lab, body)
        configuration = lab.write(
            lab.configuration(top={"on_change": [hook], "on_change_timeout": "1s"})
        )
        with lab.withdrawd("run", "-c", configuration) as withdrawd:
            withdrawd.wait_for_health("resolver", "up")
            for _ in range(2):
                killed_at = lab.dns.kill()
                lab.wait_for_announcements(Prefixes.STAYING, within=5)
                took = max(at for at, _, _ in lab.peer.events(since=killed_at)) - killed_at
                assert took < 1.0
                lab.dns.repair()
                lab.wait_for_announcements(Prefixes.ALL, within=5)
            line = withdrawd.wait_for_line("on_change for ", level="warning", within=10)
            assert said in line.message
            begin = time.time()
            assert withdrawd.terminate(within=10) == 0
            assert time.time() - begin < 5


def test_the_history_belongs_to_the_vty_group_also_after_a_reload(lab):
    configuration = lab.write(lab.configuration())
    history = lab.directory / "history.jsonl"
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        assert lab.start("reload", "-c", configuration)[0] == 0
        withdrawd.wait_for_line("goes on with the new configuration")
        lab.dns.kill()
        wait_until("the history", history.exists, within=5)
        wait_until("its group", lambda: history.group() == lab.software.vty_group, within=1)


def test_log_follows_until_it_is_told_to_end(lab):
    configuration = lab.write(lab.configuration())
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        with lab.withdrawd("log", "--follow", "-c", configuration) as follower:
            lab.dns.kill()
            wait_until(
                "the log to show it", lambda: follower.text().count("withdrawn") >= 3, within=5
            )
            follower.assert_running()
            assert follower.terminate() == 0
        for bounds, shown in ((["--since", "1h"], 3), (["--until", "1h"], 0), (["--since", "2100-01-01"], 0)):
            assert lab.start("log", *bounds, "-c", configuration)[1].count("-> withdrawn") == shown
