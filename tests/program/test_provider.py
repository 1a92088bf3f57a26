"""Reactions that ask a provider over HTTP: the raw reply, the repair, retries, dead letters."""

import http.server
import json
import signal
import threading

import pytest

from kit import Heed, event
from test_reaction import CONFIG

ASKS = CONFIG.replace(
    """    provider: rules
    rules: '{segment: (if .event.data.employees > 100 then "enterprise" else "smb" end)}'
""",
    """    provider: openai
    endpoint: http://127.0.0.1:PORT/v1
    model: gpt-4o-mini
    api_key: secret-key-1
""",
).replace('      prompt: "Analyze', '      retry: {delay: 10ms}\n      prompt: "Analyze')


class Provider(http.server.ThreadingHTTPServer):
    """Answers each call by the next of `script` (status, content), the last one again and again."""

    def __init__(self, *script):
        self.script, self.calls = list(script), []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        script = self.server.script
        status, content = script.pop(0) if len(script) > 1 else script[0]
        self.server.calls.append((self.headers["Authorization"], body))
        reply = {
            "id": "x", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": content, "refusal": None}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }
        if status != 200:
            reply = {"error": {"message": "no", "type": "x", "code": None}}
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def ask(tmp_path):
    made = []

    def make(*script):
        provider = Provider(*script)
        heed = Heed(tmp_path, ASKS.replace("PORT", str(provider.server_port)))
        made.append((heed, provider))
        return heed.start(), provider

    yield make
    for heed, provider in made:
        if heed.process is not None:
            heed.stop(signal.SIGKILL)
        provider.shutdown()
        provider.server_close()


GOOD = (200, '{"segment": "smb"}')


@pytest.mark.parametrize(
    "script, calls, state",
    [
        ([GOOD], 1, 5),
        ([(200, 'Sure!\n```json\n{"segment": "smb"}\n```')], 1, 5),  # read leniently: no repair
        ([(200, '{"segment": "huge"}'), GOOD], 2, 5),                # one repair
        ([(200, '{"segment": "huge"}')], 2, 6),                      # and only one
        ([(500, ""), (429, ""), GOOD], 3, 5),
        ([(500, "")], 4, 6),
        ([(400, "")], 1, 6),
    ],
    ids=["good", "lenient", "repaired", "wrong", "passing", "failing", "refused"],
)
def test_calls_and_outcome(ask, script, calls, state):
    heed, provider = ask(*script)
    heed.post(event(1))
    heed.until("select state, calls from runs where name = 'enrich' and state in (5, 6)",
               [(state, calls)])
    assert len(provider.calls) == calls
    assert {key for key, _ in provider.calls} == {"Bearer secret-key-1"}
    assert provider.calls[0][1]["response_format"]["type"] == "json_schema"
    answered = sum(status == 200 for status, _ in script)
    if state == 5 and answered == len(script):
        ((cost,),) = heed.rows("select cost_nano from runs where name = 'enrich'")
        assert cost == calls * (100 * 150 + 10 * 600)  # gpt-4o-mini: 0.15 and 0.60 a million
    assert heed.stop() == 0
    assert b"secret-key-1" not in b"".join(p.read_bytes() for p in heed.folder.glob("shop.db*"))


def test_a_paid_reply_survives(ask):
    """Killed again and again: no more calls than events, but for those cut off on the wire."""
    heed, provider = ask(GOOD)
    heed.post(*[event(i) for i in range(60)])
    heed.until("select count(*) > 10 from journal where kind = 0 and state = 1", [(1,)])
    heed.stop(signal.SIGKILL)
    heed.start()
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(60,)])
    ((cut_off,),) = heed.rows("select count(*) from journal where kind = 0 and class = 'cut_off'")
    assert len(provider.calls) <= 60 + cut_off
    assert heed.stop() == 0
