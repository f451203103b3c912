"""The configurations in the README are good ones, and its commands are there."""

import re
import subprocess

import pytest
from asking import commands, options
from conftest import ROOT

README = (ROOT / "README.md").read_text()
SECTION = re.search(r"^## Configuration\n(.*?)^## ", README, re.M | re.S)[1]
FIRST, *MORE = re.findall(r"^```toml\n(.*?)^```", SECTION, re.M | re.S)


def validated(program, tmp_path, text):
    path = tmp_path / "withdrawd.toml"
    path.write_text(text)
    done = subprocess.run([program, "validate", "-c", path], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_the_first_configuration_is_valid_as_it_stands(program, tmp_path):
    validated(program, tmp_path, FIRST)


@pytest.mark.parametrize("text", MORE, ids=[text.split("\n")[0] for text in MORE])
def test_each_further_piece_is_valid_beside_the_first(program, tmp_path, text):
    names = re.findall(r"^\[check\.(.+)\]$", text, re.M)
    if "[rule." not in text and names:
        checks = ", ".join(f'"{name}"' for name in names)
        text += f'\n[rule.more]\nprefixes = ["198.18.0.0/24"]\nchecks = [{checks}]\n'
    validated(program, tmp_path, f"{text}\n{FIRST}")


def test_what_the_readme_types_is_there(program):
    known = {name: options(program, name) for name in commands(program)}
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
    rows = re.findall(r"^\| `(.*?)` \|", README, re.M)
    typed = re.findall(r"^withdrawd ([a-z]+)\b([^#\n]*)", "\n".join([*blocks, *rows]), re.M)
    assert len(typed) > 15
    for name, arguments in typed:
        assert name in known, name
        for option in re.findall(r"(?<!\S)\[?(--[\w-]+)", arguments):
            assert option in known[name], f"{name} {option}"
    # And the table has every command.
    table = README[README.index("| command | what it does |"):]
    for name in known:
        assert re.search(rf"`(withdrawd )?{name}\b", table), name
