"""Raft snapshots: sites whose daemon may take and restore them, another reader's word on what is in one, and such as are
made here."""

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import time

from . import config_text, process
from .site import POLICY, Site

RAFT_POLICY = POLICY + """
path "sys/storage/raft/snapshot" {{ capabilities = ["read", "update"] }}
path "sys/storage/raft/snapshot-force" {{ capabilities = ["update"] }}
"""
MEMBERS = ["meta.json", "state.bin", "SHA256SUMS", "SHA256SUMS.sealed"]
OPS = ["write", "snapshot.save", "snapshot.restore"]


class SnapshotSite(Site):
    def __init__(self, server, **kw):
        super().__init__(server, **{"policy": RAFT_POLICY, **kw})

    def settings(self, port=None, **changes):
        base = super().settings(port, allow={"tests": {"uid": process.UID, "ops": OPS, "paths": "*"}})
        return config_text.merged(base, changes)


def fill(site, megabytes):
    """Makes the store so large, with values that do not compress."""
    value = base64.b64encode(os.urandom(520_000)).decode()
    for n in range(megabytes * 1_000_000 // 690_000 + 5):
        site.put(f"large/{n}", {"x": value[n:] + value[:n]})


def assert_whole(data):
    """Python's own modules find what OpenBao put in; that, by its name."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as tar:
        assert tar.getnames() == MEMBERS
        content = {name: tar.extractfile(name).read() for name in MEMBERS}
    sums = dict(reversed(line.split("  ")) for line in content["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(content[name]).hexdigest() for name in MEMBERS[:2]}
    assert content["SHA256SUMS.sealed"]
    return content


def make(size):
    """A whole snapshot with a state of that size, which does not compress, in the form that OpenBao gives it."""
    meta = b'{"Version":1,"ID":"bolt-snapshot","Index":40,"Term":3}\n'
    state = os.urandom(size)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in zip(MEMBERS, (meta, state)))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in zip(MEMBERS, (meta, state, sums.encode(), os.urandom(120))):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    # Python fills an archive up to 10,240 bytes; OpenBao's ends with two empty blocks.
    data = archive.getvalue()
    used = (len(data.rstrip(b"\0")) + 511) // 512 * 512
    return gzip.compress(data[:used + 1024], mtime=0)


def health(node):
    """initialized, sealed of a node, whatever its state."""
    _, body = node.admin.raw("GET", "sys/health?uninitcode=299&sealedcode=299&standbycode=299", timeout=10)
    found = json.loads(body)
    return found["initialized"], found["sealed"]


def drain(conn, pace=None):
    """Reads a save to its end; the number of bytes and the last reply. pace: bytes a second."""
    reply = conn.begin_save()
    assert reply.ok, reply
    total, began = 0, time.monotonic()
    while True:
        kind, body = conn.recv_frame()
        if not body or kind == 0:
            return total, conn.recv() if kind else body
        total += len(body)
        if pace:
            time.sleep(max(0, began + total / pace - time.monotonic()))
