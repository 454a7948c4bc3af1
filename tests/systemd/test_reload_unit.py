"""systemctl reload."""

import json
import subprocess

from harness import process
from service import AS_CALLER, CONFIG, FOLDER, SOCKET, UNIT

# A caller that stays connected: for each line of its input it reads the secret and says how that went.
CALLER = r"""
import json, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
stream = s.makefile("rb")
for n, line in enumerate(sys.stdin):
    body = json.dumps({"id": n, "op": "kv.get", "mount": sys.argv[2], "path": "app/db"}).encode()
    s.sendall(struct.pack(">I", len(body)) + body)
    reply = json.loads(stream.read(struct.unpack(">I", stream.read(4))[0]))
    print("ok" if reply["ok"] else reply["error"]["code"], flush=True)
"""


class Caller:
    """A process in a unit of its own, with one connection."""

    def __init__(self, service, site, unit):
        args = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--unit={unit}", f"--property={AS_CALLER[0]}",
                "python3", "-c", CALLER, SOCKET, site.mount]
        self.process = service.lab.start_process(*args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def get(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(process.patience(10))


def test_a_reload_changes_the_rules_of_a_connection(service, site):
    service.configure(site)
    service.start()
    site.put("app/db", {"x": 1})
    pid = service.pid
    caller = Caller(service, site, "web.service")
    try:
        assert caller.get() == "ok"
        for units, said in (("mail.service", "forbidden"), ("web.service", "ok")):
            # By its unit, which no rule asked for when it connected.
            rule = {"unit": units, "ops": "kv.get", "paths": f"{site.mount}/*"}
            service.write_config(service.settings(site, allow={"root": None, "by_unit": rule}))
            service.lab.systemctl("reload", UNIT)
            process.wait_until(lambda said=said: caller.get() == said, process.patience(10), f"it is {said}")
    finally:
        caller.close()
    assert service.pid == pid
    assert len(site.logins()) == 1


def test_a_reload_takes_a_drop_in_and_names_one_that_is_wrong(service, site):
    service.configure(site, allow={"root": None})
    service.start()
    site.put("app/db", {"x": 1})
    assert service.ctl("get", "-m", site.mount, "app/db", check=False).returncode == 13
    service.write_rules("web.yaml", {"allow": {"web": {"uid": 0, "ops": "kv.get", "paths": f"{site.mount}/*"}}})
    service.lab.systemctl("reload", UNIT)
    process.wait_until(lambda: service.ctl("get", "-m", site.mount, "app/db", check=False).returncode == 0,
                       process.patience(10), "the rule is in force")
    since = service.cursor()
    service.write_rules("wrong.yaml", {"listen": {"mode": "0666"}})
    assert service.lab.systemctl("reload", UNIT, check=False).returncode != 0
    service.wait_log(f"{FOLDER}/wrong.yaml:1: listen: only allow and credential can stand in a drop-in", since)
    assert service.get(site.mount, "app/db") == {"x": 1}


def test_a_wrong_configuration_makes_the_reload_fail_and_is_named(service, site):
    service.configure(site)
    service.start()
    site.put("app/db", {"x": 1})
    since = service.cursor()
    service.write_config("allow: { web: { uid: 0, ops: kv.gte, paths: secret/* } }\n")
    assert service.lab.systemctl("reload", UNIT, check=False).returncode != 0
    service.wait_log(f"{CONFIG}:1: allow.web.ops", since)
    assert service.lab.show(UNIT, "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}
    assert service.get(site.mount, "app/db") == {"x": 1}


def test_a_signal_with_a_wrong_configuration_is_in_the_status(service, site):
    service.configure(site)
    service.start()
    before = service.status_text
    service.write_config("openbao: {\n")
    service.lab.systemctl("kill", "-s", "HUP", UNIT)
    service.wait_status("the configuration could not be reloaded, see the log")
    service.lab.wait_show(UNIT, "ActiveState", "active")
    service.write_config(service.settings(site))
    service.lab.systemctl("reload", UNIT)
    service.lab.wait_show(UNIT, "StatusText", before)


def test_a_new_login_that_fails_is_in_the_status_and_the_old_one_serves(service, site):
    service.configure(site)
    service.start()
    site.put("app/db", {"x": 1})
    service.write_config(service.settings(site, openbao={"address": f"https://localhost:{process.free_port()}"}))
    service.lab.systemctl("reload", UNIT)
    service.wait_status("the new configuration's login, not in use yet: no login yet; OpenBao does not answer")
    assert service.status_text.startswith("logged in, ")
    assert service.get(site.mount, "app/db") == {"x": 1}
    assert json.loads(service.ctl("status", "--json").out)["ready"] is True
