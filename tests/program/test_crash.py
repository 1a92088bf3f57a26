"""The crash matrix: killed at random moments, again and again, while events stream in.

Around the process stand what a crash does not touch: a sender that repeats what was not
acknowledged, a model that is slow, wrong and failing, and a service that does a keyed effect
once and an unkeyed one as often as it is asked. HEED_SEED repeats a run, HEED_CRASH_ROUNDS says
how often it is killed.
"""

import collections
import http.server
import os
import random
import signal
import socket
import sqlite3
import threading
import time

import pytest

import provider as steps
from kit import event

ROUNDS = int(os.environ.get("HEED_CRASH_ROUNDS", 30))
KEYS = 5

CONFIG = """
heed: 1
name: crash
store: sqlite:shop.db
models:
  m: {provider: openai, endpoint: "PROVIDER", model: gpt-4o-mini, api_key: k,
      breaker: {failures: 0}}
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  judge:
    on: asked
    key: .event.data.key
    ask:
      model: m
      prompt: "event {{ .event.id }}"
      retry: {attempts: 20, delay: 10ms, delay_max: 50ms}
      answer: {type: object, required: [n], properties: {n: {type: integer}}}
    then:
      - http: {url: "SERVICE/keyed/{{ .event.data.key }}/{{ .event.id }}"}
        retry: {attempts: 20, delay: 10ms, delay_max: 50ms}
      - sql: {statement: "insert into ledger values(:id, :n)", values: "{id: .event.id, n: .answer.n}"}
      - emit: {type: judged, subject: "{{ .event.id }}"}
  bare:
    on: judged
    then:
      - http: {keyed: false, url: "SERVICE/bare/{{ .event.subject }}"}
  probed:
    on: judged
    then:
      - http: {keyed: false, url: "SERVICE/probed/{{ .event.subject }}"}
        probe: {http: {method: GET, url: "SERVICE/probed/{{ .event.subject }}"}}
        done: .result.body.times > 0
        retry: {delay: 50ms}
"""


class Service(http.server.ThreadingHTTPServer):
    """POST counts; GET tells how often. With Idempotency-Key the count is of different keys."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self):
        self.lock = threading.Lock()
        self.keys = collections.defaultdict(set)  # by path
        self.times = collections.Counter()        # without a key, by path
        self.first = []                           # paths of keyed ones in order of their first time
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # a client that was killed


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers.get("Idempotency-Key")
        with self.server.lock:
            if key is None:
                self.server.times[self.path] += 1
            elif not self.server.keys[self.path]:
                self.server.first.append(self.path)
            if key is not None:
                self.server.keys[self.path].add(key)
        self.answer(200, b"{}")

    def do_GET(self):
        with self.server.lock:
            times = self.server.times[self.path]
        self.answer(200, b'{"times": %d}' % times)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Sender(threading.Thread):
    """Sends batches until told to stop; what is not acknowledged stays in `waiting`."""

    def __init__(self, heed, waiting, acknowledged, chance):
        super().__init__(daemon=True)
        self.heed, self.waiting, self.acknowledged = heed, waiting, acknowledged
        self.chance, self.over, self.n = chance, threading.Event(), 0

    def run(self):
        while not self.over.is_set():
            if not self.waiting:
                n = len(self.acknowledged)
                for i in range(n, n + self.chance.randrange(1, 6)):
                    self.waiting.append(event(i, type="asked", key=i % KEYS))
            try:
                self.heed.post(*self.waiting)
            except (OSError, ValueError):  # it was killed: no answer, or half of one
                return
            self.acknowledged.extend(e["id"] for e in self.waiting)
            self.waiting.clear()
            self.over.wait(self.chance.random() * 0.02)


@pytest.fixture
def service():
    server = Service()
    yield server
    server.shutdown()
    server.server_close()


class Model:
    """The provider's script: mostly right, sometimes slow, wrong, failing or cut short."""

    def __init__(self, chance):
        self.chance, self.right = chance, collections.Counter()

    def __call__(self, call):
        n = int(call.prompt.split()[1])
        right = steps.answer({"n": n}, delay=self.chance.choice([0, 0, 0.005, 0.03]))
        step = right if call.is_repair else self.chance.choices(
            [right, steps.answer({"n": "wrong"}), steps.status(500), steps.drop(),
             steps.rate_limit(retry_after_ms=5), steps.half({"n": n})], [80, 4, 4, 4, 4, 4])[0]
        self.right[n] += step is right
        return step


def check_effects(heed, service, ids):
    assert {path: len(keys) for path, keys in service.keys.items()} == {
        f"/keyed/{int(i) % KEYS}/{i}": 1 for i in ids}
    for key in range(KEYS):  # in order within each key
        order = [int(p.rsplit("/", 1)[1]) for p in service.first if p.startswith(f"/keyed/{key}/")]
        assert order == sorted(order)
    assert heed.rows("select count(*), count(distinct id) from ledger") == [(len(ids),) * 2]
    for i in ids:
        assert service.times[f"/probed/{i}"] == 1, i
    states = dict(heed.rows("select e.subject, r.state from runs r join events e"
                            " on e.seq = r.event_seq where r.name = 'bare'"))
    assert set(states) == set(ids)
    for i, state in states.items():
        assert service.times[f"/bare/{i}"] in ([1] if state == 5 else [0, 1]), (i, state)
        assert state in (4, 5), (i, state)


def test_crash_matrix(make_heed, provider, service, capsys):
    seed = int(os.environ.get("HEED_SEED", random.randrange(1 << 30)))
    chance = random.Random(seed)
    print("HEED_SEED =", seed)
    model = Model(random.Random(seed + 1))
    provider.script(model)
    heed = make_heed(CONFIG.replace("PROVIDER", provider.openai_url).replace("SERVICE", service.url))
    heed.start().stop()
    with sqlite3.connect(heed.store) as db:
        db.execute("create table ledger(id text, n integer)")
    waiting, acknowledged = [], []
    for _ in range(ROUNDS):
        heed.start()
        sender = Sender(heed, waiting, acknowledged, chance)
        sender.start()
        time.sleep(chance.random() * 0.3)
        heed.stop(signal.SIGKILL)
        sender.over.set()
        sender.join(30)
        assert not sender.is_alive()
    heed.start()
    if waiting:
        heed.post(*waiting)
        acknowledged.extend(e["id"] for e in waiting)
    heed.until("select count(*) from runs where state < 4", [(0,)], 60)
    assert heed.stop() == 0

    ids = sorted(acknowledged)
    assert len(ids) == len(set(ids))
    assert [(i,) for i in ids] == heed.rows("select id from events where source = '/crm' order by id")
    assert heed.rows("select state, count(*) from runs where name in ('judge', 'probed')"
                     " group by 1") == [(5, 2 * len(ids))]
    check_effects(heed, service, ids)

    # Each call that reached the model is in the journal. A right answer is paid for once, but
    # for those that were cut off before they were on disk.
    asks = dict(heed.rows("select class, count(*) from journal where kind = 0 group by 1"))
    cut_off, right = asks.get("cut_off", 0), model.right.total()
    assert len(provider.calls) <= sum(asks.values())
    assert len(ids) <= right <= len(ids) + cut_off
    held = heed.rows("select count(*) from runs where state = 4")[0][0]
    with capsys.disabled():
        print(f"\ncrash matrix: {ROUNDS} kills, {len(ids)} events, {len(provider.calls)} calls, of"
              f" which {right} were answered rightly: {right / len(ids):.3f} a decision; {cut_off}"
              f" were cut off; {held} unkeyed effects held for a person; seed {seed}")
