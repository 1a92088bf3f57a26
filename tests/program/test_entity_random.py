"""Random commands, a model that answers anything, conflicts, and SIGKILL at random moments.

Whatever happens: versions and positions have no gaps, what is required of the state holds at
every version, the state is the fold of the events, each command is decided once, and what was
spent is accounted. HEED_SEED repeats a run, HEED_CRASH_ROUNDS sets its length.
"""

import json
import os
import random
import signal
import time

import pytest

from kit import until
from provider import answer, drop, garbage, half, refusal, status

CONFIG = """
heed: 1
name: bank
store: sqlite:bank.db
models:
  any: {{provider: openai, endpoint: "{url}", model: gpt-4o-mini, api_key: k,
        price: {{input: 1, output: 2}}}}
sources:
  web: {{type: http, listen: "127.0.0.1:0"}}
entities:
  account:
    {entity}
    commands: [move, tell]
    initial: {{balance: 0, told: 0}}
    snapshot_every: 3
    apply:
      deposited: '.state + {{balance: (.state.balance + .event.data.amount)}}'
      withdrawn: '.state + {{balance: (.state.balance - .event.data.amount)}}'
      told: '.state + {{told: (.state.told + 1)}}'
    decide:
      model: any
      retry: {{attempts: 3, delay: 1ms}}
      on_conflict: {conflict}
      events:
        deposited: &amount {{type: object, additionalProperties: false, required: [amount], properties: {{amount: {{type: integer, minimum: 1}}}}}}
        withdrawn: *amount
        told: {{type: object}}
      side_effects:
        notify: {{input: {{type: object}}, emit: {{type: notified, data: "{{command: .event.id}}"}}}}
      rules:
        - {{commands: [tell], accept: [{{type: told}}]}}
      require: [.state.balance >= 0, .state.balance <= 100]
"""

USAGE = {"input": 7, "output": 3}


def some_events(chance):
    return [{"type": chance.choice(["deposited", "withdrawn"]), "data": {"amount": chance.randrange(1, 60)}}
            for _ in range(chance.randrange(0, 4))]


def some_answer(chance):
    """Anything that a model may say."""
    decision = {"reason": "because", "accepted": True, "events": some_events(chance), "side_effects": []}
    kind = chance.randrange(16)
    if kind == 0:
        decision["events"].append({"type": "exploded", "data": {}})
    elif kind == 1:
        decision["events"].append({"type": "deposited", "data": {"amount": -1000}})
    elif kind == 2:
        decision["events"] = "all of them"
    elif kind == 3:
        decision.update(accepted=False, events=chance.choice([[], decision["events"]]))
    elif kind == 4:
        decision["side_effects"] = [{"name": "pay", "input": {}}]
    elif kind == 5:
        decision["side_effects"] = [{"name": "notify", "input": {}}]
    elif kind == 6:
        decision["state"] = {"balance": 1e9}
    elif kind == 7:
        decision["reason"] = "x" * 200_000
    steps = {8: lambda: answer("Certainly! I have moved the money.", usage=USAGE), 9: lambda: refusal(usage=USAGE),
             10: lambda: garbage(), 11: lambda: status(500), 12: lambda: drop(), 13: lambda: half(decision)}
    step = steps.get(kind, lambda: answer(decision, usage=USAGE))()
    return {**step, "delay": chance.choice([0, 0, 0, 0.01, 0.05])}


class Bank:
    def __init__(self, heed, provider, chance):
        self.heed, self.chance, self.sent = heed, chance, {}
        self.tokens = 0
        provider.script(self.reply)

    def reply(self, call):
        step = some_answer(self.chance)
        if step["kind"] in ("answer", "refusal"):
            self.tokens += 10
        return step

    def send(self):
        events = [{"specversion": "1.0", "id": f"c{len(self.sent) + n}", "source": "/teller",
                   "type": self.chance.choice(["move", "move", "tell"]),
                   "subject": f"a-{self.chance.randrange(3)}", "data": {}}
                  for n in range(self.chance.randrange(1, 8))]
        self.heed.post(*events)
        self.sent.update({e["id"]: e for e in events})

    def settle(self):
        self.heed.until("select count(*) from runs where state not in (5, 6)", [(0,)], 60)

    def bodies(self, where):
        return [json.loads(body) for (body,) in
                self.heed.rows(f"select body from events where {where} order by position, seq")]


def fold(state, event):
    """The same as apply:, in another language."""
    if event["type"] == "told":
        return {**state, "told": state["told"] + 1}
    sign = {"deposited": 1, "withdrawn": -1}[event["type"]]
    return {**state, "balance": state["balance"] + sign * event["data"]["amount"]}


def check_streams(bank):
    rows = bank.heed.rows("select stream, version, position from events where version > 0 order by position")
    assert [position for *_, position in rows] == list(range(1, len(rows) + 1))
    states = {}
    for event in bank.bodies("version > 0"):
        version, state = states.get(event["stream"], (0, {"balance": 0, "told": 0}))
        assert event["version"] == version + 1, event
        states[event["stream"]] = (event["version"], fold(state, event))
    for stream in states:  # a decision keeps to what is required; within it, its last state counts
        state = {"balance": 0, "told": 0}
        events = bank.bodies(f"stream = '{stream}'")
        for event, after in zip(events, events[1:] + [None]):
            state = fold(state, event)
            if after is None or after["causationid"] != event["causationid"]:
                assert 0 <= state["balance"] <= 100, (stream, event)
    return states


def check_states(bank, states):
    for stream, (version, state) in states.items():
        told = bank.heed.command("state", *stream.split("/"), "--json").stdout
        assert json.loads(told) == {"entity": "account", "id": stream.split("/")[1],
                                    "version": version, "state": state}
        for at in {1, version // 2 + 1, version}:
            assert json.loads(bank.heed.command("state", *stream.split("/"), "--json", "--at", str(at)).stdout)[
                "version"] == at
    for stream, version, kept in bank.heed.rows("select stream, version, state from snapshots"):
        state = {"balance": 0, "told": 0}
        for event in bank.bodies(f"stream = '{stream}'")[:version]:
            state = fold(state, event)
        assert json.loads(kept) == state


def check_commands(bank):
    """Each one that was accepted has one outcome, and nothing happened that none asked for."""
    runs = dict(bank.heed.rows("select e.id, r.state from runs r join events e on e.seq = r.event_seq"
                               " where r.name = 'account'"))
    assert set(runs) == set(bank.sent)
    decided = {}
    for event in bank.bodies("version > 0"):
        decided.setdefault(event["causationid"], []).append(event)
    rejected = [e["data"]["id"] for e in bank.bodies("type = 'account.command_rejected'")]
    assert len(set(rejected)) == len(rejected) and not set(rejected) & set(decided)
    assert set(decided) <= set(bank.sent)
    for command, events in decided.items():
        assert {e["subject"] for e in events} == {bank.sent[command]["subject"]}
        versions = [e["version"] for e in events]
        assert versions == list(range(versions[0], versions[0] + len(versions)))
        if bank.sent[command]["type"] == "tell":
            assert [e["type"] for e in events] == ["told"] and "aimodel" not in events[0]
        else:
            assert all(e["aimodel"] for e in events)
    effects = [e["data"]["command"] for e in bank.bodies("type = 'notified'")]
    assert len(set(effects)) == len(effects) and not set(effects) & set(rejected)


def check_spend(bank, provider):
    """Every answer is accounted but those cut off before they were on disk."""
    spent, cut, asked = bank.heed.rows(
        "select sum(input + output), sum(class = 'cut_off'), count(*) from journal where kind = 0")[0]
    assert spent <= bank.tokens <= spent + 10 * cut
    assert asked >= len(provider.calls)
    tokens, = bank.heed.rows("select sum(tokens_in + tokens_out) from runs")
    assert tokens[0] == spent


@pytest.mark.parametrize("entity, conflict", [("", "redecide"), ("key: .event.id", "redecide"),
                                              ("key: .event.id", "recheck"), ("key: .event.id", "reject")])
def test_random_commands_over_crashes(make_heed, provider, entity, conflict):
    seed = int(os.environ.get("HEED_SEED", random.randrange(1 << 30)))
    rounds = int(os.environ.get("HEED_CRASH_ROUNDS", 5))
    print("seed", seed)
    chance = random.Random(seed)
    heed = make_heed(CONFIG.format(url=provider.openai_url, entity=entity, conflict=conflict), store="bank.db")
    bank = Bank(heed, provider, random.Random(seed + 1))
    for _ in range(rounds):
        heed.start()
        for _ in range(chance.randrange(2, 6)):
            bank.send()
            time.sleep(chance.random() * 0.03)  # moments are what is random here
        heed.stop(signal.SIGKILL)
        check_streams(bank)
    heed.start()
    bank.settle()
    until(lambda: heed.rows("select count(*) from runs where state not in (5, 6)") == [(0,)])
    assert heed.stop() == 0
    print("attempts", heed.rows("select class, count(*) from journal group by class"),
          "events", heed.rows("select count(*) from events where version > 0"))
    check_states(bank, check_streams(bank))
    check_commands(bank)
    check_spend(bank, provider)
