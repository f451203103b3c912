"""Waiting for events."""

import time


class Late(AssertionError):
    """What was waited for did not happen in time."""


def wait_until(what, probe, within, every=0.01):
    """Calls `probe` until it gives something true, and gives that.

    `what` completes the sentence "waited N s for …"; `within` is in seconds. The error carries the
    last thing that the probe gave, so that a failure explains itself.
    """
    deadline = time.monotonic() + within
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise Late(f"waited {within} s for {what}; last seen: {seen!r}")
        time.sleep(every)


def stays(what, probe, seconds, every=0.02):
    """Asserts that `probe` gives something true all the time: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = probe()
        assert seen, f"{what} did not stay so for {seconds} s"
        time.sleep(every)
