"""An etcd whose name nobody knows, or that answers with far too much: a withdrawal waits for
`timeout` and no longer, and the end of a run for nothing. It needs no etcd."""

import contextlib
import http.server
import json
import socket
import threading
import time

import pytest

from lab import Prefixes, Withdrawd, wait_until
from lab.namespaces import MountNamespace

TIMEOUT = 0.25


def configuration(lab, endpoint):
    text = lab.configuration(transports=["socket"]) + (
        f'[fleet]\nendpoints = ["{endpoint}"]\nsite = "here"\nkeep_announcing = 1\n'
        f'timeout = "{TIMEOUT * 1000:.0f}ms"\nlease = "3s"\n'
    )
    return lab.write(text)


def withdrawn_after_a_fault(lab):
    """How long the last of them took."""
    killed_at = lab.dns.kill()
    lab.wait_for_announcements(Prefixes.STAYING, within=5)
    heard = lab.peer.events(since=killed_at)
    assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
    return max(at for at, _, _ in heard) - killed_at


class SilentNameServer:
    """Takes questions at 127.0.0.9, and answers none."""

    def __init__(self, lab):
        self.socket = lab.edge.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.9", 53))

    def forget(self):
        """What has been asked so far."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(512)

    def wait_for_a_question(self, within=15):
        self.socket.settimeout(within)
        assert b"\4etcd\7example" in self.socket.recv(512)

    def close(self):
        self.socket.close()


@pytest.fixture
def name_server(lab):
    with contextlib.closing(SilentNameServer(lab)) as server:
        yield server


@pytest.fixture
def place(lab):
    """The edge, where the only name server is that one."""
    asked = lab.write("nameserver 127.0.0.9\noptions timeout:5 attempts:2\n", "resolv.conf")
    place = MountNamespace(lab.edge, f"mount --bind {asked} /etc/resolv.conf")
    yield place
    place.close()


def test_name_servers_that_are_silent_delay_neither_a_withdrawal_nor_the_end(
    lab, name_server, place, measured
):
    path = configuration(lab, "http://etcd.example:2379")
    withdrawd = Withdrawd(
        place.enter(lab.program, "run", "-c", path), lab.directory / "no-name-server.log"
    )
    try:
        withdrawd.wait_for_health("resolver", "up")
        name_server.wait_for_a_question()
        # The first time nobody knows yet that there is no etcd; later that is known.
        for _ in range(2):
            took = withdrawn_after_a_fault(lab)
            measured(f"name servers that are silent: withdrawn {took:.2f} s after the fault")
            assert took < TIMEOUT + 0.5
            withdrawd.wait_for_line("is withdrawn without leave of the fleet")
            lab.dns.repair()
            lab.wait_for_announcements(within=10)
        name_server.forget()
        name_server.wait_for_a_question()
        asked_at = time.monotonic()
        assert withdrawd.terminate(within=10) == 0
        end_took = time.monotonic() - asked_at
        measured(f"name servers that are silent: over {end_took * 1000:.0f} ms after SIGTERM")
        assert end_took < 1
    finally:
        withdrawd.close()


class VastEtcd:
    """Does leases and single keys as etcd, and answers each transaction with 60 MB of JSON."""

    def __init__(self, lab):
        self.transactions = 0
        vast = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v3/kv/txn":
                    vast.transactions += 1
                    with contextlib.suppress(OSError):  # it has heard enough
                        vast.answer_at_length(self)
                    self.close_connection = True
                    return
                answer = json.dumps(vast.answers[self.path]).encode() + b"\n"
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 2379), Handler, bind_and_activate=False
        )
        self.server.socket.close()
        self.server.socket = lab.edge.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.server.allow_reuse_address = True
        self.server.server_bind()
        self.server.server_activate()
        self.url = "http://127.0.0.1:2379"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    answers = {
        "/v3/lease/grant": {"ID": "53", "TTL": "3"},
        "/v3/lease/keepalive": {"result": {"ID": "53", "TTL": "3"}},
        "/v3/kv/put": {"header": {"revision": "1"}},
    }

    def answer_at_length(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

        def chunk(text):
            handler.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")

        chunk(b'{"header": {"revision": "2"}, "responses": [{}')
        piece = b', {"response_txn": {}}' * 50_000
        for _ in range(60_000_000 // len(piece)):
            chunk(piece)
        chunk(b"]}")
        chunk(b"")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def vast(lab):
    with contextlib.closing(VastEtcd(lab)) as vast:
        yield vast


def test_answers_of_60_megabytes_delay_no_withdrawal_and_take_no_memory(
    lab, vast, sizes_count, measured
):
    with lab.withdrawd("run", "-c", configuration(lab, vast.url)) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_line("its answer is too large", within=10)
        for _ in range(3):
            took = withdrawn_after_a_fault(lab)
            measured(f"etcd answers with 60 MB: withdrawn {took:.2f} s after the fault")
            assert took < 0.8
            lab.dns.repair()
            lab.wait_for_announcements(within=10)
        wait_until("more such answers", lambda: vast.transactions >= 3, within=10)
        measured(f"etcd answers with 60 MB: memory {withdrawd.peak_kib() / 1024:.1f} MiB at most")
        assert withdrawd.peak_kib() < 64 * 1024
        assert withdrawd.terminate() == 0
