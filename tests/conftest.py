"""Fixtures that every test may use."""

import os

import pytest


@pytest.fixture
def require():
    """A function (condition, reason): skip where something is missing, but fail under COURSE_CI=1."""

    def check(condition, reason):
        if condition:
            return
        if os.environ.get("COURSE_CI") == "1":
            pytest.fail(f"COURSE_CI=1 needs this: {reason}")
        pytest.skip(reason)

    return check


@pytest.fixture(autouse=True)
def _own_data_folders(monkeypatch, tmp_path):
    """No test reads or writes the developer's own data: an empty cache, and no mirror unless a test names one."""
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
