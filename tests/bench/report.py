#!/usr/bin/env python3
"""Turns the JSON lines of the driver into a Markdown report and an SVG plot: report.py results.json REPORT.md figures.svg [README.md]

The README gets a short table and the plot between its two markers."""
import json
import os
import re
import sys
from html import escape

ROLE_TITLES = {"limit": "limit", "ours": "libmaiko", "baseline": "by hand", "peer": "peer", "constant": "peer, not in this run"}
COLOURS = {"limit": "#8d99ae", "ours": "#d1495b", "baseline": "#bcc5d1", "peer": "#30638e", "constant": "#a9c4dc"}


def number(value):
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def load(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def rows_of(lines):
    """{row id: {"title", "unit", "goal", "lower", "bars": [line …], "sanity": line or None}} in the order of the run."""
    rows = {}
    for line in lines:
        if line["kind"] == "result":
            row = rows.setdefault(line["row"], {"title": line["title"], "unit": line["unit"], "goal": line.get("goal"),
                                                "lower": line["lower_is_better"], "bars": [], "sanity": None})
            row["bars"].append(line)
    for line in lines:
        row = rows.get(line.get("row"))
        if row and line["kind"] == "constant":
            row["bars"].append(dict(line, role="constant", valid=True, skipped=False))
        elif row and line["kind"] == "sanity":
            row["sanity"] = line
    return rows


# Markdown ##############################################################################################################

def outcome(bar):
    if bar["skipped"]:
        return "skipped: " + bar.get("note", "")
    if not bar["valid"]:
        return "**invalid** " + bar.get("note", "")
    words = []
    if "met" in bar:
        words.append("goal met" if bar["met"] else "below the goal")
    if bar["role"] == "constant":
        words.append("constant")
    if bar.get("p95") is not None:
        words.append(f"p95 {number(bar['p95'])} ({bar['cases']:.0f} cases)")
    if bar.get("note"):
        words.append(bar["note"])
    return ", ".join(words)


def apart(row):
    """Processors move on virtual machines: how far apart they were when this row ran."""
    trips = [bar["round_trip_us"] for bar in row["bars"] if bar.get("round_trip_us")]
    return f"{trips[0]:.2f} µs ({row['bars'][0]['distance']})" if trips else "–"


def markdown_row(name, row):
    out = [f"### {name} – {row['title']} ({row['unit']}{', lower is better' if row['lower'] else ''})", ""]
    if row["goal"]:
        out += [f"Goal: {row['goal']}.", ""]
    out += [f"Core to core round trip just before: {apart(row)}.", ""]
    out += ["| | median | min | max | of the limit | CPU µs per event | peak RSS MB | |", "|---|--:|--:|--:|--:|--:|--:|---|"]
    for bar in row["bars"]:
        label = f"**{bar['name']}**" if bar["role"] == "ours" else bar["name"]
        cells = [number(bar.get(key)) for key in ("median", "min", "max", "ratio", "cpu_us_per_event")]
        memory = number(bar["peak_rss"] / 1e6) if bar.get("peak_rss") else "–"
        out.append(f"| {label} | {' | '.join(cells)} | {memory} | {outcome(bar)} |")
    if row["sanity"] and not row["sanity"]["sane"]:
        out += ["", f"**Do not trust this row**: the limit reached {number(row['sanity']['limit_to_call'])} of the plain call, "
                    f"where {number(row['sanity']['expected'])} is normal."]
    return out + [""]


def summary(rows):
    out = ["| row | | goal | libmaiko | of the limit | met |", "|---|---|---|--:|--:|---|"]
    for name, row in rows.items():
        for bar in row["bars"]:
            if "met" in bar and not bar["skipped"]:
                out.append(f"| {name} | {row['title']}: {bar['name']} | {row['goal']} | {number(bar['median'])} {row['unit']} | "
                           f"{number(bar['ratio'])} | {'yes' if bar['met'] else '**no**'} |")
    return out + [""]


def where(machine):
    """The machine in a sentence, and another one when it was busy."""
    out = [f"{machine['date']}, {machine['processor']}, {machine['processors']:.0f} processors, Linux {machine['kernel']} "
           f"({machine['architecture']}), {machine['compiler']}. Core to core round trip "
           f"{machine['round_trip_us']:.2f} µs ({machine['distance']}).", ""]
    if machine.get("load", 0) > machine["processors"]:
        out += [f"**The machine was busy with something else** (load {machine['load']:.1f} at the beginning): rows of one thread may be "
                "read as ratios, rows across threads and processes not at all.", ""]
    return out


def markdown(machine, rows, plot):
    out = ["# Benchmark report", ""] + (where(machine) if machine else [])
    out += ["Every contender of a row ran in turn with the others, each time in a process of its own; ratios are medians of neighbouring "
            "runs. Payloads are 64 bytes, made anew for every event and summed by every receiver; a run that lost or damaged an event "
            "is invalid. Those that a goal is about have five runs, others three. GB/s above about 15 are data that never leaves the caches.", ""]
    out += summary(rows) + [f"![figures]({os.path.basename(plot)})", ""]
    for name, row in rows.items():
        out += markdown_row(name, row)
    return "\n".join(out)


# README ################################################################################################################

def others(row):
    """Peers of this run, best first."""
    bars = [bar for bar in row["bars"] if bar["role"] == "peer" and bar.get("median") and bar["valid"]]
    bars.sort(key=lambda bar: bar["median"], reverse=not row["lower"])
    return ", ".join(f"{bar['name']} {number(bar['median'])}" for bar in bars)


def readme_line(name, row, bar):
    limit = next((bar for bar in row["bars"] if bar["role"] == "limit"), {})
    unit = row["unit"] + (", lower is better" if row["lower"] else "")
    value = f"**{number(bar.get('median'))}**" + (f" (p95 {number(bar['p95'])})" if bar.get("p95") is not None else "")
    met = "**invalid**" if not bar["valid"] else "yes" if bar["met"] else "**no**"
    return (f"| {name} | {row['title']}; {bar['name'].removeprefix('libmaiko, ')} | {unit} | {value} | {row['goal']} | "
            f"{met} | {number(limit.get('median'))} | {number(bar.get('ratio'))} | {others(row)} |")


def missing(rows):
    """A sentence on who was not there."""
    names = sorted({bar["name"] for row in rows.values() for bar in row["bars"] if bar["skipped"]})
    return ["", f"Skipped, not installed or not built: {', '.join(names)}."] if names else []


def moved(rows):
    """A sentence on rows that ran while the processors were far apart, and one on what gigabytes mean."""
    names = [name for name, row in rows.items() if row["bars"][0].get("distance") == "far"]
    out = ["", f"The processors were far apart during {', '.join(names)}."] if names else []
    return out + ["", "GB/s above about 15 are data that never leaves the caches."]


def readme_table(machine, rows, plot):
    out = (where(machine) if machine else []) + ["| | row | unit | libmaiko | goal | met | limit | of the limit | others in this run |",
                                                 "|---|---|---|--:|---|---|--:|--:|---|"]
    for name, row in rows.items():
        out += [readme_line(name, row, bar) for bar in row["bars"] if "met" in bar and not bar["skipped"]]
    return "\n".join(out + missing(rows) + moved(rows) + ["", f"![What libmaiko and others reached]({plot})"])


def put_into_readme(path, machine, rows, plot):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    plot = os.path.relpath(plot, os.path.dirname(path) or ".")
    text, count = re.subn(r"(<!-- figures begin -->\n).*?(<!-- figures end -->)",
                          lambda found: found[1] + readme_table(machine, rows, plot) + "\n" + found[2], text, flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{path}: no place for the figures between '<!-- figures begin -->' and '<!-- figures end -->'")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


# SVG ###################################################################################################################

PANEL_WIDTH, BAR_HEIGHT, BAR_GAP, LABEL_WIDTH, VALUE_WIDTH, PANEL_GAP, MARGIN = 560, 15, 5, 200, 56, 26, 24


def panel_height(bars):
    return 34 + len(bars) * (BAR_HEIGHT + BAR_GAP)


def draw_panel(name, row, bars, x, y):
    longest = max(bar["median"] for bar in bars)
    room = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH
    better = "lower is better" if row["lower"] else "higher is better"
    out = [f'<text x="{x}" y="{y + 12}" class="title">{escape(name)} – {escape(row["title"])}</text>',
           f'<text x="{x + PANEL_WIDTH}" y="{y + 12}" class="unit" text-anchor="end">{escape(row["unit"])}, {better}</text>']
    y += 24
    for bar in bars:
        width = max(1.5, room * bar["median"] / longest)
        middle = y + BAR_HEIGHT - 3.5
        weight = ' font-weight="600"' if bar["role"] == "ours" else ""
        out += [f'<text x="{x + LABEL_WIDTH - 8}" y="{middle}" class="label" text-anchor="end"{weight}>{escape(bar["name"])}</text>',
                f'<rect x="{x + LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" fill="{COLOURS[bar["role"]]}"/>',
                f'<text x="{x + LABEL_WIDTH + width + 6:.1f}" y="{middle}" class="value"{weight}>{number(bar["median"])}</text>']
        y += BAR_HEIGHT + BAR_GAP
    return out


def draw_legend(x, y):
    out = []
    for role, title in ROLE_TITLES.items():
        out += [f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="2" fill="{COLOURS[role]}"/>',
                f'<text x="{x + 18}" y="{y}" class="label">{title}</text>']
        x += 34 + 7 * len(title)
    return out


def place(panels):
    """Two columns, each panel into the shorter one: [(panel, column, y)] and the height of all."""
    heights, placed = [0, 0], []
    for panel in panels:
        column = 0 if heights[0] <= heights[1] else 1
        placed.append((panel, column, heights[column]))
        heights[column] += panel_height(panel[2]) + PANEL_GAP
    return placed, max(heights)


def svg(machine, rows):
    panels = []
    for name, row in rows.items():
        bars = [bar for bar in row["bars"] if bar.get("median") and bar["valid"]]
        if bars:
            panels.append((name, row, sorted(bars, key=lambda bar: bar["median"], reverse=not row["lower"])))
    placed, height = place(panels)
    top, width = 78, 2 * PANEL_WIDTH + 3 * MARGIN
    when = f'{machine["date"]}, {machine["processor"]}, {machine["processors"]:.0f} processors' if machine else ""
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + top}" font-family="system-ui, sans-serif">',
           "<style>.title{font-size:13px;font-weight:600;fill:#1f2933}.unit{font-size:11px;fill:#7b8794}"
           ".label{font-size:11.5px;fill:#3e4c59}.value{font-size:11.5px;fill:#1f2933}</style>",
           f'<rect width="{width}" height="{height + top}" rx="8" fill="#ffffff"/>',
           f'<text x="{MARGIN}" y="34" font-size="18" font-weight="600" fill="#1f2933">libmaiko, measured beside others</text>',
           f'<text x="{width - MARGIN}" y="34" class="unit" text-anchor="end">{escape(when)}</text>']
    out += draw_legend(MARGIN, 56)
    for (name, row, bars), column, y in placed:
        out += draw_panel(name, row, bars, MARGIN + column * (PANEL_WIDTH + MARGIN), top + y)
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    lines = load(sys.argv[1])
    machine = next((line for line in lines if line["kind"] == "machine"), None)
    rows = rows_of(lines)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(markdown(machine, rows, sys.argv[3]))
    with open(sys.argv[3], "w", encoding="utf-8") as out:
        out.write(svg(machine, rows))
    if len(sys.argv) == 5:
        put_into_readme(sys.argv[4], machine, rows, sys.argv[3])


if __name__ == "__main__":
    main()
