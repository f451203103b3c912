"""withdrawd(8) tells all that the program has, and both pages are good mdoc.

tests/config/man_page_test.cpp holds withdrawd.toml(5) to the keys.
"""

import re
import shutil
import subprocess

import pytest
from asking import all_options
from conftest import ROOT

PAGES = [ROOT / "docs/man/withdrawd.8", ROOT / "docs/man/withdrawd.toml.5"]
PAGE = PAGES[0].read_text()


def needs(tool):
    return pytest.mark.skipif(not shutil.which(tool), reason=f"needs {tool}")


COMMON = ("-h", "--help", "-c", "--config", "-s", "--socket")


def entries(command):
    """The page's text about a command: its headings, and what is under them down to the next
    command's."""
    commands = PAGE[PAGE.index(".Sh COMMANDS"):PAGE.index(".Sh SIGNALS")]
    entry = rf"^\.It Cm {command}(?: .*)?\n(?:(?!\.It Cm )(?!\.Pp\n[A-Z]).*\n)*"
    return "".join(re.findall(entry, commands, re.M))


def written(option):
    """`--log` is `Fl -log`, `-c` is `Fl c`."""
    return rf"(?:Fl|,) {re.escape(option[1:])}(?![\w-])"


def test_the_page_has_every_command_and_option(program):
    common = PAGE[PAGE.index(".Sh COMMANDS"):PAGE.index("Commands that act:")]
    json = re.search(r"\.It Fl -json\nFor scripts, here and in the other commands", PAGE)
    assert json
    for command, options in all_options(program).items():
        if command is None:
            text = PAGE[:PAGE.index(".Sh DESCRIPTION")] + PAGE[PAGE.index("Other options:"):]
        else:
            text = entries(command)
            assert text, f"docs/man/withdrawd.8 needs: .It Cm {command} ..."
        for option, takes in options.items():
            # Those that many commands have are explained once.
            known = text + common if option in COMMON else text
            assert re.search(written(option), known), (
                f"docs/man/withdrawd.8 needs, under .It Cm {command}: .It Fl {option[1:]}"
            )
            explained = re.search(rf"^\.It .*{written(option)}", known, re.M)
            shared = option in COMMON or (
                option in ("--json", "--log", "--log-format", "--log-level", "--all")
            )
            assert explained or shared, f"{command} {option} is named, not explained"
            if takes not in ("", "TEXT"):
                assert takes in known, f"{command} {option} needs its default, {takes}"


def test_the_page_has_no_command_and_option_that_there_is_not(program):
    known = all_options(program)
    for command in re.findall(r"^\.It Cm (\S+)", PAGE, re.M):
        assert command in known
        for option in re.findall(r"\bFl (-?[\w-]+)", entries(command)):
            assert "-" + option in known[command], f"{command} has no -{option}"


def test_the_page_has_an_example_of_every_command_and_option(program):
    examples = PAGE[PAGE.index(".Sh EXAMPLES"):]
    # What several commands have is shown once.
    shared = {*COMMON, "--json", "--log", "--log-format", "--log-level", "--all"}
    for command, options in all_options(program).items():
        if command is None:
            continue
        lines = re.findall(rf"withdrawd {command}\b(?:.*\\e\n)*.*", examples)
        assert lines, f"docs/man/withdrawd.8 needs an example of {command}"
        for option in options:
            if option in ("-h", "--help"):
                continue
            where = examples if option in shared else "\n".join(lines)
            assert re.search(rf" {option}(?![\w-])", where), (
                f"docs/man/withdrawd.8 needs an example of {command} {option}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@needs("mandoc")
def test_mandoc_has_nothing_to_say(page):
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@needs("man")
def test_man_renders_without_warnings(page):
    if not shutil.which("groff"):
        pytest.skip("needs groff")
    for width in ("80", "40"):
        done = subprocess.run(
            ["man", "--warnings=w", "-l", page], capture_output=True, text=True,
            env={
                "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": width, "MANPAGER": "cat",
            },
        )
        assert done.returncode == 0
        # A word that is wider than a narrow terminal is no fault of the page.
        wide = re.compile("adjust line|break line")
        said = [line for line in done.stderr.splitlines() if not wide.search(line)]
        assert said == []
        assert len(done.stdout.splitlines()) > 100
