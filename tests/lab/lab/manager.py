"""A service manager."""

import socket

from .waiting import wait_until


class Manager:
    """A socket as systemd's, and all that was said to it.

    `environment` is what a service has from it that is to give a sign of life within `patience`
    seconds.
    """

    def __init__(self, path, patience):
        path.unlink(missing_ok=True)
        self.environment = {
            "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(patience * 1e6)),
        }
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))
        self.words = []

    def heard(self):
        while True:
            try:
                self.words.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.words

    def wait_for(self, word, after=0, within=10):
        def probe():
            return any(said.startswith(word) for said in self.heard()[after:])

        return wait_until(f"it to say {word}", probe, within)

    def beats(self):
        return self.heard().count("WATCHDOG=1")

    def close(self):
        self.socket.close()
