"""What is kept back from models: seen by the provider, by the store, and by what acts on answers."""

import json
import signal

import pytest

import provider as scripted
from kit import event, until

CONFIG = """
heed: 1
name: shop
store: sqlite:shop.db
models:
  quick: {provider: openai, model: gpt-4o-mini, api_key: x, endpoint: "%s"}
sources:
  web: {type: http, listen: "127.0.0.1:0"}
redact:
  detect: all
  restore: [EMAIL, CARD]
reactions:
  reply:
    on: mail
    ask:
      model: quick
      system: "You work for {{ .event.data.name }}"
      prompt: "Write to {{ .event.data.user }}@{{ .event.data.host }}: {{ .event.data }}"
      redact:
        paths: {NAME: [.event.data.name, ".event.data.friends[].name"], PIN: .event.data.pin}
        restore: all
      retry: {attempts: 3, delay: 100ms}
      answer:
        type: object
        additionalProperties: false
        required: [to, text]
        properties:
          to: {type: string, format: email}
          text: {type: string}
          pin: {type: integer}
    then:
      - emit: {type: reply_written, data: .answer}
"""

SECRETS = {
    "name": "Ann \"Lee\" Möller", "email": "ann@example.com", "card": 4111111111111111,
    "iban": "DE89 3704 0044 0532 0130 00", "phone": "+49 30 901820", "address": "2001:db8::1",
    "pin": 471147114711, "user": "ann.lee", "host": "mail.example.org",
}
DATA = {**SECRETS, "friends": [{"name": "Bertram"}, {"name": "Cäcilie"}], "order": 9007199254740993,
        "text": "I am ann \"lee\" Möller, a friend of Bertram, born 2024-02-29, order 4711; "
                "write to ann@example.com or call +49 30 901820 (ANN@EXAMPLE.COM)"}


def mail(n=1, **data):
    return event(n, "mail", **{**DATA, **data})


def everything(calls):
    return "\n".join(json.dumps(call.body, ensure_ascii=False) for call in calls)


def assert_kept_back(text):
    for secret in ["ann@example.com", "4111111111111111", "0532 0130", "901820", "2001:db8",
                   "471147114711", "Möller", "Bertram", "Cäcilie", "ann.lee@mail", "ANN@EXAMPLE"]:
        assert secret not in text, secret
    for open_text in ["9007199254740993", "2024-02-29", "order 4711"]:
        assert open_text in text


@pytest.fixture
def heed(make_heed, provider):
    return make_heed(CONFIG % provider.openai_url)


def written(heed, n=1):
    heed.until("select count(*) from events where type = 'reply_written'", [(n,)])
    return [json.loads(body)["data"] for (body,) in heed.rows(
        "select body from events where type = 'reply_written' order by seq")]


def test_kept_back_and_restored(heed, provider):
    provider.default = scripted.answer(
        {"to": "[EMAIL_1]", "text": "Dear [NAME_1], not [PHONE_1] or [NAME_99]", "pin": "[PIN_1]"})
    heed.start()
    heed.post(mail())
    answer, = written(heed)
    assert answer == {"to": "ann@example.com", "pin": 471147114711,
                      "text": "Dear Ann \"Lee\" Möller, not [PHONE_1] or [NAME_99]"}
    call, = provider.calls
    assert_kept_back(everything(provider.calls))
    assert "[NAME_1]" in call.system and "Placeholders" in call.system
    assert "a friend of [NAME_2]" in call.prompt
    # The record shows what left and what came back.
    (request, reply), = heed.rows("select request, reply from journal where request like '%prompt%'")
    assert_kept_back(request)
    assert "[EMAIL_1]" in reply and "ann@example.com" not in reply
    explained = heed.command("explain", "1").stdout
    assert "[EMAIL_1]" in explained


def test_repair_keeps_back(heed, provider):
    provider.script([
        scripted.answer({"to": "[EMAIL_1]", "txt": "for [NAME_1]", "ann@example.com": 1}),
        scripted.answer({"to": "[EMAIL_1]", "text": "for [NAME_1]"})])
    heed.start()
    heed.post(mail())
    assert written(heed) == [{"to": "ann@example.com", "text": "for Ann \"Lee\" Möller"}]
    assert len(provider.calls) == 2
    assert_kept_back(everything(provider.calls))
    assert 'did you mean \\"text\\"?' in everything(provider.calls[1:])


def test_retry_and_crash_give_the_same_placeholders(heed, provider):
    provider.script([scripted.status(500), scripted.answer({}, delay=30)])
    provider.default = scripted.answer({"to": "[EMAIL_1]", "text": "[NAME_3]"})
    heed.start()
    heed.post(mail())
    until(lambda: len(provider.calls) == 2)
    heed.stop(signal.SIGKILL)
    heed.start()
    assert written(heed) == [{"to": "ann@example.com", "text": "Cäcilie"}]
    bodies = {json.dumps(call.body) for call in provider.calls}
    assert len(provider.calls) == 3 and len(bodies) == 1
    assert_kept_back(everything(provider.calls))


def test_answer_on_disk_is_understood_after_a_crash(heed, provider):
    """The reply was committed, the process killed at once: read again, with the same values."""
    provider.default = scripted.answer({"to": "[EMAIL_1]", "text": "[NAME_2]"})
    heed.start()
    for n in range(1, 21):
        heed.post(mail(n, email=f"user{n}@example.net", text=f"user{n}@example.net"))
    until(lambda: heed.rows("select count(*) from journal where reply <> ''")[0][0] > 3)
    heed.stop(signal.SIGKILL)
    heed.start()
    answers = written(heed, 20)
    assert sorted(answer["to"] for answer in answers) == sorted(
        f"user{n}@example.net" for n in range(1, 21))
    assert {answer["text"] for answer in answers} == {"Bertram"}


def test_a_placeholder_in_an_event_is_nobodys_value(heed, provider):
    provider.default = scripted.answer({"to": "[EMAIL_2]", "text": "[EMAIL_1]"})
    heed.start()
    heed.post(mail(text="say [EMAIL_1]"))
    assert written(heed)[0]["text"] == "[EMAIL_1]"
    assert written(heed)[0]["to"] == "ann@example.com"


def test_rules_see_what_a_model_would(make_heed):
    heed = make_heed("""
heed: 1
name: shop
store: sqlite:shop.db
models: {quick: {provider: rules, rules: '{seen: .event.data.email}'}}
sources: {web: {type: http, listen: "127.0.0.1:0"}}
redact: {detect: [email]}
reactions:
  r:
    on: mail
    ask: {model: quick, prompt: "to {{ .event.data.email }}", answer: {type: object}}
    then: [{emit: {type: reply_written, data: .answer}}]
""").start()
    heed.post(mail())
    assert written(heed) == [{"seen": "[EMAIL_1]"}]


@pytest.mark.parametrize("rules, told", [
    ("{detect: [emial]}", 'there is no detector "emial" (did you mean "email"?)'),
    ("{paths: {name: .a}}", "a label is written in capitals"),
    ("{paths: {NAME: .a | length}}", "a path is made of names"),
    ("{paths: {NAME: [.a, 'a b']}}", "path: "),
    ("{paths: [.a]}", "expected a mapping of labels to paths"),
    ("{detect: [email], restore: [PHONE]}", 'nothing has the label "PHONE"'),
    ("{detect: [email], restore: [EMIAL]}", 'did you mean "EMAIL"?'),
    ("{detct: all}", 'did you mean "detect"?'),
    ("[email]", "expected a mapping"),
])
def test_errors_are_told(make_heed, rules, told):
    heed = make_heed(f"heed: 1\nname: a\nredact: {rules}\n")
    done = heed.command("check", check=False)
    assert done.returncode == 78
    assert told in done.stderr
    assert "heed.yaml:3:" in done.stderr
