"""What a service manager hears of a daemon that guards a real bgpd."""

import signal
import time

from lab import Prefixes, wait_until
from lab.manager import Manager


def test_a_service_manager_hears_of_readiness_reload_health_and_end(lab):
    configuration = lab.write(lab.configuration())
    outside = Manager(lab.directory / "notify", patience=2)
    try:
        with lab.withdrawd("run", "-c", configuration, env=outside.environment) as withdrawd:
            outside.wait_for("READY=1")
            withdrawd.wait_for_health("resolver", "up")
            lab.dns.kill()
            outside.wait_for("STATUS=4 prefixes, 3 withdrawn (")
            lab.dns.repair()
            lab.wait_for_announcements(Prefixes.ALL, within=10)

            seen = len(outside.heard())
            withdrawd.signal_it(signal.SIGHUP)
            outside.wait_for("RELOADING=1\nMONOTONIC_USEC=", after=seen)
            outside.wait_for("READY=1", after=seen)

            # A mistake in the file: it reloads, and is ready with what it had.
            configuration.write_text("[check.resolver\n")
            seen = len(outside.heard())
            withdrawd.signal_it(signal.SIGHUP)
            withdrawd.wait_for_line("nothing changes")
            outside.wait_for("READY=1", after=seen)

            # Alive as long as it turns, and no longer.
            before = outside.beats()
            wait_until("it to be alive", lambda: outside.beats() >= before + 3, within=10)
            withdrawd.signal_it(signal.SIGSTOP)
            time.sleep(0.1)
            before = outside.beats()
            time.sleep(2)
            assert outside.beats() == before
            withdrawd.signal_it(signal.SIGCONT)
            wait_until("it to be alive again", lambda: outside.beats() > before, within=10)

            assert withdrawd.terminate(within=10) == 0
            outside.wait_for("STOPPING=1")
    finally:
        outside.close()


def test_what_withdrawd_runs_cannot_speak_for_it(lab):
    heard = lab.directory / "variables"
    script = f"env | grep -e NOTIFY -e WATCHDOG >>{heard}; echo ran >>{heard}"
    hook = lab.write(f"#!/bin/sh\n{script}\n", "hook")
    hook.chmod(0o755)
    configuration = lab.write(lab.configuration(top={"on_change": [hook]}))
    environment = {"NOTIFY_SOCKET": str(lab.directory / "nobody"), "WATCHDOG_USEC": "60000000"}
    with lab.withdrawd("run", "-c", configuration, env=environment) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        wait_until("the hook to have run", heard.exists, within=10)
        withdrawd.terminate(within=10)
    assert set(heard.read_text().split()) == {"ran"}
