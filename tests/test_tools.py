"""The tools that `make` calls: the frozen yardstick, and the run that leaves nothing behind."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import reply, serving

ROOT = Path(__file__).resolve().parents[1]
# Whoever changes the yardstick has to measure it anew beside chapter 02 of commit d8667da, and every budget with it.
YARDSTICK = "15675e81b4495871af8d0f28d7b7e7ddd0ce2210f235a51116824cfc997d4de6"
CONNECT = "import urllib.request; urllib.request.urlopen({address!r}, timeout=5)"


def isolated(*words, **environment):
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "isolated.py", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def python(code):
    return [sys.executable, "-c", code]


def test_yardstick_is_frozen():
    content = (ROOT / "tools" / "yardstick.py").read_bytes().replace(b"\r\n", b"\n")
    assert hashlib.sha256(content).hexdigest() == YARDSTICK


def test_command_that_leaves_a_temporary_folder_fails_and_it_is_named():
    answer = isolated("--online", *python("import tempfile; tempfile.mkdtemp(prefix='left-')"))
    assert answer.returncode == 1
    assert "1 temporary file(s) or folder(s) were left behind: left-" in answer.stderr


def test_command_that_cleans_up_or_is_pytest_is_well():
    code = (
        "import os, tempfile; tempfile.TemporaryDirectory().cleanup(); os.mkdir(os.environ['TMPDIR'] + '/pytest-of-me')"
    )
    assert isolated("--online", *python(code)).returncode == 0


def test_exit_code_of_the_command_is_handed_on():
    assert isolated("--online", *python("raise SystemExit(7)")).returncode == 7


def test_temporary_folder_itself_is_gone_afterwards():
    answer = isolated("--online", *python("import os; print(os.environ['TMPDIR'])"))
    assert not Path(answer.stdout.strip()).exists()


def test_network_is_cut_off_down_to_loopback(require):
    require("cannot be cut off" not in isolated("true").stdout, "unshare, to cut the network off")
    with serving(reply(b"here")) as (address, requests):
        code = CONNECT.format(address=address)
        assert isolated("--online", *python(code)).returncode == 0
        assert len(requests) == 1
        assert isolated(*python(code)).returncode == 1
        assert len(requests) == 1


@pytest.mark.parametrize(
    ("ci", "code", "words"), [("1", 1, "COURSE_CI=1 needs it"), ("", 0, "the notebooks run with it")]
)
def test_system_that_cannot_cut_the_network_off_is_said_and_fails_ci(tmp_path, ci, code, words):
    answer = isolated(*python("pass"), PATH=str(tmp_path), COURSE_CI=ci)
    assert answer.returncode == code
    assert words in answer.stdout + answer.stderr


def test_call_without_a_command_shows_how_to_call_it():
    answer = isolated("--online")
    assert answer.returncode == 1
    assert "isolated.py [--online] COMMAND" in answer.stderr
