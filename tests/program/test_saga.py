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


APPROVAL = HEAD + """
models:
  fraud:
    provider: rules
    rules: |
      if .steps == null then {action: "compensate", reason: "no use"}
      elif any(.steps[]; .step == "check") then {action: "execute", step: "check", input: {level: 1}, reason: "first"}
      elif any(.steps[]; .step == "approve") then {action: "execute", step: "approve", reason: "it is much"}
      elif any(.steps[]; .step == "pay") then {action: "execute", step: "pay", reason: "agreed"}
      else {action: "complete", reason: "all done"} end
sagas:
  refund:
    about: give money back
    start_on: refund_asked
    guide: {model: fraud, max_steps: 8}
    complete_when: .data.paid == true
    steps:
      check:
        do: {http: {url: "URL/check", body: .input}}
        input: {type: object, required: [level], properties: {level: {type: integer}}}
        undo: {http: {url: "URL/uncheck"}}
      approve:
        about: a person must agree
        after: [check]
        ask_human:
          recipients: [boss]
          question: "Refund {{ .data.amount }}?"
          edit: {type: object, properties: {amount: {type: number, maximum: 100}}}
        set: '.result.edit // {}'
      pay:
        after: [approve]
        do: {http: {url: "URL/pay", body: .data}}
        undo: {http: {url: "URL/unpay"}}
        set: '{paid: true}'
"""


def refund(make_heed, service, **more):
    heed = make_heed(APPROVAL.replace("URL", service.url)).start()
    heed.post(event(1, type="refund_asked", amount=500))
    heed.until("select count(*) from journal where kind = 5 and state = 0", [(1,)])
    return heed


def test_a_person_approves(make_heed, service):
    heed = refund(make_heed, service)
    listed = heed.command("sagas", "ls").stdout
    assert "waiting" in listed and "approve" in listed
    asked = json.loads(heed.rows(
        "select body from events where type = 'saga.approval_requested'")[0][0])
    assert asked["data"]["question"] == "Refund 500?" and asked["data"]["recipients"] == ["boss"]
    run = str(asked["data"]["run"])
    for words, says in [
        (["approve", "99"], "there is no run 99"),
        (["approve", "x"], "no saga's number"),
        (["approve", run, "pay"], "waits for: approve"),
        (["approve", run, "--edit", '{"amount": 1000}'], "does not fit"),
        (["approve", run, "--edit", "{"], "--edit"),
        (["aprove", run], 'did you mean "approve"'),
        (["reject", run, "--edit", "{}"], "--edit"),
    ]:
        refused = heed.command("sagas", *words, check=False)
        assert refused.returncode != 0 and says in refused.stderr, refused.stderr
    assert "is approved" in heed.command("sagas", "approve", run, "--by", "ann", "--edit",
                                         '{"amount": 50}').stdout
    end(heed, DONE)
    assert service.names() == ["check", "pay"]
    assert service.applied[1][1] == {"id": 1, "email": "a@example.com", "employees": 500, "amount": 50}
    shown = heed.command("sagas", "show", run).stdout
    for part in ["completed", "execute check: first", "approve by ann", "it is much", "done", '"amount":50']:
        assert part in shown, shown
    again = heed.command("sagas", "approve", run, check=False)
    assert again.returncode == 1 and "is done" in again.stderr
    heed.stop()
    alone = heed.command("sagas", "approve", run, check=False)
    assert alone.returncode == 1 and "heed run" in alone.stderr


def test_a_person_rejects(make_heed, service):
    heed = refund(make_heed, service)
    heed.command("sagas", "reject", "1", "--by", "ann", "--reason", "too much")
    end(heed, DONE)
    assert service.names() == ["check", "uncheck"]
    shown = heed.command("sagas", "show", "1").stdout
    assert "compensated" in shown and "approve was rejected by ann: too much" in shown
    assert "undone" in shown


def test_a_person_cancels(make_heed, service):
    heed = refund(make_heed, service)
    heed.command("sagas", "cancel", "1", "--reason", "a mistake")
    end(heed, DONE)
    assert service.names() == ["check", "uncheck"]
    assert told(heed)[-1] == ("compensated", "cancelled")


def test_stuck_goes_on(make_heed, service):
    service.always["ship"] = 422
    service.always["refund"] = 400
    heed = make_heed(order_saga(service.url)).start()
    heed.post(order(7))
    end(heed, HELD)
    assert "stuck" in heed.command("sagas", "ls", "--state", "stuck").stdout
    heed.command("sagas", "retry", "1")
    until(lambda: [n for n, _ in service.requests].count("refund") == 2)
    end(heed, HELD)
    del service.always["refund"]
    heed.command("sagas", "retry", "1")
    end(heed, DONE)
    assert service.names() == ["reserve", "charge", "refund", "release"]


def test_undone_by_hand(make_heed, service):
    service.always["ship"] = 422
    service.always["refund"] = 400
    heed = make_heed(order_saga(service.url)).start()
    heed.post(order(7))
    end(heed, HELD)
    heed.command("sagas", "retry", "1", "--done")
    end(heed, DONE)
    assert service.names() == ["reserve", "charge", "release"]


def test_an_undo_without_a_result(make_heed, service):
    """A step that left no result, whose undo reads it: held, and undone by hand."""
    config = HEAD + f"""
sagas:
  odd:
    start_on: order_placed
    steps:
      note: {{do: {{log: {{message: hello}}}}, undo: {{http: {{url: "{service.url}/{{{{ .result.id }}}}"}}}}}}
      ship: {{do: {do(service.url, "ship")}}}
"""
    service.always["ship"] = 422
    heed = make_heed(config).start()
    heed.post(order(7))
    end(heed, HELD)
    assert "left no result" in heed.rows("select text from runs where flow = 'saga'")[0][0]
    heed.command("sagas", "retry", "1", "--done")
    end(heed, DONE)
    assert service.names() == []


def test_fork(make_heed, service):
    """A failed saga's finished steps serve a new one; what comes after is done anew."""
    service.always["ship"] = 422
    heed = make_heed(order_saga(service.url, "recover: {policy: fail}")).start()
    heed.post(order(7))
    end(heed, DEAD)
    for words, says in [
        (["fork", "1"], "--from"),
        (["fork", "1", "--from", "shipp"], 'did you mean "ship"'),
        (["fork", "1", "--from", "ship", "--patch", "7"], "not an object"),
        (["fork", "1", "--from", "ship", "--patch", ".a ="], "patch"),
    ]:
        refused = heed.command("sagas", *words, check=False)
        assert refused.returncode != 0 and says in refused.stderr, refused.stderr
    del service.always["ship"]
    heed.command("sagas", "fork", "1", "--from", "ship", "--patch", ".address = 5")
    end(heed, DONE)
    assert service.names() == ["reserve", "charge", "ship"]
    assert service.applied[2][1]["data"] == {"order": 7, "reservation": 1, "payment": 2, "address": 5}
    new = heed.rows("select max(id) from runs where flow = 'saga'")[0][0]
    assert "forked  from saga 1 before ship" in heed.command("sagas", "show", str(new)).stdout
    # From the beginning: all is done again, with keys of its own.
    heed.command("sagas", "fork", str(new), "--from", "reserve")
    end(heed, DONE, 2)
    assert service.names()[3:] == ["reserve", "charge", "ship"]
    assert len({key for _, _, key in service.applied}) == 6


def test_fork_not_behind_what_was_undone(make_heed, service):
    service.always["ship"] = 422
    heed = make_heed(order_saga(service.url)).start()
    heed.post(order(7))
    end(heed, DONE)
    refused = heed.command("sagas", "fork", "1", "--from", "ship", check=False)
    assert refused.returncode == 1 and "--from reserve" in refused.stderr
