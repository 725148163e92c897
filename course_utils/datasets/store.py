"""Find, fetch, verify and cache the files of the data sets.

A file is looked for in the mirror that the environment variable COURSE_DATA_DIR names, then in the cache
(``data/cache`` of the project, or the folder that COURSE_CACHE_DIR names). Only a caller who asks for the full
data reaches the network, and pooch does the downloading. Relative folders count from the project's folder, because
every notebook runs in a folder of its own.
"""

import contextlib
import errno
import hashlib
import operator
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import numpy as np

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("auto", "full", "bundled")
# All hosts of one call are asked at the same time, so a dead network is reported after this many seconds.
ANSWER_SECONDS = 5.0
# A download that has begun may pause this long before it counts as broken off.
STALL_SECONDS = 15.0
# Unfinished downloads untouched for so long belong to no running process.
LEFTOVER_SECONDS = 3600
WEB_PAGE = "a web page came instead of the data (a login or block page?)"


class DataError(OSError):
    """Data are not on hand or not what they should be; the message says what came, then the way out."""


class DataFile(NamedTuple):
    """One public file of a data set.

    Attributes:
        name: The public file name, the same in mirror and cache; "folder/name" for a set that has a folder of its own.
        urls: Where it is published, tried in this order.
        sha256: Hash of the public file, 64 hexadecimal digits; "" where its publisher records only an MD5.
        size: Size of the public file in bytes.
        md5: The MD5 that stands in for an unknown sha256. It shows damage, not forgery: never unpickle such a file.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str
    size: int
    md5: str = ""


class DataSet(NamedTuple):
    """What `course data` has to know about a data set, or about a set of pretrained weights.

    Attributes:
        name: What a user types.
        title: What the full set is, in a few words.
        files: Its public files.
        stand_in: What the loader gives where the files are not on hand; "" where there is nothing.
        licence: Licence of the full set, in a few words.
        needed_by: Which part of the course cannot do without it; "" where there is a stand-in.
    """

    name: str
    title: str
    files: tuple[DataFile, ...]
    stand_in: str
    licence: str
    needed_by: str = ""


class Provenance(NamedTuple):
    """Which data were used; it travels with every result.

    Attributes:
        name: The data set.
        kind: "full" or "bundled".
        origin: "mirror", "cache", "download", "bundled", or "own" for a file of the learner's.
        size: Size in bytes of what the hash was taken of.
        sha256: Hash, 64 hexadecimal digits.
        note: What a reader of the result should know.
        limit: How many training samples were kept of it; None for all.
    """

    name: str
    kind: str
    origin: str
    size: int
    sha256: str
    note: str
    limit: int | None = None


class Copy(NamedTuple):
    """A copy of a file on this machine.

    Attributes:
        path: Where it lies.
        origin: "mirror", "cache" or "download" (fetched into the cache by this call).
        size: Its size in bytes.
        sha256: Its hash, 64 hexadecimal digits.
        expected: The hash that it was held against; "" when there was none to hold it against.
        algorithm: What kind of hash that is: "sha256", or "md5" where only a differing MD5 is recorded.
    """

    path: Path
    origin: str
    size: int
    sha256: str
    expected: str
    algorithm: str = "sha256"

    @property
    def verified(self) -> bool:
        """Whether the hash is the expected one. Only such a file may be unpickled."""
        return self.sha256 == self.expected

    @property
    def damaged(self) -> bool:
        """Whether another hash was expected."""
        return bool(self.expected) and not self.verified


def check_source(source: str) -> None:
    """Refuse a source that no loader knows.

    Args:
        source: What the caller passed.

    Raises:
        ValueError: It is not one of the three.
    """
    if source not in SOURCES:
        raise ValueError(
            f"source={source!r} is not known. Pass 'auto' (what is on hand), 'full' (the real set, fetched if need "
            "be) or 'bundled' (what the course carries)."
        )


def refuse(wrong: bool, path: str | Path, trouble: str, remedy: str) -> None:
    """Raise the error for a learner's own file or folder that is not what it should be.

    Args:
        wrong: Whether it is.
        path: What came.
        trouble: What is wrong with it, as "lacks the folder test".
        remedy: What to pass, without a full stop.

    Raises:
        DataError: It is wrong.
    """
    if wrong:
        raise DataError(f"{path} {trouble}. {remedy}.")


def locate(path: str | Path, name: str, remedy: str) -> Path:
    """Find a learner's own file or folder: from the current folder, else from the project's.

    Args:
        path: What the learner passed.
        name: The parameter by which they passed it.
        remedy: What to pass instead, without a full stop.

    Returns:
        The path; it exists.

    Raises:
        DataError: It is a web address, no path at all, or there is nothing.
    """
    refuse("://" in str(path), path, "is a web address, and a lesson downloads nothing", remedy)
    try:
        places = [folder / Path(path).expanduser() for folder in (Path.cwd(), PROJECT)]
        found = next((place for place in places if place.exists()), None)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{name}={path!r:.60} is no path ({error}). {remedy}.") from error
    # A whole path is the same place from both folders.
    refuse(not found, path, f"does not exist (looked for {' and '.join(dict.fromkeys(map(str, places)))})", remedy)
    return found


def check_limit(limit: int | None, samples: str) -> None:
    """Refuse what can be no number of samples, before any file is sought.

    Args:
        limit: What the caller passed; None keeps everything.
        samples: What the error calls them: "digits".

    Raises:
        ValueError: It is no whole number, or less than 1.
    """
    if limit is None:
        return
    try:
        whole = operator.index(limit)  # a NumPy integer, too
    except TypeError:
        whole = 0
    if isinstance(limit, bool) or whole < 1:
        raise ValueError(
            f"train_limit={limit!r} does not fit: it counts {samples}. Pass a whole number from 1 on, or None to keep "
            "everything."
        )


def mirror_dir() -> Path | None:
    """Find the local mirror.

    Returns:
        The folder that COURSE_DATA_DIR names; None when the variable is unset or empty.

    Raises:
        DataError: The variable names something that is not a folder.
    """
    mirror = _named_folder("COURSE_DATA_DIR")
    if mirror is None or mirror.is_dir():
        return mirror
    trouble = "is not a folder" if mirror.exists() else "does not exist"
    raise DataError(
        f"COURSE_DATA_DIR names {mirror}, which {trouble}. Set it to a folder that holds the data files, or unset it "
        "to use the cache or what the course carries."
    )


def cache_dir() -> Path:
    """Name the folder for downloaded files; it need not exist yet."""
    named = _named_folder("COURSE_CACHE_DIR")
    if named is not None:
        return named
    if (PROJECT / "pyproject.toml").is_file():
        return PROJECT / "data" / "cache"
    # Installed without the project's folder around it, as on Colab.
    import pooch

    return Path(pooch.os_cache("deep-learning-course"))


def copies(file: DataFile) -> Iterator[Copy]:
    """Look at each copy of a file on this machine, the mirror's first; nothing is changed.

    Args:
        file: Which file.

    Yields:
        What lies in the mirror, then what lies in the cache, where there is one, hashed at that moment.

    Raises:
        DataError: COURSE_DATA_DIR is not a folder, or a copy cannot be read.
    """
    mirror = mirror_dir()
    if mirror is not None and (mirror / file.name).is_file():
        copy = _inspect(mirror / file.name, "mirror", file)
        if not copy.verified:
            copy = copy._replace(expected=_listed_hash(mirror, file.name), algorithm="sha256")
        yield copy
    cached = cache_dir() / file.name
    if cached.is_file():
        yield _inspect(cached, "cache", file)


def find(file: DataFile) -> tuple[Copy | None, list[str]]:
    """Find a good copy of a file on this machine, without the network.

    A damaged file in the cache is removed. One in the mirror is somebody else's and stays.

    Args:
        file: Which file.

    Returns:
        The copy, None when there is none; and one clause for each thing on the way that a user should hear of.

    Raises:
        DataError: COURSE_DATA_DIR is not a folder, or the mirror's copy is damaged or cannot be read.
    """
    mirror = mirror_dir()
    notes = []
    if mirror is not None and not (mirror / file.name).is_file():
        notes.append(f"the mirror named by COURSE_DATA_DIR has no {file.name}")
    for copy in copies(file):
        if not copy.damaged and (copy.verified or not _is_html(_head(copy.path))):
            return copy, notes
        why = _hashes(copy) if copy.expected else WEB_PAGE
        trouble = f"{copy.path} is damaged ({why})"
        if copy.origin == "mirror":
            raise DataError(f"{trouble}. Copy the file to the mirror again, or unset COURSE_DATA_DIR to do without it.")
        notes.append(f"{trouble} and {_remove(copy.path)}")
    return None, notes


def obtain(files: Iterable[DataFile], source: str) -> tuple[list[Copy] | None, list[str]]:
    """Get the files of a data set as its loader's `source` asks.

    Args:
        files: The set's files.
        source: "auto" (what is on hand, no network), "full" (fetched where not on hand) or "bundled" (nothing).

    Returns:
        The copies in the order of `files`, None when the loader is to use its stand-in; and the clauses of `find`.

    Raises:
        ValueError: The source is unknown.
        DataError: A file asked for with "full" cannot be had, or a mirror is not what it should be.
    """
    check_source(source)
    if source == "bundled":
        return None, []
    found, notes = [], []
    for file in files:
        copy, seen = find(file)
        notes += seen
        if copy is None and source == "full":
            for note in seen:
                print(f"{note[0].upper()}{note[1:]}.")
            copy = fetch(file)
        found.append(copy)
    return (None if None in found else found), notes


class Probes:
    """Questions to all hosts at once: does this address give data?

    They run in daemon threads, because a hanging name look-up heeds no time-out. The proxies of the environment are
    used.
    """

    def __init__(self, urls: Iterable[str]):
        self._answers: dict[str, Future] = {url: Future() for url in urls}
        for url, answer in self._answers.items():
            threading.Thread(target=_ask, args=(url, answer), daemon=True).start()
        self._deadline = time.monotonic() + ANSWER_SECONDS

    def trouble(self, url: str) -> str:
        """Say what is wrong with an address, waiting for its answer no longer than ANSWER_SECONDS in all.

        Args:
            url: One of the addresses that were asked.

        Returns:
            A few words, "" when it gives data.
        """
        try:
            return self._answers[url].result(timeout=max(0.0, self._deadline - time.monotonic()))
        except TimeoutError:
            return f"no answer within {ANSWER_SECONDS:g} s"


def fetch(file: DataFile, probes: Probes | None = None) -> Copy:
    """Download a file into the cache and verify it.

    The file gets its name only when its hash is right, in one step, so that neither an interrupted run nor a second
    process at the same time can leave a bad file behind.

    Args:
        file: Which file.
        probes: Questions to its hosts that are under way already; asked now when None.

    Returns:
        The verified copy.

    Raises:
        DataError: It cannot be had. The message names everything that was tried, and the way out.
    """
    copy, tried = try_addresses(file, probes)
    if copy is not None:
        return copy
    places = "; ".join([*looked_at(), *tried])
    raise DataError(
        f"{file.name} ({file.size / 1e6:.1f} MB) cannot be had; tried {places}. Run `course data fetch` where the "
        "network allows it, or set COURSE_DATA_DIR to a folder that holds the file, or use source='bundled'."
    )


def try_addresses(file: DataFile, probes: Probes | None = None) -> tuple[Copy | None, list[str]]:
    """Do what :func:`fetch` does, for a caller who knows another way if no address gives the file.

    Args:
        file: Which file.
        probes: As in :func:`fetch`.

    Returns:
        The verified copy, None when no address gave it; and what each address that was tried did instead.

    Raises:
        DataError: The cache does not take the file.
    """
    troubles = []
    with _new_part(file) as part:
        probes = probes or Probes(file.urls)
        for url in file.urls:
            answer = probes.trouble(url) or _download(url, part, file)
            if isinstance(answer, Copy):
                return _put(part, answer, file), troubles
            troubles.append(f"{url}: {answer}")
    return None, troubles


def keep(file: DataFile, stream: BinaryIO) -> Copy | str:
    """Write a file into the cache that came in another way than by one of its addresses.

    Args:
        file: Which file.
        stream: Where its bytes come from; no more are read than the file can have.

    Returns:
        The verified copy; or, where it is not the recorded file, a few words on that. Then nothing is kept.

    Raises:
        DataError: The cache does not take the file.
    """
    with _new_part(file) as part:
        part.write_bytes(stream.read(file.size + 1))
        copy = _hashed(part, "download", file)
        return _put(part, copy, file) if copy.verified else f"another file came ({_hashes(copy)})"


def looked_at() -> list[str]:
    """Name the places on this machine where a file was looked for in vain.

    Returns:
        The mirror, where there is one, and the cache, each with the words "not there".
    """
    mirror = mirror_dir()
    places = [f"the mirror {mirror}"] if mirror else []
    return [f"{place}: not there" for place in (*places, f"the cache {cache_dir()}")]


def cached_paths(file: DataFile) -> list[Path]:
    """List what the cache holds of a file: the file itself, and what interrupted downloads left.

    Args:
        file: Which file.

    Returns:
        The paths, empty when there is nothing.
    """
    whole = cache_dir() / file.name
    return [path for path in (whole, *_parts(file)) if path.is_file()]


def remove(file: DataFile) -> int:
    """Remove a file, and what interrupted downloads of it left, from the cache.

    Args:
        file: Which file.

    Returns:
        How many bytes that freed.

    Raises:
        DataError: The cache does not let it go.
    """
    freed = 0
    for path in cached_paths(file):
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(
                f"{path} cannot be removed ({error.strerror}). Close what uses it, or remove it by hand."
            ) from error
        freed += size
    return freed


def which(data_set: DataSet, provenance: Provenance, notes: Sequence[str]) -> str:
    """Say in one line which data are used, and how to get the real ones.

    Args:
        data_set: The data set.
        provenance: Which data were taken.
        notes: What :func:`obtain` noticed on the way.

    Returns:
        The line.
    """
    remarks = "".join(f" Note: {note}." for note in notes)
    if provenance.kind == "full":
        return f"Data: {data_set.title}, from the {provenance.origin}.{remarks}"
    name = data_set.title.partition(",")[0]
    return (
        f"Data: {data_set.stand_in}, standing in for {name}. "
        f"For the real set run `course data fetch {data_set.name}` and load again.{remarks}"
    )


def balanced_part(labels: "np.ndarray", limit: int, seed: int, samples: str) -> "np.ndarray":
    """Choose samples so that each class keeps its share.

    Args:
        labels: (n,) class of each sample.
        limit: How many to choose; `check_limit` has let it pass.
        seed: Decides which.
        samples: What the error calls them: "digits".

    Returns:
        (limit,) indices in random order.

    Raises:
        ValueError: There are not so many.
    """
    import numpy as np

    available = len(labels)
    if limit > available:
        raise ValueError(
            f"train_limit={limit!r} does not fit: the training part holds {available:,} {samples}. "
            f"Pass a whole number from 1 to {available:,}, or None to keep everything."
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(available)
    # Where a sample stands in the queue of its class, as a share of it: the lowest shares of all make a fair part.
    share = np.empty(available)
    for label in np.unique(labels):
        queue = order[labels[order] == label]
        share[queue] = (np.arange(len(queue)) + 0.5) / len(queue)
    return generator.permutation(np.argsort(share, kind="stable")[:limit])


def _named_folder(variable: str) -> Path | None:
    """Read a folder from the environment; a relative one counts from the project's folder."""
    value = os.environ.get(variable, "").strip()
    return (PROJECT / Path(value).expanduser()).resolve() if value else None


def _inspect(path: Path, origin: str, file: DataFile) -> Copy:
    """Hash a file and hold it against what is recorded of it."""
    try:
        return _hashed(path, origin, file)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}). Make it readable for your user, or remove it."
        ) from error


def _hashed(path: Path, origin: str, file: DataFile) -> Copy:
    """Hash a file; where its recorded MD5 is right, its sha256 counts as the expected one."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        copy = Copy(path, origin, path.stat().st_size, digest, file.sha256)
        if file.sha256 or not file.md5:
            return copy
        stream.seek(0)
        same = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == file.md5
    return copy._replace(expected=digest) if same else copy._replace(expected=file.md5, algorithm="md5")


def _listed_hash(mirror: Path, name: str) -> str:
    """Look up the hash of a file in the mirror's SHA256SUMS; "" when that has none."""
    sums = mirror / "SHA256SUMS"
    if not sums.is_file():
        return ""
    for line in sums.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, listed = line.strip().partition(" ")
        if listed.strip().removeprefix("*").removeprefix("./") == name:
            return digest.lower()
    return ""


def _hashes(copy: Copy) -> str:
    """Show the beginnings of the two hashes of a damaged copy."""
    kind = "" if copy.algorithm == "sha256" else f"{copy.algorithm} "
    return f"sha256 {copy.sha256[:12]}… found, {kind}{copy.expected[:12]}… expected"


def _remove(path: Path) -> str:
    """Remove a damaged file and say what became of it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        return f"cannot be removed ({error.strerror})"
    return "has been removed"


def _ask(url: str, answer: Future) -> None:
    """Answer whether an address gives data; whatever happens, the one who waits must hear of it."""
    try:
        answer.set_result(_look_at(url))
    except Exception as error:
        answer.set_result(_network_trouble(error))


def _look_at(url: str) -> str:
    """Begin a download, look at its first bytes and break it off; say what is wrong, "" when nothing is."""
    import requests

    with requests.get(url, stream=True, timeout=ANSWER_SECONDS) as response:
        if not response.ok:
            return f"the server answered {response.status_code} {response.reason}"
        head = next(response.iter_content(512), b"")
        if "html" in response.headers.get("content-type", "").lower() or _is_html(head):
            return WEB_PAGE
    return ""


def _head(path: Path) -> bytes:
    """Read the first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(512)


def _is_html(head: bytes) -> bool:
    """Tell from its first bytes whether a file is a web page."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith((b"<!doctype", b"<html", b"<head"))


def _network_trouble(error: Exception) -> str:
    """Put an exception of requests in a few words."""
    from requests import exceptions

    if isinstance(error, exceptions.ProxyError):
        return "the proxy could not be reached or refused"
    if isinstance(error, exceptions.SSLError):
        return "the host's certificate is not trusted here"
    if isinstance(error, exceptions.Timeout):
        return f"no answer within {ANSWER_SECONDS:g} s"
    if isinstance(error, exceptions.ConnectionError):
        # Of the whole phrase: the message holds the address too, and an address may contain "resolve".
        unknown = any(sign in str(error).lower() for sign in ("failed to resolve", "getaddrinfo failed"))
        return "the host's name cannot be looked up" if unknown else "the host cannot be reached"
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _new_part(file: DataFile) -> Iterator[Path]:
    """Make an empty file beside the place of `file` in the cache, and remove it in the end if it is still there."""
    folder = cache_dir()
    part = folder / f"{file.name}.{uuid.uuid4().hex[:8]}.part"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _sweep(file)
        part.touch()
        free = _free_bytes(folder)
        if free < file.size:
            raise OSError(errno.ENOSPC, f"{free / 1e6:.1f} MB are free")
        yield part
    except DataError:
        raise
    except OSError as error:
        raise DataError(_disk_trouble(error, file, folder)) from error
    finally:
        _unlink_quietly(part)


def _download(url: str, part: Path, file: DataFile) -> Copy | str:
    """Download one address to `part`; give the verified copy, or say in a few words what went wrong."""
    import pooch
    import requests
    from tqdm.auto import tqdm

    broken = ""
    # disable=None draws the bar in a terminal and in a notebook, and keeps it out of log files.
    with tqdm(desc=file.name, total=file.size, unit="B", unit_scale=True, disable=None) as bar:
        try:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=8192, timeout=(ANSWER_SECONDS, STALL_SECONDS))(
                url, part, None
            )
        except requests.HTTPError as error:
            response = error.response
            return f"the server answered {response.status_code} {response.reason}"
        except requests.RequestException as error:
            broken = _network_trouble(error)
    copy = _hashed(part, "download", file)
    if copy.verified:
        return copy
    if _is_html(_head(part)):
        return WEB_PAGE
    if copy.size < file.size and (broken or copy.size):
        return f"the download broke off after {copy.size:,} of {file.size:,} bytes"
    return broken or f"another file came ({_hashes(copy)})"


def _put(part: Path, copy: Copy, file: DataFile) -> Copy:
    """Give a verified download its name."""
    target = cache_dir() / file.name
    try:
        part.replace(target)
    except PermissionError:
        # Windows refuses while another process reads the file that this one would replace: good if it is the same.
        if not target.is_file() or not _inspect(target, "cache", file).verified:
            raise
    return copy._replace(path=target)


def _free_bytes(folder: Path) -> int:
    """Ask how much room a folder has."""
    import shutil

    return shutil.disk_usage(folder).free


def _parts(file: DataFile) -> list[Path]:
    """List the unfinished downloads of a file."""
    return sorted(cache_dir().glob(f"{file.name}.*.part"))


def _sweep(file: DataFile) -> None:
    """Remove what downloads that were killed left; one under way is younger."""
    for part in _parts(file):
        try:
            if time.time() - part.stat().st_mtime > LEFTOVER_SECONDS:
                part.unlink()
        except OSError:
            continue  # another process was quicker, or it is not ours to remove


def _unlink_quietly(path: Path) -> None:
    """Remove a file where that is possible."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # the error under way says more than this one


def _disk_trouble(error: OSError, file: DataFile, folder: Path) -> str:
    """Put an error of the cache's file system in two sentences."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return (
            f"The disk is full: {file.name} needs {file.size / 1e6:.1f} MB in {folder}. Free some space, or set "
            "COURSE_CACHE_DIR to a folder on another disk."
        )
    return (
        f"{file.name} cannot be written to {folder} ({error.strerror or error}). Make the folder writable, or set "
        "COURSE_CACHE_DIR to a folder that is."
    )
