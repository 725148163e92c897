"""How pytest runs the worked editions: as CI does, on bundled data, with nobody watching."""

import os
import tempfile

import pytest

MODELS = tempfile.TemporaryDirectory(prefix="course-models-")
EMPTY_CACHE = tempfile.TemporaryDirectory(prefix="course-empty-cache-")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before a notebook's kernel starts: no mirror, folders of its own, plain figures instead of widgets."""
    if item.path.suffix == ".ipynb":
        os.environ.pop("COURSE_DATA_DIR", None)
        os.environ["COURSE_CACHE_DIR"] = EMPTY_CACHE.name
        os.environ["COURSE_MODELS_DIR"] = MODELS.name
        os.environ["COURSE_HEADLESS"] = "1"
