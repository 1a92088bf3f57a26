"""Order per key, dead letters that block their key or let others pass, and how they tell."""

import json
import signal

import pytest

from kit import event

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick: {provider: rules, rules: "{word: .event.data.word}"}
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  echo:
    on: said
    key: .event.data.who
    on_failure: ON_FAILURE
    ask:
      model: quick
      prompt: "{{ .event.data }}"
      repair: false
      answer: {type: object, properties: {word: {type: string}}}
    then:
      - emit: {type: heard, data: "{who: .event.data.who, n: .event.data.id}"}
  tell:
    on: heed.dead_letter
    then:
      - emit: {type: told, data: .event.data}
      - emit: {type: said, data: "{who: 1, word: 2}"}
"""


def said(n, who, word="yes"):
    return event(n, type="said", who=who, word=word)


def heard(heed):
    bodies = heed.rows("select body from events where type = 'heard' order by seq")
    return [(d["who"], d["n"]) for d in (json.loads(b)["data"] for (b,) in bodies)]


@pytest.mark.parametrize("mode", ["pass", "block"])
def test_a_dead_letter_and_its_key(make_heed, mode):
    config = CONFIG.replace("ON_FAILURE", mode).split("  tell:")[0]
    heed = make_heed(config).start()
    heed.post(said(1, "ann"), said(2, "bob"), said(3, "ann", word=7), said(4, "ann"), said(5, "bob"))
    heed.until("select count(*) from runs where state = 6", [(1,)])
    heed.post(said(6, "ann"), said(7, "bob"))
    if mode == "pass":
        heed.until("select count(*) from runs where state = 5", [(6,)])
        assert [n for who, n in heard(heed) if who == "ann"] == [1, 4, 6]
        assert heed.stop() == 0
        return
    heed.until("select count(*) from runs where state = 5", [(4,)])
    heed.stop(signal.SIGKILL)
    heed.start()
    heed.post(said(8, "ann"), said(9, "bob"))
    heed.until("select count(*) from runs where state = 5", [(5,)])
    assert [n for who, n in heard(heed) if who == "ann"] == [1]
    heed.stop()
    heed.config.write_text(config.replace("block", "pass"))
    heed.start()
    heed.until("select count(*) from runs where state = 5", [(8,)])
    assert [n for who, n in heard(heed) if who == "ann"] == [1, 4, 6, 8]
    assert heed.stop() == 0


def test_a_dead_letter_tells(make_heed):
    """Once each, down the chain that the telling itself starts, which ends: what is stopped
    as a loop is told, what that starts is not."""
    heed = make_heed(CONFIG.replace("ON_FAILURE", "pass") + "limits: {causation_depth: 3}\n").start()
    heed.post(said(1, "ann", word=7))
    heed.until("select count(*) from runs where state not in (5, 6)", [(0,)])
    told = heed.rows("select body from events where type = 'told' order by seq")
    data = json.loads(told[0][0])["data"]
    text = data.pop("text")
    assert data == {
        "run": 1, "state": "dead", "flow": "reaction", "name": "echo", "class": "validation",
        "step": "ask", "key": "ann",
        "event": {"id": "1", "source": "/crm", "type": "said"},
    }
    assert "/word" in text
    assert json.loads(told[-1][0])["data"]["class"] == "loop"
    assert heed.rows("select count(*) from runs where state = 6 and name = 'echo'") == [(len(told) + 1,)]
    assert heed.stop() == 0
