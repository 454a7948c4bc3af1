"""Certificate authorities and what they sign, made with the openssl command."""

import subprocess
from typing import NamedTuple

from . import process


class Certificate(NamedTuple):
    file: str
    key: str


class Authority:
    """Its files are gone after close()."""

    def __init__(self):
        self.directory = process.scratch()
        self._own = self._make("authority", "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
        self.file = self._own.file

    def issue(self, *names):
        """For these names, as in subjectAltName: DNS:bao.test, IP:127.0.0.1."""
        return self._make(process.unique("leaf"), "basicConstraints=critical,CA:FALSE",
                          "subjectAltName=" + ",".join(names), by=self._own)

    def _make(self, name, *extensions, by=None):
        made = Certificate(str(self.directory / f"{name}.pem"), str(self.directory / f"{name}.key"))
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                   "-subj", f"/CN={name}", "-out", made.file, "-keyout", made.key]
        for extension in extensions:
            command += ["-addext", extension]
        if by:
            command += ["-CA", by.file, "-CAkey", by.key]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=process.patience(30))
        return made

    def close(self):
        process.remove(self.directory)
