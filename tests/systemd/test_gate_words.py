"""What secretstored-ready.service says of what it waits for, and of why it cannot."""

from harness import process
from harness.site import Site
from service import GATE, GROUP, SOCKET, UNIT


def test_a_gate_that_waits_says_for_what(service, new_server):
    server = new_server()
    site = Site(server)
    service.configure(site)
    server.freeze()
    service.lab.systemctl("start", UNIT)  # ready although OpenBao is not
    service.lab.systemctl("start", "--no-block", GATE)
    process.wait_until(lambda: "ping: waiting: not_ready: " in service.lab.journal(GATE), process.patience(15),
                       "the gate says what it waits for")
    assert service.lab.show(GATE, "ActiveState") == "activating"
    server.thaw()
    service.lab.wait_show(GATE, "ActiveState", "active", timeout=60)
    assert "ready: secretstored " in service.lab.journal(GATE)
    site.close()


def test_a_gate_that_may_not_connect_fails_says_why_and_tries_again(service, site):
    service.configure(site)
    service.drop_in("group", "[Socket]\nSocketGroup=root\n", unit="secretstored.socket")
    service.lab.systemctl("start", "secretstored.socket", UNIT)
    assert service.lab.systemctl("start", GATE, check=False).returncode != 0
    service.lab.wait_show(GATE, "SubState", "auto-restart")
    assert service.lab.show(GATE, "ExecMainStatus") == "38"
    assert "no_access: cannot connect to /run/secretstored/secretstored.sock: Permission denied" in service.lab.journal(GATE)
    service.lab.wait_show(GATE, "NRestarts", lambda n: int(n) > 0)
    service.lab.run("chgrp", GROUP, SOCKET)
    service.lab.wait_show(GATE, "ActiveState", "active")
