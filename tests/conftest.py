"""Fixtures that every test may use."""

import os
import socket
import tempfile

import pytest

# Of the process's environment, what the course, its kernels and its tests read.
OURS = ("COURSE_", "JUPYTER", "PIP_", "PYTHON", "HOME", "PATH", "TMPDIR")


def our_environment():
    """The variables that one test could leave changed for the next one, which may run in any order."""
    return {name: value for name, value in os.environ.items() if name.startswith(OURS)}


EARLIER = our_environment()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    """Fail where a test, or a file of tests when it was read, has changed the environment for those after it."""
    result = yield
    now = our_environment()
    changed = sorted({name for name, _ in EARLIER.items() ^ now.items()})
    EARLIER.clear()
    EARLIER.update(now)  # so that one test says it, not all that follow
    if changed:
        pytest.fail(f"{', '.join(changed)} changed for the tests that follow: use monkeypatch.setenv")
    return result


@pytest.fixture(scope="session")
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
    # The tests' own servers are never behind a proxy.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """An empty folder that COURSE_DATA_DIR names."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Fail where anything tries to connect."""

    def refuse(*arguments, **named):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def displayed(monkeypatch):
    """A person at the notebook: the widgets that are displayed. No figure may stay open: it would be shown, too."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("agg")
    plt.close("all")
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    yield shown
    left_open = plt.get_fignums()
    plt.close("all")
    assert left_open == []


@pytest.fixture
def unwatched(monkeypatch):
    """Nobody at the notebook: the numbers of the figures that are open whenever they are shown."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("agg")
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    yield shown
    plt.close("all")


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """An empty folder, the only place where pip looks for packages; temporary files lie in tmp_path / "temporary"."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    folder, temporary = tmp_path / "wheels", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    settings = {"CONFIG_FILE": os.devnull, "CACHE_DIR": tmp_path / "pip", "NO_INDEX": "1", "FIND_LINKS": folder}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", str(value))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return folder
