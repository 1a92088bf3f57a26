"""libheed as it is installed: a program built against it, killed in the middle, and used wrongly."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from kit import HEED, until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/embed"

MISUSE = r"""
#include <heed.h>
#include <stdio.h>

static int
act(struct heed_run *run)
{
	return HEED_WAIT;
}

static const struct heed_effect effect = {.name = "e", .action = "prnt_label: {text: a}"};
static const struct heed_flow flow = {
	.name = "wrong", .version = 1, .on = (const char *const[]){"a", NULL},
	.effects = (const struct heed_effect *const[]){&effect, NULL}, .run = act};
static const struct heed_flow idle = {
	.name = "idle", .version = 1, .on = (const char *const[]){"a", NULL}, .run = act};

int
main(void)
{
	const char *text = "heed: 1\nstore: 'sqlite:misuse.db'\nsources: {s: {type: scael}}\n";
	struct heed_error error = {0};
	struct heed *heed;
	char *report = NULL;

	heed_log(HEED_LOG_SILENT, HEED_LOG_TEXT);
	heed_open_text("misuse.yaml", text, &heed, &error);
	heed_add_flow(heed, &flow, &error);
	printf("%s\n", heed_code_name(heed_check(heed, &report, &error)));
	printf("%s\n", report);
	heed_free(report);
	heed_close(heed);

	heed_open_text("misuse.yaml", "heed: 1\nstore: 'sqlite:misuse.db'\n", &heed, &error);
	heed_add_flow(heed, &idle, &error);
	printf("%s\n", heed_code_name(heed_start(heed, &error)));
	printf("%s: %s\n", heed_code_name(heed_start(heed, &error)), error.text);
	printf("%s: %s\n", heed_code_name(heed_add_flow(heed, &flow, &error)), error.text);
	heed_stop(heed);
	printf("%s\n", heed_code_name(heed_serve(heed, &error)));
	printf("%s: %s\n", heed_code_name(heed_serve(heed, &error)), error.text);
	heed_close(heed);
	return 0;
}
"""


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """heed, installed below a folder of its own: the environment to build against it."""
    root = tmp_path_factory.mktemp("root")
    build = Path(HEED).parents[2]
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root)
    pc = next(root.rglob("heed.pc"))
    return {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(root),
            "LD_LIBRARY_PATH": str(pc.parents[1])}


def libheed(env):
    return Path(env["LD_LIBRARY_PATH"]) / "libheed.so"


@pytest.fixture
def station(installed, tmp_path):
    """The example, built as its README says, in a folder of its own."""
    for name in ("main.c", "heed.yaml", "Makefile"):
        shutil.copy(EXAMPLE / name, tmp_path)
    run("make", cwd=tmp_path, env=installed)
    return tmp_path


def test_what_is_installed(installed):
    root = Path(installed["PKG_CONFIG_SYSROOT_DIR"])
    for name in ("bin/heed", "include/heed.h", "share/heed/heed.schema.json"):
        assert list(root.rglob(name)), name
    assert list(root.rglob("libheed.a"))
    assert libheed(installed).resolve().name.startswith("libheed.so.0.")
    assert "libheed.so.0]" in run("readelf", "-d", libheed(installed)).stdout
    schema = json.loads(next(root.rglob("heed.schema.json")).read_text())
    assert "reactions" in schema["properties"]


def test_only_the_public_face_is_exported(installed):
    """What the header marks HEED_API, all of it and nothing else."""
    header = (ROOT / "include/heed.h").read_text()
    public = set(re.findall(r"HEED_API[^;]*?\b(heed_\w+)\(", header))
    lines = run("nm", "-D", "--defined-only", libheed(installed)).stdout.splitlines()
    assert {line.split()[-1] for line in lines} == public
    assert len(public) > 40


def test_header_stands_alone(installed, tmp_path):
    (tmp_path / "a.c").write_text("#include <heed.h>\n")
    (tmp_path / "a.cc").write_text("#include <heed.h>\nint main() { return heed_code_text(0) == nullptr; }\n")
    flags = run("pkg-config", "--cflags", "heed", env=installed).stdout.split()
    run("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", *flags, tmp_path / "a.c")
    run("g++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", *flags, tmp_path / "a.cc")


def test_example_with_meson(installed, tmp_path):
    run("meson", "setup", tmp_path / "build", EXAMPLE, env=installed)
    run("ninja", "-C", tmp_path / "build", env=installed)
    assert (tmp_path / "build/station").exists()


def test_killed_station_goes_on(station, installed):
    """Killed after a label was printed and before heed heard of it: nothing is done twice."""
    labels = station / "labels.txt"
    process = subprocess.Popen(["./station"], cwd=station, env={**installed, "PRINTER_MS": "200"},
                               stdout=subprocess.PIPE, text=True)
    until(lambda: labels.exists() and "parcel 2" in labels.read_text())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    before = labels.read_text()

    output = run("./station", cwd=station, env=installed).stdout
    assert "run 6  ship     done" in output and "last     done" in output
    lines = labels.read_text().splitlines()
    assert labels.read_text().startswith(before)
    assert [line.split(" ", 1)[1] for line in lines] == [
        "parcel 1: box", "parcel 2: pallet", "parcel 3: envelope", "parcel 4: box", "parcel 5: pallet",
        "parcel 6: box", "end of the shift"]
    assert len({line.split()[0] for line in lines}) == 7

    runs = [json.loads(line) for line in run(HEED, "runs", "--json", cwd=station).stdout.splitlines()]
    assert {row["state"] for row in runs} == {"done"}
    assert {row["calls"] for row in runs if row["name"] == "ship"} == {1}, "asked once each"


def test_wrong_use_is_told(installed, tmp_path):
    (tmp_path / "misuse.c").write_text(MISUSE)
    flags = run("pkg-config", "--cflags", "--libs", "heed", env=installed).stdout.split()
    run("cc", "-o", tmp_path / "misuse", tmp_path / "misuse.c", *flags)
    lines = run(tmp_path / "misuse", cwd=tmp_path, env=installed).stdout.splitlines()
    assert lines[0] == "CONFIG"
    problems = {problem["text"]: problem for problem in json.loads(lines[1])["problems"]}
    unknown = problems['there is no action "prnt_label"']
    assert unknown["file"] == "flow wrong, effect e"
    assert problems['there is no source type "scael"']["hint"]
    assert lines[2:] == [
        "OK",
        "CONFLICT: heed was started before: open another",
        "CONFLICT: flows are added before heed_start",
        "OK",
        "CONFLICT: heed_serve was called before: open another",
    ]
