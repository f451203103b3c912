"""The init script by itself, with a program that does nothing in place of the daemon."""

import os
import shutil
import subprocess
import time

import pytest
from conftest import ROOT

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("start-stop-daemon"),
    reason="needs root and start-stop-daemon",
)

FUNCTIONS = """
log_daemon_msg() { echo "$1: $2"; }
log_end_msg() { :; }
status_of_proc() { running; }
"""


@pytest.fixture
def service(tmp_path):
    (tmp_path / "functions").write_text(FUNCTIONS)
    daemon = tmp_path / "withdrawd"
    shutil.copy("/bin/sleep", daemon)
    script = (ROOT / "etc/withdrawd.init.in").read_text()
    for old, new in {
        "@sbindir@/withdrawd": str(daemon),
        "/run/withdrawd.pid": str(tmp_path / "pid"),
        "/run/withdrawd": str(tmp_path / "run"),
        "/etc/default/withdrawd": str(tmp_path / "default"),
        "/lib/lsb/init-functions": str(tmp_path / "functions"),
        "DAEMON_USER=withdrawd": "DAEMON_USER=root",
        '"$DAEMON" validate': "true",
        "grep -q -e --notify-await": "false",
        "-- run $DAEMON_ARGS": "-- 300",
    }.items():
        assert old in script, old
        script = script.replace(old, new)
    path = tmp_path / "init"
    path.write_text(script)

    def run(verb):
        done = subprocess.run(["sh", path, verb], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    run.pid = lambda: int((tmp_path / "pid").read_text())
    yield run
    run("stop")


def until_it_runs(service):
    """In the background it is under way for a moment."""
    deadline = time.monotonic() + 10
    while service("status")[0] != 0:
        assert time.monotonic() < deadline


def test_what_has_died_is_started_again_and_what_was_stopped_is_not(service):
    assert service("revive") == (0, "")
    assert service("status")[0] != 0
    assert service("start")[0] == 0
    until_it_runs(service)
    first = service.pid()
    assert service("revive") == (0, "")
    assert service.pid() == first

    os.kill(first, 9)
    while service("status")[0] == 0:
        pass
    status, said = service("revive")
    assert status == 0 and "had died" in said
    until_it_runs(service)
    assert service.pid() != first

    assert service("stop")[0] == 0
    assert service("revive") == (0, "")
    assert service("status")[0] != 0
