"""The story that tools/demo tells, which see: `story.py PROGRAM`."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "lab"))

from lab import Lab, Prefixes, missing_requirements, sweep, wait_until

COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
BOLD, DIM, GREEN, RED = "1", "2", "32", "31"
FALLBACK_AFTER = 3

CONFIGURATION = f"""
[check.resolver]
server = "127.0.0.1"         # the DNS server to ask,
name = "www.test.com"        # and what users ask it for
interval = "100ms"

[rule.anycast]
prefixes = ["{Prefixes.PLAIN}", "{Prefixes.TAGGED}", "{Prefixes.IPV6}"]
checks = ["resolver"]

[fallback]
after = "{FALLBACK_AFTER}s"                 # bgpd does not obey for so long: kill it
restart_delay = "1s"
"""


def painted(text, colour):
    return f"\033[{colour}m{text}\033[0m" if COLOUR else text


def seconds(duration):
    return f"{1000 * duration:.0f} ms" if duration < 1 else f"{duration:.1f} s"


class Story:
    """Tells what happens, and keeps what was seen for the end."""

    def __init__(self):
        self.started = time.monotonic()
        self.seen = []

    def chapter(self, text):
        print(f"\n{painted(text, BOLD)}", flush=True)

    def tell(self, text):
        print(f"{time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    def quote(self, text):
        for line in text.strip().splitlines():
            print("          " + painted(f"| {line}", DIM), flush=True)

    def see(self, right, text):
        self.seen.append((bool(right), text))
        self.tell(painted(text, GREEN if right else RED))

    def end(self):
        """Whether all was as it should be."""
        all_right = all(right for right, _ in self.seen)
        self.chapter("What was seen")
        for right, text in self.seen:
            mark = painted("yes", GREEN) if right else painted("NO ", RED)
            print(f"  {mark}  {text}")
        print("All as it should be." if all_right else "Not all as it should be.", flush=True)
        return all_right


def listed(prefixes):
    return ", ".join(sorted(prefixes))


def sessions_of(lab):
    return "; ".join(
        f"{address}: {it['state']}, dropped {it['dropped']} times"
        for address, it in sorted(lab.peer.sessions().items())
    )


def prefixes_become(lab, wanted, within):
    """Whether the peer came to have exactly these; by sessions that are up if it has any."""
    try:
        if wanted:
            lab.wait_for_announcements(wanted, within)
        else:
            wait_until("the peer to lose all", lambda: not lab.peer.prefixes(), within)
        return True
    except AssertionError:
        return False


def last_heard(lab, verb, since):
    times = [at for at, what, prefix in lab.peer.events(since) if what == verb]
    return max(times) - since if times else 0.0


def quote_action(story, withdrawd, containing):
    """The last such line of withdrawd's log, as it was written."""
    if lines := withdrawd.lines(containing=containing):
        story.quote(lines[-1].text)


def withdrawn_and_back(story, lab, withdrawd, configuration):
    sessions = lab.peer.sessions()
    story.chapter("The DNS server dies")
    killed_at = lab.dns.kill()
    story.tell("NSD killed (SIGKILL)")
    gone = prefixes_become(lab, Prefixes.STAYING, within=5)
    took = last_heard(lab, "withdrawn", killed_at)
    quote_action(story, withdrawd, f"{Prefixes.PLAIN} withdrawn")
    story.see(
        gone and took < 1,
        f"{listed(Prefixes.ANYCAST)} withdrawn at the peer {seconds(took)} after the DNS server died",
    )
    story.tell(f"the peer has {listed(lab.peer.prefixes())}; {sessions_of(lab)}")
    story.tell("withdrawd status says:")
    story.quote(lab.start("status", "-c", configuration)[1])

    story.chapter("The DNS server is back")
    back_at = lab.dns.repair()
    story.tell("NSD started; three good answers in a row are asked for, not one lucky one")
    back = prefixes_become(lab, Prefixes.ALL, within=15)
    took = last_heard(lab, "announced", back_at)
    quote_action(story, withdrawd, f"{Prefixes.TAGGED} announced")
    story.see(back, f"announced again {seconds(took)} after the DNS server was back")
    story.see(
        lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY,
        f"{Prefixes.TAGGED} came back with its route-map: the peer sees community "
        f"{Prefixes.COMMUNITY}",
    )
    others = [prefix for _, _, prefix in lab.peer.events(killed_at) if prefix in Prefixes.STAYING]
    story.see(
        not lab.peer.changes_since(sessions) and not others,
        f"meanwhile no session dropped, and {listed(Prefixes.STAYING)} stayed announced",
    )


def frozen_bgpd(story, lab, withdrawd):
    story.chapter("bgpd freezes, and then the DNS server dies again")
    lab.bgpd.freeze()
    story.tell("bgpd frozen (SIGSTOP): it cannot be told to withdraw anything")
    broken_at = lab.dns.kill()
    story.tell(f"NSD killed; after {FALLBACK_AFTER} s in vain, withdrawd is to kill bgpd")
    died = prefixes_become(lab, set(), within=FALLBACK_AFTER + 10) and not lab.bgpd.running()
    took = time.time() - broken_at
    quote_action(story, withdrawd, "killed, with all its prefixes")
    story.see(
        died and took >= FALLBACK_AFTER,
        f"the frozen bgpd was killed {seconds(took)} after the DNS server died, and the peer has "
        "no prefix of it",
    )

    lab.dns.repair()
    back_at = time.time()
    story.tell("NSD started; now bgpd is to be started too, and its session to come up anew")
    back = prefixes_become(lab, Prefixes.ALL, within=30)
    quote_action(story, withdrawd, "bgpd restarted")
    story.see(
        back, f"bgpd was started again, and all was announced {seconds(time.time() - back_at)} later"
    )


def tell_all(story, lab):
    story.tell('two network namespaces, "edge" and "peer", with a cable between them')
    story.tell(f"at the edge: NSD, and FRR's bgpd, AS 65001, announcing {listed(Prefixes.ALL)}")
    story.tell(f"the peer, AS 65002, has them all; {sessions_of(lab)}")

    story.chapter("withdrawd starts")
    configuration = lab.write(
        "".join(
            f'{key} = "{lab.directory / key}"\n'
            for key in ("state_file", "history_file", "control_socket", "lock_file")
        )
        + lab.bgpd_section()
        + CONFIGURATION
    )
    story.tell("with this configuration (and where to find bgpd):")
    story.quote(CONFIGURATION)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        try:
            withdrawd.wait_for_health("resolver", "up")
            story.tell("it has asked, and found all as it should be: it changes nothing")
            withdrawn_and_back(story, lab, withdrawd, configuration)
            frozen_bgpd(story, lab, withdrawd)
            stopped(story, lab, withdrawd)
        except (AssertionError, OSError):
            story.tell("withdrawd's log:")
            story.quote(withdrawd.text())
            raise


def stopped(story, lab, withdrawd):
    story.chapter("withdrawd is stopped")
    status = withdrawd.terminate()
    story.see(
        status == 0 and prefixes_become(lab, Prefixes.ALL, within=2),
        "stopping withdrawd (SIGTERM) left every announcement as it was",
    )


def main():
    missing = missing_requirements()
    if missing:
        print(f"tools/demo: {missing}", file=sys.stderr)
        return 1
    sweep()

    def stop(number, _):
        # Once is enough: what has been built is taken down undisturbed.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("\ninterrupted: cleaning up", flush=True)
        sys.exit(128 + number)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    story = Story()
    story.chapter("A small network, in namespaces of its own; nothing of this host is touched")
    try:
        with Lab(sys.argv[1], name="demo") as lab:
            tell_all(story, lab)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except (AssertionError, OSError, RuntimeError) as error:
        story.see(False, f"the story ended early: {error}")
    return 0 if story.end() else 1


if __name__ == "__main__":
    sys.exit(main())
