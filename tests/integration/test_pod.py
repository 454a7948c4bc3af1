"""Callers as in a pod: daemon and callers each in a PID and mount namespace of their own, so that the daemon can name a
caller's uid and groups, but neither its process nor its unit."""

import subprocess
import sys

import pytest

from harness import canary, loadcredential, process
from harness.daemon import environment

pytestmark = pytest.mark.root

WEB = 20002
OTHER = 20003
GROUP = 20004
NOBODY = 65534

# Runs the daemon as the first process of its own PID namespace, and hands on to it the signal that ends it.
CONTAINER = """
import ctypes, os, signal, sys
NEWNS, NEWPID, DEATH = 0x00020000, 0x20000000, 1
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(NEWPID | NEWNS) != 0:
    sys.exit("unshare: " + os.strerror(ctypes.get_errno()))
child = os.fork()
if child == 0:
    libc.prctl(DEATH, signal.SIGKILL)
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(autouse=True)
def containers():
    process.need_mount_namespace()


@pytest.fixture
def pod(daemon, site):
    site.put("a", {"x": "in the pod"})

    def make(allow):
        settings = site.settings(listen={"mode": "0666"})
        settings["allow"] = {**allow, "probe": {"uid": 0, "ops": "status"}}
        return daemon(settings, prefix=[sys.executable, "-c", CONTAINER])
    return make


CONTAINED = ["unshare", "--pid", "--mount", "--mount-proc", "--fork", "--kill-child"]


def get(d, site, uid, gid=None, groups=(), within=CONTAINED, then=()):
    """What secretstorectl gets in a container of that user, beside the daemon's; or within something else."""
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid if gid is None else gid}",
            f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"]
    done = subprocess.run([*within, *user, "--", *then, process.binary("secretstorectl"), "-s", d.socket, "get", "-f", "x",
                           f"{site.mount}/a"],
                          capture_output=True, env=environment(), timeout=process.patience(30))
    canary.run.record("ctl", done.stderr.decode())
    return done.stdout.decode() or done.stderr.decode()


def test_a_container_gets_what_the_rule_of_its_uid_allows_and_no_other_does(pod, site):
    d = pod({"web": {"uid": WEB, "ops": "kv.get", "paths": "*"}})
    assert get(d, site, WEB) == "in the pod"
    assert "forbidden: " in get(d, site, OTHER)
    assert [r["pid"] for r in d.wait_audit(uid=WEB, verdict="allowed")] == [0]
    assert d.wait_audit(uid=OTHER, verdict="denied")[0]["pid"] == 0


def test_a_containers_groups_count_and_the_unmapped_one_does_not(pod, site):
    d = pod({"web": {"gid": [GROUP, NOBODY], "ops": "kv.get", "paths": "*"}})
    assert get(d, site, WEB, gid=GROUP) == "in the pod"
    assert get(d, site, WEB, groups=[GROUP]) == "in the pod"
    for nobody in get(d, site, WEB, gid=NOBODY), get(d, site, WEB, groups=[NOBODY]), get(d, site, NOBODY, gid=GROUP):
        assert "forbidden: " in nobody


def test_users_and_groups_that_the_daemons_user_namespace_does_not_map_match_nothing(daemon, site):
    """It maps root alone: the daemon sees everybody else as 65534."""
    site.put("a", {"x": "in the pod"})
    settings = site.settings(listen={"mode": "0666"})
    settings["allow"] = {"users": {"uid": [WEB, NOBODY, 0], "ops": "read", "paths": "*"},
                         "groups": {"gid": [GROUP, NOBODY, 0], "ops": "read", "paths": "*"}}
    d = daemon(settings, prefix=["unshare", "--user", "--map-root-user"])
    assert "forbidden: " in get(d, site, WEB, gid=GROUP)
    assert "forbidden: " in get(d, site, NOBODY, groups=[GROUP, NOBODY])
    assert d.wait_audit(uid=NOBODY, verdict="denied")
    assert get(d, site, 0) == "in the pod"


def test_no_rule_with_a_unit_fits_a_container(pod, site):
    d = pod({"any": {"unit": "*", "ops": "kv.get", "paths": "*"},
             "web": {"uid": WEB, "unit": "*", "ops": "kv.get", "paths": "*"},
             "user": {"uid": WEB, "user_unit": "*", "ops": "kv.get", "paths": "*"}})
    assert "forbidden: " in get(d, site, WEB)


def test_a_rule_for_the_host_only_fits_no_container(daemon, site):
    """The daemon is on the host here, and sees into the containers."""
    site.put("a", {"x": "on the host"})
    settings = site.settings(listen={"mode": "0666"})
    settings["allow"] = {"host": {"uid": WEB, "host_only": True, "ops": "kv.get", "paths": "*"},
                         "probe": {"uid": 0, "ops": "status"}}
    d = daemon(settings)
    assert get(d, site, WEB, within=[]) == "on the host"
    assert "forbidden: " in get(d, site, OTHER, within=[])
    assert "forbidden: " in get(d, site, WEB)
    assert "forbidden: " in get(d, site, WEB, within=[], then=["unshare", "--user", "--map-root-user"])


def test_no_credential_is_given_to_a_unit_that_the_daemon_cannot_know(daemon, site, scratch):
    site.put("a", {"x": "in the pod"})
    socket = scratch / "credentials.sock"
    rule = {"unit": "*", "id": "x", "mount": site.mount, "path": "a", "field": "x"}
    d = daemon(site.settings(listen={"credentials_socket": str(socket)}, credential={"any": rule}),
               prefix=[sys.executable, "-c", CONTAINER])
    with pytest.raises(loadcredential.Refused):
        loadcredential.load(socket, "web.service", "x")
    d.wait_log("credential x for web.service: refused: .* in a PID namespace that this daemon cannot see")
    (record,) = d.wait_audit(op="credential", verdict="denied", for_unit="web.service")
    assert record["pid"] == 0 and "unit" not in record
    assert site.reads("a") == []
