"""Sagas against the real binary and a real HTTP service: forward, back, and over a kill."""

import json
import signal

import pytest

from kit import event, until
from service import service  # noqa: F401

HEAD = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
"""


def effect(url, name, retry="{attempts: 1}"):
    return (f'{{http: {{url: "{url}/{name}", body: "{{input: .input, data: .data, result: .result}}"}},'
            f' retry: {retry}, timeout: 2s}}')


def do(url, name, retry="{attempts: 1}"):
    return effect(url, name, retry).replace(", result: .result", "")


def order_saga(url, more=""):
    return HEAD + f"""
sagas:
  fulfil:
    start_on: order_placed
    data: "{{order: .event.data.id}}"
    {more}
    steps:
      reserve:
        do: {do(url, "reserve")}
        undo: {effect(url, "release")}
        set: "{{reservation: .result.body.id}}"
      charge:
        do: {do(url, "charge", "{attempts: 3, delay: 10ms}")}
        undo: {effect(url, "refund", "{attempts: 3, delay: 10ms}")}
        set: "{{payment: .result.body.id}}"
      ship:
        do: {do(url, "ship")}
"""


def order(n):
    return event(n, type="order_placed")


def told(heed):
    """The events of sagas, as (what, step or reason)."""
    rows = heed.rows("select type, body from events where type like 'saga.%' order by seq")
    found = []
    for type, body in rows:
        data = json.loads(body)["data"]
        found.append((type.removeprefix("saga."), data.get("step") or data.get("class")))
    return found


def end(heed, state, n=1):
    heed.until(f"select count(*) from runs where flow = 'saga' and state = {state}", [(n,)])


DONE, DEAD, HELD = 5, 6, 4


def test_forward(make_heed, service):
    heed = make_heed(order_saga(service.url)).start()
    heed.post(order(7))
    end(heed, DONE)
    assert service.names() == ["reserve", "charge", "ship"]
    assert [body["data"] for _, body, _ in service.applied] == [
        {"order": 7}, {"order": 7, "reservation": 1}, {"order": 7, "reservation": 1, "payment": 2}]
    assert told(heed) == [("started", None), ("step_completed", "reserve"),
                          ("step_completed", "charge"), ("step_completed", "ship"),
                          ("completed", None)]


def test_back(make_heed, service):
    """A step fails for good: what was done is undone in reverse, each with its own result."""
    service.always["ship"] = 422
    service.script["charge"] = [500]
    service.script["refund"] = [503]
    heed = make_heed(order_saga(service.url)).start()
    heed.post(order(7))
    end(heed, DONE)
    assert service.names() == ["reserve", "charge", "refund", "release"]
    by_name = {name: body for name, body, _ in service.applied}
    assert by_name["refund"]["result"]["body"]["id"] == 2
    assert by_name["release"]["result"]["body"]["id"] == 1
    assert told(heed)[-1] == ("compensated", "effect")
    assert heed.rows("select class from runs where flow = 'saga'") == [("compensated",)]


def test_stuck(make_heed, service):
    """An undo that fails parks the saga; a person sees to it, and it goes on."""
    service.always["ship"] = 422
    service.always["refund"] = 400
    heed = make_heed(order_saga(service.url)).start()
    heed.post(order(7))
    end(heed, HELD)
    assert told(heed)[-1] == ("stuck", "stuck")
    assert service.names() == ["reserve", "charge"]
    assert "charge could not be undone" in heed.rows("select text from runs where flow = 'saga'")[0][0]


def test_policy_retry_and_fail(make_heed, service):
    service.script["charge"] = [402]
    heed = make_heed(order_saga(service.url, "recover: {policy: retry, retries: 2}")).start()
    heed.post(order(1))
    end(heed, DONE)
    assert service.names() == ["reserve", "charge", "ship"]
    heed.stop()
    heed = make_heed(order_saga(service.url, "recover: {policy: fail}")).start()
    service.always["ship"] = 422
    heed.post(order(2))
    end(heed, DEAD)
    assert service.names() == ["reserve", "charge", "ship", "reserve", "charge"]
    assert told(heed)[-1] == ("failed", "effect")


def test_a_step_that_is_gone(make_heed, service):
    """Runs keep their definition: a step that the new file no longer has is done and undone."""
    service.script["charge"] = ["hang"]
    config = order_saga(service.url)
    heed = make_heed(config).start()
    heed.post(order(7))
    until(lambda: "charge" in [name for name, _ in service.requests])
    heed.stop(signal.SIGKILL)
    service.released.set()
    at, to = config.index("      charge:"), config.index("      ship:")
    heed.config.write_text(config[:at] + config[to:])
    service.always["ship"] = 422
    heed.start()
    end(heed, DONE)
    assert service.names() == ["reserve", "charge", "refund", "release"]


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("do:", "doo:", 'did you mean "do"'),
        ("      ship:", "      redrive:", 'cannot be called "redrive"'),
        ("      ship:\n", "      ship:\n        after: [chargge]\n", 'did you mean "charge"'),
        ("      ship:\n", "      ship:\n        sleep: 1s\n", "does 2 things"),
        ("      reserve:\n", "      reserve:\n        after: [ship]\n", "stands before a step of its after"),
        ("        undo: ", "        undo_when: attempted\n        undo: ", "may have no .result"),
        ("start_on: order_placed", "start_on: order_placed\n    order: [reserve, reserve]", "twice"),
        ("start_on: order_placed", "start_on: order_placed\n    complete_when: .data.x", "without a guide"),
        ("when: attempted", "when: attempted", None),
        ('data: "{order: .event.data.id}"', 'data: "{order: .data.id}"', "data"),
    ],
)
def test_check(make_heed, old, new, says):
    config = order_saga("http://127.0.0.1:1")
    heed = make_heed(config.replace(old, new, 1))
    result = heed.command("check", "heed.yaml", check=False)
    assert (result.returncode == 0) == (says is None)
    assert says is None or says in result.stderr
