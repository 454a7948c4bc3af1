"""Callers at work beside the test: many at once, or one that asks again and again and notes every answer."""

import threading
import time


def parallel(n, work):
    """work(i) in n threads at the same moment; the results in order. An exception in one is raised here."""
    barrier = threading.Barrier(n)
    results = [None] * n
    errors = []

    def one(i):
        try:
            barrier.wait(30)
            results[i] = work(i)
        except BaseException as e:  # noqa: B902 - told to the test's own thread
            errors.append(e)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return results


class Steady:
    """Makes one call every so many seconds on a connection of its own, from its making to stop(); notes what
    came."""

    def __init__(self, daemon, every, op, **members):
        self.results = []  # (when, code or None)
        self._stop = threading.Event()
        self._every = every
        self._conn = daemon.connect()
        self._request = (op, members)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        op, members = self._request
        due = time.monotonic() + self._every
        while not self._stop.wait(max(0, due - time.monotonic())):
            due = max(due + self._every, time.monotonic())  # on schedule, but a stall is not made up for
            try:
                code = self._conn.call(op, **members).code
            except Exception as e:  # noqa: B902 - a broken connection is a result too
                self.results.append((time.monotonic(), f"broken: {e!r}"))
                return
            self.results.append((time.monotonic(), code))

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        self._conn.close()
        return self.results

    def failures(self):
        return [r for r in self.results if r[1] is not None]

    def first_success_after(self, when):
        return next((t for t, code in list(self.results) if t >= when and code is None), None)
