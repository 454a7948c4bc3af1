"""Which plots there are, and what is in each."""
import svg

CALLERS = ("1 caller", "8 callers", "32 callers", "256 callers")


def _bars(section, title, y_label, name, situations, labels=None, log_y=True):
    there = [s for s in situations if any(situation == s for _, situation in section)]
    subjects = list(dict.fromkeys(subject for subject, _ in section))
    series = {}
    for subject in subjects:
        figures = [section.get((subject, s)) for s in there]
        line = [(f[name], *f.bounds(name)) if f and f[name] else None for f in figures]
        if any(line):
            series[subject] = line
    return svg.bars(title, y_label, [(labels or {}).get(s, s) for s in there], series, log_y=log_y)


def _compared(results):
    for key, what in (("openbao", "OpenBao"), ("nginx", "nginx upstream, distinct paths"), ("cached", "from memory")):
        section = results.get(key)
        if not section:
            continue
        yield f"{key}-rate", _bars(section, f"Gets per second, 200 B, {what}", "gets/s", "rps", CALLERS)
        yield f"{key}-p50", _bars(section, f"Latency p50, 200 B, {what}", "µs", "p50_us", CALLERS)
        yield f"{key}-p99", _bars(section, f"Latency p99, 200 B, {what}", "µs", "p99_us", CALLERS)
        yield f"{key}-cpu", _bars(section, f"CPU per get, 200 B, {what}", "µs", "cpu_us", CALLERS)
    if results.get("cached"):
        situations = [f"{s} by 16" for s in CALLERS[:3]]
        yield "cached-pipelined", _bars(results["cached"], "Gets per second, 16 pipelined, from memory", "gets/s", "rps",
                                        situations)
    for key, what in (("payloads", "nginx upstream"), ("payloads_cached", "from memory")):
        if results.get(key):
            sizes = {"200 bytes": "200 B", "4096 bytes": "4 KiB", "262144 bytes": "256 KiB"}
            yield f"{key}-rate", _bars(results[key], f"Gets per second by size, 8 callers, {what}", "gets/s", "rps", sizes, sizes)


def _memory(results):
    found = results.get("memory")
    if found:
        groups = ["RSS before", "RSS after", "anon after"]
        series = {name: [(v / 1024,) * 3 for v in (m["before"]["rss"], m["after"]["rss"], m["after"]["anon"])]
                  for name, m in found.items()}
        yield "memory", svg.bars(f"Memory, {found['secretstored']['requests']:,} gets", "MiB", groups, series, log_y=False)


def _growth(results):
    growth = results.get("growth") or {}

    def line(name, value="cpu_us", times=1.0):
        series = growth.get(name)
        return [(x, y * times) for x, y in zip(series["x"], series[value])] if series and series["x"] else None

    def plot(title, x_label, y_label, *names, **kw):
        series = {label: found for label, found in names if found}
        return svg.lines(title, x_label, y_label, series, **kw) if series else None

    yield "growth-connections", plot("CPU per get as connections grow", "connections", "µs",
                                     ("all at work", line("connections at work")),
                                     ("idle beside 32", line("idle connections beside 32 callers")))
    yield "growth-rules", plot("CPU per get as rules grow", "access rules", "µs",
                               ("of other callers", line("access rules for other callers")),
                               ("of this caller", line("access rules for the same caller")))
    yield "growth-cached", plot("CPU per get as cached secrets grow", "cached secrets", "µs",
                                ("secretstored", line("cached secrets")))
    yield "growth-cached-bytes", plot("Memory of a cached secret of 200 B", "cached secrets", "bytes each",
                                      ("secretstored", line("cached secrets", "bytes_each")))
    yield "growth-payload", plot("CPU per get as the payload grows, nginx upstream", "bytes", "µs",
                                 ("secretstored", line("payload")), ("curl multi", line("payload, curl multi alone")), log_y=True)


def plots(results):
    """{file name: SVG}"""
    return {f"{name}.svg": text for part in (_compared, _memory, _growth) for name, text in part(results) if text}
