"""A BGP speaker that only listens, and writes down what it hears and when: the same stopwatch for
whatever is on the other side. IPv4 unicast, 4-octet AS numbers; RFC 4271, 4760, 6793."""

import ipaddress
import selectors
import socket
import struct
import threading
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4


class Speaker:
    """Accepts sessions as `asn`, and keeps the prefixes that are announced to it."""

    def __init__(self, make_socket, address, asn):
        self.asn = asn
        self.prefixes = set()
        self.events = []  # (seconds since the epoch, "announced" or "withdrawn", prefix)
        self.changed = threading.Condition()
        self.listener = make_socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 179))
        self.listener.listen()
        self.closing = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.closing = True
        self.thread.join()
        self.listener.close()

    def wait(self, condition, within):
        """Until `condition(prefixes)`; False if that takes too long."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self.prefixes), within)

    def _serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self.listener, selectors.EVENT_READ)
        buffers = {}
        while not self.closing:
            for key, _ in selector.select(0.2):
                if key.fileobj is self.listener:
                    session, _ = self.listener.accept()
                    session.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(session, selectors.EVENT_READ)
                    buffers[session] = b""
                    self._send(session, OPEN, self._open())
                    continue
                session = key.fileobj
                try:
                    got = session.recv(65536)
                except OSError:
                    got = b""
                at = time.time()
                if not got:
                    selector.unregister(session)
                    session.close()
                    del buffers[session]
                    self._session_down(at)
                    continue
                buffers[session] = self._messages(session, buffers[session] + got, at)
        for session in buffers:
            session.close()

    def _messages(self, session, data, at):
        while len(data) >= 19:
            length, kind = struct.unpack("!HB", data[16:19])
            if len(data) < length:
                break
            if kind == OPEN:
                self._send(session, KEEPALIVE, b"")
            elif kind == KEEPALIVE:
                self._send(session, KEEPALIVE, b"")
            elif kind == UPDATE:
                self._update(data[19:length], at)
            data = data[length:]
        return data

    def _open(self):
        capabilities = b"\x01\x04\0\x01\0\x01" + b"\x41\x04" + struct.pack("!I", self.asn)
        parameters = bytes([2, len(capabilities)]) + capabilities
        return (
            struct.pack("!BHH4sB", 4, self.asn, 180, socket.inet_aton("10.53.0.2"), len(parameters))
            + parameters
        )

    @staticmethod
    def _send(session, kind, body):
        try:
            session.sendall(MARKER + struct.pack("!HB", 19 + len(body), kind) + body)
        except OSError:
            pass  # Its end is read in a moment.

    def _update(self, body, at):
        (withdrawn_length,) = struct.unpack("!H", body[:2])
        withdrawn = _prefixes(body[2 : 2 + withdrawn_length])
        rest = body[2 + withdrawn_length :]
        (attributes_length,) = struct.unpack("!H", rest[:2])
        self._change(at, _prefixes(rest[2 + attributes_length :]), withdrawn)

    def _session_down(self, at):
        self._change(at, [], sorted(self.prefixes))

    def _change(self, at, announced, withdrawn):
        with self.changed:
            for prefix in withdrawn:
                if prefix in self.prefixes:
                    self.prefixes.discard(prefix)
                    self.events.append((at, "withdrawn", prefix))
            for prefix in announced:
                self.prefixes.add(prefix)
                self.events.append((at, "announced", prefix))
            self.changed.notify_all()


def _prefixes(data):
    found = []
    while data:
        bits = data[0]
        size = (bits + 7) // 8
        network = ipaddress.IPv4Address(data[1 : 1 + size].ljust(4, b"\0"))
        found.append(f"{network}/{bits}")
        data = data[1 + size :]
    return found
