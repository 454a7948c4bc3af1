"""What things cost as their number grows: the daemon's processor time per get, and its memory."""
from lab import PATHS, SIZES, config_text, prefix, process
from measure import Subject, memory_kb, rounds
from once import connect

NAMES = ("cpu_us", "rps", "p50_us", "p99_us")


def _points(xs, figures):
    """{"x": [...], "cpu_us": [...], ...}"""
    return {"x": list(xs), **{name: [f[name] for f in figures] for name in NAMES}}


def _median(subject, plan, **options):
    return rounds([subject], {"": {"seconds": plan.growth_seconds, **options}}, plan.few_rounds)[subject.name, ""]


def _served(lab, plan, settings, *, fill=0, size=200, **options):
    """Figures of a fresh daemon, and its memory before and after."""
    daemon = lab.new_daemon(settings)
    try:
        subject = Subject("secretstored", daemon.socket, daemon.pid, prefix=prefix(size))
        if fill:
            subject.run(callers=8, depth=4, paths=fill, requests=8)
            before = memory_kb(daemon.pid)
            subject.run(callers=8, depth=4, paths=fill, requests=fill)
        figures = _median(subject, plan, **options)
        return figures, (memory_kb(daemon.pid)["anon"] - before["anon"]) * 1024 / fill if fill else None
    finally:
        daemon.close()


def _way(lab):
    """The settings that show most: answers from memory where there is a cache."""
    return lab.settings_for_nginx(lab.cached()) if lab.has_cache else lab.settings_for_nginx()


def connections(lab, plan):
    """So many connections, each with one get under way."""
    figures = [_served(lab, plan, _way(lab), fill=PATHS if lab.has_cache else 0, callers=n, paths=PATHS)[0]
               for n in plan.connections]
    return _points(plan.connections, figures)


def idle_beside(lab, plan):
    """32 callers at work, so many others connected and idle."""
    figures = []
    daemon = lab.new_daemon(_way(lab))
    idle = []
    try:
        subject = Subject("secretstored", daemon.socket, daemon.pid, prefix=prefix(200), paths=PATHS)
        subject.run(callers=8, requests=2 * PATHS)
        for n in plan.connections:
            idle += connect(daemon.socket, n - len(idle))
            figures.append(_median(subject, plan, callers=32))
    finally:
        for s in idle:
            s.close()
        daemon.close()
    return _points(plan.connections, figures)


def cached_secrets(lab, plan):
    """So many secrets in the cache, asked for in turn by 32 callers; bytes of memory for each."""
    if not lab.has_cache:
        return None
    served = [_served(lab, plan, lab.settings_for_nginx(lab.cached("1024M")), fill=n, callers=32, paths=n) for n in plan.cached]
    return {**_points(plan.cached, [f for f, _ in served]), "bytes_each": [b for _, b in served]}


def _with_rules(lab, plan, other):
    """So many rules, of which the last is the one that allows the get. Ends where the configuration's size does."""
    xs, figures = [], []
    last = {"uid": process.UID, "ops": "write", "paths": f"secret/{prefix(200)}*"}
    for n in plan.rules:
        rules = {"bench": None, **{f"r{i}": other(i) for i in range(n - 1)}, "last": last}
        settings = config_text.merged(_way(lab), {"allow": rules})
        if not lab.takes(settings):
            plan.say(f"{n} rules do not fit into the configuration")
            break
        xs.append(n)
        figures.append(_served(lab, plan, settings, fill=PATHS if lab.has_cache else 0, callers=32, paths=PATHS)[0])
    return _points(xs, figures)


def rules_of_others(lab, plan):
    return _with_rules(lab, plan, lambda i: {"uid": 100000 + i, "ops": "kv.get", "paths": f"secret/r{i}/*"})


def rules_of_one(lab, plan):
    return _with_rules(lab, plan, lambda i: {"uid": process.UID, "ops": "kv.get", "paths": f"secret/r{i}/*"})


def payload(lab, plan):
    """Gets of secrets of growing size, uncached, by 8 callers."""
    daemon = lab.daemon_to_nginx()
    subject = Subject("secretstored", daemon.socket, daemon.pid, paths=PATHS)
    return _points(SIZES, [_median(subject, plan, callers=8, prefix=prefix(size)) for size in SIZES])


def payload_by_curl(lab, plan):
    """The same by curl alone: what of it is curl's."""
    subject = Subject("curl multi", f"127.0.0.1:{lab.nginx.port}", "self", program="curlmulti", paths=PATHS)
    return _points(SIZES, [_median(subject, plan, callers=8, prefix=prefix(size)) for size in SIZES])


ALL = {"connections at work": connections, "idle connections beside 32 callers": idle_beside, "cached secrets": cached_secrets,
       "access rules for other callers": rules_of_others, "access rules for the same caller": rules_of_one, "payload": payload, "payload, curl multi alone": payload_by_curl}


def all_series(lab, plan):
    """What things cost as their number grows."""
    found = {}
    for name, series in ALL.items():
        found[name] = series(lab, plan)
        plan.say(name)
    return found
