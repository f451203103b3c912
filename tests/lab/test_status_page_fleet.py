"""The fleet on the status page, in a real browser: three sites, and what the page of one shows."""

import json
import re

import pytest

from lab.browser import Browser, missing_browser
from lab.fleet import PREFIX, Fleet, missing_etcd
from lab.waiting import wait_until

missing = missing_browser() or missing_etcd()
pytestmark = pytest.mark.skipif(missing is not None, reason=str(missing))

PAGE = "http://127.0.0.1:9853/"
HTTP = '\n[http]\nlisten = "127.0.0.1:9853"\n'
HTML = "<img src=x onerror=alert(1)>"
ROOT = "/withdrawd/1/withdrawd/"
UP = '{"state":"up","announced":true,"health":"up","drained":false,"held":false,"since":1764000000}'


@pytest.fixture(scope="module")
def built(program):
    with Fleet(program, sites=3, members=1) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def browser(built):
    with built.sites[0].namespace.entered():
        browser = Browser(built.directory)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def page(built, browser):
    built.restore()
    built.sites[0].start(extra=HTTP, keep_announcing=1)
    for site in built.sites[1:]:
        site.start(keep_announcing=1)
    built.all_up()
    browser.open_anew(PAGE)
    page = Page(built, browser)
    page.wait_for("3 of 3 sites heard")
    yield page
    browser.open("about:blank")


class Page:
    def __init__(self, fleet, browser):
        self.fleet, self.browser = fleet, browser

    def wait_for(self, text, where="#fleet-section", within=30):
        self.browser.wait_for(text, where, within)

    def rows(self):
        """{site: what its row says}, of all tables of the fleet."""
        return dict(
            self.browser.run(
                "return [...document.querySelectorAll('#fleet tbody tr')].map((row) =>"
                "[row.querySelector('.site').innerText, row.innerText.replace(/\\s+/g, ' ')])"
            )
        )

    def wait_for_row(self, site, text, within=30):
        wait_until(f"{site}: {text}", lambda: text in self.rows().get(site, ""), within)

    def put(self, key, value):
        import base64

        coded = {"key": key, "value": value}
        coded = {k: base64.b64encode(v.encode()).decode() for k, v in coded.items()}
        self.fleet.etcd[0].post("/v3/kv/put", coded)

    def drop(self, key):
        import base64

        self.fleet.etcd[0].post(
            "/v3/kv/deleterange", {"key": base64.b64encode(key.encode()).decode()}
        )


def test_every_site_shows_and_a_change_at_another_one_without_loading_again(page):
    assert PREFIX in page.browser.text("#fleet")
    assert set(page.rows()) == {"s1 (this one)", "s2", "s3"}
    assert all("announced" in row for row in page.rows().values())
    third = page.fleet.sites[2]
    assert third.command("drain", PREFIX, "--reason", "new disks").returncode == 0
    page.wait_for_row("s3", "drained")
    # What is not as usual comes first, and is counted.
    assert list(page.rows())[0] == "s3"
    assert "2 announced" in page.browser.text("#fleet caption")
    page.fleet.dns.fail("NXDOMAIN")
    wait_until(
        "one to have left and one to be held",
        lambda: sorted(
            word for row in page.rows().values() for word in ("drained", "withdrawn", "held")
            if word in row
        ) == ["drained", "held", "withdrawn"],
        within=30,
    )  # fmt: skip
    held = next(row for row in page.rows().values() if "held" in row)
    assert "down" in held, held
    # A state has a shape of its own besides its word.
    page.browser.prefer(forced_colors="active")
    shapes = dict(
        page.browser.run(
            "return [...document.querySelectorAll('#fleet td.state')].map((cell) =>"
            "[cell.innerText.trim(), cell.querySelector('svg').innerHTML])"
        )
    )
    assert len({shapes["held"], shapes["drained"]}) == 2, shapes
    page.fleet.dns.repair()
    page.wait_for_row("s1 (this one)", "announced")
    page.wait_for_row("s2", "announced")
    page.fleet.sites[1].withdrawd.kill()
    page.wait_for("Silent sites")
    page.wait_for("2 of 3 sites heard")
    page.wait_for_row("s2", "silent")
    assert page.browser.run("return window.loaded_once")
    assert {address for address in page.browser.requests() if not address.startswith(PAGE)} == set()


def test_a_name_that_tries_to_be_html_stays_text(page):
    keys = (f"{ROOT}place/{PREFIX}/{HTML}", f"{ROOT}place/{HTML}/s9", f"{ROOT}site/{HTML}2")
    try:
        for key in keys:
            page.put(key, UP)
        page.wait_for(HTML, "#fleet")
        page.wait_for_row(HTML, "announced")
        page.wait_for_row(HTML + "2", "silent")
        assert page.browser.run("return document.querySelectorAll('img, main script').length") == 0
        assert page.browser.complaints() == []
    finally:
        for key in keys:
            page.drop(key)


def test_it_can_be_read_on_a_phone_and_in_the_dark(page):
    name = "a-site-with-the-longest-name-that-anybody-would-give-to-one-of-them"
    key = f"{ROOT}place/{PREFIX}/{name}"
    page.put(key, UP.replace('"state":"up"', '"state":"sick"').replace('"held":false', '"held":true'))
    try:
        page.wait_for("1 held")
        for scheme in ("light", "dark"):
            page.browser.prefer(color_scheme=scheme)
            assert page.browser.unreadable() == [], scheme
        for width in (320, 390, 768):
            page.browser.size(width, phone=True)
            assert page.browser.wider_than(width) == [], f"at {width}"
    finally:
        page.drop(key)


def watchers(fleet):
    """So many watches of etcd there are."""
    import http.client
    import socket

    member = fleet.etcd[0]
    connection = http.client.HTTPConnection(member.address, 2379, timeout=5)
    connection.sock = member.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.sock.connect((member.address, 2379))
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return int(re.search(r"^etcd_debugging_mvcc_watcher_total (\d+)", text, re.M)[1])


def test_the_status_has_the_sites_while_somebody_looks_and_etcd_is_left_alone_otherwise(page):
    first = page.fleet.sites[0]
    said = json.loads(first.command("status", "--json").stdout)["fleet"]
    printed = json.loads(first.command("fleet", "--json").stdout)
    named = lambda places: {(p["prefix"], p["site"], p["state"]) for p in places}
    assert named(said["places"]) == named(printed["places"])
    assert said["silent"] == printed["silent"] == []
    answer = page.browser.driver.execute_async_script(
        "const done = arguments[0]; fetch('status.json').then((x) => x.json()).then(done)"
    )
    assert named(answer["fleet"]["places"]) == named(printed["places"])
    # However many look, and however often: one watch.
    assert watchers(page.fleet) == 1
    page.browser.open("about:blank")
    wait_until("nobody to be watching", lambda: watchers(page.fleet) == 0, within=40)
    said = json.loads(first.command("status", "--json").stdout)["fleet"]
    assert said["places"] is None and said["reached"] is True


def test_an_etcd_that_is_away_is_said_to_be_and_nothing_old_is_shown(page):
    page.fleet.etcd[0].kill()
    page.wait_for("its store cannot be reached")
    wait_until("no site to be shown", lambda: page.rows() == {}, within=30)
    page.fleet.etcd[0].start()
    page.wait_for("3 of 3 sites heard")
