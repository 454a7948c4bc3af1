"""One test's corner of an OpenBao server: a KV mount, a policy, a role to log in with and its credentials, all
of its own, so that tests can share a server. Whatever is secret there is registered with the leak hunt."""

from . import canary, config_text, process

POLICY = """
path "{mount}/*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}
"""


class Site:
    """With AppRole; other ways to log in are subclasses."""

    def __init__(self, server, *, policy=POLICY, role=None, namespace="", approle="approle", kv_options=None):
        self.server = server
        self.namespace = namespace
        if namespace:
            canary.run.add(namespace, canary.ADDRESS)
            server.admin.post(f"sys/namespaces/{namespace}")
        self.admin = server.admin.inside(namespace)
        self.mount = process.unique("kv")
        self.role = self.policy = process.unique("role")
        self.approle = approle
        self.directory = process.scratch()
        self.host = canary.run.add(f"{process.unique('bao')}.localhost", canary.ADDRESS)
        canary.run.add(f"127.0.0.1:{server.port}", canary.ADDRESS)
        self.audit = server.audit()
        self.admin.mount_kv(self.mount, **(kv_options or {}))
        self.admin.policy(self.policy, policy.format(mount=self.mount))
        self._make_login({"token_policies": [self.policy], "token_ttl": "1h", **(role or {})})

    def _make_login(self, role):
        if self.namespace or self.approle != "approle":
            self.admin.enable_approle(self.approle)
        self.admin.post(self._role_path(), role)
        self.role_id = canary.run.add(self.admin.get(self._role_path("role-id"))["data"]["role_id"])
        self.secret_id = self.new_secret_id()
        self.secret_id_file = self.directory / "secret_id"
        self.write_secret_id(self.secret_id + "\n")

    def new_role(self):
        """Another role and its credentials, in the place of the first."""
        self.role = process.unique("role")
        self._make_login({"token_policies": [self.policy], "token_ttl": "1h"})

    def _role_path(self, below=""):
        return f"auth/{self.approle}/role/{self.role}" + (f"/{below}" if below else "")

    def new_secret_id(self):
        return canary.run.add(self.admin.post(self._role_path("secret-id"))["data"]["secret_id"])

    def wrapped_secret_id(self, ttl="120s"):
        """A wrapping token that holds a new SecretID."""
        reply = self.admin.post(self._role_path("secret-id"), headers={"X-Vault-Wrap-TTL": ttl})
        return canary.run.add(reply["wrap_info"]["token"])

    def write_secret_id(self, text):
        """Replaces the SecretID's file at once, as tools that rotate credentials do."""
        new = self.secret_id_file.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.rename(self.secret_id_file)

    def settings(self, port=None, **changes):
        """The daemon's settings for this site; port: of a proxy in between."""
        base = config_text.merged({
            "openbao": {"address": f"http://{self.host}:{port or self.server.port}"},
            "allow": {"tests": {"uid": process.UID, "ops": "write", "paths": "*"}},
        }, self._login_settings())
        if port:
            canary.run.add(f"127.0.0.1:{port}", canary.ADDRESS)
        if self.namespace:
            base["openbao"]["namespace"] = self.namespace
        return config_text.merged(base, changes)

    def _login_settings(self):
        settings = {"role_id": self.role_id, "secret_id_file": str(self.secret_id_file)}
        if self.approle != "approle":
            settings["mount"] = self.approle
        return {"approle": settings}

    # What a daemon has to do.

    def assert_served_by(self, daemon):
        self.put("app/db", {"password": "x"})
        reply = daemon.get(self.mount, "app/db")
        assert reply.ok, reply
        assert reply.data == {"password": "x"}

    def have_new_login(self, daemon):
        """Kills the held token; the next get finds out, and a login follows."""
        before = len(self.logins())
        self.revoke(self.tokens()[-1])
        self.assert_served_by(daemon)
        assert len(self.logins()) == before + 1

    # What the admin does behind the daemon's back.

    def put(self, path, data, **options):
        return self.admin.post(f"{self.mount}/data/{path}", {"data": data, "options": options})["data"]["version"]

    def get(self, path):
        return self.admin.get(f"{self.mount}/data/{path}")["data"]["data"]

    # What the audit log tells of this site's daemon.

    def logins(self):
        """Login attempts for this role, good and bad."""
        return self.audit.requests(self._login_path(), where=self._of_role)

    def _login_path(self):
        return f"auth/{self.approle}/login"

    def _of_role(self, entry):
        return entry["request"].get("data", {}).get("role_id") == self.role_id

    def tokens(self):
        """The tokens that logins have given, oldest first."""
        entries = self.audit.responses(self._login_path(), where=self._of_role)
        granted = [e.get("response", {}).get("auth", {}).get("client_token") for e in entries]
        return [token for token in granted if token]

    def requests_with_own_tokens(self, path=None, operation=None):
        mine = set(self.tokens())
        return self.audit.requests(path, operation, where=lambda e: e["request"].get("client_token") in mine)

    def renewals(self):
        return self.requests_with_own_tokens("auth/token/renew-self")

    def revocations(self):
        return self.requests_with_own_tokens("auth/token/revoke-self")

    def reads(self, path):
        return self.audit.requests(f"{self.mount}/data/{path}", "read")

    def writes(self, path):
        return self.audit.requests(f"{self.mount}/data/{path}", ("create", "update"))

    def token_lives(self, token):
        return self.admin.raw("POST", "auth/token/lookup", {"token": token})[0] == 200

    def revoke(self, token):
        self.admin.post("auth/token/revoke", {"token": token})

    def close(self):
        for token in self.tokens():
            canary.run.add(token)
        process.remove(self.directory)
