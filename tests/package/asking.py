"""What the program says of itself: its commands and their options."""

import re
import subprocess


def help_text(program, *command):
    done = subprocess.run(
        [program, *command, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=True,
    )
    return done.stdout


def commands(program):
    """The names of the subcommands."""
    text = help_text(program)
    names = re.findall(r"^  ([a-z][a-z-]*) ", text[text.index("Subcommands:"):], re.M)
    assert len(names) > 10, text
    return names


def options(program, command=None):
    """{"-c", "--config", ...} of a subcommand, or of the program itself: by option, what it takes:
    "" or its default or "TEXT"."""
    text = help_text(program, *([command] if command else []))
    found = {}
    for line in re.findall(r"^  (-\S.*)$", text, re.M):
        names, rest = re.match(r"(-[\w,-]+)(.*)", line).groups()
        takes = re.match(r" (?:TEXT|UINT|INT|FLOAT)(?:=(\S+)|:\S+)?", rest)
        for name in names.split(","):
            found[name] = (takes[1] or "TEXT") if takes else ""
    assert "--help" in found, text
    return found


def all_options(program):
    """By command, and by None for those of the program itself."""
    return {name: options(program, name) for name in (None, *commands(program))}
