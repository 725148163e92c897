"""The command `course build`: both editions of every chapter, derived from its source."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from course_utils import results

from . import editions
from .chapters import Chapter, select
from .console import fail, say
from .files import write_whole

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from .execution import Outcome

LARGEST = 1_000_000  # bytes of a stored notebook: beyond that, viewers and diffs become slow
CELL_TIMEOUT = 1800.0  # seconds; the longest training on full data takes a fraction of it


class Edition(StrEnum):
    """Which notebooks to build."""

    both = "both"
    notebooks = "notebooks"
    solutions = "solutions"


class Run(NamedTuple):
    """A worked edition that has to be executed.

    Attributes:
        chapter: Its chapter.
        notebook: The edition without outputs.
        inputs: Hash of everything that the outputs depend on, taken before the run.
    """

    chapter: Chapter
    notebook: NotebookNode
    inputs: str


def build(
    chapters: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHAPTER", help="Ids or names, such as 01 or 01_basics. All when omitted."),
    ] = None,
    edition: Annotated[Edition, typer.Option(help="Which notebooks to build.")] = Edition.both,
    force: Annotated[bool, typer.Option("--force", help="Execute worked editions that are current, too.")] = False,
) -> None:
    """Derive the notebooks of each chapter from its source.

    Only `chapters/NN_name.py` is edited by hand. From it come

    - `notebooks/NN_name.ipynb`, the learner edition: exercises open, no outputs. This takes a second, executes
      nothing, and gives the same bytes every time;
    - `solutions/NN_name.ipynb`, the worked edition: executed from top to bottom with its solutions, on full data
      where they are on hand (`course data list` shows that), otherwise on the bundled ones.

    A run whose numbers keep their claims is recorded in `chapters/ledger.jsonl`, too: nothing measures it twice.

    A worked edition is executed only when something it depends on has changed: the chapter's code, the modules of
    `course_utils` that it imports, its claims or the locked requirements. Where only the prose changed, the outputs are
    kept. Each is stored as soon as its run has ended. When a run fails, the earlier worked edition stays as it was, and
    the partial notebook is kept in `reports/build/`.

    Examples:
    ```
    course build                          everything that is not current
    course build 01 --edition notebooks   only the learner edition of chapter 01
    course build 02 03 --force            execute both again
    COURSE_DATA_DIR=/path/to/mirror course build 02
    ```

    `course check` says what is stale, and documents the form of a source.
    """
    from . import execution

    try:
        chosen = select(chapters or [])
    except ValueError as error:
        fail(str(error), code=2)
    failures = build_chapters(chosen, edition, force, execution.execute)
    if failures:
        fail("\n".join(failures))


def build_chapters(chapters: Sequence[Chapter], edition: Edition, force: bool, execute: Callable) -> list[str]:
    """Build notebooks, and go on with the next chapter where one fails.

    Args:
        chapters: Which chapters.
        edition: Which of their notebooks.
        force: Execute worked editions that are current, too.
        execute: What runs notebooks: ``execution.execute``.

    Returns:
        One message per failure.
    """
    failures, runs = [], []
    for chapter in chapters:
        try:
            if edition != Edition.solutions:
                _build_learner(chapter)
            if edition != Edition.notebooks:
                runs += _runs_needed(chapter, force)
        except (ValueError, OSError) as error:
            failures.append(str(error))
    for number, run in enumerate(runs, 1):
        title = f"Executing worked edition {number} of {len(runs)}"
        status = ""
        try:
            outcome = _execute(run, execute, title)
            status = outcome.status
            _store(run, outcome)  # at once: what comes after may be cut short
        except (ValueError, OSError) as error:
            failures.append(str(error))
        if status in ("interrupted", "not started"):
            failures += [_not_renewed(left.chapter, "not started") for left in runs[number:]]
            break
    return failures


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file in one step, so that no reader ever sees half of it.

    Args:
        path: The file; its folder is made when it is missing.
        content: What it shall hold.

    Returns:
        False where the file held that already: it is then left untouched.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return True


def _build_learner(chapter: Chapter) -> None:
    written = write_if_changed(chapter.learner, editions.to_bytes(editions.learner_edition(chapter)))
    say(f"{_name(chapter.learner, chapter)}: {'written' if written else 'unchanged'}")


def _runs_needed(chapter: Chapter, force: bool) -> list[Run]:
    """Renew a worked edition without a run where that is possible; otherwise say what to run."""
    notebook, inputs = editions.worked_edition(chapter), editions.inputs_hash(chapter)
    old = editions.stored(chapter.worked)
    record = editions.record_of(old)
    run = Run(chapter, notebook, inputs)
    if force or not old or not record or record.inputs != inputs:
        return [run]
    if editions.code_of(old) != editions.code_of(notebook):
        return [run]
    renewed = editions.with_outputs(notebook, old, record, chapter.root)
    changed = write_if_changed(chapter.worked, editions.to_bytes(renewed))
    state = "prose renewed, outputs kept" if changed else "current"
    say(
        f"{_name(chapter.worked, chapter)}: {state} (executed {_data_text(record.data)}). "
        "Pass --force to execute it again."
    )
    return []


def _execute(run: Run, execute: Callable, title: str) -> Outcome:
    from .execution import Job

    chapter = run.chapter
    target = chapter.root / "reports" / "build" / f"{chapter.name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="course-build-") as folder:
        source = Path(folder) / target.name
        source.write_bytes(editions.to_bytes(run.notebook))
        job = Job(chapter.name, source, target, {})
        (outcome,) = execute([job], workers=1, cell_timeout=CELL_TIMEOUT, title=title)
    return outcome


def _store(run: Run, outcome: Outcome) -> None:
    from . import ledger
    from .report import BAD_VERDICTS

    chapter, name = run.chapter, _name(run.chapter.worked, run.chapter)
    partial = _name(outcome.target, chapter)
    if outcome.status != "ok":
        reason = f"{outcome.status}: {outcome.reason}".removesuffix(": ")
        seen = f" The partial notebook is {partial}." if outcome.target.exists() else ""
        raise ValueError(_not_renewed(chapter, reason) + seen)
    executed = editions.stored(outcome.target)
    if executed is None:
        raise ValueError(f"{partial} is not a notebook. Build {chapter.id} again.")
    record = editions.Record(run.inputs, editions.data_kind(executed))
    notebook = editions.with_outputs(run.notebook, executed, record, chapter.root)
    content = editions.to_bytes(notebook)
    if len(content) > LARGEST:
        raise ValueError(
            f"{name} would have {len(content):,} bytes, more than {LARGEST:,}. Draw smaller or fewer figures, or "
            f"print less; the biggest outputs are {_biggest_outputs(notebook)}. The whole notebook is {partial}."
        )
    write_if_changed(chapter.worked, content)
    outcome.target.unlink()
    say(f"{name}: executed {_data_text(record.data)} in {outcome.seconds:.0f} s, {len(content):,} bytes")
    payloads = results.collect(executed)
    rows = results.scoreboard(payloads, editions.claims_of(chapter), {chapter.id})
    bad = [row for row in rows if row.verdict in BAD_VERDICTS]
    for row in bad:
        value = "" if row.value is None else f": {row.value:g}, claimed {row.bound_text}"
        say(f"  {row.verdict}: {row.metric} ({row.data}){value}")
    if payloads and not bad:
        ledger.write([ledger.of_run(chapter, run.inputs, payloads, outcome.seconds, outcome.peak_bytes)], chapter.root)


def _not_renewed(chapter: Chapter, reason: str) -> str:
    kept = "the earlier one stays" if chapter.worked.exists() else "there is none yet"
    return f"{_name(chapter.worked, chapter)} was not renewed ({kept}): {reason}."


def _biggest_outputs(notebook: NotebookNode) -> str:
    sizes = [
        (len(str(value)), index, kind)
        for index, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        for kind, value in output.get("data", {"text": output.get("text", "")}).items()
    ]
    return ", ".join(
        f"{kind} of cell {index + 1} ({editions.section_of(notebook, index)}, {size:,} bytes)"
        for size, index, kind in sorted(sizes, reverse=True)[:3]
    )


def _data_text(kind: str) -> str:
    return "without a data set" if kind == "any" else f"on {kind} data"


def _name(path: Path, chapter: Chapter) -> str:
    return path.relative_to(chapter.root).as_posix()
