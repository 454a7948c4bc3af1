"""Side by side: direct, `bao proxy`, the daemon, and what bounds them from below."""
from lab import PATHS, prefix
from measure import Subject, rounds

REPLY_ENVELOPE = 100  # bytes of the daemon's reply beside the payload, about: the echo answers with as many


def _to_bao(lab):
    site, port = lab.site, lab.bao.port
    daemon, proxy, hop = lab.daemon_to_bao(), lab.proxy_to_bao(), lab.hop_to_bao()
    usual = {"mount": site.mount, "prefix": prefix(200), "paths": PATHS}
    own_token = {"token": lab.token(), **usual}
    return [Subject("direct", f"127.0.0.1:{port}", protocol="http", **own_token),
            Subject("bao proxy", proxy.socket, proxy.pid, protocol="http", **usual),
            Subject("secretstored", daemon.socket, daemon.pid, **usual),
            Subject("bare hop", hop.socket, hop.pid, protocol="http", **own_token),
            Subject("curl multi", f"127.0.0.1:{port}", "self", program="curlmulti", **own_token)]


def _echo(lab, size):
    echo = lab.echo(size + REPLY_ENVELOPE)
    return Subject("echo", echo.socket, echo.pid, protocol="frames", prefix=prefix(size))


def _to_nginx(lab):
    port = lab.nginx.port
    daemon, proxy = lab.daemon_to_nginx(), lab.proxy_to_nginx()
    usual = {"prefix": prefix(200), "paths": PATHS}
    return [Subject("direct", f"127.0.0.1:{port}", protocol="http", **usual),
            Subject("bao proxy", proxy.socket, proxy.pid, protocol="http", **usual),
            Subject("secretstored", daemon.socket, daemon.pid, **usual),
            Subject("curl multi", f"127.0.0.1:{port}", "self", program="curlmulti", **usual)]


def situation(n, depth=1):
    return f"{n} caller{'s' * (n > 1)}" + (f" by {depth}" if depth > 1 else "")


def callers(plan, depth=1):
    return {situation(n, depth): {"callers": n, "depth": depth, "seconds": plan.seconds} for n in plan.callers}


def with_bao(lab, plan):
    """Every get goes to the real OpenBao."""
    return rounds([*_to_bao(lab), _echo(lab, 200)], callers(plan), plan.many_rounds, plan.say)


def with_nginx(lab, plan):
    """The hop alone: the upstream answers at once, each get asks for another path."""
    return rounds(_to_nginx(lab), callers(plan), plan.rounds, plan.say)


def payloads(lab, plan):
    """Larger secrets, nginx upstream, 8 callers."""
    situations = {f"{size} bytes": {"callers": 8, "prefix": prefix(size), "seconds": plan.seconds} for size in (200, 4096, 262144)}
    return rounds(_to_nginx(lab), situations, plan.few_rounds, plan.say)


# -- from memory; None where this build has no cache -----------------------------------------------------------------

def from_memory(lab, plan):
    """The daemon's cache beside memcached with one thread, and the echo."""
    if not lab.has_cache:
        return None
    daemon, memcached = lab.daemon_with_cache(), lab.memcached
    memcached.fill(200, PATHS)
    usual = {"prefix": prefix(200), "paths": PATHS}
    subjects = [Subject("secretstored", daemon.socket, daemon.pid, **usual),
                Subject("without library", daemon.socket, daemon.pid, protocol="frames", **usual),
                Subject("memcached", memcached.socket, memcached.pid, protocol="memcached", **usual), _echo(lab, 200)]
    subjects[0].run(callers=32, requests=2 * PATHS)  # fills the cache
    pipelined = {name: options for name, options in callers(plan, 16).items() if options["callers"] <= 32}
    return rounds(subjects, {**callers(plan), **pipelined}, plan.most_rounds, plan.say)


def payloads_from_memory(lab, plan):
    """Larger secrets from memory, 8 callers."""
    if not lab.has_cache:
        return None
    daemon, memcached = lab.daemon_with_cache(), lab.memcached
    subjects = [Subject("secretstored", daemon.socket, daemon.pid, paths=16),
                Subject("memcached", memcached.socket, memcached.pid, protocol="memcached", paths=16)]
    situations = {}
    for size in (200, 4096, 262144):
        memcached.fill(size, 16)
        subjects[0].run(callers=8, requests=64, prefix=prefix(size))
        situations[f"{size} bytes"] = {"callers": 8, "prefix": prefix(size), "seconds": plan.seconds}
    return rounds(subjects, situations, plan.few_rounds, plan.say)
