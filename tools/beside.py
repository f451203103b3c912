"""What needs no more than the processor time that the lab leaves over: fuzzing, tools/lint."""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# For each fuzzer; a finding that takes longer is for a long run (docs/testing.md).
FUZZ_SECONDS = 10
# For one job, however busy the machine is.
LIMIT = 1800


def gentle(argv, **more):
    return subprocess.Popen(
        ["nice", "-n", "19", *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        # Else undefined behaviour would be printed, and gone on with.
        env={**os.environ, "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}, **more,
    )


class Beside:
    """Runs jobs one after the other in a thread of its own; what came of them is told at the end."""

    def __init__(self, build):
        self.build = build
        self.results = []  # (what, whether it is fine, what it said)
        self.ending = False
        self.process = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        self._job("tools/lint", [ROOT / "tools" / "lint", "--build-dir", self.build.folder])
        with tempfile.TemporaryDirectory(prefix="wd-fuzz-") as scratch:
            seeds = Path(scratch) / "seeds"
            subprocess.run([sys.executable, "-B", ROOT / "tests/fuzz/seeds.py", seeds], check=True)
            for target in sorted(seeds.iterdir()):
                self._fuzz(target.name, Path(scratch))

    def _fuzz(self, target, scratch):
        corpus, found = scratch / f"{target}.corpus", scratch / f"{target}.found"
        corpus.mkdir()
        found.mkdir()
        said = self._job(
            f"fuzzing: {target}",
            [self.build.folder / "tests" / "fuzz" / f"fuzz_{target}",
             f"-max_total_time={FUZZ_SECONDS}", "-timeout=20", "-print_final_stats=1",
             f"-artifact_prefix={found}/", corpus, scratch / "seeds" / target],
            inputs=found,
        )
        shutil.rmtree(corpus)
        return said

    def _job(self, what, argv, inputs=None):
        if self.ending:
            return
        try:
            self.process = gentle(argv, cwd=ROOT)
            said = self.process.communicate(timeout=LIMIT)[0]
            fine = self.process.returncode == 0
        except (OSError, subprocess.TimeoutExpired) as problem:
            self._kill()
            said, fine = str(problem), False
        if not fine and inputs:
            for file in sorted(inputs.iterdir()):
                text = base64.b64encode(file.read_bytes()).decode()
                said += f"\nto play it again: echo {text} | base64 -d > {file.name}\n"
        self.results.append((what, fine, said))

    def _kill(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()

    def finish(self, tally, say):
        self.thread.join()
        for what, fine, said in self.results:
            if not fine:
                say(said[-20000:])
            tally.add(what, passed=int(fine), failed=int(not fine))

    def end(self):
        """Also what it has started."""
        self.ending = True
        self._kill()
