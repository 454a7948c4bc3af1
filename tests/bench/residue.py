"""What is left in memory of a secret that was written and read, of the SecretID and of the token: secretstored, and OpenBao's
own `bao proxy` with AppRole auto-auth beside it. Needs root.

residue.py [ROUNDS]: in each round another secret is put and got, then two more requests follow. Prints how often each value
stands in all readable mappings.
"""
import http.client
import json
import os
import shutil
import socket
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

from harness import canary, memory, process  # noqa: E402
from harness.bao import BAO, DevServer  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.site import Site  # noqa: E402

PROXY = """
vault {{ address = "http://127.0.0.1:{port}" }}
auto_auth {{
  method "approle" {{
    mount_path = "auth/approle"
    config = {{
      role_id_file_path = "{directory}/role_id"
      secret_id_file_path = "{directory}/secret_id"
      remove_secret_id_file_after_reading = false
    }}
  }}
}}
api_proxy {{ use_auto_auth_token = true }}
listener "unix" {{
  address = "{directory}/proxy.sock"
  tls_disable = true
}}
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Proxy:
    """`bao proxy` on a socket."""

    def __init__(self, site):
        self.directory = process.scratch()
        self.socket = str(self.directory / "proxy.sock")
        (self.directory / "role_id").write_text(site.role_id)
        (self.directory / "secret_id").write_text(site.secret_id)
        config = self.directory / "proxy.hcl"
        config.write_text(PROXY.format(port=site.server.port, directory=self.directory))
        self.mount = site.mount
        with open(self.directory / "log", "wb") as log:
            self.process = process.start([BAO, "proxy", f"-config={config}"], stdout=log, stderr=log,
                                         env={"PATH": os.environ["PATH"], "HOME": str(self.directory)})
        self.pid = self.process.pid
        process.wait_until(self._serves, 30, "bao proxy serves")

    def _serves(self):
        try:
            return self.request("GET", "none") == 404
        except OSError:
            return False

    def request(self, method, path, body=None):
        connection = UnixConnection(self.socket)
        connection.request(method, f"/v1/{self.mount}/data/{path}", body=body)
        reply = connection.getresponse()
        reply.read()
        connection.close()
        return reply.status

    def use(self, path, value):
        assert self.request("POST", path, json.dumps({"data": {"v": value}})) == 200
        assert self.request("GET", path) == 200
        for _ in range(2):
            assert self.request("GET", "none") == 404

    def close(self):
        process.end(self.process)
        process.remove(self.directory)


class Own(Daemon):
    def use(self, path, value):
        with self.connect() as c:
            assert c.call("kv.put", mount=self.mount, path=path, data={"v": value}).ok
            assert c.call("kv.get", mount=self.mount, path=path).data == {"v": value}
            for _ in range(2):
                assert c.call("kv.get", mount=self.mount, path="none").code == "not_found"


def count(program, site, rounds):
    """How often the latest secret, all of them, the SecretID and the token stand there."""
    values = [canary.run.secret() for _ in range(rounds)]
    for n, value in enumerate(values):
        program.use(f"a{n}", value)
    found = [value for value, _ in memory.copies(program.pid, *values, site.secret_id, *site.tokens())]
    return (found.count(values[-1]), sum(found.count(v) for v in values), found.count(site.secret_id),
            sum(found.count(token) for token in site.tokens()))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    if os.getuid() != 0:
        sys.exit("residue.py: needs root, to look into other processes")
    directory = tempfile.mkdtemp()
    canary.run = canary.Run(directory)
    server = DevServer()
    print(f"copies in memory after {rounds} rounds: the latest secret, all secrets, SecretID, token")
    for name, start in (("secretstored", lambda site: Own(site.settings())), ("bao proxy", Proxy)):
        site = Site(server)
        program = start(site)
        program.mount = site.mount
        print(f"{name:14}", *(f"{n:6}" for n in count(program, site, rounds)), flush=True)
        program.close()
        site.close()
    server.close()
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
