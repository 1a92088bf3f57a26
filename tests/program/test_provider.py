"""Reactions that ask a provider over HTTP: the raw reply, the repair, retries, dead letters."""

import signal

import pytest

from kit import event, until
from provider import answer, fenced, hang, status
from test_reaction import CONFIG

ASKS = CONFIG.replace(
    """    provider: rules
    rules: '{segment: (if .event.data.employees > 100 then "enterprise" else "smb" end)}'
""",
    """    provider: openai
    endpoint: PROVIDER
    model: gpt-4o-mini
    api_key: secret-key-1
""",
).replace('      prompt: "Analyze', '      retry: {delay: 10ms}\n      prompt: "Analyze')

GOOD = answer({"segment": "smb"}, usage={"input": 100, "output": 10})
WRONG = answer({"segment": "huge"}, usage={"input": 100, "output": 10})


@pytest.fixture
def heed(make_heed, provider):
    provider.key = "secret-key-1"
    return make_heed(ASKS.replace("PROVIDER", provider.openai_url)).start()


@pytest.mark.parametrize(
    "script, calls, state",
    [
        ([GOOD], 1, 5),
        ([fenced({"segment": "smb"})], 1, 5),  # read leniently: no repair
        ([WRONG, GOOD], 2, 5),                 # one repair
        ([WRONG] * 3, 2, 6),                   # and only one
        ([status(500), status(429), GOOD], 3, 5),
        ([status(500)] * 5, 4, 6),
        ([status(400)], 1, 6),
    ],
    ids=["good", "lenient", "repaired", "wrong", "passing", "failing", "refused"],
)
def test_calls_and_outcome(heed, provider, script, calls, state):
    provider.script(script)
    heed.post(event(1))
    heed.until("select state, calls from runs where name = 'enrich' and state in (5, 6)",
               [(state, calls)])
    assert len(provider.calls) == calls
    assert provider.calls[0].body["response_format"]["type"] == "json_schema"
    if set(map(id, script)) <= {id(GOOD), id(WRONG)}:
        ((cost,),) = heed.rows("select cost_nano from runs where name = 'enrich'")
        assert cost == calls * (100 * 150 + 10 * 600)  # gpt-4o-mini: 0.15 and 0.60 a million
    assert heed.stop() == 0
    assert b"secret-key-1" not in b"".join(p.read_bytes() for p in heed.folder.glob("shop.db*"))


def test_a_paid_reply_survives(heed, provider):
    """Killed under way: no more calls than events, but for those cut off on the wire."""
    provider.default = GOOD
    heed.post(*[event(i) for i in range(60)])
    heed.until("select count(*) > 10 from journal where kind = 0 and state = 1", [(1,)])
    heed.stop(signal.SIGKILL)
    heed.start()
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(60,)])
    ((cut_off,),) = heed.rows("select count(*) from journal where kind = 0 and class = 'cut_off'")
    assert len(provider.calls) <= 60 + cut_off
    assert heed.stop() == 0


def test_a_second_signal_ends_at_once(heed, provider):
    """The first waits for calls under way; what the second cuts off goes on at the next start."""
    provider.default = hang()
    heed.post(*[event(i) for i in range(20)])
    provider.wait(20)
    heed.process.send_signal(signal.SIGTERM)
    until(lambda: any("stopping" in line for line in heed.log))
    assert heed.process.poll() is None
    assert heed.stop() == 0
    provider.default = GOOD
    heed.start()
    heed.until("select count(*) from runs where name = 'enrich' and state = 5", [(20,)])
    assert heed.rows("select count(*) from journal where class = 'cut_off'") == [(20,)]
    assert heed.stop() == 0
