"""The course with the network cut off after set-up, on the real data. Slow: it trains."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from course_utils import weights
from course_utils.commands import chapters
from course_utils.datasets import store

# Read at import: the fixture of conftest.py hides both from the tests.
MIRROR = os.environ.get("COURSE_DATA_DIR")
WEIGHTS = store.cache_dir() / weights.FOLDER
COURSE = [sys.executable, "-c", "from course_utils.commands import app; app()"]


def run_cut_off(arguments, folder):
    """What `course run` records in a network of its own, where no interface is up, not even loopback."""
    if WEIGHTS.is_dir():  # they were fetched by the set-up, and have no stand-in
        shutil.copytree(WEIGHTS, folder / "cache" / weights.FOLDER)
    environment = {
        **os.environ,
        "COURSE_CACHE_DIR": str(folder / "cache"),
        "COURSE_MODELS_DIR": str(folder / "models"),
    }
    if MIRROR:
        environment["COURSE_DATA_DIR"] = MIRROR
    command = ["unshare", "-rn", *COURSE, "run", *arguments, "--report", str(folder / "report")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("data", ["full", "bundled"])
def test_chapter_01_runs_and_keeps_its_claims_without_network(data, tmp_path, require):
    require(shutil.which("unshare"), "unshare, to cut the network off")
    require(data == "bundled" or MIRROR, "COURSE_DATA_DIR with the full data sets")
    saved = run_cut_off(["01", "--data", data], tmp_path)
    verdicts = {(row["metric"], row["data"]): row["verdict"] for row in saved["scoreboard"]}
    assert verdicts[("digits_accuracy", data)] == "met"
    assert set(verdicts.values()) == {"met"}


@pytest.mark.timeout(1200)
def test_every_chapter_runs_on_bundled_data_without_network(tmp_path, require):
    require(shutil.which("unshare"), "unshare, to cut the network off")
    require(WEIGHTS.is_dir(), "the weights of BERT: course data fetch minilm")
    saved = run_cut_off(["--data", "bundled", "--param", "SMOKE=true"], tmp_path)
    assert [chapter["name"] for chapter in saved["chapters"]] == [chapter.name for chapter in chapters.known()]
    assert {chapter["status"] for chapter in saved["chapters"]} == {"ok"}
