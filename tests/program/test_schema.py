"""heed schema: the cases of tests/schema, the official suite, and what a person sees."""

import json
import subprocess
from pathlib import Path

import pytest

from kit import HEED

CASES = Path(__file__).parents[1] / "schema"
# The JSON-Schema-Test-Suite, as Debian's libtest-json-schema-acceptance-perl ships it.
SUITE = Path("/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance")
# Beyond what heed promises: other drafts, their old keywords, the tables of IDNA.
BEYOND = {"cross-draft.json", "dependencies-compatibility.json", "idn-hostname.json"}


def schema(*words, cwd=None, stdin=None):
    return subprocess.run([HEED, "schema", *map(str, words)], capture_output=True, text=True,
                          cwd=cwd, input=stdin, timeout=60)


def passes(capsys, what, *words):
    """Run cases; print and return how many passed."""
    done = schema("test", *words)
    last = done.stdout.splitlines()[-1]
    with capsys.disabled():
        print(f"\n{what}: {last}", end="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert last.endswith(" passed, 0 failed")
    return int(last.split()[0])


def test_own_cases(capsys):
    assert passes(capsys, "tests/schema", *sorted(CASES.glob("*.json"))) > 350


@pytest.mark.skipif(not SUITE.is_dir(), reason="libtest-json-schema-acceptance-perl is missing")
def test_official_suite(capsys):
    remotes = f"http://localhost:1234/={SUITE}/remotes"
    folder = SUITE / "tests/draft2020-12"
    required = sorted(folder.glob("*.json"))
    assert passes(capsys, "official suite, required", "--no-formats", "--with", remotes,
                  *required) > 1000
    optional = [path for path in sorted(folder.glob("optional/**/*.json"))
                if path.name not in BEYOND]
    assert passes(capsys, "official suite, optional", "--with", remotes, *optional) > 400


def test_failures_are_told(tmp_path):
    cases = [{"description": "g", "schema": {"type": "integer"}, "tests": [
        {"description": "right", "data": 1, "valid": True},
        {"description": "wrong", "data": 1, "valid": False}]},
        {"description": "broken", "schema": {"type": "int"}, "tests": [
            {"description": "a", "data": 1, "valid": True},
            {"description": "b", "data": 2, "valid": True}]}]
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    done = schema("test", path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "1 passed, 3 failed"
    assert "g: wrong: is valid, but should not be" in done.stdout
    told = json.loads(schema("test", "--json", path).stdout)
    assert (told["passed"], told["failed"], told["ok"]) == (1, 3, False)
    assert told["failures"][0]["test"] == "wrong"


def test_check(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({
        "type": "object", "additionalProperties": False,
        "properties": {"level": {"enum": ["high", "low"]}, "due": {"format": "date"}}}))
    (tmp_path / "good.json").write_text('{"level": "high", "due": "2024-02-29"}')
    (tmp_path / "bad.json").write_text('{"level": "hihg", "due": "2023-02-29"}')
    done = schema("check", "s.json", "good.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "good.json is valid\n")
    done = schema("check", "s.json", "good.json", "bad.json", cwd=tmp_path)
    assert done.returncode == 1
    assert 'bad.json: /level: must be one of ["high","low"]; did you mean "high"?' in done.stdout
    assert "bad.json: /due: must be a date such as 2024-02-29" in done.stdout
    told = json.loads(schema("check", "--json", "s.json", "bad.json", cwd=tmp_path).stdout)
    assert [fault["at"] for fault in told["instances"][0]["faults"]] == ["/level", "/due"]
    done = schema("check", "--no-formats", "s.json", "-", cwd=tmp_path, stdin='{"due": "soon"}')
    assert done.returncode == 0


def test_check_of_a_wrong_schema(tmp_path):
    (tmp_path / "s.yaml").write_text("answer: {type: object, requird: [a]}\n")
    done = schema("check", "s.yaml#/answer", cwd=tmp_path)
    assert done.returncode == 78
    assert 'at "/requird": there is no keyword "requird"' in done.stderr
    assert 'did you mean "required"?' in done.stderr
    assert schema("check", "--lenient", "s.yaml#/answer", cwd=tmp_path).returncode == 0
    told = json.loads(schema("check", "--json", "s.yaml#/answer", cwd=tmp_path).stdout)
    assert told["schema"]["at"] == "/requird"
    done = schema("check", "s.yaml#/answr", cwd=tmp_path)
    assert done.returncode == 1 and "there is no /answr in s.yaml" in done.stderr


def test_other_documents(tmp_path):
    (tmp_path / "defs").mkdir()
    (tmp_path / "defs/id.json").write_text('{"type": "integer"}')
    (tmp_path / "s.json").write_text('{"$ref": "https://example.com/d/id.json"}')
    done = schema("check", "s.json", cwd=tmp_path)
    assert done.returncode == 78 and "points nowhere" in done.stderr
    done = schema("check", "--with", "https://example.com/d=defs", "s.json", "-", cwd=tmp_path,
                  stdin='"x"')
    assert done.returncode == 1
    assert "(https://example.com/d/id.json#/type)" in done.stdout


@pytest.mark.parametrize("text", ["{", "\xff", "[" * 300 + "]" * 300, '{"a": 1e999}', ""])
def test_hostile_files(tmp_path, text):
    (tmp_path / "s.json").write_bytes(text.encode("latin-1"))
    done = schema("check", "s.json", cwd=tmp_path)
    assert done.returncode == 1
    assert "s.json" in done.stderr and "Traceback" not in done.stderr


def test_usage():
    done = schema("chek", "x")
    assert done.returncode == 2 and 'did you mean "check"?' in done.stderr
    assert schema("check").returncode == 2
