"""Namespaces: where the lab's programs live, and how nothing of them is left behind."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

RUN = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def command(*argv, check=True):
    """Runs a short-lived command of the host; its output belongs in the error, not on the screen.

    The output goes to files, not through pipes: what the command has started may keep it open, as
    a bgpd of FRR 9.1 or later in the background does, and a pipe would never end.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, text=True)
        for stream in (out, err):
            stream.seek(0)
        done.stdout, done.stderr = out.read(), err.read()
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
    return done


class NetworkNamespace:
    """A named network namespace. Whatever runs in it is ended with it."""

    def __init__(self, role):
        self.name = f"wd-{os.getpid()}-{role}"
        try:
            command("ip", "netns", "add", self.name)
            self.ip("link", "set", "lo", "up")
            # Where the host has switched IPv6 off, a new namespace begins like that.
            off = "/proc/sys/net/ipv6/conf/{all,default}/disable_ipv6"
            command(*self.enter("bash", "-c", f"echo 0 | tee {off}"), check=False)
        except BaseException:
            _remove(self.name)
            raise

    def ip(self, *argv):
        command("ip", "-n", self.name, *argv)

    def enter(self, *argv):
        """The command line that runs `argv` in here. nsenter becomes the program: same pid."""
        return ["nsenter", f"--net={RUN / self.name}", "--", *argv]

    def pids(self, comm=None):
        return _pids_in(self.name, comm)

    def socket(self, family, kind):
        """A socket of this namespace, usable from any thread."""
        made = []

        def make():
            # Only the calling thread changes namespace, and this one ends right away.
            with open(RUN / self.name) as namespace:
                _set_namespace(namespace)
            made.append(socket.socket(family, kind))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not made:
            raise RuntimeError(f"no socket in namespace {self.name}")
        return made[0]

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in here, and whatever it starts."""
        with open("/proc/thread-self/ns/net") as before, open(RUN / self.name) as here:
            _set_namespace(here)
            try:
                yield
            finally:
                _set_namespace(before)

    def close(self):
        _remove(self.name)


def _set_namespace(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class MountNamespace:
    """Mounts of its own inside a network namespace: `prepare`, shell text, has made them."""

    def __init__(self, network, prepare):
        self.network = network
        self.holder = subprocess.Popen(
            network.enter("unshare", "--mount", "sh", "-ec", f"{prepare}\necho ready\nread forever"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )
        said = self.holder.stdout.readline()
        if said.strip() != "ready":
            raise RuntimeError(f"no mount namespace: {said}{self.holder.stdout.read()}")

    def enter(self, *argv):
        """The command line that runs `argv` in here. nsenter becomes the program: same pid."""
        return ["nsenter", "-t", str(self.holder.pid), "--mount", "--net", "--", *argv]

    def pids(self, comm=None):
        return self.network.pids(comm)

    def close(self):
        self.holder.communicate(timeout=10)


class PidNamespace:
    """A PID namespace (with its own /proc and mounts) inside a network namespace.

    `prepare` is shell text, run with the new mounts before anything else.
    """

    # An init that reaps whatever is orphaned: ignoring SIGCHLD makes the kernel do it.
    INIT = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile 1: signal.pause()"

    def __init__(self, network, prepare=":"):
        self.network = network
        self.holder = subprocess.Popen(
            network.enter(
                "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                "sh", "-ec", f"{prepare}\necho ready\nexec /usr/bin/python3 -c '{self.INIT}'",
            ),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )
        said = self.holder.stdout.readline()
        if said.strip() != "ready":
            raise RuntimeError(f"no PID namespace: {said}{self.holder.stdout.read()}")
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        self.init = int(children.read_text().split()[0])

    def enter(self, *argv):
        """The command line that runs `argv` in here; the pid seen outside is nsenter's."""
        return ["nsenter", "-t", str(self.init), "--pid", "--mount", "--net", "--", *argv]

    def pids(self, comm=None):
        """As the host numbers them."""
        inside = os.stat(f"/proc/{self.init}/ns/pid").st_ino
        return [pid for pid in self.network.pids(comm) if _inode(pid, "pid") == inside]

    def close(self):
        # The kernel kills everything in a PID namespace whose init ends.
        _kill(self.init)
        self.holder.wait(timeout=10)
        self.holder.stdout.close()


def _inode(pid, kind):
    try:
        return os.stat(f"/proc/{pid}/ns/{kind}").st_ino
    except OSError:
        return None


def _state_and_comm(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X", ""
    return text[text.rindex(")") + 2], text[text.index("(") + 1 : text.rindex(")")]


def _pids_in(name, comm=None):
    try:
        wanted = os.stat(RUN / name).st_ino
    except OSError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or _inode(entry, "net") != wanted:
            continue
        state, its_name = _state_and_comm(entry)
        if state not in "ZX" and comm in (None, its_name):
            found.append(int(entry))
    return found


def _kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _remove(name):
    """Ends every process in a lab's namespace, then the namespace."""
    deadline = time.monotonic() + 10
    while pids := _pids_in(name):
        for pid in pids:
            if pid != os.getpid():
                _kill(pid)
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes {pids} in namespace {name} do not end")
        time.sleep(0.01)
    command("ip", "netns", "del", name, check=False)


def owned_by(pid):
    """The names of the namespaces that the lab of process `pid` has made."""
    if not RUN.is_dir():
        return []
    return sorted(entry.name for entry in RUN.iterdir() if entry.name.startswith(f"wd-{pid}-"))


def sweep():
    """Removes what labs have left whose process is gone (it was killed with SIGKILL)."""
    for entry in RUN.glob("wd-*"):
        match = re.fullmatch(r"wd-(\d+)-.*", entry.name)
        if match and _state_and_comm(match[1])[0] in "ZX":
            _remove(entry.name)
    for directory in Path("/tmp").glob("wd-lab-*"):
        match = re.fullmatch(r"wd-lab-(\d+)-.*", directory.name)
        if match and _state_and_comm(match[1])[0] in "ZX":
            shutil.rmtree(directory, ignore_errors=True)
