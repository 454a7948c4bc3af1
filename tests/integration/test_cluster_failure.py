"""A cluster loses its leader, or another node: what was acknowledged stays, an election is a slow answer, and a node that
fails is passed over. With raft's shortest timeouts, as OpenBao advises for production."""

import time

import pytest

from harness import process
from harness.bao import Cluster
from harness.counting import Counting, make_counter, reckon
from harness.load import Steady


@pytest.fixture(scope="module")
def only_cluster():
    process.raise_file_limit()
    cluster = Cluster(multiplier=1)
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(only_cluster):
    only_cluster.mend()
    yield only_cluster
    for node in only_cluster.nodes:
        if node.runs():
            node.thaw()


@pytest.fixture
def site(cluster, new_site):
    site = new_site(cluster.wait_leader())
    make_counter(site)
    site.put("a", {"x": 1})
    wait_known(cluster, site)
    return site


def wait_known(cluster, site):
    """For a second a standby says of a new mount that it waits for the leader to make it ready."""
    for node in cluster.nodes:
        process.wait_until(lambda node=node: node.admin.raw("GET", f"{site.mount}/data/counter")[0] == 200, 20,
                           "the node knows the mount")


def first(node, cluster):
    """All nodes' addresses, that one's first."""
    return cluster.addresses(node, *[other for other in cluster.nodes if other is not node])


def wait_counted(counting, since, times):
    def counted():
        return sum(op == "kv.put" and code is None for _, _, op, code in counting.calls(since)) >= times
    process.wait_until(counted, process.patience(30), "writes succeed")


def lose_the_leader(cluster, counting, lose):
    """In the midst of the load; when it was lost, and how long there was none."""
    wait_counted(counting, 0, 80)
    lost = lose()
    when = time.monotonic()
    cluster.wait_leader(other_than=lost)
    elected = time.monotonic() - when
    wait_counted(counting, when, 80)
    counting.stop()
    return when, elected


def assert_back_in_time(counting, when, elected):
    back = counting.wrote_since(when) - when
    assert back < max(10, elected + process.patience(2))  # where an election takes that long nobody can be back
    return f"a new leader after {elected:.1f} s, the first write after {back:.1f} s, the slowest call " \
           f"{counting.slowest(when - 1):.1f} s; "


# A node that has stepped down does not lead for ten seconds: what follows it had better not need another election.


def test_a_step_down_is_a_slow_answer(daemon, cluster, site, measured):
    d = daemon(site.settings(**cluster.addresses()))
    steady = [Steady(d, 0.02, "kv.get", mount=site.mount, path="a"),
              Steady(d, 0.02, "kv.put", mount=site.mount, path="b", data={"x": 1})]
    counting = Counting(d, site.mount, clients=1, plain=True)  # alone, so that no mismatch would be honest
    when, elected = lose_the_leader(cluster, counting, cluster.step_down)
    for s in steady:
        s.stop()
        assert s.failures() == [] and len(s.results) > 20
    assert set(counting.codes("kv.get")) == set(counting.codes("kv.put")) == {None}
    sums = reckon(counting, cluster.wait_leader().admin)
    measured(assert_back_in_time(counting, when, elected) + sums)
    assert "does not answer" not in d.log


def test_a_node_that_is_frozen_holds_up_reads_only_until_that_is_known(daemon, cluster, site, measured):
    node = cluster.standbys()[0]
    d = daemon(site.settings(**first(node, cluster)))
    assert d.get(site.mount, "a").ok and d.put(site.mount, "b", {"x": 1}).ok
    node.freeze()
    gets = Steady(d, 0.05, "kv.get", mount=site.mount, path="a", timeout_ms=1000)
    puts = Steady(d, 0.05, "kv.put", mount=site.mount, path="b", data={"x": 2}, timeout_ms=5000)
    frozen = time.monotonic()
    process.wait_until(lambda: gets.first_success_after(frozen), process.patience(10), "another node is asked")
    passed_over = gets.first_success_after(frozen)
    process.wait_until(lambda: len([t for t, _ in gets.results if t > passed_over]) > 30, 10, "gets go on")
    gets.stop()
    puts.stop()
    node.thaw()
    assert gets.failures() and set(code for _, code in gets.failures()) == {"timeout"}
    assert [r for r in gets.failures() if r[0] > passed_over] == []
    assert puts.failures() == []
    times = [frozen] + [t for t, _ in gets.results]
    assert max(b - a for a, b in zip(times, times[1:], strict=False)) < process.patience(2)
    assert "does not answer" not in d.log
    measured(f"{len(gets.failures())} gets with a deadline of 1 s failed, in {passed_over - frozen:.1f} s")


def test_a_node_that_is_lost_is_passed_over_and_used_again_later(daemon, cluster, site, measured):
    node = cluster.standbys()[0]
    d = daemon(site.settings(**first(node, cluster)))
    gets = Steady(d, 0.03, "kv.get", mount=site.mount, path="a")
    puts = Steady(d, 0.001, "kv.put", mount=site.mount, path="b", data={"x": 1})
    process.wait_until(lambda: node.port in d.tcp_ports(), 10, "the first node is used")
    process.wait_until(lambda: len(gets.results) > 20, 10, "gets are served")
    node.kill()
    killed = time.monotonic()
    process.wait_until(lambda: len([t for t, _ in gets.results if t > killed]) > 20, 20, "gets go on")
    assert node.port not in d.tcp_ports()
    node.start()
    process.wait_until(lambda: node.admin.health() == 429, 30, "the node is back")
    process.wait_until(lambda: node.port in d.tcp_ports(), process.patience(12), "it is used again")
    again = time.monotonic()
    process.wait_until(lambda: len([t for t, _ in gets.results if t > again]) > 20, 20, "gets go on")
    gets.stop()
    puts.stop()
    assert gets.failures() == [] and puts.failures() == []
    times = [t for t, _ in gets.results]
    gap = max(b - a for a, b in zip(times, times[1:], strict=False))
    measured(f"the longest wait for a get was {gap * 1000:.0f} ms; the node was used again {again - killed:.1f} s after "
             "it was lost")
    assert gap < process.patience(3)  # the connect timeout; here the connection is refused at once


@pytest.mark.parametrize("known, plain", [("all", False), ("all", True), ("a standby", True)])
def test_the_leader_is_killed_under_load(daemon, cluster, site, measured, known, plain):
    d = daemon(site.settings(**cluster.addresses(*([cluster.standbys()[0]] if known != "all" else []))))
    puts = Steady(d, 0.02, "kv.put", mount=site.mount, path="b", data={"x": 1}, timeout_ms=30000)
    counting = Counting(d, site.mount, plain=plain, timeout_ms=30000)
    when, elected = lose_the_leader(cluster, counting, cluster.kill_leader)
    puts.stop()
    sums = reckon(counting, cluster.wait_leader().admin)
    measured(assert_back_in_time(counting, when, elected) + sums)
    # Nothing but what was under way to the leader is in doubt, and all else was only slow.
    assert set(counting.codes("kv.get")) == {None}
    assert set(counting.codes("kv.put")) <= {None, "cas_mismatch", "unknown_outcome"}
    assert [code for _, code in puts.failures()] in ([], ["unknown_outcome"])
    for caller in counting.callers:
        assert sum(code == "unknown_outcome" for _, _, code, _ in caller.writes) <= 2
    assert "does not answer" not in d.log


def test_a_daemon_started_without_a_leader_logs_in_when_there_is_one(daemon, cluster, site, measured):
    cluster.kill_leader()
    d = daemon(site.settings(**cluster.addresses()), wait="socket")
    cluster.wait_leader()
    elected = time.monotonic()
    d.wait_ready(10)
    measured(f"logged in {time.monotonic() - elected:.1f} s after the election")
    assert d.get(site.mount, "a").data == {"x": 1}
    assert d.put(site.mount, "b", {"x": 1}).ok


def test_a_new_leader_is_asked_for_what_a_standby_does_not_have_yet(daemon, cluster, site):
    lagging = cluster.standbys()[0]
    d = daemon(site.settings(**first(lagging, cluster)))
    assert d.put(site.mount, "a", {"n": 1}, cas=1)["version"] == 2
    cluster.caught_up(lagging)
    assert d.get(site.mount, "a").data == {"n": 1}
    with lagging.relay.held():  # so it cannot be elected either
        old = cluster.step_down()
        new = cluster.wait_leader(other_than=old)
        assert new is not lagging
        assert d.put(site.mount, "a", {"n": 2}, cas=2)["version"] == 3
        got = d.get(site.mount, "a")
        assert (got["version"], got.data) == (3, {"n": 2})
        assert lagging.admin.get(f"{site.mount}/data/a")["data"]["metadata"]["version"] == 2


def test_the_leader_is_frozen_under_load(daemon, cluster, site, measured):
    d = daemon(site.settings(**cluster.addresses()))
    counting = Counting(d, site.mount, plain=True, timeout_ms=3000)

    def freeze():
        leader = cluster.wait_leader()
        leader.freeze()
        return leader

    when, elected = lose_the_leader(cluster, counting, freeze)
    cluster.mend()  # what the frozen node had got but not read may be done now
    sums = reckon(counting, cluster.wait_leader().admin)
    measured(assert_back_in_time(counting, when, elected) + sums)


@pytest.mark.long
def test_the_leader_is_killed_with_openbaos_own_timeouts(daemon, new_site, measured):
    """They make elections longer than a request's usual deadline; within a longer one they are a slow answer, too."""
    cluster = Cluster()
    try:
        for _ in range(3):
            site = new_site(cluster.wait_leader())
            make_counter(site)
            wait_known(cluster, site)
            d = daemon(site.settings(**cluster.addresses()))
            counting = Counting(d, site.mount, plain=True, timeout_ms=60000)
            when, elected = lose_the_leader(cluster, counting, cluster.kill_leader)
            sums = reckon(counting, cluster.wait_leader().admin)
            measured(assert_back_in_time(counting, when, elected) + sums)
            assert set(counting.codes("kv.get")) == {None}
            d.stop()
            cluster.mend()
    finally:
        cluster.close()
