"""The Debian package: built, looked at, installed, followed through the README, upgraded, purged.

In a bare Debian root of its own, with a real systemd where one can run, and without.
"""

import json
import re
import shutil
import signal
import subprocess
import time

import debian_root
import pytest
from conftest import ROOT
from debian_root import Host
from lab import Nsd, Peer, Prefixes, missing_requirements, sweep, wait_until
from lab.namespaces import NetworkNamespace, command
from lab.network import EDGE, PEER

WHY_NOT = debian_root.missing() or missing_requirements()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "")

# What the peer hears. Over IPv6 it takes none of the link-local next hops that zebra brings in.
ALL = {Prefixes.PLAIN, Prefixes.TAGGED, Prefixes.OTHER}
VERSION = re.search(r"\((.*?)\)", (ROOT / "debian/changelog").read_text())[1]
# FRR as a package has it, announcing what the lab's edge announces.
ANNOUNCES = f"""
sed -i 's/^bgpd=no/bgpd=yes/' etc/frr/daemons
cat >etc/frr/frr.conf <<'END'
{EDGE}END
"""


class World:
    """Around a host: a BGP peer and a DNS server, in namespaces of the lab."""

    def __init__(self, base, directory, packages, systemd, prepare=ANNOUNCES):
        self.base, self.directory, self.packages = base, directory, packages
        self.systemd, self.prepare = systemd, prepare

    def __enter__(self):
        sweep()
        self.directory.mkdir(parents=True)
        # bgpd is another user.
        for folder in (self.directory, *self.directory.parents[:3]):
            folder.chmod(0o755)
        name = "systemd" if self.systemd else "plain"
        self.near, self.far = NetworkNamespace(name), NetworkNamespace(name + "-peer")
        try:
            command(
                "ip", "link", "add", "to-peer", "netns", self.near.name, "type", "veth",
                "peer", "name", "to-edge", "netns", self.far.name,
            )
            for namespace, link, host in ((self.near, "to-peer", 1), (self.far, "to-edge", 2)):
                namespace.ip("address", "add", f"10.53.0.{host}/24", "dev", link)
                namespace.ip("address", "add", f"fd53::{host}/64", "dev", link, "nodad")
                namespace.ip("link", "set", link, "up")
            self.dns = Nsd(self.near, self.directory / "dns")
            self.peer = Peer(self.far, self.directory / "peer", PEER)
            self.host = Host(self.base, self.near, self.packages, self.systemd, self.prepare)
            self.host.__enter__()
        except BaseException:
            self._close_namespaces()
            raise
        return self

    def __exit__(self, *_):
        self.host.__exit__()
        self._close_namespaces()

    def _close_namespaces(self):
        self.near.close()
        self.far.close()

    def wait_for(self, prefixes, within=60):
        wait_until(
            f"the peer to have {sorted(prefixes)}",
            lambda: self.peer.established() and self.peer.prefixes() == prefixes, within,
        )


# Building and looking at it


@pytest.fixture(scope="module")
def packages(program, request, tmp_path_factory, measured):
    """The folder that dpkg-buildpackage has filled, and one with the next version in it."""
    folder = tmp_path_factory.mktemp("packages")
    source = folder / "withdrawd"
    source.mkdir()
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
            capture_output=True, text=True,
        ).stdout.split("\0")
        files = [name for name in listed if name and (ROOT / name).is_file()]
    except (OSError, subprocess.CalledProcessError):
        kept = (
            "meson.build", "meson_options.txt", "README.md", "LICENSE", "debian/**/*", "docs/**/*",
            "etc/**/*", "src/**/*", "subprojects/*.wrap",
        )
        files = [str(x.relative_to(ROOT)) for p in kept for x in ROOT.glob(p) if x.is_file()]
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    began = time.monotonic()
    if request.config.getoption("--compile-package"):
        compile_package(folder)
    else:
        environment = {
            "PATH": debian_root.PATH, "HOME": str(folder), "LC_ALL": "C.UTF-8",
            "DEB_BUILD_OPTIONS": "nocheck noautodbgsym", "WITHDRAWD_PROGRAM": str(program),
        }
        debian_root.run("dpkg-buildpackage", "-us", "-uc", cwd=source, env=environment)
    measured(f"package built in {time.monotonic() - began:.0f} s")
    shutil.rmtree(source)
    next_version(folder)
    folder.chmod(0o755)
    return folder


def compile_package(folder):
    """As Debian's builders do: in a root with what Build-Depends names and no more, as nobody, at
    home nowhere, with no network but the loopback; and the tests are run."""
    depends = debian_root.run(
        "perl", "-MDpkg::Control::Info", "-e",
        "print Dpkg::Control::Info->new($ARGV[0])->get_source->{'Build-Depends'}",
        ROOT / "debian/control",
    )
    try:
        root = debian_root.base(" ".join(depends.split()), debian_root.BUILDS, "builder")
    except debian_root.Unavailable as problem:
        pytest.skip(str(problem))
    network = NetworkNamespace("builder")
    try:
        with Host(root, network, folder, systemd=False) as host:
            host.do("chown -R nobody /mnt")
            host.do("""
cd /mnt/withdrawd
exec setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/nonexistent \\
  DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc
""", within=7200)
    finally:
        network.close()


def deb(version=VERSION):
    return f"withdrawd_{version}_{architecture()}.deb"


def architecture():
    return debian_root.run("dpkg", "--print-architecture").strip()


def next_version(folder):
    """Two later ones: what is in them is the same, but for the configuration in the second."""
    changes = {VERSION + "+1": "", VERSION + "+2": "# The packager's new remark.\n"}
    for version, change in changes.items():
        unpacked = folder / "unpacked"
        debian_root.run("dpkg-deb", "-R", folder / deb(), unpacked)
        control = unpacked / "DEBIAN/control"
        text = control.read_text()
        control.write_text(text.replace(f"Version: {VERSION}\n", f"Version: {version}\n"))
        configuration = unpacked / "etc/withdrawd/withdrawd.toml"
        configuration.write_text(change + configuration.read_text())
        debian_root.run("dpkg-deb", "--root-owner-group", "-b", unpacked, folder / deb(version))
        shutil.rmtree(unpacked)


@pytest.mark.skipif(not shutil.which("lintian"), reason="needs lintian")
def test_lintian_finds_no_errors_and_no_warnings(packages):
    changes = next(packages.glob("*.changes"))
    done = subprocess.run(
        ["lintian", "--fail-on", "error,warning", changes], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture(scope="module")
def base(packages, measured):
    began = time.monotonic()
    depends = debian_root.run("dpkg-deb", "-f", packages / deb(), "Depends").strip()
    try:
        found = debian_root.base(depends)
    except debian_root.Unavailable as problem:
        pytest.skip(str(problem))
    measured(f"bare Debian root ready in {time.monotonic() - began:.0f} s")
    return found


# What the README says, on a host with systemd


def install_section():
    """The blocks of commands under "Install" in the README."""
    text = (ROOT / "README.md").read_text()
    section = re.search(r"^## Install\n(.*?)^## ", text, re.M | re.S)[1]
    return re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)


@pytest.fixture(scope="module")
def world(base, packages, tmp_path_factory):
    """A host whose FRR announces, with systemd, after the first block of the README's section."""
    world = World(base, tmp_path_factory.mktemp("systemd") / "world", packages, systemd=True)
    try:
        world.__enter__()
    except debian_root.Unavailable as problem:
        pytest.skip(str(problem))
    try:
        world.host.until("FRR to run", "systemctl is-active frr && vtysh -c 'show bgp summary'")
        world.wait_for(ALL)
        yield world
    finally:
        world.__exit__()


def follow(host, block):
    """Types the commands of a block, in the folder where the package is; those that failed."""
    script = f"cd /mnt\ntrap 'echo \"FAILED: $BASH_COMMAND\"' ERR\n{block}"
    _, said = host.sh(script, shell="bash")
    return re.findall(r"^FAILED: (.*)", said, re.M), said


def test_the_readme_takes_a_bare_root_to_a_withdrawn_prefix(world, packages):
    install, drain, undrain = install_section()
    # The next versions are not what is installed.
    install = install.replace("withdrawd_*.deb", deb())
    failed, said = follow(world.host, install)
    # What it knows of health a moment after its start is not much. And the right to kill bgpd is given
    # separately: the one thing that is not right yet.
    assert "withdrawd doctor" in failed and set(failed) <= {"withdrawd doctor", "withdrawd status"}, said
    assert "1 thing is wrong." in said and "withdrawd may not kill it" in " ".join(said.split()), said
    mine = {Prefixes.PLAIN}
    world.wait_for(ALL)
    failed, said = follow(world.host, drain)
    assert failed == [], said
    world.wait_for(ALL - mine)
    failed, said = follow(world.host, undrain)
    assert failed == [], said
    world.wait_for(ALL)

    world.dns.kill()
    world.wait_for(ALL - mine)
    wanted = f'Status: "1 prefix, 1 withdrawn ({Prefixes.PLAIN})"'
    wait_until(
        wanted, lambda: wanted in world.host.do("systemctl status withdrawd --no-pager"), within=10,
        every=0.2,
    )
    world.dns.repair()
    world.wait_for(ALL)


def configure(world, text):
    world.host.do(f"cat >/etc/withdrawd/withdrawd.toml <<'END'\n{text}END\n")


CHECK = """
[check.resolver]
server = "127.0.0.1"
name = "www.test.com"
interval = "200ms"
"""
RULE = f"""
[rule.anycast]
prefixes = ["{Prefixes.PLAIN}"]
checks = [CHECKS]
"""


def daemon_pid(world):
    return world.host.do("systemctl show -p MainPID --value withdrawd").strip()


def test_the_unit_lets_every_kind_of_check_and_an_on_change_work(world):
    rule = RULE.replace("CHECKS", '"resolver", "here", "asked", "maintenance"')
    configure(world, f"""
on_change = ["/usr/share/doc/withdrawd/examples/on-change-mail", "noc@example.com",
             "smtp://127.0.0.1:2525"]
{CHECK}
[check.here]
type = "address"
address = "10.53.0.1"
[check.asked]
type = "exec"
command = ["/usr/bin/vtysh", "-d", "bgpd", "-c", "show version"]
timeout = "5s"
[check.maintenance]
type = "file"
path = "/etc/withdrawd/maintenance"
{rule}""")
    world.host.do("systemctl reload withdrawd")
    ups = "withdrawd status --json | grep -o '\"health\":\"up\"' | wc -l"
    # Four checks and the prefix.
    wait_until(
        "all to be up", lambda: int(world.host.do(f"{ups} || true")) == 5, within=60, every=0.2
    )
    world.host.do("touch /etc/withdrawd/maintenance")
    world.wait_for(ALL - {Prefixes.PLAIN})
    world.host.do("rm /etc/withdrawd/maintenance")
    world.wait_for(ALL)
    # The mail server is not there, and that is what it hears, out of the sandbox.
    journal = "journalctl -u withdrawd --no-pager"
    wait_until(
        "on_change to have been tried",
        lambda: re.search(r"on_change for .*curl: \(7\)", world.host.do(journal)), within=20,
    )
    # bgpd's vty group may ask the daemon, and so may nobody else.
    assert "frrvty" in world.host.do("stat -c %G /run/withdrawd/control.sock")


def test_a_broken_configuration_fails_the_reload_and_changes_nothing(world):
    pid = daemon_pid(world)
    configure(world, "[check.resolver\n")
    status, said = world.host.sh("systemctl reload withdrawd")
    assert status != 0, said
    assert daemon_pid(world) == pid
    configure(world, CHECK + RULE.replace("CHECKS", '"resolver"'))
    world.host.do("systemctl reload withdrawd")
    world.host.do("systemctl is-active withdrawd")


@pytest.mark.parametrize(
    "missing",
    ("/run/withdrawd /var/lib/withdrawd", "/run/withdrawd/* /var/lib/withdrawd/*"),
    ids=("the folders", "what is in them"),
)
def test_what_root_makes_before_the_first_start_does_not_keep_the_unit_from_starting(world, missing):
    """Folders that are root's systemd gives to the service with all that is in them; what is root's in
    the service's own folder it leaves so."""
    configure(world, CHECK + RULE.replace("CHECKS", '"resolver"'))
    folders = "/run/withdrawd /var/lib/withdrawd"
    world.host.do(f"systemctl stop withdrawd && rm -r {missing}")
    world.host.do("withdrawd drain anycast --for 1h")
    world.host.do("test -f /var/lib/withdrawd/state.json")
    # It withdraws as the drain says, and takes the daemon's lock for that.
    world.host.sh("withdrawd once")
    world.host.do("test -f /run/withdrawd/lock")
    world.wait_for(ALL - {Prefixes.PLAIN})

    world.host.do("systemctl start withdrawd && systemctl is-active withdrawd")
    world.host.do("withdrawd undrain anycast")
    world.wait_for(ALL)
    owners = dict(
        line.split()
        for line in world.host.do(f"find {folders} -printf '%p %u\\n'").splitlines()
    )
    names = {path.rsplit("/", 1)[1] for path in owners}
    assert {"lock", "control.sock", "state.json", "history.jsonl"} <= names, owners
    assert set(owners.values()) == {"withdrawd"}, owners


def test_a_daemon_that_is_stuck_is_started_again_by_systemd(world):
    world.host.do("""
mkdir -p /etc/systemd/system/withdrawd.service.d
printf '[Service]\\nWatchdogSec=5\\n' >/etc/systemd/system/withdrawd.service.d/soon.conf
systemctl daemon-reload
systemctl restart withdrawd
""")
    pid = daemon_pid(world)
    # It is fed: as long as it works nothing happens.
    began = time.monotonic()
    while time.monotonic() - began < 6:
        assert daemon_pid(world) == pid
        time.sleep(0.2)
    world.host.do(f"kill -STOP {pid}")
    wait_until(
        "another daemon", lambda: daemon_pid(world) not in ("0", pid), within=60, every=0.2
    )
    world.host.do("rm -r /etc/systemd/system/withdrawd.service.d && systemctl daemon-reload")
    world.wait_for(ALL)


def test_the_soft_unit_says_what_the_hard_path_lacks_and_the_drop_in_brings_it(world):
    quick = "[fallback]\nafter = \"1s\"\n" + CHECK + RULE.replace("CHECKS", '"resolver"')
    configure(world, quick)
    world.host.do("systemctl restart withdrawd")
    world.host.until("health", "withdrawd status --json | grep -q '\"health\":\"up\"'")
    bgpd = world.host.do("pidof bgpd").strip()
    journal = "journalctl -u withdrawd --no-pager"
    try:
        world.host.do(f"kill -STOP {bgpd}")
        world.dns.kill()
        wait_until(
            "it to say that it may not", lambda: "CAP_KILL" in world.host.do(journal), within=30,
            every=0.2,
        )
        assert world.host.do("pidof bgpd").strip() == bgpd
        # What the file itself says is to be done.
        said = world.host.do("""
cd /usr/share/doc/withdrawd/examples
install -D -m 644 hard.conf /etc/systemd/system/withdrawd.service.d/hard.conf
install -D -m 644 withdrawd.rules /etc/polkit-1/rules.d/withdrawd.rules
systemctl daemon-reload && systemctl restart withdrawd
""")
        wait_until(
            "bgpd to be another", lambda: world.host.sh("pidof bgpd")[1].strip() not in ("", bgpd),
            within=60, every=0.2,
        )
        assert "killed" in world.host.do(journal), said
    finally:
        world.host.sh(f"kill -CONT {bgpd}")
        world.dns.repair()
    world.wait_for(ALL, within=90)
    # As withdrawd, by the rule: this unit, this verb, nothing else.
    asks = "setpriv --reuid=withdrawd --regid=withdrawd --init-groups systemctl --no-ask-password"
    assert world.host.sh(f"{asks} restart cron")[0] != 0
    assert world.host.sh(f"{asks} stop frr")[0] != 0
    assert world.host.sh(f"{asks} restart frr")[0] == 0
    world.wait_for(ALL, within=60)


def test_what_is_restarted_is_the_unit_that_bgpd_belongs_to(world):
    """FRR as frr@edge.service, in a pathspace of its own, beside frr.service, which is off."""
    world.host.do("""
systemctl disable --now frr
mkdir /etc/frr/edge && cp /etc/frr/daemons /etc/frr/frr.conf /etc/frr/vtysh.conf /etc/frr/edge/
chown -R frr:frr /etc/frr/edge
systemctl start frr@edge
""")
    edge = "[bgpd]\nsocket = \"/run/frr/edge/bgpd.vty\"\ntransports = [\"socket\"]\n"
    quick = "[fallback]\nafter = \"1s\"\n" + CHECK + RULE.replace("CHECKS", '"resolver"')
    configure(world, edge + quick)
    bgpd = None

    def freeze_and_fail():
        """Until another bgpd runs in its place, or none."""
        nonlocal bgpd
        bgpd = world.host.do("pidof bgpd").strip()
        world.host.do(f"kill -STOP {bgpd}")
        world.dns.kill()
        wait_until(
            "bgpd to be killed", lambda: bgpd not in world.host.sh("pidof bgpd")[1].split(),
            within=60, every=0.2,
        )

    def start_of_the_unit():
        return world.host.do("systemctl show -p InvocationID --value frr@edge").strip()

    try:
        world.wait_for(ALL, within=90)
        # FRR's script lets nobody but its own group look into a pathspace's folder.
        world.host.do("systemctl restart withdrawd")
        said = " ".join(world.host.sh("withdrawd doctor")[1].split())
        assert "connect: permission denied -> usermod -aG frr withdrawd" in said, said
        world.host.do("usermod -aG frr withdrawd && systemctl restart withdrawd")
        world.host.until("health", "withdrawd status --json | grep -q '\"health\":\"up\"'")
        said = " ".join(world.host.sh("withdrawd doctor")[1].split())
        assert "restart of bgpd: systemctl restart frr@edge.service" in said, said
        found = json.loads(world.host.sh("withdrawd doctor --json")[1])["findings"]
        read = [x["subject"] for x in found if x["item"] == "start-up"]
        assert read == ["/etc/frr/edge/frr.conf"], found

        # The first time watchfrr is faster. What bgpd announces by itself is withdrawn.
        freeze_and_fail()
        world.wait_for(ALL - {Prefixes.PLAIN}, within=90)
        world.dns.repair()
        world.wait_for(ALL)
        # The second time it waits for most of a minute.
        started = start_of_the_unit()
        freeze_and_fail()
        world.dns.repair()
        world.wait_for(ALL, within=40)
        assert start_of_the_unit() != started
        assert "frr@edge.service" in world.host.do("cat /proc/$(pidof bgpd)/cgroup")
        journal = world.host.do("journalctl -u withdrawd --no-pager")
        assert "bgpd restarted after the fallback" in journal, journal
        assert world.host.sh("systemctl is-active frr")[1].strip() == "inactive"
    finally:
        if bgpd:
            world.host.sh(f"kill -CONT {bgpd}")
        world.dns.repair()
        world.host.do("systemctl stop frr@edge; rm -r /etc/frr/edge; systemctl enable --now frr")
        world.host.sh("gpasswd -d withdrawd frr")
        world.wait_for(ALL, within=90)


def test_an_upgrade_keeps_what_was_edited_and_restarts_what_runs(world):
    edited = "# By hand.\n" + CHECK + RULE.replace("CHECKS", '"resolver"')
    configure(world, edited)
    world.host.do("systemctl reload withdrawd")
    pid = daemon_pid(world)
    lost = world.peer.sessions()["10.53.0.1"]["dropped"]
    for version, options in ((VERSION + "+1", ""), (VERSION + "+2", "--force-confdef")):
        world.host.do(f"dpkg -i {options} /mnt/{deb(version)}")
        assert world.host.do("cat /etc/withdrawd/withdrawd.toml") == edited
        world.host.do("systemctl is-active withdrawd")
        now = daemon_pid(world)
        assert now != pid
        pid = now
    assert "packager's new remark" in world.host.do("cat /etc/withdrawd/withdrawd.toml.dpkg-dist")
    world.wait_for(ALL)
    assert world.peer.sessions()["10.53.0.1"]["dropped"] == lost


def test_purging_leaves_nothing_but_the_user(world):
    world.host.do("dpkg --remove withdrawd")
    assert world.host.sh("pidof withdrawd")[0] != 0
    world.host.do("test -e /etc/withdrawd/withdrawd.toml")
    world.wait_for(ALL)
    world.host.do("dpkg --purge withdrawd")
    left = world.host.do("find / -xdev -name '*withdrawd*'")
    # The test's own, and what systemd and an editor of units keep.
    mine = ("/etc/polkit-1/", "/etc/systemd/system/withdrawd.service.d", f"/{debian_root.MARK}")
    assert [x for x in left.splitlines() if not x.startswith(mine)] == []
    world.host.do("getent passwd withdrawd")
    world.wait_for(ALL)


def test_an_archive_takes_a_host_without_the_package_to_a_withdrawn_prefix(world, packages, release):
    host = world.host
    host.sh("systemctl stop withdrawd; dpkg --purge withdrawd; deluser --quiet withdrawd")
    host.do("rm -rf /etc/polkit-1/rules.d/withdrawd.rules /etc/systemd/system/withdrawd.service.d")
    host.do("test ! -e /usr/sbin/withdrawd && test ! -e /etc/withdrawd")
    for archive in release.glob("*.tar.gz"):
        shutil.copy(archive, packages)
    text = (ROOT / "docs/install.md").read_text()
    section = re.search(r"^## Without a compiler\n(.*?)^## ", text, re.M | re.S)[1]
    failed, said = follow(host, re.search(r"^```sh\n(.*?)^```", section, re.M | re.S)[1])
    assert failed == [], said
    configure(world, CHECK + RULE.replace("CHECKS", '"resolver"'))
    host.do("systemctl enable --now withdrawd")
    host.until("health", "withdrawd status")
    assert "1 thing is wrong." in host.sh("withdrawd doctor")[1]  # that it may not kill bgpd
    world.dns.kill()
    world.wait_for(ALL - {Prefixes.PLAIN})
    world.dns.repair()
    world.wait_for(ALL)
    assert "withdrawd" in host.do("man -w 8 withdrawd")

    remove = re.search(r"^`(tar -t.*?)`", section, re.M)[1]
    failed, said = follow(host, f"systemctl disable --now withdrawd\n{remove}")
    assert failed == [], said
    left = host.do("find /etc /usr -name '*withdrawd*' -type f").split()
    assert left == ["/etc/withdrawd/withdrawd.toml"]
    world.wait_for(ALL)


# Without systemd


@pytest.fixture(scope="module")
def old_world(base, packages, tmp_path_factory):
    """A host whose init is none of Debian's; FRR is started by hand."""
    with World(base, tmp_path_factory.mktemp("plain") / "world", packages, systemd=False) as world:
        # What the init of such a host would say to those who ask before they start something.
        world.host.do("""
rm -f /sbin/runlevel
printf '#!/bin/sh\\necho N 2\\n' >/sbin/runlevel
chmod 755 /sbin/runlevel
""")
        world.host.do("/usr/lib/frr/frrinit.sh start", within=60)
        world.wait_for(ALL)
        yield world


def test_installing_starts_nothing_and_puts_everything_in_its_place(old_world):
    host = old_world.host
    host.do(f"dpkg -i /mnt/{deb()}")
    assert host.sh("pidof withdrawd")[0] != 0
    enabled = "find /etc/rc?.d /etc/systemd -name 'S*withdrawd' -o -name withdrawd.service"
    assert host.do(enabled) == ""
    assert "frrvty" in host.do("id -nG withdrawd").split()
    assert host.do("getent passwd withdrawd").endswith(":/var/lib/withdrawd:/usr/sbin/nologin\n")
    for name in (
        "/usr/sbin/withdrawd", "/lib/systemd/system/withdrawd.service",
        "/usr/lib/sysusers.d/withdrawd.conf", "/usr/lib/tmpfiles.d/withdrawd.conf",
        "/usr/share/bash-completion/completions/withdrawd",
        "/usr/share/zsh/vendor-completions/_withdrawd",
        "/usr/share/fish/vendor_completions.d/withdrawd.fish",
        "/usr/share/doc/withdrawd/examples/withdrawd.cron",
        "/usr/share/doc/withdrawd/examples/hard.conf",
    ):
        host.do(f"test -f {name}")
    kept = host.do("dpkg-query -W -f '${Conffiles}' withdrawd")
    assert set(re.findall(r"^ (/\S+)", kept, re.M)) == {
        "/etc/withdrawd/withdrawd.toml", "/etc/default/withdrawd", "/etc/init.d/withdrawd",
        "/etc/logrotate.d/withdrawd",
    }
    assert host.do("cat /usr/share/doc/withdrawd/examples/withdrawd.cron").count("\n*") == 0
    for page in ("8 withdrawd", "5 withdrawd.toml"):
        assert "withdrawd" in host.do(f"man -w {page}")
    host.do("withdrawd validate")


def test_the_init_script_starts_reloads_and_stops(old_world):
    host = old_world.host
    if host.sh("dpkg -s withdrawd")[0] != 0:
        host.do(f"dpkg -i /mnt/{deb()}")
    service = "/etc/init.d/withdrawd"
    configure(old_world, "[check.resolver\n")
    status, said = host.sh(f"{service} start")
    assert status == 6 and "withdrawd.toml:1" in said
    assert host.sh(f"{service} status")[0] == 3

    configure(old_world, CHECK + RULE.replace("CHECKS", '"resolver"'))
    host.do("update-rc.d withdrawd enable")
    host.do(f"{service} start")
    host.do(f"{service} start")
    host.do(f"{service} status")
    assert host.do("stat -c %U /proc/$(pidof withdrawd)").split() == ["withdrawd"]
    log = "/var/log/withdrawd/withdrawd.log"
    # FRR's init script has closed /run/frr to all but group frr; withdrawd says what mends that.
    host.until("what is missing", f"grep -q \"let withdrawd's user into /run/frr\" {log}")
    host.do(f"adduser --quiet withdrawd frr && {service} restart")
    host.until("health", "withdrawd status --json | grep -q '\"health\":\"up\"'")
    old_world.dns.kill()
    old_world.wait_for(ALL - {Prefixes.PLAIN})
    old_world.dns.repair()
    old_world.wait_for(ALL)

    # A broken file is said, and changes nothing; a good one is taken up.
    configure(old_world, "[check.resolver\n")
    status, said = host.sh(f"{service} reload")
    assert status != 0 and "withdrawd.toml:1" in said
    assert host.sh(f"{service} restart")[0] != 0
    host.do(f"{service} status")
    configure(old_world, CHECK + RULE.replace("CHECKS", '"resolver"'))
    host.do(f"{service} reload")
    host.until("the reload", f"grep -q 'SIGHUP: goes on with the new configuration' {log}")

    # logrotate, and the daemon logs on.
    host.do("logrotate -f /etc/logrotate.d/withdrawd && test -s /var/log/withdrawd/withdrawd.log.1")
    host.do(f"{service} reload")
    host.until("a line in the new log", f"grep -q 'SIGHUP: goes on' {log}")

    # It dies, and is started again.
    host.do(f"{service} revive")
    host.do("kill -9 $(pidof withdrawd)")
    host.until("its end", "! pidof withdrawd")
    host.do(f"{service} revive")
    host.do(f"{service} status")

    pid = host.do("pidof withdrawd")
    host.do(f"{service} restart")
    assert host.do("pidof withdrawd") != pid
    # A newer package takes over.
    pid = host.do("pidof withdrawd")
    host.do(f"dpkg -i /mnt/{deb(VERSION + '+1')}")
    assert host.do("pidof withdrawd") != pid
    old_world.wait_for(ALL)
    host.do(f"{service} stop")
    host.do(f"{service} stop")
    assert host.sh(f"{service} status")[0] == 3
    # What was stopped stays so.
    host.sh(f"{service} revive")
    assert host.sh("pidof withdrawd")[0] != 0
    old_world.wait_for(ALL)
    host.do(f"{service} start && dpkg --purge withdrawd")
    assert host.sh("pidof withdrawd")[0] != 0
    old_world.wait_for(ALL)


def test_an_frr_that_comes_later_is_joined_too(base, packages, tmp_path_factory):
    network = NetworkNamespace("later")
    try:
        with Host(base, network, packages, systemd=False) as host:
            host.do("dpkg --purge frr && delgroup --quiet frrvty 2>&1; ! getent group frrvty")
            host.do(f"dpkg -i /mnt/{deb()}")
            assert host.do("id -nG withdrawd").split() == ["withdrawd"]
            host.do("dpkg -i /var/cache/later/frr_*.deb")
            assert host.do("id -nG withdrawd").split() == ["withdrawd", "frrvty"]
            # With nothing of it running, and nothing edited, purging is complete.
            host.do("dpkg --purge withdrawd")
            host.do("test ! -e /etc/withdrawd && test ! -e /var/lib/withdrawd")
            # Quagga's group, on a host that has never had the user.
            host.do("deluser --quiet withdrawd && addgroup --quiet --system quaggavty")
            host.do(f"dpkg -i /mnt/{deb()}")
            assert {"frrvty", "quaggavty"} < set(host.do("id -nG withdrawd").split())
    finally:
        network.close()
