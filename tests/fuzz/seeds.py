#!/usr/bin/env python3
"""Writes first inputs for the fuzzers from what the tests have: seeds.py DIRECTORY.

Makes a folder for each fuzzer, with the recorded conversations and the example configuration.
"""

import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(directory):
    folders = {
        name: directory / name
        for name in ("answer", "config", "socket_reader", "telnet_session", "vty_text")
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for answer in (HERE / "corpus" / "answer").iterdir():
        shutil.copy(answer, folders["answer"])
    shutil.copy(HERE.parent.parent / "etc" / "withdrawd.toml", folders["config"])
    for transcript in sorted((HERE.parent / "transcripts").glob("*.json")):
        story = json.loads(transcript.read_text())
        received = [turn.get("recv") or "" for turn in story["turns"]]
        for number, text in enumerate(received):
            name = f"{transcript.stem}-{number}"
            (folders["vty_text"] / name).write_bytes(text.encode("latin-1", "replace"))
        whole = "".join(received).encode("latin-1", "replace")
        over = {"socket": "socket_reader", "telnet": "telnet_session"}.get(story.get("over"))
        if over:
            (folders[over] / transcript.stem).write_bytes(whole)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
