"""The widgets work with ipywidgets 7, which Colab has, as with the version of the lock.

What differs between the two is the library's own: its controls, layouts, styles, views. So one test of each of these
runs again, those marked ``ipywidgets7``; what the course does with them is proved once, with the version of the lock.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ASIDE = Path(sys.prefix) / "ipywidgets7"
TESTS = ("tests/test_widgets.py", "tests/test_digit_pad.py", "tests/test_pane.py", "tests/test_training.py")


def run(*words):
    """Run Python with the packages that stand aside in front of the others."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ASIDE)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_tests_of_the_widgets_pass_with_ipywidgets_7(require):
    require((ASIDE / "ipywidgets").is_dir(), f"{ASIDE} is missing: `make test` installs it")
    version = run("-c", "import ipywidgets; print(ipywidgets.__version__)")
    assert version.stdout.startswith("7.7"), version.stdout + version.stderr
    answer = run("-m", "pytest", *TESTS, "-q", "-m", "ipywidgets7", "-p", "no:cacheprovider")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    last = answer.stdout.splitlines()[-1]
    assert " passed" in last
    assert "skipped" not in last
