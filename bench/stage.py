"""What all rows of the bench stand on: two namespaces, bgpd here and the stopwatch there."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / "tests" / "lab"), str(HERE)]

from lab.bgpd import Bgpd
from lab.namespaces import NetworkNamespace, command
from lab.programs import Withdrawd
from speaker import Speaker

PREFIX = "192.0.2.0/24"
CONTROL = "198.51.100.0/24"  # in no rule: when it is heard, the session carries


def edge(prefixes):
    networks = "\n".join(f"  network {prefix}" for prefix in prefixes)
    return f"""hostname edge
password zebra
router bgp 65001
 bgp router-id 10.53.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.53.0.2 remote-as 65002
 neighbor 10.53.0.2 advertisement-interval 0
 neighbor 10.53.0.2 timers connect 1
 address-family ipv4 unicast
{networks}
 exit-address-family
!
"""


class Stage:
    def __init__(self, directory, stack, prefixes=(PREFIX,), with_bgpd=True, name=""):
        self.directory, self.stack = directory, stack
        self.edge = NetworkNamespace("benchedge" + name)
        stack.callback(self.edge.close)
        self.far = NetworkNamespace("benchpeer" + name)
        stack.callback(self.far.close)
        command(
            "ip", "link", "add", "to-peer", "netns", self.edge.name, "type", "veth",
            "peer", "name", "to-edge", "netns", self.far.name,
        )
        for namespace, link, host in ((self.edge, "to-peer", 1), (self.far, "to-edge", 2)):
            namespace.ip("address", "add", f"10.53.0.{host}/24", "dev", link)
            namespace.ip("link", "set", link, "up")
        self.speaker = Speaker(self.far.socket, "10.53.0.2", 65002)
        stack.callback(self.speaker.close)
        self.bgpd = Bgpd(self.edge, directory / "edge", edge(prefixes)) if with_bgpd else None

    def run(self, *argv, env=None):
        program = Withdrawd(
            self.edge.enter(*map(str, argv)), self.directory / "program.log", env
        )
        self.stack.callback(program.close)
        return program

    def configuration(self, checks_and_rules, transport="socket"):
        """A file for withdrawd, which reaches this stage's bgpd."""
        password = self.directory / "password"
        password.write_text("zebra\n")
        password.chmod(0o600)
        lines = [f'state_file = "{self.directory}/state.json"']
        lines += [f'{key} = "{self.directory}/{key}"' for key in ("control_socket", "lock_file")]
        lines += [f'history_file = "{self.directory}/history.jsonl"', "[bgpd]"]
        lines += [f'transports = ["{transport}"]', f'socket = "{self.bgpd.vty_directory}/bgpd.vty"']
        lines += [f'vtysh_socket_dir = "{self.bgpd.vty_directory}"']
        lines += [f'password_file = "{password}"', f'pid_file = "{self.bgpd.pid_file}"']
        lines += [f'restart = ["{self.bgpd.start_script}"]']
        file = self.directory / "withdrawd.toml"
        file.write_text("\n".join([*lines, *checks_and_rules]) + "\n")
        return file

    def withdrawd(self, configuration, *options):
        return self.run(os.environ["WITHDRAWD"], "run", "-c", configuration, *options)


@contextlib.contextmanager
def stage(**how):
    with contextlib.ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix=f"wd-lab-{os.getpid()}-", dir="/tmp"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o755)
        yield Stage(directory, stack, **how)


def many(count):
    return [f"10.{i >> 8}.{i & 255}.0/24" for i in range(count)]


def usage(pid):
    """Processor seconds so far and resident bytes, with all descendants."""
    pids, seconds, memory = [pid], 0.0, 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            # To the nanosecond; of those that have ended and been waited for, to the tick.
            seconds += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
            seconds += sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return seconds, memory


def share(pids, seconds):
    """Of a core, for each of the processes over so long a time."""
    begun = time.monotonic()
    before = [usage(pid)[0] for pid in pids]
    time.sleep(seconds)
    elapsed = time.monotonic() - begun
    return [(usage(pid)[0] - then) / elapsed for pid, then in zip(pids, before)]
