"""A stand-in for OpenBao, for answers that a real server cannot be brought to give. It logs in, renews, revokes
and has one KV version 2 mount, `secret`; what else it says is up to the test."""

import json
import re
import secrets
import threading

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from . import canary, config_text, process


def reply(body="", status=200, **headers):
    """body: bytes or text as they are, anything else as JSON."""
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return Response(data, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()},
                    content_type="application/json")


def metadata(**changes):
    return {"version": 1, "created_time": "2026-01-01T00:00:00Z", "custom_metadata": None, "deletion_time": "",
            "destroyed": False, **changes}


def secret_reply(data, **changes):
    return reply({"data": {"data": data, "metadata": metadata(**changes)}})


def written_reply(version=1):
    return reply({"data": metadata(version=version)})


class StandIn:
    def __init__(self):
        self._lock = threading.Lock()
        self._answers = []
        self.requests = []  # (method, path, body)
        self.lease = 3600
        self.server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
        self.server.expect_request(re.compile(".*")).respond_with_handler(self._handle)
        self.server.start()
        self.port = self.server.port
        self.host = canary.run.add(f"{process.unique('standin')}.localhost", canary.ADDRESS)
        self.role_id = canary.run.secret("role-id")
        self.secret_id = canary.run.secret("secret-id")

    def on(self, method, path, *answers):
        """Answers to requests whose path fits the regular expression, one after the other; the last one stays. An
        answer is a Response or a function of the request that gives one."""
        with self._lock:
            self._answers.insert(0, (method, re.compile(path), list(answers)))

    def _handle(self, request: Request):
        path = request.full_path.rstrip("?")
        with self._lock:
            self.requests.append((request.method, path, request.get_data()))
            answer = self._scripted(request.method, path)
        if answer is None:
            answer = self._usual(request.method, request.path)
        return answer(request) if callable(answer) and not isinstance(answer, Response) else answer

    def _scripted(self, method, path):
        for wanted, pattern, answers in self._answers:
            if wanted == method and pattern.search(path):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return None

    def _usual(self, method, path):
        if path.endswith("/login"):
            token = canary.run.add("hvs." + secrets.token_hex(12))
            return reply({"auth": self._auth(token)})
        if path == "/v1/auth/token/renew-self":
            return reply({"auth": self._auth(request_token=True)})
        if path == "/v1/auth/token/revoke-self":
            return reply(status=204)
        if path == "/v1/auth/token/lookup-self":
            return reply({"data": {"ttl": self.lease}})
        if path == "/v1/sys/health":
            return reply({"initialized": True, "sealed": False, "standby": False})
        if path == "/v1/sys/internal/ui/mounts/secret":
            return reply({"data": {"path": "secret/", "type": "kv", "options": {"version": "2"}}})
        return reply({"errors": []}, status=404)

    def _auth(self, token=None, request_token=False):
        auth = {"lease_duration": self.lease, "renewable": True, "policies": ["default"], "accessor": "a",
                "token_type": "service", "mfa_requirement": None}
        if not request_token:
            auth["client_token"] = token
        return auth

    def count(self, method, path):
        with self._lock:
            return sum(1 for m, p, _ in self.requests if m == method and re.search(path, p))

    def settings(self, directory, **changes):
        file = directory / "secret_id"
        file.write_text(self.secret_id)
        return config_text.merged({
            "openbao": {"address": f"http://{self.host}:{self.port}"},
            "approle": {"role_id": self.role_id, "secret_id_file": str(file)},
            "allow": {"tests": {"uid": process.UID, "ops": "write", "paths": "*"}},
        }, changes)

    def close(self):
        self.server.stop()
