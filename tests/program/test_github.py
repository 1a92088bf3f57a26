"""examples/github over all payloads of @octokit/webhooks-examples, signed, over HTTP."""

import collections
import hashlib
import hmac
import http.client
import json
import os
import subprocess
from pathlib import Path

import pytest

from kit import Heed

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests/node_modules/@octokit/webhooks-examples"
SECRET = "of this test"
TRIAGED = {"issues", "discussion", "pull_request"}
ALERTS = {"code_scanning_alert", "dependabot_alert", "repository_vulnerability_alert", "security_advisory"}
BUILDS = {"workflow_run": "conclusion", "check_run": "conclusion", "check_suite": "conclusion",
          "workflow_job": "conclusion", "deployment_status": "state"}


def payloads():
    assert PACKAGE.is_dir(), f"no {PACKAGE}: ./dev setup installs it"
    for index in sorted(PACKAGE.glob("*/index.json")):
        for event in json.loads(index.read_text()):
            for n, payload in enumerate(event["examples"]):
                yield f"{index.parent.name}/{event['name']}/{n}", event["name"], payload


def reaction(name, payload):
    """What should react, told apart from the configuration; None: nothing."""
    action = payload.get("action")
    if name in TRIAGED and action in ("opened", "created", "reopened", "edited"):
        return "triage"
    if name in ALERTS and action in ("created", "create", "published", "reopened"):
        return "triage_alert"
    if name == "status" and payload["state"] in ("failure", "error"):
        return "broken_build"
    if name in BUILDS and payload[name].get(BUILDS[name]) in ("failure", "error", "timed_out"):
        return "broken_build"
    return None


@pytest.fixture
def heed(tmp_path):
    config = (ROOT / "examples/github/heed.yaml").read_text()
    program = Heed(tmp_path, config, store="github.db")
    program.start(env={"GITHUB_WEBHOOK_SECRET": SECRET, "GITHUB_LISTEN": "127.0.0.1:0",
                       "GITHUB_STORE": "sqlite:github.db"})
    yield program
    program.stop()


def deliver(connection, id, name, body, secret=SECRET):
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    connection.request("POST", "/github", body, {
        "Content-Type": "application/json", "X-GitHub-Event": name, "X-GitHub-Delivery": id,
        "X-Hub-Signature-256": f"sha256={digest}"})
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def test_every_payload_ends_somewhere(heed, capsys):
    connection = http.client.HTTPConnection("127.0.0.1", heed.port, timeout=60)
    all_of_them = list(payloads())
    expected = {}
    for id, name, payload in all_of_them:
        body = json.dumps(payload).encode()
        assert deliver(connection, id, name, body, "a guess")[0] == 401
        assert deliver(connection, id, name, body) == (202, {"accepted": 1, "duplicates": 0}), id
        expected[id] = reaction(name, payload)
    for id, name, payload in all_of_them[::50]:  # GitHub delivers again
        body = json.dumps(payload).encode()
        assert deliver(connection, id, name, body) == (202, {"accepted": 0, "duplicates": 1})
    connection.close()
    heed.until("select count(*) from runs where state not in (5, 6)", [(0,)])

    ends = collections.Counter()
    causes = collections.Counter()
    seen = {}
    for id, type, name, state, cause, text in heed.rows(
            "select e.id, e.type, r.name, r.state, r.class, r.text from events e left join runs r"
            " on r.event_seq = e.seq where e.source = 'sources/github'"):
        assert id not in seen, "one reaction an event"
        seen[id] = name
        assert name == expected[id], (id, name)
        end = {None: "unmatched", 5: "done", 6: "dead letter"}[state]
        ends[end] += 1
        if end == "dead letter":
            assert cause and text
            causes[f"{type}: {cause}: {text}"] += 1
    with capsys.disabled():
        print(f"\n{len(all_of_them)} GitHub payloads: "
              + ", ".join(f"{ends[end]} {end}" for end in ("done", "unmatched", "dead letter")))
        for cause, count in causes.items():
            print(f"  {count} {cause}")
    assert sum(ends.values()) == len(seen) == len(all_of_them) > 700
    assert ends["done"] == sum(name is not None for name in expected.values()) - ends["dead letter"] > 50

    # What was decided was acted on: a triage for each question, someone woken where it says so.
    triaged = [json.loads(body)["data"]["triage"] for (body,) in
               heed.rows("select body from events where type = 'triaged'")]
    asked = [name for name in expected.values() if name in ("triage", "triage_alert")]
    assert len(triaged) == len(asked) - ends["dead letter"]
    woken = heed.rows("select count(*) from runs where name = 'wake_up' and state = 5")
    assert woken == [(sum(t["wake"] for t in triaged),)]
    assert {t["area"] for t in triaged} >= {"security", "documentation"}


def test_the_demo_runs(tmp_path):
    done = subprocess.run([ROOT / "examples/github/demo"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("-> 202") == 10 and done.stdout.count("-> 401") == 1
    assert '"duplicates":1' in done.stdout and "wake someone: acme/shop critical" in done.stdout
