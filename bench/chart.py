#!/usr/bin/env python3
"""Line charts as SVG: for docs/performance, with nothing but Python's standard library, so that whoever can run a
benchmark can also draw its result. A chart is one function, line_chart(); as a command it draws columns of a CSV file:

    bench/chart.py rates.csv rates.svg --title "Units accepted" --x seconds --y capacity accepted --goal 970

Where --group COLUMN is given, each value of that column is a series of its own (and --y names one column).
Points whose value is not a finite number, or not positive on a logarithmic axis, are gaps in the line.
"""
import argparse
import csv
import math
from html import escape

COLOURS = ["#2458a6", "#c8541f", "#2a7f3e", "#8a3b94", "#b08b00", "#3b8f9e", "#a02040", "#555555"]
WIDTH, HEIGHT = 860, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 46, 58
LEGEND_LINE = 18


def short(value):
    """1500000 -> 1.5 M, 0.25 -> 0.25."""
    for limit, suffix in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if suffix == ' k' else limit):.4g}{suffix}"
    return f"{value:.4g}"


class Axis:
    """From values to pixels, and where the ticks stand."""

    def __init__(self, values, log, begin, end, from_zero):
        self.log, self.begin, self.end = log, begin, end
        low, high = (min(values), max(values)) if values else (1, 10) if log else (0, 1)
        if log:
            self.low, self.high = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
            self.high = max(self.high, self.low + 1)
            step = max(1, (self.high - self.low) // 8)
            self.ticks = [10.0**power for power in range(self.low, self.high + 1, step)]
            return
        low = min(low, 0) if from_zero else low
        high = high if high > low else low + 1
        step = 10 ** math.floor(math.log10((high - low) / 5))
        step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 8)
        self.low = math.floor(low / step + 1e-9) * step
        self.high = math.ceil(high / step - 1e-9) * step if from_zero else high
        count = int((self.high - self.low) / step + 1e-9)
        self.ticks = [round(self.low + i * step, 12) for i in range(count + 1)]

    def usable(self, value):
        return value is not None and math.isfinite(value) and (value > 0 or not self.log)

    def at(self, value):
        share = ((math.log10(value) if self.log else value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)


def line_chart(title, x_label, y_label, series, log_x=False, log_y=False, goal=None, markers=()):
    """The SVG text. `series` is {name: [(x, y), ...]}, `goal` a value or (value, text) drawn as a dashed horizontal
    line, `markers` a list of (x, text) drawn as vertical lines."""
    goal = (goal, "goal") if isinstance(goal, (int, float)) else goal
    finite = lambda value, log: value is not None and math.isfinite(value) and (value > 0 or not log)
    points = [p for line in series.values() for p in line if finite(p[0], log_x) and finite(p[1], log_y)]
    top = TOP + LEGEND_LINE * ((len(series) + 3) // 4)
    x_axis = Axis([x for x, _ in points] + [x for x, _ in markers], log_x, LEFT, WIDTH - RIGHT, False)
    y_axis = Axis([y for _, y in points] + ([goal[0]] if goal else []), log_y, HEIGHT - BOTTOM, top, True)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="Helvetica, Arial, sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>']

    def line(x1, y1, x2, y2, style):
        out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>')

    def text(x, y, words, style=""):
        out.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>')

    for tick in x_axis.ticks:
        line(x_axis.at(tick), top, x_axis.at(tick), HEIGHT - BOTTOM, 'stroke="#e6e6e6"')
        text(x_axis.at(tick), HEIGHT - BOTTOM + 17, short(tick), 'text-anchor="middle"')
    for tick in y_axis.ticks:
        line(LEFT, y_axis.at(tick), WIDTH - RIGHT, y_axis.at(tick), 'stroke="#e6e6e6"')
        text(LEFT - 7, y_axis.at(tick) + 4, short(tick), 'text-anchor="end"')
    middle = (HEIGHT - BOTTOM + top) / 2
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_label, 'text-anchor="middle"')
    text(18, middle, y_label, f'text-anchor="middle" transform="rotate(-90 18 {middle:.1f})"')
    for x, words in markers:
        line(x_axis.at(x), top, x_axis.at(x), HEIGHT - BOTTOM, 'stroke="#888888" stroke-dasharray="2 3"')
        text(x_axis.at(x) + 4, top + 12, words, 'fill="#666666" font-size="11"')
    if goal:
        line(LEFT, y_axis.at(goal[0]), WIDTH - RIGHT, y_axis.at(goal[0]), 'stroke="#1a9850" stroke-dasharray="7 4"')
        text(WIDTH - RIGHT - 4, y_axis.at(goal[0]) - 5, goal[1], 'text-anchor="end" fill="#1a9850"')
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        pen, path = "M", []
        for x, y in values:
            if not x_axis.usable(x) or not y_axis.usable(y):
                pen = "M"
                continue
            path.append(f"{pen}{x_axis.at(x):.1f} {y_axis.at(y):.1f}")
            pen = "L"
        out.append(f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if len(values) <= 24:
            out += [f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" r="3" fill="{colour}"/>'
                    for x, y in values if x_axis.usable(x) and y_axis.usable(y)]
        x, y = LEFT + 195 * (number % 4), TOP + LEGEND_LINE * (number // 4)
        line(x, y - 4, x + 20, y - 4, f'stroke="{colour}" stroke-width="3"')
        text(x + 26, y, name)
    line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, 'stroke="#333333"')
    line(LEFT, top, LEFT, HEIGHT - BOTTOM, 'stroke="#333333"')
    return "\n".join(out + ["</svg>", ""])


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def read_csv(path, x, columns, group=None):
    """{name: [(x, y), ...]} of the columns, or of one column's values by group. Lines that begin with # are comments."""
    series = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            for column in columns:
                series.setdefault(row[group] if group else column, []).append((number(row[x]), number(row[column])))
    return series


def main():
    parser = argparse.ArgumentParser(description="Draws columns of a CSV file as an SVG line chart.")
    parser.add_argument("csv")
    parser.add_argument("svg")
    parser.add_argument("--title", default="")
    parser.add_argument("--x", required=True, metavar="COLUMN")
    parser.add_argument("--y", required=True, nargs="+", metavar="COLUMN")
    parser.add_argument("--group", metavar="COLUMN", help="a series for each of its values")
    parser.add_argument("--x-label")
    parser.add_argument("--y-label", default="")
    parser.add_argument("--log-x", action="store_true")
    parser.add_argument("--log-y", action="store_true")
    parser.add_argument("--goal", type=float)
    parser.add_argument("--goal-label", default="goal")
    parser.add_argument("--mark", action="append", default=[], metavar="X=TEXT", help="vertical line; may be repeated")
    given = parser.parse_args()
    markers = [(float(x), words) for x, _, words in (mark.partition("=") for mark in given.mark)]
    series = read_csv(given.csv, given.x, given.y, given.group)
    svg = line_chart(given.title, given.x_label or given.x, given.y_label, series, given.log_x, given.log_y,
                     None if given.goal is None else (given.goal, given.goal_label), markers)
    with open(given.svg, "w", encoding="utf-8") as file:
        file.write(svg)


if __name__ == "__main__":
    main()
