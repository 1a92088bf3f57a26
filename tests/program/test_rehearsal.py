"""heed test and heed whatif: a configuration at work without the world."""

import json

import pytest

import provider as scripted
from kit import Heed, event

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick: {provider: openai, endpoint: "ENDPOINT", model: gpt-4o-mini, api_key: secret-key-1}
  careful: {provider: openai, endpoint: "ENDPOINT", model: gpt-4o, api_key: secret-key-1}
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  enrich:
    on: customer_created
    ask:
      model: quick
      prompt: "Analyze {{ .event.data }}"
      retry: {attempts: 3, delay: 1h, delay_max: 1d}
      answer:
        type: object
        required: [segment]
        properties: {segment: {enum: [enterprise, smb]}}
    then:
      - http: {method: POST, url: "http://127.0.0.1:9/crm", body: .answer}
        retry: {attempts: 2, delay: 1d}
      - emit: {type: customer_enriched, data: "{id: .event.data.id, segment: .answer.segment}"}
  tell:
    on: customer_enriched
    then:
      - log: {message: "customer {{ .event.data.id }}"}
"""
PASSING = """
cases:
  - name: the whole way
    event: {type: customer_created, data: {id: 7}}
    answers: {quick: {segment: smb}}
    expect:
      answer: {segment: smb}
      runs: {enrich: done, tell: done}
      events: [{type: customer_enriched, data: {id: 7}}]
      effects: [{http: {body: {segment: smb}}}, {log: {message: customer 7}}]
      calls: 1
      cost: 0.01
      that: ['.calls[0].prompt | contains("7")', .effects | length == 2]
  - name: hours and days pass in no time
    event: {type: customer_created, data: {id: 8}}
    answers: {quick: [{$class: transient, $text: down}, {$class: rate}, {$text: "Sure: {\\"segment\\": \\"smb\\"}"}]}
    results: {http: [{$fail: "503", $class: transient}, {status: 200}]}
    expect: {runs: {enrich: done}, calls: 3}
  - name: a repair, then a dead letter
    event: {type: customer_created, data: {id: 9}}
    answers: {quick: {segment: huge}}
    expect: {runs: {enrich: dead}, calls: 2, events: [{type: heed.dead_letter}], effects: []}
  - name: nothing reacts
    event: [{type: nobody}, {type: cares}]
    expect: {calls: 0, events: []}
"""


@pytest.fixture
def shop(tmp_path):
    def make(cases, config=CONFIG, endpoint="http://127.0.0.1:9/v1"):
        heed = Heed(tmp_path, config.replace("ENDPOINT", endpoint))
        (tmp_path / "heed.test.yaml").write_text(cases)
        return heed

    return make


def test_cases_that_pass(shop):
    heed = shop(PASSING)
    told = heed.command("test").stdout
    assert told.endswith("4 passed, 0 failed\n"), told
    tap = heed.command("test", "--tap").stdout.splitlines()
    assert tap[0] == "TAP version 13" and tap[-1] == "1..4"
    assert tap[1] == "ok 1 - the whole way"
    lines = [json.loads(line) for line in heed.command("test", "--json").stdout.splitlines()]
    assert [line["ok"] for line in lines] == [True] * 4
    assert lines[0]["outcome"]["calls"][0]["cost"] > 0
    assert not heed.store.exists()


@pytest.mark.parametrize(
    "case, complaint",
    [
        ("answers: {quick: {segment: smb}}, expect: {answer: {segment: enterprise}}",
         'answer: expected "enterprise" at .segment, got "smb"'),
        ("answers: {quick: {segment: smb}}, expect: {events: []}", "expected no event, got 1"),
        ("answers: {quick: {segment: smb}}, expect: {events: [{data: {id: 2}}]}",
         "event: expected 2 at .data.id, got 1"),
        ("answers: {quick: {segment: smb}}, expect: {effects: [{exec: {}}]}", "effect 1 of 2 is not there"),
        ("answers: {quick: {segment: smb}}, expect: {runs: {enrich: dead}}", "run of enrich is done, expected dead"),
        ("answers: {quick: {segment: smb}}, expect: {runs: {nobody: done}}", "nobody did not run"),
        ("answers: {quick: {segment: smb}}, expect: {calls: 2}", "expected 2 model calls, got 1"),
        ("answers: {quick: {segment: smb}}, expect: {that: ['.cost > 1']}", "not true: .cost > 1"),
        ("answers: {quick: {segment: huge}}", "run of enrich is dead"),
        ("answers: {}", 'model "quick" was asked, and there is no answer left for it'),
        ("results: {http: {$fail: no}}, answers: {quick: {segment: smb}}", "(http): no"),
    ],
)
def test_complaints(shop, case, complaint):
    heed = shop(f"cases:\n  - {{name: x, event: {{type: customer_created, data: {{id: 1}}}}, {case}}}\n")
    told = heed.command("test", check=False)
    assert told.returncode == 1
    assert complaint in told.stdout and "heed.test.yaml:2" in told.stdout
    assert "not ok 1 - x" in heed.command("test", "--tap", check=False).stdout


@pytest.mark.parametrize(
    "cases, place, words",
    [
        ("cases:\n  - {name: x, evnt: {type: a}}\n", "heed.test.yaml:2:15", 'did you mean "event"'),
        ("cases:\n  - {name: x, event: {type: a}, at: noon}\n", "heed.test.yaml:2", "RFC 3339"),
        ("cases:\n  - {name: x, event: {type: a}, expect: {that: ['.a[']}}\n", "heed.test.yaml:2", "closed"),
        ("nothing: 1\n", "heed.test.yaml:1", "cases"),
    ],
)
def test_mistakes_in_cases(shop, cases, place, words):
    told = shop(cases).command("test", check=False)
    assert told.returncode == 78
    assert place in told.stderr and words in told.stderr


def test_an_event_that_is_none(shop):
    told = shop("cases:\n  - {name: x, event: {data: 1}}\n").command("test", check=False)
    assert told.returncode == 1
    assert 'case "x"' in told.stderr and '"type"' in told.stderr


def test_no_such_case(shop):
    told = shop(PASSING).command("test", "--only", "zebra", check=False)
    assert told.returncode == 1 and "no case has such a name" in told.stdout


def test_recording_asks_once(shop, provider):
    provider.default = scripted.answer({"segment": "enterprise"})
    cases = """
cases:
  - name: recorded
    event: {type: customer_created, data: {id: 1}}
    expect: {answer: {segment: enterprise}, effects: [{http: {}}, {log: {}}]}
"""
    heed = shop(cases, endpoint=provider.openai_url)
    assert "real answers kept" in heed.command("test", "--record").stdout
    assert len(provider.calls) == 1
    kept = json.loads((heed.folder / "heed.test.answers.json").read_text())
    assert json.loads(kept["recorded"]["quick"][0]["text"]) == {"segment": "enterprise"}
    heed.command("test")
    assert len(provider.calls) == 1


def test_whatif(shop, provider):
    provider.script(lambda call: scripted.answer(
        {"segment": "enterprise" if call.body["model"] == "gpt-4o" and "2" in call.prompt
         else "smb"}))
    config = CONFIG.replace('- http: {method: POST, url: "http://127.0.0.1:9/crm", body: .answer}\n'
                            "        retry: {attempts: 2, delay: 1d}\n      ", "")
    heed = shop("", config, provider.openai_url).start()
    heed.post(*[event(i) for i in (1, 2, 3)])
    heed.until("select count(*) from runs where name = 'tell' and state = 5", [(3,)])
    heed.stop()
    before = heed.store.read_bytes()
    same = heed.command("whatif")
    assert "0 of 3 decisions differ" in same.stdout
    told = heed.command("whatif", "--model", "careful", "--json", check=False)
    assert told.returncode == 1
    *pairs, sums = [json.loads(line) for line in told.stdout.splitlines()]
    assert [pair["event"] for pair in pairs if pair["differs"]] == ["2"]
    assert sums["decisions"] == 3 and sums["differ"] == 1
    assert sums["is_cost"] > sums["was_cost"] > 0
    assert heed.command("whatif", "--model", "careful", "--allow", "1").returncode == 0
    assert heed.store.read_bytes() == before
    wrong = heed.command("whatif", "--model", "carful", check=False)
    assert wrong.returncode == 1 and 'no model "carful"' in wrong.stderr
