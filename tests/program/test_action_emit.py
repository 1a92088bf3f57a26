"""emit and log actions: attributes, many events from one list, each event once."""

import json

import pytest

from kit import event

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  split:
    on: order_placed
    then:
      - emit:
          type: line_ordered
          each: .event.data.lines
          subject: "sku/{{ .item.sku }}"
          key: "{{ .item.sku }}"
          extensions: {priority: .item.n, region: eu, express: true, nothing: .item.none}
          data: {sku: .item.sku, n: .item.n, order: .event.data.id}
      - emit: {type: order_split, id: "split-{{ .event.data.id }}", source: /orders, data: .result}
  count:
    on: [line_ordered, order_split]
    key: .event.partitionkey
    then:
      - log: {message: "{{ .event.type }}", level: warn, data: {sku: .event.data.sku, big: 9007199254740993}}
"""


def order(n, lines, id=None):
    return event(n, type="order_placed", lines=lines) | {"id": id or f"o{n}"}


def test_many_from_one(make_heed):
    heed = make_heed(CONFIG).start()
    heed.post(order(1, [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]), order(2, []))
    heed.until("select count(*) from runs where name = 'count' and state = 5", [(4,)])
    events = [json.loads(b) for (b,) in heed.rows("select body from events where parent_run > 0")]
    lines = [e for e in events if e["type"] == "line_ordered"]
    assert [(e["subject"], e["partitionkey"], e["priority"], e["region"], e["express"], e["data"])
            for e in lines] == [
        ("sku/a", "a", 1, "eu", True, {"sku": "a", "n": 1, "order": 1}),
        ("sku/b", "b", 2, "eu", True, {"sku": "b", "n": 2, "order": 1})]
    assert all("nothing" not in e and e["source"] == "heed/shop" for e in lines)
    assert [e["id"][-2:] for e in lines] == [".1", ".2"]
    split = [e for e in events if e["type"] == "order_split"]
    assert {(e["id"], e["source"], e["data"]) for e in split} == {
        ("split-1", "/orders", None), ("split-2", "/orders", None)}
    logged = [line for line in heed.log if " action message" in line and "line_ordered" in line]
    assert len(logged) == 2 and all(" warn " in line and "9007199254740993" in line for line in logged)
    assert heed.rows("select key from runs where name = 'count' order by key") == [
        ("",), ("",), ("a",), ("b",)]


def test_an_id_of_its_own_is_published_once(make_heed):
    """A second run that gives an event the same id publishes nothing, and nobody reacts twice."""
    heed = make_heed(CONFIG).start()
    heed.post(order(1, [], "first"))
    heed.until("select count(*) from runs where state = 5", [(2,)])
    heed.post(order(1, [], "second"))
    heed.until("select count(*) from runs where state = 5", [(3,)])
    assert heed.rows("select count(*) from events where type = 'order_split'") == [(1,)]
    assert heed.stop() == 0


@pytest.mark.parametrize("data, said", [
    ({"lines": 7}, "each must give a list"),
    ({"lines": [{"sku": "a", "n": 1}] * 1001}, "1000"),
    ({"lines": [{"sku": "a", "n": 1.5}]}, "priority"),
    ({"lines": [{"sku": "a\u0001", "n": 1}]}, "control characters"),
])
def test_failures(make_heed, data, said):
    heed = make_heed(CONFIG).start()
    heed.post({**event(1, type="order_placed"), "data": data})
    heed.until("select state from runs where name = 'split'", [(6,)])
    assert said in heed.rows("select text from runs where name = 'split'")[0][0]
    assert heed.rows("select count(*) from events where type = 'line_ordered'") == [(0,)]


def test_the_log_shows_no_secrets(make_heed):
    heed = make_heed(CONFIG.replace('message: "{{ .event.type }}"', 'message: "{{ .event.type }} with ${TOKEN}"'))
    heed.start(env={"TOKEN": "hunter2"})
    heed.post(order(1, []))
    heed.until("select count(*) from runs where name = 'count' and state = 5", [(1,)])
    assert heed.stop() == 0
    assert any("order_split with ${TOKEN}" in line for line in heed.log)
    assert not any("hunter2" in line for line in heed.log)


@pytest.mark.parametrize("change, said", [
    (("region: eu", "Region: eu"), "names are of a-z and 0-9"),
    (("region: eu", "subject: eu"), "is no extension"),
    (("type: order_split, ", ""), "type is missing"),
    (("data: .result", "data: .item.x"), "there is no .item here"),
    (("level: warn", "level: warning"), 'one of: debug, info, warn, error'),
])
def test_check(make_heed, change, said):
    heed = make_heed(CONFIG.replace(*change))
    done = heed.command("check", "heed.yaml", check=False)
    assert done.returncode == 78, done.stderr
    assert said in done.stderr
