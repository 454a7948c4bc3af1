"""A thousand connections of one user at their worst, while another asks for its secret."""

import os

import pytest

from harness import cgroup, process
from harness.abuse import Abusers, steady_gets

ABUSER = 4101
PER_UID_BYTES = 16 << 20

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not cgroup.available(), reason="no cgroup with a quota for the processor"),
]


@pytest.mark.parametrize("kinds", [[], ["half"], ["garbage"], ["gets"], ["deaf"]], ids=lambda kinds: kinds[0] if kinds else "all")
def test_no_get_of_another_user_fails(daemon, site, kinds):
    site.put("victim", {"x": 1})
    site.put("shared", {"x": "y" * 300})
    d = daemon(site.settings(listen={"mode": "0666"}, limits={"bytes_per_uid": PER_UID_BYTES},
                             allow={"tests": {"uid": [process.UID, ABUSER]}}))
    with Abusers(d, site, ABUSER, "shared", kinds=kinds):
        process.wait_until(lambda: d.connections() >= 256, 20, "the abusers are there")
        taken = steady_gets(d, site.mount, "victim", rate=50, seconds=4)
        descriptors, memory = len(os.listdir(f"/proc/{d.pid}/fd")), d.memory_kb("RssAnon")
        assert [code for _, code in taken if code] == []
        assert len(taken) == 200
        assert d.status()["counters"]["gets"] >= 200
    assert descriptors <= 256 + 100  # of the thousand connections, and its own
    if not process.SANITIZED:
        # A buffer may be twice as large as what it holds.
        assert memory < 3 * PER_UID_BYTES / 1024 + 10000, f"{memory} kB"
    d.wait_unconnected()
    site.assert_served_by(d)
