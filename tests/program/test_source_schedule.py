"""The schedule source: each tick once, whatever happens, and what becomes of missed ones."""

import datetime
import json
import random
import signal
import sqlite3
import time

import pytest

import provider as scripted
from kit import until

CONFIG = """
heed: 1
name: clock
store: sqlite:shop.db
sources:
  night:
    type: schedule
    cron: "%s"
    timezone: Europe/Berlin
    event: {type: report_due, subject: "{{ .name }}-{{ .date }}", data: {day: .date, at: "{{ .time }}", n: 1}}
    %s
reactions:
  note:
    on: report_due
    then:
      - log: {message: "due {{ .event.data.day }}"}
"""
EVERY_SECOND = "* * * * * *"
SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)


def ticks(heed):
    """The times of the ticks that were stored, in order."""
    rows = heed.rows("select json_extract(body, '$.time') from events where type = 'report_due' order by 1")
    return [datetime.datetime.fromisoformat(time) for (time,) in rows]


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def set_position(heed, text):
    """As if heed had stopped with this position."""
    db = sqlite3.connect(heed.store)
    db.execute("insert or replace into cursors(source, position, at_us) values('night', ?, 0)", [text])
    db.commit()
    db.close()


def stopped_after(heed, at):
    set_position(heed, at.strftime("%Y-%m-%dT%H:%M:%S.000Z"))


def with_cron(heed, cron, more=""):
    heed.config.write_text(CONFIG % (cron, more))


@pytest.fixture
def hourly(make_heed):
    """Half an hour from the ticks of "{minute} * * * *", with an empty store; the last tick."""
    last = now().replace(second=0, microsecond=0) - datetime.timedelta(minutes=30)
    heed = make_heed(CONFIG % (f"{last.minute} * * * *", ""))
    heed.start()
    heed.stop()
    return heed, f"{last.minute} * * * *", last


def test_every_second_once(make_heed):
    """Killed again and again, no second is left out and none is there twice."""
    heed = make_heed(CONFIG % (EVERY_SECOND, "missed: all"))
    chance = random.Random(7)
    heed.start()
    until(lambda: ticks(heed))
    for _ in range(4):
        time.sleep(chance.random() * 0.7)
        heed.stop(signal.SIGKILL)
        heed.start()
    last = now()
    until(lambda: ticks(heed)[-1] >= last)
    assert heed.stop() == 0
    seen = ticks(heed)
    assert seen == [seen[0] + n * SECOND for n in range(len(seen))]
    (body,) = heed.rows("select body from events order by seq limit 1")
    event = json.loads(body[0])
    local = seen[0].astimezone(datetime.timezone(datetime.timedelta(hours=1)))
    assert event["source"] == "sources/night" and event["id"] == f"night/{event['time']}"
    assert event["data"]["at"] == event["time"] and event["data"]["n"] == 1
    # Berlin is one or two hours ahead: near midnight the date could be either.
    assert event["data"]["day"] in {str(local.date()), str((local + datetime.timedelta(hours=1)).date())}
    assert event["subject"] == "night-" + event["data"]["day"]
    heed.until("select count(*) from runs where state = 5", [(len(seen),)])


def test_missed(hourly):
    heed, cron, last = hourly
    # The first start makes up for nothing, and is where the next one goes on from.
    assert ticks(heed) == []
    ((position,),) = heed.rows("select position from cursors")
    assert now() - datetime.datetime.fromisoformat(position) < datetime.timedelta(minutes=1)
    for policy, made in (("skip", []), ("last", [last]),
                         ("all", [last - n * HOUR for n in reversed(range(50))])):
        with_cron(heed, cron, f"missed: {policy}")
        stopped_after(heed, last - 50 * HOUR)
        heed.start()
        until(lambda: len(ticks(heed)) == len(made))
        heed.stop()
        assert ticks(heed) == made, policy


def test_missed_max_and_a_damaged_position(hourly):
    heed, cron, last = hourly
    with_cron(heed, cron, "missed: all\n    missed_max: 3")
    stopped_after(heed, last - 200 * HOUR)
    heed.start()
    until(lambda: any("missed_max" in line for line in heed.log))
    heed.stop()
    assert ticks(heed) == [last - n * HOUR for n in (199, 198, 197)]
    set_position(heed, "yesterday")
    heed.start()
    until(lambda: any("position" in line for line in heed.log))
    heed.stop()
    assert len(ticks(heed)) == 3


def test_once_makes_what_is_due(hourly):
    heed, cron, last = hourly
    with_cron(heed, cron, "missed: all")
    stopped_after(heed, last - 3 * HOUR)
    for _ in range(2):
        heed.command("run", "--once", "heed.yaml")
        assert ticks(heed) == [last - n * HOUR for n in (2, 1, 0)]
        heed.until("select count(*) from runs where state = 5", [(3,)])


def test_the_clock_was_set_back(hourly):
    """A position in the future does not stop the schedule until then."""
    heed, _, last = hourly
    with_cron(heed, EVERY_SECOND)
    stopped_after(heed, last + 9999 * HOUR)
    heed.start()
    until(lambda: ticks(heed))


def test_overlap(make_heed, provider):
    provider.default = scripted.answer({}, delay=1.5)
    config = CONFIG.replace("reactions:", f"""models:
  slow: {{provider: openai, model: gpt-4o-mini, api_key: x, endpoint: "{provider.openai_url}"}}
reactions:
  think:
    on: report_due
    ask: {{model: slow, prompt: "{{{{ .event.id }}}}", answer: {{type: object}}}}""")
    heed = make_heed(config % (EVERY_SECOND, "overlap: skip"))
    heed.start()
    until(lambda: any("tick skipped" in line for line in heed.log))
    assert len(ticks(heed)) == 1
    # A skipped tick is over, also for the next start: it was not missed.
    heed.stop(signal.SIGKILL)
    provider.default = scripted.answer({})
    heed.start()
    until(lambda: len(ticks(heed)) >= 2)
    assert ticks(heed)[1] - ticks(heed)[0] >= 2 * SECOND


def test_mistakes_are_found_by_check(make_heed):
    heed = make_heed(CONFIG % ("61 * * * *", ""))

    def problems(cron, more=""):
        with_cron(heed, cron, more)
        done = heed.command("check", "heed.yaml", check=False)
        assert done.returncode == 78
        return done.stderr

    assert 'minute "61"' in problems("61 * * * *")
    assert "last" in problems("@daily", "missed: once")
    heed.config.write_text(CONFIG.replace("Europe/Berlin", "Europe/Berlni") % ("@daily", ""))
    assert "Europe/Berlin" in heed.command("check", "heed.yaml", check=False).stderr
    heed.config.write_text(CONFIG.replace("day: .date", "day: .dta") % ("@daily", ""))
    assert ".date" in heed.command("check", "heed.yaml", check=False).stderr
