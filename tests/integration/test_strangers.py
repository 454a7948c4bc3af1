"""Callers who come in crowds: 350 users of one person, who are as many as its subordinate uids, and connections that are
closed at once. Root, and users whom a rule names, are served all the same."""

import pytest

from harness import process
from harness.abuse import Crowd, steady_gets

pytestmark = pytest.mark.root

USER = 4101
CROWD = range(200000, 200350)


def settings(site, **changes):
    made = site.settings(listen={"mode": "0666"}, **changes)
    made["allow"]["user"] = {"uid": USER, "ops": "read", "paths": "*"}
    return made


def served(connect, op, **members):
    """False: there is no room in the queue. Being turned away is a failure."""
    try:
        with connect() as c:
            assert c.call(op, **members).code is None
            return True
    except BlockingIOError:
        return False


@pytest.mark.parametrize("uids", [[4200], [USER], [*CROWD][:50]], ids=["stranger", "named", "crowd"])
def test_who_connects_in_a_loop_pays_for_it(daemon, site, uids):
    site.put("a", {"x": 1})
    d = daemon(settings(site))
    with Crowd("connector.py", d, uids) as program:
        taken = steady_gets(d, site.mount, "a", rate=50, seconds=4)
        assert [code for _, code in taken if code] == [] and len(taken) == 200
        # New connections of others are served, too; if the queue of those who connect is full they come a little later.
        for _ in range(20):
            process.wait_until(lambda: served(d.connect, "ping"), process.patience(10), "root is served")
            if USER not in uids:
                process.wait_until(lambda: served(lambda: d.connect_as(USER), "kv.get", mount=site.mount, path="a"),
                                   process.patience(10), "the user is served")
        refused = 0
        while refused == 0:
            refused = int(program.stdout.readline().split()[1])


def test_a_crowd_holds_no_more_than_one_user_may(daemon, site):
    site.put("a", {"x": 1})
    d = daemon(settings(site))
    with Crowd("crowd.py", d, CROWD):
        taken = steady_gets(d, site.mount, "a", rate=50, seconds=2)
        assert [code for _, code in taken if code] == [] and len(taken) == 100
        with d.connect_as(USER) as user:
            assert user.call("kv.get", mount=site.mount, path="a").code is None
        if not process.SANITIZED:
            # bytes_per_uid is 64 MiB, and a buffer may be twice as large as what it holds.
            assert d.memory_kb("RssAnon") < 140_000
