"""Raft snapshots, made as OpenBao makes them."""

import gzip
import hashlib
import io
import os
import tarfile


def make(size=20000):
    """A whole snapshot of a state of that size, which is random and does not compress."""
    meta = b'{"Version":1,"ID":"bolt-snapshot","Index":40,"Term":3}\n'
    state = os.urandom(size)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n"
                   for name, content in (("meta.json", meta), ("state.bin", state))).encode()
    files = (("meta.json", meta), ("state.bin", state), ("SHA256SUMS", sums), ("SHA256SUMS.sealed", os.urandom(120)))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    # Python fills an archive up to 10,240 bytes; OpenBao's ends with two empty blocks.
    data = archive.getvalue()
    used = (len(data.rstrip(b"\0")) + 511) // 512 * 512
    return gzip.compress(data[:used + 1024], mtime=0)
