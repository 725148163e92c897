"""Pictures in folders, one per class: ten kinds of things that the course draws, or any folder of the learner's own.

What is wrong in a folder is an error that names the file where passing over it would change what is learned. Where
nothing is lost it is repaired: pictures are turned upright as the camera noted, grey ones get three equal channels,
transparent ones a white ground, and each is cut to its middle square and resized.
"""

import hashlib
import operator
import shutil
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import drawings, store

if TYPE_CHECKING:
    import numpy as np

PARTS = ("train", "val", "test")
# How many drawn pictures of each kind.
DRAWN_PER_KIND = {"train": 60, "val": 20, "test": 100}
DRAWN = "1,800 pictures of ten kinds of things, drawn by the course"
# Of all drawn pictures' pixels, 64 by 64, with their places: the same however the files are packed or resized.
BUNDLED_SHA256 = "d2574737fe658c893c6fccae7fe29f9fbc79f495d4be8a64dd8236429536bd56"
SMALLEST, LARGEST = 8, 512
# All pictures are kept in memory at once.
MAX_BYTES = 2_000_000_000
SUFFIXES = (".jpg", ".jpeg", ".png")
LITTER = ("thumbs.db", "desktop.ini", "__macosx")
# What files that only call themselves .jpg or .png begin with.
SIGNS = {
    "WebP": lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    "HEIC or AVIF": lambda head: head[4:8] == b"ftyp",
    "GIF": lambda head: head[:4] == b"GIF8",
    "BMP": lambda head: head[:2] == b"BM",
    "TIFF": lambda head: head[:4] in (b"II*\0", b"MM\0*"),
    "PDF": lambda head: head[:5] == b"%PDF-",
    "a web page": lambda head: head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<head")),
}
LAYOUT = "train, val and test, each with one folder per class"


class Pictures(NamedTuple):
    """Pictures with their classes.

    Attributes:
        x_train: (n, size, size, 3) uint8, red, green and blue from 0 to 255.
        y_train: (n,) int64, places in class_names.
        x_val: (k, size, size, 3) uint8, as x_train.
        y_val: (k,) int64, as y_train.
        x_test: (m, size, size, 3) uint8, as x_train.
        y_test: (m,) int64, as y_train.
        class_names: Names of the classes in alphabetical order.
        folder: Where the files lie: train/, val/ and test/, each with a folder per class.
        provenance: Which data these are.
    """

    x_train: "np.ndarray"
    y_train: "np.ndarray"
    x_val: "np.ndarray"
    y_val: "np.ndarray"
    x_test: "np.ndarray"
    y_test: "np.ndarray"
    class_names: tuple[str, ...]
    folder: Path
    provenance: store.Provenance


class Entry(NamedTuple):
    """One picture of a folder.

    Attributes:
        path: Where it lies.
        part: "train", "val" or "test".
        kind: Its class.
    """

    path: Path
    part: str
    kind: str


def load(images: str | Path | None = None, size: int = 32, train_limit: int | None = None, seed: int = 0) -> Pictures:
    """Load pictures, those of a folder where one is named, else the drawn ones; one printed line says which.

    The drawn pictures come from `drawings`, 60 + 20 + 100 of each of ten kinds, 64 by 64 pixels. They are drawn at the
    first call, which takes some seconds, and kept as PNG files in the cache.

    A folder of the learner's own holds the folders train, val and test, each with one folder per class, the same
    classes in all three, and in these JPEG or PNG files: in colour or grey, of any size and any shape.

    Args:
        images: Path of the folder. A relative one counts from the current folder, then from the project's. None or ""
            for none.
        size: Width and height that each picture is brought to, 8 to 512 pixels.
        train_limit: How many training pictures to keep; None keeps everything, class by class. The kept part has the
            classes in the proportions of the whole, and with the same seed a smaller part lies within a larger.
        seed: Decides which training pictures a `train_limit` keeps, and their order.

    Returns:
        Pictures (n, size, size, 3) uint8 0..255 and labels (n,) int64 for training, validation and test, with the names
        of the classes, the folder and their provenance.

    Raises:
        ValueError: The size or the limit does not fit.
        store.DataError: The folder is not what it should be; the message names the file. Or the cache takes no
            pictures.
    """
    store.check_limit(train_limit, "pictures")
    _check_size(size)
    return _own(_locate(images), size, train_limit, seed) if images else _drawn(size, train_limit, seed)


def _check_size(size: int) -> None:
    """Refuse what can be no width of a picture."""
    try:
        fits = SMALLEST <= operator.index(size) <= LARGEST and not isinstance(size, bool)
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(
            f"size={size!r} does not fit: it counts pixels. Pass a whole number from {SMALLEST} to {LARGEST}."
        )


# --- The drawn pictures


def _drawn(size: int, train_limit: int | None, seed: int) -> Pictures:
    """Read the drawn pictures, after drawing them where they are not on hand as they should be."""
    folder = store.cache_dir() / f"images-{BUNDLED_SHA256[:12]}"
    pixels, notes = _read_drawn(folder), []
    digest = _digest(pixels)
    if digest != BUNDLED_SHA256:
        if folder.exists():
            notes.append("those in the cache were damaged and have been drawn again")
        _keep_drawn(folder)
        pixels = _read_drawn(folder)
        digest = _digest(pixels)
    store.refuse(
        pixels is None, folder, "lost pictures while they were read", "Load again when nothing else writes there"
    )
    if digest != BUNDLED_SHA256:
        notes.append("this machine draws them otherwise than others, so that no claim of the course is about them")
    num_bytes = sum(picture.nbytes for picture in pixels.values())
    provenance = store.Provenance("images", "bundled", "bundled", num_bytes, digest, DRAWN)
    remarks = "".join(f" Note: {note}." for note in notes)
    print(f"Data: {DRAWN}. For your own, set IMAGES to the path of a folder with {LAYOUT}.{remarks}")
    entries = [Entry(folder / place, *place.split("/")[:2]) for place in pixels]
    kept = _kept(entries, train_limit, seed)
    return _stacked(
        [(entry, _fitted(pixels[entry.path.relative_to(folder).as_posix()], size)) for entry in kept],
        folder,
        provenance._replace(limit=None if train_limit is None else int(train_limit)),
    )


def _places() -> Iterator[tuple[str, str, int]]:
    """List the drawn pictures: their place in the folder, their kind, their number."""
    first = 0
    for part, count in DRAWN_PER_KIND.items():
        for kind in drawings.KINDS:
            for number in range(first, first + count):
                yield f"{part}/{kind}/{kind}_{number:03d}.png", kind, number
        first += count


def _read_drawn(folder: Path) -> "dict[str, np.ndarray] | None":
    """Read the drawn pictures, {place: (64, 64, 3) uint8}; None where one is missing or broken or one is too many."""
    import numpy as np
    from PIL import Image

    pixels = {}
    for place, _, _ in _places():
        try:
            with Image.open(folder / place, formats=("PNG",)) as picture:
                pixels[place] = np.asarray(picture)
        except Exception:  # what a broken file makes a decoder raise is written down nowhere
            return None
    found = sum(path.is_file() for path in folder.rglob("*"))
    return pixels if found == len(pixels) else None


def _digest(pixels: "dict[str, np.ndarray] | None") -> str:
    """Hash the drawn pictures with their places."""
    digest = hashlib.sha256()
    for place, picture in (pixels or {}).items():
        digest.update(place.encode() + picture.tobytes())
    return digest.hexdigest()


def _keep_drawn(folder: Path) -> None:
    """Draw all pictures into the cache; the folder gets its name in one step, when it is whole."""
    from PIL import Image
    from tqdm.auto import tqdm

    part = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        total = sum(DRAWN_PER_KIND.values()) * len(drawings.KINDS)
        # disable=None draws the bar in a terminal and in a notebook, and keeps it out of log files.
        for place, kind, number in tqdm(_places(), desc="Drawing pictures", total=total, disable=None):
            path = part / place
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawings.draw(kind, number)).save(path)
        if folder.exists() and _digest(_read_drawn(folder)) != BUNDLED_SHA256:
            shutil.rmtree(folder)
        if not folder.exists():  # else another process was quicker
            part.rename(folder)
    except OSError as error:
        raise store.DataError(
            f"{folder} cannot be written ({error.strerror or error}). Make {folder.parent} writable, with "
            "20 MB free, or set COURSE_CACHE_DIR to a folder that is."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


# --- The learner's own


def _locate(images: str | Path) -> Path:
    """Find the learner's folder."""
    remedy = f"Pass the whole path of a folder with {LAYOUT}"
    found = store.locate(images, "images", remedy)
    archive = found.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
    store.refuse(found.is_file() and archive, found, "is an archive", "Unpack it and pass the folder that comes out")
    store.refuse(not found.is_dir(), found, "is no folder", remedy)
    return found


def _own(folder: Path, size: int, train_limit: int | None, seed: int) -> Pictures:
    """Read and check the learner's folder."""
    entries = _scan(folder)
    kept = _kept(entries, train_limit, seed)
    num_bytes = len(kept) * size * size * 3
    store.refuse(
        num_bytes > MAX_BYTES,
        folder,
        f"holds {len(kept):,} pictures, {num_bytes / 1e9:.1f} GB at size {size}",
        f"Pass a smaller size or a train_limit, for at most {MAX_BYTES / 1e9:g} GB",
    )
    wanted, pictures, first_of, twice = {entry.path for entry in kept}, {}, {}, []
    digest, total = hashlib.sha256(), 0
    for entry in entries:
        content = _content(entry.path)
        own = hashlib.sha256(content).hexdigest()
        digest.update(f"{entry.path.relative_to(folder).as_posix()}\n{own}\n".encode())
        total += len(content)
        first = first_of.setdefault(own, entry)
        if first.part != entry.part:
            twice.append((entry, first))
        if entry.path in wanted:
            pictures[entry.path] = _decoded(entry.path, content, size)
    counts = " + ".join(f"{sum(entry.part == part for entry in entries):,}" for part in PARTS)
    note = f"your {folder.name}, {counts} pictures of {len({entry.kind for entry in entries})} classes"
    if twice:
        names = " is ".join(_place(entry) for entry in twice[0])
        note += f"; note: pictures occur in two parts ({len(twice)} times; {names}), so that scores flatter"
    print(f"Data: {note}.")
    provenance = store.Provenance("images", "full", "own", total, digest.hexdigest(), note)
    return _stacked(
        [(entry, pictures[entry.path]) for entry in kept],
        folder,
        provenance._replace(limit=None if train_limit is None else int(train_limit)),
    )


def _place(entry: Entry) -> str:
    return f"{entry.part}/{entry.kind}/{entry.path.name}"


def _scan(folder: Path) -> list[Entry]:
    """List the pictures of a folder, part by part, class by class, and refuse a folder of another form."""
    names = [path.name for path in _listed(folder) if path.is_dir()]
    missing = [part for part in PARTS if part not in names]
    inner = next((path for path in _listed(folder) if path.is_dir() and (path / "train").is_dir()), None)
    shown = f"it has {_some(names)}" if names else "it has no folders"
    remedy = f"Pass {inner}" if inner and missing else f"Sort the pictures into {LAYOUT}"
    store.refuse(bool(missing), folder, f"lacks the folder {_some(missing)}; {shown}", remedy)
    entries, classes = [], {}
    for part in PARTS:
        content = _listed(folder / part)
        stray = next((path for path in content if not path.is_dir()), None)
        remedy = "Move it into the folder of its class, or remove it"
        store.refuse(stray is not None, stray, "lies beside the folders of the classes, not in one", remedy)
        store.refuse(not content, folder / part, "is empty", "Put a folder per class with pictures into it")
        classes[part] = [path.name for path in content]
        for kind in content:
            files = _listed(kind)
            store.refuse(
                not files, kind, "is empty", "Put pictures of that class into it, or remove it from all three parts"
            )
            for path in files:
                deeper = f"is a folder within the class {kind.name}"
                store.refuse(path.is_dir(), path, deeper, "Move its pictures one folder up, or remove it")
                other = path.suffix.lower() not in SUFFIXES
                store.refuse(other, path, "is neither a JPEG nor a PNG file", "Save it as one of these, or remove it")
                entries.append(Entry(path, part, kind.name))
    for part in PARTS[1:]:
        for one, another in (("train", part), (part, "train")):
            lacking = [name for name in classes[one] if name not in classes[another]]
            trouble = f"lacks the class {_some(lacking)}, which {one} has"
            store.refuse(bool(lacking), folder / another, trouble, "Give all three parts the same classes")
    only = f"holds one class only, {classes['train'][0]}"
    store.refuse(len(classes["train"]) < 2, folder, only, "Sort the pictures into two classes or more, one folder each")
    return entries


def _some(names: Sequence[str]) -> str:
    """Name a few and leave out the rest."""
    return ", ".join(name[:30] for name in names[:5]) + (", …" if len(names) > 5 else "")


def _listed(folder: Path) -> list[Path]:
    """List a folder by name, without what systems put there by themselves."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise store.DataError(f"{folder} cannot be read ({error.strerror}). Make it readable for your user.") from error
    return [path for path in paths if not path.name.startswith(".") and path.name.lower() not in LITTER]


def _content(path: Path) -> bytes:
    """Read a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise store.DataError(f"{path} cannot be read ({error.strerror}). Make it readable for your user.") from error


def _decoded(path: Path, content: bytes, size: int) -> "np.ndarray":
    """Turn a file into a picture of the size: (size, size, 3) uint8."""
    import io

    from PIL import Image

    remedy = "Open it in a viewer and save it again as JPEG or PNG, or remove it"
    store.refuse(not content, path, "is an empty file", "Replace it by a picture, or remove it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual, but readable files
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
                return _fitted(picture, size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        trouble = f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise store.DataError(f"{path} {trouble}. Save it smaller, or remove it.") from None
    except Image.UnidentifiedImageError:
        other = next((f", but {name}" for name, sign in SIGNS.items() if sign(content[:200])), "")
        raise store.DataError(f"{path} is no JPEG or PNG picture{other}. {remedy}.") from None
    except Exception as error:  # what a broken picture makes a decoder raise is written down nowhere
        reason = str(error).rstrip(".")[:80] or type(error).__name__
        raise store.DataError(f"{path} is damaged ({reason}). {remedy}.") from error


def _fitted(picture, size: int) -> "np.ndarray":
    """Bring a picture, or its pixels, into the form of all: upright, in colour, its middle square, of the size."""
    import numpy as np
    from PIL import Image, ImageOps

    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # grey with 16 bits, which Pillow would cut off above 255
        picture = Image.fromarray((np.asarray(picture) // 257).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.asarray(ImageOps.fit(picture.convert("RGB"), (size, size), Image.Resampling.BILINEAR))


# --- Both


def _kept(entries: list[Entry], train_limit: int | None, seed: int) -> list[Entry]:
    """Leave out the training pictures that the limit does not keep."""
    import numpy as np

    if train_limit is None:
        return entries
    training = [entry for entry in entries if entry.part == "train"]
    chosen = store.balanced_part(np.array([entry.kind for entry in training]), train_limit, seed, "pictures")
    return [training[place] for place in chosen] + [entry for entry in entries if entry.part != "train"]


def _stacked(pictures: "list[tuple[Entry, np.ndarray]]", folder: Path, provenance: store.Provenance) -> Pictures:
    """Put the pictures of each part into one array."""
    import numpy as np

    class_names = tuple(sorted({entry.kind for entry, _ in pictures}))
    arrays = []
    for part in PARTS:
        own = [(picture, class_names.index(entry.kind)) for entry, picture in pictures if entry.part == part]
        arrays += [np.stack([picture for picture, _ in own]), np.array([label for _, label in own], np.int64)]
    return Pictures(*arrays, class_names, folder, provenance)
