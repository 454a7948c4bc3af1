"""Plots as SVG, written by hand: lines over a logarithmic axis, and bars in groups."""
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 78, 150, 46, 52
COLOURS = ("#0b6e99", "#d9730d", "#4d8a2c", "#9b51e0", "#c4342d", "#7a7a7a")
STYLE = ("text { font: 12px sans-serif; fill: #222 } .title { font-size: 15px; font-weight: bold } "
         ".grid { stroke: #ddd } .axis { stroke: #888 } .bad { stroke: #888; stroke-width: 1 }")


def _escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;")


def number(value):
    """As people write it: 1.5, 20, 300k, 2M."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def _text(x, y, text, anchor="middle", kind="", turn=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}'
            f'{f" transform={chr(34)}{turn}{chr(34)}" if turn else ""}>{_escape(text)}</text>')


def _line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


class _Axis:
    """Where a value is on the paper."""

    def __init__(self, low, high, start, end, logarithmic):
        self.low, self.high, self.start, self.end, self.logarithmic = low, high, start, end, logarithmic

    def at(self, value):
        if self.logarithmic:
            part = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self):
        if self.logarithmic:
            return [10 ** e for e in range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)]
        power = 10 ** math.floor(math.log10(self.high - self.low))
        step = next(power * n for n in (0.1, 0.2, 0.5, 1, 2) if (self.high - self.low) / (power * n) <= 6)
        return [self.low + i * step for i in range(int((self.high - self.low) / step + 1e-9) + 1)]


def _upright(values, logarithmic):
    """The axis for these: from zero, or of whole powers of ten."""
    low, high = 0, max(values) * 1.1
    if logarithmic:
        low, high = 10 ** math.floor(math.log10(min(v for v in values if v > 0))), 10 ** math.ceil(math.log10(max(values)))
    return _Axis(low, high if high > low else low * 10, HEIGHT - BOTTOM, TOP, logarithmic)


def _page(title, parts):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
                      f'height="{HEIGHT}" role="img" aria-label="{_escape(title)}">', f"<style>{STYLE}</style>",
                      f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', _text(14, 24, title, "start", "title"),
                      *parts, "</svg>", ""])


def _vertical(axis, label):
    parts = []
    for tick in axis.ticks():
        y = axis.at(tick)
        parts += [_line(LEFT, y, WIDTH - RIGHT, y, "grid"), _text(LEFT - 6, y + 4, number(tick), "end")]
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return [*parts, _text(18, middle, label, turn=f"rotate(-90 18 {middle:.0f})")]


def _legend(names):
    parts = []
    for i, name in enumerate(names):
        y = TOP + 12 + 20 * i
        parts += [f'<rect x="{WIDTH - RIGHT + 12}" y="{y - 9}" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>',
                  _text(WIDTH - RIGHT + 27, y, name, "start")]
    return parts


def lines(title, x_label, y_label, series, *, log_y=False):
    """series: {name: [(x, y), ...]}; the x axis is logarithmic."""
    points = [p for line in series.values() for p in line]
    x = _Axis(min(p[0] for p in points), max(p[0] for p in points), LEFT, WIDTH - RIGHT, True)
    y = _upright([p[1] for p in points], log_y)
    parts = _vertical(y, y_label)
    for tick in x.ticks():
        parts += [_line(x.at(tick), HEIGHT - BOTTOM, x.at(tick), HEIGHT - BOTTOM + 4, "axis"),
                  _text(x.at(tick), HEIGHT - BOTTOM + 18, number(tick))]
    parts += [_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"),
              _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label)]
    for i, line in enumerate(series.values()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(x.at(px), y.at(py)) for px, py in line]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>' for px, py in places]
    return _page(title, [*parts, *_legend(series)])


def bars(title, y_label, groups, series, *, log_y=True):
    """series: {name: [(median, low, high) or None for each group]}: bars with the rounds' spread."""
    found = [bar for line in series.values() for bar in line if bar]
    y = _upright([value for bar in found for value in bar], log_y)
    parts = _vertical(y, y_label)
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    wide = room * 0.8 / len(series)
    for g, group in enumerate(groups):
        parts.append(_text(LEFT + room * (g + 0.5), HEIGHT - BOTTOM + 18, group))
        for i, line in enumerate(series.values()):
            if not line[g]:
                continue
            middle, least, most = line[g]
            left, top = LEFT + room * (g + 0.1) + wide * i, y.at(middle)
            parts += [f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide - 2:.1f}" height="{HEIGHT - BOTTOM - top:.1f}" '
                      f'fill="{COLOURS[i % len(COLOURS)]}"/>',
                      _line(left + wide / 2 - 1, y.at(least), left + wide / 2 - 1, y.at(most), "bad")]
    parts.append(_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"))
    return _page(title, [*parts, *_legend(series)])
