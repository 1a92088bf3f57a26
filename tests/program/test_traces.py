"""Spans to an OTLP collector: their content, and who is whose parent over a chain of events."""

import collections
import http.server
import json
import threading

import pytest

import provider as scripted
from kit import event, until

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
observe:
  traces: {endpoint: "COLLECTOR", interval: 50ms, headers: {X-Key: "secret-key-2"}, EXTRA}
models:
  quick: {provider: openai, endpoint: "PROVIDER", model: gpt-4o-mini, api_key: secret-key-1}
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  enrich:
    on: customer_created
    ask:
      model: quick
      prompt: "Analyze {{ .event.data }}"
      retry: {delay: 10ms}
      answer: {type: object, required: [segment], properties: {segment: {type: string}}}
    then:
      - http: {method: POST, url: "COLLECTOR/effect", body: .answer}
      - emit: {type: customer_enriched, data: .answer}
  score:
    on: customer_enriched
    then:
      - emit: {type: customer_scored, data: {score: 1}}
  tell:
    on: customer_scored
    then:
      - log: {message: scored}
  refuse:
    on: bad
    ask: {model: quick, prompt: no, retry: {attempts: 1}}
"""


class Collector(http.server.ThreadingHTTPServer):
    """Keeps spans by name, and the headers of what comes to /effect. `script`: statuses to answer first."""

    def __init__(self):
        self.spans, self.effects, self.script, self.keys = [], [], [], set()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, prefix):
        return [span for span in self.spans if span["name"].startswith(prefix)]

    def one(self, prefix):
        (span,) = until(lambda: self.named(prefix))
        return span


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = 200
        if self.path == "/effect":
            self.server.effects.append(self.headers)
        else:
            assert self.path == "/v1/traces"
            status = self.server.script.pop(0) if self.server.script else 200
            self.server.keys.add(self.headers["X-Key"])
            if status == 200:
                for resource in body["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        self.server.spans += scope["spans"]
        data = b"{}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def collector():
    server = Collector()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def shop(make_heed, collector, provider):
    def make(extra="sample: 1"):
        provider.default = scripted.answer({"segment": "smb"})
        return make_heed(CONFIG.replace("COLLECTOR", collector.url).replace("EXTRA", extra)
                         .replace("PROVIDER", provider.openai_url))

    return make


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def test_a_chain_of_three_events(shop, collector, provider):
    heed = shop().start()
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    heed.post({**event(1), "traceparent": f"00-{trace}-{parent}-01"})
    until(lambda: len(collector.spans) >= 9)
    assert heed.stop() == 0
    spans = {span["name"]: span for span in collector.spans}
    assert len(spans) == len(collector.spans) == 9
    assert {span["traceId"] for span in collector.spans} == {trace}
    assert len({span["spanId"] for span in collector.spans}) == 9
    chain = ["receive customer_created", "reaction enrich", "emit then.2", "reaction score", "emit then.1",
             "reaction tell", "log then.1"]
    assert spans[chain[0]]["parentSpanId"] == parent
    for above, below in zip(chain, chain[1:]):
        assert spans[below]["parentSpanId"] == spans[above]["spanId"], (above, below)
    for name in ("chat gpt-4o-mini", "http then.1"):
        assert spans[name]["parentSpanId"] == spans["reaction enrich"]["spanId"]
    # What went out named the very span.
    effect = collector.effects[0]["traceparent"]
    assert effect == f"00-{trace}-{spans['http then.1']['spanId']}-01"
    chat = spans["chat gpt-4o-mini"]
    assert provider.calls[0].headers["traceparent"] == f"00-{trace}-{chat['spanId']}-01"
    assert collector.keys == {"secret-key-2"}
    told = attributes(chat)
    assert told["gen_ai.operation.name"] == "chat" and told["gen_ai.request.model"] == "gpt-4o-mini"
    assert told["gen_ai.provider.name"] == "openai" and told["heed.model"] == "quick"
    assert int(told["gen_ai.usage.input_tokens"]) > 0 and told["heed.cost_usd"] > 0
    assert "gen_ai.input.messages" not in told
    for span in collector.spans:
        assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"]) > 1.7e18
        assert set(span["status"]) == set()
    assert attributes(spans["reaction tell"])["cloudevents.event_type"] == "customer_scored"


def test_an_event_without_context_begins_a_trace(shop, collector):
    heed = shop().start()
    heed.post(event(1))
    heed.post(event(2))
    until(lambda: len(collector.spans) >= 18)
    roots = [span for span in collector.spans if "parentSpanId" not in span]
    assert [span["name"] for span in roots] == ["receive customer_created"] * 2
    sizes = collections.Counter(span["traceId"] for span in collector.spans)
    assert sorted(sizes.values()) == [9, 9]
    known = {span["spanId"] for span in collector.spans}
    assert all(span["parentSpanId"] in known for span in collector.spans if span not in roots)


def test_failures_and_attempts(shop, collector, provider):
    provider.script([scripted.status(500), scripted.answer({"segment": "smb"}),
                     scripted.status(400, "no such thing")])
    heed = shop().start()
    heed.post(event(1))
    chats = until(lambda: len(collector.named("chat")) == 2 and collector.named("chat"))
    failed = next(span for span in chats if attributes(span)["heed.attempt"] == "1")
    assert failed["status"]["code"] == 2 and attributes(failed)["error.type"] == "transient"
    heed.post(event(2, type="bad"))
    run = collector.one("reaction refuse")
    assert run["status"]["code"] == 2 and "no such thing" in run["status"]["message"]
    assert attributes(run)["heed.state"] == "dead"


def test_capture_by_event_type(shop, collector):
    heed = shop("capture: full, capture_types: {customer_created: redacted}").start()
    heed.post(event(1, email="ada@example.com", name="Ada"), event(2, type="bad"))
    until(lambda: len(collector.named("chat")) == 2)
    asked = {attributes(s)["gen_ai.input.messages"] for s in collector.named("chat")}
    text = " ".join(asked)
    assert "Ada" in text and "[EMAIL_1]" in text and "ada@example.com" not in text
    assert any('"content":"no"' in one for one in asked)
    assert '\\"segment\\"' in attributes(collector.named("chat")[0])["gen_ai.output.messages"]


def test_sampling(shop, collector):
    heed = shop("sample: 0").start()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 5", [(3,)])
    heed.stop()
    assert collector.spans == []
    # The effect's context goes out all the same.
    assert collector.effects[0]["traceparent"].endswith("-01")


def test_a_sender_that_wants_no_trace(shop, collector):
    heed = shop().start()
    heed.post({**event(1), "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"})
    heed.until("select count(*) from runs where state = 5", [(3,)])
    heed.stop()
    assert collector.spans == [] and collector.effects[0]["traceparent"].endswith("-00")


def test_a_collector_in_trouble(shop, collector):
    """What is refused for now comes again; what is refused for good is said in the log."""
    collector.script = [503, 400]
    heed = shop().start()
    heed.post(event(1))
    until(lambda: any("spans were dropped" in line for line in heed.log))
    assert any("answered 400" in line for line in heed.log)
    heed.post(event(2))
    until(lambda: len(collector.spans) >= 9)


def test_spans_survive_a_kill(shop, collector, provider):
    """A run that was cut off tells its whole story when it has ended after the restart."""
    provider.script([scripted.hang(60)])
    heed = shop().start()
    heed.post(event(1))
    provider.wait(1)
    heed.stop(9)
    provider.script([])
    heed.start()
    run = collector.one("reaction enrich")
    chats = until(lambda: len(collector.named("chat")) == 2 and collector.named("chat"))
    assert {span["parentSpanId"] for span in chats} == {run["spanId"]}
    assert {attributes(span).get("error.type") for span in chats} == {"cut_off", None}
