"""Builds withdrawd and runs its unit tests and the main files of the lab in a root of another Debian
release than this host's: its compiler, its libraries, its FRR. Made with debootstrap and kept, like
the root that tests/package makes."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "package"), str(ROOT / "tests" / "lab")]
import debian_root  # noqa: E402  (found where the two lines above say)

SUITE = "trixie"
# What depends on bgpd's release: the rest of the lab would say the same again.
LAB_FILES = [
    "test_soft_path.py", "test_reconcile.py", "test_fallback.py", "test_policies.py",
    "test_doctor.py", "test_faults_lock.py", "test_faults_vty.py", "test_faults_watchfrr.py",
    "test_hard_mode.py",
]
# Seconds, for the build and for the tests; what takes longer hangs.
LIMIT = 2400

# The checkout cannot be written to; what is built is kept beside the root; the rest is in memory. The
# root of its mount namespace, so that whoever enters that is in it.
INSIDE = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs {place}
mkdir {place}/upper {place}/work {place}/root
mount -t overlay overlay -o lowerdir={base},upperdir={place}/upper,workdir={place}/work {place}/root
cd {place}/root
mkdir -p src build
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --bind {source} src
mount -o remount,bind,ro src
mount --bind {build} build
mkdir -p old
pivot_root . old
cd /
umount -l /old
exec /usr/bin/env -i HOME=/root PATH={path} LC_ALL=C.UTF-8 "$@"
"""


def packages():
    """What building and testing takes, as tools/setup has it."""
    text = (ROOT / "tools" / "setup").read_text()
    wanted = []
    for group in ("build", "test"):
        wanted += re.search(rf"^{group}=\(([^)]*)\)", text, re.M)[1].split()
    # Its users are the ordinary run's.
    others = ("prometheus", "prometheus-node-exporter", "logrotate", "etcd-server")
    return [x for x in wanted if x not in others]


class OtherRelease:
    """One build and one run of the tests in such a root."""

    def __init__(self, output):
        self.output = output
        self.process = None
        self.base = debian_root.base("", has=packages(), name=f"{SUITE}-lab", suite=SUITE)
        self.build = self.base.with_name(f"{SUITE}-build")
        self.build.mkdir(exist_ok=True)
        self.place = tempfile.TemporaryDirectory(prefix="wd-release-")

    def start(self, *arguments):
        """Runs tools/suite.py there."""
        script = INSIDE.format(
            place=self.place.name, base=self.base, source=ROOT, build=self.build,
            path=debian_root.PATH,
        )
        with open(self.output, "wb") as sink:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script, "sh", "/usr/bin/python3", "-B",
                 "/src/tools/suite.py", "--build-dir", "/build/withdrawd", *arguments],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
            )

    def wait(self):
        """What it printed, or None if it hangs."""
        try:
            self.process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.end()
            return None
        return Path(self.output).read_text(errors="replace")

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.place:
            self.place.cleanup()
            self.place = None


def unavailable():
    """Why there can be none here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    return debian_root.missing()
