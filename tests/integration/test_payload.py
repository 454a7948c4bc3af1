"""The payload's bytes go through untouched, both ways."""

import json

import pytest

from harness import canary, process
from harness.client import member

AWKWARD = b'{"big":12345678901234567000,"f":1e-7,"u":"\\u0000\xc3\xa9","deep":[[[]]]}'


def openbao_says(site, path):
    """The bytes of a secret's object as OpenBao itself sends them."""
    status, body = site.admin.raw("GET", f"{site.mount}/data/{path}")
    assert status == 200
    return member(member(body, "data"), "data")


def write_raw(site, path, data):
    status, body = site.admin.raw("POST", f"{site.mount}/data/{path}", b'{"data":' + data + b"}")
    assert status == 200, body


@pytest.mark.parametrize("data", [
    AWKWARD,
    b'{"n":12345678901234567890,"m":9007199254740993,"x":1.10,"y":-0.0,"z":1E+5}',
    b'{"<>&":"</script>\\u2028","\\"":"\\\\","":""}',
    b'{"s":"\\ud83d\\ude00 \xf0\x9f\x98\x80","t":"\\t\\n\\/"}',
    b'{"a":null,"b":true,"c":false,"d":{},"e":[]}',
    b"{}",
], ids=range(6))
def test_a_get_gives_what_openbao_sent_byte_for_byte(daemon, site, data):
    write_raw(site, "a", data)
    d = daemon(site.settings())
    reply = d.get(site.mount, "a")
    assert reply.data_raw == openbao_says(site, "a")


def test_the_named_payload_arrives_as_it_is(daemon, site):
    write_raw(site, "a", AWKWARD)
    d = daemon(site.settings())
    raw = d.get(site.mount, "a").data_raw
    assert raw == openbao_says(site, "a")
    for piece in (b'"big":12345678901234567000', b'"f":1e-7', b'"u":"\\u0000\xc3\xa9"', b'"deep":[[[]]]'):
        assert piece in raw


@pytest.mark.parametrize("data", [
    AWKWARD,
    b'{ "spaces" :\t[ 1 ,\n2 ] }',
    b'{"twice":1,"twice":2}',
    b'{"n":123456789012345678901234567890.5e-3,"e":"\\u00e9\\/"}',
], ids=range(4))
def test_a_put_sends_what_the_caller_sent_byte_for_byte(daemon, site, proxy, data):
    d = daemon(site.settings(proxy.port))
    assert d.call("kv.put", mount=site.mount, path="a", raw_data=data).ok
    (post,) = proxy.seen("POST", "data/a")
    assert member(post.body, "data") == data


def test_a_put_carries_cas_as_given(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.put(site.mount, "a", {"x": 1}, cas=0).ok
    assert d.put(site.mount, "a", {"x": 2}).ok
    first, second = proxy.seen("POST", "data/a")
    assert json.loads(first.body)["options"] == {"cas": 0}
    assert "cas" not in json.loads(second.body).get("options", {})


@pytest.mark.parametrize("size", [1, 4096, 65536, 900000])
def test_payloads_of_all_sizes_round_trip(daemon, site, size):
    d = daemon(site.settings())
    data = b'{"v":"' + b"x" * size + b'"}'
    assert d.call("kv.put", mount=site.mount, path="a", raw_data=data).ok
    assert d.get(site.mount, "a").data_raw == data


def test_many_sizes_around_the_buffers_borders(daemon, site):
    d = daemon(site.settings())
    with d.connect() as c:
        for size in [*range(4000, 4120, 7), *range(16300, 16420, 11), *range(65400, 65560, 13)]:
            data = b'{"v":"' + b"y" * size + b'"}'
            assert c.call("kv.put", mount=site.mount, path="sizes", raw_data=data).ok
            assert c.call("kv.get", mount=site.mount, path="sizes").data_raw == data


def test_nesting_is_passed_on_up_to_the_limit(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    deep = b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert d.call("kv.put", mount=site.mount, path="a", raw_data=deep).ok
    assert d.get(site.mount, "a").data_raw == deep
    too_deep = b'{"a":' + b"[" * 10001 + b"]" * 10001 + b"}"
    before = len(proxy.seen("POST"))
    assert d.call("kv.put", mount=site.mount, path="a", raw_data=too_deep).code == "invalid_request"
    assert len(proxy.seen("POST")) == before


@pytest.mark.parametrize("data", [
    b"[1]", b"null", b'"text"', b"1", b"{", b'{"a":}', b'{"a":1,}', b'{"a":01}', b'{"a":"\xff"}',
    b'{"a":"\\ud800"}', b"{'a':1}", b'{"a":NaN}', b'{"a":"\x01"}',
], ids=range(13))
def test_data_that_is_no_json_object_is_refused_before_openbao_sees_it(daemon, site, proxy, data):
    d = daemon(site.settings(proxy.port))
    assert d.call("kv.put", mount=site.mount, path="a", raw_data=data).code == "invalid_request"
    assert proxy.seen("POST", "data/a") == []


def test_openbaos_own_error_text_is_not_passed_on(daemon, site):
    """A number beyond float64 makes OpenBao quote the payload in its error."""
    value = canary.run.add("1e4000000000001")
    d = daemon(site.settings())
    reply = d.call("kv.put", mount=site.mount, path="a", raw_data=b'{"n":' + value.encode() + b"}")
    assert not reply.ok
    assert reply.code in ("upstream_error", "invalid_request")
    assert reply.error["status"] == 400


def test_a_secret_value_shows_up_in_no_reply_but_the_get(daemon, site):
    value = canary.run.secret()
    d = daemon(site.settings())
    assert d.put(site.mount, "a", {"password": value}).ok
    assert d.get(site.mount, "a").data == {"password": value}
    assert d.put(site.mount, "a", {"password": value}, cas=7).code == "cas_mismatch"
    assert value not in str(d.status().json)
    with d.connect() as c:
        for body in (f'{{"id":1,"op":"kv.put","mount":"m","path":"p","data":{{"v":"{value}"}},"Cas":1}}',
                     f'{{"id":1,"op":"kv.put","mount":"m","path":"p","data":["{value}"]}}',
                     f'{{"id":1,"op":"kv.put","mount":"m","path":"p","data":{{"v":"{value}}}}}',
                     f'{{"{value}":1}}'):
            c.send_body(body)
            assert value not in c.recv().body.decode()


@pytest.mark.skipif(process.SANITIZED, reason="the sanitizer has an allocator of its own")
@pytest.mark.parametrize("cache", [{}, {"max_age": "1h"}], ids=["OpenBao", "memory"])
def test_buffers_of_large_secrets_are_used_again_and_given_back(daemon, site, cache):
    site.put("large", {"x": "y" * 262144})
    d = daemon(site.settings(cache=cache))

    def faults():
        with open(f"/proc/{d.pid}/stat", encoding="ascii") as f:
            return int(f.read().rsplit(")", 1)[1].split()[7])
    conns = [d.connect() for _ in range(8)]

    def gets():
        """Page faults of a round."""
        before = faults()
        for c, sent in [(c, c.send("kv.get", mount=site.mount, path="large")) for c in conns]:
            assert c.reply_to(sent).code is None
        return faults() - before
    # Memory is given back when nothing happens for a while, as on a busy machine: not each round is without faults.
    assert min(gets() for _ in range(50)) / len(conns) < 5
    for c in conns:
        c.close()
    process.wait_until(lambda: d.memory_kb("RssAnon") < 6000, process.patience(20), "the memory is given back")
