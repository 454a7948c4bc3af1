"""Several nodes: reads never fall behind the writes, whichever node answers, and a lost node is no lost service."""

import json
import re
import time

import pytest

from harness import canary, process
from harness.bao import Admin
from harness.standin import reply


def of_ports(*ports):
    return {"openbao": {"address": [f"http://127.0.0.1:{port}" for port in ports]}}


@pytest.fixture
def site(shared_cluster, new_site):
    return new_site(shared_cluster.wait_leader())


@pytest.fixture
def standby(shared_cluster, site):
    """A standby that knows of the site: before that it would refuse its credentials."""
    node = shared_cluster.standbys()[0]
    shared_cluster.caught_up(node)
    return node


@pytest.fixture
def d(daemon, site, standby):
    """Knows the address of one standby and no other; it has its login, and a secret "a" at version 1."""
    d = daemon(site.settings(**of_ports(standby.port)))
    # A standby comes to know of a new policy or mount a moment after it has them.
    process.wait_until(lambda: d.get(site.mount, "a").code == "not_found", 20, "the standby lets the daemon in")
    assert d.put(site.mount, "a", {"n": 0})["version"] == 1
    assert d.get(site.mount, "a").ok
    # Some answers come from the leader, which knows more than the standby itself does yet.
    process.wait_until(lambda: standby.admin.raw("GET", f"{site.mount}/data/a")[0] == 200, 20, "the standby has it, too")
    return d


def lags(standby, site, path, version):
    """Is this standby's own answer about the path older than that?"""
    status, body = standby.admin.raw("GET", f"{site.mount}/data/{path}")
    return status == 404 or json.loads(body)["data"]["metadata"]["version"] < version


def put_then_get(d, site, times):
    with d.connect() as c:
        for n in range(1, times + 1):
            put = c.call("kv.put", mount=site.mount, path="a", data={"n": n})
            assert put.ok, put
            got = c.call("kv.get", mount=site.mount, path="a")
            assert got.ok, got
            assert (got.data, got["version"]) == ({"n": n}, put["version"])


def test_a_get_right_after_a_put_gives_the_version_just_put(d, site, standby):
    with standby.relay.held():
        assert d.get(site.mount, "a").ok
        site.put("a", {"n": "of another"})
        version = d.put(site.mount, "a", {"n": "ours"})["version"]
        assert version == 3
        for _ in range(5):
            got = d.get(site.mount, "a")
            assert got.ok, got
            assert (got["version"], got.data) == (3, {"n": "ours"})
        assert lags(standby, site, "a", 3)


def test_a_get_can_be_followed_in_the_log_by_its_number(daemon, d, site, standby):
    """From the socket through a standby that lags to the leader's answer; no line names the secret."""
    d = daemon(site.settings(**of_ports(standby.port), log={"level": "debug"}, audit={"level": "all"}))
    process.wait_until(lambda: d.get(site.mount, "a").ok, 20, "the daemon has its login")

    def followed():
        """The lines of a get of what the standby does not have yet; none if it had it all the same."""
        with standby.relay.held():
            version = site.put("a", {"n": "of another"})
            assert d.get(site.mount, "a", min_version=version)["version"] == version
        (record,) = d.wait_audit(op="kv.get", version=version)
        lines = re.findall(rf"debug: request {record['request']}: (.*)\n", d.log)
        return lines if any("any ->" in line for line in lines) else None
    lines = process.wait_until(followed, 60, "a get that the standby answers too late")
    steps = ["kv.get of uid 0", "kv.get: busy", "read: token -> any", r"kv.get at address 1: 200 after \d+ ms",
             "read: any -> (find leader|leader)", r"kv.get at .*: 200 after \d+ ms", "read: leader -> confirm",
             r"leader at .*: 200 after \d+ ms", r"kv.get: ok after \d+ us"]
    for line in lines:
        if steps and re.fullmatch(steps[0], line):
            steps.pop(0)
    assert steps == [], lines
    assert site.mount not in "".join(lines)


def test_put_and_get_by_turns_through_one_standbys_address(d, site):
    put_then_get(d, site, 50)


def test_a_thousand_puts_and_gets_through_a_standby(daemon, site, standby, shared_cluster, measured):
    nodes = {"a standby": standby, "the active node": shared_cluster.wait_leader()}
    daemons = {name: daemon(site.settings(**of_ports(node.port))) for name, node in nodes.items()}
    took = dict.fromkeys(nodes, 0.0)
    hundreds = 2 if process.SANITIZED else 10
    for _ in range(hundreds):  # by turns, so that the machine's other work is the same for both
        for name, d in daemons.items():
            before = time.monotonic()
            put_then_get(d, site, 100)
            took[name] += time.monotonic() - before
    measured("a put and a get took " + ", ".join(f"{seconds / hundreds * 10:.2f} ms with {name}'s address"
                                                  for name, seconds in took.items()))


def test_a_get_right_after_a_create_is_no_404(d, site, standby):
    with standby.relay.held():
        assert d.put(site.mount, "new", {"n": 1})["version"] == 1
        got = d.get(site.mount, "new")
        assert got.ok, got
        assert got.data == {"n": 1}
        assert lags(standby, site, "new", 1)


def test_a_version_that_was_put_is_found_at_once(d, site, standby):
    with standby.relay.held():
        assert d.put(site.mount, "a", {"n": 2})["version"] == 2
        assert d.get(site.mount, "a", version=2).data == {"n": 2}
        assert d.get(site.mount, "a", version=1).data == {"n": 0}
        assert lags(standby, site, "a", 2)


def test_a_mismatch_is_followed_by_a_get_of_the_version_that_won(d, site, standby):
    with standby.relay.held():
        won = site.put("a", {"n": "of another"})
        assert d.put(site.mount, "a", {"n": "late"}, cas=1).code == "cas_mismatch"
        got = d.get(site.mount, "a")
        assert (got["version"], got.data) == (won, {"n": "of another"})
        assert d.put(site.mount, "a", {"n": "ours"}, cas=won)["version"] == won + 1
        assert lags(standby, site, "a", won)


def test_a_chain_of_check_and_set_holds_on_a_lagging_standby(d, site, standby):
    version = d.put(site.mount, "a", {"n": 1})["version"]
    assert d.get(site.mount, "a")["version"] == version
    assert d.put(site.mount, "a", {"n": "wrong"}, cas=version + 5).code == "cas_mismatch"
    assert d.get(site.mount, "a")["version"] == version  # the leader is known from here on
    with standby.relay.held():
        for n in range(5):
            put = d.put(site.mount, "a", {"n": n}, cas=version)
            assert put.ok, put
            version = put["version"]
        assert lags(standby, site, "a", version)


def test_versions_that_begin_again_are_believed_when_the_leader_says_so(d, site, standby):
    for n in range(3):
        assert d.put(site.mount, "a", {"n": n}).ok
    with standby.relay.held():
        site.admin.delete(f"{site.mount}/metadata/a")
        assert d.put(site.mount, "a", {"n": "late"}, cas=4).code == "cas_mismatch"
        assert d.get(site.mount, "a").code == "not_found"
        assert d.put(site.mount, "a", {"n": "anew"}, cas=0)["version"] == 1
        assert d.get(site.mount, "a").data == {"n": "anew"}


def test_min_version_asks_the_leader_for_a_write_of_somebody_else(d, site, standby):
    with standby.relay.held():
        version = site.put("a", {"n": "of another"})
        assert lags(standby, site, "a", version)
        got = d.get(site.mount, "a", min_version=version)
        assert (got["version"], got.data) == (version, {"n": "of another"})
        assert d.get(site.mount, "a", min_version=version + 1, timeout_ms=2000).code == "unavailable"


@pytest.fixture
def known(site, standby):
    """The site's mount is known to the standby, and has a secret "a"."""
    site.put("a", {"n": 0})
    process.wait_until(lambda: standby.admin.raw("GET", f"{site.mount}/data/a")[0] == 200, 20, "the standby has it")
    return site


def refuses(standby, site):
    """Whether the standby by itself refuses the site's credentials, which are right."""
    credentials = {"role_id": site.role_id, "secret_id": site.secret_id}
    return Admin(standby.port).raw("POST", "auth/approle/login", credentials)[0] == 400


def assert_serves(d, site):
    """It has its login, and what it asks about a mount is not denied for a token that a standby does not know yet."""
    got = d.get(site.mount, "a")
    assert got.ok, got
    assert d.put(site.mount, "a", {"n": 1}).ok


def test_a_role_made_a_moment_ago_logs_in_through_a_lagging_standby(daemon, known, standby):
    with standby.relay.held():
        known.new_role()
        assert refuses(standby, known)
        before = len(known.logins())
        d = daemon(known.settings(**of_ports(standby.port)))
        assert_serves(d, known)
        assert len(known.logins()) == before + 1


def test_a_secret_id_made_a_moment_ago_is_taken_through_a_lagging_standby(daemon, known, standby):
    known.write_secret_id(canary.run.secret("secret-id"))
    d = daemon(known.settings(**of_ports(standby.port)), wait="socket")
    d.wait_state("rejected")
    with standby.relay.held():
        known.secret_id = known.new_secret_id()
        assert refuses(standby, known)
        known.write_secret_id(known.secret_id)
        d.wait_ready(5)
        assert_serves(d, known)


def test_a_refusal_by_a_node_that_lags_is_asked_again_where_no_leader_is_found(daemon, known, standby, new_proxy):
    """As behind a load balancer that hides the nodes."""
    proxy = new_proxy(standby.port)
    proxy.fault("headers", path="sys/leader", times=-1)
    with standby.relay.held():
        known.new_role()
        assert refuses(standby, known)
        d = daemon(known.settings(proxy.port), wait="socket")
        d.wait_log("login failed: .*which node leads is not known")
        assert d.status()["token"]["state"] == "relogin_wait"
    d.wait_ready(20)
    assert_serves(d, known)


def test_a_wrapping_token_made_a_moment_ago_is_opened_through_a_lagging_standby(daemon, known, standby):
    with standby.relay.held():
        wrapping = known.wrapped_secret_id()
        status, body = Admin(standby.port, wrapping).raw("POST", "sys/wrapping/lookup", {})
        assert (status, b"wrapping token is not valid" in body) == (400, True)  # what the standby would say of it
        known.write_secret_id(wrapping)
        assert_serves(daemon(known.settings(approle={"secret_id_wrapped": True}, **of_ports(standby.port))), known)


def test_a_sealed_node_is_passed_over(daemon, shared_server, new_site, standin):
    """As one that was restarted and nobody has unsealed yet."""
    sealed = reply({"errors": ["Vault is sealed"]}, status=503)
    standin.on("GET", ".*", sealed)
    standin.on("POST", ".*", sealed)
    standin.on("GET", "/v1/sys/health", reply({"initialized": True, "sealed": True, "standby": True}, status=299))
    site = new_site(shared_server)
    d = daemon(site.settings(**of_ports(standin.port, shared_server.port)))
    asked = standin.count("GET", site.mount)
    for n in range(10):
        assert d.put(site.mount, "a", {"n": n}).ok
        got = d.get(site.mount, "a")
        assert got.ok, got
        assert got.data == {"n": n}
    assert standin.count("GET", site.mount) <= asked + 2
    assert d.status()["upstream"]["state"] in ("up", "suspect")


def test_a_node_that_is_gone_is_passed_over(daemon, site, standby, shared_cluster):
    nodes = [standby.port] + [node.port for node in shared_cluster.nodes if node is not standby]
    put_then_get(daemon(site.settings(**of_ports(process.free_port(), *nodes))), site, 5)
