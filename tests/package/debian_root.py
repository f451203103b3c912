"""A Debian of its own to install into: bare, cached, booted with systemd or without."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from lab import wait_until

# What a host that announces anycast prefixes has; nothing of withdrawd's is among it.
HAS = [
    "bash-completion", "cron", "curl", "dbus", "frr", "logrotate", "man-db", "polkitd", "systemd",
]
# What a Debian builder has before it has read what a package needs.
BUILDS = ["build-essential"]
# For a test that installs it later than withdrawd.
LATER = "mkdir /var/cache/later; cd /var/cache/later; apt-get -qq download frr"
# Built again when it is older than that, so that it does not lag behind Debian for ever.
MOST_DAYS = 14
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Unavailable(Exception):
    """What is needed for it cannot be had here."""


def missing():
    """Why there can be none here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("debootstrap", "apt-get", "dpkg-buildpackage", "dh", "unshare", "nsenter"):
        if not shutil.which(tool):
            return f"needs {tool}"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "needs overlayfs"
    if not archives():
        return "needs an apt that knows a Debian archive"
    return None


def archives():
    """Where this host's apt gets Debian from: (URL, suite, component), the release first."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages", "Origin: Debian"],
        capture_output=True, text=True,
    )
    rows = {tuple(line.split()) for line in done.stdout.splitlines()}
    main = [row for row in rows if len(row) == 3 and row[2] == "main"]
    return sorted(main, key=lambda row: (len(row[1]), row))


def run(*argv, within=600, **options):
    done = subprocess.run(
        [str(x) for x in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", timeout=within, **options,
    )
    if done.returncode != 0:
        what = " ".join(map(str, argv))
        raise RuntimeError(f"{what}: exit {done.returncode}: {done.stdout[-4000:]}")
    return done.stdout


def base(depends, has=HAS, name="debian", suite=None):
    """The folder of a bare Debian with what satisfies `depends` (if anything is named) and what it
    `has`; made once, then kept under that name. `suite`: another release than this host's."""
    known = archives()
    if suite:
        known = [(known[0][0], suite, "main")]
    sources = "".join(f"deb {site} {release} {part}\n" for site, release, part in known)
    key = hashlib.sha256(f"2\n{sources}\n{has}\n{depends}".encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "withdrawd-test"
    kept = cache / f"{name}-{key}"
    if kept.exists() and time.time() - kept.stat().st_mtime < MOST_DAYS * 86400:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    for old in cache.glob(f"{name}-*"):
        shutil.rmtree(old)
    making = Path(tempfile.mkdtemp(prefix="making-", dir=cache))
    try:
        making.chmod(0o755)
        site, release, _ = known[0]
        try:
            run("debootstrap", "--variant=minbase", release, making, site)
        except RuntimeError as problem:
            raise Unavailable(f"debootstrap: {str(problem).splitlines()[-1]}") from problem
        (making / "etc/apt/sources.list").write_text(sources)
        (making / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")
        shutil.copy("/etc/resolv.conf", making / "etc/resolv.conf")
        policy = making / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        script = f"""
set -e
mount -t proc proc {making}/proc
exec chroot {making} /usr/bin/env -i PATH={PATH} LC_ALL=C.UTF-8 \\
  DEBIAN_FRONTEND=noninteractive sh -ec '
apt-get -qq update
apt-get -qqy --no-install-recommends install {" ".join(has)}
{f'apt-get -qqy --no-install-recommends satisfy "{depends}"' if depends else ""}
apt-get clean
{LATER if "frr" in has else ""}
rm -rf /var/lib/apt/lists/*'
"""
        run(
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script, within=900
        )
        policy.unlink()
        making.rename(kept)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return kept


# A file that is nowhere but in such a root.
MARK = "withdrawd-test-root"

# Everything of it is in namespaces of its own and dies with the init; what it writes is in memory.
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs {place}
mkdir {place}/upper {place}/work {place}/root
mount -t overlay overlay -o lowerdir={base},upperdir={place}/upper,workdir={place}/work {place}/root
cd {place}/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch dev/$node
  mount --bind /dev/$node dev/$node
done
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir -p mnt
mount --bind {shared} mnt
{prepare}
touch {mark}
mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
"""

SYSTEMD = """
mount -t cgroup2 cgroup2 sys/fs/cgroup
touch dev/console
for unit in console-getty.service systemd-udevd.service systemd-logind.service \
  systemd-networkd.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service man-db.timer; do
  ln -sf /dev/null etc/systemd/system/$unit
done
"""
SYSTEMD_INIT = """
export container=test
exec /lib/systemd/systemd --system --show-status=no --log-target=null
"""
# It reaps whatever is orphaned.
PLAIN_INIT = """
exec /usr/bin/perl -e '$SIG{CHLD} = "IGNORE"; sleep 3600 while 1'
"""


class Host:
    """A root that runs, in a network namespace of the lab. A context manager.

    `shared` is a folder of the host that it sees as /mnt. `prepare` is shell text that is run in
    the root's folder before it begins.
    """

    def __init__(self, base_folder, network, shared, systemd, prepare=""):
        self.base, self.network, self.shared = base_folder, network, Path(shared)
        self.systemd, self.prepare = systemd, prepare

    def __enter__(self):
        self.place = Path(tempfile.mkdtemp(prefix=f"wd-lab-{os.getpid()}-root-", dir="/tmp"))
        script = BOOT.format(
            place=self.place, base=self.base, shared=self.shared, mark=MARK,
            prepare=self.prepare + (SYSTEMD if self.systemd else ""),
        ) + (SYSTEMD_INIT if self.systemd else PLAIN_INIT)
        self.said = self.place.with_suffix(".said")
        with open(self.said, "wb") as said:
            self.holder = subprocess.Popen(
                self.network.enter(
                    "unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts",
                    "--cgroup", "sh", "-c", script,
                ),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
                env={"PATH": PATH},
            )
        try:
            self.init = wait_until("an init", self._init, within=20)
            wait_until("its root", lambda: self.sh("test ! -e /old")[0] == 0, within=20)
            if self.systemd:
                self._wait_for_systemd()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait(timeout=20)
        shutil.rmtree(self.place, ignore_errors=True)
        self.said.unlink(missing_ok=True)

    def _init(self):
        assert self.holder.poll() is None, self.said.read_text()
        pid = self.holder.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _wait_for_systemd(self):
        try:
            wait_until("systemd to have booted", self._booted, within=90, every=0.2)
        except (AssertionError, subprocess.TimeoutExpired) as problem:
            raise Unavailable(f"no systemd can run here: {problem}") from problem

    def _booted(self):
        assert self.holder.poll() is None, self.said.read_text()
        return self.sh("systemctl is-system-running")[1].strip() in ("running", "degraded")

    def enter(self, *argv):
        """The command line that runs `argv` in here, and not in the root that it is made from while
        it begins."""
        inside = f'test -e /{MARK} || exit 125; exec "$@"'
        return [
            "nsenter", "-t", str(self.init), "--mount", "--pid", "--net", "--ipc", "--uts",
            "--cgroup", "--", "env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8",
            "DEBIAN_FRONTEND=noninteractive", "sh", "-c", inside, "sh", *map(str, argv),
        ]

    def pids(self, comm=None):
        """As the test's own PID namespace numbers them: for lab.Bgpd."""
        return self.network.pids(comm)

    def sh(self, script, within=120, shell="sh"):
        """Shell text, run in here: (exit status, what it printed). Into a file: what it leaves in
        the background keeps a pipe open."""
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            done = subprocess.run(
                self.enter(shell, "-c", script), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, timeout=within,
            )
            output.seek(0)
            return done.returncode, output.read()

    def do(self, script, within=120):
        """The same, which must succeed; what it printed."""
        status, said = self.sh(script, within)
        assert status == 0, f"{script}\nexit {status}: {said}"
        return said

    def until(self, what, script, within=60):
        """Waits until it succeeds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            wait_until(what, lambda: self.sh(script)[0] == 0, within, every=0.1)
