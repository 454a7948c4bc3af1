"""The protocol on the socket, byte by byte: frames, ids, pipelining, half close, and what is refused how."""

import json
import struct

import pytest

from harness.client import DATA, frame
from harness.proxy import HANG


@pytest.fixture
def d(daemon, site):
    return daemon(site.settings())


@pytest.fixture
def c(d):
    with d.connect(timeout=30) as conn:
        yield conn


@pytest.mark.parametrize("id_text", [
    "0", "7", "9007199254740991", '"x"', '""', '"' + "i" * 64 + '"', '"\\u00e9\\n"', '"é"',
])
def test_an_id_is_echoed_byte_for_byte(c, id_text):
    c.send_body(f'{{"id":{id_text},"op":"ping"}}')
    kind, body = c.recv_frame()
    assert kind == 0
    assert body.startswith(f'{{"id":{id_text},"ok":true,'.encode()), body


@pytest.mark.parametrize("id_text", [
    "-1", "1.0", "1e3", "9007199254740992", "true", "null", "{}", "[]", '"' + "i" * 65 + '"', "+1",
])
def test_an_unreadable_id_is_answered_with_null(c, id_text):
    c.send_body(f'{{"id":{id_text},"op":"ping"}}')
    reply = c.recv()
    assert (reply.id, reply.code) == (None, "invalid_request")
    assert c.call("ping").ok


def test_a_request_without_an_id_is_refused(c):
    c.send_body('{"op":"ping"}')
    reply = c.recv()
    assert (reply.id, reply.code) == (None, "invalid_request")


@pytest.mark.parametrize("member", [
    '"Cas":1', '"cas":null', '"cas":1,"cas":1', '"cas":1,"c\\u0061s":2', '"cas":"1"', '"cas":1e1', '"cas":-0',
    '"cas":[1]', '"cas":10000000000', '"timeout_ms":0', '"timeout_ms":600001', '"timeout_ms":-1',
    '"timeout_ms":1.0', '"timeout_ms":"5"', '"extra":{}', '"version":1', '"max_age_ms":1', '"op":"kv.put"',
    '"id":1', '"mount":"secret"', '"data":{}',
])
def test_members_that_are_repeated_unknown_null_or_wrong_are_named(c, site, member):
    c.send_body(f'{{"id":1,"op":"kv.put","mount":"{site.mount}","path":"a","data":{{"x":1}},{member}}}')
    reply = c.recv()
    name = json.loads("{" + member.split(",")[-1] + "}").popitem()[0]
    assert reply.code == "invalid_request", reply
    assert name in reply.message
    assert reply.id == (None if name == "id" else 1)
    assert site.writes("a") == []
    assert c.call("ping").ok


@pytest.mark.parametrize("missing", ["op", "mount", "path", "data"])
def test_a_missing_member_is_named(c, site, missing):
    request = {"id": 1, "op": "kv.put", "mount": site.mount, "path": "a", "data": {}}
    del request[missing]
    c.send_body(json.dumps(request))
    reply = c.recv()
    assert (reply.id, reply.code) == (1, "invalid_request")
    assert missing in reply.message


def test_an_escaped_name_is_the_name(c, site):
    c.send_body(f'{{"\\u0069d":5,"op":"kv.\\u0067et","mount":"{site.mount}","pa\\u0074h":"none"}}')
    reply = c.recv()
    assert (reply.id, reply.code) == (5, "not_found")


@pytest.mark.parametrize("op", ["kv.delete", "snapshot.list", "PING", "", "kv.get ", "x" * 5000])
def test_an_unknown_op_is_told(c, op):
    assert c.call(op).code == "unknown_op"
    assert c.call("ping").ok


@pytest.mark.parametrize("body", [
    "", " ", "x", "[]", "1", "null", '"x"', '{"id":01,"op":"ping"}', '{"id":1,"op":"ping"',
    '{"id":1,"op":"ping"}}', '{"id":1,"op":"ping"} x',
    '{"id":1 "op":"ping"}', '{"id":1,"op":"ping",}', "\ufeff{}", '{"id":1,"op":"ping","a":"\\ud800"}',
    '{"id":1,"op":"pi\0ng"}', "{'id':1}",
])
def test_what_is_no_request_is_refused_and_the_session_goes_on(c, body):
    c.send_body(body)
    reply = c.recv()
    assert reply.code == "invalid_request", reply
    assert c.call("ping").ok


def test_invalid_utf8_is_refused_and_the_session_goes_on(c):
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
        c.send_body(b'{"id":1,"op":"' + bad + b'"}')
        assert c.recv().code == "invalid_request"
    assert c.call("ping").ok


def test_the_envelopes_nesting_is_limited(c):
    c.send_body('{"id":1,"op":"ping","x":' + "[" * 100000 + "]" * 100000 + "}")
    assert c.recv().code == "invalid_request"
    assert c.call("ping").ok


def test_requests_are_pipelined_and_matched_by_id(c, site):
    for n in range(40):
        site.put(f"p{n}", {"n": n})
    ids = {c.send("kv.get", mount=site.mount, path=f"p{n}"): n for n in range(40)}
    for wanted in reversed(list(ids)):
        assert c.reply_to(wanted).data == {"n": ids[wanted]}


def test_a_thousand_requests_in_one_write_are_all_answered(c):
    c.send_bytes(b"".join(frame(b'{"id":%d,"op":"ping"}' % n) for n in range(1000)))
    assert sorted(c.recv().id for _ in range(1000)) == list(range(1000))


def test_more_gets_than_may_be_in_flight_are_all_answered(d, site):
    site.put("a", {"x": 1})
    get = b'{"id":%d,"op":"kv.get","mount":"' + site.mount.encode() + b'","path":"a"}'
    with d.connect() as c:
        c.send_bytes(b"".join(frame(get % n) for n in range(500)))
        replies = [c.recv() for _ in range(500)]
    assert sorted(r.id for r in replies) == list(range(500))
    assert all(r.ok for r in replies)


def test_a_slow_request_does_not_hold_up_a_fast_one(daemon, site, proxy):
    site.put("slow", {"x": 1})
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "none").code == "not_found"
    proxy.fault("delay", seconds=1, path="data/slow")
    with d.connect() as c:
        slow = c.send("kv.get", mount=site.mount, path="slow")
        fast = c.send("kv.get", mount=site.mount, path="none")
        assert c.recv().id == fast
        assert c.recv().id == slow


def test_the_same_id_twice_in_flight_is_refused(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    proxy.fault("delay", seconds=0.7, path="data/a")
    with d.connect() as c:
        one = f'{{"id":"x","op":"kv.get","mount":"{site.mount}","path":"a"}}'
        c.send_body(one)
        c.send_body('{"id":"x","op":"ping"}')
        first, second = c.recv(), c.recv()
        assert (first.id, first.code) == ("x", "invalid_request")
        assert (second.id, second.code) == ("x", "not_found")
        c.send_body('{"id":"x","op":"ping"}')
        assert c.recv().ok


def test_half_close_gets_every_reply_then_the_end(daemon, site, proxy):
    site.put("a", {"x": 1})
    d = daemon(site.settings(proxy.port))
    proxy.fault("delay", seconds=0.5, path="data/a")
    with d.connect() as c:
        ids = [c.send("kv.get", mount=site.mount, path="a") for _ in range(10)] + [c.send("ping")]
        c.shut_writing()
        assert sorted(c.recv().id for _ in ids) == ids
        assert c.recv() is None


def test_half_close_right_away_is_just_the_end(c):
    c.shut_writing()
    assert c.recv() is None


def test_half_close_in_the_middle_of_a_frame_ends_the_session(c):
    c.send_bytes(frame(b'{"id":1,"op":"ping"}')[:-3])
    c.shut_writing()
    assert c.is_closed()


def test_a_frame_may_come_byte_by_byte(c):
    for byte in frame(b'{"id":1,"op":"ping"}'):
        c.send_bytes(bytes([byte]))
    assert c.recv().ok


def test_an_oversized_frame_is_answered_after_the_others_and_then_closes(daemon, site, proxy):
    d = daemon(site.settings(proxy.port, limits={"request_bytes": "4K"}))
    proxy.fault("delay", seconds=0.5, path="data/a")
    with d.connect() as c:
        first = c.send("kv.get", mount=site.mount, path="a")
        c.send_body(b'{"id":99,' + b" " * 5000 + b'"op":"ping"}')
        assert c.recv().id == first
        last = c.recv()
        assert (last.id, last.code) == (None, "too_large")
        assert c.is_closed()


def test_a_frame_of_exactly_the_limit_is_taken(daemon, site):
    d = daemon(site.settings(limits={"request_bytes": "4K"}))
    for size, ok in ((4096, True), (4097, False)):
        with d.connect() as c:
            body = b'{"id":1,"op":"ping"}'
            c.send_body(body + b" " * (size - len(body)))
            reply = c.recv()
            assert reply.ok == ok
            assert ok or reply.code == "too_large"


def test_an_oversized_frame_is_told_from_its_header_alone(c):
    c.send_bytes(struct.pack(">I", 0xffffff))
    assert c.recv().code == "too_large"
    assert c.is_closed()


@pytest.mark.parametrize("kind", [DATA, 2, 0x7f, 0xff])
def test_a_frame_of_another_kind_ends_the_session(c, kind):
    c.send_bytes(frame(b"abc", kind=kind))
    reply = c.recv()
    assert reply is None or (reply.id, reply.code) == (None, "invalid_request")
    assert c.is_closed()


def test_nothing_is_read_after_a_frame_that_ends_the_session(c, site):
    put = f'{{"id":1,"op":"kv.put","mount":"{site.mount}","path":"a","data":{{}}}}'
    c.send_bytes(frame(b"", kind=DATA) + frame(put.encode()))
    assert c.is_closed()
    assert site.writes("a") == []


def test_a_waiting_request_is_dropped_when_its_caller_goes(daemon, site, proxy):
    d = daemon(site.settings(proxy.port))
    assert d.get(site.mount, "a").code == "not_found"
    proxy.fault("answered", how=HANG, path="data/a", times=-1)
    for _ in range(30):
        with d.connect() as c:
            c.send("kv.get", mount=site.mount, path="a", timeout_ms=60000)
    assert d.ping().ok


def test_failures_carry_code_message_status_and_retryable(c, site):
    error = c.call("kv.get", mount=site.mount, path="none").error
    assert set(error) >= {"code", "message", "status", "retryable"}
    assert error["message"]
