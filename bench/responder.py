"""A DNS server that costs next to nothing, and writes down when each question arrived: by the
kernel's own time stamps, so that what this program does in between does not count.

Answers every A question. Names in `failing` get NXDOMAIN, from when it is told so."""

import multiprocessing
import socket
import statistics
import struct
import time

SO_TIMESTAMPNS = 35


class Responder:
    def __init__(self, namespace, address="127.0.0.1", port=53):
        self.socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((address, port))
        self.failing = multiprocessing.Value("b", 0)
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self._serve, args=(theirs,), daemon=True)
        self.process.start()

    def fail(self, failing=True):
        """The name "fails.test.com"; the time at which that begins."""
        self.failing.value = int(failing)
        return time.time()

    def take(self):
        """{name: [arrival, in seconds since the epoch, ...]} since it was last taken."""
        self.pipe.send(None)
        return self.pipe.recv()

    def close(self):
        self.process.terminate()
        self.process.join()
        self.socket.close()

    def _serve(self, pipe):
        arrivals = {}
        self.socket.settimeout(0.05)
        while True:
            if pipe.poll():
                pipe.recv()
                pipe.send(arrivals)
                arrivals = {}
            try:
                query, control, _, asker = self.socket.recvmsg(512, 64)
            except TimeoutError:
                continue
            seconds, nanoseconds = struct.unpack("@qq", control[0][2][:16])
            end = query.index(b"\0", 12) + 5
            name = query[13 : 13 + query[12]].decode()
            arrivals.setdefault(name, []).append(seconds + nanoseconds / 1e9)
            if name == "fails" and self.failing.value:
                answer = query[:2] + b"\x84\x03\0\1\0\0\0\0\0\0" + query[12:end]
            else:
                answer = query[:2] + b"\x84\x00\0\1\0\1\0\0\0\0" + query[12:end]
                answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\x35"
            self.socket.sendto(answer, asker)


def lateness(arrivals, interval):
    """How late each question was, in seconds: against the place in the interval where its check
    usually asks, for withdrawd keeps to it. [(arrival, how late), ...]"""
    late = []
    for times in arrivals.values():
        if len(times) < 3:
            continue
        first = times[0]
        rounds = [round((at - first) / interval) for at in times]
        phase = statistics.median(at - n * interval for at, n in zip(times, rounds))
        late += [(at, at - phase - n * interval) for at, n in zip(times, rounds)]
    return late
