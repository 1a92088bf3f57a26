"""heed cost, heed budget and heed check's words about money, on the real binary."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from kit import event, until
from provider import answer, drop, status

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick: {{provider: openai, endpoint: "{url}", model: gpt-4o-mini, api_key: key, max_tokens: 50, coalesce: false}}
  careful: {{provider: openai, endpoint: "{url}", model: own, api_key: key,
            price: {{input: 3, cached_input: 0.3, output: 15, reasoning: 30}}}}
sources:
  web: {{type: http, listen: "127.0.0.1:0"}}
reactions:
  enrich:
    on: [customer_created, order_created]
    ask: {{model: quick, prompt: "{{{{ .event.data.id }}}}", retry: {{delay: 1ms}}}}
  judge:
    on: order_created
    ask: {{model: careful, prompt: "{{{{ .event.data.id }}}}"}}
budgets:
  - {{all: true, limit: 1, per: month}}
  - {{reaction: judge, limit: 0.5, per: day, timezone: Europe/Berlin, then: dead_letter}}
"""

# of gpt-4o-mini: 900 * 150 + 100 * 75 + 50 * 600; of careful: 900 * 3000 + 100 * 300 + ...
USAGE = {"input": 1000, "cached": 100, "output": 50, "reasoning": 10}
QUICK = 900 * 150 + 100 * 75 + 50 * 600
CAREFUL = 900 * 3000 + 100 * 300 + 40 * 15000 + 10 * 30000


@pytest.fixture
def shop(make_heed, provider):
    provider.default = answer("fine", usage=USAGE)
    return make_heed(CONFIG.format(url=provider.openai_url))


def lines(heed, *words):
    return [json.loads(line) for line in heed.command(*words, "--json").stdout.splitlines()]


def fill(heed, provider):
    heed.start()
    provider.script([status(500), drop()])  # of the first one; the second may be billed
    heed.post(event(1, type="customer_created"))
    heed.until("select count(*) from runs where state = 5", [(1,)])
    heed.post(*[event(n, type=kind) for n, kind in
                ((2, "customer_created"), (3, "order_created"), (4, "order_created"))])
    heed.until("select count(*) from runs where state = 5", [(6,)])


def test_costs_by_all_that_is_offered(shop, provider):
    fill(shop, provider)
    (quick, careful) = sorted(lines(shop, "cost", "--by", "reaction"), key=lambda row: row["cost_nano_usd"])
    assert quick["reaction"] == "enrich" and quick["cost_nano_usd"] == 4 * QUICK
    assert (quick["decisions"], quick["calls"], quick["failed"]) == (4, 6, 2)
    assert quick["input_tokens"] == 4000 and quick["cached_input_tokens"] == 400
    assert quick["uncertain_nano_usd"] > 0 == careful["uncertain_nano_usd"]
    assert careful["cost_nano_usd"] == 2 * CAREFUL and careful["reasoning_tokens"] == 20

    both = lines(shop, "cost", "--by", "type,model")
    assert [(row["type"], row["model"], row["cost_nano_usd"]) for row in both] == [
        ("order_created", "own", 2 * CAREFUL), ("customer_created", "gpt-4o-mini", 2 * QUICK),
        ("order_created", "gpt-4o-mini", 2 * QUICK)]
    assert {row["asked"] for row in lines(shop, "cost", "--by", "asked")} == {"quick", "careful"}
    (day,) = lines(shop, "cost", "--by", "day", "--last", "1d")
    assert day["cost_nano_usd"] == 4 * QUICK + 2 * CAREFUL
    assert lines(shop, "cost", "--until", "2020-01-01") == []

    rows = list(csv.DictReader(io.StringIO(shop.command("cost", "--csv").stdout)))
    assert [(row["reaction"], row["cost_usd"]) for row in rows] == [
        ("judge", str(2 * CAREFUL / 1e9)), ("enrich", f"{4 * QUICK / 1e9:.5f}")]
    shown = shop.command("cost").stdout
    assert "judge" in shown and f"${2 * CAREFUL / 1e9:.6f}" in shown and "█" in shown
    assert "may have been billed" in shown


@pytest.mark.parametrize("words, hint", [
    (("cost", "--by", "modle"), "did you mean model?"),
    (("cost", "--by", "moon"), "type, reaction, model"),
    (("cost", "--since", "yesterday"), "2026-11-24"),
    (("cost", "--timezone", "Europe/Berln"), "Europe/Berlin"),
    (("cost", "price"), "heed help cost"),
    (("cost", "prices", "gtp"), "heed cost prices lists"),
    (("budget", "--jsn"), "did you mean --json?"),
])
def test_mistakes_are_explained(shop, provider, words, hint):
    shop.start()
    shop.stop()
    result = shop.command(*words, check=False)
    assert result.returncode in (1, 2) and hint in result.stderr


def test_budgets_from_the_process_and_from_the_store(shop, provider):
    fill(shop, provider)
    live = lines(shop, "budget")
    (all_, judge) = live
    assert all_["budget"] == "all per month" and all_["spent_nano_usd"] > 4 * QUICK + 2 * CAREFUL
    assert judge == {**judge, "budget": "reaction judge per day", "spent_nano_usd": 2 * CAREFUL,
                     "limit_nano_usd": 500_000_000, "timezone": "Europe/Berlin", "then": "dead_letter",
                     "reserved_nano_usd": 0, "waiting": 0}
    shown = shop.command("budget").stdout
    assert "of $0.50" in shown and "all per month" in shown
    shop.stop()
    assert lines(shop, "budget") == live
    shop.config.write_text(shop.config.read_text().split("budgets:")[0])
    assert "add budgets:" in shop.command("budget").stdout


def test_a_call_under_way_is_reserved(shop, provider):
    provider.default = answer("fine", usage=USAGE, delay=30)
    shop.start()
    shop.post(event(1, type="order_created"))
    provider.wait(2)
    (all_, judge) = until(lambda: [b for b in lines(shop, "budget") if b["reserved_nano_usd"]])
    assert all_["reserved_nano_usd"] > judge["reserved_nano_usd"] > CAREFUL
    shown = shop.command("budget").stdout
    assert "reserved for calls under way" in shown


def test_the_page_is_right(shop):
    page = (Path(__file__).parents[2] / "docs/cost.md").read_text()
    result = check(shop, lambda _: re.search(r"```yaml\n(.*?)```", page, re.S)[1])
    assert (result.returncode, result.stderr) == (0, "")


def test_prices(shop):
    known = {row["model"]: row for row in lines(shop, "cost", "prices", "gpt-4o")}
    assert known["gpt-4o-mini"]["input"] == 0.15 and known["gpt-4o-mini"]["source"]
    configured = {row["name"]: row for row in lines(shop, "cost", "prices", "--config", "heed.yaml")}
    assert configured["careful"]["reasoning"] == 30
    assert configured["careful"]["source"] == "this configuration"


def check(shop, change):
    shop.config.write_text(change(shop.config.read_text()))
    return shop.command("check", "heed.yaml", check=False)


def test_a_budget_cannot_hold_what_has_no_price(shop):
    result = check(shop, lambda text: text.replace("gpt-4o-mini", "llama-9"))
    assert result.returncode == 78
    assert 'the budget "all per month" can\'t hold model "quick"' in result.stderr
    assert "add price:" in result.stderr and "judge" not in result.stderr
    result = check(shop, lambda text: text.split("budgets:")[0])
    assert result.returncode == 0
    assert "heed.yaml:6:3: warning: model \"quick\": the price of \"llama-9\" is not known" in result.stderr
    report = json.loads(shop.command("check", "--json", "heed.yaml").stdout)
    assert report["ok"] and sum("price" in w["text"] for w in report["warnings"]) == 1


@pytest.mark.parametrize("budget, words", [
    ("{limit: 1}", "does not say what it is for"),
    ("{all: true, reaction: judge, limit: 1}", "can't be for some only"),
    ("{reaction: juge, limit: 1}", 'did you mean "judge"?'),
    ("{model: quik, limit: 1}", 'did you mean "quick"?'),
    ("{all: true, limit: -1}", "limit"),
    ("{all: true, limit: 1, per: week}", "hour, day, month"),
    ("{all: true, limit: 1, timezone: Europe/Berln}", "Europe/Berlin"),
    ("{all: true, limit: 1, then: wait}", "write hold, dead_letter or {model: NAME}"),
    ("{all: true, limit: 1, then: {model: quik}}", 'did you mean "quick"?'),
    ("{all: true, limit: 1, warn_at: 80}", "warn_at"),
    ("{all: true, limit: 2, per: month}", 'there is a budget "all per month" already'),
])
def test_wrong_budgets(shop, budget, words):
    result = check(shop, lambda text: text + f"  - {budget}\n")
    assert result.returncode == 78 and words in result.stderr
    assert result.stderr.count("heed.yaml:") == 1
