"""The programs in etc/ that `on_change` can run: each once as meant, once with hostile text."""

import email
import http.server
import json
import os
import re
import shutil
import socketserver
import subprocess
import threading

import pytest
from conftest import ROOT

MAIL = ROOT / "etc" / "on-change-mail"
WEBHOOK = ROOT / "etc" / "on-change-webhook"
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")

CHANGE = {
    "WITHDRAWD_KIND": "changed",
    "WITHDRAWD_RULE": "anycast",
    "WITHDRAWD_PREFIX": "192.0.2.0/24",
    "WITHDRAWD_OLD": "announced",
    "WITHDRAWD_NEW": "withdrawn",
    "WITHDRAWD_CAUSE": 'check "resolver" port unreachable 1 of 1',
    "WITHDRAWD_BY": "withdrawd through socket /run/frr/bgpd.vty",
    "WITHDRAWD_TIME": "2026-11-23T03:31:21.123Z",
}


def hostile(mark):
    """Would leave `mark` behind if a shell ever evaluated it; and would end a JSON string, a header
    or a mail."""
    text = (
        f"$(touch {mark}) `touch {mark}`; touch {mark} #'\"\\ \\n & | > {mark}\n"
        ".\nBcc: eve@example.com\n"
        "\r\n\t\x1b[31m %s %n -e é", "\"}, {\"prefix\": \"10.0.0.0/8\"",
    )
    return {**CHANGE, "WITHDRAWD_CAUSE": text[0] + text[1], "WITHDRAWD_PREFIX": text[0],
            "WITHDRAWD_RULE": "-rf " + text[1], "WITHDRAWD_NEW": text[0]}


def run(*argv, change, **variables):
    done = subprocess.run(
        [str(x) for x in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=30, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **change, **variables},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def sendmail(tmp_path):
    """Keeps what it is given, words and message."""
    path = tmp_path / "sendmail"
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/words\ncat >{tmp_path}/message\n')
    path.chmod(0o755)
    return path


def test_mail_says_what_has_changed(sendmail, tmp_path):
    assert run(MAIL, "noc@example.com", change=CHANGE, SENDMAIL=str(sendmail)) == (0, "")
    assert (tmp_path / "words").read_text().split() == [
        "-i", "-f", "noc@example.com", "--", "noc@example.com"
    ]
    message = email.message_from_string((tmp_path / "message").read_text())
    assert message["To"] == "noc@example.com"
    assert message["Subject"] == f"{os.uname().nodename}: 192.0.2.0/24 withdrawn"
    body = message.get_payload()
    assert "192.0.2.0/24 withdrawn, was announced" in body
    assert 'cause: check "resolver" port unreachable 1 of 1' in body


def test_mail_keeps_hostile_text_out_of_headers_and_shells(sendmail, tmp_path):
    mark = tmp_path / "mark"
    status, said = run(MAIL, "noc@example.com", change=hostile(mark), SENDMAIL=str(sendmail))
    assert (status, said) == (0, "")
    assert not mark.exists()
    message = email.message_from_string((tmp_path / "message").read_text())
    assert set(message.keys()) == {
        "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"
    }
    assert message["Subject"].isprintable()
    assert "$(touch" in message.get_payload()


def test_mail_says_when_sendmail_fails(tmp_path):
    broken = tmp_path / "sendmail"
    broken.write_text("#!/bin/sh\necho no such user >&2\nexit 67\n")
    broken.chmod(0o755)
    status, said = run(MAIL, "noc@example.com", change=CHANGE, SENDMAIL=str(broken))
    assert status == 67 and "no such user" in said


class Smtp(socketserver.StreamRequestHandler):
    """Takes one mail."""

    def handle(self):
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")
        say("220 test")
        data = None
        for line in self.rfile:
            if data is not None:
                if line == b".\r\n":
                    self.server.mails.append(b"".join(data).decode())
                    data = None
                    say("250 taken")
                else:
                    data.append(line.removeprefix(b"."))
                continue
            word = line.split()[0].upper()
            self.server.commands.append(line.decode().strip())
            if word == b"DATA":
                data = []
                say("354 go on")
            elif word == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


@needs_curl
def test_mail_by_smtp_keeps_a_line_with_a_dot(tmp_path):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        server.mails, server.commands = [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"smtp://127.0.0.1:{server.server_address[1]}"
        status, said = run(MAIL, "noc@example.com", url, change=hostile(tmp_path / "mark"))
        server.shutdown()
    assert (status, said) == (0, "")
    assert [x for x in server.commands if x.startswith(("MAIL", "RCPT"))] == [
        "MAIL FROM:<noc@example.com>", "RCPT TO:<noc@example.com>"
    ]
    assert len(server.mails) == 1
    message = email.message_from_string(server.mails[0])
    assert message["Bcc"] is None and message["Auto-Submitted"] == "auto-generated"
    assert "\n.\n" in message.get_payload().replace("\r\n", "\n")
    assert not (tmp_path / "mark").exists()


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.posts, server.status = [], 204
        server.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@needs_curl
def test_the_webhook_gets_the_change_as_json(hook):
    assert run(WEBHOOK, hook.url, change=CHANGE) == (0, "")
    path, headers, body = hook.posts[0]
    assert path == "/hook" and headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "host": os.uname().nodename,
        **{name.removeprefix("WITHDRAWD_").lower(): value for name, value in CHANGE.items()},
    }


@needs_curl
def test_the_webhook_keeps_hostile_text_inside_its_strings(hook, tmp_path):
    change = hostile(tmp_path / "mark")
    assert run(WEBHOOK, hook.url, change=change) == (0, "")
    got = json.loads(hook.posts[0][2])
    for name in ("cause", "prefix", "rule", "new"):
        sent = change["WITHDRAWD_" + name.upper()]
        assert got[name] == re.sub(r"[\x00-\x1f\x7f]", " ", sent).rstrip()
    assert not (tmp_path / "mark").exists()


@needs_curl
def test_the_webhook_takes_a_secret_from_a_file_and_says_when_it_is_refused(hook, tmp_path):
    options = tmp_path / "options"
    options.write_text('header = "Authorization: Bearer secret"\n')
    assert run(WEBHOOK, hook.url, options, change=CHANGE) == (0, "")
    assert hook.posts[0][1]["Authorization"] == "Bearer secret"
    hook.status = 403
    status, said = run(WEBHOOK, hook.url, options, change=CHANGE)
    assert status == 22 and "403" in said
