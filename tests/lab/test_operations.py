"""docs/operations.md, typed as it stands."""

import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from lab import Lab, Prefixes, wait_until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"

# Directories that the page writes to are not the host's; bgpd's socket is where a package has it.
PREPARE = """
cp -a /etc /run/etc
mount --bind /run/etc /etc
mount -t tmpfs tmpfs /var/log
mkdir /run/bin
ln -s {program} /run/bin/withdrawd
ln -s {{directory}}/edge/vty /run/frr
"""


def steps():
    """What is to be done, in order: ("type", command, what it prints) and ("wait" or "dns", what)."""
    for match in re.finditer(
        r"```console\n(?P<block>.*?)```|<!-- (?P<verb>\w+): (?P<what>.*?) -->",
        PAGE.read_text(), re.S,
    ):
        if match["verb"]:
            yield match["verb"], match["what"], ""
            continue
        command, printed, ends = None, [], None
        for line in match["block"].splitlines():
            if ends is not None:
                command += "\n" + line
                ends = None if line == ends else ends
            elif line.startswith(("# ", "$ ")):
                if command:
                    yield "type", command, "\n".join(printed)
                command, printed = line[2:], []
                here = re.search(r"<<'(\w+)'", line)
                ends = here[1] if here else None
            else:
                printed.append(line)
        yield "type", command, "\n".join(printed)


def as_pattern(printed):
    """A regular expression: numbers apart, and `...` for anything. A line that goes on, indented, on
    the next one may do so at another blank: one digit more, and it is wrapped before."""
    pattern = ""
    lines = printed.splitlines()
    for line, following in zip(lines, [*lines[1:], ""]):
        if line == "...":
            pattern += r"(?:[^\n]*\n)*?"
            continue
        words = re.split(r"(\.\.\.|\S+T\S+Z|pid \d+|\d[\d.]*(?: ?(?:ms|s|min|h))?|\s+)", line)
        for word in words:
            if word == "...":
                pattern += r"[^\n]*"
            elif re.fullmatch(r"\d[\d.]* ?(?:ms|s|min|h)", word):
                pattern += r"\d[\d.]*\s*(?:ms|s|min|h)(?:\s+\d+\s+(?:s|min))?"
            elif re.fullmatch(r"\S+T\S+Z|pid \d+", word):
                pattern += re.sub(r"\\?\d+", r"\\d+", re.escape(word))
            elif word.isspace():
                pattern += r"\s+"
            else:
                pattern += re.escape(word)
        pattern += "" if following[:1].isspace() else r"\n"
    return pattern


def test_a_text_is_the_same_wherever_it_is_wrapped():
    page = as_pattern("last\n    it failed (A www.test.com, 10 ms);\n    by withdrawd\nand 1 more\n")
    for said in (
        "last\n    it failed (A www.test.com, 0.24 ms);\n    by withdrawd\nand 1 more\n",
        "last\n    it failed (A www.test.com, 100\n    ms); by withdrawd\nand 1 more\n",
        "last\n    it failed (A\n    www.test.com, 1 ms); by\n    withdrawd\nand 1 more\n",
    ):
        assert re.fullmatch(page, said)
    for said in (
        "last\n    it failed (A www.test.com, 10 ms);\n    by withdrawd and 1 more\n",
        "last\n    it failed (A www.test.com, 10 ms); bywithdrawd\nand 1 more\n",
        "last\n    it failed (A www.test.com, 10 ms);\n    by withdrawd\nand 1 more",
    ):
        assert not re.fullmatch(page, said)


@pytest.fixture
def lab(program):
    prepare = PREPARE.format(program=program)
    with Lab(program, pid_namespace=True, name="day", prepare=prepare) as lab:
        yield lab


def test_the_page_says_what_happens(lab):
    place = lab.place
    status = 0
    announced = {"all": Prefixes.ALL}
    for verb, what, printed in steps():
        if verb == "dns":
            getattr(lab.dns, what)()
        elif verb == "wait" and what == "up":
            lab.wait_for_announcements(Prefixes.ALL, within=10)
            # Without a daemon the command looks for itself, and may find all well before it runs.
            wait_for(place, "withdrawd status --json | grep '\"source\":\"daemon\"'"
                            " | grep -q '\"desired\":\"announced\"'")
        elif verb == "wait" and what == "peers":
            wait_for(place, "! withdrawd status --json | grep -q '\"advertised_to\":null'")
        elif verb == "wait":
            names = what.removeprefix("announced ").split()
            wanted = announced.get(names[0]) or set(names)
            lab.wait_for_announcements(wanted, within=10)
        else:
            status, said = run(place, f"(exit {status})\n{what}")
            assert re.fullmatch(as_pattern(printed), said), (
                f"$ {what}\n{said}(exit {status})\ndoes not look like\n{printed}"
            )


def run(place, command):
    """Into a file: what is left in the background keeps a pipe open."""
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            place.enter(
                "env", "PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin", "bash", "-c", command
            ),
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=60,
        )
        output.seek(0)
        return done.returncode, output.read()


def wait_for(place, command):
    wait_until(f"`{command}`", lambda: run(place, command)[0] == 0, within=10, every=0.1)
