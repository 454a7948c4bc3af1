"""OpenBao is down when the host boots: the daemon says so and stays, secretstored-ready.service holds those who need it
and lets them go when it comes."""

from harness.site import Site
from service import GATE, UNIT

DEPENDENT = """[Unit]
Requires=secretstored-ready.service
After=secretstored-ready.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/bin/secretstorectl get -m {mount} app/db
"""


def test_dependents_wait_for_openbao_and_then_go(service, new_server):
    server = new_server()
    site = Site(server)
    site.put("app/db", {"password": "x"})
    service.configure(site)
    service.add_unit("dependent.service", DEPENDENT.format(mount=site.mount))
    server.freeze()
    service.lab.systemctl("start", UNIT)  # ready although OpenBao is not
    service.lab.systemctl("start", "--no-block", "dependent.service")
    service.wait_status("OpenBao does not answer")
    assert service.status_text.startswith("no login yet")
    assert service.lab.show(GATE, "ActiveState") == "activating"
    assert service.lab.show("dependent.service", "ActiveState") == "inactive"
    assert "dependent.service" in service.lab.systemctl("list-jobs", "--no-pager").out
    server.thaw()
    service.lab.wait_show("dependent.service", "ActiveState", "active", timeout=60)
    assert service.lab.show(GATE, "ActiveState") == "active"
    service.wait_ready()
    site.close()


def test_the_gate_stays_open_when_openbao_goes(service, new_server):
    server = new_server()
    site = Site(server, role={"token_ttl": "3s"})
    service.configure(site)
    service.lab.systemctl("start", GATE)
    assert service.lab.show(UNIT, "ActiveState") == "active"  # the gate has started it
    server.freeze()
    service.wait_status("OpenBao does not answer")
    assert service.lab.show(GATE, "ActiveState") == "active"
    assert service.lab.show(UNIT, "NRestarts") == "0"
    server.thaw()
    site.close()


def test_credentials_that_are_refused_are_said_to_be(service, site):
    service.configure(site)
    service.lab.write("/etc/secretstored/secret_id", "not-a-secret-id", mode=0o600)
    service.start(wait=None)
    service.wait_status("no login, waiting for other credentials")
