"""How withdrawd proves who it is to etcd, and sees who etcd is."""

import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from lab.fleet import Fleet, missing_etcd
from lab.waiting import wait_until

PASSWORD = "correct horse"

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

    def issue(self, name, days=2):
        self.openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            f"{name}.key", "-out", f"{name}.csr", "-subj", f"/O={name}",
        )  # fmt: skip
        (self.directory / "ext").write_text("subjectAltName=IP:10.53.1.201,IP:127.0.0.1\n")
        self.openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", str(days), "-extfile", "ext", "-out", f"{name}.pem",
        )  # fmt: skip

    def path(self, name):
        return self.directory / name


@pytest.fixture(scope="module")
def authority():
    with tempfile.TemporaryDirectory(prefix="wd-tls-") as directory:
        made = Authority(directory)
        made.issue("etcd")
        made.issue("site")
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
