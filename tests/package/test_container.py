"""etc/container/Containerfile: built by podman, and run beside a real bgpd as docs/container.md says."""

import shutil
import subprocess

import debian_root
import pytest
from conftest import ROOT
from lab import Lab, Prefixes, missing_requirements, stays, wait_until
from lab.programs import Withdrawd

WHY_NOT = (
    debian_root.missing() or missing_requirements()
    or next((f"needs {tool}" for tool in ("podman", "runc") if not shutil.which(tool)), None)
)
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "")
# Also on a host with the control groups of old, and without the right to raise its limits.
RUN = ["--runtime=runc", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"]
AFTER = 2


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    store = tmp_path_factory.mktemp("containers")

    def run(*argv, within=300):
        done = subprocess.run(
            podman.line(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=within,
        )
        return done.returncode, done.stdout

    def podman(*argv, **options):
        status, said = run(*argv, **options)
        assert status == 0, said
        return said.strip()

    podman.run = run
    podman.line = lambda *argv: [
        "podman", "--root", store / "store", "--runroot", store / "run", "--storage-driver=overlay",
        "--cgroup-manager=cgroupfs", "--events-backend=none", *map(str, argv),
    ]
    yield podman
    podman("rm", "--all", "--force")
    podman("rmi", "--all", "--force")


@pytest.fixture(scope="module")
def image(podman, release, tmp_path_factory):
    try:
        base = debian_root.base("", has=[], name="slim")
    except debian_root.Unavailable as problem:
        pytest.skip(str(problem))
    context = tmp_path_factory.mktemp("context")
    # What a checkout has, and the archive, so that it is not compiled again.
    for name in ("bench", "debian", "docs", "etc", "src", "subprojects", "tools"):
        shutil.copytree(ROOT / name, context / name)
    for name in ("meson.build", "meson_options.txt", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, context)
    (archive,) = release.glob("*.tar.gz")
    shutil.copy(archive, context)
    with subprocess.Popen(["tar", "-C", base, "-c", "."], stdout=subprocess.PIPE) as packed:
        subprocess.run(
            podman.line("import", "-", "debian:12-slim"), stdin=packed.stdout, check=True,
            capture_output=True,
        )
    podman(
        "build", "--format=docker", "--isolation=chroot", "--pull=never", "--network=host",
        f"--build-arg=ARCHIVE={archive.name}", "--file", context / "etc/container/Containerfile",
        "--tag=withdrawd", context,
    )
    return "withdrawd"


@pytest.fixture(scope="module")
def lab(program):
    with Lab(program) as made:
        yield made


@pytest.fixture(scope="module")
def other_lab(program):
    """Its bgpd is in a PID namespace of its own, as in a container."""
    with Lab(program, pid_namespace=True, name="-other") as made:
        yield made


@pytest.fixture
def start(podman, image, request):
    """Runs the image beside a lab's bgpd: a Withdrawd."""
    started = []

    def run(lab, *options, has_sockets=True):
        lab.restore()
        configuration = lab.write(f"""
[bgpd]
transports = ["socket"]
[check.resolver]
server = "127.0.0.1"
name = "www.test.com"
interval = "100ms"
fast_interval = "50ms"
timeout = "150ms"
[fallback]
after = "{AFTER}s"
[rule.anycast]
prefixes = ["{Prefixes.PLAIN}"]
checks = ["resolver"]
""")
        group = lab.bgpd.vty_directory.joinpath("bgpd.vty").stat().st_gid
        sockets = [f"--volume={lab.bgpd.vty_directory}:/run/frr"] if has_sockets else []
        started.append(Withdrawd(
            podman.line(
                "run", "--rm", "--name=withdrawd", *RUN, f"--network=ns:/run/netns/{lab.edge.name}",
                f"--group-add={group}", *sockets,
                f"--volume={configuration}:/etc/withdrawd/withdrawd.toml:ro", *options, image,
            ),
            lab.directory / f"{request.node.name}.log",
        ))
        started[-1].wait_for_health("resolver", "up", within=30)
        return started[-1]

    yield run
    podman.run("rm", "--force", "--time=1", "withdrawd")
    for program in started:
        program.close()


def test_the_image_holds_the_program_and_little_else(podman, image, measured):
    place = podman("create", "--name=look", image)
    try:
        files = subprocess.run(
            podman.line("export", "look"), stdout=subprocess.PIPE, check=True,
        ).stdout
        listed = subprocess.run(["tar", "-t"], input=files, stdout=subprocess.PIPE, check=True)
    finally:
        podman("rm", place)
    names = [name for name in listed.stdout.decode().splitlines() if not name.endswith("/")]
    measured(f"image: {len(files)} bytes")
    ours = {"usr/sbin/withdrawd", "usr/share/doc/withdrawd/LICENSE", "etc/passwd", "etc/group"}
    # podman brings some that are empty, to mount its own there.
    places = ("dev/", "proc/", "sys/", "run/", "etc/hosts", "etc/hostname", "etc/resolv.conf")
    others = [name for name in names if "/licences/" not in name and not name.startswith(places)]
    assert set(others) == ours


def test_it_withdraws_and_announces_beside_the_hosts_bgpd(lab, podman, start):
    program = start(
        lab, "--pid=host", "--cap-drop=all", "--read-only", "--volume=/run/withdrawd",
        "--volume=/var/lib/withdrawd",
    )
    wait_until("health", lambda: podman.run("healthcheck", "run", "withdrawd")[0] == 0, within=10)
    said = podman.run("exec", "withdrawd", "/usr/sbin/withdrawd", "doctor")[1]
    assert "known by its vty socket" in " ".join(said.split()) and said.count("wrong  ") == 2, said
    lab.dns.kill()
    lab.wait_for_announcements(Prefixes.ALL - {Prefixes.PLAIN})
    assert podman.run("healthcheck", "run", "withdrawd")[0] == 1
    lab.dns.repair()
    lab.wait_for_announcements()
    assert program.lines("critical") == []


@pytest.mark.parametrize("pid", ("host", "host, of a container", "container's"))
def test_with_the_pids_of_bgpd_and_cap_kill_it_kills_a_frozen_one(lab, other_lab, start, pid):
    place = lab if pid == "host" else other_lab
    pids = f"ns:/proc/{other_lab.place.init}/ns/pid" if pid == "container's" else "host"
    program = start(place, f"--pid={pids}", "--cap-drop=all", "--cap-add=kill")
    place.bgpd.freeze()
    place.dns.kill()
    wait_until("bgpd to be killed", lambda: not place.bgpd.running(), within=AFTER + 5)
    program.wait_for_line("killed", level="critical")


def test_with_pids_of_its_own_it_kills_nobody_and_says_why(lab, podman, start):
    program = start(lab, "--cap-drop=all", "--cap-add=kill")
    said = podman.run("exec", "withdrawd", "/usr/sbin/withdrawd", "doctor")[1]
    assert "in a PID namespace that cannot be seen from here" in " ".join(said.split())
    pids = lab.bgpd.pids()
    lab.dns.kill()
    lab.wait_for_announcements(Prefixes.ALL - {Prefixes.PLAIN})
    lab.dns.repair()
    lab.wait_for_announcements()
    lab.bgpd.freeze()
    lab.dns.kill()
    program.wait_for_line("PID namespace that cannot be seen", level="critical", within=AFTER + 5)
    stays("bgpd", lambda: lab.bgpd.pids() == pids, seconds=2 * AFTER)
    lab.bgpd.thaw()
    wait_until("bgpd to answer again", lab.bgpd.answers, within=5)


def test_alone_it_does_not_take_bgpd_for_dead(lab, podman, start):
    program = start(lab, has_sockets=False)
    said = podman.run("exec", "withdrawd", "/usr/sbin/withdrawd", "doctor")[1]
    assert "so bgpd is in another PID namespace" in " ".join(said.split())
    lab.dns.kill()
    program.wait_for_line("process 1 is withdrawd", level="critical", within=AFTER + 5)
    assert program.lines(containing="is not running") == []
