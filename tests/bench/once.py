"""What is measured once: memory after many requests, idle connections, start-up, and a crowd that wants the same."""
import os
import signal
import socket
import statistics
import subprocess
import time

from lab import PATHS, http_status, path, prefix, process
from measure import load, memory_kb

from harness.client import frame


# -- memory -----------------------------------------------------------------------------------------------------------

def memory(lab, plan):
    """Memory after many gets: fresh processes without cache, nginx upstream, 32 callers."""
    found = {}
    daemon, proxy = lab.new_daemon(lab.settings_for_nginx()), lab.new_proxy_to_nginx("proxy-memory")
    try:
        proxy.wait_ready("secret", path(200))
        for name, pid, to, protocol in (("secretstored", daemon.pid, daemon.socket, "client"),
                                        ("bao proxy", proxy.pid, proxy.socket, "http")):
            before = memory_kb(pid)
            load(to, protocol=protocol, callers=32, requests=plan.many, prefix=prefix(200), paths=PATHS)
            found[name] = {"before": before, "after": memory_kb(pid), "requests": plan.many}
            plan.say(name)
    finally:
        daemon.close()
        proxy.close()
    return found


# -- idle connections -------------------------------------------------------------------------------------------------

GET = frame(f'{{"id":1,"op":"kv.get","mount":"secret","path":"{path(200)}"}}'.encode())


def connect(to, n):
    sockets = []
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(to))
        sockets.append(s)
    return sockets


def _each_asks(sockets):
    for s in sockets:
        s.sendall(GET)
        assert b'"ok":true' in s.recv(65536)[:40]


def _is_accepted(daemon):
    """One more connection, which comes after all others; while too many wait there is none to be had."""
    try:
        return daemon.status()
    except BlockingIOError:
        return False


def idle(lab, plan):
    """Idle connections: bytes of the daemon's memory for each, never used, and after an answer."""
    daemon = lab.new_daemon(lab.settings_for_nginx())
    sockets = []
    try:
        sockets = connect(daemon.socket, 1)
        _each_asks(sockets)
        before = memory_kb(daemon.pid)
        sockets += connect(daemon.socket, plan.idle)
        process.wait_until(lambda: _is_accepted(daemon), 30, "all of them are accepted")
        unused = memory_kb(daemon.pid)
        _each_asks(sockets)
        used = memory_kb(daemon.pid)
    finally:
        for s in sockets:
            s.close()
        daemon.close()
    per = {f"{state}, {kind}": (now[kind] - before[kind]) * 1024 / plan.idle
           for state, now in (("unused", unused), ("used", used)) for kind in ("rss", "anon")}
    return {"connections": plan.idle, **per}


# -- start-up ---------------------------------------------------------------------------------------------------------

def _first_answer(start, answers):
    """Seconds from the start of a process to its first answer, and the process's owner."""
    owner = start()
    began = time.monotonic()  # by now the process has become the program
    while not answers(owner):
        time.sleep(0.0005)
    return time.monotonic() - began, owner


def _daemon_answers(daemon):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(daemon.socket))
            s.sendall(GET)
            return b'"ok":true' in s.recv(65536)[:40]
    except OSError:
        return False


def start_up(lab, plan):
    """Milliseconds from the start to the first answered get; nginx upstream, whose login takes no time to speak of."""
    settings = lab.settings_for_nginx()
    took = {"secretstored": [], "bao proxy": []}
    for i in range(plan.starts):
        seconds, owner = _first_answer(lambda: lab.new_daemon(settings, wait=None), _daemon_answers)
        owner.close()
        took["secretstored"].append(seconds * 1000)
        seconds, owner = _first_answer(lambda: lab.new_proxy_to_nginx(f"proxy-start-{i}"),  # noqa: B023
                                       lambda p: http_status(p.socket, f"/v1/secret/data/{path(200)}") == 200)
        owner.close()
        took["bao proxy"].append(seconds * 1000)
    return {name: {"median": statistics.median(ms), "low": min(ms), "high": max(ms)} for name, ms in took.items()}


# -- a crowd ----------------------------------------------------------------------------------------------------------

def _crowd(daemon, n):
    return process.start([process.binary("bench/load"), "--to", daemon.socket, "--callers", n, "--requests", n, "--prefix",
                          prefix(200)], stdout=subprocess.PIPE, text=True)


def _gets(daemon):
    return daemon.status()["counters"]["gets"]


def crowd(lab, plan):
    """Many callers of one path at once: upstream reads, counted by the upstream.

    While one is under way: the upstream is held up till all have asked. As it falls: it answers at once, so that many a read has
    ended before the next caller asks."""
    n, nginx = plan.crowd, lab.nginx
    daemon = lab.new_daemon(lab.settings_for_nginx(port=nginx.logged_port))
    held, free = [], []
    try:
        daemon.get("secret", path(200))
        for _ in range(plan.few_rounds):
            reads, gets = nginx.reads(), _gets(daemon)
            _signal(nginx.workers(), signal.SIGSTOP)
            try:
                callers = _crowd(daemon, n)
                process.wait_until(lambda: _gets(daemon) >= gets + n, 20, "all have asked")  # noqa: B023
            finally:
                _signal(nginx.workers(), signal.SIGCONT)
            assert callers.wait(60) == 0, "a caller of the crowd failed"
            held.append(nginx.reads() - reads)
            reads = nginx.reads()
            assert _crowd(daemon, n).wait(60) == 0, "a caller of the crowd failed"
            free.append(nginx.reads() - reads)
    finally:
        daemon.close()
    return {"callers": n, "while one is under way": max(held), "as it falls": statistics.median(free)}


def _signal(pids, number):
    for pid in pids:
        os.kill(pid, number)
