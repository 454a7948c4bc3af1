"""How long a ping takes, here and there, side by side, so that the machine's other load weighs on both alike."""

import statistics
import time

from .client import frame

PING = frame(b'{"id":1,"op":"ping"}')


def _round(conn, n):
    times = []
    for _ in range(n):
        before = time.perf_counter()
        conn.send_bytes(PING)
        body = conn.recv_frame()[1]
        times.append(time.perf_counter() - before)
        assert b'"ok":true' in body[:32]
    return sorted(times)


class Comparison:
    """p99 of two daemons' pings over alternating rounds for so many seconds: the medians of the rounds' p99s."""

    def __init__(self, idle, disturbed, seconds, pings=500):
        idle_p99, disturbed_p99 = [], []
        self.slowest = 0
        with idle.connect() as a, disturbed.connect() as b:
            for c in (a, b):
                _round(c, pings)  # warm
            end_at = time.monotonic() + seconds
            while time.monotonic() < end_at:
                for conn, p99s in ((a, idle_p99), (b, disturbed_p99)):
                    times = _round(conn, pings)
                    p99s.append(times[int(pings * 0.99)])
                    if conn is b:
                        self.slowest = max(self.slowest, times[-1])
        self.rounds = len(idle_p99)
        self.idle = statistics.median(idle_p99)
        self.disturbed = statistics.median(disturbed_p99)

    @property
    def ratio(self):
        return self.disturbed / self.idle

    def __str__(self):
        return (f"ping p99 idle {self.idle * 1e6:.0f} us, disturbed {self.disturbed * 1e6:.0f} us, "
                f"ratio {self.ratio:.2f}, slowest {self.slowest * 1e3:.1f} ms, {self.rounds} rounds")
