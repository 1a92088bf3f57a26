"""Budgets against the real binary: they hold at any concurrency, and open again."""

import json
import os
import random
import re
import signal
import time

import pytest

from kit import event, until
from provider import answer, drop, half, status

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
    """Nothing is ready, under way, or to be tried again."""
    return heed.rows("select count(*) from runs where state in (1, 2)"
                     " or (state = 3 and class <> 'budget')") == [(0,)]


def at_rest(heed, seconds=0.3):
    """Settled, for so long: who waited for room that a reply made is let go a little later."""
    seen, since = None, 0
    while not seen or time.monotonic() - since < seconds:
        until(lambda: settled(heed))
        rows = heed.rows("select count(*), sum(reserved_nano), max(at_us) from journal")
        if rows != seen:
            seen, since = rows, time.monotonic()
        time.sleep(0.02)
    return True


def notices(heed):
    return [(kind, json.loads(body)["data"]) for kind, body in heed.rows(
        "select type, body from events where type like 'heed.budget.%' order by seq")]


def test_hold_until_the_limit_is_raised(shop, provider):
    # 400 + 400 micro-dollars a call; at most about 3,300 (a token a byte, 100 tokens out).
    provider.default = answer({"segment": "smb"}, usage={"input": 400, "output": 40})
    heed = shop([{"all": True, "limit": 0.01, "per": "month"}]).start()
    heed.post(*[event(n) for n in range(40)])
    until(lambda: len(notices(heed)) == 2)
    assert at_rest(heed)
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


def test_a_reload_lets_go_what_waits(shop, provider):
    provider.default = answer({"segment": "smb"}, usage={"input": 400, "output": 40})
    heed = shop([{"all": True, "limit": 0.01, "per": "month"}]).start()
    heed.post(*[event(n) for n in range(30)])
    assert at_rest(heed)
    done = len(provider.calls)
    heed.config.write_text(heed.config.read_text().replace(
        '[{"all": true, "limit": 0.01, "per": "month"}]',
        '[{"all": true, "limit": 0.02, "per": "month"}, {"reaction": "enrich", "limit": 0.015}]'))
    heed.command("reload")
    until(lambda: len(provider.calls) > done)
    assert at_rest(heed)  # the new budget counts what was spent before it came
    assert 0.012 * NANO < spent(heed) == len(provider.calls) * 800_000 <= 0.015 * NANO
    heed.config.write_text(heed.config.read_text().split("budgets:")[0])
    heed.command("reload")
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(30,)])
    assert heed.stop() == 0


def test_room_that_is_only_reserved_is_waited_for(shop, provider):
    """The limit allows three calls at their most, and all of them at what they cost."""
    provider.default = answer({"segment": "smb"}, usage={"input": 10, "output": 10}, delay=0.05)
    heed = shop([{"reaction": "enrich", "limit": 0.01, "then": "dead_letter"}]).start()
    heed.post(*[event(n) for n in range(30)])
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(30,)])
    assert provider.most_in_flight <= 6
    assert spent(heed) == 30 * 110_000
    assert notices(heed) == []


def test_a_thousand_at_once(shop, provider):
    """As many calls are under way as can be paid at their most, all at the same time."""
    provider.default = answer({"segment": "smb"}, usage={"input": 400, "output": 40}, delay=0.3)
    heed = shop([{"all": True, "limit": 1.2, "per": "month"}])
    heed.config.write_text(heed.config.read_text().replace("coalesce: false", "coalesce: false\n    limits: {in_flight: 2000}"))
    heed.start()
    heed.post(*[event(n) for n in range(1000)])
    heed.post(*[event(n) for n in range(1000, 2100)])
    until(lambda: notices(heed)[-1:] and notices(heed)[-1][0] == "heed.budget.spent", 60)
    assert at_rest(heed)
    assert provider.most_in_flight > 400
    assert 1.19 * NANO < spent(heed) == len(provider.calls) * 800_000 <= 1.2 * NANO
    heed.until("select count(*) > 500 from runs where state = 3 and class = 'budget'", [(1,)])


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


def test_what_waits_says_until_when(shop, provider):
    provider.default = answer({"segment": "smb"}, usage={"input": 400, "output": 40})
    heed = shop([{"all": True, "limit": 0.004, "per": "hour"}]).start()
    heed.post(*[event(n) for n in range(10)])
    assert at_rest(heed)
    (due,) = heed.rows("select distinct due_us from runs where state = 3")[0]
    assert 0 < due / 1e6 - time.time() <= 3600 and due % 3_600_000_000 == 0


# ---- whatever happens -----------------------------------------------------------------------


class Bill:
    """What the provider would charge: every call that it saw, by event type, in nano-dollars.

    `sure` is what it told in a reply; `most` adds the calls whose reply it cut off.
    """

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.sure, self.most = {}, {}

    def __call__(self, call):
        kind = re.search(r"(customer|order)_\w+", call.prompt)[0]
        usage = {"input": self.chance.randrange(100, 900), "output": self.chance.randrange(1, 101)}
        cost = usage["input"] * 1000 + usage["output"] * 10000
        more = {"usage": usage, "delay": self.chance.random() * 0.05}
        what = self.chance.randrange(10)
        if what == 0:
            return status(500, **more)
        self.most[kind] = self.most.get(kind, 0) + cost
        if what == 1:
            return (half if self.chance.random() < 0.5 else drop)(**more)
        self.sure[kind] = self.sure.get(kind, 0) + cost
        wrong = self.chance.random() < 0.1  # to be repaired, which costs again
        return answer({"segment": "odd" if wrong else "smb"}, **more)


LIMITS = {"customer_created": 0.08, "order_placed": 0.06, None: 0.12}


@pytest.mark.parametrize("crashes", [0, 6])
def test_never_a_cent_more(shop, provider, crashes):
    """Random concurrency, latencies, failures and kills: no budget is overspent, and what the
    store counts is what the provider counts."""
    seed = int(os.environ.get("HEED_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    chance, bill = random.Random(seed), Bill(seed)
    provider.script(bill)
    heed = shop([{"event_type": kind, "limit": limit, "per": "month"} if kind else
                 {"all": True, "limit": limit, "per": "month"} for kind, limit in LIMITS.items()])
    config = heed.config.read_text().replace("on: customer_created", "on: [customer_created, order_placed]")
    heed.config.write_text(config.replace("{{ .event.data }}", "{{ .event.type }} {{ .event.data }}"))
    for start in range(crashes + 1):
        heed.start()
        for n in range(chance.randrange(1, 5)):
            heed.post(*[event(f"{start}.{n}.{i}", type=chance.choice(list(LIMITS)[:2]))
                        for i in range(chance.randrange(1, 60))])
        if start < crashes:
            time.sleep(chance.random() * 0.2)
            heed.stop(signal.SIGKILL)
    heed.post(*[event(f"last.{i}", type=list(LIMITS)[i % 2]) for i in range(300)])
    assert at_rest(heed)

    sums = {kind: (cost, cost + reserved) for kind, cost, reserved in heed.rows(
        "select type, sum(cost_nano), sum(reserved_nano) from usage group by type")}
    sums[None] = tuple(map(sum, zip(*sums.values())))
    for which in (bill.sure, bill.most):
        which[None] = sum(which.values())
    for kind, limit in LIMITS.items():
        cost, most = sums[kind]
        assert bill.most[kind] <= most <= round(limit * NANO), kind
        assert cost <= bill.sure[kind]
        assert crashes or cost == bill.sure[kind]
    assert sums[None][1] > 0.97 * LIMITS[None] * NANO  # and no cent is left lying
    assert heed.rows("select count(*) from runs where state = 3") != [(0,)]
    # The journal and its sums, once more.
    assert heed.rows("select sum(cost_nano), sum(reserved_nano) from journal where kind = 0") == \
        heed.rows("select sum(cost_nano), sum(reserved_nano) from usage")
