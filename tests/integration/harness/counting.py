"""Callers that count up one secret together by check-and-set, and may write secrets of their own beside it; each keeps the
books of what it was told, which reckon() holds against what OpenBao has in the end."""

import threading
import time
from collections import Counter

COUNTER = "counter"
NOT_DONE = ("cas_mismatch", "unavailable", "timeout", "not_ready", "overloaded", "sealed")


class Caller(threading.Thread):
    def __init__(self, counting, number):
        super().__init__(daemon=True)
        self.counting = counting
        self.number = number
        self.calls = []  # (begin, end, op, code)
        self.writes = []  # (path, seq, code or None, version)
        self.floor = 0  # no read of the counter may give an older version than this
        self.backwards = []
        self.broken = None
        self._seq = 0

    def run(self):
        try:
            with self.counting.daemon.connect() as conn:
                while not self.counting.ended.is_set():
                    self._increment(conn)
                    if self.counting.plain:
                        self._write(conn, f"own/{self.number}/{self._seq + 1}", {})
        except Exception as e:  # noqa: B902 - told to the test's own thread
            self.broken = e

    def _call(self, conn, op, **members):
        begin = time.monotonic()
        reply = conn.call(op, mount=self.counting.mount, timeout_ms=self.counting.timeout_ms, **members)
        self.calls.append((begin, time.monotonic(), op, reply.code))
        return reply

    def _increment(self, conn):
        got = self._call(conn, "kv.get", path=COUNTER)
        if not got.ok:
            time.sleep(0.02)  # where it fails at once the books would grow without end
            return
        if got["version"] < self.floor:
            self.backwards.append((self.floor, got["version"]))
        self.floor = max(self.floor, got["version"])
        self._write(conn, COUNTER, {"n": got.data["n"] + 1}, cas=got["version"])

    def _write(self, conn, path, data, **cas):
        self._seq += 1
        reply = self._call(conn, "kv.put", path=path, data={**data, "by": self.number, "seq": self._seq}, **cas)
        self.writes.append((path, self._seq, reply.code, reply.get("version")))
        if path == COUNTER and reply.ok:
            self.floor = max(self.floor, reply["version"])


class Counting:
    """Runs from its making to stop(). The site's admin makes the counter first (make_counter)."""

    def __init__(self, daemon, mount, clients=8, plain=False, timeout_ms=10000):
        self.daemon = daemon
        self.mount = mount
        self.plain = plain
        self.timeout_ms = timeout_ms
        self.ended = threading.Event()
        self.callers = [Caller(self, i) for i in range(clients)]
        for caller in self.callers:
            caller.start()

    def stop(self):
        self.ended.set()
        for caller in self.callers:
            caller.join(120)
            assert not caller.is_alive(), "a call does not end"
            assert caller.broken is None, caller.broken

    def calls(self, since=0.0):
        return sorted(call for caller in self.callers for call in list(caller.calls) if call[0] >= since)

    def wrote_since(self, when):
        """When the first write that began after that moment succeeded; None: none has yet."""
        return next((end for begin, end, op, code in self.calls(when) if op == "kv.put" and code is None), None)

    def codes(self, op):
        return Counter(code for caller in self.callers for _, _, o, code in caller.calls if o == op)

    def slowest(self, since):
        return max((end - begin for begin, end, _, _ in self.calls(since)), default=0)


def make_counter(site):
    site.admin.post(f"{site.mount}/config", {"max_versions": 1000000})  # each is read again in the end
    site.put(COUNTER, {"n": 0, "by": -1, "seq": 0})


def reckon(counting, admin):
    """Every write that was acknowledged is there, none that was said not to be done, and every unknown one is there or
    not: as many increments as there are versions. Gives the sums, for a human reader."""
    kv = f"{counting.mount}/data"
    last = admin.get(f"{kv}/{COUNTER}")["data"]["metadata"]["version"]
    found = {}  # (caller, seq): version
    for version in range(1, last + 1):
        data = admin.get(f"{kv}/{COUNTER}?version={version}")["data"]["data"]
        assert data["n"] == version - 1, f"version {version} counts {data['n']}"
        found[data["by"], data["seq"]] = version
    sums = Counter()
    for caller in counting.callers:
        assert caller.backwards == [], f"caller {caller.number} read backwards"
        for path, seq, code, version in caller.writes:
            there = found.get((caller.number, seq)) if path == COUNTER else _version_of(admin, kv, path)
            what = f"caller {caller.number}'s write {seq} of {path}, answered {code or 'ok'}"
            assert code is not None or there == version, f"{what} as version {version}, is lost"
            assert code not in NOT_DONE or there is None, f"{what}, was done"
            assert code in (None, "unknown_outcome", *NOT_DONE), what
            sums[path == COUNTER, code] += 1
            sums["done"] += path == COUNTER and code == "unknown_outcome" and there is not None
    acknowledged, unknown = sums[True, None], sums[True, "unknown_outcome"]
    assert last - 1 == acknowledged + sums["done"]
    assert acknowledged <= last - 1 <= acknowledged + unknown
    return (f"{last - 1} counted, {acknowledged} acknowledged, {unknown} unknown of which {sums['done']} were done, "
            f"{sums[True, 'cas_mismatch']} mismatches; {sums[False, None]} other writes, "
            f"{sums[False, 'unknown_outcome']} unknown")


def _version_of(admin, kv, path):
    """Each is written once, so it is there with version 1 or not at all."""
    return 1 if admin.raw("GET", f"{kv}/{path}")[0] == 200 else None
