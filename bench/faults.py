"""One prefix, one check: how long a fault of the DNS server stays at a BGP peer."""

import random
import time

from lab.dns import Nsd
from stage import CONTROL, HERE, PREFIX, share, stage, usage

SETTLED = 8  # seconds over which processor time is counted


def withdrawd(transport="socket", **check):
    def start(at):
        lines = ["[check.dns]", 'server = "127.0.0.1"', 'name = "www.test.com"']
        lines += [f'{key} = "{value}"' for key, value in check.items()]
        # Thirty faults in a row would be damped, as they should be.
        lines += ["[rule.anycast]", f'prefixes = ["{PREFIX}"]', 'checks = ["dns"]', "damping = false"]
        return at.withdrawd(at.configuration(lines, transport))

    return start


def script(at):
    return at.run("/usr/bin/python3", HERE / "script.py", at.bgpd.pid_file, at.bgpd.start_script)


def exabgp(at):
    configuration = at.directory / "exabgp.conf"
    helper = at.directory / "healthcheck"
    helper.write_text(
        "#!/bin/sh\nexec /usr/bin/python3 -m exabgp healthcheck --no-syslog"
        " --cmd 'drill -u @127.0.0.1 www.test.com | grep -q NOERROR' --interval 1"
        f" --fast-interval 1 --timeout 1 --rise 3 --fall 1 --withdraw-on-down --ip {PREFIX}"
        " --next-hop 10.53.0.1 --no-ip-setup\n"
    )
    helper.chmod(0o755)
    configuration.write_text(f"""process watch {{
  run {helper};
  encoder text;
}}
neighbor 10.53.0.2 {{
  router-id 10.53.0.1;
  local-address 10.53.0.1;
  local-as 65001;
  peer-as 65002;
  api {{ processes [ watch ]; }}
}}
""")
    environment = {
        "exabgp.daemon.user": "root", "exabgp.daemon.drop": "false", "exabgp.log.all": "false",
        "exabgp.api.cli": "false",
    }
    return at.run("/usr/sbin/exabgp", configuration, env=environment)


class Row:
    """`budget`, `worst`, `back`: seconds, for the median and the worst withdrawal and the median
    announcement; `cpu` of a core, `memory` in bytes. `ahead_of`: the key of a row whose median must
    be longer."""

    def __init__(self, key, name, fault, start, bgpd=True, **budgets):
        self.key, self.name, self.fault, self.start, self.bgpd = key, name, fault, start, bgpd
        self.budgets = budgets

    def measure(self, faults):
        with stage(with_bgpd=self.bgpd) as at:
            dns = Nsd(at.edge, at.directory / "dns")
            at.stack.callback(dns.close)
            program = self.start(at)
            announced = lambda prefixes: PREFIX in prefixes
            withdrawn = lambda prefixes: PREFIX not in prefixes
            assert at.speaker.wait(announced, 60), "never announced"
            time.sleep(3)
            (cpu,) = share([program.process.pid], SETTLED)
            memory = usage(program.process.pid)[1]
            gone, back = [], []
            for _ in range(faults):
                # At any moment of an interval, once all is settled.
                time.sleep(0.5 + random.random())
                mark, then = len(at.speaker.events), time.time()
                dns.program.kill() if self.fault == "kill" else dns.freeze()
                assert at.speaker.wait(withdrawn, 30), "never withdrawn"
                gone.append(at.speaker.events[mark][0] - then)
                time.sleep(0.3 + random.random())
                mark, then = len(at.speaker.events), time.time()
                dns.repair()
                then = then if self.fault == "freeze" else time.time()
                assert at.speaker.wait(announced, 60), "never announced again"
                back.append(at.speaker.events[mark][0] - then)
            return {"gone": gone, "back": back, "cpu": cpu, "memory": memory}


class RestartRow:
    """bgpd is killed and started, with the sick prefix in its file: is it ever heard?"""

    key, name = "restarts", "bgpd restarted while a prefix is sick"

    def measure(self, faults):
        with stage(prefixes=(PREFIX, CONTROL)) as at:
            # Nobody answers there, so the prefix is sick all along.
            program = withdrawd()(at)
            carries = lambda prefixes: CONTROL in prefixes
            withdrawn = lambda prefixes: PREFIX not in prefixes and CONTROL in prefixes
            assert at.speaker.wait(withdrawn, 60), "never withdrawn"
            begin = len(at.speaker.events)
            for _ in range(faults):
                at.bgpd.kill()
                assert at.speaker.wait(lambda prefixes: CONTROL not in prefixes, 30), "bgpd lives"
                at.bgpd.start()
                assert at.speaker.wait(carries, 60), "the session never came back"
                time.sleep(0.3)
                program.assert_running()
            heard = [event for event in at.speaker.events[begin:] if event[2] == PREFIX]
            sessions = [e for e in at.speaker.events[begin:] if e[1:] == ("announced", CONTROL)]
            return {"restarts": faults, "sessions": len(sessions), "heard": len(heard)}


FAST = {"interval": "100ms", "fast_interval": "100ms"}
RARE = {"interval": "5s", "watch": "nsd"}
ROWS = [
    Row("fast-kill", "withdrawd, socket, 100 ms: DNS killed", "kill", withdrawd(**FAST),
        budget=0.130, worst=0.250),
    Row("fast-kill-telnet", "withdrawd, telnet, 100 ms: DNS killed", "kill",
        withdrawd("telnet", **FAST)),
    Row("fast-kill-vtysh", "withdrawd, vtysh, 100 ms: DNS killed", "kill",
        withdrawd("vtysh", **FAST)),
    Row("watched", "withdrawd, process watched, defaults: DNS killed", "kill",
        withdrawd(watch="nsd"), budget=0.080),
    Row("watched-rare", "withdrawd, process watched, 5 s: DNS killed", "kill", withdrawd(**RARE),
        budget=0.080),
    Row("fast-freeze", "withdrawd, socket, 100 ms, timeout 200 ms: DNS frozen", "freeze",
        withdrawd(timeout="200ms", **FAST), budget=0.330),
    Row("kill", "withdrawd, defaults: DNS killed", "kill", withdrawd(), ahead_of="script-kill",
        back=0.9, cpu=0.001, memory=12e6),
    Row("freeze", "withdrawd, defaults: DNS frozen", "freeze", withdrawd(),
        ahead_of="script-freeze", back=0.9),
    Row("script-kill", "the 2016 script: DNS killed", "kill", script),
    Row("script-freeze", "the 2016 script: DNS frozen", "freeze", script),
    Row("exabgp-kill", "ExaBGP healthcheck: DNS killed", "kill", exabgp, bgpd=False),
    Row("exabgp-freeze", "ExaBGP healthcheck: DNS frozen", "freeze", exabgp, bgpd=False),
    RestartRow(),
]
