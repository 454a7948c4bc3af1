"""Paths: what may stand in one arrives as it is, what could mean something else is refused before anything is
asked."""

import urllib.parse

import pytest

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
