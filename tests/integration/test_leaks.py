"""Nothing is lost at exit. The build with AddressSanitizer tells so at the end of every test; here valgrind
does."""

import shutil

import pytest

from harness import process

VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
            "--show-leak-kinds=definite,indirect,possible", "--error-exitcode=97", "--trace-children=no"]


@pytest.mark.skipif(process.SANITIZED, reason="valgrind does not run programs with AddressSanitizer")
@pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind here")
def test_valgrind_finds_nothing_lost_at_exit(daemon, site, proxy):
    slow = {"request_timeout": "30s"}
    d = daemon(site.settings(proxy.port, openbao=slow), prefix=VALGRIND, wait=None)
    d.wait_serving(60)
    d.wait_ready(60)
    with d.connect() as c:
        for n in range(5):
            assert c.call("kv.put", mount=site.mount, path="a", data={"n": n, "pad": "x" * 5000}).ok
            assert c.call("kv.get", mount=site.mount, path="a").ok
        r = c.call("kv.put", mount=site.mount, path="a", data={"n": 1}, cas=99)
        assert r.code == "cas_mismatch"
        assert c.call("kv.get", mount=site.mount, path="none").code == "not_found"
        assert c.call("kv.get", mount="none", path="none").code in ("permission_denied", "not_kv_v2")
        assert c.call("status").ok
        c.send_body("nonsense")
        assert c.recv().code == "invalid_request"
        site.revoke(site.tokens()[0])
        assert c.call("kv.get", mount=site.mount, path="a").ok
        proxy.fault("answered", method="POST", path="data/a")
        assert c.call("kv.put", mount=site.mount, path="a", data={"n": 1}).code == "unknown_outcome"
        proxy.fault("answered", how="hang", method="GET", path="data/a")
        c.send("kv.get", mount=site.mount, path="a", timeout_ms=60000)  # still under way at the end
        proxy.wait_seen(7, "GET", "data/a")
    abandoned = d.connect()
    abandoned.send_bytes(b"\0\0\1")
    d.stop(timeout=60)
    abandoned.close()
    assert "==" not in d.log, d.log
