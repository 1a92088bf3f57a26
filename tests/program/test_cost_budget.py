"""Budgets against the real binary: they hold at any concurrency, and open again."""

import json
import time

import pytest

from kit import event, until
from provider import answer, drop, status

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick:
    provider: openai
    endpoint: {url}
    model: own
    api_key: key
    max_tokens: 100
    price: {{input: 1.00, output: 10.00}}
    timeout: 5s
    coalesce: false
  free: {{provider: rules, rules: '{{segment: "smb"}}'}}
sources:
  web: {{type: http, listen: "127.0.0.1:0"}}
reactions:
  enrich:
    on: customer_created
    ask:
      model: quick
      prompt: "Analyze {{{{ .event.data }}}}"
      retry: {{attempts: 3, delay: 10ms}}
      answer: {{type: object, required: [segment], properties: {{segment: {{enum: [smb]}}}}}}
  tell:
    on: heed.budget.*
    then: [{{log: {{message: "{{{{ .event.data }}}}"}}}}]
budgets: {budgets}
"""

NANO = 10**9


@pytest.fixture
def shop(make_heed, provider):
    def make(budgets):
        return make_heed(CONFIG.format(url=provider.openai_url, budgets=json.dumps(budgets)))

    return make


def spent(heed):
    return heed.rows("select coalesce(sum(cost_nano + reserved_nano), 0) from usage")[0][0]


def settled(heed):
    """Nothing is ready or under way."""
    return heed.rows("select count(*) from runs where state in (1, 2)") == [(0,)]


def notices(heed):
    return [(kind, json.loads(body)["data"]) for kind, body in heed.rows(
        "select type, body from events where type like 'heed.budget.%' order by seq")]


def test_hold_until_the_limit_is_raised(shop, provider):
    # 400 + 400 micro-dollars a call; at most about 3,300 (a token a byte, 100 tokens out).
    provider.default = answer({"segment": "smb"}, usage={"input": 400, "output": 40})
    heed = shop([{"all": True, "limit": 0.01, "per": "month"}]).start()
    heed.post(*[event(n) for n in range(40)])
    until(lambda: len(notices(heed)) == 2)
    until(lambda: settled(heed))
    done = len(provider.calls)
    assert 5 < done < 13 and spent(heed) == done * 800_000 <= 0.01 * NANO
    assert heed.rows("select count(*) from runs where class = 'budget'") == [(40 - done,)]
    warning, closed = notices(heed)
    assert warning[0] == "heed.budget.warning" and warning[1]["spent"] >= 0.008
    assert closed[0] == "heed.budget.spent" and closed[1]["then"] == "hold"
    assert heed.stop() == 0

    heed.start()  # from the store: still spent, and nobody is told again
    heed.until("select count(*) from runs where state = 3", [(40 - done,)])
    assert len(provider.calls) == done and len(notices(heed)) == 2
    heed.stop()

    heed.config.write_text(heed.config.read_text().replace("0.01", "1"))
    heed.start()
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(40,)])
    assert len(provider.calls) == 40 and spent(heed) == 40 * 800_000
    assert heed.rows("select distinct class, text from runs") == [("", "")]


def test_room_that_is_only_reserved_is_waited_for(shop, provider):
    """The limit allows three calls at their most, and all of them at what they cost."""
    provider.default = answer({"segment": "smb"}, usage={"input": 10, "output": 10}, delay=0.05)
    heed = shop([{"reaction": "enrich", "limit": 0.01, "then": "dead_letter"}]).start()
    heed.post(*[event(n) for n in range(30)])
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(30,)])
    assert provider.most_in_flight <= 6
    assert spent(heed) == 30 * 110_000
    assert notices(heed) == []


def test_then_another_model_or_the_dead_letter(shop, provider):
    provider.default = answer({"segment": "smb"}, usage={"input": 400, "output": 40})
    heed = shop([{"event_type": "customer_*", "limit": 0.005, "then": {"model": "free"}}]).start()
    heed.post(*[event(n) for n in range(20)])
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(20,)])
    asked = dict(heed.rows("select asked, count(*) from journal where kind = 0 group by asked"))
    assert asked["quick"] == len(provider.calls) < 7 and asked["free"] == 20 - asked["quick"]
    assert spent(heed) <= 0.005 * NANO
    heed.stop()
    heed.config.write_text(heed.config.read_text().replace('{"model": "free"}', '"dead_letter"'))
    heed.start()
    heed.post(event("x"))
    heed.until("select class, count(*) from runs where state = 6 group by class", [("budget", 1)])
    (text,) = heed.rows("select text from runs where state = 6")[0]
    assert 'budget "event_type customer_* per day" of $0.005' in text


def test_what_can_never_fit_is_a_dead_letter(shop, provider):
    heed = shop([{"model": "quick", "limit": 0.0005, "then": "hold"}]).start()
    heed.post(event(1))
    heed.until("select class from runs where state = 6", [("budget",)])
    (text,) = heed.rows("select text from runs where state = 6")[0]
    assert "raise its limit, or lower max_tokens" in text and not provider.calls


def test_failed_calls_cost_what_they_may_have(shop, provider):
    """An error costs nothing, a lost reply counts with its reservation."""
    provider.script([status(500), drop(), answer({"segment": "smb"}, usage={"input": 100, "output": 1})])
    heed = shop([{"all": True, "limit": 1}]).start()
    heed.post(event(1))
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(1,)])
    rows = heed.rows("select class, cost_nano, reserved_nano > 1000000, input from journal"
                     " where kind = 0 order by n")
    assert rows == [("transient", 0, 0, 0), ("transient", 0, 1, 0), ("", 110_000, 0, 100)]
    assert heed.rows("select sum(calls), sum(failed), sum(questions) from usage") == [(3, 2, 1)]


def test_a_period_ends(shop, provider, make_heed):
    """A budget per hour in a zone whose clock is put forward: what waits goes on by itself."""
    provider.default = answer({"segment": "smb"}, usage={"input": 400, "output": 40})
    heed = shop([{"all": True, "limit": 0.004, "per": "hour"}]).start()
    heed.post(*[event(n) for n in range(10)])
    until(lambda: notices(heed) and settled(heed))
    (due,) = heed.rows("select distinct due_us from runs where state = 3")[0]
    assert 0 < due / 1e6 - time.time() <= 3600 and due % 3_600_000_000 == 0
