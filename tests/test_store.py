import errno
import hashlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from loopback import reply, serving

from course_utils.datasets import store

CONTENT = bytes(range(256)) * 1024  # 256 KiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = b"other" * 1000
FETCH = """
import os, sys
from pathlib import Path
from course_utils.datasets import store
file = store.DataFile("numbers.bin", (sys.argv[1],), sys.argv[2], int(sys.argv[3]))
try:
    print("OK", store.fetch(file).path)
except store.DataError as error:
    print("DataError", error)
folder = store.cache_dir()
print("LEFT", sorted(os.listdir(folder)) if folder.is_dir() else "no folder")
"""


@pytest.fixture
def cache():
    folder = store.cache_dir()
    folder.mkdir(parents=True)
    return folder


def numbers(*urls):
    return store.DataFile("numbers.bin", urls, SHA256, len(CONTENT))


def sums(folder, content, name="numbers.bin", mark=" "):
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()} {mark}{name}\n")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_found_where_nothing_is():
    assert store.find(numbers()) == (None, [])


def test_mirror_comes_before_cache(mirror, cache):
    for folder in (mirror, cache):
        (folder / "numbers.bin").write_bytes(CONTENT)
    copy, notes = store.find(numbers())
    assert (copy.origin, copy.path, copy.verified, notes) == ("mirror", mirror / "numbers.bin", True, [])
    assert (copy.size, copy.sha256) == (len(CONTENT), SHA256)


def test_cache_serves_where_the_mirror_lacks_the_file_and_that_is_said(mirror, cache):
    (cache / "numbers.bin").write_bytes(CONTENT)
    copy, notes = store.find(numbers())
    assert copy.origin == "cache"
    assert notes == ["the mirror named by COURSE_DATA_DIR has no numbers.bin"]


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_mirror_that_is_no_folder_is_an_error_with_the_way_out(tmp_path, monkeypatch, kind):
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("")
    monkeypatch.setenv("COURSE_DATA_DIR", str(place))
    trouble = "is not a folder" if kind == "file" else "does not exist"
    with pytest.raises(store.DataError, match=trouble) as caught:
        store.find(numbers())
    assert str(place) in str(caught.value)
    assert "COURSE_DATA_DIR" in str(caught.value)
    assert "unset it" in str(caught.value)


def test_relative_folders_count_from_the_project(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA_DIR", "tests")
    monkeypatch.setenv("COURSE_CACHE_DIR", "data/elsewhere")
    assert store.mirror_dir() == store.PROJECT / "tests"
    assert store.cache_dir() == store.PROJECT / "data" / "elsewhere"


def test_empty_variables_count_as_unset(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", "")
    monkeypatch.setenv("COURSE_CACHE_DIR", " ")
    assert store.mirror_dir() is None
    assert store.cache_dir() == store.PROJECT / "data" / "cache"


def test_installed_without_the_project_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_CACHE_DIR")
    monkeypatch.setattr(store, "PROJECT", tmp_path)
    assert tmp_path not in store.cache_dir().parents
    assert store.cache_dir().is_absolute()


@pytest.mark.parametrize("mark", [" ", "*", " ./"])
def test_mirror_file_of_its_own_is_verified_by_its_sums(mirror, mark):
    (mirror / "numbers.bin").write_bytes(OTHER)
    sums(mirror, OTHER, mark=mark)
    copy, _ = store.find(numbers())
    assert copy.verified
    assert copy.sha256 == hashlib.sha256(OTHER).hexdigest()


def test_mirror_file_without_sums_is_accepted_but_unverified(mirror):
    (mirror / "numbers.bin").write_bytes(OTHER)
    copy, _ = store.find(numbers())
    assert not copy.verified
    assert not copy.damaged


def test_mirror_file_that_the_sums_do_not_list_is_unverified(mirror):
    (mirror / "numbers.bin").write_bytes(OTHER)
    sums(mirror, OTHER, name="another.bin")
    assert not store.find(numbers())[0].verified


@pytest.mark.parametrize("content", [OTHER[:-1], OTHER[:-1] + b"x", b""], ids=["truncated", "altered", "empty"])
def test_damaged_mirror_file_is_an_error_that_names_file_and_hashes_and_stays(mirror, content):
    (mirror / "numbers.bin").write_bytes(content)
    sums(mirror, OTHER)
    with pytest.raises(store.DataError) as caught:
        store.obtain([numbers()], "auto")
    message = str(caught.value)
    assert str(mirror / "numbers.bin") in message
    assert hashlib.sha256(content).hexdigest()[:12] in message
    assert hashlib.sha256(OTHER).hexdigest()[:12] in message
    assert "unset COURSE_DATA_DIR" in message
    assert (mirror / "numbers.bin").read_bytes() == content


@pytest.mark.parametrize("content", [CONTENT[:1000], OTHER, b""], ids=["truncated", "wrong hash", "empty"])
def test_damaged_cache_file_is_named_and_removed(cache, no_network, content):
    (cache / "numbers.bin").write_bytes(content)
    found, notes = store.obtain([numbers("http://127.0.0.1:1/file")], "auto")
    assert found is None
    [note] = notes
    assert str(cache / "numbers.bin") in note
    assert "is damaged" in note
    assert "has been removed" in note
    assert names(cache) == []


def test_damaged_cache_file_is_fetched_again_when_the_full_set_is_asked_for(cache, capsys):
    (cache / "numbers.bin").write_bytes(OTHER)
    with serving(reply(CONTENT)) as (url, _):
        found, _ = store.obtain([numbers(url)], "full")
    assert found[0].origin == "download"
    assert (cache / "numbers.bin").read_bytes() == CONTENT
    assert f"{cache / 'numbers.bin'} is damaged" in capsys.readouterr().out


def test_damaged_cache_file_that_cannot_be_removed_is_not_used(cache, monkeypatch):
    (cache / "numbers.bin").write_bytes(OTHER)

    def refuse(path, missing_ok=False):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    copy, [note] = store.find(numbers())
    assert copy is None
    assert "cannot be removed (Permission denied)" in note


def test_unknown_source_is_an_error_that_lists_the_three():
    with pytest.raises(ValueError, match=r"source='ful' .*'auto'.*'full'.*'bundled'"):
        store.obtain([numbers()], "ful")


@pytest.mark.parametrize("source", ["auto", "bundled"])
def test_auto_and_bundled_never_reach_for_the_network(no_network, source):
    assert store.obtain([numbers("http://127.0.0.1:1/file")], source) == (None, [])


def test_full_takes_what_is_on_hand_without_the_network(cache, no_network):
    (cache / "numbers.bin").write_bytes(CONTENT)
    found, _ = store.obtain([numbers("http://127.0.0.1:1/file")], "full")
    assert found[0].origin == "cache"


def test_full_fetches_when_the_mirror_lacks_the_file(mirror):
    with serving(reply(CONTENT)) as (url, _):
        found, _ = store.obtain([numbers(url)], "full")
    assert found[0].path == store.cache_dir() / "numbers.bin"


def test_full_in_vain_names_everything_that_was_tried_and_the_way_out(mirror):
    with serving(reply(b"", status=404)) as (url, _), pytest.raises(store.DataError) as caught:
        store.obtain([numbers(url, "http://127.0.0.1:1/file")], "full")
    message = str(caught.value)
    assert f"the mirror {mirror}: not there" in message
    assert f"the cache {store.cache_dir()}: not there" in message
    assert f"{url}: the server answered 404 Not Found" in message
    assert "http://127.0.0.1:1/file: the host cannot be reached" in message
    assert "`course data fetch`" in message
    assert "source='bundled'" in message
    assert names(mirror) == []


def test_fetched_file_is_verified_and_alone_in_the_cache():
    with serving(reply(CONTENT)) as (url, _):
        copy = store.fetch(numbers(url))
    assert copy.verified
    assert copy.path.read_bytes() == CONTENT
    assert names(store.cache_dir()) == ["numbers.bin"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_fetched_file_can_be_read_by_others_as_the_umask_allows():
    with serving(reply(CONTENT)) as (url, _):
        copy = store.fetch(numbers(url))
    (store.cache_dir() / "plain").touch()
    assert copy.path.stat().st_mode == (store.cache_dir() / "plain").stat().st_mode


def test_second_address_serves_when_the_first_does_not():
    with serving(reply(b"gone", status=404)) as (bad, _), serving(reply(CONTENT)) as (good, _):
        assert store.fetch(numbers(bad, good)).path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (reply(b"", status=404), "the server answered 404 Not Found"),
        (reply(b"", status=503), "the server answered 503 Service Unavailable"),
        (reply(b"<html>Log in</html>", "text/html; charset=utf-8"), "a web page came instead of the data"),
        (reply(b"\n<!DOCTYPE html><p>Blocked"), "a web page came instead of the data"),
        (reply(CONTENT[:24576]), "the download broke off after 24,576 of 262,144 bytes"),
        (reply(CONTENT[:24576], length=len(CONTENT)), "the download broke off after 24,576 of 262,144 bytes"),
        (reply(CONTENT[:-1] + b"x"), "another file came (sha256 "),
        (reply(CONTENT + b"x"), "another file came (sha256 "),
        (reply(b""), "another file came (sha256 e3b0c44298fc"),
    ],
    ids=["404", "503", "login page", "unlabelled page", "short", "broken off", "altered", "long", "empty"],
)
def test_answer_that_is_not_the_file_is_named_and_leaves_nothing(answer, trouble):
    with serving(answer) as (url, _), pytest.raises(store.DataError) as caught:
        store.fetch(numbers(url))
    assert f"{url}: {trouble}" in str(caught.value)
    assert names(store.cache_dir()) == []


def test_page_that_comes_only_after_the_probe_is_named_too():
    answers = iter([reply(CONTENT), reply(b"<!doctype html><p>Quota reached", "application/octet-stream")])
    with serving(lambda handler: next(answers)(handler)) as (url, _), pytest.raises(store.DataError, match="web page"):
        store.fetch(numbers(url))
    assert names(store.cache_dir()) == []


def test_server_that_never_answers_is_reported_in_time(monkeypatch):
    assert store.ANSWER_SECONDS <= 5  # leaves time to start Python within the ten seconds that are promised
    monkeypatch.setattr(store, "ANSWER_SECONDS", 2.0)
    began = time.monotonic()
    with (
        serving(lambda handler: time.sleep(12)) as (url, _),
        pytest.raises(store.DataError, match=r"no answer within 2 s"),
    ):
        store.fetch(numbers(*(f"{url}{number}" for number in range(4))))  # several addresses share the time
    assert time.monotonic() - began < 6  # one after the other would take eight


def test_name_look_up_that_hangs_is_reported_in_time(monkeypatch):
    monkeypatch.setattr(store, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **named: time.sleep(12))
    began = time.monotonic()
    with pytest.raises(store.DataError, match=r"no answer within 2 s"):
        store.fetch(numbers(*(f"http://data{number}.invalid/file" for number in range(4))))
    assert time.monotonic() - began < 6  # one after the other would take eight


def test_server_that_stalls_midway_is_reported(monkeypatch):
    monkeypatch.setattr(store, "STALL_SECONDS", 2.0)

    def stall(handler):
        reply(CONTENT[:24576], length=len(CONTENT))(handler)
        handler.wfile.flush()
        time.sleep(8)

    with serving(stall) as (url, _), pytest.raises(store.DataError, match="broke off after 24,576 of 262,144 bytes"):
        store.fetch(numbers(url))
    assert names(store.cache_dir()) == []


def test_unknown_host_is_reported(monkeypatch):
    def unknown(*arguments, **named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(store.DataError, match="the host's name cannot be looked up"):
        store.fetch(numbers("http://data.invalid/file"))


def test_host_that_is_known_but_dead_is_not_called_unknown_whatever_its_address():
    with pytest.raises(store.DataError, match=r"/resolve/getaddrinfo: the host cannot be reached"):
        store.fetch(numbers("http://127.0.0.1:1/resolve/getaddrinfo"))


def test_proxy_of_the_environment_is_used(monkeypatch):
    with serving(reply(CONTENT)) as (proxy, requests):
        monkeypatch.setenv("http_proxy", proxy.removesuffix("/file"))
        copy = store.fetch(numbers("http://data.invalid/numbers.bin"))
    assert copy.path.read_bytes() == CONTENT
    assert set(requests) == {"http://data.invalid/numbers.bin"}


def test_proxy_out_of_order_is_named(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(store.DataError, match="the proxy could not be reached or refused"):
        store.fetch(numbers("http://data.invalid/numbers.bin"))


def test_full_disk_is_found_before_the_download(monkeypatch, no_network):
    monkeypatch.setattr(store, "_free_bytes", lambda folder: len(CONTENT) - 1)
    with pytest.raises(store.DataError) as caught:
        store.fetch(numbers("http://127.0.0.1:1/file"))
    assert f"numbers.bin needs 0.3 MB in {store.cache_dir()}" in str(caught.value)
    assert "COURSE_CACHE_DIR" in str(caught.value)
    assert names(store.cache_dir()) == []


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.ENOSPC, "The disk is full: numbers.bin needs 0.3 MB in"),
        (errno.EROFS, "cannot be written to"),
        (errno.EACCES, "cannot be written to"),
    ],
)
def test_disk_that_fails_midway_is_named_and_leaves_nothing(monkeypatch, number, trouble):
    import pooch

    def fail(downloader, url, part, _):
        Path(part).write_bytes(CONTENT[:100])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fail)
    with serving(reply(CONTENT)) as (url, _), pytest.raises(store.DataError) as caught:
        store.fetch(numbers(url))
    assert trouble in str(caught.value)
    assert str(store.cache_dir()) in str(caught.value)
    assert "COURSE_CACHE_DIR" in str(caught.value)
    assert names(store.cache_dir()) == []


def test_cache_that_is_a_file_is_an_error_with_the_way_out(tmp_path, no_network):
    (tmp_path / "cache").write_text("")
    with pytest.raises(store.DataError, match="set COURSE_CACHE_DIR to a folder"):
        store.fetch(numbers("http://127.0.0.1:1/file"))


def fetch_on_mount(require, folder, options, url, size):
    """Fetch in a process that sees a small file system of its own as its cache."""
    works = shutil.which("unshare") and subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0
    require(works, "unshare -rm mounts file systems for one process")
    folder.mkdir()
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", script, folder, sys.executable, "-c", FETCH, url, SHA256, str(size)]
    environment = {**os.environ, "COURSE_CACHE_DIR": str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_really_read_only_folder(require, tmp_path):
    with serving(reply(CONTENT)) as (url, requests):
        run = fetch_on_mount(require, tmp_path / "disk", "ro", url, len(CONTENT))
    assert f"DataError numbers.bin cannot be written to {tmp_path / 'disk'} (Read-only file system)" in run.stdout
    assert "set COURSE_CACHE_DIR to a folder that is" in run.stdout
    assert requests == []


def test_really_small_disk(require, tmp_path):
    with serving(reply(CONTENT)) as (url, requests):
        run = fetch_on_mount(require, tmp_path / "disk", "size=128k", url, len(CONTENT))
    assert f"DataError The disk is full: numbers.bin needs 0.3 MB in {tmp_path / 'disk'}" in run.stdout
    assert "LEFT []" in run.stdout
    assert requests == []


def test_disk_that_really_fills_up_midway(require, tmp_path):
    # The recorded size is too small here, so that only the writing finds out.
    with serving(reply(CONTENT)) as (url, _):
        run = fetch_on_mount(require, tmp_path / "disk", "size=128k", url, 1000)
    assert f"DataError The disk is full: numbers.bin needs 0.0 MB in {tmp_path / 'disk'}" in run.stdout
    assert "LEFT []" in run.stdout


def slowly(handler):
    """Send the file in 32 parts over about a second and a half."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    step = len(CONTENT) // 32
    for start in range(0, len(CONTENT), step):
        handler.wfile.write(CONTENT[start : start + step])
        handler.wfile.flush()
        time.sleep(0.05)


def start_fetch(url):
    command = [sys.executable, "-c", FETCH, url, SHA256, str(len(CONTENT))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_part(process):
    """Wait until a download has written something."""
    for _ in range(400):
        if any(part.stat().st_size for part in store.cache_dir().glob("*.part")):
            return
        assert process.poll() is None
        time.sleep(0.02)
    raise AssertionError("no download began")


def test_two_processes_at_once_both_end_with_the_good_file():
    # Neither probe is answered before both have come, and neither download.
    both = threading.Barrier(2, timeout=30)

    def side_by_side(handler):
        both.wait()
        reply(CONTENT)(handler)

    with serving(side_by_side) as (url, requests):
        processes = [start_fetch(url), start_fetch(url)]
        outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert all(output.startswith("OK") for output in outputs), outputs
    assert len(requests) == 4
    assert not both.broken
    assert (store.cache_dir() / "numbers.bin").read_bytes() == CONTENT
    assert names(store.cache_dir()) == ["numbers.bin"]


def test_killed_download_leaves_nothing_under_the_name_and_the_rest_is_swept_later():
    with serving(slowly) as (url, _):
        process = start_fetch(url)
        wait_for_part(process)
        process.kill()
        process.communicate()
        [left] = store.cache_dir().iterdir()
        assert left.suffix == ".part"
        assert store.find(numbers(url)) == (None, [])
        long_ago = time.time() - store.LEFTOVER_SECONDS - 1
        os.utime(left, (long_ago, long_ago))
        store.fetch(numbers(url))
    assert names(store.cache_dir()) == ["numbers.bin"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_interrupted_download_leaves_nothing():
    with serving(slowly) as (url, _):
        process = start_fetch(url)
        wait_for_part(process)
        process.send_signal(signal.SIGINT)
        _, trouble = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in trouble
    assert names(store.cache_dir()) == []


def test_part_of_a_download_under_way_is_not_swept(cache):
    (cache / "numbers.bin.12345678.part").write_bytes(b"under way")
    with serving(reply(CONTENT)) as (url, _):
        store.fetch(numbers(url))
    assert names(cache) == ["numbers.bin", "numbers.bin.12345678.part"]


def test_remove_frees_the_file_and_leftovers_but_no_other_file(cache, mirror):
    for folder in (cache, mirror):
        (folder / "numbers.bin").write_bytes(CONTENT)
    (cache / "numbers.bin.12345678.part").write_bytes(b"12345")
    (cache / "another.bin").write_bytes(b"mine")
    assert store.remove(numbers()) == len(CONTENT) + 5
    assert names(cache) == ["another.bin"]
    assert names(mirror) == ["numbers.bin"]
    assert store.remove(numbers()) == 0


def test_importing_the_store_and_the_sets_loads_nothing_heavy():
    code = "import sys, course_utils.datasets; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pooch", "requests", "sklearn", "tqdm", "PIL", "tensorflow"} & set(loaded)


def numbers_known_by_md5(*urls):
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    return store.DataFile("numbers.bin", urls, "", len(CONTENT), md5)


def test_file_known_by_its_md5_is_fetched_verified_and_found_again():
    with serving(reply(CONTENT)) as (url, _):
        fetched = store.fetch(numbers_known_by_md5(url))
    found, notes = store.find(numbers_known_by_md5())
    assert fetched.verified
    assert found.verified
    assert (found.origin, found.sha256, notes) == ("cache", SHA256, [])


def test_another_file_than_the_md5s_is_refused():
    with serving(reply(CONTENT[:-1] + b"x")) as (url, _), pytest.raises(store.DataError, match="another file came"):
        store.fetch(numbers_known_by_md5(url))
    assert names(store.cache_dir()) == []


def test_damaged_cache_file_known_by_its_md5_is_removed(cache):
    (cache / "numbers.bin").write_bytes(CONTENT[:-1])
    found, [note] = store.find(numbers_known_by_md5())
    assert found is None
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    found_hash = hashlib.sha256(CONTENT[:-1]).hexdigest()
    assert f"is damaged (sha256 {found_hash[:12]}… found, md5 {md5[:12]}… expected)" in note


def test_mirrors_own_copy_of_a_file_known_by_its_md5_is_verified_by_the_sums(mirror):
    (mirror / "numbers.bin").write_bytes(OTHER)
    assert not store.find(numbers_known_by_md5())[0].verified
    sums(mirror, OTHER)
    assert store.find(numbers_known_by_md5())[0].verified
    (mirror / "numbers.bin").write_bytes(CONTENT)
    (mirror / "SHA256SUMS").unlink()
    assert store.find(numbers_known_by_md5())[0].verified


def in_folder(*urls):
    return numbers(*urls)._replace(name="weights/numbers.bin")


def test_file_with_a_folder_is_fetched_into_it_found_again_and_removed():
    with serving(reply(CONTENT)) as (url, _):
        copy = store.fetch(in_folder(url))
    assert copy.path == store.cache_dir() / "weights" / "numbers.bin"
    assert names(copy.path.parent) == ["numbers.bin"]
    found, notes = store.find(in_folder())
    assert (found.path, found.verified, notes) == (copy.path, True, [])
    (copy.path.parent / "numbers.bin.12345678.part").write_bytes(b"12345")
    assert len(store.cached_paths(in_folder())) == 2
    assert store.remove(in_folder()) == len(CONTENT) + 5
    assert names(copy.path.parent) == []


@pytest.mark.parametrize("name", ["weights/numbers.bin", "./weights/numbers.bin"])
def test_mirror_file_with_a_folder_is_verified_by_the_sums_beside_the_folder(mirror, name):
    (mirror / "weights").mkdir()
    (mirror / "weights" / "numbers.bin").write_bytes(OTHER)
    sums(mirror, OTHER, name="numbers.bin")  # another file
    assert not store.find(in_folder())[0].verified
    sums(mirror, OTHER, name=name)
    assert store.find(in_folder())[0].verified


def test_file_of_the_same_name_outside_its_folder_is_not_taken(cache):
    (cache / "numbers.bin").write_bytes(CONTENT)
    assert store.find(in_folder()) == (None, [])


def test_trying_addresses_in_vain_says_what_each_did_and_leaves_nothing():
    with serving(reply(b"", status=404)) as (url, _):
        copy, tried = store.try_addresses(numbers(url, "http://127.0.0.1:1/file"))
    assert copy is None
    assert tried == [
        f"{url}: the server answered 404 Not Found",
        "http://127.0.0.1:1/file: the host cannot be reached",
    ]
    assert names(store.cache_dir()) == []


def test_trying_addresses_says_what_went_wrong_before_one_gave_the_file():
    with serving(reply(CONTENT)) as (url, _):
        copy, tried = store.try_addresses(numbers("http://127.0.0.1:1/file", url))
    assert copy.verified
    assert tried == ["http://127.0.0.1:1/file: the host cannot be reached"]


def test_file_that_came_in_another_way_is_kept_when_it_is_the_recorded_one():
    copy = store.keep(in_folder(), io.BytesIO(CONTENT))
    assert copy.verified
    assert copy.path.read_bytes() == CONTENT
    assert names(store.cache_dir() / "weights") == ["numbers.bin"]


@pytest.mark.parametrize("content", [CONTENT[:-1], OTHER, b""], ids=["truncated", "another", "empty"])
def test_file_that_came_in_another_way_is_not_kept_when_it_is_another(content):
    found = hashlib.sha256(content).hexdigest()[:12]
    said = store.keep(in_folder(), io.BytesIO(content))
    assert said == f"another file came (sha256 {found}… found, {SHA256[:12]}… expected)"
    assert names(store.cache_dir() / "weights") == []


def test_no_more_is_read_than_the_file_can_have():
    stream = io.BytesIO(CONTENT * 4)
    assert "another file came" in store.keep(numbers(), stream)
    assert stream.tell() == len(CONTENT) + 1


def test_full_disk_is_found_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(store, "_free_bytes", lambda folder: len(CONTENT) - 1)
    stream = io.BytesIO(CONTENT)
    with pytest.raises(store.DataError, match=r"The disk is full: numbers\.bin needs 0\.3 MB"):
        store.keep(numbers(), stream)
    assert stream.tell() == 0
    assert names(store.cache_dir()) == []


def test_places_that_were_looked_at_are_the_mirror_if_there_is_one_and_the_cache(mirror, monkeypatch):
    cache = f"the cache {store.cache_dir()}: not there"
    assert store.looked_at() == [f"the mirror {mirror}: not there", cache]
    monkeypatch.delenv("COURSE_DATA_DIR")
    assert store.looked_at() == [cache]
