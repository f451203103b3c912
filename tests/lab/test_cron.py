"""A real crond starts `withdrawd cron` every minute."""

import time
from itertools import pairwise

import pytest

from lab import Lab, RecordingServer, wait_until
from lab.namespaces import PidNamespace
from lab.programs import Program

# cron looks under fixed paths; in a mount namespace of its own these are ours.
PREPARE = """
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
mount --bind {empty} /etc/crontab
mount --bind {cron_d} /etc/cron.d
"""
LONGEST_GAP = 2.0
MINUTES = 2


@pytest.fixture
def crond(program):
    with Lab(program, name="cron") as lab:
        # Its questions are answered, and written down, by us.
        lab.dns.kill()
        recorder = RecordingServer(lab.edge, program.name[:15])
        lab.stack.callback(recorder.close)
        configuration = lab.write(lab.configuration(check={"interval": "800ms"}, other=False))
        cron_d = lab.directory / "cron.d"
        cron_d.mkdir()
        log = lab.directory / "cron.log"
        (cron_d / "withdrawd").write_text(
            f"* * * * * root {program} cron -c {configuration} >> {log} 2>&1\n"
        )
        (cron_d / "withdrawd").chmod(0o644)
        empty = lab.write("", "empty")
        place = PidNamespace(lab.edge, PREPARE.format(empty=empty, cron_d=cron_d))
        lab.stack.callback(place.close)
        cron = Program(place.enter("/usr/sbin/cron", "-f"), lab.directory / "crond.log")
        lab.stack.callback(cron.close)
        yield recorder, cron, log


def test_crond_driving_cron_leaves_no_gap_and_no_overlap(crond, measured):
    recorder, cron, log = crond
    wait_until("the first question", lambda: recorder.questions, within=70)
    first = recorder.questions[0][0]

    # Until the third run has asked, and at least two minutes have passed.
    def enough():
        assert cron.running
        asked = list(recorder.questions)
        return asked[-1][0] - first >= 60 * MINUTES and len({pid for _, pid in asked}) > MINUTES

    try:
        wait_until("two minutes of questions", enough, within=60 * MINUTES + 30, every=0.5)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text() if log.exists() else 'no log'}") from None

    asked = list(recorder.questions)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(asked)]
    askers = [pid for _, pid in asked]
    runs = [askers[0]] + [later for earlier, later in pairwise(askers) if later != earlier]
    measured(
        f"crond, {asked[-1][0] - first:.0f} s, {len(runs)} runs, {len(asked)} questions: "
        f"longest gap {max(gaps):.2f} s"
    )
    assert None not in askers
    assert max(gaps) <= LONGEST_GAP
    # Each run asks in one stretch: two that asked at the same time would show up alternating.
    assert len(runs) == len(set(runs)), runs
    assert len(runs) >= MINUTES + 1
    assert time.monotonic() - asked[-1][0] < LONGEST_GAP
