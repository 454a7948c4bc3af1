"""A stand-in for the part of Kubernetes that OpenBao's kubernetes method asks (its TokenReview endpoint), and
sites whose daemons log in with service accounts' tokens."""

import base64
import json
import secrets
import time

from pytest_httpserver import HTTPServer
from werkzeug import Request

from . import canary, process
from .site import Site
from .standin import reply

NAMESPACE = "apps"
AUDIENCE = "openbao"


def _part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(jwt):
    body = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


class Cluster:
    """Makes service accounts' tokens and, asked about one, says that it is good, unless told otherwise. The
    signatures are random bytes: without pem_keys OpenBao leaves them to TokenReview."""

    def __init__(self):
        self.accepts = True
        self.reviewed = []  # the tokens OpenBao has asked about
        self.server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
        review = self.server.expect_request("/apis/authentication.k8s.io/v1/tokenreviews", method="POST")
        review.respond_with_handler(self._review)
        self.server.start()
        self.host = f"http://127.0.0.1:{self.server.port}"

    def token(self, account, lifetime=3600):
        now = int(time.time())
        claims = {"iss": "https://kubernetes.default.svc", "sub": self._user(account), "aud": [AUDIENCE],
                  "iat": now - 60, "nbf": now - 60, "exp": now + lifetime, "jti": secrets.token_hex(16),
                  "kubernetes.io": {"namespace": NAMESPACE,
                                    "serviceaccount": {"name": account, "uid": self._uid(account)}}}
        jwt = ".".join([_part({"alg": "RS256", "kid": "one"}), _part(claims), _part(secrets.token_bytes(256))])
        for secret in (jwt, *jwt.split(".")[1:]):
            canary.run.add(secret)
        return jwt

    @staticmethod
    def _user(account):
        return f"system:serviceaccount:{NAMESPACE}:{account}"

    @staticmethod
    def _uid(account):
        return f"uid-of-{account}"

    def _review(self, request: Request):
        jwt = json.loads(request.get_data())["spec"]["token"]
        self.reviewed.append(jwt)
        status = {"authenticated": False, "error": "the token is not accepted"}
        if self.accepts:
            claims = claims_of(jwt)
            account = claims["kubernetes.io"]["serviceaccount"]["name"]
            status = {"authenticated": True, "audiences": claims["aud"],
                      "user": {"username": self._user(account), "uid": self._uid(account)}}
        return reply({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}, 201)

    def close(self):
        self.server.stop()


class KubernetesSite(Site):
    """A role that is bound to a service account of its own, and a file with that account's token."""

    def __init__(self, server, cluster, *, method="kubernetes", **kw):
        self.cluster = cluster
        self.method = method
        self.account = process.unique("account")
        super().__init__(server, **kw)

    def _make_login(self, role):
        if self.method + "/" not in self.admin.get("sys/auth")["data"]:
            self.admin.post(f"sys/auth/{self.method}", {"type": "kubernetes"})
        self.admin.post(f"auth/{self.method}/config", {
            "kubernetes_host": self.cluster.host, "kubernetes_ca_cert": "none", "disable_local_ca_jwt": True})
        self.make_role(role)
        self.token_file = self.directory / "token"
        self.token = self.new_token()

    def make_role(self, changes=None, name=None):
        self.admin.post(f"auth/{self.method}/role/{name or self.role}", {
            "bound_service_account_names": self.account, "bound_service_account_namespaces": NAMESPACE,
            "audience": AUDIENCE, **(changes or {})})

    def new_token(self, account=None, **kw):
        """Makes a token and puts it into the file at once, as Kubernetes does."""
        token = self.cluster.token(account or self.account, **kw)
        new = self.token_file.with_suffix(".new")
        new.write_text(token)
        new.rename(self.token_file)
        return token

    def _login_settings(self):
        settings = {"role": self.role, "token_file": str(self.token_file)}
        if self.method != "kubernetes":
            settings["mount"] = self.method
        return {"openbao": {"auth": "kubernetes"}, "kubernetes": settings}

    def _login_path(self):
        return f"auth/{self.method}/login"

    def _of_role(self, entry):
        return entry["request"].get("data", {}).get("role") == self.role

    def sent_tokens(self):
        """The service account's tokens that logins have sent, oldest first."""
        return [entry["request"]["data"]["jwt"] for entry in self.logins()]
