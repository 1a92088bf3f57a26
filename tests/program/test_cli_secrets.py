"""Secrets come from the environment or files and are shown nowhere (promise 10)."""

import json
import os

import pytest

from kit import event
from provider import Provider, status

KEY, TOKEN, BEARER = "sk-very-secret-0123456789", "t0ken-of-the-sink-4711", "sender-secret-0815"


def config(provider, key="${MY_KEY}", token="Bearer ${MY_TOKEN}", bearer="${MY_BEARER}"):
    return f"""
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick: {{provider: openai, endpoint: "{provider.openai_url}", model: gpt-4o-mini, api_key: "{key}"}}
connections:
  crm: {{url: "postgresql://me:hunter-2@127.0.0.1:1/crm"}}
sources:
  web: {{type: http, listen: "127.0.0.1:0", auth: {{bearer: "{bearer}"}}}}
reactions:
  enrich:
    on: customer_created
    ask: {{model: quick, prompt: "Hello {{{{ .event.data.id }}}}", retry: {{attempts: 1}}}}
    then: [{{log: {{message: "hello"}}}}]
  tell:
    on: customer_created
    then:
      - http: {{url: "http://127.0.0.1:9/", headers: {{Authorization: "{token}"}}}}
        retry: {{attempts: 1}}
"""


@pytest.mark.parametrize("literal", [False, True], ids=["variables", "in-the-file"])
def test_secrets_are_nowhere(make_heed, literal):
    """Not in what is printed, not in the log; from variables, not in the store either."""
    with Provider() as provider:
        provider.default = status(401, f"Incorrect API key provided: {KEY[:7]}***")
        text = config(provider, KEY, f"Bearer {TOKEN}", BEARER) if literal else config(provider)
        heed = make_heed(text)
        env = {**os.environ, "MY_KEY": KEY, "MY_TOKEN": TOKEN, "MY_BEARER": BEARER}
        heed.start(env=env)
        with heed.request(json.dumps([event(1)]).encode(),
                          headers={"Authorization": f"Bearer {BEARER}"}) as reply:
            assert reply.status == 202
        heed.until("select count(*) from runs where state = 6", [(2,)])
        assert provider.calls[0].headers["authorization"] == f"Bearer {KEY}"
        outputs = [heed.command(*words, env=env).stdout for words in (
            ["echo"], ["echo", "--json"], ["dlq", "ls", "--json"], ["dlq", "groups"], ["events", "--json"],
            ["runs", "--json"], ["check", "--json"], ["echo", "--diff"])]
        if not literal:  # what stands in the file as plain text of an effect is its text
            outputs += [heed.command(*words, env=env).stdout for words in (
                ["explain", "--full", "event:1"], ["explain", "--json", "event:1"], ["dlq", "show", "1"],
                ["dlq", "show", "2"])]
        heed.stop()
        if not literal:
            outputs.append(heed.store.read_bytes().decode("latin-1"))
            assert "${MY_KEY}" in outputs[0] and "${MY_TOKEN}" in outputs[0]
        for text in [*outputs, "".join(heed.log)]:
            for secret in (KEY, TOKEN, BEARER, "hunter-2"):
                assert secret not in text


def test_check_warns_of_secrets_in_the_file(make_heed):
    with Provider() as provider:
        heed = make_heed(config(provider, KEY, "x", "${MY_BEARER}"))
        done = heed.command("check", env={**os.environ, "MY_BEARER": BEARER})
        assert "heed.yaml:6:" in done.stderr and "api_key: the secret itself stands in the file" in done.stderr
        assert "bearer:" not in done.stderr
        shown = json.loads(heed.command("echo", env={**os.environ, "MY_BEARER": BEARER}).stdout)
        assert shown["models"]["quick"]["api_key"].startswith("***")
        assert shown["connections"]["crm"]["url"].startswith("postgresql://me:***")
        assert shown["connections"]["crm"]["url"].endswith("@127.0.0.1:1/crm")
