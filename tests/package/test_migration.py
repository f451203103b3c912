"""The configurations in docs/migration.md are good ones."""

import re
import subprocess

import pytest
from conftest import ROOT

SECTIONS = re.split(r"^## ", (ROOT / "docs/migration.md").read_text(), flags=re.M)
BLOCKS = [
    (section.splitlines()[0], block)
    for section in SECTIONS if section.startswith("From ")
    for block in re.findall(r"^```toml\n(.*?)^```", section, re.M | re.S)
]


def test_each_way_has_a_configuration():
    text = (ROOT / "docs/migration.md").read_text()
    assert [title for title, _ in BLOCKS] == re.findall(r"^## (From .*)$", text, re.M)


@pytest.mark.parametrize("title,text", BLOCKS, ids=[title for title, _ in BLOCKS])
def test_the_configuration_is_valid(title, text, program, tmp_path):
    path = tmp_path / "withdrawd.toml"
    path.write_text(text)
    done = subprocess.run([program, "validate", "-c", path], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
