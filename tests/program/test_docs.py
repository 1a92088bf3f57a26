"""Every configuration in the documents is one that heed check accepts."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from kit import HEED

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [pytest.param(text, id=f"{page.stem}-{n}")
          for page in PAGES
          for n, text in enumerate(re.findall(r"^```yaml\n(heed: 1\n.*?)^```", page.read_text(), re.M | re.S), 1)]


def test_the_schema_for_editors_knows_sources(tmp_path):
    schema, good, bad = (tmp_path / name for name in ("schema.json", "good.json", "bad.json"))
    sources = {"a": {"type": "http", "path": "/a", "signature": {"type": "github", "secret": "x"}},
               "b": {"type": "schedule", "cron": "* * * * *", "event": {"type": "x", "data": {"a": 1}}},
               "c": {"type": "file", "path": "-", "mapping": {"type": ".body.x"}}}
    good.write_text(json.dumps({"heed": 1, "sources": sources}))
    wrong = {"a": {"type": "htp"}, "b": {"type": "schedule", "missed": "once"}, "c": {"type": "file", "pth": "x"}}
    bad.write_text(json.dumps({"heed": 1, "sources": wrong}))
    schema.write_text(subprocess.run([HEED, "docs", "--schema"], capture_output=True, text=True, check=True).stdout)
    assert subprocess.run([HEED, "schema", "check", schema, good]).returncode == 0
    done = subprocess.run([HEED, "schema", "check", schema, bad], capture_output=True, text=True)
    assert done.returncode != 0
    for place in ("/sources/a/type", "/sources/b/missed", '/sources/c: must not have "pth"'):
        assert place in done.stdout + done.stderr


def test_the_schema_for_editors_knows_actions(tmp_path):
    schema, good, bad = (tmp_path / name for name in ("schema.json", "good.json", "bad.json"))
    then = [{"emit": {"type": "x", "data": {"a": ".event.id"}}, "if": ".event.x"},
            {"exec": {"command": ["true", 1]}, "probe": {"http": {"url": "http://x"}}, "done": ".result"},
            {"sql": {"statement": "select 1"}, "timeout": "5s", "retry": {"attempts": 2}}]
    wrong = [{"emit": {"tpe": "x"}}, {"emit": {"type": "x"}, "log": {"message": "y"}}, {"if": "true"},
             {"http": {"url": "x"}, "timout": "5s"}, {"probe": {"if": "x"}, "log": {"message": "x"}}]
    for path, acts in ((good, then), (bad, wrong)):
        path.write_text(json.dumps({"heed": 1, "reactions": {"r": {"on": "x", "then": acts}}}))
    schema.write_text(subprocess.run([HEED, "docs", "--schema"], capture_output=True, text=True, check=True).stdout)
    done = subprocess.run([HEED, "schema", "check", schema, good], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    done = subprocess.run([HEED, "schema", "check", schema, bad], capture_output=True, text=True)
    assert done.returncode != 0
    for i in range(5):
        assert f"/reactions/r/then/{i}" in done.stdout + done.stderr, done.stdout


@pytest.mark.parametrize("text", BLOCKS)
def test_configurations_are_right(text, tmp_path):
    path = tmp_path / "heed.yaml"
    path.write_text(text)
    variables = {name: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" for name in re.findall(r"\$\{(\w+)\}", text)}
    done = subprocess.run([HEED, "check", path], env={**os.environ, **variables},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def anchors(page):
    """Those that a page's headings have on the web."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "ARCHITECTURE.md"], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), anchor
