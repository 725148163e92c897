"""The command `course check`: is every notebook what its source says, and every claim reported?"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from course_utils import results

from . import editions, ledger
from .build import LARGEST
from .chapters import OWN_FILES, ROOT, Chapter, known, select
from .console import errors, fail, say
from .report import BAD_VERDICTS

if TYPE_CHECKING:
    from nbformat import NotebookNode

TITLE = re.compile(r"# (?P<id>\S+) · .+\?")
HEADER_LEADS = ("**You build.**", "**Time.**", "**You need.**")
# The least that every chapter must let its runner set, and what the stored source must hold (None: anything).
PARAMETERS = {"SEED": None, "DATA": "auto", "SMOKE": False}
# Arguments of results.report() that are no metrics.
NOT_METRICS = {"chapter", "seed", "data", "weights", "smoke"}
HOME = re.compile(
    r"(?<![\w.])(?:/home/[\w.-]+|/Users/[\w.-]+|/root|[A-Za-z]:(?:\\\\?|/)Users(?:\\\\?|/)[\w.-]+)(?![\w-])"
)


class Findings(NamedTuple):
    """What `course check` found.

    Attributes:
        problems: One line each: which file, what is wrong, the way out.
        notes: Worked editions that are due for a new run, one line each.
    """

    problems: list[str]
    notes: list[str]


def check(
    chapters: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHAPTER", help="Ids or names, such as 01 or 01_basics. All when omitted."),
    ] = None,
) -> None:
    """Say which notebooks are stale, and which chapters break the course's form.

    Prints one line per problem and exits with 1; with 0 when there is none. Nothing is executed or changed. A worked
    edition whose outputs come from earlier code, modules, claims or requirements is reported as *due for a new run*,
    which is no failure.

    **Notebooks.** `notebooks/` and `solutions/` are built by `course build` and never edited by hand; each has a
    source. A worked edition holds no error (unless its cell is tagged `raises-exception`), no home folder, at most
    1 MB, and no result that misses its claim.

    **Form of a source.** `chapters/NN_name.py` is a jupytext py:percent file of plain Python without magics:

    ```
    # %% [markdown]
    # # 02 · MLP on MNIST: can it read digits?
    #
    # **You build.** A network that reads handwritten digits.
    # **Time.** 20 minutes on two CPU cores.
    # **You need.** Chapter 01.

    # %%
    import keras

    # %% tags=["parameters"]
    SEED = 0  # every random number follows from it
    DATA = "auto"  # "auto", "full" or "bundled"
    SMOKE = False  # True cuts everything to seconds
    ```

    The first cell is the header, the first code cell begins with an import, and the second holds the parameters:
    literals only, with at least these three. A chapter without a public full set has no `DATA`, but a parameter for the
    learner's own file or folder in its place: `CSV = ""` or `IMAGES = ""`.

    **Figures.** A cell that draws says in one sentence what the figure shows, for readers who cannot see it. That is
    every cell with an image among its outputs, or one that calls `plt.figure`, `plt.subplots`, `plt.show` or a
    function of `plots` outside any function:

    ```
    # %% alt="Loss falls for ten epochs; validation loss rises from the fourth on."
    plots.loss_curves({"plain": history.history})
    ```

    **Exercises.** The solution stands between two markers, and the next code cell calls its check. Learners get
    `# YOUR CODE HERE` and `raise NotImplementedError()` in its place:

    ```
    # %%
    def relu(x):
        ### BEGIN SOLUTION
        return np.maximum(x, 0)
        ### END SOLUTION

    # %%
    check.relu(relu)
    ```

    **Claims.** `chapters/claims.toml` lists each claim once per kind of data, and its chapter reports it, with the
    metric as a keyword: `results.report("02", seed=SEED, data=digits.provenance, test_accuracy=accuracy)`. Its bound
    stands three to six standard deviations from the mean of the measured values.

    **Records.** `chapters/ledger.jsonl` holds, per chapter and kind of data, the latest recorded run; its results keep
    the claims. A chapter whose inputs changed since is *due to be measured*. That is no failure either: CI measures it.

    Examples:
    ```
    course check         the whole course
    course check 01 02   two chapters, and the claims file
    ```
    """
    try:
        chosen = select(chapters or [])
    except ValueError as error:
        fail(str(error), code=2)
    findings = find_problems(chosen, ROOT)
    for problem in findings.problems:
        say(problem, errors)
    for note in findings.notes:
        say(note)
    if findings.problems:
        fail(f"{len(findings.problems)} problem(s) found.")
    say(f"{len(chosen)} chapter(s) checked, no problem found.")


def find_problems(chapters: Sequence[Chapter], root: Path) -> Findings:
    """Hold chapters, their notebooks and their claims against the rules of the course.

    Args:
        chapters: Which chapters.
        root: The project's folder; its claims file and stray notebooks are looked at in any case.

    Returns:
        The findings, in the order of the chapters.
    """
    problems, notes = list(_stray_files(root)), []
    claims, broken = _read_claims(root)
    problems += broken
    problems += _claims_problems(claims, known(root), {chapter.id for chapter in chapters})
    records, damage = _read_ledger(root)
    problems += damage
    for chapter in chapters:
        try:
            source = editions.read_source(chapter)
        except ValueError as error:
            problems.append(str(error))
            continue
        worked = editions.stored(chapter.worked)
        problems += _header_problems(chapter, source)
        problems += _set_up_problems(chapter, source)
        problems += _exercise_problems(chapter, source)
        problems += _figure_problems(chapter, source, worked)
        problems += _unreported(chapter, source, claims)
        problems += _edition_problems(chapter.learner, editions.learner_edition(chapter), chapter)
        problems += _edition_problems(chapter.worked, editions.worked_edition(chapter), chapter)
        if worked:
            problems += _worked_problems(chapter, worked, claims)
        if not broken:
            inputs = editions.inputs_hash(chapter)
            notes += _due(chapter, worked, inputs)
            current = _current_records(chapter, source, inputs, records)
            notes += _unmeasured(chapter, current)
            problems += _record_problems(chapter, current, claims)
    return Findings(problems, notes)


def _stray_files(root: Path) -> Iterator[str]:
    names = {chapter.name for chapter in known(root)}
    for path in sorted((root / "chapters").glob("*.py")):
        if path.stem not in names:
            yield (
                f"chapters/{path.name}: no chapter is read from this name. "
                "Call it NN_name.py (01_basics.py) or An_name.py for an appendix."
            )
    for folder in ("notebooks", "solutions"):
        for path in sorted((root / folder).glob("*.ipynb")):
            if path.stem not in names:
                yield (
                    f"{folder}/{path.name}: it has no source. "
                    f"Remove it, or write chapters/{path.stem}.py and run `course build`."
                )


def _read_claims(root: Path) -> tuple[list[results.Claim], list[str]]:
    path = root / "chapters" / "claims.toml"
    if not path.exists():
        return [], []
    try:
        return results.load_claims(path), []
    except ValueError as error:
        return [], [f"chapters/claims.toml: {error}"]


def _claims_problems(claims: Sequence[results.Claim], chapters: Sequence[Chapter], chosen: set[str]) -> Iterator[str]:
    ids = [chapter.id for chapter in chapters]
    for claim in claims:
        if claim.chapter not in ids:
            yield (
                f"chapters/claims.toml: {claim.name}: there is no chapter {claim.chapter}. "
                f"Correct it to one of: {', '.join(ids)}."
            )
    for name, count in Counter(claim.name for claim in claims).items():
        if count > 1:
            yield f"chapters/claims.toml: {name}: claimed {count} times. Keep one entry."
    own = [claim for claim in claims if claim.chapter in chosen]
    for problem in results.problems_with_bounds(own):
        yield f"chapters/claims.toml: {problem}"


def _read_ledger(root: Path) -> tuple[list[ledger.Record], list[str]]:
    ids = {chapter.id for chapter in known(root)}
    try:
        records = ledger.read(root)
    except ValueError as error:
        return [], [str(error)]
    strange = [record.chapter for record in records if record.chapter not in ids]
    return records, [f"chapters/ledger.jsonl: there is no chapter {name}. Remove its record." for name in strange]


def _current_records(
    chapter: Chapter, source: NotebookNode, inputs: str, records: Sequence[ledger.Record]
) -> dict[str, ledger.Record | None]:
    """{kind of data that the chapter can run on: its record, or None where that is missing or of other inputs}."""
    tagged = (cell.source for cell in source.cells if "parameters" in cell.metadata.get("tags", []))
    kinds = ("full", "bundled") if re.search(r"^DATA\b", next(tagged, ""), re.MULTILINE) else ("bundled",)
    found = {kind: ledger.find(records, chapter, kind) for kind in kinds}
    return {kind: record if record and record.inputs == inputs else None for kind, record in found.items()}


def _unmeasured(chapter: Chapter, current: Mapping[str, ledger.Record | None]) -> Iterator[str]:
    due = [kind for kind, record in current.items() if record is None]
    if due:
        ways = " and ".join(f"`course run {chapter.id} --data {kind} --record`" for kind in due)
        yield (
            f"{chapter.name} is due to be measured on {' and '.join(due)} data: its inputs have changed since it was "
            f"recorded, or it never was. Run {ways}."
        )


def _record_problems(
    chapter: Chapter, current: Mapping[str, ledger.Record | None], claims: Sequence[results.Claim]
) -> Iterator[str]:
    own = [claim for claim in claims if claim.chapter == chapter.id]
    for record in {record.data: record for record in current.values() if record}.values():
        for row in ledger.rows_of(record, own):
            if row.verdict in BAD_VERDICTS:
                value = "" if row.value is None else f" ({row.value:g}, claimed {row.bound_text})"
                yield (
                    f"chapters/ledger.jsonl: {chapter.name} on {record.data} data: {row.metric} is {row.verdict}"
                    f"{value}. Measure again: `course run {chapter.id} --data {record.data} --record`."
                )


def _header_problems(chapter: Chapter, source: NotebookNode) -> Iterator[str]:
    first = source.cells[0] if source.cells else None
    lines = first.source.split("\n") if first and first.cell_type == "markdown" else []
    title = TITLE.fullmatch(lines[0].strip()) if lines else None
    missing = [] if title else [f"`# {chapter.id} · Title: the question?`"]
    missing += [lead for lead in HEADER_LEADS if not any(line.startswith(lead) for line in lines)]
    if missing:
        yield (
            f"{_place(chapter, 0)}: the header lacks {', '.join(missing)}. "
            "Begin the chapter with a markdown cell that has them."
        )
    if title and title["id"] != chapter.id:
        yield f"{_place(chapter, 0)}: the title says {title['id']}. Write {chapter.id}."


def _set_up_problems(chapter: Chapter, source: NotebookNode) -> Iterator[str]:
    code = [index for index, cell in enumerate(source.cells) if cell.cell_type == "code"]
    if code and not isinstance(_first_statement(source.cells[code[0]]), ast.Import | ast.ImportFrom):
        yield (
            f"{_place(chapter, code[0])}: the first code cell does not begin with an import. "
            "Put the chapter's imports there."
        )
    tagged = [i for i in code if "parameters" in source.cells[i].metadata.get("tags", [])]
    if not tagged:
        yield (
            f"{_place(chapter)}: no cell holds the parameters. "
            'Begin the second code cell with `# %% tags=["parameters"]`.'
        )
        return
    if tagged != code[1:2]:
        lines = ", ".join(str(_line(chapter, index)) for index in tagged)
        yield (
            f"{_place(chapter)}: the tag `parameters` stands at line {lines}. Give it to the second code cell alone."
        )
    yield from _parameter_problems(chapter, tagged[0], source.cells[tagged[0]])


def _parameter_problems(chapter: Chapter, index: int, cell: NotebookNode) -> Iterator[str]:
    place, values = _place(chapter, index), {}
    for statement in ast.parse(cell.source).body:
        try:
            name, value = _assignment(statement)
            values[name] = ast.literal_eval(value)
        except ValueError:
            yield (
                f"{place}: `{ast.unparse(statement)}` is no parameter. "
                "Write one name and one literal value, such as `EPOCHS = 5`."
            )
    own_file = any(name in values for name in OWN_FILES)
    missing = [name for name in PARAMETERS if name not in values and not (name == "DATA" and own_file)]
    if missing:
        yield f"{place}: the parameters lack {', '.join(missing)}. Add them, as `course check --help` shows."
    for name, wanted in PARAMETERS.items():
        if wanted is not None and values.get(name, wanted) != wanted:
            yield f"{place}: {name} is {values[name]!r}. Leave it at {wanted!r}; a run can set it."


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    raise ValueError("This is no assignment of one name. Pass one.")


def _exercise_problems(chapter: Chapter, source: NotebookNode) -> Iterator[str]:
    code = [(index, cell) for index, cell in enumerate(source.cells) if cell.cell_type == "code"]
    following = (cell for _, cell in code[1:])
    for (index, cell), after in zip_longest(code, following):
        if editions.BEGIN in cell.source and not (after and _calls(after, {"check"})):
            yield (
                f"{_place(chapter, index)}: the exercise has no check. "
                "Call it in the next code cell: `check.name(...)`."
            )


def _figure_problems(chapter: Chapter, source: NotebookNode, worked: NotebookNode | None) -> Iterator[str]:
    drawing = {cell.id for cell in source.cells if cell.cell_type == "code" and _draws(cell)}
    drawing |= {cell.get("id") for cell in (worked.cells if worked else []) if editions.holds_image(cell)}
    for index, cell in enumerate(source.cells):
        if cell.id in drawing and not _text(cell.metadata.get("alt")):
            yield (
                f"{_place(chapter, index)}: the figure has no alt text. "
                'Say what it shows: `# %% alt="Accuracy rises for five epochs."`.'
            )


def _draws(cell: NotebookNode) -> bool:
    pyplot = {"figure", "subplots", "show"}
    return any(
        (owner == "plt" and name in pyplot) or (owner == "plots" and name != "use_style")
        for owner, name in _method_calls(ast.parse(cell.source), into_functions=False)
    )


def _unreported(chapter: Chapter, source: NotebookNode, claims: Sequence[results.Claim]) -> Iterator[str]:
    metrics = _reported_metrics(chapter, source)
    for claim in claims:
        if claim.chapter == chapter.id and claim.metric not in metrics:
            yield (
                f"{_place(chapter)}: nothing reports the claim {claim.name}. "
                f'Pass it by name, `results.report("{chapter.id}", seed=SEED, {claim.metric}=...)`, or drop the claim.'
            )


def _reported_metrics(chapter: Chapter, source: NotebookNode) -> set[str]:
    """Names of the metrics that the chapter passes to ``results.report`` under its own id."""
    calls = [
        node
        for code in editions.code_of(source)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and _owner_and_name(node) == ("results", "report")
    ]
    own = [call for call in calls if call.args and getattr(call.args[0], "value", chapter.id) == chapter.id]
    return {keyword.arg for call in own for keyword in call.keywords} - NOT_METRICS


def _edition_problems(path: Path, expected: NotebookNode, chapter: Chapter) -> Iterator[str]:
    """Compare a stored notebook, its outputs aside, with what the source gives."""
    name, remedy = path.relative_to(chapter.root).as_posix(), f"Run `course build {chapter.id}`."
    if not path.exists():
        yield f"{name}: it is missing. {remedy}"
        return
    found = editions.stored(path)
    if found is None:
        yield f"{name}: it is not a notebook. {remedy}"
        return
    if path == chapter.learner and _holds_outputs(found):
        yield (
            f"{name}: it holds outputs, so it was executed or edited by hand. Move what you want to keep to "
            f"{_place(chapter)}, then run `course build {chapter.id}`."
        )
        return
    bare = editions.without_outputs(found)
    if path == chapter.learner:
        same = path.read_bytes() == editions.to_bytes(expected)
    else:
        same = editions.to_bytes(bare) == editions.to_bytes(expected)
    if same:
        return
    # Ids follow from the text: where they fit, the notebook is as some earlier source gave it.
    texts_differ = _texts(bare) != _texts(expected)
    own_ids = [cell.get("id") for cell in bare.cells] == editions.content_ids(bare)
    if texts_differ and own_ids:
        yield f"{name}: it is stale; {_place(chapter)} has changed since it was built. {remedy}"
    elif texts_differ:
        yield (
            f"{name}: it was edited by hand, and perhaps the source has changed too. Move what you want to keep to "
            f"{_place(chapter)}, then run `course build {chapter.id}`."
        )
    else:
        yield (
            f"{name}: same text, but other cell metadata, ids or layout: the source's metadata has changed, or the "
            f"notebook was saved by hand. {remedy}"
        )


def _worked_problems(chapter: Chapter, worked: NotebookNode, claims: Sequence[results.Claim]) -> Iterator[str]:
    name = chapter.worked.relative_to(chapter.root).as_posix()
    again = f"then run `course build {chapter.id} --edition solutions --force`"
    record = editions.record_of(worked)
    if record is None:
        yield f"{name}: it was never executed by `course build`. Run `course build {chapter.id}`."
        return
    size = chapter.worked.stat().st_size
    if size > LARGEST:
        yield f"{name}: {size:,} bytes are more than {LARGEST:,}. Draw smaller or fewer figures, {again}."
    for index, cell in enumerate(worked.cells):
        where = f"{name}, cell {index + 1} ({editions.section_of(worked, index)})"
        allowed = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", []):
            if output.output_type == "error" and not allowed:
                yield f"{where}: it stopped with {output.ename}: {output.evalue}. Correct the source, {again}."
        folder = _home_folder(cell)
        if folder:
            yield f"{where}: its output names the folder {folder}. Print a relative path, {again}."
    own = [claim for claim in claims if claim.chapter == chapter.id]
    if record.outputs != editions.outputs_hash(worked):
        yield f"{name}: its outputs were edited by hand. Run `course build {chapter.id} --edition solutions --force`."
    for row in results.scoreboard(results.collect(worked), own, {chapter.id}, record.data):
        if row.verdict == "not reported":
            yield f"{name}: its run did not report {row.metric} ({row.data}). Report it, {again}."
        if row.verdict == "other data":
            yield (
                f"{name}: {row.metric} was measured on other {row.data} data than its claim names. "
                "Measure again, and write the new hash into the claim."
            )
        if row.verdict == "missed":
            yield (
                f"{name}: {row.metric} is {row.value:g} on {row.data} data and misses its claim {row.bound_text}. "
                "Improve the chapter, or measure again and mark the claim short."
            )


def _home_folder(cell: NotebookNode) -> str:
    texts = (
        str(value)
        for output in cell.get("outputs", [])
        for kind, value in {**output, **output.get("data", {})}.items()
        if kind not in {*editions.PICTURES, "data"}
    )
    return next((found[0] for text in texts if (found := HOME.search(text))), "")


def _due(chapter: Chapter, worked: NotebookNode | None, inputs: str) -> Iterator[str]:
    record = editions.record_of(worked)
    if record and record.inputs != inputs:
        name = chapter.worked.relative_to(chapter.root).as_posix()
        yield f"{name} is due for a new run: its inputs have changed. Run `course build {chapter.id}`."


def _holds_outputs(notebook: NotebookNode) -> bool:
    return any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def _texts(notebook: NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def _first_statement(cell: NotebookNode) -> ast.stmt | None:
    return next(iter(ast.parse(cell.source).body), None)


def _calls(cell: NotebookNode, owners: set[str]) -> bool:
    tree = ast.parse(cell.source)
    return any(owner in owners for owner, _ in _method_calls(tree, into_functions=True))


def _method_calls(tree: ast.AST, into_functions: bool) -> Iterator[tuple[str, str]]:
    """Yield (owner, name) of every call `owner.name(...)`, with or without the bodies of functions."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    if isinstance(tree, functions) and not into_functions:
        return
    if isinstance(tree, ast.Call) and (found := _owner_and_name(tree)):
        yield found
    for child in ast.iter_child_nodes(tree):
        yield from _method_calls(child, into_functions)


def _owner_and_name(call: ast.Call) -> tuple[str, str] | None:
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return owner, name
    return None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _line(chapter: Chapter, index: int) -> int:
    lines = editions.cell_lines(chapter)
    return lines[index] if index < len(lines) else 1


def _place(chapter: Chapter, index: int | None = None) -> str:
    path = chapter.source.relative_to(chapter.root).as_posix()
    return path if index is None else f"{path}, line {_line(chapter, index)}"
