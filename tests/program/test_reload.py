"""A running heed takes up a changed configuration: whole or not at all, and loses nothing."""

import json
import os
import random
import signal
import socket
import threading
import time

import pytest

import provider as steps
from kit import event, until
from test_reaction import CONFIG

ECHO = """
heed: 1
name: shop
store: sqlite:shop.db
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  echo: {on: said, then: [{emit: {type: heard_VERSION}}]}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reload(heed, check=True, **more):
    return heed.command("reload", "--json", str(heed.config), check=check, **more)


def test_what_starts_after_it_is_new(make_heed):
    heed = make_heed(ECHO).start()
    heed.post(event(1, type="said"))
    heed.config.write_text(ECHO.replace("VERSION", "two"))
    shown = heed.command("echo", "--diff", str(heed.config)).stdout
    assert shown == '~ reactions.echo.then[0].emit.type: "heard_VERSION" -> "heard_two"\n'
    heed.post(event(2, type="said"))
    told = json.loads(reload(heed).stdout)
    assert told["applied"] and len(told["changes"]) == 1
    assert told["sources"] == {"kept": 1, "started": 0, "stopped": 0}
    heed.post(event(3, type="said"))
    heed.config.write_text(ECHO.split("reactions")[0])
    heed.process.send_signal(signal.SIGHUP)
    until(lambda: any('"reloaded' in line or " reloaded " in line for line in heed.log[-3:]))
    until(lambda: len([line for line in heed.log if "reloaded" in line]) == 2)
    heed.post(event(4, type="said"))
    assert heed.rows("select type, count(*) from events where source = 'heed/shop' group by 1") == [
        ("heard_VERSION", 2), ("heard_two", 1)]
    assert heed.command("reload", str(heed.config)).stdout == "reloaded: nothing changed\n"
    assert heed.stop() == 0


def test_a_bad_file_changes_nothing(make_heed):
    heed = make_heed(ECHO).start()
    heed.config.write_text(ECHO.replace("on: said", "onn: said").replace("emit:", "emitt:"))
    refused = heed.command("reload", str(heed.config), check=False)
    assert refused.returncode == 78
    assert 'did you mean "on"' in refused.stderr and 'did you mean "emit"' in refused.stderr
    assert "not reloaded: nothing was changed" in refused.stderr
    heed.config.write_text(ECHO.replace("shop.db", "other.db"))
    refused = heed.command("reload", str(heed.config), check=False)
    # The command looks beside the store that the file names now.
    assert refused.returncode == 1 and "heed run" in refused.stderr
    heed.config.write_text(ECHO.replace("name: shop", "name: other"))
    refused = heed.command("reload", str(heed.config), check=False)
    assert refused.returncode == 1
    assert "name cannot change while heed runs" in refused.stderr
    heed.post(event(1, type="said"))
    heed.until("select count(*) from events where type = 'heard_VERSION'", [(1,)])
    assert heed.stop() == 0


def test_sources_come_and_go(make_heed):
    ports = [free_port() for _ in range(3)]
    listen = 'web: {type: http, listen: "127.0.0.1:0"}'
    heed = make_heed(ECHO).start()

    def with_sources(*lines):
        heed.config.write_text(ECHO.replace(listen, "\n  ".join([listen, *lines])))

    def says(port):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return True
        except ConnectionRefusedError:
            return False

    with_sources(f'a: {{type: http, listen: "127.0.0.1:{ports[0]}"}}')
    assert json.loads(reload(heed).stdout)["sources"] == {"kept": 1, "started": 1, "stopped": 0}
    assert says(ports[0])
    with_sources(f'a: {{type: http, listen: "127.0.0.1:{ports[0]}", path: /in}}',
                 f'b: {{type: http, listen: "127.0.0.1:{ports[1]}"}}')
    assert json.loads(reload(heed).stdout)["sources"] == {"kept": 1, "started": 2, "stopped": 1}
    assert says(ports[0]) and says(ports[1])

    # One that cannot start takes all back: what ran before runs again.
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[2]))
        other.listen()
        with_sources(f'a: {{type: http, listen: "127.0.0.1:{ports[1]}"}}',
                     f'c: {{type: http, listen: "127.0.0.1:{ports[2]}"}}')
        refused = reload(heed, check=False)
        assert refused.returncode == 1 and "source c: cannot listen" in refused.stderr
        assert says(ports[0]) and says(ports[1])
    heed.config.write_text(ECHO)
    assert json.loads(reload(heed).stdout)["sources"] == {"kept": 1, "started": 0, "stopped": 2}
    assert not says(ports[0]) and not says(ports[1])
    heed.post(event(1, type="said"))
    assert heed.stop() == 0


def test_a_run_keeps_what_it_started_with(make_heed, provider):
    """Its definition, and the model that it is asking, however often the file changes."""
    asks = CONFIG.replace("provider: rules\n    rules: '{segment: (if .event.data.employees > 100"
                          " then \"enterprise\" else \"smb\" end)}'",
                          f"provider: openai\n    endpoint: {provider.openai_url}\n    model: m1\n"
                          "    api_key: k\n    timeout: 20s")
    assert "m1" in asks
    provider.default = steps.answer({"segment": "smb"}, delay=0.7)
    heed = make_heed(asks).start()
    heed.post(event(1))
    provider.wait(1)
    for i in range(5):
        heed.config.write_text(asks.replace("customer_enriched", f"changed_{i}").replace("m1", f"m{i}x"))
        assert json.loads(reload(heed).stdout)["applied"]
    provider.default = steps.answer({"segment": "smb"})
    heed.post(event(2))
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(2,)])
    assert heed.rows("select type from events where source = 'heed/shop' order by 1") == [
        ("changed_4",), ("customer_enriched",)]
    assert [call.body["model"] for call in provider.calls] == ["m1", "m4x"]
    assert heed.stop() == 0


def test_a_reload_storm(make_heed, provider):
    """A hundred reloads, some of them bad, while events stream in: each is handled once."""
    seed = int(os.environ.get("HEED_SEED", random.randrange(1 << 30)))
    chance = random.Random(seed)
    print("HEED_SEED =", seed)
    asks = ECHO.replace("reactions:", f"""models:
  m: {{provider: openai, endpoint: "{provider.openai_url}", model: m, api_key: k}}
reactions:
  judge:
    on: said
    ask: {{model: m, prompt: "VERSION {{{{ .event.id }}}}"}}
    then: [{{emit: {{type: judged}}}}]""")
    heed = make_heed(asks).start()
    sent, over = [], threading.Event()

    def send():
        while not over.is_set():
            batch = [event(len(sent) + i, type="said") for i in range(3)]
            heed.post(*batch)
            sent.extend(batch)
            time.sleep(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    applied = 0
    for i in range(100):
        text = asks.replace("VERSION", f"v{i}")
        if chance.random() < 0.3:
            text = text.replace("on: said", chance.choice(["onn: said", "on: [", "on: said, model: x"]), 1)
        if chance.random() < 0.3:
            text = text.replace("sources:", f'sources:\n  s{i}: {{type: http, listen: "127.0.0.1:0", path: /s{i}}}')
        heed.config.write_text(text)
        if chance.random() < 0.5:
            heed.process.send_signal(signal.SIGHUP)
        else:
            applied += reload(heed, check=False).returncode == 0
    over.set()
    sender.join()
    assert applied > 0
    heed.until("select count(*) from runs where state < 4", [(0,)])
    assert heed.rows("select name, state, count(*) from runs group by 1, 2 order by 1") == [
        ("echo", 5, len(sent)), ("judge", 5, len(sent))]
    assert heed.rows("select count(*) from events where type = 'judged'") == [(len(sent),)]
    assert len(provider.calls) == len(sent)
    assert heed.stop() == 0
