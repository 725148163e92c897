"""How pytest runs the worked editions: on bundled data, with trainings cut to seconds, and nobody watching."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from course_utils import weights
from course_utils.datasets import store

MODELS = tempfile.TemporaryDirectory(prefix="course-models-")
CACHE = tempfile.TemporaryDirectory(prefix="course-cache-without-data-")


def copy_weights(cache: Path) -> None:
    """Copy the pretrained weights on hand into another cache: they have no stand-in."""
    for folder in filter(None, (store.cache_dir(), store.mirror_dir())):
        if (folder / weights.FOLDER).is_dir():
            shutil.copytree(folder / weights.FOLDER, cache / weights.FOLDER, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def bring_weights():
    """The function that copies the pretrained weights into another cache."""
    return copy_weights


def pytest_collection_modifyitems(items):
    """Cut the trainings: what is compared does not depend on them, and `course run` runs each chapter in full."""
    for item in items:
        if item.path.suffix == ".ipynb" and "parameters" in item.cell.metadata.get("tags", []):
            item.cell.source += "\nSMOKE = True"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before a notebook's kernel starts: no mirror, folders of its own, plain figures instead of widgets."""
    if item.path.suffix == ".ipynb" and os.environ.get("COURSE_CACHE_DIR") != CACHE.name:
        copy_weights(Path(CACHE.name))
        os.environ.pop("COURSE_DATA_DIR", None)
        os.environ["COURSE_CACHE_DIR"] = CACHE.name
        os.environ["COURSE_MODELS_DIR"] = MODELS.name
        os.environ["COURSE_HEADLESS"] = "1"
