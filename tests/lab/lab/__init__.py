"""A small network to try withdrawd on: a real bgpd, a real DNS server and a real BGP peer.

Two network namespaces, "edge" and "peer", with a cable between them; nothing of the host is
touched. `Lab` builds it and takes it down; the tests and tools/demo drive it.
"""

from . import software
from .bgpd import Bgpd, Peer, VtyError
from .dns import Nsd, RecordingServer, ask
from .network import Lab, Prefixes, missing_requirements, sweep
from .namespaces import owned_by
from .programs import Program, Withdrawd
from .waiting import Late, stays, wait_until

__all__ = [
    "Bgpd",
    "Lab",
    "Late",
    "Nsd",
    "Peer",
    "Prefixes",
    "Program",
    "RecordingServer",
    "VtyError",
    "Withdrawd",
    "ask",
    "missing_requirements",
    "owned_by",
    "software",
    "stays",
    "sweep",
    "wait_until",
]
