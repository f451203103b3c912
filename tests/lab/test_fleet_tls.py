"""How withdrawd proves who it is to etcd, and sees who etcd is."""

import json
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from lab.fleet import Fleet, missing_etcd
from lab.waiting import stays, wait_until

PASSWORD = "correct horse"
EXPIRED = "2025-11-01 12:00:00 UTC"

if missing_etcd():
    pytestmark = pytest.mark.skip(reason=missing_etcd())


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=lab",
        )  # fmt: skip

    def openssl(self, *argv):
        subprocess.run(["openssl", *argv], cwd=self.directory, check=True, capture_output=True)

    def issue(self, name, days=2, expired=False):
        """A key and a certificate; one that has `expired` did so at `EXPIRED`."""
        self.openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            f"{name}.key", "-out", f"{name}.csr", "-subj", f"/O={name}",
        )  # fmt: skip
        (self.directory / "ext").write_text("subjectAltName=IP:10.53.1.201,IP:127.0.0.1\n")
        if expired:
            return self.issue_expired(name)
        self.openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", str(days), "-extfile", "ext", "-out", f"{name}.pem",
        )  # fmt: skip

    def issue_expired(self, name):
        """`openssl x509` of Debian 12 cannot say from when to when; `openssl ca` can."""
        (self.directory / "index").write_text("")
        (self.directory / "ca.conf").write_text(
            "[ca]\ndefault_ca = lab\n[lab]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n"
            "default_md = sha256\npolicy = any\n[any]\norganizationName = optional\n"
        )
        self.openssl(
            "ca", "-batch", "-notext", "-config", "ca.conf", "-in", f"{name}.csr", "-cert", "ca.pem",
            "-keyfile", "ca.key", "-startdate", "20251001000000Z", "-enddate", "20251101120000Z",
            "-extfile", "ext", "-out", f"{name}.pem",
        )  # fmt: skip

    def path(self, name):
        return self.directory / name


@pytest.fixture(scope="module")
def authority():
    with tempfile.TemporaryDirectory(prefix="wd-tls-") as directory:
        made = Authority(directory)
        made.issue("etcd")
        made.issue("site")
        made.issue("late", expired=True)
        yield made


@pytest.fixture(scope="module")
def fleet(program, authority):
    context = ssl.create_default_context(cafile=authority.path("ca.pem"))
    context.check_hostname = False
    context.load_cert_chain(authority.path("site.pem"), authority.path("site.key"))
    tls = (
        "--cert-file", authority.path("etcd.pem"), "--key-file", authority.path("etcd.key"),
        "--trusted-ca-file", authority.path("ca.pem"), "--client-cert-auth",
    )  # fmt: skip
    with Fleet(program, sites=1, members=1, tls=tls, context=context) as built:
        etcd = built.etcd[0]
        wait_until("etcd to answer", etcd.status, within=20)
        etcd.post("/v3/auth/user/add", {"name": "root", "password": "root"})
        etcd.post("/v3/auth/role/add", {"name": "root"})
        etcd.post("/v3/auth/user/grant", {"user": "root", "role": "root"})
        etcd.post("/v3/auth/user/add", {"name": "withdrawd", "password": PASSWORD})
        etcd.post("/v3/auth/user/grant", {"user": "withdrawd", "role": "root"})
        etcd.post("/v3/auth/enable", {})
        yield built


@pytest.fixture
def start(fleet, authority):
    """Starts the site with what it proves itself by, but for the changes."""
    site = fleet.sites[0]

    def begin(password=PASSWORD, mode=0o600, **changes):
        file = site.directory / "etcd-password"
        file.write_text(password + "\n")
        file.chmod(mode)
        proof = {
            "user": "withdrawd", "password_file": file, "ca": authority.path("ca.pem"),
            "cert": authority.path("site.pem"), "key": authority.path("site.key"), **changes,
        }  # fmt: skip
        return site.start(**{key: value for key, value in proof.items() if value is not None})

    yield begin
    site.stop()


def test_by_a_certificate_and_a_password(start, fleet):
    start().wait_for_line("the store answers (https://10.53.1.201:2379)", within=20)

    def is_up():
        answer = fleet.sites[0].command("fleet", "--json").stdout
        return '"state":"up"' in answer

    wait_until("the site to be up", is_up, within=20)


def test_a_wrong_password_is_told_and_not_shown(start):
    withdrawd = start(password="wrong donkey")
    line = withdrawd.wait_for_line("the store cannot be reached", "error", within=20)
    assert "log in to etcd as withdrawd" in line.message
    assert "donkey" not in withdrawd.text()


def test_a_password_that_others_can_read_is_not_used(start):
    line = start(mode=0o644).wait_for_line("the store cannot be reached", "error", within=20)
    assert "other users can read or write it" in line.message


def test_etcd_shows_a_certificate_of_somebody_else(start, authority, tmp_path):
    other = Authority(tmp_path)
    line = start(ca=other.path("ca.pem")).wait_for_line("cannot be reached", "error", within=20)
    assert "its certificate" in line.message


def test_without_a_certificate_etcd_refuses(start):
    start(cert=None, key=None).wait_for_line("the store cannot be reached", "error", within=20)


def says_what_is_wrong(site, *words):
    """The log, `fleet` and `status` say in a line of their own what it is."""
    line = site.withdrawd.wait_for_line(words[-1], "error", within=20)
    assert all(word in line.message for word in words), line.message
    wait_until(
        "it to be the latest reason",
        lambda: words[-1] in json.loads(site.command("status", "--json").stdout)["fleet"]["detail"],
        within=20,
    )
    asked = site.command("fleet")
    assert asked.returncode == 2
    assert all(word in asked.stderr for word in words), asked.stderr
    assert len(asked.stderr.splitlines()) == 1
    said = json.loads(site.command("status", "--json").stdout)["fleet"]
    assert said["reached"] is False
    assert all(word in said["detail"] for word in words), said
    table = " ".join(site.command("status").stdout.split())
    assert all(word in table for word in words), table


def goes_on_as_told(fleet, site, manner):
    """It works as ever; what a withdrawal without etcd comes to is `when_unreachable`'s."""
    fleet.dns.fail("NXDOMAIN")
    if manner == "withdraw":
        site.withdrawd.wait_for_line("is withdrawn without leave of the fleet", within=20)
        fleet.wait_for_announcing(0)
    else:
        site.withdrawd.wait_for_line("stays announced", within=20)
        stays("it announcing", lambda: len(fleet.announcing()) == 1, 1)
    fleet.dns.repair()
    fleet.wait_for_announcing(1)


@pytest.mark.parametrize("manner", ["withdraw", "hold"])
def test_a_client_certificate_that_has_expired(start, fleet, authority, manner):
    start(
        cert=authority.path("late.pem"), key=authority.path("late.key"), when_unreachable=manner
    )
    site = fleet.sites[0]
    says_what_is_wrong(site, f"{authority.path('late.pem')} has expired on {EXPIRED}")
    goes_on_as_told(fleet, site, manner)


def test_a_client_certificate_that_is_renewed_is_taken_up_without_a_word(start, authority, tmp_path):
    for kind in ("pem", "key"):
        shutil.copy(authority.path(f"late.{kind}"), tmp_path / f"own.{kind}")
    withdrawd = start(cert=tmp_path / "own.pem", key=tmp_path / "own.key")
    withdrawd.wait_for_line("has expired on", "error", within=20)
    for kind in ("key", "pem"):
        shutil.copy(authority.path(f"site.{kind}"), tmp_path / f"own.{kind}")
    withdrawd.wait_for_line("the store answers", within=20)


@pytest.mark.parametrize("manner", ["withdraw", "hold"])
def test_a_certificate_of_etcd_that_has_expired(start, fleet, authority, manner):
    etcd = fleet.etcd[0]
    good = {kind: authority.path(f"etcd.{kind}").read_bytes() for kind in ("pem", "key")}
    etcd.kill()
    try:
        for kind in good:
            shutil.copy(authority.path(f"late.{kind}"), authority.path(f"etcd.{kind}"))
        etcd.start()
        start(when_unreachable=manner)
        site = fleet.sites[0]
        says_what_is_wrong(
            site, "https://10.53.1.201:2379", "its certificate", f"has expired on {EXPIRED}"
        )
        goes_on_as_told(fleet, site, manner)
    finally:
        etcd.kill()
        for kind, content in good.items():
            authority.path(f"etcd.{kind}").write_bytes(content)
        etcd.start()


def doctor(site):
    """What it says of the fleet, by verdict."""
    said = json.loads(site.command("doctor", "--json").stdout)
    findings = [one for one in said["findings"] if one["item"] == "fleet"]
    return lambda verdict: [
        f"{one['subject']}: {one['text']}" for one in findings if one["verdict"] == verdict
    ]


def test_doctor_says_what_is_wrong_with_the_fleet(start, fleet, authority):
    site = fleet.sites[0]
    start().wait_for_line("the store answers", within=20)
    wait_until("the site to be up", lambda: '"up"' in site.command("fleet", "--json").stdout, 20)
    seen = doctor(site)
    assert seen("wrong") == [
        "192.0.2.0/24: 0 other sites of it are live, and keep_announcing = 2 wants 2: "
        "no automatic withdrawal of it will ever be given leave"
    ]
    assert any("10.53.1.201:2379: etcd answers" in one for one in seen("ok"))
    assert any("its lease lives" in one for one in seen("ok"))
    assert any(f"{authority.path('site.pem')}: this site's certificate ends soon" in one
               for one in seen("note"))
    site.stop()

    start(cert=authority.path("late.pem"), key=authority.path("late.key"))
    wrong = doctor(site)("wrong")
    assert len(wrong) == 2, wrong
    assert all(f"has expired on {EXPIRED}" in one for one in wrong)
    site.stop()

    start(password="wrong donkey", endpoints=[*fleet.urls(), "https://10.53.1.201:2999"])
    wrong = doctor(site)("wrong")
    assert len(wrong) == 2, wrong
    assert "log in to etcd as withdrawd" in wrong[0]
    assert "Connection refused" in wrong[1]
    assert "donkey" not in str(wrong)
