"""Builds, runs the tests and adds them up. Started by tools/test, which see."""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from beside import Beside

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "tests" / "lab"
PACKAGE = ROOT / "tests" / "package"
ASSUMPTIONS = ROOT / "tests" / "assumptions" / "run"
# It takes minutes, nearly all of them waiting for crond: runs beside everything else.
SLOW = "test_cron.py"
# Seconds; what takes longer hangs.
UNIT_TEST_LIMIT = 1200
LAB_LIMIT = 2400
ASSUMPTIONS_LIMIT = 180
SHOW_PROGRESS_EVERY = 60


def say(text=""):
    print(text, flush=True)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.why_skipped = {}  # the reason: names of tests
        self.times = []  # (part, seconds)

    @contextlib.contextmanager
    def timed(self, part):
        started = time.monotonic()
        try:
            yield
        finally:
            self.times.append((part, time.monotonic() - started))

    def skip(self, name, why):
        self.why_skipped.setdefault(why, []).append(name)

    def add(self, what, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self.failures.append(f"{what}: {failed} failed")
        say(f"  {what}: {passed} passed, {failed} failed, {skipped} skipped")

    def fail(self, what):
        """Something that is no test case went wrong; it counts as one."""
        self.failed += 1
        self.failures.append(what)
        say(f"  {what}: failed")


class Build:
    """A build folder and what tells it from the others."""

    def __init__(self, title, folder, options=(), compiler=None, gentle=False, more=None):
        self.title, self.folder, self.options = title, folder, list(options)
        self.compiler, self.gentle = compiler, gentle
        self.more = more or {}  # arguments, by test
        self.took = 0.0

    @property
    def withdrawd(self):
        return self.folder / "src" / "cli" / "withdrawd"

    def run(self):
        """Whether it could be built."""
        started = time.monotonic()
        say(f"build: {self.title}")
        environment = dict(os.environ)
        if self.compiler:
            ccache = "ccache " if shutil.which("ccache") else ""
            environment["CXX"] = ccache + self.compiler
        setup = ["meson", "setup", self.folder, ROOT, *self.options]
        if (self.folder / "meson-private" / "coredata.dat").exists():
            setup.insert(2, "--reconfigure")
        done = subprocess.run(
            setup, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            say(done.stdout + done.stderr)
            return False
        ninja = ["ninja", "-k0", "-C", self.folder, f"-j{os.cpu_count() or 2}"]
        if self.gentle:
            ninja = ["nice", "-n", "10", *ninja]
        if not self._ninja(ninja):
            return False
        self.took = time.monotonic() - started
        say(f"  built in {self.took:.0f} s")
        return True

    def _ninja(self, argv):
        """Its progress now and then, all that it said if it fails."""
        said = []
        shown = time.monotonic()
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        ) as ninja:
            for line in ninja.stdout:
                said.append(line)
                step = re.match(r"\[(\d+)/(\d+)\]", line)
                if step and time.monotonic() - shown > SHOW_PROGRESS_EVERY:
                    shown = time.monotonic()
                    say(f"  {step[1]} of {step[2]}")
        if ninja.returncode == 0:
            # Warnings are worth reading also where they are not fatal.
            warnings = [line for line in said if "warning:" in line]
            for line in dict.fromkeys(warnings):
                say("  " + line.rstrip())
            return True
        say("".join(line for line in said if not re.match(r"\[\d+/\d+\]", line))[-20000:])
        return False


def unit_tests(build, word, tally):
    with tally.timed(f"unit tests: {build.title}"):
        run_unit_tests(build, word, tally)


def run_unit_tests(build, word, tally):
    say(f"unit tests: {build.title}")
    listed = subprocess.run(
        ["meson", "introspect", "--tests", build.folder], capture_output=True, text=True, check=True
    )
    for test in json.loads(listed.stdout):
        what = f"{build.title}: {test['name']}"
        argv = [*test["cmd"], *build.more.get(test["name"], [])]
        is_doctest = b"[doctest]" in Path(argv[0]).read_bytes()
        if word and is_doctest:
            argv = [*argv, f"--test-case=*{word}*"]
        elif word and word not in test["name"]:
            continue
        environment = {**os.environ, **test["env"]}
        environment.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        try:
            done = subprocess.run(
                argv, cwd=test["workdir"] or build.folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=UNIT_TEST_LIMIT,
            )
        except subprocess.TimeoutExpired as late:
            say((late.stdout or b"").decode(errors="replace")[-20000:])
            tally.fail(f"{what} (took longer than {UNIT_TEST_LIMIT} s)")
            continue
        said = done.stdout.decode(errors="replace")
        summary = re.search(
            r"^\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|"
            r"\s*(\d+) skipped",
            said,
            re.M,
        )
        if done.returncode != 0 or is_doctest and not summary:
            say(said[-20000:])
        if not is_doctest:
            # A program that is one test; it says why it skips itself, as Meson has it: with 77.
            skipped = int(done.returncode == 77)
            failed = int(done.returncode != 0 and not skipped)
            tally.add(what, 1 - failed - skipped, failed, skipped)
            continue
        if not summary:
            tally.fail(f"{what} (exit {done.returncode}, and no summary)")
            continue
        passed, failed, skipped = map(int, summary.groups())
        # What -k leaves out was not skipped but not asked for.
        tally.add(what, passed, failed, 0 if word else skipped)
        if done.returncode != 0 and not failed:
            tally.fail(f"{what} (all passed, yet exit {done.returncode})")


def assumptions(tally):
    """What withdrawd believes about bgpd, asked of this host's."""
    what = "assumptions about bgpd"
    if os.geteuid() != 0:
        return tally.add(what, skipped=1)
    try:
        done = subprocess.run(
            [sys.executable, "-B", ASSUMPTIONS], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=ASSUMPTIONS_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return tally.fail(f"{what} (took longer than {ASSUMPTIONS_LIMIT} s)")
    last = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.M)
    if done.returncode != 0 or not last:
        say(done.stdout[-20000:])
    if not last:
        return tally.fail(f"{what} (exit {done.returncode}, and no summary)")
    return tally.add(what, *map(int, last.groups()))


class LabRun:
    """A pytest process over some of the lab's tests."""

    def __init__(self, build, title, arguments, word, output=None, folder=LAB, gentle=False):
        self.title, self.output, self.started = title, output, time.monotonic()
        self.report = build.folder / f"lab-{title.replace(' ', '-')}.xml"
        self.report.unlink(missing_ok=True)
        argv = [
            "/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "-rfEs", "-v",
            "--tb=short", f"--rootdir={folder}", f"--junitxml={self.report}",
            f"--withdrawd={build.withdrawd}", *arguments,
        ]
        if word:
            argv += ["-k", word]
        if gentle:
            argv = ["nice", "-n", "19", *argv]
        sink = open(output, "wb") if output else None
        with sink or contextlib.nullcontext():
            self.process = subprocess.Popen(
                argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=sink,
                stderr=subprocess.STDOUT if sink else None,
            )

    def finish(self, tally):
        try:
            status = self.process.wait(timeout=LAB_LIMIT)
            tally.times.append((f"lab: {self.title}", time.monotonic() - self.started))
        except subprocess.TimeoutExpired:
            self.end()
            status = f"none after {LAB_LIMIT} s"
        if self.output:
            say(self.output.read_text(errors="replace"))
        # 5: nothing was asked for.
        if status not in (0, 1, 5) or not self.report.exists():
            tally.fail(f"lab: {self.title} (pytest: exit {status})")
            return
        suite = ElementTree.parse(self.report).getroot().find("testsuite").attrib
        for case in ElementTree.parse(self.report).getroot().iter("testcase"):
            skip = case.find("skipped")
            if skip is not None:
                tally.skip(f"{case.get('classname')}::{case.get('name')}", skip.get("message", ""))
        total, skipped = int(suite["tests"]), int(suite["skipped"])
        failed = int(suite["failures"]) + int(suite["errors"])
        tally.add(f"lab: {self.title}", max(total - failed - skipped, 0), failed, skipped)

    def end(self):
        """Also what it has started: it takes its lab down."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(options, tally, stack):
    everything = not (options.unit or options.lab)
    strict = ["-Dwerror=true"] if options.all else []
    prefix = Path(options.build_dir).absolute()
    if options.debian_13:
        prefix.mkdir(exist_ok=True)
        other_release_tests(prefix, tally)
        return
    # Without debug information, and not optimised to the last, it is built in half the time. In the
    # other release's root by unity files, as tools/demo builds, and elsewhere not: there each file
    # shows that it includes what it needs.
    optimization, unity = ("0", "on") if options.release else ("1", "off")
    main = Build(
        "g++", prefix,
        [*strict, f"-Doptimization={optimization}", "-Ddebug=false", f"-Dunity={unity}",
         "-Dunity_size=1000"],
    )
    if not main.run():
        tally.fail("build: g++")
        return
    tally.times.append(("build: g++", main.took))
    if options.release:
        unit_tests(main, options.k, tally)
        assumptions(tally)
        files = [LAB / name for name in options.release.split(",")]
        listed = LabRun(main, "main files", files, options.k)
        stack.callback(listed.end)
        listed.finish(tally)
        return

    lab = everything or options.lab
    crond = package = gentle = None
    if lab:
        crond = LabRun(main, "crond", [LAB / SLOW], options.k, output=main.folder / "lab-crond.log")
        stack.callback(crond.end)
        # Much of it is waiting for other programs, too.
        package = LabRun(
            main, "package", [PACKAGE], options.k, output=main.folder / "lab-package.log",
            folder=PACKAGE, gentle=True,
        )
        stack.callback(package.end)
    if everything or options.unit:
        unit_tests(main, options.k, tally)
    if options.all:
        # One more build for all: what clang sees, what its sanitizers see, and the fuzzers.
        checked = Build(
            "clang++-19, ASan and UBSan", prefix.with_name(prefix.name + "-clang"),
            [*strict, "-Dbuildtype=debug", "-Doptimization=0", "-Db_sanitize=address,undefined",
             "-Db_lundef=false", "-Dfuzz=true"],
            compiler="clang++-19", gentle=True,
            more={"simulation": ["--steps", "1000000"], "fleet simulation": ["--steps", "200000"]},
        )
        if checked.run():
            tally.times.append((f"build: {checked.title}", checked.took))
            unit_tests(checked, options.k, tally)
            if not options.k:
                gentle = Beside(checked)
                stack.callback(gentle.end)
        else:
            tally.fail("build: " + checked.title)
    if lab:
        if not options.k:
            assumptions(tally)
        say("lab tests")
        rest = LabRun(main, "all but crond", [f"--ignore={LAB / SLOW}", LAB], options.k)
        stack.callback(rest.end)
        rest.finish(tally)
        if crond.process.poll() is None:
            say("waiting for crond to have run long enough")
        crond.finish(tally)
        package.finish(tally)
    if gentle:
        with tally.timed("lint and fuzzers, after the lab"):
            gentle.finish(tally, say)
    if options.all and not options.k:
        other_release_tests(prefix, tally)


def other_release_tests(folder, tally):
    """In a root of the next Debian, when nothing else runs: they have times to keep."""
    import other_release

    title = f"Debian {other_release.SUITE}"
    say(f"{title}: a build, the unit tests and the main files of the lab")
    if why := other_release.unavailable():
        tally.skip(title, why)
        return
    try:
        with tally.timed(f"{title}: its root"):
            release = other_release.OtherRelease(folder / "other-release.log")
    except other_release.debian_root.Unavailable as problem:
        tally.skip(title, str(problem))
        return
    except RuntimeError as problem:
        tally.fail(f"{title}: {problem}")
        return
    with tally.timed(f"{title}: build and tests"):
        try:
            release.start("--release", ",".join(other_release.LAB_FILES))
            said = release.wait()
        finally:
            release.end()
    say(f"{title}:\n" + (said or "it hangs"))
    last = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", said or "", re.M)
    if not last:
        tally.fail(f"{title}: no summary (exit {release.process.returncode})")
        return
    tally.add(title, *map(int, last.groups()))


def main():
    parser = argparse.ArgumentParser(prog="tools/test", add_help=False)
    parser.add_argument("--unit", action="store_true")
    parser.add_argument("--lab", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("-k")
    parser.add_argument("--build-dir", default=ROOT / "build")
    parser.add_argument("--debian-13", action="store_true")
    # Of tools/other_release.py: the unit tests, and these files of the lab only.
    parser.add_argument("--release", default="")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    tally = Tally()
    with contextlib.ExitStack() as stack:
        try:
            run(options, tally, stack)
        except KeyboardInterrupt:
            tally.fail("interrupted")
    say()
    for part, seconds in tally.times:
        say(f"{seconds:6.0f} s  {part}")
    for why, names in sorted(tally.why_skipped.items()):
        say(f"skipped: {len(names)}: {why}")
        for name in names:
            say(f"    {name}")
    for failure in tally.failures:
        say(f"failed: {failure}")
    if not tally.passed and not tally.failed:
        tally.fail("nothing ran")
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    say(f"took {minutes} min {seconds} s")
    say(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
