"""The status page, in a real browser."""

import json
import os
import re
import signal

import pytest

from lab import Prefixes, wait_until
from lab.browser import Browser, missing_browser

pytestmark = pytest.mark.skipif(missing_browser() is not None, reason=str(missing_browser()))

PAGE = "http://127.0.0.1:9853/"
HTML = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(2)</script>"

HTTP = """
[http]
listen = "127.0.0.1:9853"
"""

# What others have written: a command, and a DNS server.
HOSTILE = f"""
[check.plugin]
type = "exec"
command = ["/bin/echo", "{SCRIPT}"]
interval = "100ms"
timeout = "2s"

[check.text]
server = "127.0.0.2"
name = "text.test.com"
qtype = "TXT"
interval = "100ms"

[rule.hostile]
prefixes = ["203.0.113.0/24"]
checks = ["plugin", "text"]
"""


@pytest.fixture(scope="module")
def browser(shared_lab):
    with shared_lab.edge.entered():
        browser = Browser(shared_lab.directory)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def page(lab, browser):
    """The page as it is loaded once; a mark in it is gone if it were loaded again."""
    configuration = lab.write(lab.configuration(other=False) + HOSTILE + HTTP)
    lab.other_dns.RECORD = f'www A 198.18.0.53\ntext TXT "{HTML}"'
    lab.other_dns.repair()
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        browser.open_anew(PAGE)
        page = Page(lab, browser, withdrawd, configuration)
        page.wait_for("All 4 prefixes are announced.", "#verdict")
        yield page
        # The next test has a daemon of its own, and a page.
        browser.open("about:blank")


class Page:
    def __init__(self, lab, browser, withdrawd, configuration):
        self.lab, self.browser = lab, browser
        self.withdrawd, self.configuration = withdrawd, configuration

    def wait_for(self, text, where="main", within=30):
        self.browser.wait_for(text, where, within)

    def row(self, prefix):
        return self.browser.run(
            "return [...document.querySelectorAll('tr')]"
            ".find((row) => row.querySelector('.prefix')?.textContent === arguments[0])"
            "?.innerText.replace(/\\s+/g, ' ') ?? ''",
            prefix,
        )

    def drain(self, target, reason):
        status, said = self.lab.start("drain", "-c", self.configuration, target, "--reason", reason)
        assert status == 0, said


def test_a_change_shows_without_loading_the_page_again(page, lab):
    assert "announced" in page.row(Prefixes.PLAIN)
    lab.dns.kill()
    page.wait_for("3 of 4 prefixes are withdrawn: 3 down.", "#verdict")
    page.wait_for('Check "resolver" is down.', "#verdict")
    page.wait_for(f"announced → withdrawn", "#changes")
    row = page.row(Prefixes.PLAIN)
    assert "withdrawn" in row and 'check "resolver" port unreachable' in page.browser.text("#rules")
    assert "announced" in page.row(Prefixes.OTHER)
    # What is sick comes first.
    rules = page.browser.run(
        "return [...document.querySelectorAll('#rules caption strong')].map((x) => x.textContent)"
    )
    assert rules == ["anycast", "hostile"]
    lab.dns.repair()
    page.wait_for("All 4 prefixes are announced.", "#verdict")
    wait_until("its row", lambda: "announced" in page.row(Prefixes.PLAIN), within=10)
    # Its strip has kept what happened meanwhile, in words too.
    words = page.browser.run(
        "return document.querySelector('#rules svg.strip').getAttribute('aria-label')"
    )
    assert re.fullmatch(r"Last 24 hours: withdrawn 1 time, \d+ s in all, .*", words), words
    assert page.browser.run("return window.loaded_once")


def test_text_that_tries_to_be_html_stays_text(page, lab):
    page.drain(Prefixes.OTHER, HTML)
    page.wait_for(f"“{HTML}”", "#rules")
    page.wait_for(HTML, "#changes")
    page.wait_for(SCRIPT, "#checks")
    page.wait_for(HTML, "#checks")
    assert page.browser.run("return document.querySelectorAll('img, main script').length") == 0
    assert page.browser.complaints() == []
    assert "drained by" in page.row(Prefixes.OTHER)


def test_the_page_asks_nobody_else_and_may_not(page, lab):
    lab.dns.kill()
    page.wait_for("withdrawn: 3 down", "#verdict")
    browser = page.browser
    asked = set(browser.requests())
    assert PAGE in asked and PAGE + "page.json" in asked
    assert {address for address in asked if not address.startswith(PAGE)} == set()
    assert browser.complaints() == []
    # And if its text had got the better of it: the policy is in force.
    got = browser.driver.execute_async_script(
        """const done = arguments[0];
        const script = document.createElement("script");
        script.textContent = "window.taken = true";
        document.body.append(script);
        const image = document.createElement("img");
        image.src = "/status.json";
        document.body.append(image);
        fetch("http://10.53.0.2/").then(() => done("asked"), (error) => done(String(error)));"""
    )
    assert got.startswith("TypeError")
    assert browser.run("return window.taken") is None
    refused = [line for line in browser.complaints() if "Content Security Policy" in line]
    assert len(refused) >= 3, refused


def test_on_a_phone_nothing_is_wider_than_the_screen(page, lab):
    page.drain(Prefixes.OTHER, "a reason that goes on and on " * 6)
    lab.dns.kill()
    page.wait_for("4 of 4 prefixes are withdrawn", "#verdict")
    for width in (320, 390, 768, 870):
        page.browser.size(width, phone=True)
        assert page.browser.wider_than(width) == [], f"at {width}"
        assert page.browser.run("return document.documentElement.scrollWidth") <= width


def test_in_the_dark_it_is_dark_and_everything_can_be_read(page, lab):
    page.drain(Prefixes.OTHER, "new disks")
    lab.dns.kill()
    page.wait_for("4 of 4 prefixes are withdrawn", "#verdict")
    paper = {}
    for scheme in ("light", "dark"):
        page.browser.prefer(color_scheme=scheme)
        color = page.browser.run("return getComputedStyle(document.body).backgroundColor")
        paper[scheme] = sum(map(int, re.findall(r"\d+", color)[:3]))
        assert page.browser.unreadable() == [], scheme
    assert paper["dark"] < 120 < 600 < paper["light"]


def test_without_colour_each_state_has_a_shape_and_a_word(page, lab):
    lab.dns.kill()
    page.wait_for("3 of 4 prefixes are withdrawn", "#verdict")
    page.browser.prefer(forced_colors="active")
    shapes = page.browser.run(
        """const shapes = {};
        for (const cell of document.querySelectorAll("#rules td.state")) {
          (shapes[cell.innerText.trim()] ??= new Set()).add(cell.querySelector("svg").innerHTML);
        }
        return Object.entries(shapes).map(([word, all]) => [word, [...all]]);"""
    )
    shapes = dict(shapes)
    assert set(shapes) == {"announced", "withdrawn"}
    assert all(len(of_one) == 1 for of_one in shapes.values())
    assert shapes["announced"] != shapes["withdrawn"]


def test_who_cannot_see_it_is_told_the_same(page, lab):
    page.browser.command("Accessibility.enable")
    nodes = page.browser.command("Accessibility.getFullAXTree")["nodes"]
    page.browser.command("Accessibility.disable")
    said = {}
    for node in nodes:
        if not node["ignored"]:
            said.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert any(name.startswith("Last 24 hours: announced") for name in said["image"]), said["image"]
    assert {"Prefix", "State", "Last 24 hours", "Why"} <= set(said["columnheader"])
    assert {Prefixes.PLAIN, Prefixes.OTHER} <= set(said["rowheader"])
    assert "status" in said and len(said["table"]) == 3
    assert {"Prefixes", "Checks", "Last changes"} <= set(said["heading"])


def test_a_withdrawd_that_does_not_answer_is_said_to_be_silent(page, lab):
    browser = page.browser
    assert "live" in browser.text("#live")
    for number in page.withdrawd.pids():
        os.kill(number, signal.SIGSTOP)
    page.wait_for("No answer from withdrawd since", "#stale")
    assert browser.text("#live") == "no answer"
    assert browser.run("return document.title").startswith("? ")
    for number in page.withdrawd.pids():
        os.kill(number, signal.SIGCONT)
    wait_until("it to be live again", lambda: "live" in browser.text("#live"), within=20)
    assert browser.text("#stale") == ""
    assert page.withdrawd.terminate() == 0
    page.wait_for("No answer from withdrawd since", "#stale")
    # What was known stays readable.
    assert "announced" in page.row(Prefixes.PLAIN)
    with lab.withdrawd("run", "-c", page.configuration):
        wait_until("it to be live again", lambda: "live" in browser.text("#live"), within=20)
        page.wait_for("All 4 prefixes are announced.", "#verdict")
    assert browser.run("return window.loaded_once")


def test_without_javascript_the_verdict_is_there(page, lab):
    lab.dns.kill()
    page.wait_for("3 of 4 prefixes are withdrawn: 3 down.", "#verdict")
    browser = page.browser
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(PAGE)
        document = browser.command("DOM.getDocument")["root"]["nodeId"]
        shown = browser.command("DOM.querySelector", nodeId=document, selector="noscript strong")
        html = browser.command("DOM.getOuterHTML", nodeId=shown["nodeId"])["outerHTML"]
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
    assert "3 of 4 prefixes are withdrawn: 3 down." in html


@pytest.mark.parametrize("at_start", [True, False], ids=["at the start", "by a reload"])
def test_what_earlier_runs_have_recorded_is_in_the_strips(page, lab, at_start):
    assert page.withdrawd.terminate() == 0
    history = lab.directory / "history.jsonl"
    at = page.browser.run("return new Date(Date.now() - 5 * 3600 * 1000).toISOString()")
    later = page.browser.run("return new Date(Date.now() - 3 * 3600 * 1000).toISOString()")
    lines = [
        {"time": time, "kind": "changed", "rule": "anycast", "prefix": Prefixes.PLAIN, "was": was,
         "is": is_, "cause": "long ago", "by": "withdrawd"}
        for time, was, is_ in ((at, "announced", "withdrawn"), (later, "withdrawn", "announced"))
    ]
    history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = page.configuration.read_text()
    if not at_start:
        page.configuration.write_text(text.replace(HTTP, ""))
    with lab.withdrawd("run", "-c", page.configuration) as withdrawd:
        withdrawd.wait_for_line("begins")
        if not at_start:
            # What happens before anybody can look is in its place too.
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING)
            lab.dns.repair()
            lab.wait_for_announcements(Prefixes.ALL)
            page.configuration.write_text(text)
            withdrawd.signal_it(signal.SIGHUP)
            withdrawd.wait_for_line("goes on with the new configuration")
        page.browser.open(PAGE)
        page.wait_for("long ago", "#changes")
        times = "1 time" if at_start else "2 times"
        wait_until(
            "two hours in the strip",
            lambda: f"withdrawn {times}, 2 h in all" in (page.browser.run(
                "return [...document.querySelectorAll('#rules tr')].find((row) => "
                "row.querySelector('.prefix')?.textContent === arguments[0])"
                "?.querySelector('svg.strip').getAttribute('aria-label') ?? ''", Prefixes.PLAIN)),
            within=10,
        )


def test_of_thousands_of_prefixes_the_page_shows_what_matters_and_finds_the_rest(page, lab):
    assert page.withdrawd.terminate() == 0
    many = [f"10.{i // 256}.{i % 256}.0/24" for i in range(2000)]
    # The checks are down, and bgpd has none of them: nothing is to be done.
    crowd = "[check.never]\ntype = \"file\"\npath = \"/dev/null\"\npresent = \"down\"\n"
    crowd += f"[rule.crowd]\nprefixes = {json.dumps(many)}\nchecks = [\"never\"]\n"
    lab.write(lab.configuration(other=False) + HOSTILE + crowd + HTTP)
    with lab.withdrawd("run", "-c", page.configuration) as withdrawd:
        withdrawd.wait_for_line("begins")
        page.browser.open(PAGE)
        page.wait_for("2000 of 2004 prefixes are withdrawn: 2000 down.", "#verdict", within=60)
        page.wait_for("1960 more, 1960 of them not as usual either", "#rules")
        assert page.browser.run("return document.querySelectorAll('*').length") < 3000
        find = page.browser.driver.find_element("id", "find-text")
        find.send_keys("10.7.200.53")
        page.wait_for("1 prefix found", "#found-count")
        assert "10.7.200.0/24" in page.browser.text("#found")
        find.clear()
        find.send_keys("hostile")
        page.wait_for(Prefixes.OTHER, "#found")


def test_a_bgpd_that_has_died_shows_although_nothing_was_changed(page, lab):
    lab.bgpd.kill()
    page.wait_for("bgpd does not run: nothing is announced.", "#verdict")
    wait_until("its row", lambda: "withdrawn, not announced" in page.row(Prefixes.PLAIN), within=10)
    lab.bgpd.start()
    page.wait_for("All 4 prefixes are announced.", "#verdict")


def test_what_is_selected_stays_selected_while_the_page_lives_on(page, lab):
    browser = page.browser
    browser.run(
        "getSelection().selectAllChildren(document.querySelector('#checks .question'));"
        "window.row = document.querySelector('#rules tbody tr')"
    )
    selected = browser.run("return String(getSelection())")
    assert "127.0.0" in selected
    lab.dns.kill()
    page.wait_for("3 of 4 prefixes are withdrawn", "#verdict")
    lab.dns.repair()
    page.wait_for("All 4 prefixes are announced.", "#verdict")
    assert browser.run("return String(getSelection())") == selected
    assert browser.run("return window.row.isConnected")


def test_in_hard_mode_the_page_is_about_bgpd_and_the_checks(page, lab):
    assert page.withdrawd.terminate() == 0
    lab.write(lab.configuration(top={"mode": "hard"}, other=False) + HTTP)
    with lab.withdrawd("run", "-c", page.configuration) as withdrawd:
        withdrawd.wait_for_line("begins")
        page.browser.open(PAGE)
        page.wait_for("Hard mode: bgpd is to run.", "#verdict")
        assert page.browser.text("#prefixes-section") == ""
        assert "resolver" in page.browser.text("#checks")
