#!/usr/bin/env python3
"""How much a fleet of many sites asks of one real etcd: simulated sites, by the transactions that
withdrawd sends.

    bench/fleet.py [--sites 1000] [--prefixes 100] [--keep 2] [--directory /tmp/fleet-bench]

Each site joins (a lease, a record for each prefix), rests for a while (renewing its lease), then all
fail in the same moment and ask for leave for every prefix. Prints a line of figures for each part.
"""

import argparse
import asyncio
import base64
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

ADDRESS, PORT = "127.0.0.1", 24379


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Store:
    """Connections to etcd's JSON gateway, kept open; counts what goes through them."""

    def __init__(self, connections):
        self.free = asyncio.Queue()
        for _ in range(connections):
            self.free.put_nowait(None)
        self.requests = self.sent = self.received = 0
        self.latencies = []

    async def post(self, path, body):
        connection = await self.free.get()
        try:
            if connection is None:
                connection = await asyncio.open_connection(ADDRESS, PORT)
            reader, writer = connection
            text = json.dumps(body, separators=(",", ":")).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n".encode()
            begin = time.perf_counter()
            writer.write(head + text)
            answer = await self._answer(reader)
            self.latencies.append(time.perf_counter() - begin)
            self.requests += 1
            self.sent += len(head) + len(text)
            return json.loads(answer)
        except BaseException:
            connection = None
            raise
        finally:
            self.free.put_nowait(connection)

    async def _answer(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        self.received += len(head)
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            body = b""
            while True:
                size = int((await reader.readuntil(b"\r\n")), 16)
                body += (await reader.readexactly(size + 2))[:-2]
                if size == 0:
                    break
        else:
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        self.received += len(body)
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(body.decode())
        return body

    def take(self):
        figures = (self.requests, self.sent, self.received, self.latencies)
        self.requests = self.sent = self.received = 0
        self.latencies = []
        return figures


ROOT = "/withdrawd/1/bench/place/"
VALUE = '{{"state":"{}","announced":true,"health":"up","drained":false,"held":false,"since":1764000000}}'


class Site:
    def __init__(self, store, number, prefixes, keep):
        self.store, self.keep = store, keep
        self.name = f"site{number:05}"
        self.prefixes = [f"10.{p // 256}.{p % 256}.0/24" for p in range(prefixes)]
        self.own = dict.fromkeys(self.prefixes, 0)
        self.others = {}
        self.granted = self.refused = 0

    def key(self, prefix, site=None):
        return f"{ROOT}{prefix}/{site or self.name}"

    async def transact(self, steps):
        answer = await self.store.post(
            "/v3/kv/txn", {"success": [{"request_txn": step} for step in steps]}
        )
        return int(answer["header"]["revision"]), [r["response_txn"] for r in answer["responses"]]

    def put(self, prefix, state):
        value = b64(VALUE.format(state))
        return {"request_put": {"key": b64(self.key(prefix)), "value": value, "lease": self.lease}}

    def look(self, prefix, limit):
        begin = f"{ROOT}{prefix}/"
        return {
            "request_range": {
                "key": b64(begin), "range_end": b64(begin[:-1] + "0"), "limit": str(limit)
            }
        }  # fmt: skip

    async def join(self):
        self.lease = (await self.store.post("/v3/lease/grant", {"TTL": "600"}))["ID"]
        for part in self.parts(self.prefixes):
            revision, _ = await self.transact([{"success": [self.put(p, "up")]} for p in part])
            self.own.update(dict.fromkeys(part, revision))

    def parts(self, prefixes):
        size = 115 - self.keep
        return [prefixes[i : i + size] for i in range(0, len(prefixes), size)]

    async def look_around(self):
        for part in self.parts(self.prefixes):
            _, answers = await self.transact(
                [{"success": [self.look(p, self.keep + 2)]} for p in part]
            )
            for prefix, answer in zip(part, answers):
                self.learn(prefix, answer["responses"][0])

    def learn(self, prefix, response):
        self.others[prefix] = []
        for one in response["response_range"].get("kvs", []):
            site = base64.b64decode(one["key"]).decode().rsplit("/", 1)[1]
            if site == self.name:
                self.own[prefix] = int(one["mod_revision"])
            elif '"state":"up"' in base64.b64decode(one["value"]).decode():
                self.others[prefix].append((site, int(one["mod_revision"])))

    async def renew(self):
        await self.store.post("/v3/lease/keepalive", {"ID": self.lease})

    async def leave(self):
        asking = list(self.prefixes)
        while asking:
            part = self.parts(asking)[0]
            steps = []
            for prefix in part:
                compared = [(self.name, self.own[prefix]), *self.others[prefix][: self.keep]]
                steps.append(
                    {
                        "compare": [
                            {"target": "MOD", "result": "EQUAL", "key": b64(self.key(prefix, site)),
                             "mod_revision": str(revision)}
                            for site, revision in compared
                        ],
                        "success": [self.put(prefix, "left")],
                        "failure": [self.look(prefix, 64)],
                    }
                )  # fmt: skip
            _, answers = await self.transact(steps)
            asking = asking[len(part) :]
            for prefix, answer in zip(part, answers):
                if answer.get("succeeded"):
                    self.granted += 1
                    continue
                await self.read_on(prefix, answer["responses"][0])
                if len(self.others[prefix]) >= self.keep:
                    asking.append(prefix)
                else:
                    self.refused += 1

    async def read_on(self, prefix, response):
        """Page by page, until enough others are found."""
        self.learn(prefix, response)
        found, read = list(self.others[prefix]), response["response_range"]
        while len(found) < self.keep and read.get("more"):
            last = base64.b64decode(read["kvs"][-1]["key"]).decode()
            read = await self.store.post(
                "/v3/kv/range",
                {"key": b64(last + "\0"), "range_end": b64(f"{ROOT}{prefix}0"), "limit": "64"},
            )
            self.learn(prefix, {"response_range": read})
            found += self.others[prefix]
        self.others[prefix] = found


async def all_of(sites, what):
    begin = time.perf_counter()
    await asyncio.gather(*(what(site) for site in sites))
    return time.perf_counter() - begin


def report(part, took, figures):
    requests, sent, received, latencies = figures
    latencies = sorted(latencies) or [0.0]
    print(
        f"{part}: {took:.2f} s, {requests} requests ({requests / took:.0f}/s), "
        f"{sent / 1e6:.1f} MB there, {received / 1e6:.1f} MB back, latency median "
        f"{statistics.median(latencies) * 1e3:.1f} ms, 99 % "
        f"{latencies[int(len(latencies) * 0.99) - 1] * 1e3:.1f} ms, worst {latencies[-1] * 1e3:.1f} ms",
        flush=True,
    )


async def run(options):
    store = Store(options.connections)
    sites = [Site(store, i, options.prefixes, options.keep) for i in range(options.sites)]
    report("join", await all_of(sites, Site.join), store.take())
    report("look around", await all_of(sites, Site.look_around), store.take())
    report("renew the leases once", await all_of(sites, Site.renew), store.take())
    alone = sites[-1]
    took = await all_of([alone], Site.leave)
    report("one site leaves, alone", took, store.take())
    report("all leave at once", await all_of(sites[:-1], Site.leave), store.take())
    granted = sum(site.granted for site in sites)
    refused = sum(site.refused for site in sites)
    print(f"{granted} granted, {refused} refused")
    expected = options.prefixes * options.keep
    if refused != expected:
        raise SystemExit(f"expected {expected} refusals")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--prefixes", type=int, default=100)
    parser.add_argument("--keep", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--directory", default="/tmp/fleet-bench")
    options = parser.parse_args()
    directory = Path(options.directory)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    url, peer = f"http://{ADDRESS}:{PORT}", f"http://{ADDRESS}:{PORT + 1}"
    with open(directory / "etcd.log", "wb") as log:
        etcd = subprocess.Popen(
            ["/usr/bin/etcd", "--data-dir", directory / "data", "--listen-client-urls", url,
             "--advertise-client-urls", url, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
             "--log-level", "warn"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        for _ in range(100):
            time.sleep(0.1)
            probe = subprocess.run(
                ["/usr/bin/etcdctl", f"--endpoints={url}", "endpoint", "health"],
                env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True,
            )  # fmt: skip
            if probe.returncode == 0:
                break
        asyncio.run(run(options))
        size = sum(f.stat().st_size for f in (directory / "data").rglob("*") if f.is_file())
        print(f"etcd's files: {size / 1e6:.0f} MB")
    finally:
        etcd.terminate()
        etcd.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
