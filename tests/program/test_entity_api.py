"""The HTTP interface of entities: states, events, commands that wait, and the feed."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from kit import HEED, until
from provider import answer, hang

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
api: {{listen: "127.0.0.1:0"{api}}}
models:
  careful: {{provider: openai, endpoint: "{url}", model: gpt-4o-mini, api_key: k,
            price: {{input: 1, output: 2}}}}
sources:
  web: {{type: http, listen: "127.0.0.1:0"}}
entities:
  order:
    {entity}
    commands: {{place_order: {{type: object, required: [total]}}, note: {{}}, broken: {{}}}}
    initial: {{notes: 0}}
    apply:
      order_placed: '.state + {{total: .event.data.total}}'
      order_noted: '.state + {{notes: (.state.notes + 1)}}'
      order_broken: .event.data.no.such.thing + 1
    decide:
      model: careful
      events: {{order_placed: {{type: object}}, order_noted: {{type: object}}, order_broken: {{type: object}}}}
      rules:
        - {{commands: [note], when: .command.data.silent, accept: []}}
        - {{commands: [note], accept: [{{type: order_noted}}]}}
        - {{commands: [broken], when: .command.data.reject, reject: it is broken}}
        - {{commands: [broken], when: '.state | error("no")', reject: never}}
"""


def accept(total, **more):
    return answer({"reason": "fine", "accepted": True,
                   "events": [{"type": "order_placed", "data": {"total": total}}]}, **more)


class Api:
    def __init__(self, heed):
        self.heed = heed

    @property
    def port(self):
        return int(re.search(r"api: on port (\d+)", "".join(self.heed.log))[1])

    def ask(self, method, path, body=None, **headers):
        """Status, headers and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        headers = {n.lower(): v for n, v in reply.getheaders()}
        return reply.status, headers, json.loads(text) if "json" in headers.get("content-type", "") else text

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.ask("POST", path, body, **headers)

    def note(self, id="o-1", n=1):
        for _ in range(n):
            assert self.post(f"/entities/order/{id}/note")[0] == 200


@pytest.fixture
def api(make_heed, provider):
    def make(api="", entity=""):
        return Api(make_heed(CONFIG.format(url=provider.openai_url, api=api, entity=entity)).start())

    return make


# ---- states and events -------------------------------------------------------------------


def test_states(api):
    api = api()
    api.note(n=3)
    status, headers, body = api.get("/entities/order/o-1")
    assert (status, headers["etag"]) == (200, '"3"')
    assert body == {"entity": "order", "id": "o-1", "version": 3, "state": {"notes": 3}}
    assert api.get("/entities/order/o-1", If_None_Match='"3"')[0] == 304
    assert api.get("/entities/order/o-1", If_None_Match='"2"')[0] == 200
    status, headers, body = api.get("/entities/order/o-1?at=2")
    assert (status, headers["etag"], body["state"]) == (200, '"2"', {"notes": 2})
    times = [e["time"] for e in api.get("/entities/order/o-1/events")[2]["items"]]
    assert api.get(f"/entities/order/o-1?at={times[1]}")[2]["version"] >= 2
    assert api.get("/entities/order/o-1?at=2020-01-01T00:00:00Z")[0] == 404
    assert api.get("/entities/order/o-1?at=4")[2]["detail"] == 'order "o-1" is at version 3 only'
    assert api.get("/entities/order/o-1?at=soon")[0] == 400
    assert api.get("/entities/order/o-1?at=0")[0] == 400
    assert api.get("/entities/order/o-2")[0] == 404
    status, _, body = api.get("/entities/ordr/o-1")
    assert status == 404 and body["hint"] == 'did you mean "order"?'
    # the same after a restart, from the store
    api.heed.stop()
    api.heed.start()
    assert api.get("/entities/order/o-1")[2]["state"] == {"notes": 3}


def test_events_and_lists_come_in_pages(api):
    api = api()
    for n in range(3):
        api.note(f"o-{n}", n + 1)
    assert api.get("/entities/order?limit=2")[2] == {
        "items": [{"id": "o-0", "version": 1}, {"id": "o-1", "version": 2}], "next": "o-1"}
    assert api.get("/entities/order?limit=2&after=o-1")[2] == {"items": [{"id": "o-2", "version": 3}]}
    status, _, page = api.get("/entities/order/o-2/events?limit=2")
    assert status == 200 and page["next"] == 3
    assert [(e["version"], e["position"], e["type"]) for e in page["items"]] == \
        [(1, 4, "order_noted"), (2, 5, "order_noted")]
    page = api.get("/entities/order/o-2/events?from=3")[2]
    assert [e["version"] for e in page["items"]] == [3] and "next" not in page
    assert api.get("/entities/order/o-2/events?from=4")[2] == {"items": []}
    assert api.get("/entities/order/o-9/events")[0] == 404
    assert api.get("/entities/order/o-2/events?from=x")[0] == 400


def test_ids_of_any_kind(api):
    api = api()
    for id, path in [("a b/c", "a%20b%2Fc"), ("ü", "%C3%BC"), ("'; drop table events; --",
                     "%27%3B%20drop%20table%20events%3B%20--"), ("100%", "100%25")]:
        status, _, body = api.post(f"/entities/order/{path}/note")
        assert (status, body["id"]) == (200, id)
        assert api.get(f"/entities/order/{path}")[2]["id"] == id
    assert api.post(f"/entities/order/{'x' * 201}/note")[0] == 400
    assert api.post("/entities/order/a%00b/note")[0] in (400, 404)
    assert api.post("/entities/order/note")[0] == 404


def test_a_state_that_cannot_be_folded_says_why(api):
    api = api()
    api.note(n=2)
    api.heed.stop()
    api.heed.execute("delete from events where version = 1")
    api.heed.start()
    status, _, body = api.get("/entities/order/o-1")
    assert status == 500 and "no version 1: it is damaged" in body["detail"]
    result = api.heed.command("state", "order", "o-1", check=False)
    assert result.returncode == 1 and "no version 1: it is damaged" in result.stderr


def test_heed_state(api):
    api = api()
    api.note(n=3)
    api.note("o-2")
    command = api.heed.command  # beside the running heed
    assert "order/o-1, version 3" in command("state", "order", "o-1").stdout
    told = json.loads(command("state", "order", "o-1", "--at", "2", "--json").stdout)
    assert told == {"entity": "order", "id": "o-1", "version": 2, "state": {"notes": 2}}
    lines = command("state", "order", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["o-1", "o-2"]
    assert command("state", "order", "--after", "o-1").stdout.split() == ["o-2", "version", "1"]
    listed = command("events", "--stream", "order/o-1", "--json").stdout.splitlines()
    assert [json.loads(line)["version"] for line in listed] == [3, 2, 1]
    for words, told in [(("order", "o-9"), "no events of order/o-9"), (("oder",), 'mean "order"'),
                        (("order", "o-1", "--at", "7"), "at version 3 only"), ((), "order"),
                        (("order", "o-1", "--at", "x"), "--at")]:
        result = command("state", *words, check=False)
        assert result.returncode in (1, 2) and told in result.stderr


# ---- commands ----------------------------------------------------------------------------


def test_a_command_is_answered_with_its_decision(api, provider):
    api = api()
    provider.script([accept(20), answer({"reason": "too dear", "accepted": False, "events": []})])
    status, _, body = api.post("/entities/order/o-1/place_order", {"total": 20})
    assert status == 200 and body["accepted"] and body["version"] == 1
    (event,) = body["events"]
    assert event["data"] == {"total": 20} and event["position"] == 1
    assert event["causationid"] == body["command"] and event["aimodel"].endswith("gpt-4o-mini")
    status, headers, body = api.post("/entities/order/o-1/place_order", {"total": 9999})
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert (body["detail"], body["by"], body["accepted"]) == ("too dear", "model", False)
    status, _, body = api.post("/entities/order/o-1/place_order", {"totl": 9999})
    assert status == 422 and body["by"] == "command" and 'is missing "total"' in body["detail"]
    assert len(provider.calls) == 2
    status, _, body = api.post("/entities/order/o-1/note", {"silent": True})
    assert status == 200 and body["events"] == []


def test_a_command_that_cannot_be_decided(api):
    api = api()
    status, _, body = api.post("/entities/order/o-1/broken", {})
    assert status == 500 and body["title"] == "Not decided" and "rule 4" in body["detail"]
    assert body["run"] == 1
    status, _, body = api.post("/entities/order/o-1/broken", {"reject": True})
    assert status == 422 and body["detail"] == "it is broken"


def test_an_expected_version(api):
    api = api()
    api.note()
    assert api.post("/entities/order/o-1/note", If_Match='"1"')[0] == 200
    status, _, body = api.post("/entities/order/o-1/note", If_Match='"1"')
    assert status == 409 and body["by"] == "conflict" and "version 2" in body["detail"]
    assert api.post("/entities/order/o-1/note", If_Match="2")[0] == 200
    assert api.post("/entities/order/o-1/note", If_Match="*")[0] == 200
    assert api.post("/entities/order/o-1/note", If_Match='"x"')[0] == 400


def test_a_repeated_command_gets_the_first_answer(api, provider):
    api = api()
    provider.script([accept(20)])
    send = lambda data, key='"k-1"', id="o-1", command="place_order": api.post(  # noqa: E731
        f"/entities/order/{id}/{command}", data, Idempotency_Key=key)
    status, headers, first = send({"total": 20})
    assert status == 200 and "idempotent-replayed" not in headers and first["command"] == "k-1"
    for key in ('"k-1"', "k-1"):
        status, headers, again = send({"total": 20}, key)
        assert (status, again, headers["idempotent-replayed"]) == (200, first, "true")
    api.heed.stop()
    api.heed.start()
    assert send({"total": 20})[2] == first
    assert len(provider.calls) == 1
    for data, command in (({"total": 21}, "place_order"), ({"total": 20}, "note")):
        status, _, body = send(data, command=command)
        assert status == 422 and body["title"] == "Key used before"
    assert send({}, id="o-2", command="note")[0] == 200  # of another one
    assert send({}, key='"' + "x" * 256 + '"')[0] == 400


def test_a_decision_that_takes_long(api, provider):
    api = api()
    provider.script([accept(5, delay=0.8)])
    key = {"Idempotency_Key": "slow"}
    begun = time.monotonic()
    status, _, body = api.post("/entities/order/o-1/place_order", {"total": 5},
                               Prefer="respond-async, wait=0", **key)
    assert status == 202 and body["command"] == "slow" and time.monotonic() - begun < 0.6
    # while it is decided, the same request waits for the same decision
    status, _, body = api.post("/entities/order/o-1/place_order", {"total": 5}, Prefer="wait=20", **key)
    assert status == 200 and body["version"] == 1 and len(provider.calls) == 1


def test_many_wait_at_once(api, provider):
    api = api(entity="key: .event.id")
    provider.default = accept(1, delay=0.2)
    statuses = []
    threads = [threading.Thread(target=lambda n=n: statuses.append(
        api.post(f"/entities/order/o-{n}/place_order", {"total": 1})[0])) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40


def test_what_is_refused(api):
    api = api(entity="id: .event.data.order")
    assert api.post("/entities/order/o-1/note", {"order": "o-1"})[0] == 200
    status, _, body = api.post("/entities/order/o-1/note", {"order": "o-2"})
    assert status == 400 and 'id: gives "o-2"' in body["detail"]
    status, _, body = api.post("/entities/order/o-1/note", {})
    assert status == 400 and "which order it is for" in body["detail"]
    status, _, body = api.post("/entities/order/o-1/nite", {"order": "o-1"})
    assert status == 404 and body["hint"] == 'did you mean "note"?'
    assert api.post("/entities/order/o-1/note", "{", Content_Type="application/json")[0] == 400
    assert api.post("/entities/order/o-1/note", '{"order":"o-1"}', Content_Type="text/plain")[0] == 400
    assert api.post("/entities/order/o-1/note", " " * (1 << 21))[0] == 413
    assert api.ask("PUT", "/entities/order/o-1")[0] == 405
    assert api.get("/nothing")[0] == 404
    assert api.heed.rows("select count(*) from events where type = 'note'") == [(1,)]


def test_the_token_is_asked_for(api):
    api = api(api=", bearer: s3cret")
    for path in ("/entities/order", "/feed", "/nothing"):
        for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "Basic s3cret"}):
            status, reply, _ = api.get(path, **headers)
            assert status == 401 and reply["www-authenticate"] == "Bearer"
    assert api.get("/entities/order", Authorization="Bearer s3cret")[0] == 200
    assert "s3cret" not in "".join(api.heed.log)


def test_check_warns_of_an_open_api(api, make_heed, provider):
    config = CONFIG.format(url=provider.openai_url, api="", entity="").replace("127.0.0.1:0", "0.0.0.0:1", 1)
    told = make_heed(config).command("check", "heed.yaml")
    assert "open to everyone" in told.stderr + told.stdout


# ---- the feed ----------------------------------------------------------------------------


class Feed:
    """Reads server-sent events as they come."""

    def __init__(self, api, path="/feed", **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
        self.connection.request("GET", path, headers=headers)
        self.reply = self.connection.getresponse()
        assert self.reply.status == 200
        assert self.reply.getheader("content-type") == "text/event-stream"

    def next(self):
        event = {}
        while True:
            line = self.reply.readline().decode()
            if line == "":
                return None
            if line == "\n":
                if "data" in event:
                    return event
                continue
            name, _, value = line.rstrip("\n").partition(": ")
            event[name] = value

    def take(self, n):
        return [self.next() for _ in range(n)]

    def close(self):
        self.reply.close()
        self.connection.close()


def test_the_feed_catches_up_and_follows(api):
    api = api()
    api.note("a", 2)
    api.note("b", 1)
    feed = Feed(api)
    events = feed.take(3)
    assert [e["id"] for e in events] == ["1", "2", "3"]
    assert [json.loads(e["data"])["stream"] for e in events] == ["order/a", "order/a", "order/b"]
    assert events[0]["event"] == "order_noted" and json.loads(events[2]["data"])["position"] == 3
    api.note("c")
    assert feed.next()["id"] == "4"
    feed.close()
    # from a position, behind the last one that was seen, of one stream or some, or only new ones
    for path, headers, wanted in [("/feed?from=3", {}, "3"), ("/feed", {"Last-Event-ID": "3"}, "4"),
                                  ("/feed?stream=order/b", {}, "3"), ("/feed?stream=ord*&from=2", {}, "2")]:
        feed = Feed(api, path, **headers)
        assert feed.next()["id"] == wanted
        feed.close()
    new = Feed(api, "/feed?from=end")
    time.sleep(0.05)  # it has looked for the end by then, or sees a later one
    api.note("d")
    assert int(new.next()["id"]) >= 5
    new.close()
    assert api.get("/feed?from=x")[0] == 400


def test_a_long_feed_with_a_slow_reader(api):
    """More than fits into any buffer; nothing is missing, nothing comes twice."""
    api = api()
    batch = [{"specversion": "1.0", "id": str(n), "source": "/t", "type": "note", "subject": f"s-{n % 7}",
              "data": {"text": "x" * 400}} for n in range(3000)]
    feed = Feed(api)
    for at in range(0, len(batch), 500):
        api.heed.post(*batch[at:at + 500])
    api.heed.until("select max(position) from events", [(3000,)], 60)
    assert [int(e["id"]) for e in feed.take(3000)] == list(range(1, 3001))
    feed.close()
    one = Feed(api, "/feed?stream=order/s-3")
    assert [json.loads(e["data"])["version"] for e in one.take(428)] == list(range(1, 429))
    one.close()


def test_feeds_end_with_the_process(api):
    api = api()
    api.note()
    feeds = [Feed(api) for _ in range(3)]
    for feed in feeds:
        assert feed.next()["id"] == "1"
    assert api.heed.stop() == 0
    assert [feed.next() for feed in feeds] == [None] * 3


def test_commands_that_wait_end_with_the_process(api, provider):
    api = api()
    provider.default = hang(60)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        api.post("/entities/order/o-1/place_order", {"total": 1}, Prefer="wait=60")))
    thread.start()
    until(lambda: len(provider.calls) == 1)
    api.heed.process.send_signal(signal.SIGTERM)
    until(lambda: any("stopping" in line for line in api.heed.log))
    api.heed.process.send_signal(signal.SIGTERM)  # now
    thread.join(20)
    assert answers[0][0] == 503
    api.heed.stop(signal.SIGTERM)


def test_the_example():
    """./dev demo orders, as it is shown."""
    example = Path(__file__).parents[2] / "examples/orders/demo"
    told = subprocess.run([example], capture_output=True, text=True, check=True, timeout=60,
                          env={**os.environ, "HEED": HEED}).stdout
    for words in ("200 accepted: order_cancelled (version 2)", "rejected by model: the note asks",
                  "rejected by check: the state that would result breaks", "rejected by command: the data",
                  "rejected by rule: there is an order o-1 already", '"why": "the workshop is not built"',
                  "card:     85.5 charged", "released", "the card was declined", "compensated after",
                  "ops_lead is asked: Fulfil order s-3 over 1800?", "approve by ann: we know them",
                  "waiting     fulfil_order         o-2"):
        assert words in told, told
