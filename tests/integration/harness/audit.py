"""Reads OpenBao's audit log (log_raw): the honest way to count what reached the server. An entry is on file before
the server answers, so what a finished request did can be counted at once."""

import json


def _parsed(line):
    try:
        return json.loads(line)
    except RecursionError:  # a payload nested deeper than json can take
        return {"type": "unreadable", "request": {}}


class Audit:
    """The entries written since this object was made."""

    def __init__(self, path):
        self.path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._entries = []

    def entries(self):
        try:
            with open(self.path, "rb") as f:
                f.seek(self._offset)
                data = f.read()
        except FileNotFoundError:
            return self._entries
        whole = data.rfind(b"\n") + 1  # the last line may still be being written
        self._offset += whole
        self._entries += [_parsed(line) for line in data[:whole].splitlines() if line.strip()]
        return self._entries

    def requests(self, path=None, operation=None, where=None):
        """Requests by path (exact, or a prefix and *), operation (read, create, ... or several) and a
        predicate."""
        return [e for e in self.entries() if e["type"] == "request" and self._fits(e, path, operation, where)]

    def responses(self, path=None, operation=None, where=None):
        return [e for e in self.entries() if e["type"] == "response" and self._fits(e, path, operation, where)]

    @staticmethod
    def _fits(entry, path, operation, where):
        request = entry["request"]
        if path is not None:
            if path.endswith("*"):
                if not request.get("path", "").startswith(path[:-1]):
                    return False
            elif request.get("path") != path:
                return False
        if isinstance(operation, str):
            operation = (operation,)
        if operation is not None and request.get("operation") not in operation:
            return False
        return where is None or where(entry)
