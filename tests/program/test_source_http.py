"""The http source: who may send, what is an event, and what senders are told."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time

import pytest

import provider as scripted
from kit import Heed, event, until

SECRET = "it's a secret"
WHSEC = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
CONFIG = f"""
heed: 1
name: hooks
store: sqlite:shop.db
sources:
  open:
    type: http
    listen: 127.0.0.1:0
    path: /events
    body_max: 4KiB
  shut: {{type: http, listen: "127.0.0.1:0", auth: {{bearer: "to ken"}}}}
  github:
    type: http
    listen: 127.0.0.1:0
    signature: {{type: github, secret: "{SECRET}"}}
    mapping:
      type: '"github." + .headers["x-github-event"]'
      when: .headers["x-github-event"] != "ping"
      subject: .body.repository.full_name
      data: '{{action: .body.action, dry: .query.dry}}'
  standard:
    type: http
    listen: 127.0.0.1:0
    signature: {{type: standard, secret: {WHSEC}}}
    mapping: {{type: .body.type, data: .body.data}}
  grid:
    type: http
    listen: 127.0.0.1:0
    allowed_origins: [eventgrid.azure.net, events.example.com]
    mapping: {{each: .body, type: .item.eventType, id: .item.id, time: .item.eventTime, data: .item.data}}
  form:
    type: http
    listen: 127.0.0.1:0
    mapping: {{type: '"call"', id: .body.CallSid, subject: .body.From}}
"""
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def heed(tmp_path_factory):
    program = Heed(tmp_path_factory.mktemp("hooks"), CONFIG).start()
    yield program
    assert program.stop() == 0


class Reply:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        text = response.read().decode()
        self.json = json.loads(text) if "json" in (response.headers["Content-Type"] or "") else None
        if 400 <= self.status:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert self.json["status"] == self.status and self.json["title"]

    @property
    def counts(self):
        assert self.status == 202, self.json
        return self.json["accepted"], self.json["duplicates"]

    def problem(self, status, *words):
        assert self.status == status, (self.status, self.json)
        assert all(word in self.json["detail"] for word in words), self.json


def ask(heed, source, body=b"", headers=None, method="POST", path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", heed.ports[source], timeout=20)
    try:
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        return Reply(connection.getresponse())
    finally:
        connection.close()


def stored(heed, id):
    (row,) = heed.rows(f"select body, trace from events where id = '{id}'")
    return json.loads(row[0]), row[1]


def binary(id, **attributes):
    ce = {"specversion": "1.0", "id": id, "source": "/s", "type": "t", **attributes}
    return {f"ce-{name}": value for name, value in ce.items()}


STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def test_structured_batched_binary(heed):
    to = {"path": "/events"}
    assert ask(heed, "open", event("s1"), STRUCTURED, **to).counts == (1, 0)
    assert ask(heed, "open", [event("b1"), event("b2"), event("s1")], BATCH, **to).counts == (2, 1)
    assert ask(heed, "open", [], BATCH, **to).counts == (0, 0)
    headers = {**binary("x1", subject="Euro%20%E2%82%AC%20%f0%9f%98%80", ext='"a \\"b\\""'),
               "Content-Type": "application/vnd.shop+json"}
    assert ask(heed, "open", {"n": 9007199254740993}, headers, **to).counts == (1, 0)
    body, _ = stored(heed, "x1")
    assert body["subject"] == "Euro € 😀" and body["ext"] == 'a "b"'
    assert body["data"] == {"n": 9007199254740993}
    # Without any word about it in the headers, an event is still one.
    assert ask(heed, "open", event("p1"), **to).counts == (1, 0)


def test_trace(heed):
    to = {"path": "/events"}
    other = TRACE.replace("4bf9", "5bf9")
    ask(heed, "open", event("t1"), {**STRUCTURED, "traceparent": TRACE}, **to)
    ask(heed, "open", {**event("t2"), "traceparent": other}, {**STRUCTURED, "traceparent": TRACE}, **to)
    ask(heed, "open", b"", {**binary("t3", traceparent=other), "traceparent": TRACE}, **to)
    ask(heed, "open", event("t4"), {**STRUCTURED, "traceparent": "00-zz"}, **to)
    assert [stored(heed, f"t{n}")[1] for n in (1, 2, 3)] == [TRACE, other, other]
    begun = stored(heed, "t4")[1]  # what is no context counts as none
    assert len(begun) == len(TRACE) and TRACE[3:35] not in begun


@pytest.mark.parametrize(
    "headers, body, status, words",
    [
        (STRUCTURED, b'{"specversion":', 400, ["1:"]),
        (STRUCTURED, {**event("1"), "time": "lunchtime"}, 400, ["time", "RFC 3339"]),
        (STRUCTURED, {**event("1"), "my.ext": 1}, 400, ["my.ext"]),
        (BATCH, [event("1"), {**event("2"), "source": ""}], 400, ["event 2", "source"]),
        (BATCH, [event(n) for n in range(10)] + [{}], 400, ["event 11", "id"]),
        (binary("1", subject="%C0%A0"), b"", 400, ["ce-subject", "percent"]),
        (binary("1", subject="50%"), b"", 400, ["ce-subject"]),
        (binary("1", datacontenttype="text/plain"), b"", 400, ["ce-datacontenttype", "Content-Type"]),
        ({"ce-id": "1"}, b"", 400, ["source"]),
        ({}, {"hello": 1}, 400, ["specversion", "mapping"]),
        ({}, b"", 400, ["empty"]),
        ({"Content-Type": "text/plain"}, b"hello", 415, ["application/cloudevents+json"]),
        ({"Content-Type": "application/cloudevents+xml"}, b"<e/>", 415, ["JSON"]),
        ({**STRUCTURED, "Content-Encoding": "gzip"}, b"\x1f\x8b", 415, ["compression"]),
        (STRUCTURED, b" " * 5000, 413, ["4096"]),
    ],
)
def test_what_is_wrong_is_named(heed, headers, body, status, words):
    before = heed.rows("select count(*) from events")
    ask(heed, "open", body, headers, path="/events").problem(status, *words)
    assert heed.rows("select count(*) from events") == before


def test_path_and_method(heed):
    ask(heed, "open", event("1"), STRUCTURED).problem(404, "/events")
    for method in ("GET", "PUT", "DELETE"):
        reply = ask(heed, "open", method=method, path="/events")
        reply.problem(405, "curl")
        assert reply.headers["Allow"] == "POST, OPTIONS"


def test_bearer(heed):
    ask(heed, "shut", event("1"), STRUCTURED).problem(401, "Bearer")
    for wrong in ("Bearer to ke", "Bearer to kenn", "Basic to ken", ""):
        reply = ask(heed, "shut", event("1"), {**STRUCTURED, "Authorization": wrong})
        reply.problem(401, "Bearer")
        assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert ask(heed, "shut", event("k1"), {**STRUCTURED, "Authorization": "bearer to ken"}).counts == (1, 0)
    assert ask(heed, "shut", event("k2"), STRUCTURED, path="/?a=b&access_token=to%20ken").counts == (1, 0)
    ask(heed, "shut", event("1"), STRUCTURED, path="/?access_token=to%20kem").problem(401)
    assert not any("to ken" in line for line in heed.log)


def signed(body, kind="issues", id="d-1", secret=SECRET):
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": kind, "X-GitHub-Delivery": id}


def test_github(heed):
    body = b'{"action":"opened","repository":{"full_name":"o/r"}}'
    assert ask(heed, "github", body, signed(body), path="/?dry=y%20es&access_token=x").counts == (1, 0)
    assert ask(heed, "github", body, signed(body)).counts == (0, 1)  # the same delivery again
    assert ask(heed, "github", body, signed(body, "ping", "d-2")).counts == (0, 0)
    event, _ = stored(heed, "d-1")
    assert (event["type"], event["subject"]) == ("github.issues", "o/r")
    assert event["data"] == {"action": "opened", "dry": "y es"} and event["source"] == "sources/github"
    ask(heed, "github", body + b" ", signed(body)).problem(401, "wrong")
    ask(heed, "github", body, signed(body, secret="guess")).problem(401, "wrong")
    ask(heed, "github", body).problem(401, "X-Hub-Signature-256", "missing")
    ask(heed, "github", b"no json", signed(b"no json")).problem(400, "1:")
    ask(heed, "github", b"[]", {**signed(b"[]"), "X-GitHub-Delivery": "d-3"}).problem(400, "mapping.")


def standard(body, id="msg_1", age=0, secret=WHSEC):
    at = str(int(time.time()) - age)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": id, "webhook-timestamp": at,
            "webhook-signature": "v1a,xx v1,AAAA v1," + base64.b64encode(digest).decode()}


def test_standard_webhooks(heed):
    body = b'{"type":"user.created","data":{"id":1}}'
    assert ask(heed, "standard", body, standard(body)).counts == (1, 0)
    assert ask(heed, "standard", body, standard(body, age=60)).counts == (0, 1)
    assert stored(heed, "msg_1")[0]["data"] == {"id": 1}
    ask(heed, "standard", body, standard(body, age=400)).problem(401, "old")
    ask(heed, "standard", body, standard(body, age=-400)).problem(401, "ahead")
    ask(heed, "standard", body, {**standard(body), "webhook-id": "msg_2"}).problem(401, "wrong")
    ask(heed, "standard", body).problem(401, "webhook-id")
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    ask(heed, "standard", body, standard(body, secret=other)).problem(401, "wrong")


def test_options_handshake(heed):
    origin = {"WebHook-Request-Origin": "Events.example.com", "WebHook-Request-Rate": "120"}
    granted = ask(heed, "grid", headers=origin, method="OPTIONS")
    assert granted.status == 200 and granted.headers["WebHook-Allowed-Origin"] == "Events.example.com"
    assert granted.headers["WebHook-Allowed-Rate"] == "120" and granted.headers["Allow"] == "POST"
    for source, name in (("grid", "evil.example.com"), ("grid", "a b"), ("open", "events.example.com")):
        path = "/events" if source == "open" else "/"
        refused = ask(heed, source, headers={**origin, "WebHook-Request-Origin": name},
                      method="OPTIONS", path=path)
        refused.problem(403, "allowed_origins")
        assert refused.headers["WebHook-Allowed-Origin"] is None
    assert ask(heed, "grid", method="OPTIONS").headers["Allow"] == "POST, OPTIONS"


def test_event_grid(heed):
    kind = {"aeg-event-type": "SubscriptionValidation"}
    body = [{"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
             "data": {"validationCode": "512d38b6"}}]
    reply = ask(heed, "grid", body, kind)
    assert reply.status == 200 and reply.json == {"validationResponse": "512d38b6"}
    ask(heed, "grid", [], kind).problem(400, "validationCode")
    ask(heed, "github", body, {**kind, **signed(json.dumps(body).encode())}).problem(403, "eventgrid")
    events = [{"id": f"g{n}", "eventType": "blob", "eventTime": "2026-01-01T00:00:00Z", "data": n}
              for n in range(3)]
    assert ask(heed, "grid", events, {"aeg-event-type": "Notification"}).counts == (3, 0)
    assert stored(heed, "g2")[0]["time"] == "2026-01-01T00:00:00.000Z"
    ask(heed, "grid", {"id": "1"}).problem(400, "mapping.each")
    ask(heed, "grid", [events[0], {}]).problem(400, "item 2", "mapping.type")


def test_form(heed):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(heed, "form", b"CallSid=CA1&From=%2B49%201&Body=a+b", form).counts == (1, 0)
    event, _ = stored(heed, "CA1")
    assert event["subject"] == "+49 1" and event["data"]["Body"] == "a b"
    ask(heed, "form", b"CallSid=%zz", form).problem(400, "percent")


SHARED = """
heed: 1
name: shared
store: sqlite:shop.db
sources:
  a: {type: http, listen: "127.0.0.1:%d", path: /a, body_max: 2KiB}
  b: {type: http, listen: "127.0.0.1:%d", path: %s, auth: {bearer: key}}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_sources_share_an_address(make_heed):
    port = free_port()
    heed = make_heed(SHARED % (port, port, "/b")).start()
    assert heed.ports == {"a": port, "b": port}
    key = {**STRUCTURED, "Authorization": "Bearer key"}
    large = event("2", text="x" * 3000)
    assert ask(heed, "a", event("1"), STRUCTURED, path="/a").counts == (1, 0)
    assert ask(heed, "b", large, key, path="/b").counts == (1, 0)
    ask(heed, "a", large, STRUCTURED, path="/a").problem(413, "2048")
    ask(heed, "b", event("3"), STRUCTURED, path="/b").problem(401)
    ask(heed, "a", event("3"), STRUCTURED, path="/c").problem(404, "/a", "/b")
    assert heed.stop() == 0
    heed.config.write_text(SHARED % (port, port, "/a"))
    refused = heed.command("run", "heed.yaml", check=False)
    assert refused.returncode != 0 and 'source "a" takes /a' in refused.stderr


BACK_PRESSURE = """
heed: 1
name: busy
store: sqlite:shop.db
limits: {queue_depth: 5, drain: 1ms}
models:
  slow: {provider: openai, model: gpt-4o-mini, api_key: x, endpoint: "%s", limits: {in_flight: 8}}
sources:
  open: {type: http, listen: "127.0.0.1:0"}
reactions:
  think:
    on: customer_created
    ask: {model: slow, prompt: "think {{ .event.id }}", answer: {type: object}}
"""


def test_back_pressure(make_heed, provider):
    provider.default = scripted.answer({}, delay=1)
    heed = make_heed(BACK_PRESSURE % provider.openai_url).start()
    assert ask(heed, "open", [event(n) for n in range(3)], BATCH).counts == (3, 0)
    ask(heed, "open", [event(n) for n in range(6)], BATCH).problem(413, "queue_depth")
    assert ask(heed, "open", [event(3), event(4)], BATCH).counts == (2, 0)
    busy = ask(heed, "open", event("late"), STRUCTURED)
    busy.problem(429, "nothing was stored")
    assert int(busy.headers["Retry-After"]) >= 1
    assert heed.rows("select count(*) from events") == [(5,)]
    heed.until("select count(*) from runs where state = 5", [(5,)])
    until(lambda: ask(heed, "open", event("late"), STRUCTURED).status == 202)
