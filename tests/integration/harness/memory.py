"""What stands in a process's memory. Root may look into any process's, undumpable ones too, so that the very
program is looked at which is installed."""

import base64
import re


def mappings(pid):
    """(name, bytes) of each mapping that can be read."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if not rights.startswith("r") or name in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            try:
                memory.seek(int(first, 16))
                yield name, memory.read(int(last, 16) - int(first, 16))
            except (OSError, OverflowError, ValueError):
                continue


def spellings(value):
    """The value as it is, and as it would stand in base64 wherever it began in there."""
    plain = value.encode()
    found = [plain]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + plain)
        found.append(text[4 if shift else 0:len(text) // 4 * 4 - 4])
    return found


def copies(pid, *values):
    """A (value, name of the mapping) for each place where a value stands."""
    wanted = [(value, spelling) for value in values for spelling in spellings(value)]
    found = []
    for name, data in mappings(pid):
        for value, spelling in wanted:
            found += [(value, name)] * data.count(spelling)
    return found
