"""tools/demo tells its story to the end, and leaves nothing behind when it is interrupted."""

import os
import re
import signal
import uuid
from pathlib import Path

import pytest

from lab import owned_by, wait_until
from lab.programs import Program

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tools" / "demo"
RECORD = ROOT / "docs" / "demo.md"


class Demo(Program):
    def __init__(self, program, output):
        # Handed down to everything that it starts.
        self.mark = f"withdrawd-demo-{uuid.uuid4()}"
        super().__init__([DEMO], output, env={"WITHDRAWD": str(program), "MARK": self.mark})

    def processes(self):
        """Everything that lives and was started by it, itself included."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.mark in (entry / "environ").read_text():
                    found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
            except (OSError, UnicodeDecodeError):
                continue
        return found

    def interrupt(self, number):
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)  # As a terminal does.
        else:
            os.kill(self.process.pid, number)


@pytest.fixture
def demo(program, tmp_path):
    running = Demo(program, tmp_path / "demo.txt")
    yield running
    running.close()


def host_files():
    """What withdrawd keeps on this host by default, and when it was last written."""
    return {
        path: path.stat().st_mtime_ns
        for folder in ("/var/lib/withdrawd", "/run/withdrawd")
        for path in Path(folder).glob("**/*")
    }


def test_the_demo_sees_all_that_it_tells_of(demo):
    before = host_files()
    status = demo.wait(within=120)
    said = demo.text()
    assert status == 0, said
    assert said.rstrip().endswith("All as it should be."), said
    assert "  NO " not in said
    assert host_files() == before
    assert "\033[" not in said  # It was no terminal.
    assert owned_by(demo.process.pid) == []
    assert demo.processes() == []
    told = without_numbers(said)
    assert [line for line in recorded() if without_numbers(line) not in told] == []


def recorded():
    """The lines of docs/demo.md that the demo has printed itself: not those of withdrawd's log, in
    which a cause may be another one each time."""
    record = RECORD.read_text().split("```console\n# tools/demo\n")[1].split("```")[0]
    return [line for line in record.splitlines() if not line.strip().startswith("|")]


def without_numbers(text):
    return re.sub(r"[ \d.]+ (ms|s)\b", " # s", text)


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM), ids=("ctrl-c", "sigterm"))
@pytest.mark.parametrize("moment", ("A small network", "bgpd frozen"))
def test_an_interrupted_demo_leaves_nothing_behind(demo, number, moment):
    pid = demo.process.pid
    wait_until(f'the demo to say "{moment}"', lambda: moment in demo.text(), within=60)
    wait_until("it to have a namespace", lambda: owned_by(pid), within=30)
    demo.interrupt(number)
    assert demo.wait(within=30) == 128 + number, demo.text()
    assert owned_by(pid) == []
    assert demo.processes() == []
