"""The archive of tools/release: what is in it, the same twice, and at work where there is nothing else."""

import json
import os
import re
import subprocess
import tarfile

import pytest
from conftest import make_release
from lab import Lab, Nsd, Prefixes, missing_requirements
from lab.namespaces import NetworkNamespace


@pytest.fixture(scope="module")
def archive(release):
    (found,) = release.glob("withdrawd-*-linux-*.tar.gz")
    return found


@pytest.fixture(scope="module")
def bill(release):
    (found,) = release.glob("*.spdx.json")
    return json.loads(found.read_text())


@pytest.fixture(scope="module")
def root(archive, tmp_path_factory):
    """A root with the program and nothing else, not even /dev and /proc."""
    folder = tmp_path_factory.mktemp("root")
    with tarfile.open(archive) as packed:
        packed.extract("usr/sbin/withdrawd", folder)
    return folder


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
WHY_NOT = missing_requirements()
needs_lab = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "")


def test_it_is_the_same_twice_and_its_sums_hold(program, release, tmp_path, measured):
    make_release(program, tmp_path)
    files = sorted(path.name for path in release.iterdir())
    assert len(files) == 3 and files == sorted(path.name for path in tmp_path.iterdir())
    for name in files:
        assert (release / name).read_bytes() == (tmp_path / name).read_bytes(), name
        measured(f"{name}: {(release / name).stat().st_size} bytes")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=release, check=True)


def test_it_has_what_a_host_gets_and_leaves_alone_what_an_operator_writes(archive):
    with tarfile.open(archive) as packed:
        members = packed.getmembers()
    names = [member.name for member in members]
    assert names == sorted(names)
    # Folders of the host would get the archive's owners and modes.
    assert all(member.isfile() and member.uid == member.gid == 0 for member in members)
    assert len({member.mtime for member in members}) == 1
    programs = {member.name for member in members if member.mode & 0o111}
    assert {"usr/sbin/withdrawd", "etc/init.d/withdrawd"} < programs
    assert {
        "etc/logrotate.d/withdrawd", "usr/lib/systemd/system/withdrawd.service",
        "usr/lib/sysusers.d/withdrawd.conf", "usr/lib/tmpfiles.d/withdrawd.conf",
        "usr/share/bash-completion/completions/withdrawd",
        "usr/share/doc/withdrawd/LICENSE", "usr/share/doc/withdrawd/install.md",
        "usr/share/doc/withdrawd/examples/withdrawd.toml",
        "usr/share/doc/withdrawd/examples/withdrawd.default",
        "usr/share/fish/vendor_completions.d/withdrawd.fish", "usr/share/man/man5/withdrawd.toml.5",
        "usr/share/man/man8/withdrawd.8", "usr/share/zsh/vendor-completions/_withdrawd",
    } < set(names)
    assert not [name for name in names if name.startswith(("etc/withdrawd", "etc/default"))]


def test_the_bill_names_what_is_linked_and_the_archive_has_its_licences(archive, bill, program):
    known = {package["name"]: package for package in bill["packages"]}
    assert bill["spdxVersion"] == "SPDX-2.3"
    kinds = {
        relation["relatedSpdxElement"].removeprefix("SPDXRef-"): relation["relationshipType"]
        for relation in bill["relationships"]
    }
    linked = {name for name, kind in kinds.items() if kind == "STATIC_LINK"}
    assert {"glibc", "ldns", "openssl"} < linked and any(name.startswith("gcc-") for name in linked)
    for name in ("boost", "cli11", "fmtlib", "tomlplusplus"):
        assert any(other.startswith(name) for other in known), name
    # Each archive that the linker took something from.
    text = (program.parents[2] / "src/cli/withdrawd-static.map").read_text(errors="replace")
    said = " ".join(package.get("sourceInfo", "") for package in bill["packages"])
    archives = set(re.findall(r"^/\S+/([\w+.-]+\.a)\(", text, re.M))
    assert {"libc.a", "libcrypto.a", "libldns.a", "libssl.a", "libstdc++.a"} <= archives
    for name in archives:
        assert name in said, name
    version = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "libssl-dev"], capture_output=True, text=True
    ).stdout
    assert known["openssl"]["versionInfo"] == version
    with tarfile.open(archive) as packed:
        texts = {name for name in packed.getnames() if "/licences/" in name}
    for name, package in known.items():
        assert package["licenseDeclared"] != "NOASSERTION", f"{name}: look at its licence"
        assert name == "withdrawd" or f"usr/share/doc/withdrawd/licences/{name}" in texts


@needs_root
def test_it_needs_no_library(root):
    done = subprocess.run(
        ["chroot", root, "/usr/sbin/withdrawd", "--version"], capture_output=True, text=True
    )
    assert re.fullmatch(r"withdrawd [\d.]+\n", done.stdout) and done.returncode == 0, done.stderr


@needs_lab
def test_it_checks_where_there_is_nothing_but_it(root, tmp_path):
    (root / "withdrawd.toml").write_text(
        '[check.resolver]\nserver = "127.0.0.1"\nname = "www.test.com"\n'
        '[rule.anycast]\nprefixes = ["192.0.2.0/24"]\nchecks = ["resolver"]\n'
    )
    network = NetworkNamespace("release")
    try:
        dns = Nsd(network, tmp_path / "dns")
        done = subprocess.run(
            network.enter("chroot", root, "/usr/sbin/withdrawd", "check", "-c", "/withdrawd.toml"),
            capture_output=True, text=True,
        )
        dns.close()
    finally:
        network.close()
    assert done.returncode == 0 and "198.18.0.53" in done.stdout, done.stdout + done.stderr


# What says that it was loaded by ending the process.
TRAP = "#include <unistd.h>\n__attribute__((constructor)) void loaded(void) { _exit(99); }\n"


@needs_lab
def test_it_withdraws_and_loads_no_library_that_the_host_names(root):
    """It is made for the host's C library, and may crash a program that has another one."""
    with Lab(root / "usr/sbin/withdrawd") as lab:
        folder = lab.directory
        (folder / "trap.c").write_text(TRAP)
        trap = folder / "libnss_trap.so.2"
        subprocess.run(["g++", "-shared", "-fPIC", "-x", "c", folder / "trap.c", "-o", trap], check=True)
        (folder / "nsswitch.conf").write_text("".join(
            f"{database}: trap files\n" for database in ("passwd", "group", "initgroups", "hosts")
        ))
        (folder / "openssl.cnf").write_text(
            "openssl_conf = all\n[all]\nengines = engines\n[engines]\ntrap = trap\n"
            f"[trap]\nengine_id = dynamic\nSO_PATH = {trap}\nLOAD = EMPTY\n"
        )
        trapped = [
            "unshare", "--mount", "sh", "-ec",
            f"mount --bind {folder}/nsswitch.conf /etc/nsswitch.conf\n"
            f"export LD_LIBRARY_PATH={folder} OPENSSL_CONF={folder}/openssl.cnf\n" 'exec "$@"', "sh",
        ]
        assert subprocess.run([*trapped, "getent", "passwd", "root"]).returncode == 99
        lab.dns.kill()
        configuration = lab.write(lab.configuration(
            transports=["socket"], top={"control_group": "nogroup"},
        ))
        done = subprocess.run(
            lab.place.enter(*trapped, lab.program, "once", "-c", configuration),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        assert done.returncode == 1 and "withdrawn" in done.stdout, done.stdout
        lab.wait_for_announcements(Prefixes.STAYING)
