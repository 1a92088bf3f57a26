"""Fixtures of the whole-program tests."""

import signal

import pytest

from kit import Heed
from postgres import database, postgres  # noqa: F401
from provider import provider  # noqa: F401


@pytest.fixture
def make_heed(tmp_path):
    """Make a Heed on this test's folder: make_heed(config). Killed when the test ends."""
    made = []

    def make(config, folder=tmp_path, **more):
        made.append(Heed(folder, config, **more))
        return made[-1]

    yield make
    for program in made:
        program.stop(signal.SIGKILL)
