"""Tables, budgets and a plot of what bench/run has measured."""

import math
import statistics

import faults
import scale


def ms(seconds):
    return f"{1000 * seconds:.0f}" if seconds >= 0.01 else f"{1000 * seconds:.1f}"


def spread(times):
    return f"{ms(statistics.median(times))} ({ms(min(times))} to {ms(max(times))})"


def percent(share):
    return f"{100 * share:.2g}" if share < 0.1 else f"{100 * share:.0f}"


class Budget:
    def __init__(self, what, budget, measured, held):
        self.what, self.budget, self.measured, self.held = what, budget, measured, held

    def line(self):
        return f"| {self.what} | {self.budget} | {self.measured} | {'yes' if self.held else '**no**'} |"


def budgets(results):
    """Of all rows that have been measured, in the order of the issue that set them."""
    found = []

    def at_most(what, limit, value, unit=ms, suffix=" ms"):
        found.append(Budget(what, unit(limit) + suffix, unit(value) + suffix, value <= limit))

    for row in faults.ROWS:
        it, wanted = results.get(row.key), getattr(row, "budgets", {})
        if not it:
            continue
        if row.key == "restarts":
            found.append(Budget(row.name, "never heard", f"heard {it['heard']} times in "
                                f"{it['restarts']} restarts", it["heard"] == 0))
            continue
        median = statistics.median(it["gone"])
        if "budget" in wanted:
            at_most(f"{row.name}, median", wanted["budget"], median)
        if "worst" in wanted:
            at_most(f"{row.name}, worst", wanted["worst"], max(it["gone"]))
        other = results.get(wanted.get("ahead_of", ""))
        if other:
            at_most(f"{row.name}, ahead of the script", statistics.median(other["gone"]), median)
        if "back" in wanted:
            at_most(f"{row.name}, repair to announcement", wanted["back"],
                    statistics.median(it["back"]))
        if "cpu" in wanted:
            at_most("one rule, defaults", wanted["cpu"], it["cpu"], percent, " % of a core")
            at_most("one rule, defaults", wanted["memory"], it["memory"],
                    lambda value: f"{value / 1e6:.0f}", " MB")
    if crowd := results.get("crowd"):
        at_most(scale.CrowdRow.name, 0.10, crowd["cpu"], percent, " % of a core")
        at_most(scale.CrowdRow.name, 64e6, crowd["memory"], lambda v: f"{v / 1e6:.0f}", " MB")
        at_most("... latest question", 0.020, crowd["latest"])
        at_most("... latest question of another check while 10,000 prefixes go", 0.020,
                crowd["latest-busy"])
    for row in scale.ROWS:
        it = results.get(row.key)
        if it and getattr(row, "budget", None):
            at_most(f"10,000 statements accepted and read back, {row.transport}", row.budget,
                    it["accepted"])
    if read := results.get("read"):
        at_most("reading back 10,000 statements", 0.150, read["statements"])
    if once := results.get("once"):
        at_most("`withdrawd once` by socket, median", 0.030, statistics.median(once["times"]))
    return found


def fault_table(results):
    lines = [
        "| what | fault to withdrawal, ms: median (min to max) | of the script's | of ExaBGP's "
        "| repair to announcement, ms | % of a core | MB resident |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in faults.ROWS:
        it = results.get(row.key)
        if not it or "gone" not in it:
            continue

        def ratio(to):
            other = results.get(f"{to}-{row.fault}")
            medians = [statistics.median(x["gone"]) for x in (it, other)] if other else None
            return f"{medians[0] / medians[1]:.2f}" if medians else ""

        lines.append(
            f"| {row.name} | {spread(it['gone'])} | {ratio('script')} | {ratio('exabgp')} "
            f"| {spread(it['back'])} | {percent(it['cpu'])} | {it['memory'] / 1e6:.0f} |"
        )
    return lines


def scale_table(results):
    lines = [
        "| prefixes, transport | DNS fails to the peer having lost all, ms | statements accepted and "
        "read back, ms | DNS well to the peer having all, ms | reading bgpd with all look-ups, ms "
        "| % of a core, healthy (bgpd's) | % of a core, sick (bgpd's) | MB resident |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in scale.ROWS:
        it = results.get(row.key)
        if not it or "prefixes" not in it:
            continue
        shares = [f"{percent(it[x][0])} ({percent(it[x][1])})" for x in ("healthy", "sick")]
        lines.append(
            f"| {it['prefixes']}, {row.transport} | {ms(it['gone'])} | {ms(it['accepted'])} "
            f"| {ms(it['back'])} | {ms(it['read'])} | {shares[0]} | {shares[1]} "
            f"| {it['memory'] / 1e6:.0f} |"
        )
    return lines


def report(results, machine):
    held = budgets(results)
    text = [f"Measured on {machine}.", "", "Budgets:", "", "| what | budget | measured | held |",
            "|---|---|---|---|", *(budget.line() for budget in held), ""]
    text += ["Faults of the DNS server, of one prefix:", "", *fault_table(results), ""]
    text += ["Growth:", "", *scale_table(results)]
    if crowd := results.get("crowd"):
        text += ["", f"1,000 checks once a second, 10,000 prefixes: of {crowd['askings']} questions "
                 f"all but one in a thousand were less than {ms(crowd['latest-99.9'])} ms late, the "
                 f"latest {ms(crowd['latest'])} ms."]
    if read := results.get("read"):
        text += ["", f"10,000 statements read every 0.8 s beside a sick prefix: "
                 f"{percent(read['cpu'])} % of a core; every one of 10,001 prefixes looked up as "
                 f"well: {ms(read['all'])} ms."]
    if once := results.get("once"):
        text += ["", f"`withdrawd once`, exec to exit: {spread(once['times'])} ms."]
    return "\n".join(text)


def svg(results):
    """Every fault a dot, every row a line; logarithmic."""
    rows = [row for row in faults.ROWS if "gone" in results.get(row.key, {})]
    left, top, step, width = 340, 30, 30, 560
    height = top + step * len(rows) + 40
    x = lambda seconds: left + width * math.log10(max(seconds, 0.03) / 0.03) / math.log10(100)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {height}" '
        'font-family="sans-serif" font-size="13">',
        "<title>From a DNS fault to the withdrawal at a BGP peer</title>",
        f'<rect width="100%" height="{height}" fill="#fff"/>',
    ]
    for mark in (0.03, 0.1, 0.3, 1, 3):
        out.append(
            f'<line x1="{x(mark):.1f}" y1="{top - 10}" x2="{x(mark):.1f}" y2="{height - 30}" '
            f'stroke="#ddd"/><text x="{x(mark):.1f}" y="{height - 12}" text-anchor="middle" '
            f'fill="#333">{ms(mark)} ms</text>'
        )
    for index, row in enumerate(rows):
        times = results[row.key]["gone"]
        y = top + step * index + 8
        colour = "#0a5fa5" if row.name.startswith("withdrawd") else "#8a5a00"
        out.append(f'<text x="10" y="{y + 4}" fill="#222">{row.name}</text>')
        out += [
            f'<circle cx="{x(seconds):.1f}" cy="{y}" r="3.5" fill="{colour}" fill-opacity="0.35"/>'
            for seconds in times
        ]
        median = x(statistics.median(times))
        out.append(
            f'<line x1="{median:.1f}" y1="{y - 9}" x2="{median:.1f}" y2="{y + 9}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
    return "\n".join([*out, "</svg>", ""])
