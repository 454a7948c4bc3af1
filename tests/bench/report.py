"""What was found, as text: tables for the terminal, the same for docs/performance.md, and the plots' files."""
import plots
import targets as wanted

BEGIN, END = "<!-- from here on written by `make bench DOCS=1` -->", "<!-- up to here -->"

COLUMNS = (("rps", "gets/s", ",.0f"), ("p50_us", "p50 µs", ",.0f"), ("p99_us", "p99 µs", ",.0f"), ("p999_us", "p99.9 µs", ",.0f"),
           ("cpu_us", "CPU µs", ",.1f"), ("own_cpu_us", "caller's CPU µs", ",.1f"))


def table(head, rows):
    """Columns, the first to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip()
                     for row in rows)


def markdown(head, rows):
    rows = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)


def _spread(figures):
    low, high = figures.bounds("rps")
    return f"{low:,.0f} to {high:,.0f}"


def _compared(section):
    head = ["", *(label for _, label, _ in COLUMNS), "gets/s, of all rounds"]
    rows = [[f"{situation}, {subject}", *(format(f[name], form) if f[name] is not None else "" for name, _, form in COLUMNS),
             _spread(f)] for (subject, situation), f in sorted(section.items(), key=lambda item: _order(section, item[0]))]
    return head, rows


def _order(section, key):
    keys = list(section)
    situations = list(dict.fromkeys(situation for _, situation in keys))
    subjects = list(dict.fromkeys(subject for subject, _ in keys))
    return situations.index(key[1]), subjects.index(key[0])


def _rounded(value):
    return f"{value:,.3g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}" if isinstance(value, (int, float)) \
        else "" if value is None else value


def _nested(section):
    """{row: {column: number}}"""
    columns = list(dict.fromkeys(c for row in section.values() for c in row))
    return ["", *columns], [[name, *(_rounded(row.get(c)) for c in columns)] for name, row in section.items()]


def _series(section):
    rows = []
    for name, series in section.items():
        for i, x in enumerate(series["x"] if series else []):
            rows.append([f"{name}: {x:,}", *(_rounded(series[n][i]) for n in ("cpu_us", "rps", "p50_us", "p99_us")),
                         *(_rounded(series[n][i] if n in series else None) for n in ("bytes_each", "records_a_second"))])
    return ["", "CPU µs", "gets/s", "p50 µs", "p99 µs", "bytes each", "audit records/s"], rows


def _memory(section):
    return (["MiB", "RSS before", "RSS after", "RSS at most", "anonymous before", "anonymous after"],
            [[name, *(f"{m[when][kind] / 1024:.1f}" for when, kind in (("before", "rss"), ("after", "rss"), ("after", "peak"),
                                                                       ("before", "anon"), ("after", "anon")))]
             for name, m in section.items()])


def _shape(name, found):
    """Head and rows of a section's table."""
    if name == "memory":
        return _memory(found)
    if name == "growth":
        return _series(found)
    if name in ("start", "syscalls"):
        return _nested(found)
    if name in ("crowd", "idle", "instructions"):
        return ["", ""], [[key, _rounded(value)] for key, value in found.items()]
    return _compared(found)


def section(name, found):
    if found is None:
        return "    not in this build, or its tool is missing"
    return "" if name == "fleet" else table(*_shape(name, found))


def machine(found):
    return (f"{found['processors']} processors, {found['model']}, Linux {found['kernel']}, load {found['load_at_start']:.1f} at the "
            f"start; commit {found['commit']}; no process is bound to a processor")


def _targets(results, unmeasured=True):
    return ["", "figure", "wanted", ""], [[t.what, t.figure, t.wanted, t.verdict] for t in wanted.targets(results)
                                          if unmeasured or t.met is not None]


def targets(results, unmeasured):
    return table(*_targets(results, unmeasured))


def write_plots(results, folder):
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, text in plots.plots(results).items():
        (folder / name).write_text(text)


def write_docs(results, titles, docs):
    """The plots go below docs/performance/, the tables between two marks of docs/performance.md."""
    write_plots(results, docs / "performance")
    parts = [machine(results["machine"]) + f"; {results['seconds']} s.", "### What was to be shown", markdown(*_targets(results))]
    for name, found in results.items():
        if name in ("machine", "seconds") or not found:
            continue
        parts.append(f"### {titles[name]}")
        parts.append(f"```\n{found}```" if name == "fleet" else markdown(*_shape(name, found)))
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(before + BEGIN + "\n\n" + "\n\n".join(parts) + "\n\n" + END + after)
