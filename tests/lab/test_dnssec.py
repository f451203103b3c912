"""Signed zones: the prefixes go when the signatures no longer validate, and come back when they do."""

import json
import os
import shutil
import subprocess
import time

import pytest

from lab import Prefixes
from lab.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not shutil.which("ldns-signzone"), reason="needs ldns-signzone (Debian: ldnsutils)"
)

QUICK = {"interval": "100ms", "fast_interval": "50ms", "timeout": "1s"}


class Signer:
    """Signs test.com as the lab's NSD has it, with a key of its own."""

    def __init__(self, nsd):
        self.nsd = nsd
        self.directory = nsd.directory / "keys"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        name = self._run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "test.com").strip()
        self.key = self.directory / name
        self.ds = self.key.with_name(name + ".ds").read_text().strip()

    def _run(self, *command):
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def signed(self, until, *options, more=""):
        """The zone as text, with more records, and signatures that end at this time."""
        self.nsd.serial += 1
        plain = self.directory / "zone"
        plain.write_text(self.nsd.ZONE.format(serial=self.nsd.serial, record=self.nsd.RECORD) + more)
        stamp = [time.strftime("%Y%m%d%H%M%S", time.gmtime(at)) for at in (until - 86400, until)]
        self._run("ldns-signzone", "-i", stamp[0], "-e", stamp[1], "-f", "signed", "-o", "test.com",
                  *options, plain, self.key)
        return (self.directory / "signed").read_text()

    def serve(self, text):
        fresh = self.nsd.zone.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self.nsd.zone)
        self.nsd._reload()

    def check(self, **keys):
        return {"dnssec": "validate", "trust_anchor": [self.ds], **QUICK, **keys}


@pytest.fixture
def signer(lab):
    return Signer(lab.dns)


def verdict(lab, check):
    """The check asked by `withdrawd check --json`."""
    configuration = lab.write(lab.configuration(check=check))
    status, said = lab.start("check", "resolver", "--json", "-c", configuration)
    report = json.loads(said)
    assert status == (0 if report["ok"] else 1), said
    return report["checks"][0]


def wait_for_verdict(lab, check, detail):
    wait_until(f"the verdict {detail}", lambda: detail in verdict(lab, check)["detail"], within=10)


def test_prefixes_go_when_the_signatures_expire(lab, signer, measured):
    anchor = lab.directory / "anchor"
    anchor.write_text("; of the zone itself\n" + signer.ds + "\n")
    check = signer.check(trust_anchor=[], fall=1)
    check["trust_anchor"] = anchor
    end = int(time.time()) + 8
    signer.serve(signer.signed(end))
    wait_for_verdict(lab, check, "198.18.0.53")
    with lab.withdrawd("run", "-c", lab.write(lab.configuration(check=check))) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        anchor.unlink()  # It has been read; losing it does no harm.
        lab.wait_for_announcements(Prefixes.STAYING, within=end - time.time() + 5)
        assert time.time() >= end, "withdrawn before the signatures had expired"
        measured(f"withdrawn {time.time() - end:.1f} s after the signatures had expired")
        withdrawd.wait_for_line("expired " + time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(end)))
        signer.serve(signer.signed(int(time.time()) + 86400))
        lab.wait_for_announcements(Prefixes.ALL, within=10)


def test_what_is_wrong_is_said(lab, signer):
    day = int(time.time()) + 86400
    check = signer.check()
    good = signer.signed(day)
    signer.serve(good)
    wait_for_verdict(lab, check, "198.18.0.53")
    seen = verdict(lab, check)
    assert [step["what"] for step in seen["chain"]] == ["test.com. DNSKEY", "www.test.com. A"]
    assert all(step["ok"] for step in seen["chain"]), seen

    assert "in less than 2 d" in verdict(lab, {**check, "signature_margin": "48h"})["detail"]

    stranger = Signer(lab.other_dns)
    other = verdict(lab, {**check, "trust_anchor": [stranger.ds]})
    assert "DNSKEY of test.com. does not match the trust anchor" == other["detail"]

    signer.serve(good.replace("198.18.0.53", "198.18.0.54"))
    wait_for_verdict(lab, check, "signature of www.test.com. A is bogus")

    unsigned = "\n".join(
        line for line in good.splitlines() if not ("www.test.com." in line and "RRSIG\tA " in line)
    )
    assert unsigned.count("\n") < good.strip().count("\n")
    signer.serve(unsigned + "\n")
    wait_for_verdict(lab, check, "no signature of www.test.com. A")


@pytest.mark.parametrize("options", ((), ("-n",)), ids=("NSEC", "NSEC3"))
def test_what_does_not_exist_is_proven(lab, signer, options):
    signer.serve(signer.signed(int(time.time()) + 86400, *options))
    wait_for_verdict(lab, signer.check(), "198.18.0.53")
    absent = signer.check(name="no.such.name.test.com", rcode="NXDOMAIN")
    assert verdict(lab, absent)["ok"], verdict(lab, absent)
    no_data = signer.check(qtype="AAAA", min_answers=0)
    assert verdict(lab, no_data)["ok"], verdict(lab, no_data)
    assert verdict(lab, signer.check(transport="both"))["ok"]


@pytest.mark.parametrize("options", ((), ("-n",), ("-n", "-p")), ids=("NSEC", "NSEC3", "opt-out"))
def test_wildcards_and_aliases_are_proven(lab, signer, options):
    more = "*.wild A 198.18.0.53\nold DNAME new\nwww.new A 198.18.0.53\nweb CNAME www.old\n"
    signer.serve(signer.signed(int(time.time()) + 86400, *options, more=more))
    for name in ("a.b.wild", "www.old", "web"):
        wait_for_verdict(lab, signer.check(name=f"{name}.test.com"), "198.18.0.53")
        seen = verdict(lab, signer.check(name=f"{name}.test.com", transport="both"))
        assert seen["ok"], seen
    for name in ("a.b.wild", "old", "web"):
        no_data = signer.check(name=f"{name}.test.com", qtype="TXT", min_answers=0)
        assert verdict(lab, no_data)["ok"], verdict(lab, no_data)
    absent = signer.check(name="no.old.test.com", rcode="NXDOMAIN")
    assert verdict(lab, absent)["ok"], verdict(lab, absent)


def test_a_forged_denial_is_not_believed(lab, signer):
    """What the wildcard's NSEC record says of itself is served as the name's own."""
    more = '* TXT "all but an address"\n'
    zone = signer.signed(int(time.time()) + 86400, more=more).splitlines()
    own = [line for line in zone if not line.startswith("www.test.com.")]
    wildcards = [line for line in own if line.startswith("*.test.com.") and "NSEC" in line]
    assert len(wildcards) == 2, zone
    forged = [line.replace("*.test.com.", "www.test.com.", 1) for line in wildcards]
    txt = 'www.test.com.\t60\tIN\tTXT\t"here"'
    signer.serve("\n".join([*own, txt, *forged]) + "\n")
    no_data = signer.check(min_answers=0)
    wait_for_verdict(lab, no_data, "www.test.com. NSEC is a wildcard's, expanded")
    assert not verdict(lab, no_data)["ok"]


def test_an_anchor_above_the_zone_takes_a_server_that_has_it(lab, signer):
    signer.serve(signer.signed(int(time.time()) + 86400))
    wait_for_verdict(lab, signer.check(), "198.18.0.53")
    above = signer.ds.replace("test.com.", "com.")
    detail = verdict(lab, signer.check(trust_anchor=[above]))["detail"]
    assert "DS record of test.com." in detail or "DS test.com." in detail, detail
