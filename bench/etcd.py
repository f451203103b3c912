"""A real etcd of one member for the bench, in files that are gone afterwards."""

import base64
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAM = "/usr/bin/etcd"


def text64(text):
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """A context manager. `enter`: how a command gets to where it is to run."""

    def __init__(self, address="127.0.0.1", port=24379, enter=lambda *argv: list(argv)):
        self.address, self.port, self.enter = address, port, enter
        self.directory = Path(tempfile.mkdtemp(prefix="wd-bench-etcd-", dir="/tmp"))

    def __enter__(self):
        url, peer = (f"http://{self.address}:{port}" for port in (self.port, self.port + 1))
        self.log = open(self.directory / "etcd.log", "wb")
        self.process = subprocess.Popen(
            self.enter(
                PROGRAM, "--data-dir", str(self.directory / "data"), "--listen-client-urls", url,
                "--advertise-client-urls", url, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
                "--log-level", "error",
            ),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def post(self, path, body, make_socket=None):
        """What the JSON gateway answers; by a socket of another namespace if one is made."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=5)
        if make_socket:
            connection.sock = make_socket()
            connection.sock.connect((self.address, self.port))
        try:
            connection.request("POST", path, json.dumps(body))
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(f"etcd says {answer.read()!r}")
            return json.loads(answer.read())
        finally:
            connection.close()

    def wait(self, make_socket=None):
        for _ in range(300):
            try:
                return self.post("/v3/maintenance/status", {}, make_socket)
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.directory / "etcd.log").read_text(errors="replace")[-2000:])

    def put(self, key, value, make_socket=None):
        self.post("/v3/kv/put", {"key": text64(key), "value": text64(value)}, make_socket)

    def seconds(self):
        """Of a processor, so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """The most that it has had resident, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])

    def files(self):
        return sum(f.stat().st_size for f in (self.directory / "data").rglob("*") if f.is_file())
