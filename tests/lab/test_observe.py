"""What others see of withdrawd: metrics, health, events and logs; with a real Prometheus, a real
node_exporter and a real logrotate."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest

from lab import Prefixes, Program, Withdrawd, wait_until

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "etc/prometheus-rules.yml"


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the socket file, which no network namespace hides."""

    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Web:
    """What a running withdrawd answers."""

    def __init__(self, lab):
        self.socket = lab.directory / "http.sock"
        self.section = f'[http]\nlisten = ["127.0.0.1:9853", "unix:{self.socket}"]\n'

    def get(self, path):
        """(status, body)"""
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metrics(self):
        """By series as it is written: `name{label="value"}`."""
        status, text = self.get("/metrics")
        assert status == 200
        return read_metrics(text)


def read_metrics(text):
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.fixture
def web(lab):
    return Web(lab)


def total(metrics, name, containing=""):
    """The sum of a family's series, of those with that label."""
    return sum(
        value for series, value in metrics.items()
        if series.partition("{")[0] == name and containing in series
    )


def fetched(lab, url):
    """From inside the edge."""
    script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"
    done = subprocess.run(
        lab.place.enter("/usr/bin/python3", "-c", script, url),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
    )
    return done.stdout if done.returncode == 0 else None


def checked_by_promtool(text):
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return True


@needs("promtool", "prometheus")
def test_prometheus_scrapes_an_outage_and_alerts(lab, web):
    configuration = lab.write(lab.configuration(transports=["socket", "vtysh"]) + web.section)
    prometheus = lab.write(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: ['{lab.write(RULES.read_text().replace('for: 1m', 'for: 1s'), 'rules.yml')}']\n"
        "scrape_configs:\n"
        "  - job_name: withdrawd\n    static_configs: [{targets: ['127.0.0.1:9853']}]\n",
        "prometheus.yml",
    )

    def ask(expression):
        text = fetched(lab, f"http://127.0.0.1:9090/api/v1/query?query={expression}")
        answer = json.loads(text)["data"]["result"] if text else []
        return [(one["metric"], float(one["value"][1])) for one in answer]

    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        server = Program(
            lab.place.enter(
                "prometheus", f"--config.file={prometheus}", "--web.listen-address=127.0.0.1:9090",
                f"--storage.tsdb.path={lab.directory}/tsdb",
            ),
            lab.directory / "prometheus.log",
        )
        try:
            wait_until("prometheus to scrape", lambda: ask("withdrawd_healthy==1"), within=60)
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=10)
            down = 'withdrawd_rule_health{rule="anycast",health="down"}==1'.replace("=", "%3D")
            seen = wait_until("prometheus to see it", lambda: ask(down), within=30)
            assert seen[0][0]["job"] == "withdrawd"
            wait_until(
                "the alert",
                lambda: ask('ALERTS{alertname="WithdrawdRuleDown",alertstate="firing"}'.replace("=", "%3D")),
                within=30,
            )
            assert not ask("scrape_samples_scraped==0")
            for query in queries():
                asked = f"http://127.0.0.1:9090/api/v1/query?query={urllib.parse.quote(query)}"
                assert '"status":"success"' in (fetched(lab, asked) or ""), query
        finally:
            server.close()
        checked_by_promtool(web.get("/metrics")[1])


def test_metrics_tell_what_happened_and_survive_a_reload(lab, web):
    configuration = lab.write(lab.configuration(transports=["socket"]) + web.section)
    prefix = f'rule="anycast",prefix="{Prefixes.TAGGED}"'
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        begun = time.time()
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=10)

        def settled():
            found = web.metrics()
            return found if found["withdrawd_reconcile_duration_seconds_count"] == 1 else None

        metrics = wait_until("bgpd to agree", settled, within=10)
        assert metrics[f"withdrawd_prefix_in_table{{{prefix}}}"] == 0
        assert metrics[f'withdrawd_prefix_desired{{{prefix},desired="withdrawn"}}'] == 1
        assert metrics[f'withdrawd_prefix_health{{{prefix},health="down"}}'] == 1
        since = metrics[f"withdrawd_prefix_desired_since_timestamp_seconds{{{prefix}}}"]
        assert begun - 1 < since < time.time() + 1
        assert metrics['withdrawd_rule_prefixes{rule="anycast",desired="withdrawn"}'] == 3
        assert metrics['withdrawd_rule_prefixes_in_table{rule="other"}'] == 1
        sent = metrics['withdrawd_statements_sent_total{transport="socket"}']
        assert sent == 3
        changes = 'withdrawd_rule_changes_total{rule="anycast",to="withdrawn",by="withdrawd"}'
        assert metrics[changes] == 3
        assert total(metrics, "withdrawd_check_outcomes_total", 'check="resolver",outcome="error"') >= 1
        assert total(metrics, "withdrawd_check_latency_seconds_count", "resolver") >= 4
        assert metrics["withdrawd_healthy"] == 0
        assert metrics["withdrawd_config_last_reload_successful"] == 1

        good = configuration.read_text()
        configuration.write_text("broken")
        withdrawd.signal_it(signal.SIGHUP)
        wait_until(
            "the failed reload",
            lambda: web.metrics()["withdrawd_config_last_reload_successful"] == 0, within=10,
        )
        configuration.write_text(good)
        withdrawd.signal_it(signal.SIGHUP)
        withdrawd.wait_for_line("goes on with the new configuration")
        wait_until(
            "the good reload",
            lambda: web.metrics()["withdrawd_config_last_reload_successful"] == 1, within=10,
        )
        metrics = web.metrics()
        assert metrics[changes] == 3
        assert metrics['withdrawd_statements_sent_total{transport="socket"}'] >= sent


def test_status_json_is_that_of_the_command(lab, web):
    configuration = lab.write(lab.configuration() + web.section)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        wait_until("all to be well", lambda: web.get("/healthz")[0] == 200, within=10)

        def timeless(text):
            text = re.sub(r'"(\w+_s|latency_ms|advertised_to)":[-+.\dE]+', r'"\1":0', text)
            return re.sub(r"[\d.]+ m?s\)", "0 s)", text)

        code, text = lab.start("status", "--json", "-c", configuration)
        assert code == 0
        assert timeless(web.get("/status.json")[1]) == timeless(text)


def test_healthz_says_what_is_wrong_and_a_drain_is_not(lab, web):
    configuration = lab.write(lab.configuration() + web.section)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        wait_until("health", lambda: web.get("/healthz") == (200, "ok\n"), within=10)
        assert lab.start("drain", "-c", configuration, "anycast")[0] == 0
        lab.wait_for_announcements(Prefixes.STAYING, within=10)
        wait_until("health while drained", lambda: web.get("/healthz")[0] == 200, within=10)
        lab.dns.kill()
        status, text = wait_until(
            "the fault", lambda: (lambda a: a if a[0] == 503 else None)(web.get("/healthz")), within=10
        )
        assert text.startswith('check "resolver" ')
        assert len(text.splitlines()) == 1


def test_events_tell_of_each_change_and_of_nothing_else(lab, web):
    configuration = lab.write(lab.configuration() + web.section)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        wait_until("health", lambda: web.get("/healthz")[0] == 200, within=10)
        connection = UnixConnection(web.socket, timeout=20)
        connection.request("GET", "/events")
        stream = connection.getresponse()
        assert stream.getheader("Content-Type") == "text/event-stream"

        def next_revision():
            while True:
                line = stream.fp.readline().decode()
                assert line, "the stream has ended"
                if line.startswith("data: "):
                    return json.loads(line[6:])["revision"]

        revision = next_revision()
        lab.dns.kill()
        while not any(
            check["health"] == "down" for check in json.loads(web.get("/status.json")[1])["checks"]
        ):
            later = next_revision()
            assert later > revision
            revision = later
        connection.close()


def test_other_addresses_are_taken_up_by_a_reload_and_one_that_is_taken_is_no_failure(lab, web):
    configuration = lab.write(lab.configuration() + web.section)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        assert "withdrawd" in fetched(lab, "http://127.0.0.1:9853/")
        # NSD has port 53.
        changed = configuration.read_text().replace("127.0.0.1:9853", "127.0.0.1:53")
        configuration.write_text(changed)
        withdrawd.signal_it(signal.SIGHUP)
        line = withdrawd.wait_for_line("listen for HTTP on 127.0.0.1:53", level="warning")
        assert "something else listens there" in line.message
        assert web.get("/healthz")[0] in (200, 503)
        assert fetched(lab, "http://127.0.0.1:9853/") is None
        configuration.write_text(changed.replace("127.0.0.1:53\", \"unix", "127.0.0.1:9854\", \"unix"))
        withdrawd.signal_it(signal.SIGHUP)
        wait_until("the new address", lambda: fetched(lab, "http://127.0.0.1:9854/"), within=10)


def test_whoever_asks_slowly_or_all_the_time_keeps_no_prefix_from_being_withdrawn(lab, web):
    configuration = lab.write(lab.configuration() + web.section)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        idle = []
        for _ in range(200):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(web.socket))
            client.send(b"GET /met")
            idle.append(client)
        asker = subprocess.Popen(
            ["/usr/bin/python3", "-c",
             "import socket, sys\n"
             "while True:\n"
             "    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
             "    s.sendall(b'GET /metrics HTTP/1.1\\r\\n\\r\\n')\n"
             "    while s.recv(65536): pass\n", str(web.socket)],
        )
        try:
            wait_until("an answer among them", lambda: web.get("/healthz")[0] == 200, within=10)
            killed_at = lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=10)
            took = max(at for at, _, _ in lab.peer.events(since=killed_at)) - killed_at
            assert took < 3
        finally:
            asker.kill()
            asker.wait()
            for client in idle:
                client.close()


@needs("promtool")
def test_runs_of_cron_write_a_file_for_node_exporter_and_go_on_counting(lab):
    folder = lab.directory / "textfile"
    folder.mkdir(exist_ok=True)
    file = folder / "withdrawd.prom"
    configuration = lab.write(lab.configuration() + f'[metrics]\nfile = "{file}"\n')
    name = 'withdrawd_check_outcomes_total{check="resolver",outcome="ok"}'
    assert lab.start("once", "-c", configuration)[0] == 0
    first = read_metrics(file.read_text())
    assert first[name] >= 1
    assert lab.start("drain", "-c", configuration, "other")[0] == 0  # between two runs
    assert lab.start("undrain", "-c", configuration, "other")[0] == 0
    assert lab.start("cron", "--for", "2s", "-c", configuration)[0] == 0
    second = read_metrics(file.read_text())
    assert second[name] > first[name]
    assert 'withdrawd_build_info{version="' in file.read_text()
    assert not any(series.startswith("process_") for series in second)
    checked_by_promtool(file.read_text())
    assert [path.name for path in folder.iterdir()] == ["withdrawd.prom"]
    assert file.stat().st_mode & 0o777 == 0o644

    if not shutil.which("prometheus-node-exporter"):
        pytest.skip("needs prometheus-node-exporter; the rest has passed")
    exporter = Program(
        lab.place.enter(
            "prometheus-node-exporter", "--web.listen-address=127.0.0.1:9100",
            "--collector.disable-defaults", "--collector.textfile",
            f"--collector.textfile.directory={folder}",
        ),
        lab.directory / "node_exporter.log",
    )
    try:
        text = wait_until(
            "node_exporter", lambda: fetched(lab, "http://127.0.0.1:9100/metrics"), within=20
        )
    finally:
        exporter.close()
    seen = read_metrics(text.strip())
    assert seen[name] == second[name]
    assert seen["node_textfile_scrape_error"] == 0


@needs("promtool")
def test_the_alerts_fire_when_they_should():
    done = subprocess.run(
        ["promtool", "test", "rules", str(REPOSITORY / "tests/prometheus/rules_test.yml")],
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tested = (REPOSITORY / "tests/prometheus/rules_test.yml").read_text()
    for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert alert in tested, f"{alert} has no test"


def dashboard():
    return json.loads((REPOSITORY / "etc/grafana-dashboard.json").read_text())


def queries():
    """The dashboard's, as Grafana asks them."""
    # What Grafana puts in for its variables.
    values = {"$instance": ".*", "$__rate_interval": "4m"}
    targets = [t for panel in dashboard()["panels"] for t in panel.get("targets", [])]
    for target in targets:
        for name, value in values.items():
            target["expr"] = target["expr"].replace(name, value)
    return [target["expr"] for target in targets]


def test_the_dashboard_is_one_that_grafana_imports():
    board = dashboard()
    assert board["title"] and board["uid"] and board["time"] and board["schemaVersion"] >= 36
    # Whoever imports it chooses where it asks; nothing in it is about the host where it was made.
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    source = {"type": "prometheus", "uid": "${datasource}"}
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = set()
    for panel in panels:
        assert panel["title"] and panel["type"] and panel["datasource"] == source
        refs = [target["refId"] for target in panel["targets"]]
        assert refs and len(set(refs)) == len(refs)
        assert all(target["datasource"] == source for target in panel["targets"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not mine & cells, panel["title"]
        cells |= mine
    asked = set(re.findall(r"\$(?!__)\w+", " ".join(t["expr"] for p in panels for t in p["targets"])))
    assert asked <= {"$" + name for name in variables}


@needs("promtool")
def test_every_query_of_the_dashboard_is_one_that_prometheus_takes(tmp_path):
    rules = [{"record": f"query_{i}", "expr": query} for i, query in enumerate(queries())]
    file = tmp_path / "queries.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_metric_that_alerts_dashboard_and_manual_name_exists(lab, web):
    configuration = lab.write(
        lab.configuration(rule={"group": "g"}) + '[group.g]\nmin_announced = 1\n'
        '[fleet]\nendpoints = ["http://127.0.0.1:9"]\nsite = "a"\nkeep_announcing = 0\n' + web.section
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        wait_until("bgpd", lambda: web.metrics().get("withdrawd_bgpd_reachable") == 1, within=10)
        wait_until(
            "peers", lambda: total(web.metrics(), "withdrawd_prefix_peers") > 0, within=20
        )
        text = web.get("/metrics")[1]
    families = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    there = {series.partition("{")[0] for series in read_metrics(text)} | families

    expressions = queries()
    assert len(expressions) > 10
    manual = (REPOSITORY / "docs/observe.md").read_text()
    named = set(re.findall(r"\bwithdrawd_\w+", " ".join(expressions) + RULES.read_text()))
    documented = set(re.findall(r"`(withdrawd_\w+)`", manual))
    assert named <= there, named - there
    assert documented <= there, documented - there
    ours = {name for name in families if name.startswith("withdrawd_")}
    assert ours <= documented, ours - documented


def wait_for_text(path, text):
    wait_until(f"{text!r} in {path.name}", lambda: path.exists() and text in path.read_text(), within=10)


def test_a_log_that_was_renamed_is_begun_anew_on_sighup(lab):
    log = lab.directory / "withdrawd.log"
    configuration = lab.write(lab.configuration() + f'[log]\nfile = "{log}"\n')
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        wait_for_text(log, "begins: soft mode")
        log.rename(log.with_suffix(".log.1"))
        withdrawd.signal_it(signal.SIGHUP)
        wait_for_text(log, "goes on with the new configuration")
        assert "begins: soft mode" not in log.read_text()
        # A broken configuration keeps nobody from rotating.
        log.rename(log.with_suffix(".log.2"))
        configuration.write_text("broken")
        withdrawd.signal_it(signal.SIGHUP)
        wait_for_text(log, "nothing changes")
        assert withdrawd.terminate() == 0


@needs("logrotate")
def test_logrotate_rotates_the_log_and_loses_nothing(lab):
    log = lab.directory / "rotated.log"
    configuration = lab.write(lab.configuration() + f'[log]\nfile = "{log}"\n')
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        wait_for_text(log, "begins: soft mode")
        rotation = lab.write(
            f"{log} {{\n  su root root\n  rotate 2\n  missingok\n  postrotate\n"
            f"    kill -HUP {withdrawd.pids()[0]}\n  endscript\n}}\n",
            "logrotate.conf",
        )
        subprocess.run(
            ["logrotate", "--force", "--state", str(lab.directory / "logrotate.state"), str(rotation)],
            check=True, timeout=30,
        )
        wait_for_text(log, "goes on with the new configuration")
        assert "begins: soft mode" in Path(f"{log}.1").read_text()
        lab.dns.kill()
        wait_for_text(log, "withdrawn in")
        assert withdrawd.terminate() == 0


def test_a_log_in_json_names_rule_and_prefix(lab):
    configuration = lab.write(lab.configuration())
    with lab.withdrawd("run", "--log-format", "json", "-c", configuration) as withdrawd:
        wait_until("the checks", lambda: withdrawd.text().count(": up, was unknown") == 2, within=10)
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=10)
        assert withdrawd.terminate() == 0
        lines = [json.loads(line) for line in withdrawd.text().splitlines()]
    withdrawn = [line for line in lines if line.get("topic") == "withdrawn"]
    assert {line["prefix"] for line in withdrawn} == Prefixes.ANYCAST
    assert {line["rule"] for line in withdrawn} == {"anycast"}
    assert {line["level"] for line in withdrawn} == {"warning"}
    assert any(line.get("check") == "resolver" for line in lines)


def test_the_journal_gets_fields_and_syslog_its_lines(lab):
    journal = lab.directory / "journal"
    journal.mkdir(exist_ok=True)
    sockets = {}
    for name in ("socket", "log"):
        (journal / name).unlink(missing_ok=True)
        sockets[name] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sockets[name].settimeout(10)
        sockets[name].bind(str(journal / name))
    # Where withdrawd runs, that folder stands in for systemd's, and its "log" for /dev/log.
    place = (
        "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && "
        f"mount --bind {journal} /run/systemd/journal && "
        "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && "
        f"ln -s {journal}/log /dev/log && exec \"$@\""
    )
    for target, name in (("journal", "socket"), ("syslog", "log")):
        lab.restore()
        configuration = lab.write(lab.configuration(transports=["socket"]) + f'[log]\nto = "{target}"\n')
        run = Withdrawd(
            lab.place.enter(
                "unshare", "--mount", "sh", "-c", place, "sh", lab.program, "run", "-c", configuration
            ),
            lab.directory / f"{target}.log",
        )
        try:
            lines = []

            def heard(text):
                while not lines or text not in lines[-1]:
                    lines.append(sockets[name].recv(65536).decode())
                return lines[-1]

            heard('check "resolver" ok 3 of 3')
            lab.dns.kill()
            line = heard(f"{Prefixes.PLAIN} withdrawn in")
            if target == "journal":
                fields = dict(field.split("=", 1) for field in line.splitlines())
                assert fields["WITHDRAWD_PREFIX"] == Prefixes.PLAIN
                assert fields["WITHDRAWD_RULE"] == "anycast"
                assert fields["WITHDRAWD_TOPIC"] == "withdrawn"
                assert fields["PRIORITY"] == "4"
                assert fields["SYSLOG_IDENTIFIER"] == "withdrawd"
            else:
                assert re.match(r"<28>\w{3} [ \d]\d \d\d:\d\d:\d\d withdrawd\[\d+\]: rule ", line)
        finally:
            run.close()
    for one in sockets.values():
        one.close()


def test_many_prefixes_that_change_together_do_not_flood_the_log_and_history_has_each(lab):
    many = [f"10.{i // 250}.{i % 250}.0/24" for i in range(300)]
    rule = {"prefixes": sorted(Prefixes.ANYCAST) + many}
    configuration = lab.write(lab.configuration(transports=["socket"], rule=rule))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.wait_for_announcements(Prefixes.ALL | set(many), within=30)
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=30)
        line = withdrawd.wait_for_line("293 more such lines in", level="warning", within=10)
        assert 'the last: rule "anycast": ' in line.message
        shown = withdrawd.lines(level="warning", containing=" withdrawn in ")
        assert len(shown) == 11
        assert withdrawd.terminate() == 0
    code, text = lab.start("log", "anycast", "--json", "-c", configuration)
    assert code == 0
    withdrawn = {entry["prefix"] for entry in map(json.loads, text.splitlines()) if entry["is"] == "withdrawn"}
    assert withdrawn == Prefixes.ANYCAST | set(many)
