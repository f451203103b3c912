"""What a host gets beside the program: packages, units, manual pages, completions, examples."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
# The lab's package: namespaces, a DNS server, a BGP peer, waiting.
sys.path.insert(0, str(ROOT / "tests" / "lab"))
sys.path.insert(0, str(Path(__file__).parent))

_measurements = []


def pytest_addoption(parser):
    parser.addoption(
        "--withdrawd",
        default=os.environ.get("WITHDRAWD", "build/src/cli/withdrawd"),
        help="the program to test (default: $WITHDRAWD or build/src/cli/withdrawd)",
    )
    parser.addoption(
        "--compile-package",
        action="store_true",
        help="compile withdrawd for the package and run its tests, as Debian's builders do, instead "
             "of packaging the program to test; half an hour",
    )


def pytest_configure(config):
    # What the fixtures have built is taken down, also on SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter):
    for text in _measurements:
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def program(request):
    return Path(request.config.getoption("--withdrawd")).absolute()


@pytest.fixture(scope="session")
def release(program, tmp_path_factory):
    """The folder with the archive that tools/release makes of what the program is made of."""
    if not shutil.which("dpkg-query"):
        pytest.skip("needs Debian")
    if not (program.parents[2] / "build.ninja").exists():
        pytest.skip("the program to test is in no build folder")
    folder = tmp_path_factory.mktemp("release")
    make_release(program, folder)
    return folder


def make_release(program, folder):
    done = subprocess.run(
        [ROOT / "tools" / "release", "--build-dir", program.parents[2], "--to", folder],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def measured():
    """Takes a line that is worth reading also when the test has passed."""
    return _measurements.append
