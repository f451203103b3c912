"""Which bgpd the lab runs: the host's FRR, or any FRR or Quagga by its path."""

import os
import re
import shutil
from pathlib import Path

from .namespaces import command

FRR = "/usr/lib/frr/bgpd"


class Software:
    """A bgpd and what its kind needs.

    A Quagga has the folder of its sockets built in, and takes no option to have them elsewhere: so
    each lab runs it where a folder of the lab's own is mounted there. For want of zebra it sleeps
    through its first five seconds, answering nobody, so the zebra beside it runs with it.
    """

    def __init__(self, bgpd=FRR):
        self.bgpd = Path(bgpd)
        self.is_quagga = "--vty_socket" not in command(str(bgpd), "--help", check=False).stdout
        self.user, self.vty_group = ("quagga", "quaggavty") if self.is_quagga else ("frr", "frrvty")
        self.zebra = self.bgpd.parent / "zebra" if self.is_quagga else None

    def mounts(self, sockets):
        """Shell text that mounts the folder `sockets` where bgpd has its sockets; empty where an
        option says so."""
        if not self.is_quagga:
            return ""
        found = re.search(rb"\0(/[^\0]*)/bgpd\.vty\0", self.bgpd.read_bytes())
        return f"mount --bind {sockets} {found[1].decode()}\n"

    def own(self, *paths):
        for path in paths:
            shutil.chown(path, self.user, self.user)

    def arguments(self, sockets):
        """Of bgpd, but for those that all have."""
        return f"-n -z {sockets}/zserv.api" if self.is_quagga else f"-n -Z --vty_socket {sockets}"

    def configuration(self, text):
        """Without the lines that it neither knows nor needs."""
        if not self.is_quagga:
            return text
        newer = r"^ *no bgp (ebgp-requires-policy|network import-check)\n"
        return re.sub(newer, "", text, flags=re.MULTILINE)


def at_the_edge():
    """What the labs of this process try withdrawd on."""
    return Software(os.environ.get("LAB_BGPD", FRR))


def at_the_peer():
    """What tells what it heard, in JSON: an FRR in any case."""
    edge = at_the_edge()
    return Software() if edge.is_quagga else edge
