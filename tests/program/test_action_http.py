"""http actions against a real server: what is sent, what is read, what is tried again."""

import json
import signal
import threading
import time

import pytest

from kit import event, until
from web import Web

HEAD = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  act:
    on: customer_created
    then:
"""


def act(yaml):
    return HEAD + "".join(f"      {line}\n" for line in yaml.strip().splitlines())


@pytest.fixture
def web():
    with Web() as server:
        yield server


def results(heed, step="then.1"):
    return [json.loads(r) for (r,) in heed.rows(
        f"select reply from journal where step = '{step}' and state = 1 order by run_id")]


def test_what_is_sent(make_heed, web, tmp_path):
    heed = make_heed(act(f"""
- http:
    method: PUT
    url: "{web.url}/things/{{{{ .event.data.name }}}}?fixed=1"
    query: {{q: "{{{{ .event.data.name }}}}", key: "${{MY_KEY}}"}}
    headers: {{X-Trace: "{{{{ .event.id }}}}", X-Api-Key: "${{MY_KEY}}"}}
    auth: {{user: ada, password: "${{MY_PASSWORD}}"}}
    body: {{id: .event.data.id, list: [1, .event.data.none, "{{{{ .event.type }}}}"]}}
- http: {{url: "{web.url}/form", form: {{a: "{{{{ .event.data.name }}}}", "b c": "2"}}, auth: {{bearer: "${{MY_PASSWORD}}"}}}}
- http: {{url: "{web.url}/text", text: "hello {{{{ .event.data.name }}}}", headers: {{content-type: text/markdown}}}}
- http: {{url: "{{{{ .event.data.where }}}}/whole", method: GET}}
"""))
    heed.start(env={"MY_KEY": "k-4711-secret", "MY_PASSWORD": "pa55-word"})
    name = "../a b&c=d/ü?#"
    big = 9007199254740993
    heed.post({**event(big, name=name, where=web.url + "/raw/path"),
               "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    heed.until("select count(*) from runs where state = 5", [(1,)])
    put, form, text, get = web.requests
    assert put.method == "PUT" and put.target.startswith(
        "/things/..%2Fa%20b%26c%3Dd%2F%C3%BC%3F%23?fixed=1&q=")
    assert put.query == {"fixed": ["1"], "q": [name], "key": ["k-4711-secret"]}
    assert put.headers["x-trace"] == str(big) and put.headers["x-api-key"] == "k-4711-secret"
    assert put.headers["authorization"] == "Basic YWRhOnBhNTUtd29yZA=="
    assert put.headers["content-type"] == "application/json"
    assert put.headers["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert put.body == {"id": big, "list": [1, None, "customer_created"]}
    assert form.method == "POST" and form.raw == b"a=..%2Fa%20b%26c%3Dd%2F%C3%BC%3F%23&b%20c=2"
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form.headers["authorization"] == "Bearer pa55-word"
    assert text.raw.decode() == "hello " + name and text.headers["content-type"] == "text/markdown"
    assert get.path == "/raw/path/whole" and get.key is None and get.raw == b""
    keys = {r.key for r in (put, form, text)}
    assert len(keys) == 3 and all(k.startswith('"') and len(k) == 38 for k in keys)
    assert heed.stop() == 0
    stored = b"".join(p.read_bytes() for p in tmp_path.glob("shop.db*"))
    assert b"4711" not in stored and b"pa55" not in stored and b"YWRhOn" not in stored
    (request,), = heed.rows("select request from journal where step = 'then.1'")
    assert json.loads(request)["headers"]["X-Api-Key"] == "${MY_KEY}"
    assert json.loads(request)["url"].endswith("key=%24%7BMY_KEY%7D")


BODIES = [
    ((200, {"id": 9007199254740993}), {"id": 9007199254740993}),
    ((201, "123"), "123"),
    ((200, "123", {"Content-Type": "application/json; charset=utf-8"}), 123),
    ((200, '{"a": 1}', {"Content-Type": "text/plain"}), {"a": 1}),
    ((200, "[half", {"Content-Type": "application/problem+json"}), "[half"),
    ((200, "true", {"Content-Type": "text/html"}), "true"),
    ((204, None), None),
    ((200, b"\xff\x00"), None),
]


@pytest.mark.parametrize("answer, body", BODIES, ids=[str(a[0][1:]) for a in BODIES])
def test_what_is_read(make_heed, web, answer, body):
    if isinstance(answer[1], str) and len(answer) == 2:
        answer = (*answer, {"Content-Type": "text/plain"})
    web.answer = (*answer, {})[:3] if len(answer) < 3 else answer
    web.answer = (web.answer[0], web.answer[1], {**web.answer[2], "X-Id": "7", "Set-Cookie": "s=1"})
    heed = make_heed(act(f'- http: {{url: "{web.url}/"}}')).start()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    (result,) = results(heed)
    assert result["status"] == answer[0] and result["body"] == body
    assert result["headers"]["x-id"] == "7" and "set-cookie" not in result["headers"]
    assert result.get("body_base64") == ("/wA=" if answer[1] == b"\xff\x00" else None)


@pytest.mark.parametrize("answers, state, n", [
    ([503, 500, 200], 5, 3), ([409, 200], 5, 2), ([408, 425, 200], 5, 3), ([None, 200], 5, 2),
    ([400], 6, 1), ([422], 6, 1), ([500] * 4, 6, 4), ([(301, "", {"Location": "/new"})], 6, 1),
    ([(200, "x" * 3000)], 6, 1),
], ids=str)
def test_keyed(make_heed, web, answers, state, n):
    """What may pass is tried again with the same key; what may not is a dead letter."""
    left = list(answers)
    web.answer = lambda _: left.pop(0)
    heed = make_heed(act(f"""
- http: {{url: "{web.url}/", reply_max: 2KiB}}
  retry: {{attempts: 4, delay: 10ms}}
""")).start()
    heed.post(event(1))
    heed.until("select state from runs where state > 3", [(state,)])
    assert len(web.requests) == n and len({r.key for r in web.requests}) == 1
    (text,), = heed.rows("select text from runs")
    assert ("for /new: redirects are not followed" in text) == (answers[0] == (301, "", {"Location": "/new"}))


@pytest.mark.parametrize("answers, state, n", [
    ([503, 429, 200], 5, 3), ([500], 4, 1), ([502], 4, 1), ([None], 4, 1), ([409], 6, 1),
    ([(200, "x" * 3000)], 4, 1), ([400], 6, 1),
], ids=str)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_unkeyed(make_heed, web, answers, state, n, method):
    """Only what the service says it did not do is tried again; the rest is held."""
    left = list(answers)
    web.answer = lambda _: left.pop(0)
    heed = make_heed(act(f"""
- http: {{url: "{web.url}/", keyed: false, method: {method}, reply_max: 2KiB}}
  retry: {{attempts: 4, delay: 10ms}}
""")).start()
    heed.post(event(1))
    heed.until("select state from runs where state > 3", [(state,)])
    assert len(web.requests) == n and {r.key for r in web.requests} == {None}


def test_nobody_there_is_not_unknown(make_heed, web):
    """A connection that was refused carried nothing: also an unkeyed effect is tried again."""
    with Web() as gone:
        pass
    heed = make_heed(act(f"""
- http: {{url: "{gone.url}/", keyed: false}}
  retry: {{attempts: 2, delay: 10ms}}
""")).start()
    heed.post(event(1))
    heed.until("select state, class from runs where state > 3", [(6, "effect")])
    assert heed.rows("select count(*) from journal where step = 'then.1'") == [(2,)]


def test_retry_after(make_heed, web):
    times = []

    def answer(_):
        times.append(time.monotonic())
        return (429, "", {"Retry-After": "1"}) if len(times) == 1 else 200

    web.answer = answer
    heed = make_heed(act(f'- http: {{url: "{web.url}/"}}\n  retry: {{delay: 10ms}}')).start()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    assert 0.95 < times[1] - times[0] < 5


def test_hanging(make_heed, web):
    go = threading.Event()
    web.answer = lambda _: go.wait(20) and 200
    heed = make_heed(act(f"""
- http: {{url: "{web.url}/"}}
  timeout: 200ms
  retry: {{attempts: 2, delay: 10ms}}
""") + f"""
  unkeyed:
    on: customer_created
    then: [{{http: {{url: "{web.url}/", keyed: false}}, timeout: 200ms}}]
""").start()
    started = time.monotonic()
    heed.post(event(1))
    heed.until("select name, state from runs where state > 3 order by name", [("act", 6), ("unkeyed", 4)])
    assert time.monotonic() - started < 10 and len(web.requests) == 3
    go.set()


@pytest.mark.parametrize("happened", [True, False])
def test_cut_off_and_probed(make_heed, web, happened):
    """SIGKILL while an unkeyed request is under way: the probe finds out, and it is done or repeated."""
    go = threading.Event()
    asked = []

    def answer(request):
        if request.method == "GET":
            asked.append(request.query["key"][0])
            return 200, {"paid": ["x"] if happened else []}
        if len([r for r in web.requests if r.method == "POST"]) == 1:
            go.wait(20)
        return 200

    web.answer = answer
    heed = make_heed(act(f"""
- http: {{url: "{web.url}/", keyed: false, body: {{reference: .effect_key}}}}
  retry: {{delay: 50ms}}
  probe: {{http: {{method: GET, url: "{web.url}/", query: {{key: "{{{{ .effect_key }}}}"}}}}}}
  done: .result.body.paid != []
""")).start()
    heed.post(event(1))
    until(lambda: web.requests)
    heed.stop(signal.SIGKILL)
    heed.start()
    heed.until("select state from runs", [(5,)])
    go.set()
    posts = [r for r in web.requests if r.method == "POST"]
    assert len(posts) == (1 if happened else 2) and {r.body["reference"] for r in posts} == set(asked)


def test_tls(make_heed, tmp_path):
    with Web(tls=tmp_path) as web:
        heed = make_heed(act(f'- http: {{url: "{web.url}/", ca_file: ca.pem}}') + f"""
  untrusted:
    on: customer_created
    then: [http: {{url: "{web.url}/"}}]
""").start()
        heed.post(event(1))
        heed.until("select name, state from runs where state > 3 order by name",
                   [("act", 5), ("untrusted", 6)])
        assert len(web.requests) == 1
        assert "certificate" in heed.rows("select text from runs where name = 'untrusted'")[0][0]


@pytest.mark.parametrize("data, said", [
    ({"url": "ftp://x/"}, "does not begin with http"),
    ({"url": "http://"}, "names no host"),
    ({"url": "http://127.0.0.1:1/", "h": "a\r\nX-Evil: 1"}, "X-H"),
])
def test_hostile_events(make_heed, data, said):
    heed = make_heed(act("""
- http: {url: "{{ .event.data.url }}", headers: {X-H: "{{ .event.data.h }}"}}
""")).start()
    heed.post(event(1, **data))
    heed.until("select state from runs where state > 3", [(6,)])
    assert said in heed.rows("select text from runs")[0][0]


@pytest.mark.parametrize("yaml, said", [
    ("{url: 'http://x', method: 'GE T'}", "not a method"),
    ("{url: 'http://x', headers: {'Content Type': x}}", "not a header's name"),
    ("{url: 'http://x', body: .event, text: x}", "one of body, form and text"),
    ("{url: 'http://x', auth: {bearer: a, user: b, password: c}}", "bearer, or user and password"),
    ("{url: 'http://x', auth: {user: b}}", "go together"),
    ("{url: 'http://x', auht: {user: b}}", 'did you mean "auth"?'),
    ("{url: ''}", "must not be empty"),
])
def test_check(make_heed, yaml, said):
    heed = make_heed(act(f"- http: {yaml}"))
    done = heed.command("check", "heed.yaml", check=False)
    assert done.returncode == 78 and said in done.stderr, done.stderr
