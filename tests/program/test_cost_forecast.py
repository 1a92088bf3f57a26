"""heed cost forecast: another configuration over recorded events, without a call."""

import json

import pytest

from kit import event
from provider import answer

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick: {{provider: openai, endpoint: "{url}", model: own, api_key: key, max_tokens: 100, coalesce: false,
          price: {{input: 1, output: 10}}}}
sources:
  web: {{type: http, listen: "127.0.0.1:0"}}
reactions:
  enrich:
    on: customer_created
    ask: {{model: quick, prompt: "Analyze {{{{ .event.data }}}}"}}
"""
N = 40
# own's price: 1,000 nano-dollars a token in, 10,000 out
COST = N * (300 * 1000 + 30 * 10000)


@pytest.fixture
def shop(make_heed, provider):
    provider.default = answer("fine", usage={"input": 300, "output": 30})
    heed = make_heed(CONFIG.format(url=provider.openai_url)).start()
    heed.post(*[event(n) for n in range(N)], *[event(f"o{n}", type="order_placed") for n in range(10)])
    heed.until("select count(*) from runs where state = 5", [(N,)])
    heed.stop()
    return heed


def forecast(shop, *words, text=None):
    if text is not None:
        (shop.folder / "new.yaml").write_text(text)
        words += ("--with", "new.yaml")
    shown = shop.command("cost", "forecast", "--json", *words).stdout
    return [json.loads(line) for line in shown.splitlines()]


def near(value, wanted, part=0.03):
    return abs(value - wanted) <= part * wanted


def test_the_same_configuration_costs_the_same(shop, provider):
    (row,) = forecast(shop)
    assert (row["name"], row["model"], row["type"]) == ("enrich", "quick", "customer_created")
    assert row["calls_a_day"] == row["events_a_day"] == N and row["answers_recorded"]
    assert near(row["input_tokens_a_day"], N * 300) and row["output_tokens_a_day"] == N * 30
    assert near(row["nano_usd_a_day"], COST)
    assert row["low_nano_usd_a_day"] < COST < row["high_nano_usd_a_day"] < row["at_most_nano_usd_a_day"]
    assert near(row["batch_nano_usd_a_day"], COST / 2)
    assert len(provider.calls) == N  # nobody was asked


def test_prompt_price_and_events_count(shop, provider):
    text = shop.config.read_text()
    (longer,) = forecast(shop, text=text.replace("Analyze", "Analyze " * 20))
    assert longer["input_tokens_a_day"] > 2 * N * 300
    (dearer,) = forecast(shop, text=text.replace("output: 10", "output: 40"))
    assert near(dearer["nano_usd_a_day"], COST + N * 30 * 30000)
    (fewer,) = forecast(shop, text=text.replace("    ask:", "    when: .event.data.id < 10\n    ask:"))
    assert fewer["calls_a_day"] == 10
    (some,) = forecast(shop, "--limit", "25")
    assert near(some["calls_a_day"], N, 0.1)
    assert len(provider.calls) == N


def test_what_was_never_asked_is_guessed(shop):
    text = shop.config.read_text() + """
  judge:
    on: order_placed
    ask:
      model: quick
      prompt: "{{ .event.data }}"
      answer: {type: object, properties: {risk: {enum: [low, high]}, why: {type: string}}}
budgets:
  - {all: true, limit: 0.01, per: day}
"""
    rows = {row["name"]: row for row in forecast(shop, text=text)}
    assert rows["judge"]["calls_a_day"] == 10 and not rows["judge"]["answers_recorded"]
    assert rows["judge"]["high_nano_usd_a_day"] > 10 * 100 * 10000  # max_tokens
    shown = shop.command("cost", "forecast", "--with", "new.yaml").stdout
    assert "answers guessed" in shown and "50 recorded events" in shown
    assert "budget all per day of $0.01: " in shown and "enrich" in shown


def test_nothing_to_go_by(shop):
    result = shop.command("cost", "forecast", "--since", "2099-01-01", check=False)
    assert result.returncode == 1 and "heed events" in result.stderr
    text = shop.config.read_text().replace("on: customer_created", "on: other")
    (shop.folder / "new.yaml").write_text(text)
    shown = shop.command("cost", "forecast", "--with", "new.yaml").stdout
    assert "none of 50 recorded events would ask a model" in shown
