"""/metrics, /health and /ready of a running heed; promtool reads the page."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from kit import event, until
from provider import answer, status

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
observe: {{metrics: {{listen: "127.0.0.1:0", labels: 5}}}}
models:
  quick: {{provider: openai, endpoint: "{url}", model: own, api_key: key, max_tokens: 50, coalesce: false,
          price: {{input: 1, output: 10}}}}
sources:
  web: {{type: http, listen: "127.0.0.1:0"}}
reactions:
  enrich:
    on: [customer_created, odd_*]
    ask:
      model: quick
      prompt: "{{{{ .event.data.id }}}}"
      retry: {{attempts: 2, delay: 1ms}}
    then: [{{log: {{message: "{{{{ .answer }}}}"}}}}]
budgets:
  - {{all: true, limit: 0.01, per: month}}
"""


@pytest.fixture
def shop(make_heed, provider):
    provider.default = answer("fine", usage={"input": 100, "output": 10, "cached": 40})
    return make_heed(CONFIG.format(url=provider.openai_url)).start()


def get(heed, path, method="GET"):
    port = re.search(r"metrics port=(\d+)", "".join(heed.log))[1]
    return urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=20)


def page(heed):
    with get(heed, "/metrics") as reply:
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return reply.read().decode()


def values(heed, name):
    """{labels: value} of a metric."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", page(heed), re.M)
    return {labels: float(value) for labels, value in found}


def test_promtool_reads_it(shop, provider):
    provider.script([status(500), status(500)])  # a dead letter
    shop.post(event("x", type='odd_"b\\c'), *[event(n) for n in range(8)])
    shop.post(event(3))
    shop.until("select count(*) from runs where state in (5, 6)", [(9,)])
    until(lambda: sum(values(shop, "heed_runs_ended_total").values()) == 9)
    text = page(shop)
    check = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                           capture_output=True, timeout=60)
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")


def test_what_happened_is_counted(shop, provider):
    provider.script([status(500), status(500)])
    shop.post(event(0))
    shop.until("select count(*) from runs where state = 6", [(1,)])
    shop.post(*[event(n) for n in range(1, 9)], event(9, type="unknown"))
    shop.post(event(3))
    shop.until("select count(*) from runs where state = 5", [(8,)])
    until(lambda: sum(values(shop, "heed_runs_ended_total").values()) == 9)

    assert values(shop, "heed_events_total") == {
        'type="customer_created",outcome="accepted"': 9,
        'type="customer_created",outcome="duplicate"': 1, 'type="unknown",outcome="ignored"': 1,
        'type="heed.dead_letter",outcome="ignored"': 1}
    assert values(shop, "heed_source_events_total")['source="web",outcome="accepted"'] == 10
    assert values(shop, "heed_http_answers_total") == {'source="web",code="2xx"': 3}
    assert 0 <= values(shop, "heed_source_lag_seconds")['source="web"'] < 60
    assert values(shop, "heed_model_calls_total") == {
        'model="quick",reaction="enrich",outcome="transient"': 2,
        'model="quick",reaction="enrich",outcome="answer"': 8}
    assert values(shop, "heed_model_call_duration_seconds_count") == {'model="quick"': 10}
    assert values(shop, "heed_model_tokens_total") == {
        f'model="quick",reaction="enrich",kind="{kind}"': n
        for kind, n in (("input", 800), ("cached_input", 320), ("output", 80))}
    ((_, cost),) = values(shop, "heed_model_cost_dollars_total").items()
    assert cost == pytest.approx(8 * (100 * 1e-6 + 10 * 10e-6))
    assert values(shop, "heed_budget_spent_dollars") == {'budget="all per month"': pytest.approx(cost)}
    assert values(shop, "heed_runs_ended_total") == {
        'reaction="enrich",state="dead",class="transient"': 1,
        'reaction="enrich",state="done",class=""': 8}
    assert values(shop, "heed_effects_total") == {'action="log",reaction="enrich",outcome="done"': 8}
    assert values(shop, "heed_dead_letters")['state="dead"'] == 1
    groups = values(shop, "heed_store_commit_transactions_count")[""]
    assert groups == values(shop, "heed_store_commit_seconds_count")[""] > 3


def test_what_is_under_way(shop, provider):
    provider.default = answer("fine", delay=30)
    shop.post(*[event(n) for n in range(4)])
    provider.wait(4)
    assert values(shop, "heed_runs")['reaction="enrich",state="active"'] == 4
    assert values(shop, "heed_model_in_flight") == {'model="quick"': 4}
    assert values(shop, "heed_budget_reserved_dollars")['budget="all per month"'] > 0.003
    assert values(shop, "heed_queue_depth") == {"": 4}


def test_labels_have_a_bound(shop):
    shop.post(*[event(n, type=f"odd_{n}") for n in range(40)])
    shop.until("select count(*) from runs where state = 5 or state = 3", [(40,)])
    counts = values(shop, "heed_events_total")
    assert len({labels.split(",")[0] for labels in counts}) == 6  # five, and other
    assert counts['type="other",outcome="accepted"'] >= 35


def test_health_and_readiness(shop, provider):
    with get(shop, "/health") as reply:
        assert (reply.status, json.load(reply)) == (200, {"healthy": True})
    with get(shop, "/ready") as reply:
        assert json.load(reply) == {"ready": True}
    for path, method, code in (("/", "GET", 404), ("/metrics", "POST", 405)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(shop, path, method)
        assert caught.value.code == code and "/metrics" in json.load(caught.value)["detail"]
    provider.default = answer("fine", delay=1)
    shop.post(event(1))
    provider.wait(1)
    shop.process.terminate()  # drains: the call goes on
    with pytest.raises(urllib.error.HTTPError) as caught:
        until(lambda: get(shop, "/ready").status != 200, 5)
    assert caught.value.code == 503 and "stopping" in json.load(caught.value)["detail"]
    assert shop.stop() == 0


def test_an_address_in_use_is_said(shop, make_heed, tmp_path):
    port = re.search(r"metrics port=(\d+)", "".join(shop.log))[1]
    other = tmp_path / "other"
    other.mkdir()
    config = shop.config.read_text().replace('{listen: "127.0.0.1:0", labels', f'{{listen: "127.0.0.1:{port}", labels', 1)
    heed = make_heed(config, folder=other)
    result = heed.command("run", "heed.yaml", check=False)
    assert result.returncode == 1 and "observe.metrics: cannot listen on" in result.stderr


def test_the_page_about_it_is_made_of_the_table(shop):
    docs = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
    assert docs.endswith(shop.command("docs", "--markdown", "metrics").stdout)


def test_log_options(shop):
    text = shop.config.read_text()
    shop.stop()
    shop.config.write_text(text + "log: {form: json}\n")
    shop.start()
    shop.post(event(1))
    shop.until("select count(*) from runs where state = 5", [(1,)])
    shop.config.write_text(text + "log: {form: json, level: warn}\n")
    shop.command("reload")
    shop.post(event(2))
    shop.until("select count(*) from runs where state = 5", [(2,)])
    assert shop.stop() == 0
    lines = [json.loads(line) for line in shop.log]
    (run,) = [line for line in lines if line["what"] == "run"]
    assert run["level"] == "info" and run["state"] == "done" and run["cost_nano_usd"] == 200_000
    shop.config.write_text(text + "log: {form: xml}\n")
    result = shop.command("check", "heed.yaml", check=False)
    assert result.returncode == 78 and "text, json" in result.stderr
