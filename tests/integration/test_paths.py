"""Paths: what may stand in one arrives as it is, what could mean something else is refused before anything is
asked."""

import random
import urllib.parse
from collections import Counter

import pytest

from harness import canary

GOOD = ["plain", "a/b/c", "with space", "plus+plus", "hash#tag", "question?mark=1&x", "per%cent", "per%20cent",
        "%2F", "é", "emoji-\U0001f511", "日本/語", "~!@$&'()*,;=:", "back\\slash", 'quote"', "dot.", "..dots",
        "a/...", "-", "_", "data/x", "metadata/x", "<tag>", "{brace}", "|pipe^`"]


def listed(site, folder=""):
    """The names below a folder of the site's mount, as OpenBao's own list says."""
    where = urllib.parse.quote(folder)
    status, _ = site.admin.raw("LIST", f"{site.mount}/metadata/{where}")
    return [] if status == 404 else site.admin.request("LIST", f"{site.mount}/metadata/{where}")["data"]["keys"]


def test_odd_characters_round_trip(daemon, site):
    d = daemon(site.settings())
    wrong = []
    with d.connect() as c:
        for path in GOOD:
            put = c.call("kv.put", mount=site.mount, path=path, data={"path": path}, cas=0)
            got = c.call("kv.get", mount=site.mount, path=path)
            folder, _, name = path.rpartition("/")
            names = listed(site, folder and folder + "/")
            if not put.ok or not got.ok or got.data != {"path": path} or name not in names:
                wrong.append((path, put, got))
    assert wrong == []


def test_paths_that_differ_only_in_escapes_are_different_secrets(daemon, site):
    d = daemon(site.settings())
    paths = ["a b", "a+b", "a%20b", "a%2520b", "a%2Fb", "a/b"]
    for path in paths:
        assert d.put(site.mount, path, {"path": path}, cas=0).ok, path
    for path in paths:
        assert d.get(site.mount, path).data == {"path": path}


def test_the_longest_path_is_taken_and_a_longer_one_refused(daemon, site):
    d = daemon(site.settings())
    longest = "/".join(["x" * 100] * 10) + "/" + "y" * 14
    assert len(longest) == 1024
    assert d.put(site.mount, longest, {"x": 1}).ok
    assert d.get(site.mount, longest).data == {"x": 1}
    assert d.get(site.mount, longest + "z").code == "invalid_request"


BAD = ["", "/", "/a", "a/", "a//b", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b",
       "a\0b", "a\nb", "a\rb", "a\tb", "\x1f", "\x7f"]


@pytest.mark.parametrize("member", ["mount", "path"])
def test_paths_that_could_mean_another_are_refused(daemon, site, proxy, member):
    d = daemon(site.settings(proxy.port))
    before = len(proxy.seen())
    taken = []
    with d.connect() as c:
        for path in BAD:
            request = {"mount": site.mount, "path": "a", member: path}
            codes = (c.call("kv.get", **request).code, c.call("kv.put", data={"x": 1}, **request).code)
            if codes != ("invalid_request", "invalid_request"):
                taken.append((path, codes))
    assert taken == []
    assert len(proxy.seen()) == before


def test_a_bad_path_is_refused_before_any_rule(daemon, site):
    d = daemon(site.settings(allow={"tests": {"paths": "other/*"}}))
    assert d.get(site.mount, "a").code == "forbidden"
    assert d.get(site.mount, "a/../../other/b").code == "invalid_request"


def test_a_path_of_invalid_utf8_is_refused(daemon, site):
    d = daemon(site.settings())
    with d.connect() as c:
        c.send_body(b'{"id":1,"op":"kv.get","mount":"' + site.mount.encode() + b'","path":"\xff\xfe"}')
        assert c.recv().code == "invalid_request"


# No spelling of a path reaches a secret that its rule does not name: pieces of which paths are made that some program
# on the way might take for another. (They are written here with escapes, since nobody could tell them apart.)
UP = ["..", ".", "...", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%252e%252e", "%c0%ae%c0%ae", "%u002e%u002e", "\uff0e\uff0e",
      "\u2024\u2024", "\u2025", ".\u0307.", ".\u200b.", ".\u00ad.", "..;", "..;x=1", "..?", "..#", "..+", "..%00", "..\0",
      "..\n", "..%0a", ".. ", " ..", "..%20", "..\\", "..%5c", "*", "", "\u202e.."]
BETWEEN = ["/", "//", "///", "/./", "%2f", "%2F", "%252f", "%25252f", "\\", "%5c", "\\/", "\uff0f", "\u2215", "\u2044", "\u29f8",
           "%c0%af", "%ef%bc%8f", "\0", "%00", ";", "?", "#", "&", "\t", " /", "/ ", "+", "%2b", "/\u0338"]
AFTER = ["", "/", "//", "/.", "/..", "%2f", "?", "?version=1", "#", "%23", "%3f", ";", "\0", "%00", "\n", "%0a", " ", "%20", "+",
         ".", "\u0301", "\u200d", "/x/..", "/../y", "*", "%"]
BEFORE = ["allowed", "ALLOWED", "Allowed", "allowed ", "allowed\u0301", "all\u043ewed", "\uff41llowed", "%61llowed", "allowed/x",
          "allowed/x/..", "", ".", "..", "/", "data", "metadata", "../data", "..%2fdata", "*"]
WANTED = ["forbidden/y", "Forbidden/y", "FORBIDDEN/Y", "forbidden%2fy", "forbidden%2Fy", "%66orbidden/y", "forb\u0456dden/y",
          "\uff46orbidden/y", "forbidden//y", "forbidden/./y", "forbidden\\y", "forbidden/y\u0301", "forbidden/%79"]


def spellings(chance, count):
    """Paths, each once: some that some program might take for forbidden/y, or for a way from allowed/ to it."""
    found = {b + s + w + a for b in ("", "allowed/") for s in ("", "/", "./") for w in WANTED for a in AFTER}
    found |= {"allowed/" + u + s + "forbidden/y" for u in UP for s in BETWEEN}
    while len(found) < count:
        path = chance.choice(BEFORE)
        for _ in range(chance.randrange(4)):
            path += chance.choice(BETWEEN) + chance.choice(UP)
        found.add(path + chance.choice(BETWEEN) + chance.choice(WANTED) + chance.choice(AFTER))
    return sorted(found)


def quoted(chance, text):
    """As a JSON string, some of its characters escaped that need not be."""
    def escaped(c):
        units = c.encode("utf-16-be")
        return "".join(f"\\u{units[n:n + 2].hex()}" for n in range(0, len(units), 2))
    return '"' + "".join(escaped(c) if c < " " or c in '"\\\x7f' or chance.random() < 0.2 else c for c in text) + '"'


def ask(c, bodies):
    """The replies to requests that are sent at once, fifty at a time."""
    replies = []
    for at in range(0, len(bodies), 50):
        some = bodies[at:at + 50]
        for body in some:
            c.send_body(body)
        by_id = {reply.id: reply for reply in (c.recv() for _ in some)}
        replies += [by_id[at + n] for n in range(len(some))]
    return replies


def test_no_spelling_reaches_a_secret_that_the_rule_does_not_name(daemon, site):
    forbidden, chance = canary.run.secret(), random.Random(1)
    site.put("forbidden/y", {"value": forbidden})
    site.put("allowed/x", {"value": "fine"})
    d = daemon(site.settings(allow={"tests": {"paths": f"{site.mount}/allowed/*"}}))
    paths = spellings(chance, 5000)
    mounts = [*[site.mount] * 8, f"{site.mount}/allowed", f"{site.mount}/data/allowed", f"{site.mount}/allowed/..",
              f"{site.mount}/allowed/%2e%2e", f"{site.mount}%2fallowed", f"{site.mount}/"]
    requests = [(chance.choice(mounts), path) for path in paths]
    member = '"mount":{},"path":{}'
    said = [member.format(quoted(chance, mount), quoted(chance, path)) for mount, path in requests]
    with d.connect() as c:
        assert c.call("kv.get", mount=site.mount, path="allowed/x").data == {"value": "fine"}
        assert c.call("kv.get", mount=site.mount, path="forbidden/y").code == "forbidden"
        puts = ask(c, [f'{{"id":{n},"op":"kv.put",{text},"data":{{"number":{n}}}}}' for n, text in enumerate(said)])
        gets = ask(c, [f'{{"id":{n},"op":"kv.get",{text}}}' for n, text in enumerate(said)])
    assert [r for r in gets if forbidden.encode() in r.body] == []
    assert site.get("forbidden/y") == {"value": forbidden}
    assert site.admin.get(f"{site.mount}/metadata/forbidden/y")["data"]["current_version"] == 1
    mine = {e["request"]["path"] for e in site.requests_with_own_tokens() if e["request"]["path"].startswith(site.mount)}
    assert {p for p in mine if not p.startswith(f"{site.mount}/data/allowed/")} == set()
    assert not any(p.endswith("/data/forbidden/y") for p in mine)
    # What is not refused is a secret of that very name.
    codes = Counter((put.code, got.code) for put, got in zip(puts, gets, strict=True))
    served = [(request, n, got) for n, (request, got) in enumerate(zip(requests, gets, strict=True)) if got.ok]
    assert [(request, got) for request, n, got in served if got.data != {"number": n}] == []
    assert len(served) > 200 and codes[("invalid_request",) * 2] > 1000 and codes[("forbidden",) * 2] > 300, codes
    names = {urllib.parse.quote(f"{mount}/data/{path}", safe="") for (mount, path), _, _ in served}
    assert names <= {urllib.parse.quote(p, safe="") for p in mine}
