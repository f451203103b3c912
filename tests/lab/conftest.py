"""What the lab's tests share. They need root and namespaces, and are skipped without."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, missing_requirements, sweep

_measurements = []


def pytest_addoption(parser):
    parser.addoption(
        "--withdrawd",
        default=os.environ.get("WITHDRAWD", "build/src/cli/withdrawd"),
        help="the program to test (default: $WITHDRAWD or build/src/cli/withdrawd)",
    )


def pytest_configure(config):
    # What the fixtures have built is taken down, also on SIGTERM, and where SIGINT was ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    missing = missing_requirements()
    if missing:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=missing))
        return
    sweep()
    program = Path(config.getoption("--withdrawd"))
    if not os.access(program, os.X_OK):
        raise pytest.UsageError(f"{program} is not there: build it, or say --withdrawd PATH")


def pytest_terminal_summary(terminalreporter):
    for text in _measurements:
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def program(request):
    return Path(request.config.getoption("--withdrawd")).absolute()


@pytest.fixture
def measured():
    """Takes a line that is worth reading also when the test has passed."""
    return _measurements.append


@pytest.fixture(scope="module")
def shared_lab(program):
    with Lab(program) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab):
    """The module's lab, as it was built."""
    shared_lab.restore()
    return shared_lab
