"""Writes the daemon's configuration: YAML from dicts, and files that the daemon takes at once."""

import json
import os
import re
import time

SETTLED = 10  # seconds; the daemon does not trust a file that changed less than one second ago


def merged(base, changes):
    """base with changes laid over it, groups deep; None takes a setting away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def _quoted(text):
    return json.dumps(str(text), ensure_ascii=False)  # the daemon takes those of \\ and "; the others it refuses


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return _quoted(value)


def _lines(settings, indent):
    for key, value in settings.items():
        name = indent + (key if re.fullmatch(r"[\w-]+", key, re.A) else _quoted(key)) + ":"
        if isinstance(value, dict) and value:
            yield name
            yield from _lines(value, indent + "  ")
        else:
            yield f"{name} {{}}" if isinstance(value, dict) else f"{name} {_value(value)}"


def text(settings):
    """One setting on each line; texts in quotes, numbers and booleans without."""
    return "".join(line + "\n" for line in _lines(settings, ""))


def settle(path):
    """Lets a file or folder look as if its last change was a while ago, so that the daemon need not wait."""
    then = time.time() - SETTLED
    os.utime(path, (then, then))


def write(path, content):
    """content: settings, text or bytes. The file belongs to this user, whom the daemon must be able to trust."""
    if isinstance(content, dict):
        content = text(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o644)
    settle(path)


def folder_of(path):
    """Where the drop-ins of a configuration are."""
    return path.with_name(path.name + ".d")


def write_drop_in(path, name, content):
    """A drop-in of the configuration at path; makes the folder where there is none."""
    folder = folder_of(path)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    write(folder / name, content)
    settle(folder)
    return folder / name
