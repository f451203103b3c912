"use strict";
(() => {
  // How often to ask, how long to wait for an answer, and when to say that there is none.
  const EVERY = 2000;
  const LIMIT = 5000;
  const STALE = 6000;
  const DAY = 24 * 3600 * 1000;
  const FEW = 10; // changes that are in sight

  const byId = (id) => document.getElementById(id);

  // Everything that is shown goes through these two: text stays text.
  const fill = (node, attributes, children) => {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) {
        node.setAttribute(key, value === true ? "" : String(value));
      }
    }
    for (const child of children.flat(3)) {
      if (child !== null && child !== undefined && child !== false && child !== "") node.append(child);
    }
    return node;
  };
  const el = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  const setText = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };

  // Keeps the nodes, and in them what has not changed, so that what is read or selected stays.
  const renew = (node, item, build) => {
    const fresh = build(item);
    if (fresh.childNodes.length !== node.childNodes.length) {
      node.replaceWith(fresh);
      return fresh;
    }
    [...fresh.childNodes].forEach((child, index) => {
      if (!node.childNodes[index].isEqualNode(child)) node.childNodes[index].replaceWith(child);
    });
    return node;
  };
  const kept = new WeakMap();
  const list = (parent, items, keyOf, build, change = renew) => {
    const old = kept.get(parent) || new Map();
    const now = new Map();
    for (const item of items) {
      const key = keyOf(item);
      const stamp = JSON.stringify(item);
      const known = old.get(key);
      const node = !known ? build(item) : known.stamp === stamp ? known.node : change(known.node, item, build);
      now.set(key, { stamp, node });
      old.delete(key);
    }
    for (const { node } of old.values()) node.remove();
    let at = parent.firstChild;
    for (const { node } of now.values()) {
      if (node === at) at = at.nextSibling;
      else parent.insertBefore(node, at);
    }
    kept.set(parent, now);
  };

  // Time, by the clock of the daemon's host.
  let offset = 0;
  const now = () => performance.now() + offset;

  const two = (number) => String(number).padStart(2, "0");
  const clock = (ms) => {
    const at = new Date(ms);
    return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  };
  const day = (ms) => new Date(ms).toISOString().slice(0, 10);
  const moment = (ms) => (day(ms) === day(now()) ? clock(ms) : `${day(ms)} ${clock(ms).slice(0, 5)}`);
  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 120) return `${s} s`;
    const min = Math.floor(s / 60);
    if (min < 60) return `${min} min`;
    const h = Math.floor(min / 60);
    if (h < 48) return min % 60 && h < 10 ? `${h} h ${min % 60} min` : `${h} h`;
    const d = Math.floor(h / 24);
    return h % 24 && d < 10 ? `${d} d ${h % 24} h` : `${d} d`;
  };
  const showSpan = (node) => {
    const since = Number(node.dataset.since);
    const until = Number(node.dataset.until);
    setText(node, span(since ? now() - since : until - now()));
  };
  const timeNode = (kind, ms) => {
    const node = el("time", {
      datetime: new Date(ms).toISOString(),
      title: `${day(ms)} ${clock(ms)} UTC`,
      [`data-${kind}`]: ms,
    });
    showSpan(node);
    return node;
  };
  const since = (ms) => timeNode("since", ms);
  const until = (ms) => timeNode("until", ms);
  const forSpan = (ms) => ms && [el("span", { class: "soft" }, "for "), since(ms)];
  const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
  const latency = (us) => {
    if (us < 10000) return `${(us / 1000).toFixed(1)} ms`;
    return us < 1000000 ? `${Math.round(us / 1000)} ms` : `${(us / 1000000).toFixed(1)} s`;
  };

  // Full, half, empty, dotted: a state can be told without its colour.
  const circle = (attributes) => svg("circle", { cx: 8, cy: 8, r: 6.5, ...attributes });
  const ring = (attributes) =>
    circle({ fill: "none", stroke: "currentColor", "stroke-width": 2.5, ...attributes });
  const SHAPES = {
    announced: () => [circle({ r: 7.5, fill: "currentColor" })],
    degraded: () => [ring(), svg("path", { d: "M1.5 8a6.5 6.5 0 0 0 13 0z", fill: "currentColor" })],
    withdrawn: () => [ring()],
    unknown: () => [ring({ "stroke-dasharray": "2.5 2.6" })],
    exposed: () => [svg("path", { d: "M8 0l8 15H0zM7 5h2v5H7zM7 11h2v2H7z", fill: "currentColor", "fill-rule": "evenodd" })],
    down: () => [svg("path", { d: "M2 2l12 12M14 2L2 14", stroke: "currentColor", "stroke-width": 3, fill: "none" })],
    up: () => [svg("path", { d: "M1.5 9l4.5 4.5L14.5 3", stroke: "currentColor", "stroke-width": 3, fill: "none" })],
  };
  const mark = (shape) =>
    svg("svg", { class: "mark", viewBox: "0 0 16 16", "aria-hidden": "true" }, SHAPES[shape]());
  const health = (word) =>
    el("span", { class: word }, mark(word === "up" || word === "down" ? word : "unknown"), word);

  // The last 24 hours: high while announced, half while degraded, low while withdrawn.
  const WIDTH = 1440;
  const TOP = { announced: 0, degraded: 11, withdrawn: 19 };
  const stretches = (changes, end) => {
    const begin = end - DAY;
    const all = [];
    changes.forEach(([at, is], index) => {
      const from = Math.max(at, begin);
      const to = index + 1 < changes.length ? changes[index + 1][0] : end;
      if (to > begin && to >= from) all.push({ is, from, to });
    });
    if (!all.length || all[0].from > begin) {
      all.unshift({ is: "unknown", from: begin, to: all.length ? all[0].from : end });
    }
    return all;
  };
  const inWords = (all) => {
    const sum = {};
    for (const { is, from, to } of all) {
      sum[is] = sum[is] || { times: 0, length: 0, last: 0 };
      sum[is].times += 1;
      sum[is].length += to - from;
      sum[is].last = from;
    }
    const part = (is) =>
      sum[is] && `${is} ${count(sum[is].times, "time", "times")}, ${span(sum[is].length)} in all, last from ${moment(sum[is].last)}`;
    const said = ["withdrawn", "degraded"].map(part).filter(Boolean);
    if (sum.announced && !said.length) said.push(sum.unknown ? `announced for ${span(sum.announced.length)}` : "announced throughout");
    if (sum.unknown) said.push(`not known for ${span(sum.unknown.length)}`);
    return `Last 24 hours: ${said.join("; ")}`;
  };
  const strip = (changes) => {
    const end = now();
    const begin = end - DAY;
    const all = stretches(changes, end);
    const words = inWords(all);
    const root = svg("svg", {
      class: "strip", viewBox: `0 0 ${WIDTH} 24`, preserveAspectRatio: "none", role: "img", "aria-label": words,
    }, svg("title", {}, words), svg("rect", { class: "ground", width: WIDTH, height: 24 }));
    const x = (at) => ((at - begin) / DAY) * WIDTH;
    // What was short is drawn last, and wide enough to be seen.
    const order = { unknown: 0, announced: 1, degraded: 2, withdrawn: 3 };
    for (const one of [...all].sort((a, b) => order[a.is] - order[b.is])) {
      const width = Math.max(x(one.to) - x(one.from), one.is === "announced" ? 0 : 8);
      const left = Math.min(x(one.from), WIDTH - width);
      if (one.is === "unknown") {
        root.append(svg("line", { class: "is-unknown", x1: left, x2: left + width, y1: 12, y2: 12 }));
        continue;
      }
      if (one.is !== "announced") {
        root.append(svg("rect", { class: one.is === "withdrawn" ? "alarm" : "ground", x: left, width, height: 24 }));
      }
      root.append(svg("rect", {
        class: `is-${one.is}`, x: left, width, y: TOP[one.is], height: 24 - TOP[one.is],
      }));
    }
    for (const hour of [6, 12, 18]) {
      const at = (hour / 24) * WIDTH;
      root.append(svg("line", { class: "hour", x1: at, x2: at, y1: 0, y2: 24 }));
    }
    return root;
  };

  // Latency of two hours, a point a minute, on a logarithmic scale; failures stand in bars.
  const spark = (trace) => {
    const points = trace.median_us.length;
    if (!points) return el("span", { class: "soft" }, "not asked yet");
    const wide = 120;
    const shift = wide - points;
    const good = [...trace.median_us, ...trace.highest_us].filter((us) => us > 0);
    const low = Math.log(Math.min(...good, 1e9) || 1);
    const high = Math.log(Math.max(...good, 1));
    // A tenth or ten times as much is half the height, at least.
    const middle = (low + high) / 2;
    const reach = Math.max(high - low, Math.log(20)) * 1.15;
    const y = (us) => (12 - ((Math.log(us) - middle) / reach) * 20).toFixed(1);
    const failures = trace.failed.reduce((sum, n) => sum + n, 0);
    const asked = trace.asked.reduce((sum, n) => sum + n, 0);
    const words = `Last ${count(points, "minute", "minutes")}: ${
      good.length ? `latency up to ${latency(Math.max(...good))}, ` : ""
    }${failures} of ${asked} answers bad`;
    const root = svg("svg", {
      class: "spark", viewBox: `0 0 ${wide} 24`, preserveAspectRatio: "none", role: "img", "aria-label": words,
    }, svg("title", {}, words), svg("rect", { class: "ground", width: wide, height: 24 }));
    let line = "";
    let area = [];
    const closeArea = () => {
      if (area.length) {
        const back = [...area].reverse().map(([x, , lower]) => `L${x} ${lower}`).join("");
        const forth = area.map(([x, upper], i) => `${i ? "L" : "M"}${x} ${upper}`).join("");
        root.append(svg("path", { class: "highest", d: `${forth}${back}Z` }));
      }
      area = [];
    };
    let drawing = false;
    trace.median_us.forEach((us, index) => {
      const x = shift + index;
      if (us === 0) {
        drawing = false;
        closeArea();
        return;
      }
      const middleOf = (x + 0.5).toFixed(1);
      // A minute that stands alone is a dash.
      if (!drawing) line += `M${x} ${y(us)}`;
      line += `L${middleOf} ${y(us)}`;
      if (!trace.median_us[index + 1]) line += `L${x + 1} ${y(us)}`;
      area.push([middleOf, y(trace.highest_us[index]), y(us)]);
      drawing = true;
    });
    closeArea();
    trace.failed.forEach((bad, index) => {
      if (!bad) return;
      const height = 4 + 20 * (bad / trace.asked[index]);
      root.append(svg("rect", { class: "failed", x: shift + index, width: 1, y: 24 - height, height }));
    });
    root.append(svg("path", { class: "median", d: line }));
    return root;
  };

  // A prefix, which may be broken where a reader would.
  const address = (text) => text.split(/(?<=:)/).map((part, i) => [i ? el("wbr") : "", part]);
  const state = (row) => {
    const should = row.should === "as it is" ? row.is : row.should;
    if (row.is === "announced" && should === "withdrawn") return ["exposed", "announced, must not be"];
    if (row.is !== should && row.is !== "unknown") return [row.is, `${row.is}, not ${should}`];
    return [row.is, row.is === "unknown" ? "not known" : row.is];
  };
  const quoted = (text) => (text ? `: \u201c${text}\u201d` : "");
  const reasons = (row) => {
    const all = [];
    if (row.obstacle) all.push(el("span", { class: "urgent" }, row.obstacle));
    if (row.drain) {
      const { who, why, since_ms, until_ms, grace_until_ms } = row.drain;
      all.push(el("span", {},
        `drained by ${who}${quoted(why)}, `, since(since_ms), " ago, ",
        until_ms ? ["ends in ", until(until_ms), ` (at ${moment(until_ms)})`] : "until somebody undrains it",
        grace_until_ms && ["; withdrawn in ", until(grace_until_ms)]));
    }
    if (row.damped_until_ms) {
      all.push(el("span", {}, "flap damping: down too often, may come back in ", until(row.damped_until_ms),
        ` (at ${moment(row.damped_until_ms)})`));
    }
    if (row.reason === "fleet") all.push(el("span", { class: "urgent" }, "would be withdrawn, but the fleet has not given leave"));
    if (row.reason === "minimum") all.push(el("span", { class: "urgent" }, "would be withdrawn, but for its group's minimum"));
    if (row.should === "as it is") all.push(el("span", {}, "left as it is until its checks have said something"));
    if (row.why && !row.same_why && !row.damped_until_ms) all.push(el("span", {}, row.why));
    return all;
  };
  const prefixRow = (row) => {
    const [shape, words] = state(row);
    const meant = row.reason === "drain" && row.is === row.should;
    const peers = row.peers === null ? "" : count(row.peers, "peer", "peers");
    return el("tr", { role: "row" },
      el("th", { role: "rowheader", scope: "row", class: "prefix" }, address(row.prefix),
        row.rule && el("span", { class: "soft" }, ` ${row.rule}`)),
      el("td", { role: "cell", class: `state ${meant ? "meant" : shape}` }, mark(shape), words),
      el("td", { role: "cell", class: "since" }, forSpan(row.since_ms)),
      el("td", { role: "cell", class: "day" }, strip(row.strip)),
      el("td", { role: "cell", class: "peers" }, peers),
      el("td", { role: "cell", class: "why" }, reasons(row)));
  };
  const COLUMNS = ["Prefix", "State", "For", "Last 24 hours", "Advertised to", "Why"];
  const head = (columns) =>
    el("thead", { role: "rowgroup", class: "out-of-sight" },
      el("tr", { role: "row" }, columns.map((name) => el("th", { role: "columnheader", scope: "col" }, name))));

  const counted = (counts) =>
    ["withdrawn", "degraded", "unknown", "announced"]
      .filter((is) => counts[is])
      .map((is) => el("span", { class: is }, mark(is), `${counts[is]} ${is === "unknown" ? "not known" : is}`));

  const table = (name, columns) =>
    el("table", { role: "table", class: name }, el("caption"), head(columns), el("tbody", { role: "rowgroup" }));
  const setCaption = (node, ...what) => {
    const caption = el("caption", {}, what);
    if (!node.caption.isEqualNode(caption)) node.caption.replaceWith(caption);
  };
  const rows = (node, items, keyOf, build) => list(node.tBodies[0], items, keyOf, build);

  const restRow = (rest) =>
    el("tr", { role: "row", class: "rest" },
      el("th", { role: "rowheader", scope: "row", class: "prefix" }, rest.text),
      el("td", { role: "cell", class: "day" }, strip(rest.strip)));
  const restOf = (rule, minute) => {
    const rest = rule.prefixes - rule.rows.length;
    if (rest === 0) return [];
    const hidden = rule.unusual - rule.rows.filter((row) => !row.usual).length;
    const text = hidden > 0 ? `${rest} more, ${hidden} of them not as usual either`
      : rule.rows.length ? `${rest} more, as usual` : "All are as usual";
    return [{ prefix: "", text, strip: rule.strip, minute }];
  };
  const fillRule = (node, rule) => {
    const names = rule.checks.map((name, i) => [i ? ", " : "", el("code", {}, name)]);
    setCaption(node,
      el("strong", {}, rule.name), counted(rule.counts),
      el("span", { class: "soft" }, rule.checks.length === 1 && !rule.more_checks ? "check " : "checks ", names,
        rule.more_checks ? ` and ${rule.more_checks} more` : "", " ", health(rule.health)),
      rule.group && el("span", { class: "soft" }, "group ", el("code", {}, rule.group)));
    // The same reason is not told for each.
    let last = null;
    const shown = rule.rows.map((row) => {
      const same_why = row.why !== undefined && row.why === last;
      last = row.why;
      return { ...row, same_why, minute: rule.minute };
    });
    rows(node, [...shown, ...restOf(rule, rule.minute)], (row) => row.prefix,
      (row) => (row.prefix ? prefixRow(row) : restRow(row)));
    return node;
  };
  const ruleTable = (rule) => fillRule(table("rule", COLUMNS), rule);

  const checkRow = (check) => {
    const medians = check.trace.median_us.filter((us) => us > 0);
    const median = medians.length ? medians[medians.length - 1] : 0;
    const last = check.last;
    const bad = last && last.outcome !== "ok";
    return el("tr", { role: "row" },
      el("th", { role: "rowheader", scope: "row", class: "name" }, check.name),
      el("td", { role: "cell", class: "question" }, check.question),
      el("td", { role: "cell", class: "health" }, health(check.health)),
      el("td", { role: "cell", class: "since" }, forSpan(check.since_ms)),
      el("td", { role: "cell", class: "trace" }, spark(check.trace)),
      el("td", { role: "cell", class: "latency" }, median ? [latency(median), el("span", {}, " median")] : ""),
      el("td", { role: "cell", class: "why" },
        last && (bad || last.detail) &&
          el("span", { class: bad && "urgent" }, `last answer: ${bad ? `${last.outcome}${last.detail ? `, ${last.detail}` : ""}` : last.detail}`)));
  };

  const KINDS = {
    held: "kept announced by min_announced",
    released: "no longer kept by min_announced",
    drained: "drained",
    undrained: "no longer drained",
    damped: "held down by flap damping",
    undamped: "no longer damped",
    killed: "bgpd killed",
    restarted: "bgpd started again",
  };
  const changeItem = (change) => {
    const names = change.prefixes.length ? change.prefixes : change.rule ? [`rule ${change.rule}`] : [];
    const more = change.count - change.prefixes.length;
    const what = change.kind === "changed"
      ? [`${change.was} \u2192 `, el("b", { class: change.is }, SHAPES[change.is] ? mark(change.is) : "", change.is)]
      : el("b", {}, KINDS[change.kind] || change.kind);
    const why = [change.cause, change.by && `by ${change.by}`.replace(/^by not /, "not by ")].filter(Boolean).join(" \u2014 ");
    return el("li", {},
      change.at_ms ? el("time", { datetime: new Date(change.at_ms).toISOString(), title: `${day(change.at_ms)} ${clock(change.at_ms)} UTC` },
        day(change.at_ms) === day(now()) ? clock(change.at_ms) : `${day(change.at_ms).slice(5)} ${clock(change.at_ms)}`) : el("span", {}),
      el("span", {}, el("span", { class: "prefix" }, names.join(", "), more > 0 ? ` and ${more} more` : ""), names.length ? " " : "", what),
      why && el("span", { class: "why" }, why));
  };

  const groupItem = (group) =>
    el("li", {}, el("strong", {}, group.name),
      ` ${group.wanted} of ${count(group.prefixes, "prefix", "prefixes")} wanted, at least ${group.min_announced} `,
      group.held ? el("span", { class: "down" }, mark("exposed"),
        `${count(group.held, "is", "are")} sick and kept only for the minimum`) : "");

  // The fleet: of each prefix where it stands at which site.
  const STANDINGS = {
    held: "exposed", "may go": "degraded", withdrawn: "withdrawn", drained: "withdrawn",
    announced: "announced", silent: "unknown",
  };
  const SITE_COLUMNS = ["Site", "State", "Health", "For"];
  const standing = (word, meant) =>
    el("td", { role: "cell", class: `state ${meant ? "meant" : STANDINGS[word]}` }, mark(STANDINGS[word]), word);
  const siteRow = (row) =>
    row.rest
      ? el("tr", { role: "row", class: "rest" },
        el("th", { role: "rowheader", scope: "row", class: "site" }, row.rest))
      : el("tr", { role: "row" },
        el("th", { role: "rowheader", scope: "row", class: "site" }, row.site,
          row.here && el("span", { class: "soft" }, " (this one)")),
        standing(row.is, row.is === "drained"),
        el("td", { role: "cell", class: "health" }, row.health && health(row.health)),
        el("td", { role: "cell", class: "since" }, forSpan(row.since_ms)));
  const fillPlace = (node, place) => {
    setCaption(node,
      place.prefix ? el("strong", { class: "prefix" }, address(place.prefix)) : el("strong", {}, "Silent sites"),
      Object.keys(STANDINGS).filter((word) => place.counts[word]).map((word) =>
        el("span", { class: word === "drained" ? "meant" : STANDINGS[word] }, mark(STANDINGS[word]), `${place.counts[word]} ${word}`)));
    const rest = place.rest ? [{ rest: place.rows.length ? `${place.rest} more` : "All are as usual" }] : [];
    rows(node, [...place.rows, ...rest], (row) => row.site ?? "", siteRow);
    return node;
  };
  const placeTable = (place) => fillPlace(table("sites", SITE_COLUMNS), place);
  const fleetFacts = (fleet) => {
    const link = fleet.reached === null ? "its store has not answered yet"
      : fleet.reached ? ["its store answers: ", el("code", {}, fleet.detail)]
      : ["its store cannot be reached", fleet.reached_since_ms && [" for ", since(fleet.reached_since_ms)], `: ${fleet.detail}`];
    return el("p", { id: "fleet-facts" },
      el("span", {}, "group ", el("code", {}, fleet.group)),
      fleet.known && !fleet.too_many &&
        el("span", {}, `${fleet.heard} of ${count(fleet.heard + fleet.silent_count, "site", "sites")} heard`),
      el("span", {}, "this site ", el("code", {}, fleet.site)),
      fleet.keep_announcing && el("span", {}, "keep_announcing ", el("code", {}, fleet.keep_announcing)),
      el("span", { class: fleet.reached === false && "bad" }, link));
  };
  const silentPlace = (fleet) => ({
    prefix: "", counts: { silent: fleet.silent_count }, rest: fleet.silent_count - fleet.silent.length,
    rows: fleet.silent.map((site) => ({ site, is: "silent", health: "", since_ms: null })),
  });
  const showFleet = (fleet) => {
    show("fleet-section", Boolean(fleet));
    if (!fleet) return;
    const facts = fleetFacts(fleet);
    if (!byId("fleet-facts").isEqualNode(facts)) byId("fleet-facts").replaceWith(facts);
    const places = !fleet.known || fleet.too_many ? []
      : [...(fleet.silent_count ? [silentPlace(fleet)] : []), ...fleet.prefixes];
    for (const place of places) for (const row of place.rows) row.here = row.site === fleet.site;
    list(byId("fleet"), places, (place) => place.prefix, placeTable, fillPlace);
    const more = fleet.more_prefixes
      ? `${count(fleet.more_prefixes, "more prefix", "more prefixes")}, no worse than these.` : "";
    const text = !fleet.known ? (fleet.reached ? "The other sites are being read." : "")
      : fleet.too_many ? `${fleet.too_many} records are too many to be shown here: withdrawd fleet lists them.` : more;
    setText(byId("more-fleet"), text);
    show("more-fleet", text !== "");
  };

  const checkTable = table("checks", ["Check", "Question", "Health", "For", "Latency, last two hours", "Median", "Last answer"]);
  checkTable.caption.className = "out-of-sight";
  checkTable.caption.append("Checks");
  byId("checks").append(checkTable);
  const foundTable = table("rule", COLUMNS);
  foundTable.hidden = true;
  byId("found").append(foundTable);

  const show = (id, shown) => {
    byId(id).hidden = !shown;
  };

  const render = (page) => {
    setText(byId("host"), page.host);
    document.title = `${page.verdict.grade === "fine" ? "" : "(!) "}${page.verdict.text.replace(/[.:](\s.*)?$/, "")} \u2013 ${page.host} \u2013 withdrawd`;
    byId("verdict").className = page.verdict.grade;
    setText(byId("verdict-text"), page.verdict.text);
    setText(byId("verdict-more"), page.verdict.more);
    const bgpd = page.bgpd;
    const facts = el("p", { id: "facts" },
      el("span", { class: bgpd.fine ? "" : "bad" }, `bgpd ${bgpd.state}`,
        bgpd.through && bgpd.fine ? [" through ", el("code", {}, bgpd.through)] : ""),
      page.mode === "hard" ? el("span", {}, "hard mode") : counted(page.counts));
    if (!byId("facts").isEqualNode(facts)) byId("facts").replaceWith(facts);
    // Strips move with the time.
    const minute = Math.floor(now() / 60000);
    list(byId("rules"), page.rules.map((rule) => ({ ...rule, minute })), (rule) => rule.name, ruleTable, fillRule);
    show("prefixes-section", page.prefixes > 0);
    show("find", !page.shows_all);
    show("more-rules", page.more_rules > 0);
    setText(byId("more-rules"), `${count(page.more_rules, "more rule", "more rules")}, no worse than these.`);
    list(byId("groups"), page.groups, (group) => group.name, groupItem);
    show("groups-section", page.groups.length > 0);
    showFleet(page.fleet);
    rows(checkTable, page.checks, (check) => check.name, checkRow);
    show("more-checks", page.more_checks > 0);
    setText(byId("more-checks"), `${count(page.more_checks, "more check", "more checks")}, no worse than these.`);
    const total = page.changes.length;
    const changeKey = (change) => `${change.at_ms} ${change.kind} ${change.rule} ${change.prefixes[0]}`;
    list(byId("changes"), page.changes.slice(0, FEW), changeKey, changeItem);
    list(byId("older-changes"), page.changes.slice(FEW), changeKey, changeItem);
    setText(byId("older-title"), `${total - FEW} older`);
    show("older", total > FEW);
    show("changes", total > 0);
    show("no-changes", total === 0);
    show("page", true);
  };

  // Asking
  const get = async (address) => {
    const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(LIMIT) });
    if (!answer.ok) throw new Error(`it says ${answer.status}`);
    return answer.json();
  };
  let asked = 0;
  let answered = 0; // by this browser's clock
  let trouble = "";
  const freshness = () => {
    const old = performance.now() - answered;
    const stale = trouble === "shape" || (answered ? old > STALE : asked && performance.now() - asked > STALE);
    document.body.classList.toggle("is-stale", Boolean(stale));
    show("stale", stale);
    if (stale) {
      setText(byId("stale-what"), trouble === "shape"
        ? "This page and withdrawd do not fit together any longer: load it again."
        : answered ? `No answer from withdrawd since ${moment(now() - old)} UTC. What stands below may no longer be so.`
        : "No answer from withdrawd.");
      setText(byId("stale-since"), answered ? `(${span(old)})` : "");
      document.title = document.title.replace(/^(\? )?/, "? ");
    }
    setText(byId("live"), stale ? "no answer" : answered ? `live, ${clock(now())} UTC` : "");
  };
  const tick = () => {
    for (const node of document.querySelectorAll("time[data-since], time[data-until]")) showSpan(node);
    freshness();
  };

  const findText = byId("find-text");
  const find = async () => {
    const text = findText.value.trim();
    const found = text ? await get(`find.json?${encodeURIComponent(text)}`) : { count: 0, rows: [] };
    if (text !== findText.value.trim()) return;
    const minute = Math.floor(now() / 60000);
    const said = !text ? "" : found.count ? `${count(found.count, "prefix", "prefixes")} found`
      : "No prefix and no rule is like that.";
    setText(byId("found-count"), said);
    foundTable.hidden = !found.count;
    setCaption(foundTable, found.count > found.rows.length && `The first ${found.rows.length}`);
    rows(foundTable, found.rows.map((row) => ({ ...row, minute })), (row) => `${row.rule} ${row.prefix}`, prefixRow);
  };

  let timer = 0;
  let asking = false;
  let again = false;
  const ask = async () => {
    // What has changed meanwhile is not in the answer that is under way.
    again = asking;
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    if (!asked) asked = performance.now();
    try {
      const page = await get("page.json");
      answered = performance.now();
      offset = page.now_ms - answered;
      try {
        render(page);
        trouble = "";
      } catch (error) {
        trouble = "shape";
        console.error(error);
      }
      if (findText.value.trim()) await find();
    } catch (error) {
      if (trouble !== "shape") trouble = "silence";
    }
    asking = false;
    freshness();
    if (!document.hidden) timer = setTimeout(ask, again ? 0 : EVERY);
  };

  const swatch = (is) => {
    const root = strip([[now() - DAY, is]]);
    root.setAttribute("aria-hidden", "true");
    root.querySelectorAll(".hour, title").forEach((node) => node.remove());
    return el("span", {}, root, is === "unknown" ? "not known" : is);
  };
  byId("legend").append(...["announced", "degraded", "withdrawn", "unknown"].map(swatch), "24 hours, from left to now");

  byId("find").addEventListener("submit", (event) => event.preventDefault());
  let typing = 0;
  findText.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => find().catch(() => {}), 250);
  });
  // A page that nobody sees asks nothing.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
  setInterval(tick, 1000);
  ask();
  // Whoever is told of a change need not wait; without that, asking now and then will do.
  new EventSource("events").addEventListener("change", () => {
    if (!document.hidden) ask();
  });
})();
