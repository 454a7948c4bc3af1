"""What the benchmark is to show, each with its figure: met or missed."""
import re
import statistics
from dataclasses import dataclass

from compare import situation


@dataclass
class Target:
    what: str
    figure: str
    wanted: str       # empty: to compare with
    met: bool | None  # None: not measured

    @property
    def verdict(self):
        return "" if not self.wanted else "not measured" if self.met is None else "met" if self.met else "MISSED"


def _said(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _figure(what, results, section, where, name, subjects, figure, *, least=None, most=None):
    """Made of the subjects' figures round by round, since what disturbs one run disturbs its neighbours too."""
    wanted = f"at least {least}" if least is not None else f"at most {most}" if most is not None else ""
    found = results.get(section)
    if not found or (subjects[0], where) not in found:
        return Target(what, "", wanted, None)
    values = [figure(*each) for each in zip(*(found[subject, where].of[name] for subject in subjects))]
    middle = statistics.median(values)
    met = not wanted or (middle >= least if least is not None else middle <= most)
    return Target(what, _said(values), wanted, met)


def _ratio(what, results, section, where, name, of, to, **limit):
    return _figure(what, results, section, where, name, (of, *to), lambda own, *others: own / sum(others), **limit)


def _time_with_curl(hop, curl, direct, echo):
    """Of a get through what costs as much as the bare hop and as curl does more than a direct caller."""
    return (hop + curl - direct) / (direct + echo)


def _rate_with_curl(hop, curl, direct):
    """The same where processors are what all wait for: then it is times for each get that add up."""
    return 1 / (direct / hop + direct / curl - 1)


def _uncached(r):
    one, many = (r, "openbao", "1 caller"), (r, "openbao", "32 callers")
    bound = ("bare hop", "curl multi", "direct")
    yield _ratio("get, OpenBao, 1 caller: p50 / (direct p50 + echo p50)", *one, "p50_us", "secretstored", ("direct", "echo"), most=1.1)
    yield _figure("the same of what only hops and has curl: (bare hop + curl multi - direct) / (direct + echo)", *one, "p50_us",
                  (*bound, "echo"), _time_with_curl)
    yield _ratio("get, OpenBao, 32 callers: rate / bao proxy's", *many, "rps", "secretstored", ("bao proxy",), least=3)
    yield _ratio("the same of the direct rate", *many, "rps", "direct", ("bao proxy",))
    yield _ratio("get, OpenBao, 32 callers: rate / direct", *many, "rps", "secretstored", ("direct",), least=0.9)
    yield _figure("the same of what only hops and has curl: 1 / (direct / bare hop + direct / curl multi - 1)", *many, "rps",
                  bound, _rate_with_curl)
    yield _ratio("get, nginx, distinct paths, 32 callers: rate / bao proxy's (5 is the aim)", r, "nginx", "32 callers", "rps",
                 "secretstored", ("bao proxy",), least=3)
    yield _ratio("get, nginx, distinct paths, 32 callers: CPU / curl multi alone", r, "nginx", "32 callers", "cpu_us",
                 "secretstored", ("curl multi",), most=1.4)


def _cached(r):
    for depth, to, least in ((1, "memcached", 0.9), (1, "echo", 0.7), (16, "memcached", 1)):
        for n in (1, 8, 32):
            yield _ratio(f"cached get, 200 B, {situation(n, depth)}: rate / {to}'s", r, "cached", situation(n, depth), "rps",
                         "secretstored", (to,), least=least)


def _at_most(what, found, figure, most, unit):
    if not found:
        return Target(what, "", f"at most {most} {unit}", None)
    value = figure(found)
    return Target(what, f"{value:.3g} {unit}", f"at most {most} {unit}", value <= most)


def _memory(r):
    found = r.get("memory")
    after = {name: m["after"] for name, m in found.items()} if found else None
    many = f"after {found['secretstored']['requests']:,} gets" if found else "after the gets"
    for kind, name, mib, part in (("anon", "RssAnon", 4, 20), ("rss", "RSS", 16, 6)):
        yield _at_most(f"{many}: {name}", after, lambda a: a["secretstored"][kind] / 1024, mib, "MiB")  # noqa: B023
        yield _part(f"{many}: {name} / bao proxy's", after, kind, part)


def _part(what, after, kind, part):
    wanted = f"at most 1/{part}"
    if not after:
        return Target(what, "", wanted, None)
    times = after["bao proxy"][kind] / after["secretstored"][kind]
    return Target(what, f"1/{times:.1f}", wanted, times >= part)


def _rest(r):
    yield _at_most("callers of one path at once, one read under way: upstream reads", r.get("crowd"),
                   lambda c: c["while one is under way"], 2, "reads")
    yield _at_most("an idle connection that was used, RSS", r.get("idle"), lambda i: i["used, rss"] / 1024, 2, "KiB")
    yield _at_most("start to first answered get", r.get("start"), lambda s: s["secretstored"]["median"], 50, "ms")
    fleet = re.search(r"leases of 5 minutes.*?\n +secretstored .*?the last after +([\d.]+) s.*?peak/even ([\d.]+)",
                      r.get("fleet", ""), re.S)
    yield _at_most("fleet after 10 minutes without OpenBao: peak logins / even spread", fleet, lambda f: float(f[2]), 2, "")
    yield _at_most("fleet after 10 minutes without OpenBao: recovery", fleet, lambda f: float(f[1]), 90, "s")


def _audited(r):
    series = (r.get("growth") or {}).get("audited paths")
    yield _at_most("gets of most paths from memory: CPU / that of 1,000 paths", series,
                   lambda s: s["cpu_us"][-1] / s["cpu_us"][s["x"].index(1000)], 2, "")
    yield _at_most("gets of many paths from memory: records of the audit a get", series,
                   lambda s: max(s["records_a_second"]) / min(s["rps"]), 0.01, "")


def targets(results):
    return [*_uncached(results), *_cached(results), *_memory(results), *_audited(results), *_rest(results)]
