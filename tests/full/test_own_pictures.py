"""Chapter 08 on a folder of somebody's own, without a network. Slow: it trains."""

import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

COURSE = [sys.executable, "-c", "from course_utils.commands import app; app()"]


def write_photos(folder):
    """Pieces of two photographs: JPEG and PNG, in colour and grey, of many sizes, and fewer than ten of a class."""
    for kind in ("china", "flower"):
        photo = Image.fromarray(load_sample_image(f"{kind}.jpg"))  # 640 x 427
        places = [(40 * (place % 12), 30 * (place // 12)) for place in range(24)]
        for part, chosen in {"train": places[:9], "val": places[9:14], "test": places[14:]}.items():
            (folder / part / kind).mkdir(parents=True)
            for place, (left, top) in enumerate(chosen):
                piece = photo.crop((left, top, left + 90 + 10 * place, top + 100 + 3 * place))
                piece = piece.convert("L") if place == 1 else piece
                piece.save(folder / part / kind / f"{place}.{'png' if place == 2 else 'JPG'}")


@pytest.mark.timeout(1200)
def test_chapter_08_runs_on_a_folder_of_photos_without_network(tmp_path, require):
    require(shutil.which("unshare"), "unshare, to cut the network off")
    write_photos(tmp_path / "photos")
    environment = {**os.environ, "COURSE_CACHE_DIR": str(tmp_path / "cache")}
    command = ["unshare", "-rn", *COURSE, "run", "08", "--report", str(tmp_path / "report"), "--param", "SMOKE=true"]
    command += ["--param", f"IMAGES={tmp_path / 'photos'}"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not (tmp_path / "cache").exists()  # nothing was drawn in their place


@pytest.mark.timeout(300)
def test_chapter_08_names_the_file_that_is_wrong(tmp_path):
    write_photos(tmp_path / "photos")
    broken = tmp_path / "photos" / "val" / "china" / "0.JPG"
    broken.write_bytes(b"<html>")
    command = [*COURSE, "run", "08", "--report", str(tmp_path / "report"), "--param", f"IMAGES={tmp_path / 'photos'}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert f"{broken} is no JPEG or PNG picture, but a web page" in " ".join((ran.stdout + ran.stderr).split())
