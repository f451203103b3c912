"""A DNS server that lies as it is told to."""

import random
import select
import socket
import struct
import threading
import time


class LyingDns:
    """Answers A questions, over UDP and TCP, truthfully until `lie` names something else."""

    UDP_LIES = (
        "wrong ID", "wrong question", "from another address", "late", "garbage",
        "compression loop", "empty", "CNAME without target",
    )
    TCP_LIES = ("TCP stops", "TCP drips for ever", "TCP refuses to speak")

    def __init__(self, namespace, address="127.0.0.3", port=53):
        self.lie = None
        self.sent = 0  # answers, true or not
        self.delay = 0.0  # seconds that an answer over UDP takes
        self.frozen = threading.Event()  # while it is set, nothing is done
        self.closing = False
        self.udp = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.elsewhere = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.udp.bind((address, port))
        self.tcp.bind((address, port))
        self.elsewhere.bind(("127.0.0.4", port))
        self.tcp.listen(16)
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._udp, self._tcp)]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def answer(query, data=b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\x35", flags=0x8400, count=1):
        end = query.index(b"\0", 12) + 5
        return query[:2] + struct.pack("!5H", flags, 1, count, 0, 0) + query[12:end] + data

    def _lies(self, query, asker):
        """What goes out for a question: (socket, bytes), one by one."""
        lie, good = self.lie, self.answer(query)
        if lie is None:
            return [(self.udp, good)]
        if lie == "wrong ID":
            return [(self.udp, bytes([good[0] ^ 1]) + good[1:])]
        if lie == "wrong question":
            return [(self.udp, good.replace(b"\3www", b"\3xxx"))]
        if lie == "from another address":
            return [(self.elsewhere, good)]
        if lie == "late":
            threading.Timer(0.5, self._send_quietly, (good, asker)).start()
            return []
        if lie == "garbage":
            return [(self.udp, query[:2] + random.randbytes(400))]
        if lie == "compression loop":
            looping = b"\xc0\x1d\xc0\x1d\0\1\0\1\0\0\0\x3c\0\4abcd"
            return [(self.udp, self.answer(query, looping))]
        if lie == "empty":
            return [(self.udp, self.answer(query, b"", count=0))]
        if lie == "CNAME without target":
            target = b"\7nowhere\4test\3com\0"
            record = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0" + bytes([len(target)]) + target
            return [(self.udp, self.answer(query, record))]
        if lie == "flood of forgeries":
            forged = bytes([good[0] ^ 1]) + good[1:]
            return [(self.udp, forged)] * 100 + [(self.udp, good)] + [(self.udp, forged)] * 200
        if lie == "burst of forgeries":  # far more than a receive buffer holds
            forged = bytes([good[0] ^ 1]) + good[1:]
            return [(self.udp, forged)] * 600 + [(self.udp, good)]
        return [(self.udp, self.answer(query, b"", flags=0x8600, count=0))]  # truncated, then TCP

    def _send_quietly(self, message, asker):
        try:
            self.udp.sendto(message, asker)
        except OSError:
            pass

    def _udp(self):
        while not self.closing:
            if not select.select([self.udp], [], [], 0.1)[0]:
                continue
            query, asker = self.udp.recvfrom(4096)
            if self.delay:
                threading.Thread(target=self._later, args=(query, asker), daemon=True).start()
            else:
                self._say(query, asker)

    def _later(self, query, asker):
        time.sleep(self.delay)
        while self.frozen.is_set() and not self.closing:
            time.sleep(0.001)
        self._say(query, asker)

    def _say(self, query, asker):
        for sock, message in self._lies(query, asker):
            try:
                sock.sendto(message, asker)
                self.sent += 1
            except OSError:
                pass  # The asker has closed its port.

    def _tcp(self):
        while not self.closing:
            if select.select([self.tcp], [], [], 0.1)[0]:
                conversation = self.tcp.accept()[0]
                threading.Thread(target=self._converse, args=(conversation,), daemon=True).start()

    def _converse(self, sock):
        with sock:
            sock.settimeout(2)
            try:
                query = sock.recv(4096)[2:]
                good = self.answer(query)
                framed = struct.pack("!H", len(good)) + good
                if self.lie == "TCP stops":
                    sock.sendall(framed[:-3])
                elif self.lie == "TCP drips for ever":
                    sock.sendall(struct.pack("!H", 60000))
                    while not self.closing:
                        sock.sendall(b"\0")
                        time.sleep(0.02)
                elif self.lie == "TCP refuses to speak":
                    return
                else:
                    sock.sendall(framed)
                sock.recv(1)
            except OSError:
                pass

    def close(self):
        self.closing = True
        for thread in self.threads:
            thread.join()
        for sock in (self.udp, self.elsewhere, self.tcp):
            sock.close()
