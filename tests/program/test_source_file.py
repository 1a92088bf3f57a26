"""The file source: files, folders and standard input, each line once."""

import base64
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

import provider as scripted
from kit import HEED, event, until

CONFIG = """
heed: 1
name: files
store: sqlite:shop.db
sources:
  in:
    type: file
    path: %s
    %s
reactions:
  note: {on: customer_created, then: [{log: {message: "{{ .event.id }}"}}]}
"""
MAPPING = "mapping: {type: '\"line\"', data: '{n: .body.n, file: .file, line: .line}'}"
FOLLOW = "follow: true"
BY_POLL = "follow: true\n    poll: 10ms"


def line(n, **more):
    return json.dumps(event(n, **more)) + "\n"


def write(path, text, mode="a"):
    with open(path, mode) as file:
        file.write(text)


def ids(heed):
    return [id for (id,) in heed.rows("select id from events where source = '/crm' order by seq")]


def names(*numbers):
    return [str(n) for n in numbers]


def rejected(heed):
    rows = heed.rows("select body from events where type = 'heed.source.rejected' order by seq")
    return [json.loads(body)["data"] for (body,) in rows]


def mapped(heed):
    rows = heed.rows("select body from events where type = 'line' order by seq")
    return [json.loads(body)["data"] for (body,) in rows]


def run_once(heed, check=True, **more):
    done = heed.command("run", "--once", "heed.yaml", check=False, **more)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def make(make_heed):
    return lambda path, *more: make_heed(CONFIG % (json.dumps(path), "\n    ".join(more)))


# ---- what is there -----------------------------------------------------------------------


def test_once(make):
    """Read to the end, react, end; the next time goes on where that one stopped."""
    heed = make("in.ndjson")
    path = heed.folder / "in.ndjson"
    write(path, "\ufeff" + line(1) + "\n  \r\n" + line(2).rstrip() + "\r\n" + line(3).rstrip())
    run_once(heed)
    assert ids(heed) == names(1, 2, 3)
    assert heed.rows("select state, count(*) from runs group by 1") == [(5, 3)]
    run_once(heed)
    write(path, "\n" + line(4))
    run_once(heed)
    assert ids(heed) == names(1, 2, 3, 4) and rejected(heed) == []


def test_batches_and_plain_lines(make):
    heed = make("in.ndjson", MAPPING)
    write(heed.folder / "in.ndjson",
          json.dumps([event(1), event(2)]) + '\n{"n": 9007199254740993}\n\n{"n": null}')
    run_once(heed)
    assert ids(heed) == names(1, 2)
    assert mapped(heed) == [{"n": 9007199254740993, "file": "in.ndjson", "line": 2},
                            {"n": None, "file": "in.ndjson", "line": 4}]


def test_none_and_several_from_a_line(make):
    heed = make("in.ndjson", "mapping: {each: .body.list, when: .item > 1, type: '\"line\"'}")
    write(heed.folder / "in.ndjson", '{"list": [1, 2, 3]}\n{"list": []}\n{"list": [1]}\n')
    run_once(heed)
    assert mapped(heed) == [2, 3]
    (position,) = heed.rows("select position from cursors")
    assert json.loads(position[0])["files"][0]["line"] == 3


def test_text_lines(make):
    heed = make("app.log", "format: text", "mapping: {type: '\"line\"', when: '.body | test(\"ERROR\")'}")
    path = heed.folder / "app.log"
    path.write_bytes(b"INFO fine\nERROR bad \xe2\x82\xac\n\xff ERROR\n")
    run_once(heed)
    assert mapped(heed) == ["ERROR bad €"]
    assert rejected(heed)[0]["error"] == "the line is not valid UTF-8"
    assert rejected(heed)[0]["text_base64"] == base64.b64encode(b"\xff ERROR").decode()


def test_a_folder_in_order(make):
    heed = make("spool")
    spool = heed.folder / "spool"
    spool.mkdir()
    (spool / "sub").mkdir()
    for n in random.sample(range(300), 300):
        write(spool / f"{n:03}.ndjson", line(2 * n) + line(2 * n + 1))
    write(spool / ".hidden", line("hidden"))
    run_once(heed)
    assert ids(heed) == names(*range(600))


def test_a_pattern(make):
    heed = make("spool/*.ndjson")
    spool = heed.folder / "spool"
    spool.mkdir()
    for name in ("a.ndjson", "a.tmp", "b.ndjson"):
        write(spool / name, line(name))
    run_once(heed)
    assert ids(heed) == ["a.ndjson", "b.ndjson"]


@pytest.mark.parametrize("how", ["pipe", "file", "null"])
def test_standard_input(make, how):
    heed = make("-", "line_max: 1KiB")
    text = "".join(line(n) for n in range(2000)) + "x" * 5000 + "\n" + line(2000).rstrip()
    if how == "pipe":
        run_once(heed, input=text)
    elif how == "file":
        write(heed.folder / "text", text)
        with open(heed.folder / "text") as file:
            run_once(heed, stdin=file)
    else:
        run_once(heed, stdin=subprocess.DEVNULL)
        text = ""
    assert ids(heed) == names(*range(2001 if text else 0))
    assert [(r["file"], r["line"]) for r in rejected(heed)] == ([("-", 2001)] if text else [])


def test_standard_input_as_it_comes(make):
    heed = make("-")
    process = subprocess.Popen([HEED, "run", "--once", "heed.yaml"], stdin=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, cwd=heed.folder, text=True)
    until(heed.store.exists)
    for n in range(3):
        half = len(line(n)) // 2
        process.stdin.write(line(n)[:half])
        process.stdin.flush()
        process.stdin.write(line(n)[half:])
        process.stdin.flush()
        until(lambda: heed.rows("select count(*) from sqlite_master where name = 'events'") == [(1,)]
              and ids(heed) == names(*range(n + 1)))
    process.stdin.close()
    assert process.wait(timeout=20) == 0


# ---- what is wrong -----------------------------------------------------------------------


def test_a_bad_line_is_an_event(make):
    heed = make("in.ndjson", "line_max: 2KiB")
    bad = ['{"specversion": "1.0", "id": 1', "no json", '{"hello": 1}', "x" * 9000, '{"a":"\\u00', "[1, 2]",
           json.dumps({**event(5), "source": ""})]
    write(heed.folder / "in.ndjson", "".join(line(n) + text + "\n" for n, text in enumerate(bad)) + line(99))
    done = run_once(heed)
    assert ids(heed) == names(*range(len(bad)), 99)
    reasons = rejected(heed)
    assert [r["line"] for r in reasons] == [2 * n + 2 for n in range(len(bad))]
    assert all(r["file"] == "in.ndjson" and r["error"] for r in reasons)
    assert [r["text"] for r in reasons[:3]] == [bad[0], bad[1], '{"hello":1}']
    assert "line_max" in reasons[3]["error"] and reasons[3]["text"] == "x" * 2048
    assert "specversion" in reasons[2]["error"] and "source" in reasons[6]["error"]
    assert "lines=7" in done.stderr.replace('"', "") and "heed.source.rejected" in done.stderr


def test_what_cannot_be_read(make):
    heed = make("missing.ndjson")
    done = run_once(heed, check=False)
    assert done.returncode != 0 and "missing.ndjson" in done.stderr and "source in" in done.stderr
    heed = make("missing/in.ndjson", FOLLOW)
    assert "missing" in run_once(heed, check=False).stderr


def test_mistakes_are_found_by_check(make):
    for path, more, words in (
        ("-", "follow: true", "follow"),
        ("a*/b.ndjson", "", "last part"),
        ("a.log", "format: text", "mapping"),
        ("a.log", "mapping: {type: .bdy}", ".body"),
        ("a.log", "folow: true", "follow"),
    ):
        heed = make(path, more)
        done = heed.command("check", "heed.yaml", check=False)
        assert done.returncode == 78 and words in done.stderr, (path, done.stderr)


def test_a_damaged_position(make):
    heed = make("in.ndjson")
    write(heed.folder / "in.ndjson", line(1))
    run_once(heed)
    db = sqlite3.connect(heed.store)
    db.execute("update cursors set position = '{\"files\": [{}]}'")
    db.commit()
    db.close()
    done = run_once(heed, check=False)
    assert done.returncode != 0 and "position" in done.stderr


# ---- following ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", [FOLLOW, BY_POLL], ids=["notified", "polled"])
def test_follow(make, how):
    heed = make("spool/*.ndjson", how)
    (heed.folder / "spool").mkdir()
    heed.start()
    first = heed.folder / "spool/b.ndjson"
    write(first, line(1))
    until(lambda: ids(heed) == names(1))
    write(first, line(2)[:20])  # half a line waits for the rest
    write(heed.folder / "spool/a.ndjson", line(3))
    until(lambda: ids(heed) == names(1, 3))
    write(first, line(2)[20:].rstrip())  # a whole object needs no line end
    until(lambda: ids(heed) == names(1, 3, 2))
    write(first, "\n" + line(4))
    until(lambda: ids(heed) == names(1, 3, 2, 4))
    assert heed.stop() == 0
    write(first, line(5))
    heed.start()
    until(lambda: ids(heed) == names(1, 3, 2, 4, 5))
    assert rejected(heed) == []
    places = json.loads(heed.rows("select position from cursors")[0][0])["files"]
    assert {p["name"]: p["line"] for p in places} == {"a.ndjson": 1, "b.ndjson": 4}


def test_a_file_that_comes_later(make):
    heed = make("in.ndjson", FOLLOW)
    heed.start()
    write(heed.folder / "in.ndjson", line(1))
    until(lambda: ids(heed) == names(1))


def test_once_ends_what_follows(make):
    heed = make("in.ndjson", FOLLOW)
    write(heed.folder / "in.ndjson", line(1))
    run_once(heed)
    assert ids(heed) == names(1)


def test_rotation(make):
    """Renamed, replaced, truncated, rewritten, copied: nothing lost, nothing twice."""
    heed = make("app.log", FOLLOW, MAPPING)
    path = heed.folder / "app.log"

    def lines(*numbers):
        return "".join(f'{{"n": {n}, "pad": "{"x" * 50}"}}\n' for n in numbers)

    def expect(*numbers):
        until(lambda: [m["n"] for m in mapped(heed)] == list(numbers))

    write(path, lines(1, 2))
    heed.start()
    expect(1, 2)
    # Renamed while its writer still has it open: both are read.
    with open(path, "a") as writer:
        path.rename(heed.folder / "app.log.1")
        writer.write(lines(3))
        writer.flush()
        expect(1, 2, 3)
        write(path, lines(4))
        expect(1, 2, 3, 4)
        writer.write(lines(5))
    expect(1, 2, 3, 4, 5)
    # Renamed while heed is away.
    heed.stop()
    write(path, lines(6))
    path.rename(heed.folder / "app.log.2")
    write(path, lines(7))
    heed.start()
    expect(1, 2, 3, 4, 5, 6, 7)
    # Truncated and written anew, shorter and then longer than it was.
    write(path, lines(8, 9, 10), "w")
    expect(*range(1, 11))
    write(path, lines(11), "w")
    expect(*range(1, 12))
    # Replaced by a copy of itself with more in it.
    write(heed.folder / "copy", path.read_text() + lines(12))
    (heed.folder / "copy").rename(path)
    expect(*range(1, 13))
    # Removed and made anew.
    path.unlink()
    write(path, lines(13))
    expect(*range(1, 14))
    write(path, lines(14))
    expect(*range(1, 15))
    assert rejected(heed) == []


def test_too_many_files(make):
    heed = make("spool", FOLLOW, "files_max: 3")
    spool = heed.folder / "spool"
    spool.mkdir()
    for n in range(4, 9):
        write(spool / str(n), line(n))
    heed.start()
    until(lambda: any("files_max" in entry for entry in heed.log))
    until(lambda: ids(heed) == names(4, 5, 6))
    write(spool / "1", line(1))
    (spool / "4").unlink()
    until(lambda: ids(heed) == names(4, 5, 6, 1))
    (spool / "1").unlink()
    (spool / "5").unlink()
    until(lambda: ids(heed) == names(4, 5, 6, 1, 7, 8))


# ---- bounds and kills --------------------------------------------------------------------


def test_back_pressure(make_heed, provider):
    """A queue of two, a slow model: the source waits, nothing is refused, order is kept."""
    provider.default = scripted.answer({}, delay=0.02)
    config = CONFIG.replace("reactions:", f"""limits: {{queue_depth: 2}}
models:
  slow: {{provider: openai, model: gpt-4o-mini, api_key: x, endpoint: "{provider.openai_url}"}}
reactions:
  think:
    on: customer_created
    ask: {{model: slow, prompt: "{{{{ .event.id }}}}", answer: {{type: object}}}}""")
    heed = make_heed(config % ("in.ndjson", ""))
    batch = json.dumps([event(f"b{n}") for n in range(3)]) + "\n"  # never fits
    write(heed.folder / "in.ndjson", "".join(line(n) for n in range(10)) + batch + line(10))
    run_once(heed)
    assert ids(heed) == names(*range(11))
    assert "queue_depth" in rejected(heed)[0]["error"] and len(rejected(heed)) == 1
    assert heed.rows("select count(*) from runs where state = 5 and name = 'think'") == [(11,)]


def test_kill_nine(make):
    """Killed at random while it reads growing files: each line exactly once, in order."""
    seed = int(os.environ.get("HEED_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    chance = random.Random(seed)
    heed = make("spool", FOLLOW, MAPPING)
    spool = heed.folder / "spool"
    spool.mkdir()
    written = {name: 0 for name in "abc"}
    for _ in range(int(os.environ.get("HEED_CRASH_ROUNDS", 10))):
        heed.start()
        for _ in range(chance.randrange(1, 6)):
            name = chance.choice("abc")
            count = chance.randrange(1, 400)
            text = "".join(f'{{"n": {written[name] + n}}}\n' for n in range(count))
            cut = chance.randrange(len(text))
            write(spool / name, text[:cut])
            time.sleep(chance.random() * 0.004)
            write(spool / name, text[cut:])
            written[name] += count
        heed.stop(signal.SIGKILL)
    heed.start()
    until(lambda: len(mapped(heed)) >= sum(written.values()))
    assert heed.stop() == 0
    for name, count in written.items():
        assert [m["n"] for m in mapped(heed) if m["file"] == name] == list(range(count))
    assert rejected(heed) == []
