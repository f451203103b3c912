"""What the lab's tests share. They need root and namespaces, and are skipped without."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, missing_requirements, software, sweep

_measurements = []
_reports = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption(
        "--withdrawd",
        default=os.environ.get("WITHDRAWD", "build/src/cli/withdrawd"),
        help="the program to test (default: $WITHDRAWD or build/src/cli/withdrawd)",
    )
    parser.addoption(
        "--bgpd", default=os.environ.get("LAB_BGPD", software.FRR),
        help="the bgpd to try it on, FRR's or Quagga's (default: $LAB_BGPD or the host's FRR); the "
        "peer of a Quagga is the host's FRR all the same",
    )
    parser.addoption("--vtysh", help="the vtysh that goes with it (default: the first in PATH)")
    parser.addoption(
        "--sanitized", action="store_true",
        help="the program is built with sanitizers: what they report fails the test",
    )
    parser.addoption(
        "--soak", type=float, default=0, metavar="MINUTES",
        help="test_a_soak of test_faults_day.py goes on that long, a fault each two seconds",
    )


def pytest_configure(config):
    # What the fixtures have built is taken down, also on SIGTERM, and where SIGINT was ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.addinivalue_line("markers", "needs_frr(why): skipped where a Quagga is tried")
    os.environ["LAB_BGPD"] = config.getoption("--bgpd")
    if vtysh := config.getoption("--vtysh"):
        # Whatever calls it finds it there: withdrawd, the tests' wrappers, a test's shell.
        os.environ["PATH"] = f"{Path(vtysh).absolute().parent}:{os.environ['PATH']}"
    if config.getoption("--sanitized"):
        directory = Path(tempfile.mkdtemp(prefix="wd-sanitizer-"))
        # Some runs are another user's.
        directory.chmod(0o1777)
        config.stash[_reports] = directory
        log_path = f"log_path={directory}/report"
        os.environ["ASAN_OPTIONS"] = f"{log_path}:detect_leaks=1"
        os.environ["UBSAN_OPTIONS"] = f"{log_path}:halt_on_error=1:print_stacktrace=1"


def pytest_unconfigure(config):
    if _reports in config.stash:
        shutil.rmtree(config.stash[_reports], ignore_errors=True)


def pytest_collection_modifyitems(config, items):
    missing = missing_requirements()
    if missing:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=missing))
        return
    if software.at_the_edge().is_quagga:
        for item in items:
            if marker := item.get_closest_marker("needs_frr"):
                item.add_marker(pytest.mark.skip(reason=f"Quagga: {marker.args[0]}"))
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


@pytest.fixture(autouse=True)
def no_report(request):
    """With --sanitized: of any run of withdrawd that has ended by now."""
    yield
    directory = request.config.stash.get(_reports, None)
    if directory is None:
        return
    found = []
    for report in sorted(directory.iterdir()):
        found.append(report.read_text(errors="replace"))
        report.unlink()
    assert not found, "".join(found)


@pytest.fixture
def sizes_count(request):
    """For tests of memory, of which a sanitized program has several times as much, and of descriptors:
    UBSan looks at a virtual table through a pipe, and without one takes every object for a wrong one.
    """
    if request.config.getoption("--sanitized"):
        pytest.skip("a sanitized program needs memory and descriptors of its own")


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
