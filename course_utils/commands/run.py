"""The command `course run`."""

from __future__ import annotations

import ast
import contextlib
import math
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from .chapters import OWN_FILES, ROOT, Chapter, select
from .console import console, fail, say

INTERRUPTED = 130
VERDICT_STYLES = {"met": "green", "short": "yellow"}
STATUS_STYLES = {"ok": "green", "failed": "bold red"}
MADE_ON = {"full": "full data", "bundled": "bundled data", "any": "no data set (it needs none)"}
# What to pass for each type that a parameter may have.
WAYS_OUT = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list": "a list such as [1, 2]",
    "tuple": "a list such as [1, 2]",
    "dict": 'a dictionary such as {"a": 1}',
    "str": "a text",
    "None": "None",
}


class Edition(StrEnum):
    """Which notebooks to execute."""

    notebooks = "notebooks"
    solutions = "solutions"


class Source(StrEnum):
    """Where a chapter takes its data from."""

    auto = "auto"
    full = "full"
    bundled = "bundled"


class Options(NamedTuple):
    """What the command line asks for; the fields are its options."""

    chapters: Sequence[str] = ()
    edition: str = "notebooks"
    data: str = "auto"
    jobs: int = 1
    param: Sequence[str] = ()
    cell_timeout: float = 600.0
    report: Path | None = None
    changed: bool = False
    record: bool = False
    again: bool = False


class Parameter(NamedTuple):
    """One assignment of a chapter's parameters cell.

    Attributes:
        name: Such as "EPOCHS".
        types: Names of the types it takes, such as ("int", "None"); empty when that cannot be told.
        default: Its value in the notebook.
        text: The assignment as written, without its comment.
    """

    name: str
    types: tuple[str, ...]
    default: object
    text: str


def run(
    chapters: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHAPTER", help="Ids or names, such as 01 or 01_basics. All when omitted."),
    ] = None,
    edition: Annotated[
        Edition, typer.Option(help="Learner notebooks with open exercises, or the worked ones with solutions.")
    ] = Edition.notebooks,
    data: Annotated[
        Source,
        typer.Option(
            help="**auto**: what is on hand, without network. **full**: the real data sets, fetched if need be. "
            "**bundled**: what the course carries."
        ),
    ] = Source.auto,
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            help="Chapters to run at once. Each one needs 1 to 2 GB of memory and likes two processor cores: on a "
            "laptop more than one is rarely faster, and timings then say little.",
        ),
    ] = 1,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Set a parameter; may be repeated. Every chapter that runs must have it, with a type that fits. "
            "The path of a CSV file counts from the current folder.",
        ),
    ] = None,
    cell_timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="A cell that runs longer fails its chapter.")
    ] = 600.0,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the report: new, empty, or that of an earlier one.",
            show_default="reports/ and the time of the start",
        ),
    ] = None,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed",
            help="Leave out each chapter whose record in the ledger was made from these very inputs, on the data asked "
            "for.",
        ),
    ] = False,
    record: Annotated[
        bool,
        typer.Option(
            "--record",
            help="For authors: put each run that ends well and keeps its claims into the ledger, "
            "`chapters/ledger.jsonl`. No parameter but SEED may be passed.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Measure again, with the seed of the record, and hold the numbers against it. Without CHAPTER it is "
            "the turn of the one whose record is oldest.",
        ),
    ] = False,
) -> None:
    """Execute chapters from top to bottom, and hold their numbers against the course's claims.

    Each chapter runs in a worker process and a kernel of its own, in an empty folder. While it runs, a bar shows how
    far it is and which section is at work. Then come

    - a table with status, data used, seconds and peak memory of each chapter, and the yardstick's seconds beside it
      where `make yardstick` has run in the last two hours;
    - the scoreboard: every number that a chapter reported, the bound that the course claims, and the verdict;
    - one line per failure: chapter, cell (counted in code cells), section and error;
    - a report in `reports/`: `index.html` with all this and every executed notebook, also the partial one of a
      chapter that failed, and `results.json` for programs.

    Your own notebooks are not touched: what runs is the built edition in `notebooks/` or `solutions/`.

    Ctrl-C stops every kernel, and still writes the report of what ran.

    The exit code is 0 when all is well; 1 when a chapter failed, or a claim was missed, never reported, or reported
    on other data than it was measured on, or a number is unlike its record; 2 for a wrong call; 130 after Ctrl-C.
    Claims marked *short* (known not to be met yet) and the numbers of a smoke run are shown, but never fail it.

    Examples:
    ```
    course run                               every chapter, on the data at hand
    course run 01 03 --data bundled          two chapters, without any download
    course run 02 --param SEED=1             another seed
    course run --param SMOKE=true            does every cell run? (seconds, no claims)
    course run --edition solutions --jobs 2  worked notebooks, two at a time
    course run --changed --data full         only what has changed since its run was recorded
    course run --again --data bundled        is the oldest record still true?
    course run 02 --data full --record       for authors: record the run
    ```

    An unknown parameter lists the ones that the chapter has, with their defaults.
    """
    options = Options(
        chapters or (), edition.value, data.value, jobs, param or (), cell_timeout, report, changed, record, again
    )
    try:
        code = run_chapters(options)
    except ValueError as error:
        fail(str(error), code=2)
    except OSError as error:
        fail(str(error))
    raise typer.Exit(code)


def run_chapters(options: Options, root: Path = ROOT) -> int:
    """Execute chapters and report on them; the whole of `course run` but its command line.

    Args:
        options: What to run, and how.
        root: The project's folder.

    Returns:
        The exit code: 0, 1 or 130.

    Raises:
        ValueError: Something asked for does not exist or does not fit; nothing was started then.
        OSError: The report's folder cannot be written, or COURSE_DATA_DIR is not a folder.
    """
    from course_utils import results
    from course_utils.datasets import store

    from . import execution, ledger
    from . import report as report_module

    store.mirror_dir()  # a wrong COURSE_DATA_DIR is better told now than in the middle of a chapter
    chosen = select(options.chapters, root)
    if not chosen:
        raise ValueError(f"There is no chapter in {root / 'chapters'}. Run this in a checkout of the course.")
    claims_file = root / "chapters" / "claims.toml"
    claims = results.load_claims(claims_file) if claims_file.exists() else []
    passed = _parse_params(options.param)
    _refuse_what_does_not_go_together(options, passed)
    records = ledger.read(root) if options.changed or options.record or options.again else []
    if options.changed:
        chosen = [chapter for chapter in chosen if _has_changed(chapter, options.data, records)]
        if not chosen:
            say("Nothing to run.")
            return 0
    earlier = {}
    if options.again:
        chosen = chosen if options.chapters else _with_the_oldest_record(chosen, options.data, records)
        if not chosen:
            say("Nothing to run: no record was made from the chapters' present inputs.")
            return 0
        earlier = {chapter.id: _record_to_compare(chapter, options.data, records) for chapter in chosen}
    inputs = {chapter: _inputs_to_record(chapter, options) for chapter in chosen} if options.record else {}

    started = datetime.now()
    folder = _chosen_folder(options.report, root) if options.report else _new_folder(root, started)
    seeds = {chapter_id: {"SEED": str(record.seed)} for chapter_id, record in earlier.items()}
    jobs = [_job(chapter, options, seeds.get(chapter.id, passed), folder) for chapter in chosen]
    for job in jobs:
        job.folder.mkdir(parents=True, exist_ok=True)
        job.target.unlink(missing_ok=True)  # of an earlier run with the same --report

    title = f"Running {len(jobs)} {'chapter' if len(jobs) == 1 else 'chapters'}, {options.edition}"
    outcomes = execution.execute(jobs, workers=options.jobs, cell_timeout=options.cell_timeout, title=title)
    _remove_empty(folder / "scratch")

    payloads = {outcome.name: _collect(outcome.target) for outcome in outcomes}
    finished = {chapter.id for chapter, outcome in zip(chosen, outcomes, strict=True) if outcome.status == "ok"}
    rows = results.scoreboard([each for found in payloads.values() for each in found], claims, finished, options.data)
    rows = ledger.compared(rows, earlier, claims)
    injected = {name: value for job in jobs for name, value in job.parameters.items()}
    summary = report_module.Run(started, options.edition, injected, outcomes, payloads, rows, ledger.yardstick(root))
    _print_summary(summary, report_module)
    try:
        say(f"Report: {_short(report_module.write(summary, folder))}")
    except OSError as error:
        raise OSError(f"The report cannot be written: {error}. Free some space, or pass --report DIR.") from error
    if options.record:
        _record(chosen, summary, inputs, root)
    return _exit_code(summary, report_module.BAD_VERDICTS)


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """Read what a notebook lets its caller set.

    papermill.inspect_notebook reads this cell with a regular expression, which loses values and comments that hold
    "=" or "#"; Python's own parser does not.

    Args:
        notebook: A notebook whose cell tagged ``parameters`` holds plain assignments of literal values.

    Returns:
        The parameters in their order; empty where there is no such cell.

    Raises:
        ValueError: The file is no notebook, or the cell holds something else.
    """
    from . import editions

    stored = editions.stored(notebook)
    if stored is None:
        raise ValueError(f"{notebook.name} is not a notebook. Run `course build` to write it again.")
    tagged = [cell for cell in stored.cells if "parameters" in cell.metadata.get("tags", [])]
    if not tagged:
        return {}
    try:
        found = [_parameter(statement) for statement in ast.parse(tagged[0].source).body]
    except (SyntaxError, ValueError):
        raise ValueError(
            f"The parameters cell of {notebook.name} holds more than plain assignments. "
            "Correct the chapter's source; `course check` says where."
        ) from None
    return {parameter.name: parameter for parameter in found}


def convert(text: str, parameter: Parameter) -> object:
    """Turn what was typed for a parameter into a value of its type.

    Args:
        text: Such as "3", "true", "None" or "relu".
        parameter: Which parameter it is for.

    Returns:
        The value.

    Raises:
        ValueError: The text fits none of the parameter's types.
    """
    # From strict to lax: "3" is an int where both int and str are allowed.
    order = ("None", "bool", "int", "float", "list", "tuple", "dict", "str")
    types = [name for name in order if name in parameter.types]
    if not types:
        return _literal_or_text(text)
    for name in types:
        with contextlib.suppress(ValueError, SyntaxError):
            return _as_type(text, name)
    ways_out = ", or ".join(WAYS_OUT[name] for name in reversed(types))
    raise ValueError(f"{parameter.name}={text} does not fit {parameter.text}. Pass {ways_out}.")


def _parse_params(pairs: Sequence[str]) -> dict[str, str]:
    passed = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"--param {pair} does not fit. Pass NAME=VALUE, such as --param SEED=1.")
        if name.strip() == "DATA":
            raise ValueError(f"--param {pair}: the data have an option of their own. Pass --data {value or 'full'}.")
        passed[name.strip()] = value.strip()
    return passed


def _refuse_what_does_not_go_together(options: Options, passed: dict[str, str]) -> None:
    others = sorted(set(passed) - {"SEED"})
    if options.record and others:
        raise ValueError(
            f"--record with --param {others[0]}: the ledger holds runs with the chapters' own settings. Leave one out."
        )
    if options.again and (passed or options.data == "auto" or options.changed):
        raise ValueError(
            "--again takes its parameters from the record. Pass --data bundled or --data full, and neither --param nor "
            "--changed."
        )


def _has_changed(chapter: Chapter, data: str, records: Sequence) -> bool:
    """Say, and tell the user, whether a chapter needs a run."""
    from . import editions

    inputs = editions.inputs_hash(chapter)
    wanted = ("full", "bundled") if data == "auto" else (data,)
    current = [record for kind in wanted if (record := _record_of(chapter, kind, records)) and record.inputs == inputs]
    if not current:
        return True
    say(f"{chapter.name}: left out; its record was made from these very inputs, on {MADE_ON[current[0].data]}.")
    return False


def _record_of(chapter: Chapter, data: str, records: Sequence):
    """Find the record of a chapter; one that has no full data set to choose has its record on the bundled one."""
    from . import ledger

    return ledger.find(records, chapter, data if "DATA" in read_parameters(chapter.learner) else "bundled")


def _with_the_oldest_record(chapters: Sequence[Chapter], data: str, records: Sequence) -> list[Chapter]:
    """Say whose turn it is; a chapter whose inputs changed since its record has nothing to be held against."""
    from . import editions

    current = {}
    for chapter in chapters:
        record = _record_of(chapter, data, records)
        if record and record.inputs == editions.inputs_hash(chapter):
            current[chapter] = record.at
    return [min(current, key=current.get)] if current else []


def _record_to_compare(chapter: Chapter, data: str, records: Sequence):
    from . import editions

    record = _record_of(chapter, data, records)
    way_out = f"Record one: course run {chapter.id} --data {data} --record."
    if record is None:
        raise ValueError(f"{chapter.name} has no record on {data} data. {way_out}")
    if record.inputs != editions.inputs_hash(chapter):
        raise ValueError(f"The record of {chapter.name} was made from other inputs than these. {way_out}")
    return record


def _inputs_to_record(chapter: Chapter, options: Options) -> str:
    """Hash what a run is about to rest on; refuse a notebook that is not what its source gives."""
    from . import editions

    path = chapter.learner if options.edition == "notebooks" else chapter.worked
    built = editions.learner_edition(chapter) if options.edition == "notebooks" else editions.worked_edition(chapter)
    found = editions.stored(path)
    if found is None or editions.code_of(found) != editions.code_of(built):
        raise ValueError(
            f"{path.relative_to(chapter.root).as_posix()} is not what its source gives, so its run cannot be recorded. "
            f"Run `course build {chapter.id}` first."
        )
    return editions.inputs_hash(chapter)


def _record(chapters: Sequence[Chapter], summary, inputs: dict[Chapter, str], root: Path) -> None:
    """Put the runs that ended well into the ledger, and say which did not."""
    from . import ledger, report

    kept = []
    for chapter, outcome in zip(chapters, summary.outcomes, strict=True):
        bad = [row for row in summary.rows if row.chapter == chapter.id and row.verdict in report.BAD_VERDICTS]
        if outcome.status != "ok" or bad:
            reason = f"its run {outcome.status}" if outcome.status != "ok" else f"{bad[0].metric}: {bad[0].verdict}"
            say(f"{chapter.name}: not recorded, {reason}.")
            continue
        payloads = summary.payloads[outcome.name]
        kept.append(ledger.of_run(chapter, inputs[chapter], payloads, outcome.seconds, outcome.peak_bytes))
    ledger.write(kept, root)
    if kept:
        say(f"Recorded in chapters/{ledger.path_of(root).name}: {', '.join(record.chapter for record in kept)}.")


def _chosen_folder(folder: Path, root: Path) -> Path:
    """Refuse a folder in which a report would overwrite something else."""
    folder = folder.resolve()
    kept = [root / name for name in ("chapters", "notebooks", "solutions", "my_notebooks")]
    ours = not folder.exists() or (folder / "results.json").is_file() or not any(folder.iterdir())
    if not ours or any(folder.is_relative_to(each) for each in kept):
        raise ValueError(
            f"--report {folder} holds files that a report could overwrite. Pass a new folder, an empty one, or that "
            "of an earlier report."
        )
    return folder


def _new_folder(root: Path, started: datetime) -> Path:
    name = f"{started:%Y%m%d-%H%M%S}"
    folders = (root / "reports" / f"{name}{suffix}" for suffix in ("", *(f"-{number}" for number in range(2, 100))))
    return next(folder for folder in folders if not folder.exists())


def _job(chapter: Chapter, options: Options, passed: dict[str, str], folder: Path):
    from .execution import Job

    notebook = chapter.learner if options.edition == "notebooks" else chapter.worked
    if not notebook.exists():
        name = notebook.relative_to(chapter.root).as_posix()
        raise ValueError(f"{name} is not built yet. Run `course build {chapter.id}` first.")
    known = read_parameters(notebook)
    values = {}
    for name, text in passed.items():
        if name not in known:
            listing = "; ".join(parameter.text for parameter in known.values()) or "none at all"
            raise ValueError(
                f"Chapter {chapter.name} has no parameter {name!r}. Pass one that every chosen chapter has; "
                f"the parameters of {chapter.name} are: {listing}."
            )
        values[name] = convert(_found_from_here(text) if name in OWN_FILES else text, known[name])
    if "DATA" in known and known["DATA"].default != options.data:
        values["DATA"] = options.data
    target = folder / f"{chapter.name}.ipynb"
    return Job(chapter.name, notebook, target, values, folder / "scratch" / chapter.name)


def _found_from_here(text: str) -> str:
    """Make a path absolute that the shell's folder knows: a notebook runs in a folder of its own."""
    try:
        path = Path(text).expanduser()
        return str(path.absolute()) if text and path.exists() else text
    except (OSError, RuntimeError, ValueError):  # no such user, a name too long: the chapter's own error says so
        return text


def _parameter(statement: ast.stmt) -> Parameter:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, types = statement.targets[0], None
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, types = statement.target, tuple(_types_of(statement.annotation))
    else:
        raise ValueError("not an assignment")
    if not isinstance(target, ast.Name):
        raise ValueError("not a name")
    default = ast.literal_eval(statement.value)
    if types is None:
        types = () if default is None else (type(default).__name__,)
    return Parameter(target.id, types, default, ast.unparse(statement))


def _types_of(annotation: ast.expr) -> list[str]:
    """List the names in an annotation such as ``int | None`` or ``list[int]`` (which gives "list")."""
    if isinstance(annotation, ast.BinOp):
        return _types_of(annotation.left) + _types_of(annotation.right)
    if isinstance(annotation, ast.Subscript):
        return _types_of(annotation.value)
    return [ast.unparse(annotation)]


def _as_type(text: str, name: str) -> object:
    words = {"None": {"none": None}, "bool": {"true": True, "false": False}}
    if name in words:
        if text.lower() not in words[name]:
            raise ValueError(text)
        return words[name][text.lower()]
    value = {"int": int, "float": float, "str": str}.get(name, ast.literal_eval)(text)
    containers = {"dict": dict, "list": (list, tuple), "tuple": (list, tuple)}
    if not isinstance(value, containers.get(name, object)) or (name == "float" and not math.isfinite(value)):
        raise ValueError(text)
    return list(value) if isinstance(value, tuple) else value  # papermill can write lists, but no tuples


def _literal_or_text(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _remove_empty(scratch: Path) -> None:
    for folder in (*scratch.iterdir(), scratch):
        with contextlib.suppress(OSError):
            folder.rmdir()  # only an empty one goes


def _collect(notebook: Path) -> list[dict]:
    from course_utils import results

    from . import editions

    stored = editions.stored(notebook)
    return results.collect(stored) if stored else []


def _print_summary(summary, report_module) -> None:
    from rich.table import Table
    from rich.text import Text

    from .execution import size_text

    chapters = Table(title="Chapters", title_justify="left")
    for name, justify in (("chapter", "left"), ("status", "left"), ("data used", "left")):
        chapters.add_column(name, justify=justify, overflow="fold")
    chapters.add_column("seconds", justify="right")
    chapters.add_column("peak memory", justify="right")
    for outcome in summary.outcomes:
        ran = outcome.status != "not started"
        chapters.add_row(
            Text(outcome.name),
            Text(outcome.status, STATUS_STYLES.get(outcome.status, "yellow")),
            Text(report_module.data_text(summary.payloads[outcome.name]) or "-"),
            f"{outcome.seconds:.1f}" if ran else "-",
            size_text(outcome.peak_bytes) if ran else "-",
        )
    console.print(chapters)
    say(summary.yardstick_text)
    if summary.rows:
        console.print(_scoreboard(summary.rows, report_module.BAD_VERDICTS))
    for outcome in summary.outcomes:
        if outcome.status in ("failed", "interrupted"):
            kept = f" Partial notebook: {_short(outcome.target)}" if outcome.target.exists() else ""
            say(f"{outcome.name} {outcome.status}: {outcome.reason.removesuffix('.')}.{kept}")
    say(report_module.verdict(summary))


def _scoreboard(rows: Sequence, bad_verdicts: Sequence[str]):
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Scoreboard: your numbers and the course's bounds", title_justify="left")
    table.add_column("chapter")
    table.add_column("metric", overflow="fold")
    table.add_column("yours", justify="right")
    table.add_column("bound", justify="right")
    table.add_column("data")
    table.add_column("verdict")
    for row in rows:
        value = "-" if row.value is None else f"{row.value:.4g}"
        style = "bold red" if row.verdict in bad_verdicts else VERDICT_STYLES.get(row.verdict, "")
        verdict = Text(row.verdict, style)
        table.add_row(row.chapter, Text(row.metric), value, row.bound_text or "-", row.data, verdict)
    return table


def _exit_code(summary, bad_verdicts: Sequence[str]) -> int:
    statuses = {outcome.status for outcome in summary.outcomes}
    if statuses & {"interrupted", "not started"}:
        return INTERRUPTED
    return int("failed" in statuses or any(row.verdict in bad_verdicts for row in summary.rows))


def _short(path: Path) -> str:
    """Write a path relative to the current folder where it lies below that."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
