"""The probe "secretstore": whether OpenBao is fit, in the reference's classes of failure; nothing of where it is."""

import signal
import time

import pytest

from harness import canary, process
from harness.bao import DevServer, RaftServer
from harness.cli import ctl
from harness.load import parallel
from harness.proxy import FIN, HANG, RESET
from harness.standin import reply

TAG = " (REQ-006, PX-0003)"
HEALTH = "/v1/sys/health"
UP = {"initialized": True, "sealed": False, "standby": False}


def failed(r, *codes):
    """The reply is a failure with one of these codes, in the form that all failures of a probe have."""
    assert r.code in codes, r
    assert r.message.endswith(TAG), r.message
    return r


def slow(seconds, answer=None):
    def handle(_):
        time.sleep(seconds)
        return answer or reply(UP)
    return handle


@pytest.fixture
def dd(daemon, standin, scratch):
    return daemon(standin.settings(scratch))


# -- healthy

def test_probe_name_is_secretstore(daemon, site):
    d = daemon(site.settings())
    r = d.call("probe")
    assert r.json == {"id": r.id, "ok": True, "name": "secretstore"}
    assert "probe" in d.ping()["ops"]


@pytest.mark.parametrize("status", [200, 299, 429, 473])
def test_a_standby_is_healthy_with_whatever_status_it_says_so(dd, standin, status):
    standin.on("GET", HEALTH, reply({**UP, "standby": True}, status=status))
    assert dd.call("probe").ok


def test_a_real_standby_is_healthy(daemon, shared_cluster, new_site):
    site = new_site(shared_cluster.wait_leader())
    standby = shared_cluster.standbys()[0]
    shared_cluster.caught_up(standby)  # with the credentials
    assert standby.admin.health() == 429
    assert daemon(site.settings(standby.port)).call("probe").ok


def test_each_probe_asks_openbao_afresh(dd, standin):
    before = standin.count("GET", HEALTH)
    for n in range(1, 4):
        assert dd.call("probe").ok
        assert standin.count("GET", HEALTH) == before + n
    standin.on("GET", HEALTH, reply({**UP, "sealed": True}, status=299))
    failed(dd.call("probe"), "sealed")
    standin.on("GET", HEALTH, reply(UP))
    assert dd.call("probe").ok


def test_status_counts_probes(dd):
    for _ in range(3):
        dd.call("probe")
    assert dd.status()["counters"]["probes"] == 3


# -- the reference's classes of failure

def test_failure_class_nil_client_no_login_yet(daemon, site, proxy):
    proxy.fault("answered", how=HANG, path="login", times=1)
    d = daemon(site.settings(proxy.port), wait="socket")
    proxy.wait_seen(1, path="login")
    r = failed(d.call("probe"), "not_ready")
    assert r.error["retryable"]
    proxy.close_all()
    d.wait_ready(20)
    assert d.call("probe").ok


def test_failure_class_nil_client_login_refused(daemon, site):
    site.secret_id_file.write_text("00000000-0000-0000-0000-000000000000")
    d = daemon(site.settings(), wait="socket")
    d.wait_state("rejected")
    failed(d.call("probe"), "not_ready")


def test_failure_class_nil_client_the_daemon_is_stopping(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    proxy.fault("answered", how=HANG, path=HEALTH, times=-1)
    with d.connect() as a, d.connect() as b:
        ids = [(c, c.send("probe", timeout_ms=60000)) for c in (a, b, b)]
        proxy.wait_seen(1, "GET", HEALTH)
        before = time.monotonic()
        d.signal(signal.SIGTERM)
        for c, i in ids:
            failed(c.reply_to(i), "not_ready")
        d.stop()
    assert time.monotonic() - before < process.patience(3)


def test_failure_class_context_error_deadline(daemon, dev_server, new_site):
    d = daemon(new_site(dev_server).settings())
    dev_server.freeze()
    try:
        before = time.monotonic()
        r = failed(d.call("probe", timeout_ms=700), "timeout")
        assert 0.6 < time.monotonic() - before < process.patience(1)
        assert (r.error["status"], r.error["retryable"]) == (0, True)
    finally:
        dev_server.thaw()
    process.wait_until(lambda: d.call("probe").ok, 8, "it is healthy again")


def test_failure_class_context_error_cancelled(daemon, site, proxy):
    """A caller that leaves takes its request along: the next one does not wait for what hangs."""
    d = daemon(site.settings(proxy.port))
    proxy.fault("answered", how=HANG, path=HEALTH, times=1)
    with d.connect() as c:
        c.send("probe", timeout_ms=60000)
        proxy.wait_seen(1, "GET", HEALTH)
    before = time.monotonic()
    assert d.call("probe", timeout_ms=20000).ok
    assert time.monotonic() - before < 2


@pytest.mark.parametrize("status, code", [
    (301, "upstream_error"), (307, "upstream_error"), (400, "upstream_error"), (403, "upstream_error"),
    (404, "upstream_error"), (418, "upstream_error"), (429, "upstream_error"), (500, "upstream_error"),
    (502, "unavailable"), (503, "unavailable"), (504, "unavailable"),
])
def test_failure_class_http_error(dd, standin, status, code):
    text = f"{standin.host} {canary.run.secret()}"
    standin.on("GET", HEALTH, reply({"errors": [text]}, status=status, Location="/elsewhere"))
    r = failed(dd.call("probe"), code)
    assert r.error["status"] == status


@pytest.mark.parametrize("at, how", [("headers", FIN), ("headers", RESET), ("reply", FIN), ("reply", RESET)])
def test_failure_class_http_error_connection_broken(daemon, site, proxy, at, how):
    d = daemon(site.settings(proxy.port))
    proxy.fault(at, how=how, after=10, path=HEALTH, times=-1)
    failed(d.call("probe", timeout_ms=5000), "unavailable")
    proxy.clear()
    process.wait_until(lambda: d.call("probe").ok, 8, "it is healthy again")


@pytest.mark.parametrize("answer", [reply(""), reply(status=204)], ids=["200", "204"])
def test_failure_class_empty_response(dd, standin, answer):
    standin.on("GET", HEALTH, answer)
    failed(dd.call("probe"), "empty_response")


@pytest.mark.parametrize("body", [
    "garbage", "{", "{}", "[]", "null", '{"initialized":true}', '{"initialized":true,"sealed":"no"}',
    '{"initialized":true,"sealed":true,"sealed":false}', "<html>a page</html>", b"\xff\xfe", "[" * 100000,
    '{"initialized":true,"sealed":false,"x":"' + "x" * (2 << 20) + '"}',
], ids=range(12))
def test_an_answer_that_makes_no_sense_is_no_health(dd, standin, body):
    standin.on("GET", HEALTH, reply(body))
    failed(dd.call("probe"), "upstream_error")


def test_failure_class_sealed(daemon, dev_server, new_site):
    d = daemon(new_site(dev_server).settings())
    dev_server.seal()
    r = failed(d.call("probe"), "sealed")
    assert r.error["retryable"]
    dev_server.unseal()
    process.wait_until(lambda: d.call("probe").ok, 8, "it is healthy again")


def test_failure_class_sealed_before_the_first_login(daemon, dev_server, new_site):
    site = new_site(dev_server)
    dev_server.seal()
    d = daemon(site.settings(), wait="socket")
    failed(d.call("probe"), "sealed")


def test_failure_class_not_initialized(daemon, site):
    server = RaftServer(initialize=False)
    try:
        d = daemon(site.settings(server.port), wait="socket")
        failed(d.call("probe"), "not_initialized")
    finally:
        server.close()


def test_an_openbao_that_is_gone_is_told_and_the_daemon_stays(daemon, raft_server, new_site):
    d = daemon(new_site(raft_server).settings())
    assert d.call("probe").ok
    raft_server.kill()
    before = time.monotonic()
    for _ in range(3):
        failed(d.call("probe", timeout_ms=10000), "unavailable")
    assert time.monotonic() - before < process.patience(1)
    raft_server.start()
    raft_server.wait_active()
    process.wait_until(lambda: d.call("probe").ok, 8, "it is healthy again")
    assert d.alive()


# -- what is said and what is sent

def test_error_strings_never_expose_address_namespace_or_token(daemon, site, scratch, new_proxy):
    """Whatever curl has to say of names, ports and certificates."""
    namespace = canary.run.add(process.unique("namespace"), canary.ADDRESS)
    tls = DevServer(tls=True)
    black = new_proxy(site.server.port)
    black.blackhole()
    unknown = canary.run.add(f"{process.unique('bao')}.invalid", canary.ADDRESS)
    try:
        for scheme, host, port in (
                ("http", unknown, 8200), ("http", site.host, process.free_port()),
                ("http", site.host, black.port), ("http", site.host, tls.port),
                ("https", site.host, tls.port), ("https", site.host, site.server.port)):
            openbao = {"address": f"{scheme}://{host}:{port}", "namespace": namespace, "connect_timeout": "500ms"}
            d = daemon(site.settings(openbao=openbao), wait="socket")
            r = failed(d.call("probe", timeout_ms=3000), "unavailable", "timeout", "upstream_error")
            done = ctl(d.socket, "-t", "3s", "probe")
            for word in (host, str(port), "127.0.0.1", namespace, site.role_id, site.secret_id):
                assert word not in r.body.decode() + done.out + done.err, r
            d.stop()
    finally:
        tls.close()


def test_no_namespace_header_and_no_token_is_sent(daemon, new_site, shared_server, new_proxy):
    """A real OpenBao answers 400 to a namespace there."""
    site = new_site(shared_server, namespace=process.unique("namespace"))
    proxy = new_proxy(shared_server.port)
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "a", {"x": 1}).ok
    assert d.call("probe").ok
    (health,) = proxy.seen("GET", HEALTH)
    assert "x-vault-namespace" not in health.headers and "x-vault-token" not in health.headers
    assert any(r.headers.get("x-vault-namespace") == site.namespace for r in proxy.seen("POST"))
    for code in ("uninitcode", "sealedcode", "standbycode"):
        assert f"{code}=2" in health.path


# -- one request for all

def test_100_concurrent_probes_share_few_requests(dd, standin):
    standin.on("GET", HEALTH, slow(1))
    before = standin.count("GET", HEALTH)
    replies = parallel(100, lambda _: dd.call("probe", timeout_ms=20000))
    assert all(r.ok for r in replies)
    assert standin.count("GET", HEALTH) - before <= 3


def test_pipelined_probes_share_one_request(dd, standin):
    standin.on("GET", HEALTH, slow(0.5))
    before = standin.count("GET", HEALTH)
    with dd.connect() as c:
        ids = [c.send("probe") for _ in range(50)]
        assert all(c.reply_to(i).ok for i in ids)
    assert standin.count("GET", HEALTH) - before <= 2


def test_a_deadline_removes_only_its_caller(dd, standin):
    standin.on("GET", HEALTH, slow(1.5))
    with dd.connect() as c:
        hasty, patient = c.send("probe", timeout_ms=300), c.send("probe", timeout_ms=20000)
        assert c.recv().id == hasty
        assert c.reply_to(patient).ok


def test_a_probe_does_not_wait_behind_requests_that_hang(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    d.get(site.mount, "warm")
    proxy.fault("answered", how=HANG, method="GET", path="data/a", times=-1)
    with d.connect() as c:
        for n in range(60):
            c.send("kv.get", mount=site.mount, path=f"a{n}", timeout_ms=20000)
        proxy.wait_seen(20, "GET", "data/a")
        assert d.call("probe", timeout_ms=process.patience(2) * 1000).ok


# -- who may

def test_forbidden_without_a_rule(daemon, site, proxy):
    settings = site.settings(proxy.port)
    settings["allow"] = {"tests": {"uid": process.UID, "ops": ["kv.get", "status"], "paths": "*"}}
    d = daemon(settings)
    assert d.call("probe").code == "forbidden"
    assert proxy.seen("GET", HEALTH) == []


def test_a_rule_for_probe_needs_no_paths(daemon, site):
    settings = site.settings()
    settings["allow"] = {"tests": {"uid": process.UID, "ops": "probe"}}
    d = daemon(settings)
    assert d.call("probe").ok
    assert d.call("status").code == "forbidden"


# -- secretstorectl

@pytest.mark.parametrize("answer, status", [
    (reply(UP), 0), (reply(status=502), 19), (slow(3), 20), (reply({**UP, "sealed": True}, status=299), 21),
    (reply({"initialized": False, "sealed": True}, status=299), 22), (reply(""), 23), (reply(status=500), 27),
], ids=["ok", "unavailable", "timeout", "sealed", "not_initialized", "empty_response", "upstream_error"])
def test_probe_command_tells_by_its_exit_status(dd, standin, answer, status):
    standin.on("GET", HEALTH, answer)
    done = ctl(dd.socket, "-t", "1s", "probe")
    assert done.returncode == status, done.err
    assert done.out == ("healthy: secretstore\n" if status == 0 else "")
    assert done.err.endswith(f"{TAG}\n" if status else "")
    quiet = ctl(dd.socket, "-t", "1s", "probe", "-q")
    assert (quiet.returncode, quiet.out, quiet.err) == (status, "", "")


def test_probe_command_without_login_rule_or_daemon(daemon, standin, scratch):
    standin.on("POST", "/login", reply(status=500))
    d = daemon(standin.settings(scratch), wait="socket")
    assert ctl(d.socket, "probe").returncode == 18
    forbidding = standin.settings(scratch)
    forbidding["allow"] = {}
    assert ctl(daemon(forbidding, wait="socket").socket, "probe").returncode == 13
    assert ctl(scratch / "none.sock", "probe").returncode == 30


def test_probe_command_shows_readiness_checks():
    done = ctl(None, "probe", "--help")
    assert done.returncode == 0
    for word in ("ExecCondition=", "readinessProbe:", "exec:", "-q"):
        assert word in done.out
