"""The systemd unit, as far as it can be judged without a running systemd."""

import re
import shutil
import subprocess

import pytest
from conftest import ROOT

ETC = ROOT / "etc"
pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze"
)


@pytest.fixture
def unit(tmp_path):
    """As it is installed."""
    text = (ETC / "withdrawd.service.in").read_text()
    for name, value in {"sbindir": "/usr/sbin", "docdir": "/usr/share/doc/withdrawd"}.items():
        text = text.replace(f"@{name}@", value)
    assert not re.search(r"@\w+@", text)
    path = tmp_path / "withdrawd.service"
    path.write_text(text)
    return path


def exposure(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    verdict = re.search(r"exposure level for \S+: ([\d.]+) (\w+)", done.stdout)
    assert verdict, done.stdout + done.stderr
    return float(verdict[1]), verdict[2]


def test_the_unit_confines_withdrawd(unit, measured):
    number, word = exposure(unit)
    measured(f"systemd-analyze security: {number} {word}")
    assert word in ("OK", "PERFECT", "SAFE")
    assert number <= 2.0


def test_the_hard_path_takes_one_capability_more(unit, measured):
    # What a drop-in says goes before, or is added.
    lines = (ETC / "hard.conf").read_text().splitlines()
    said = [x for x in lines if "=" in x and not x.startswith("#")]
    assert said == ["CapabilityBoundingSet=CAP_KILL", "AmbientCapabilities=CAP_KILL"]
    text = unit.read_text()
    for line in said:
        text = re.sub(rf"^{line.split('=')[0]}=$", line, text, flags=re.M)
    unit.write_text(text)
    number, word = exposure(unit)
    measured(f"systemd-analyze security, with hard.conf: {number} {word}")
    assert word in ("OK", "PERFECT", "SAFE")


def test_the_daemon_is_the_last_to_be_killed_for_memory_and_has_descriptors(unit):
    said = dict(x.split("=", 1) for x in unit.read_text().splitlines() if re.match(r"\w+=", x))
    assert int(said["OOMScoreAdjust"]) <= -500
    assert said["OOMPolicy"] == "continue"  # else a plugin that is killed takes the daemon along
    assert int(said["LimitNOFILE"]) >= 8192


def test_systemd_has_nothing_to_say_about_the_unit(unit, program):
    # The program and the manual pages are not where the unit will find them.
    unit.write_text(
        re.sub(r"^Documentation=.*\n", "", unit.read_text(), flags=re.M).replace(
            "/usr/sbin/withdrawd", str(program)
        )
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit],
        capture_output=True, text=True,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_sysusers_and_tmpfiles_make_what_the_unit_needs(tmp_path):
    root = tmp_path / "root"
    config = ("usr/lib/sysusers.d", "usr/lib/tmpfiles.d")
    for directory in ("etc", *config, "run", "var/lib", "var/log"):
        (root / directory).mkdir(parents=True)
    shutil.copy(ETC / "withdrawd.sysusers", root / "usr/lib/sysusers.d/withdrawd.conf")
    shutil.copy(ETC / "withdrawd.tmpfiles", root / "usr/lib/tmpfiles.d/withdrawd.conf")
    (root / "etc/group").write_text("root:x:0:\nadm:x:4:\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    if subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip() != "0":
        pytest.skip("needs root")
    for argv in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        if not shutil.which(argv[0]):
            pytest.skip(f"needs {argv[0]}")
        done = subprocess.run(
            [*argv, f"--root={root}", "withdrawd.conf"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert re.search(
        r"^withdrawd:x:\d+:\d+:.*:/var/lib/withdrawd:/usr/sbin/nologin$",
        (root / "etc/passwd").read_text(), re.M,
    )
    made = [(root / d / "withdrawd").stat() for d in ("run", "var/lib", "var/log")]
    assert [oct(status.st_mode & 0o777) for status in made] == ["0o755", "0o755", "0o750"]
    owner = int(re.search(r"^withdrawd:x:(\d+)", (root / "etc/passwd").read_text(), re.M)[1])
    assert {status.st_uid for status in made} == {owner}
