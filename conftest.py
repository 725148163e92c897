"""How pytest runs the worked editions: on bundled data, with trainings cut to seconds, and nobody watching.

What a notebook is to find in its environment is written into its own first cell, so that no other test sees it.
"""

import functools
import shutil
import tempfile
from itertools import groupby
from pathlib import Path

import pytest

from course_utils import weights
from course_utils.datasets import store

FOLDER: list[tempfile.TemporaryDirectory] = []
# nbval kills its kernels, which then leave what TensorFlow wrote while it traced; so they have a temporary folder, too.
ENVIRONMENT = """\
import os, tempfile
os.environ.pop("COURSE_DATA_DIR", None)
os.environ.update(COURSE_CACHE_DIR={cache!r}, COURSE_MODELS_DIR={models!r}, TMPDIR={temporary!r}, COURSE_HEADLESS="1")
tempfile.tempdir = {temporary!r}
"""


def copy_weights(cache: Path) -> None:
    """Copy the pretrained weights on hand into another cache: they have no stand-in."""
    for folder in filter(None, (store.cache_dir(), store.mirror_dir())):
        if (folder / weights.FOLDER).is_dir():
            shutil.copytree(folder / weights.FOLDER, cache / weights.FOLDER, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def bring_weights():
    """The function that copies the pretrained weights into another cache."""
    return copy_weights


@functools.cache
def environment() -> str:
    """Python that gives a kernel a cache without data and folders of its own, which are made at the first call."""
    FOLDER.append(tempfile.TemporaryDirectory(prefix="course-notebooks-"))
    cache, models, temporary = (Path(FOLDER[0].name) / name for name in ("cache", "models", "temporary"))
    copy_weights(cache)
    temporary.mkdir()
    return ENVIRONMENT.format(cache=str(cache), models=str(models), temporary=str(temporary))


def pytest_collection_modifyitems(items):
    """Cut the trainings: what is compared does not depend on them."""
    cells = [item for item in items if item.path.suffix == ".ipynb"]
    for _, notebook in groupby(cells, key=lambda item: item.path):
        first, *_ = own = list(notebook)
        first.cell.source = environment() + first.cell.source
        for item in own:
            if "parameters" in item.cell.metadata.get("tags", []):
                item.cell.source += "\nSMOKE = True"


def pytest_unconfigure():
    """Remove the notebooks' folders; a worker of pytest-xdist ends without doing so by itself."""
    for folder in FOLDER:
        folder.cleanup()
