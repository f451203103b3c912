"""Completion offers every command and option, in bash, zsh and fish."""

import os
import shutil
import subprocess

import pytest
from asking import all_options, commands
from conftest import ROOT

COMPLETION = ROOT / "etc" / "completion"

CONFIGURATION = """
[check.resolver]
server = "127.0.0.1"
name = "www.test.com"

[check."ns1.example"]
server = "127.0.0.1"
name = "www.test.com"

[rule.anycast]
prefixes = ["192.0.2.0/24",
            "2001:db8:53::/48"]
checks = ["resolver"]
"""

BASH = """
source {file}
COMP_WORDS=({words} "$CURRENT")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_withdrawd
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# zsh's own functions are replaced by some that print what they are given.
ZSH = """
compadd() {{ shift; while [[ $1 == -* && $1 != -- ]]; do shift 2; done; shift; print -rl -- "$@" }}
_describe() {{ print -rl -- "${{(@P)2}}" }}
_arguments() {{
  if [[ $1 == -C && "{command}" != "" ]]; then
    state=argument; line=("{command}"); opt_args=(-c "$CONFIG")
  elif [[ $1 == -C ]]; then
    print -rl -- "$@"; state=command
  else
    local one; for one in "$@"; do
      print -r -- "$one"
      [[ $one != *:_withdrawd_* ]] || eval ${{one##*:}}
    done
  fi
}}
compdef() {{ : }}
source {file}
"""


def run(*argv, **variables):
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**os.environ, "HOME": "/nonexistent", **variables},
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


def bash(words, current, **variables):
    script = BASH.format(file=COMPLETION / "withdrawd.bash", words=" ".join(words))
    return run("bash", "--norc", "-c", script, CURRENT=current, **variables)


def zsh(command, configuration=""):
    script = ZSH.format(file=COMPLETION / "_withdrawd", command=command or "")
    return run("zsh", "-f", "-c", script, CONFIG=str(configuration))


def fish(line):
    script = f"source {COMPLETION / 'withdrawd.fish'}; complete -C '{line}'"
    return [x.split("\t")[0] for x in run("fish", "--no-config", "-c", script)]


def needs(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason=f"needs {shell}")


@pytest.fixture
def configuration(tmp_path):
    path = tmp_path / "withdrawd.toml"
    path.write_text(CONFIGURATION)
    return path


def test_bash_offers_every_command_and_option(program):
    assert sorted(bash(["withdrawd"], "")) == sorted(commands(program))
    for command, options in all_options(program).items():
        words = ["withdrawd"] + ([command] if command else [])
        assert sorted(bash(words, "-")) == sorted(options), command


def test_bash_offers_what_the_configuration_has(configuration):
    begin = ["withdrawd"]
    with_file = ["-c", str(configuration)]
    assert bash([*begin, "check", *with_file], "") == ["resolver", "ns1.example"]
    assert bash([*begin, "show", *with_file], "") == ["192.0.2.0/24", "2001:db8:53::/48"]
    assert bash([*begin, "drain", *with_file], "any") == ["anycast"]
    assert bash([*begin, "drain", *with_file], "192") == ["192.0.2.0/24"]
    assert bash([*begin, "run", "--log-level"], "c") == ["critical"]


@needs("zsh")
def test_zsh_offers_every_command_and_option(program):
    first = zsh(None)
    assert {line.split(":")[0] for line in first if line[:1].isalpha() and ":" in line} >= set(
        commands(program)
    )
    for command, options in all_options(program).items():
        text = "\n".join(first if command is None else zsh(command))
        offered = {
            line.split("[")[0].split(")")[-1] for line in text.splitlines() if "[" in line
        }
        assert offered == set(options), command


@needs("zsh")
def test_zsh_offers_what_the_configuration_has(configuration):
    assert {"resolver", "ns1.example"} <= set(zsh("check", configuration))
    assert {"192.0.2.0/24", "2001:db8:53::/48"} <= set(zsh("show", configuration))
    assert {"anycast", "192.0.2.0/24"} <= set(zsh("drain", configuration))


@needs("fish")
def test_fish_offers_every_command_and_option(program):
    assert set(fish("withdrawd ")) == set(commands(program))
    for command, options in all_options(program).items():
        line = f"withdrawd {command} -" if command else "withdrawd -"
        # What has a long name is offered by that with two dashes, by its letter with one.
        offered = set(fish(line)) | set(fish(line + "-"))
        assert offered == set(options), command


@needs("fish")
def test_fish_offers_what_the_configuration_has(configuration):
    assert set(fish(f"withdrawd check -c {configuration} ")) == {"resolver", "ns1.example"}
    assert set(fish(f"withdrawd drain -c {configuration} ")) == {
        "anycast", "192.0.2.0/24", "2001:db8:53::/48"
    }
