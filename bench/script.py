"""The cron script of 2016 as it behaved: one question a second; bgpd is killed when it fails, and
restarted when it is answered. Written anew for the bench; what it asks with is the host's drill."""

import subprocess
import sys
import time

pid_file, start = sys.argv[1:3]


def answers():
    # As a resolver library does by default: one second for one answer.
    done = subprocess.run(
        ["drill", "-t", "-u", "@127.0.0.1", "www.test.com"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=1,
    )
    return b"rcode: NOERROR" in done.stdout


def ok():
    try:
        return answers()
    except subprocess.TimeoutExpired:
        return False


def running():
    try:
        pid = int(open(pid_file).read())
        return "bgpd" in open(f"/proc/{pid}/comm").read() and pid
    except (OSError, ValueError):
        return 0


while True:
    begun = time.monotonic()
    healthy, pid = ok(), running()
    if not healthy and pid:
        subprocess.run(["kill", "-9", str(pid)])
    elif healthy and not pid:
        subprocess.run([start], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2)  # settles
    time.sleep(max(0.0, 1 - (time.monotonic() - begun)))
