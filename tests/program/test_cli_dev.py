"""heed dev: who answers, what is printed, feeding a file, a changed configuration; the demo."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from kit import HEED, until
from provider import Provider, answer

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick:
    provider: openai
    endpoint: ${URL:-https://api.openai.com/v1}
    model: gpt-4o-mini
    api_key: ${SHOP_KEY}
RULES
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  enrich:
    on: customer_created
    ask:
      model: quick
      prompt: "Analyze {{ .event.data }}"
      answer:
        type: object
        additionalProperties: false
        required: [segment, score]
        properties: {segment: {enum: [enterprise, smb]}, score: {type: integer, minimum: 3}}
    then:
      - emit: {type: customer_enriched, data: .answer}
"""
PLAIN = CONFIG.replace("RULES", "")
RULES = CONFIG.replace("RULES", "    rules: '{segment: \"smb\", score: .event.data.id}'")
EVENTS = '{"type": "customer_created", "id": "c-1", "source": "/crm", "data": {"id": 7}}\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "events").write_text(EVENTS)
    return tmp_path


def dev(folder, config, *words, check=True, **env):
    (folder / "heed.yaml").write_text(config)
    environment = {name: value for name, value in os.environ.items() if name != "SHOP_KEY"}
    return subprocess.run([HEED, "dev", *words], cwd=folder, env={**environment, **env}, check=check,
                          capture_output=True, text=True, timeout=60)


def test_without_a_key_rules_answer_and_it_says_so(folder):
    done = dev(folder, RULES, "--send", "events", "--once")
    assert "rules answer in place of gpt-4o-mini (openai), whose key is not set" in done.stdout
    for part in ["customer_created c-1  from /crm", 'enrich c-1  done  {"segment":"smb","score":7}',
                 "-> emit customer_enriched", "rules, not gpt-4o-mini, 0 tokens, free",
                 "1 event in, 1 event emitted, 1 run, 1 call, 0 tokens, free"]:
        assert part in done.stdout
    assert "http on port" in done.stderr


def test_without_rules_answers_are_made_up_and_fit(folder):
    done = dev(folder, PLAIN, "--send", "events", "--once")
    assert "answers are made up in place of gpt-4o-mini" in done.stdout
    assert 'done  {"segment":"enterprise","score":3}' in done.stdout
    assert "made up, not by gpt-4o-mini" in done.stdout


def test_with_a_key_the_model_answers(folder):
    with Provider() as provider:
        provider.default = answer({"segment": "smb", "score": 5}, usage={"input": 1000, "output": 50})
        done = dev(folder, RULES, "--send", "events", "--once", SHOP_KEY="sk-1", URL=provider.openai_url)
        assert len(provider.calls) == 1
    assert "gpt-4o-mini (openai) is asked, and paid for" in done.stdout
    assert '{"segment":"smb","score":5}' in done.stdout and "1,050 tokens, $0.000180" in done.stdout


def test_events_one_after_the_other_as_json(folder):
    (folder / "events").write_text(EVENTS + EVENTS + '{"type": "unheard"}\n')
    records = [json.loads(line) for line in
               dev(folder, RULES, "--send", "events", "--once", "--json").stdout.splitlines()]
    assert [(r["what"], r.get("duplicate"), r.get("runs")) for r in records] == [
        ("event", None, 1), ("run", None, None), ("event", None, 0), ("event", True, 1), ("event", None, 0)]
    assert records[1]["effects"][0]["request"]["type"] == "customer_enriched"


@pytest.mark.parametrize(
    "words, code, says",
    [
        (["--once"], 2, "--once goes with --send"),
        (["--send", "nowhere"], 1, "cannot read nowhere"),
        (["--send", "bad", "--once"], 1, "bad:2"),
        (["nowhere.yaml"], 1, "nowhere.yaml"),
        (["--snd", "events"], 2, "did you mean --send?"),
        (["wrong.yaml"], 78, "wrong.yaml:2:1"),
    ],
)
def test_wrong_words(folder, words, code, says):
    (folder / "bad").write_text(EVENTS + "{\n")
    (folder / "wrong.yaml").write_text("heed: 1\nmodells: {}\n")
    done = dev(folder, RULES, *words, check=False)
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr


def test_a_failure_is_counted_and_shown(folder):
    done = dev(folder, RULES.replace('"smb"', '"nobody"'), "--send", "events", "--once")
    assert "enrich c-1  dead" in done.stdout and "see: heed dlq show 1" in done.stdout
    assert "1 run (1 failed: heed dlq ls)" in done.stdout or "(1 failed: heed dlq ls)" in done.stdout


def test_a_changed_file_is_taken_up(folder):
    (folder / "heed.yaml").write_text(RULES)
    environment = {name: value for name, value in os.environ.items() if name != "SHOP_KEY"}
    process = subprocess.Popen([HEED, "dev"], cwd=folder, env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)

    def score():
        done = subprocess.run([HEED, "send", "--wait", "--json", "--type", "customer_created", "--data", '{"id": 4}'],
                              cwd=folder, env=environment, capture_output=True, text=True)
        return done.returncode == 0 and json.loads(done.stdout)["runs"][0]["journal"][0]["reply"]["text"]

    try:
        assert until(score) == '{"segment":"smb","score":4}'
        (folder / "heed.yaml").write_text(RULES.replace(".event.data.id", "99"))
        until(lambda: score() == '{"segment":"smb","score":99}')
    finally:
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and "send it an event: heed send" in out and "events in" in out


def test_the_demo(tmp_path):
    """What `./dev demo` runs: every event with its decision, tokens, cost and time; who answered."""
    demo = Path(__file__).parents[2] / "examples/shop/demo"
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = subprocess.run([demo], env={**environment, "HEED": HEED, "TMPDIR": str(tmp_path)}, check=True,
                          capture_output=True, text=True, timeout=60)
    assert done.stdout.count("no model is asked") == 3
    for part in ['enrich_customer c-1  done  {"predicted_segment":"enterprise"', "-> log customer 1 is enterprise",
                 'check_order o-1  done  {"risk":"review"}', "known already", "no reaction wants it",
                 "8 events in (1 known already), 3 events emitted, 8 runs, 6 calls, 0 tokens, free",
                 "Look further"]:
        assert part in done.stdout
    # What it says can be done can be done.
    looks = re.findall(r"^  (export .*|cd .*|heed=.*|\$heed (?:explain|events).*?)(?:   .*)?$", done.stdout, re.M)
    told = subprocess.run(["bash", "-ec", "\n".join(looks)], capture_output=True, text=True, check=True)
    assert "order_review_requested" in told.stdout


def test_the_demo_with_a_key_asks_the_model(tmp_path):
    demo = Path(__file__).parents[2] / "examples/shop/demo"
    with Provider() as provider:
        done = subprocess.run(
            [demo], env={**os.environ, "HEED": HEED, "TMPDIR": str(tmp_path), "OPENAI_API_KEY": "sk-1",
                         "OPENAI_BASE_URL": provider.openai_url},
            check=True, capture_output=True, text=True, timeout=60)
        assert len(provider.calls) == 6
    assert "gpt-4o-mini (openai) is asked, and paid for" in done.stdout and "6 calls" in done.stdout
