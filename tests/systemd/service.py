"""secretstored.service in the lab: its configuration, its life, and callers in units of their own."""

import json

from harness import canary, config_text, process

UNIT = "secretstored.service"
SOCKET_UNIT = "secretstored.socket"
CREDENTIALS_UNIT = "secretstored-credentials.socket"
GATE = "secretstored-ready.service"
SOCKET = "/run/secretstored/secretstored.sock"
CONFIG = "/etc/secretstored/secretstored.yaml"
FOLDER = f"{CONFIG}.d"
SECRET_ID = "/etc/secretstored/secret_id"
CA = "/etc/secretstored/ca.pem"
GROUP = "secretstored"
AS_CALLER = (f"SupplementaryGroups={GROUP}",)  # properties of a unit that may connect
ROOT_RULE = {"root": {"uid": 0, "ops": "write", "paths": "*"}}


class Service:
    def __init__(self, lab):
        self.lab = lab
        self._units = []

    # Configuration.

    def settings(self, site, **changes):
        """For this site: role_id in the file, the SecretID as a credential of the unit, verified TLS."""
        scheme = "https" if site.server.tls else "http"
        openbao = {"address": f"{scheme}://localhost:{site.server.port}"}
        if site.server.tls:
            openbao["ca_file"] = CA
        return config_text.merged({"openbao": openbao, "approle": {"role_id": site.role_id}, "allow": ROOT_RULE}, changes)

    def configure(self, site, **changes):
        """Writes what an admin writes; does not start or reload."""
        if site.server.tls:
            self.lab.write(CA, site.server.ca_file.read_text())
        self.lab.write(SECRET_ID, site.secret_id, mode=0o600)
        self.drop_in("secret", "[Service]\nLoadCredential=secret_id:" + SECRET_ID)
        self.write_config(self.settings(site, **changes))

    def write_config(self, settings):
        text = settings if isinstance(settings, str) else config_text.text(settings)
        config_text.settle(self.lab.write(CONFIG, text, mode=0o640, owner="root:secretstored"))

    def write_rules(self, name, settings):
        """A drop-in of the configuration."""
        path = self.lab.write(f"{FOLDER}/{name}", config_text.text(settings))
        for changed in (path, path.parent):
            config_text.settle(changed)

    def drop_in(self, name, text, unit=UNIT):
        """A drop-in of a unit."""
        self.add_unit(f"{unit}.d/{name}.conf", text)

    def add_unit(self, name, text):
        """Gone again after the test."""
        self.lab.unit(name, text + "\n")
        self.lab.reload()
        self._units.append(name)

    # Life.

    def start(self, wait="ready"):
        self.lab.systemctl("start", UNIT)
        if wait == "ready":
            self.wait_ready()

    def wait_ready(self):
        self.wait_status("logged in")

    @property
    def status_text(self):
        return self.lab.show(UNIT, "StatusText")

    def wait_status(self, word):
        self.lab.wait_show(UNIT, "StatusText", lambda text: word in text)

    def wait_state(self, state):
        self.lab.wait_show(UNIT, "ActiveState", state)

    @property
    def pid(self):
        return self.lab.main_pid(UNIT)

    @property
    def outer_pid(self):
        return self.lab.outer_pid(self.pid)

    @property
    def log(self):
        """Of all of its lives in this lab."""
        return self.lab.journal(UNIT)

    def log_since(self, cursor):
        return self.lab.journal(UNIT, f"--after-cursor={cursor}")

    def cursor(self):
        said = self.lab.run("journalctl", "-n", "0", "--show-cursor").out
        return said.partition("-- cursor: ")[2].strip()

    def wait_log(self, word, cursor):
        process.wait_until(lambda: word in self.log_since(cursor), process.patience(15), f"the journal has {word!r}")

    # Callers. Each is a unit.

    def ctl(self, *args, unit=None, user=None, properties=(), check=True, **kw):
        done = self.lab.as_unit("secretstorectl", *args, unit=unit, user=user, properties=properties, check=False, **kw)
        canary.run.record("ctl", done.err)
        assert not check or done.returncode == 0, done.err
        return done

    def get(self, mount, path, **kw):
        return json.loads(self.ctl("get", "-m", mount, path, **kw).out)

    def status(self, **kw):
        return json.loads(self.ctl("status", "--json", **kw).out)

    def close(self):
        self.lab.systemctl("stop", GATE, SOCKET_UNIT, CREDENTIALS_UNIT, UNIT, check=False)
        self.lab.systemctl("reset-failed", check=False)
        for name in self._units:
            if "/" not in name:
                self.lab.systemctl("stop", name, check=False)
            self.lab.path(f"/etc/systemd/system/{name}").unlink(missing_ok=True)
        self.lab.run("rm", "-rf", "/run/secretstored", FOLDER)
        for path in (CONFIG, SECRET_ID, CA):
            self.lab.path(path).unlink(missing_ok=True)
        self.lab.reload()
