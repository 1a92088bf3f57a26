"""Sagas and people over HTTP: the api with its token, links, time-outs and escalation."""

import json
import re
import urllib.error
import urllib.request

import pytest

from kit import event, until

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
api:
  listen: "127.0.0.1:0"
  bearer: t0ken
  links: {url: "https://heed.example.com/", secret: very-secret}
sagas:
  refund:
    start_on: refund_asked
    steps:
      approve:
        ask_human:
          recipients: [boss, "owner <o@example.com>"]
          question: "Refund <b>{{ .data.amount }}</b>?"
          TIMES
      pay: {do: {log: {message: "paid {{ .data.amount }}"}}}
reactions:
  remind: {on: saga.approval_escalated, then: [{log: {message: "waking {{ .event.data.recipients }}"}}]}
"""


class Asked:
    """A heed whose saga asks; `call` is a request to the api."""

    def __init__(self, make_heed, times="timeout: 1h"):
        self.heed = make_heed(CONFIG.replace("TIMES", times)).start()
        self.port = next(int(m[1]) for line in self.heed.log
                         if (m := re.search(r"api: on port (\d+)", line)))
        self.heed.post(event(1, type="refund_asked", amount=70))
        self.heed.until("select count(*) from journal where step = 'approve'", [(1,)])
        self.told = json.loads(self.heed.rows(
            "select body from events where type = 'saga.approval_requested'")[0][0])["data"]

    def call(self, method, path, body=None, token="t0ken"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {token}"} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, reply.read().decode(), reply.headers
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode(), refused.headers

    def path(self, who):
        link = self.told["links"][who]
        assert link.startswith("https://heed.example.com/decide/")
        return link.removeprefix("https://heed.example.com")

    def ended(self):
        self.heed.until("select count(*) from runs where flow = 'saga' and state = 5", [(1,)])
        return self.heed.rows("select class, text from runs where flow = 'saga'")[0]


def test_the_api(make_heed):
    asked = Asked(make_heed)
    assert asked.call("POST", "/sagas/1/approve", {}, token=None)[0] == 401
    assert asked.call("POST", "/sagas/1/approve", {}, token="t0kem")[0] == 401
    for path, body, status, says in [
        ("/sagas/99/approve", {}, 404, "no run 99"),
        ("/sagas/1/approve", {"step": "pay"}, 409, "waits for: approve"),
        ("/sagas/1/approve", {"edit": {}}, 400, "takes no edit"),
        ("/sagas/1/admire", {}, 404, "admire"),
        ("/sagas/x/approve", {}, 400, "number"),
    ]:
        got, text, _ = asked.call("POST", path, body)
        assert got == status and says in text, text
    got, text, _ = asked.call("POST", "/sagas/1/approve", {"by": "ann", "reason": "fine"})
    assert got == 200 and json.loads(text) == {"run": 1, "did": "approve", "step": "approve"}
    assert asked.ended() == ("", "")
    assert asked.call("POST", "/sagas/1/approve", {})[0] == 409


def test_a_link(make_heed):
    asked = Asked(make_heed)
    path = asked.path("boss")
    assert path != asked.path("owner <o@example.com>")
    status, page, headers = asked.call("GET", path, token=None)
    assert status == 200 and "Refund &lt;b&gt;70&lt;/b&gt;?" in page and "<button>Approve" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    for wrong in ["/decide/", "/decide/00", "/decide/zz", path[:-1], path[:-2] + "00",
                  path.replace("/decide/", "/decide/00", 1), "/decide/" + "0" * 9000]:
        assert asked.call("GET", wrong, token=None)[0] == 404, wrong
        assert asked.call("POST", wrong + "?decision=approve", token=None)[0] in (404, 405)
    assert asked.call("POST", path + "?decision=perhaps", token=None)[0] == 404
    assert asked.heed.rows("select state from runs where flow = 'saga'") == [(3,)]
    assert asked.call("POST", path + "?decision=reject", token=None)[0] == 200
    assert asked.ended() == ("compensated", "approve was rejected by boss")
    assert asked.call("GET", path, token=None)[0] == 409
    assert asked.call("POST", path + "?decision=approve", token=None)[0] == 409


def test_a_link_of_another_secret(make_heed):
    asked = Asked(make_heed)
    path = asked.path("boss")
    asked.heed.stop()
    asked.heed.config.write_text(asked.heed.config.read_text().replace("very-secret", "another"))
    asked.heed.start()
    asked.port = next(int(m[1]) for line in asked.heed.log
                      if (m := re.search(r"api: on port (\d+)", line)))
    assert asked.call("GET", path, token=None)[0] == 404


@pytest.mark.parametrize("on_timeout, class_", [("fail", "compensated"), ("approve", "")])
def test_silence(make_heed, on_timeout, class_):
    asked = Asked(make_heed, f"timeout: 400ms\n          on_timeout: {on_timeout}\n"
                             "          escalate: {after: 100ms, recipients: [chief]}")
    assert asked.ended()[0] == class_
    until(lambda: any("waking" in line and "chief" in line for line in asked.heed.log))
