"""The course with the network cut off after set-up, on the real data. Slow: it trains."""

import json
import os
import shutil
import subprocess
import sys

import pytest

MIRROR = os.environ.get("COURSE_DATA_DIR")
COURSE = [sys.executable, "-c", "from course_utils.commands import app; app()"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("data", ["full", "bundled"])
def test_chapter_01_runs_and_keeps_its_claims_without_network(data, tmp_path, require):
    require(shutil.which("unshare"), "unshare, to cut the network off")
    require(data == "bundled" or MIRROR, "COURSE_DATA_DIR with the full data sets")
    environment = {**os.environ, "COURSE_CACHE_DIR": str(tmp_path / "cache")}
    if MIRROR:
        environment["COURSE_DATA_DIR"] = MIRROR
    # In a network of its own the process has no interface that is up, not even loopback.
    command = ["unshare", "-rn", *COURSE, "run", "01", "--data", data, "--report", str(tmp_path / "report")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    saved = json.loads((tmp_path / "report" / "results.json").read_text(encoding="utf-8"))
    verdicts = {(row["metric"], row["data"]): row["verdict"] for row in saved["scoreboard"]}
    assert verdicts[("digits_accuracy", data)] == "met"
    assert set(verdicts.values()) == {"met"}
