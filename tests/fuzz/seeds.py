#!/usr/bin/env python3
"""Writes first inputs for the fuzzers from what the tests have: seeds.py DIRECTORY.

Makes a folder for each fuzzer, with the recorded conversations, the example configuration, and what
withdrawd itself writes and says.
"""

import json
import shutil
import sys
from base64 import b64encode
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = sorted(file.name.removesuffix("_fuzz.cpp") for file in HERE.glob("*_fuzz.cpp"))

NOW = 490_000 * 3_600_000  # in state_file_fuzz.cpp, in ms

STATE = {
    "version": 1,
    "saved": NOW // 1000,
    "checks": {"resolver": {"health": "down", "run": 2, "good": True, "since": NOW - 9000}},
    "withdrawn": [
        {"rule": "anycast", "prefix": "2001:db8:53::/48", "route_map": "TAG", "label_index": 7},
        {"rule": "anycast", "prefix": "192.0.2.0/24", "backdoor": True, "untypable": True},
    ],
    "fallback": {"killed": True, "kills": 3},
    "drains": [
        {"rule": "anycast", "prefix": "192.0.2.0/24", "who": "root", "why": "new kernel \\x1b[31m",
         "since": NOW - 180000, "until": NOW + 1800000},
    ],
    "switched": [{"rule": "anycast", "prefix": "2001:db8:53::/48", "since": NOW - 1}],
    "flaps": [{"rule": "anycast", "prefix": "192.0.2.0/24", "penalty": 2345.5, "at": NOW - 60000,
               "suppressed": True}],
    "desired": [{"rule": "anycast", "prefix": "192.0.2.0/24", "desired": "withdrawn",
                 "since": NOW - 180000}],
}

REQUESTS = [
    "status", "now", "reload",
    'drain {"target":"anycast","who":"root","why":"new kernel","for_ms":1800000}',
    'undrain {"target":"192.0.2.0/24","who":"root","why":""}',
]

STATUS = {
    "version": 1, "mode": "soft", "failing": False, "source": "daemon",
    "bgpd": {"reachable": True, "running": True, "killed_by_fallback": False,
             "transport": "socket /run/frr/bgpd.vty"},
    "groups": [{"name": "edge", "min_announced": 1, "prefixes": 2, "wanted": 1, "held": 1}],
    "checks": [{"name": "resolver", "question": "127.0.0.1:53, A www.test.com", "health": "down",
                "health_for_s": 180.5, "story": "timed out 1 of 1", "last": None}],
    "prefixes": [
        {"rule": "anycast", "prefix": "192.0.2.0/24", "instance": "router bgp 65001",
         "health": "down", "desired": "withdrawn", "desired_for_s": 180.2, "reason": "drain",
         "why": "check \"resolver\" timed out", "configured": False, "in_table": True,
         "agrees": False, "route_map": "TAG", "backdoor": False, "advertised_to": 2,
         "drain": {"who": "root", "why": "new kernel", "lasted_s": 3.0, "left_s": None,
                   "grace_left_s": 60.0},
         "damping": {"penalty": 2345, "suppressed": True, "left_s": 42.0},
         "trouble": "is in the table without a statement"},
    ],
}

FLEET = {
    "version": 1, "group": "edge", "site": "fra1", "keep_announcing": "50%",
    "places": [
        {"prefix": "192.0.2.0/24@vrf CUSTOMER", "site": "fra1", "state": "up", "announced": True,
         "health": "up", "drained": False, "held": False, "for_s": 1209600},
        {"prefix": "192.0.2.0/24", "site": "lhr1", "state": "sick", "announced": True,
         "health": "down", "drained": False, "held": True, "for_s": 12.5},
    ],
    "silent": ["zrh1"],
}


def base64(text):
    return b64encode(text.encode()).decode()


PLACE = {"state": "up", "announced": True, "health": "up", "drained": False, "held": False,
         "since": 1764000000, "run": "ns1.fra1/9f3c21aa"}
HEADER = {"cluster_id": "14841639068965178418", "member_id": "10276657743932975437",
          "revision": "42", "raft_term": "2"}
KV = {"key": base64("/withdrawd/1/edge/place/192.0.2.0/24/fra1"), "create_revision": "7",
      "mod_revision": "41", "version": "3", "value": base64(json.dumps(PLACE)),
      "lease": "7587848390183542787"}
RANGE = {"header": HEADER, "kvs": [KV, {**KV, "mod_revision": "42"}], "count": "5", "more": True}

# By the first byte of etcd_json_fuzz.cpp's input: what etcd 3.4 answers.
ETCD = {
    "0": {"header": HEADER, "succeeded": True, "responses": [
        {"response_txn": {"header": HEADER, "succeeded": True,
                          "responses": [{"response_put": {"header": HEADER}}]}},
        {"response_txn": {"header": HEADER,
                          "responses": [{"response_range": RANGE}, {"response_range": RANGE}]}}]},
    "1": RANGE,
    "2": {"header": HEADER, "ID": "7587848390183542787", "TTL": "10"},
    "3": {"result": {"header": HEADER, "ID": "7587848390183542787", "TTL": "10"}},
    "4": {"header": HEADER, "token": "FbwLgqYcHlBGVkpS.17"},
    "5": {"result": {"header": HEADER, "events": [{"kv": KV}, {"type": "DELETE", "kv": KV}]}},
    "6": {"error": "etcdserver: invalid auth token", "code": 16,
          "message": "etcdserver: invalid auth token"},
    "7": PLACE,
}

HISTORY = [
    {"time": "2026-11-23T03:31:21.123Z", "kind": "changed", "rule": "anycast",
     "prefix": "192.0.2.0/24", "was": "announced", "is": "withdrawn",
     "cause": "check \"resolver\" port unreachable", "by": ""},
    {"time": "2026-11-23T03:31:22.123Z", "kind": "killed", "rule": None, "prefix": None,
     "cause": "192.0.2.0/24 was announced for 5.0 s", "by": ""},
]


def main(directory):
    for target in TARGETS:
        (directory / target).mkdir(parents=True, exist_ok=True)

    def seed(target, name, content):
        if isinstance(content, str):
            content = content.encode("latin-1", "replace")
        (directory / target / name).write_bytes(content)

    for answer in (HERE / "corpus" / "answer").iterdir():
        shutil.copy(answer, directory / "answer")
    shutil.copy(HERE.parent.parent / "etc" / "withdrawd.toml", directory / "config")
    seed("state_file", "full", json.dumps(STATE))
    for number, request in enumerate(REQUESTS):
        seed("control", f"request-{number}", "0" + request)
    for number, answer in enumerate(({"said": "2 prefixes drained"}, {"error": "find \"x\""})):
        seed("control", f"answer-{number}", "1" + json.dumps(answer))
    seed("control", "status", "2" + json.dumps(STATUS))
    seed("control", "fleet", "3" + json.dumps(FLEET))
    for kind, answer in ETCD.items():
        seed("etcd_json", kind, kind + json.dumps(answer))
    seed("etcd_json", "base64", "8" + KV["value"])
    seed("etcd_json", "key", "9/withdrawd/1/edge/place/192.0.2.0/24@vrf CUSTOMER/fra1")
    for number, entry in enumerate(HISTORY):
        seed("history", str(number), json.dumps(entry))

    for transcript in sorted((HERE.parent / "transcripts").glob("*.json")):
        story = json.loads(transcript.read_text())
        received = [turn.get("recv") or "" for turn in story["turns"]]
        for number, text in enumerate(received):
            name = f"{transcript.stem}-{number}"
            if "BGP routing table entry" in text or "not in table" in text:
                seed("table", name, text)
            if "router bgp" in text:
                seed("running_config", name, text)
            if story.get("over") == "vtysh":
                seed("vtysh_output", name, "1" + text)
        over = {"socket": "socket_reader", "telnet": "telnet_session"}.get(story.get("over"))
        if over:
            seed(over, transcript.stem, "".join(received))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
