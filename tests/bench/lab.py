"""All that is measured, on this machine: OpenBao, nginx in its place, `bao proxy`, the daemon, memcached, the echo."""
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

from harness import canary, config_text, process  # noqa: E402
from harness.bao import BAO, DevServer  # noqa: E402
from harness.daemon import Daemon, run  # noqa: E402
from harness.site import Site  # noqa: E402

SIZES = (100, 200, 1000, 4096, 16384, 65536, 262144, 1048576)
INLINE_MOST = 2500  # nginx takes no longer a text in its configuration
MANY_FILES = 20000
PATHS = 1024        # secrets of 200 bytes at OpenBao


def payload(size):
    """A secret's JSON object of so many bytes."""
    return '{"value":"' + "v" * (size - 12) + '"}'


def prefix(size):
    return f"s{size}/"


def path(size, i=0):
    return f"{prefix(size)}{i:06d}"


def start(directory, name, args, **kw):
    with open(directory / f"{name}.log", "ab") as log:
        return process.start(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **kw)


def http_status(path, target):
    """The status of a GET over a Unix socket; 0: nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(path))
            s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nX-Vault-Request: true\r\n\r\n".encode())
            return int(s.recv(4096).split()[1])
    except (OSError, IndexError):
        return 0


class QuietServer(DevServer):
    """OpenBao without an audit log, which would slow it down, and so flatter all that stands before it."""

    def _audit_stanza(self):
        return ""


class Nginx:
    """Answers what the daemon and `bao proxy` ask, from memory; any path of a size exists. `port`, and `logged_port` whose
    reads can be counted."""

    def __init__(self, directory):
        self.directory = directory / "nginx"
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.port, self.logged_port = process.free_port(), process.free_port()
        self.log = self.directory / "reads"
        for size in SIZES:
            (self.directory / f"{size}.json").write_text(self._secret(size))
        (self.directory / "nginx.conf").write_text(self._config())
        self.process = start(directory, "nginx", ["nginx", "-p", self.directory, "-c", "nginx.conf", "-e", "error"],
                             nofile=MANY_FILES)
        process.wait_until(self.workers, 10, "nginx has a worker")

    @staticmethod
    def _envelope(**members):
        usual = {"request_id": "b5a3e0ff-8d8c-4f1d-9c26-0f6b1a3dfd0e", "lease_id": "", "renewable": False,
                 "lease_duration": 0, "data": None, "wrap_info": None, "warnings": None, "auth": None}
        return json.dumps({**usual, **members}, separators=(",", ":"))

    def _secret(self, size):
        metadata = {"created_time": "2026-01-01T00:00:00.123456789Z", "custom_metadata": None, "deletion_time": "",
                    "destroyed": False, "version": 1}
        return self._envelope(data={"data": json.loads(payload(size)), "metadata": metadata})

    def _answers(self):
        auth = {"client_token": "s.benchbenchbenchbenchbench", "accessor": "a", "policies": ["default"],
                "token_policies": ["default"], "metadata": None, "lease_duration": 86400, "renewable": True,
                "entity_id": "", "token_type": "service", "orphan": True, "mfa_requirement": None, "num_uses": 0}
        token = {"id": auth["client_token"], "ttl": 86400, "renewable": True, "policies": ["default"], "type": "service"}
        mount = {"path": "secret/", "type": "kv", "options": {"version": "2"}}
        leader = {"ha_enabled": False, "is_self": False, "leader_address": "", "leader_cluster_address": ""}
        health = {"initialized": True, "sealed": False, "standby": False, "version": "2.7.2"}
        return {"auth/approle/login": self._envelope(auth=auth), "auth/token/renew-self": self._envelope(auth=auth),
                "auth/token/lookup-self": self._envelope(data=token), "auth/token/revoke-self": self._envelope(),
                "sys/internal/ui/mounts/secret": self._envelope(data=mount), "sys/leader": json.dumps(leader),
                "sys/health": json.dumps(health)}

    def _locations(self):
        for api, body in self._answers().items():
            yield f"location = /v1/{api} {{ return 200 '{body}'; }}"
        for size in SIZES:
            where = f"location /v1/secret/data/{prefix(size)}"
            if size <= INLINE_MOST:
                yield f"{where} {{ return 200 '{self._secret(size)}'; }}"
            else:
                yield f"{where} {{ try_files /{size}.json =404; }}"

    def _config(self):
        locations = "\n".join(self._locations())
        servers = [f"server {{ listen 127.0.0.1:{port} backlog=4096; access_log {log}; root {self.directory};\n{locations}\n}}"
                   for port, log in ((self.port, "off"), (self.logged_port, f"{self.log} paths"))]
        user = "user root;" if process.UID == 0 else ""
        return "\n".join([f"{user} daemon off; worker_processes 1; pid {self.directory}/pid;",
                          "events { worker_connections 16384; }", "http {", "default_type application/json;",
                          "keepalive_requests 2000000000; keepalive_timeout 1h; keepalive_time 24h; tcp_nodelay on;",
                          "sendfile on; open_file_cache max=100 inactive=1h;",
                          "log_format paths '$request_uri';", *servers, "}"])

    def workers(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
            return [int(pid) for pid in children.read().split()]

    def reads(self):
        """How many secrets were asked for at logged_port."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.logged_port}/v1/sys/health") as answer:
            answer.read()  # its one worker has logged all that came before
        return self.log.read_text().count("/data/")

    def close(self):
        process.end(self.process, signal.SIGTERM, timeout=5)  # else its worker stays


class BaoProxy:
    """With AppRole and its token for everybody, on a Unix socket: as near to the daemon as it comes."""

    def __init__(self, directory, name, address, role_id_file, secret_id_file):
        self.socket = directory / f"{name}.sock"
        config = directory / f"{name}.hcl"
        config.write_text(f"""
vault {{ address = "{address}" }}
auto_auth {{ method "approle" {{
    mount_path = "auth/approle"
    config = {{ role_id_file_path = "{role_id_file}", secret_id_file_path = "{secret_id_file}",
                remove_secret_id_file_after_reading = false }} }} }}
api_proxy {{ use_auto_auth_token = true }}
listener "unix" {{ address = "{self.socket}"
    tls_disable = true }}
""")
        self.process = start(directory, name, [BAO, "proxy", f"-config={config}"], nofile=MANY_FILES,
                             env={"PATH": os.environ["PATH"], "HOME": str(directory)})
        self.pid = self.process.pid

    def wait_ready(self, mount, path):
        """It serves, and has logged in."""
        process.wait_until(lambda: http_status(self.socket, f"/v1/{mount}/data/{path}") == 200, 30, "bao proxy is ready")
        return self

    def close(self):
        process.end(self.process)


class Memcached:
    def __init__(self, directory):
        self.socket = directory / "memcached.sock"
        user = ["-u", "root"] if process.UID == 0 else []
        self.process = start(directory, "memcached", ["memcached", "-t", "1", "-s", self.socket, "-m", "512", "-I", "2m",
                                                      "-c", "12000", *user], nofile=MANY_FILES)
        self.pid = self.process.pid
        process.wait_until(self.socket.exists, 10, "memcached's socket")

    def fill(self, size, n):
        """n values of that size, under the names that load asks for."""
        value = payload(size).encode()
        with socket.socket(socket.AF_UNIX) as s, s.makefile("rb") as answers:
            s.connect(str(self.socket))
            for i in range(n):
                s.sendall(f"set {path(size, i)} 0 0 {size}\r\n".encode() + value + b"\r\n")
                assert answers.readline() == b"STORED\r\n"

    def close(self):
        process.end(self.process)


class Little:
    """One of the benchmark's own servers, tests/bench/NAME.c: NAME SOCKET ARGUMENT"""

    def __init__(self, directory, name, argument):
        self.socket = directory / f"{name}-{argument}.sock"
        self.process = start(directory, name, [process.binary(f"bench/{name}"), self.socket, argument], nofile=MANY_FILES)
        self.pid = self.process.pid
        process.wait_until(self.socket.exists, 10, f"{name}'s socket")

    def close(self):
        process.end(self.process)


class Lab:
    """Starts what is asked for when it is first asked for."""

    def __init__(self):
        self.directory = process.scratch()
        canary.run = canary.Run(self.directory / "run")
        process.raise_file_limit()
        self._parts = []
        self._made = {}
        self.role_id_file, self.secret_id_file = self.directory / "role_id", self.directory / "secret_id"
        self.role_id_file.write_text("bench-role-id-at-nginx")
        self.secret_id_file.write_text("bench-secret-id-at-nginx")
        self.has_cache = self.takes({"cache": {"max_age": "1h"}})

    def keep(self, part):
        self._parts.append(part)
        return part

    def _once(self, name, make):
        if name not in self._made:
            self._made[name] = self.keep(make())
        return self._made[name]

    def close(self):
        for part in reversed(self._parts):
            part.close()
        process.remove(self.directory)

    @property
    def nginx(self):
        return self._once("nginx", lambda: Nginx(self.directory))

    @property
    def bao(self):
        return self._once("bao", QuietServer)

    @property
    def site(self):
        """A mount at OpenBao with PATHS secrets, and a role for it."""
        def make():
            site = Site(self.bao)
            for i in range(PATHS):
                site.put(path(200, i), json.loads(payload(200)))
            return site
        return self._once("site", make)

    @property
    def memcached(self):
        return self._once("memcached", lambda: Memcached(self.directory))

    def echo(self, size):
        return self._once(f"echo-{size}", lambda: Little(self.directory, "echo", size))

    def hop_to_bao(self):
        return self._once("hop", lambda: Little(self.directory, "hop", self.bao.port))

    def token(self):
        """One at OpenBao, with the rights that the daemon's has."""
        reply = self.bao.admin.post("auth/approle/login", {"role_id": self.site.role_id, "secret_id": self.site.secret_id})
        return canary.run.add(reply["auth"]["client_token"])

    # -- bao proxy ------------------------------------------------------------------------------------------------

    def proxy_to_bao(self):
        file = self.directory / "role_id_at_bao"
        file.write_text(self.site.role_id)
        return self._once("proxy-bao", lambda: BaoProxy(
            self.directory, "proxy-bao", f"http://127.0.0.1:{self.bao.port}", file,
            self.site.secret_id_file).wait_ready(self.site.mount, path(200)))

    def new_proxy_to_nginx(self, name="proxy-nginx"):
        return BaoProxy(self.directory, name, f"http://127.0.0.1:{self.nginx.port}", self.role_id_file, self.secret_id_file)

    def proxy_to_nginx(self):
        return self._once("proxy-nginx", lambda: self.new_proxy_to_nginx().wait_ready("secret", path(200)))

    # -- the daemon -----------------------------------------------------------------------------------------------

    def takes(self, settings):
        """Whether this build knows them."""
        least = {"openbao": {"address": "http://127.0.0.1:1"},
                 "approle": {"role_id": "r", "secret_id_file": str(self.secret_id_file)}}
        return run(config_text.merged(least, settings), "--check-config").returncode == 0

    def settings(self, base, *changes):
        """With limits that do not stand in the way."""
        for change in (*self._limits(), *changes):
            base = config_text.merged(base, change)
        return base

    def _limits(self):
        """Those that this build has."""
        if "limits" not in self._made:
            wide = {"connections": 15000, "connections_per_uid": 15000, "requests_per_uid": 15000, "bytes_per_uid": "1024M"}
            self._made["limits"] = [s for s in ({"limits": {name: value}} for name, value in wide.items()) if self.takes(s)]
        return self._made["limits"]

    def settings_for_nginx(self, *changes, port=None):
        base = {"openbao": {"address": f"http://127.0.0.1:{port or self.nginx.port}"},
                "approle": {"role_id": self.role_id_file.read_text(), "secret_id_file": str(self.secret_id_file)},
                "allow": {"bench": {"uid": process.UID, "ops": "write", "paths": "*"}}}
        return self.settings(base, *changes)

    def new_daemon(self, settings, **kw):
        return Daemon(settings, nofile=MANY_FILES, **kw)

    def daemon_to_bao(self):
        return self._once("daemon-bao", lambda: self.new_daemon(self.settings(self.site.settings())))

    def daemon_to_nginx(self):
        return self._once("daemon-nginx", lambda: self.new_daemon(self.settings_for_nginx()))

    def cached(self, max_bytes="256M"):
        return {"cache": {"max_age": "24h", "max_bytes": max_bytes}}

    def daemon_with_cache(self):
        return self._once("daemon-cache", lambda: self.new_daemon(self.settings_for_nginx(self.cached())))
