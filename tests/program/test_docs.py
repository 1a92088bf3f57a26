"""Every configuration in the documents is one that heed check accepts."""

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


@pytest.mark.parametrize("text", BLOCKS)
def test_configurations_are_right(text, tmp_path):
    path = tmp_path / "heed.yaml"
    path.write_text(text)
    variables = {name: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" for name in re.findall(r"\$\{(\w+)\}", text)}
    done = subprocess.run([HEED, "check", path], env={**os.environ, **variables},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
