"""The first pattern against the real binary: an event over HTTP, a model, an effect."""

import json
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from kit import HEED, event

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick:
    provider: rules
    rules: '{segment: (if .event.data.employees > 100 then "enterprise" else "smb" end)}'
sources:
  web: {type: http, listen: "127.0.0.1:0"}
reactions:
  enrich:
    on: customer_created
    when: .event.data.email != null
    ask:
      model: quick
      prompt: "Analyze {{ .event.data }}"
      answer:
        type: object
        required: [segment]
        properties: {segment: {enum: [enterprise, smb]}}
    then:
      - emit: {type: customer_enriched, data: "{id: .event.data.id, segment: .answer.segment}"}
  tell:
    on: customer_enriched
    then:
      - log: {message: "enriched {{ .event.data.id }}"}
  odd:
    on: odd_*
    then:
      - log: {message: "{{ .event.type }}"}
  again:
    on: echo
    then:
      - emit: {type: echo, data: .event.data}
"""


@pytest.fixture
def heed(make_heed):
    return make_heed(CONFIG)


def test_event_to_follow_up(heed):
    heed.start()
    assert heed.post(event(1), event(2, employees=3), event(3, email=None)) == (
        202,
        {"accepted": 3, "duplicates": 0},
    )
    assert heed.post(event(1)) == (202, {"accepted": 0, "duplicates": 1})
    heed.until("select name, count(*) from runs where state = 5 group by name order by name",
               [("enrich", 2), ("tell", 2)])
    bodies = [json.loads(b) for (b,) in
              heed.rows("select body from events where type = 'customer_enriched' order by seq")]
    assert sorted(b["data"]["segment"] for b in bodies) == ["enterprise", "smb"]
    assert heed.stop() == 0


def test_a_pattern_takes_its_types_only(heed):
    heed.start()
    heed.post(event(1, type="odd_one"), event(2, type="even_one"), event(3, type="odd_"), event(4, type="od"))
    heed.until("select count(*) from runs where state = 5", [(2,)])
    assert heed.rows("select distinct name from runs") == [("odd",)]


def test_a_loop_is_stopped(heed):
    heed.start()
    heed.post(event(1, type="echo"))
    heed.until("select count(*), class from runs where state = 6 group by class", [(1, "loop")])


def test_whole_numbers_stay_exact(heed):
    heed.start()
    heed.post(event(9007199254740993, type="echo"))
    heed.until("select count(*) from runs where state = 6", [(1,)])
    ids = {json.loads(b)["data"]["id"] for (b,) in heed.rows("select body from events where type = 'echo'")}
    assert ids == {9007199254740993}


@pytest.mark.parametrize(
    "type, body, status",
    [
        ("application/cloudevents+json", b'{"specversion":"1.0"', 400),
        ("application/cloudevents+json", b"[]", 400),
        ("application/cloudevents+json", b'{"specversion":"1.0","id":"","source":"x","type":"y"}', 400),
        ("application/cloudevents+json", b'{"id":"\xff"}', 400),
        ("application/cloudevents+json", b"[" * 100000, 400),
        ("application/cloudevents-batch+json", b"{}", 400),
        ("text/plain", b"hello", 415),
        ("application/cloudevents+json", b" " * (1 << 21), 413),
    ],
    ids=["cut", "list", "empty-id", "not-utf8", "deep", "no-batch", "no-event", "large"],
)
def test_bad_bodies(heed, type, body, status):
    heed.start()
    request = urllib.request.Request(
        f"http://127.0.0.1:{heed.port}/", data=body, headers={"Content-Type": type}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    assert caught.value.code == status
    assert json.load(caught.value)["detail"]
    assert heed.stop() == 0
    assert heed.rows("select count(*) from events") == [(0,)]


def test_a_second_process_is_refused(heed):
    heed.start()
    second = subprocess.run([HEED, "run", str(heed.config)], capture_output=True, text=True)
    assert second.returncode == 75
    assert str(heed.process.pid) in second.stderr


def test_check_says_where(tmp_path):
    path = tmp_path / "heed.yaml"
    path.write_text(CONFIG.replace("model: quick", "modell: quick").replace("on: echo", "onn: echo"))
    result = subprocess.run([HEED, "check", str(path)], capture_output=True, text=True)
    assert result.returncode == 78
    assert "heed.yaml:16:7" in result.stderr and 'did you mean "model"' in result.stderr
    assert 'did you mean "on"' in result.stderr


def test_a_run_keeps_its_definition(heed):
    """A run that was cut off goes on with the definition it started with, whatever is there now."""
    heed.start()
    heed.post(*[event(i) for i in range(40)])
    heed.stop(signal.SIGKILL)
    heed.config.write_text(CONFIG.replace("type: customer_enriched", "type: customer_changed"))
    heed.start()
    heed.until("select count(*) from runs where state not in (5, 6)", [(0,)])
    emitted = heed.rows("select count(*) from events where type = 'customer_enriched'")
    assert emitted == [(40,)]
    assert heed.stop() == 0


def test_explain_tells_the_story(heed):
    heed.start()
    heed.post(event(1))
    heed.until("select count(*) from runs where state = 5", [(2,)])
    heed.stop()
    told = subprocess.run([HEED, "explain", "1", "--config", str(heed.config)],
                          capture_output=True, text=True, check=True).stdout
    assert "Analyze" in told and "enterprise" in told and "customer_enriched" in told
    listed = subprocess.run([HEED, "runs", "--json", "--config", str(heed.config)],
                            capture_output=True, text=True, check=True).stdout
    assert {json.loads(line)["name"] for line in listed.splitlines()} == {"enrich", "tell"}
    wrong = subprocess.run([HEED, "explain", "99", "--config", str(heed.config)],
                           capture_output=True, text=True)
    assert wrong.returncode == 1 and "heed runs" in wrong.stderr
