"""From a chapter's source to its two notebooks: text in, notebook out. Nothing here runs a chapter.

A source is a jupytext py:percent file. Its cells become a notebook with reproducible ids; the learner edition then
loses its solutions, and the worked edition gains outputs (see ``build.py``). The worked edition keeps the marker lines
``### BEGIN SOLUTION`` and ``### END SOLUTION``, so that a reader sees which part a learner had to write.

Sources hold plain Python: a line such as ``%matplotlib inline`` or ``!pip`` is a syntax error there, and a comment
that looks like one stays a comment.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import os
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from modulefinder import ModuleFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils import results

from .chapters import Chapter

if TYPE_CHECKING:
    from nbformat import NotebookNode

CELL_START = re.compile(r"^\s*#\s*%%+(?:\s|$)")
TEXT_CELL = re.compile(r"\[(?:markdown|md|raw)\]")
# nbgrader's markers and its default stub: its ClearSolutions must give the same text as ours.
BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
# What jupytext notes about the layout of the source.
LAYOUT_METADATA = {
    "cell_depth",
    "cell_marker",
    "lines_to_end_of_cell_marker",
    "lines_to_next_cell",
    "title",
}
# The models behind widgets live in the kernel; without them a stored view shows only an error.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg", "image/gif")
# Mean difference per colour channel, of 255, from which a reduced picture is not stored. Plots differ by 0.0 to 0.3,
# small photographs and drawings by 1 to 4.
VISIBLE = 2.0


class Part(NamedTuple):
    """One cell's stretch of a source.

    Attributes:
        line: Number of the ``# %%`` line in the file, from 1.
        is_code: False for markdown and raw cells.
        body: The lines after the ``# %%`` line.
    """

    line: int
    is_code: bool
    body: list[str]


class Record(NamedTuple):
    """What a worked edition says about the run that made it.

    Attributes:
        inputs: The :func:`inputs_hash` of that run.
        data: "full", "bundled", or "any" where no result came from a data set.
        outputs: The :func:`outputs_hash` of what is stored; "" before it is.
    """

    inputs: str
    data: str
    outputs: str = ""


def read_source(chapter: Chapter) -> NotebookNode:
    """Read a chapter's source as a notebook, solutions included.

    Args:
        chapter: The chapter.

    Returns:
        A notebook without outputs, whose cell ids and metadata depend on the source alone.

    Raises:
        ValueError: A cell is not valid Python, an exercise marker lacks its partner, or the cells cannot be told apart.
        FileNotFoundError: The chapter has no source.
    """
    import jupytext
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

    try:
        text = chapter.source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{_place(chapter)} is not UTF-8 ({error.reason}). Save it as UTF-8.") from error
    parts = _parts(text)
    for number, part in enumerate(parts, 1):
        _refuse_bad_syntax(part, number, chapter)
        _refuse_bad_markers(part, chapter)

    percent = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    # Of an empty file jupytext makes one empty cell.
    read = jupytext.reads(text, fmt=percent).cells if text.strip() else []
    if len(read) != len(parts):
        raise ValueError(
            f"{_place(chapter)} has {len(parts)} lines that start a cell, but jupytext finds {len(read)} cells. "
            "Start the file with `# %% [markdown]`, and keep `# %%` out of strings."
        )
    new_cell = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
    cells = [
        new_cell[cell.cell_type](
            cell.source.strip("\n"),
            metadata={key: value for key, value in cell.metadata.items() if key not in LAYOUT_METADATA},
        )
        for cell in read
    ]
    notebook = new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)
    for cell, cell_id in zip(cells, content_ids(notebook), strict=True):
        cell.id = cell_id
    return notebook


def cell_lines(chapter: Chapter) -> list[int]:
    """Give the line in the source at which each cell of :func:`read_source` starts, counted from 1."""
    return [part.line for part in _parts(chapter.source.read_text(encoding="utf-8"))]


def learner_edition(chapter: Chapter) -> NotebookNode:
    """Derive the notebook that learners open: stubs in place of solutions, no outputs.

    Args:
        chapter: The chapter.

    Returns:
        The notebook; :func:`to_bytes` gives the same bytes for the same source.

    Raises:
        ValueError: As :func:`read_source`.
    """
    notebook = read_source(chapter)
    for cell in notebook.cells:
        cell.source = without_solutions(cell.source)
    return notebook


def worked_edition(chapter: Chapter) -> NotebookNode:
    """Derive the notebook with solutions, not executed yet.

    Args:
        chapter: The chapter.

    Returns:
        The notebook, with the same cell ids as the learner edition.

    Raises:
        ValueError: As :func:`read_source`.
    """
    return read_source(chapter)


def to_bytes(notebook: NotebookNode) -> bytes:
    """Write a notebook the way it is stored: UTF-8, sorted keys, one space of indent, a line end at the end."""
    import nbformat

    return (nbformat.writes(notebook, nbformat.NO_CONVERT) + "\n").encode()


def without_solutions(code: str) -> str:
    """Replace every marked solution by the stub, at the marker's indentation.

    Args:
        code: Text of one cell.

    Returns:
        The text that a learner sees; the same text where no solution is marked.
    """
    lines, inside = [], False
    for line in code.split("\n"):
        if BEGIN in line:
            indent = re.match(r"\s*", line)[0]
            lines += [indent + stub for stub in STUB]
            inside = True
        elif END in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def content_ids(notebook: NotebookNode) -> list[str]:
    """Compute the cell ids that follow from what a learner sees in each cell.

    Both editions have the same ids, and a better solution leaves the learner edition as it was.

    Args:
        notebook: Either edition.

    Returns:
        One id per cell: 12 hexadecimal digits, with "-2", "-3", ... after those of repeated cells.
    """
    seen: Counter[str] = Counter()
    ids = []
    for cell in notebook.cells:
        content = f"{cell.cell_type}\n{without_solutions(cell.source)}"
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        seen[digest] += 1
        ids.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return ids


def inputs_hash(chapter: Chapter) -> str:
    """Hash everything in the project that can change what the worked edition shows.

    That is: the chapter's code cells (its prose changes no output), the modules of the project that it imports, itself
    or by way of others, its claims, and the lock.

    Args:
        chapter: The chapter.

    Returns:
        A sha256 in hexadecimal digits, the same on every platform.

    Raises:
        ValueError: As :func:`read_source`, or the claims cannot be read.
    """
    notebook = read_source(chapter)
    code = [[cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells if cell.cell_type == "code"]
    claims = [asdict(claim) for claim in claims_of(chapter)]
    inputs = {
        "code": code,
        "claims": claims,
        "files": {
            path.relative_to(chapter.root).as_posix(): path.read_text(encoding="utf-8")
            for path in _input_files(chapter)
        },
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def claims_of(chapter: Chapter) -> list[results.Claim]:
    """List the chapter's claims; none where the project has no claims file yet."""
    path = chapter.root / "chapters" / "claims.toml"
    claims = results.load_claims(path) if path.exists() else []
    return [claim for claim in claims if claim.chapter == chapter.id]


def recorded(chapter: Chapter) -> Record | None:
    """Read what the stored worked edition says about the run that made it.

    Args:
        chapter: The chapter.

    Returns:
        The record, or None where there is no worked edition or it holds no record.
    """
    return record_of(stored(chapter.worked))


def record_of(notebook: NotebookNode | None) -> Record | None:
    """Do the same for a worked edition that is read already; None where there is none."""
    found = notebook.metadata.get("course") if notebook else None
    try:
        return Record(found["inputs"], found["data"], found["outputs"])
    except (KeyError, TypeError):
        return None


def stored(path: Path) -> NotebookNode | None:
    """Read a notebook from disk; None where there is none, or the file is not a notebook (nbformat 4)."""
    from nbformat import v4

    try:
        notebook = v4.reads(path.read_text(encoding="utf-8"))
        return notebook if "cells" in notebook and "metadata" in notebook else None
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return None


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Copy a notebook without its outputs, execution counts and record of the run."""
    import nbformat

    bare = nbformat.from_dict(notebook)
    bare.metadata.pop("course", None)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def with_outputs(notebook: NotebookNode, executed: NotebookNode, record: Record, root: Path) -> NotebookNode:
    """Put the outputs of a run into the worked edition, and nothing else of that run.

    Left behind are timings, papermill's notes, versions, stderr, and views of widgets. Folders of this machine are
    renamed in the outputs: the project's becomes ".", home "~". Figures are stored with 256 colours where that looks
    the same, which takes a third of the space.

    Args:
        notebook: What :func:`worked_edition` returned.
        executed: A notebook with the same code cells, after its run.
        record: What to record about the run; its hash of the outputs is filled in.
        root: The project's folder.

    Returns:
        A new notebook, ready for :func:`to_bytes`.

    Raises:
        ValueError: The code cells of the two notebooks differ.
    """
    import nbformat

    if code_of(notebook) != code_of(executed):
        raise ValueError("The executed notebook has other code than the source. Build again without editing meanwhile.")
    result = nbformat.from_dict(notebook)
    folders = _folders(root)
    for cell, ran in zip(_code_cells(result), _code_cells(executed), strict=True):
        cleaned = (_cleaned(output, folders) for output in ran.outputs)
        cell.outputs = [nbformat.from_dict(output) for output in cleaned if output]
        cell.execution_count = ran.execution_count
    result.metadata["course"] = record._replace(outputs=outputs_hash(result))._asdict()
    return result


def outputs_hash(notebook: NotebookNode) -> str:
    """Hash every output of a notebook, so that one edited by hand is found out."""
    outputs = [cell.outputs for cell in _code_cells(notebook)]
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def code_of(notebook: NotebookNode) -> list[str]:
    """List the text of a notebook's code cells."""
    return [cell.source for cell in _code_cells(notebook)]


def data_kind(notebook: NotebookNode) -> str:
    """Say on which data an executed notebook ran.

    Args:
        notebook: An executed notebook.

    Returns:
        "full" where any result came from full data, else "bundled"; "any" where no result came from a data set.
    """
    payloads = results.collect(notebook)
    kinds = {payload["data"]["kind"] for payload in payloads if payload["data"]}
    return next((kind for kind in ("full", "bundled") if kind in kinds), "any")


def holds_image(cell: NotebookNode) -> bool:
    """Say whether a cell has a picture among its outputs."""
    return any(kind.startswith("image/") for output in cell.get("outputs", []) for kind in output.get("data", {}))


def section_of(notebook: NotebookNode, index: int) -> str:
    """Find the heading above a cell, without its hashes; "" where there is none."""
    headings = [
        line.lstrip("# ")
        for cell in notebook.cells[: index + 1]
        if cell.cell_type == "markdown"
        for line in cell.source.split("\n")
        if re.match(r"#+ ", line)
    ]
    return headings[-1] if headings else ""


def _parts(text: str) -> list[Part]:
    lines = text.split("\n")
    starts = [index for index, line in enumerate(lines) if CELL_START.match(line)]
    return [
        Part(start + 1, not TEXT_CELL.search(lines[start]), lines[start + 1 : end])
        for start, end in pairwise([*starts, len(lines)])
    ]


def _place(chapter: Chapter, line: int | None = None) -> str:
    path = chapter.source.relative_to(chapter.root).as_posix()
    return path if line is None else f"{path}, line {line}"


def _refuse_bad_syntax(part: Part, number: int, chapter: Chapter) -> None:
    if not part.is_code:
        return
    # The empty lines in front make Python count as the file does.
    code = "\n" * part.line + "\n".join(part.body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            compile(
                code,
                chapter.source.name,
                "exec",
                flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                dont_inherit=True,
            )
    except SyntaxError as error:
        place = _place(chapter, error.lineno or part.line)
        raise ValueError(
            f"{place} (cell {number}): {error.msg}. Correct the Python there, then build again."
        ) from error


def _refuse_bad_markers(part: Part, chapter: Chapter) -> None:
    opened = None
    for line, content in enumerate(part.body, part.line + 1):
        found = next((marker for marker in (BEGIN, END) if marker in content), None)
        if not found:
            continue
        place = _place(chapter, line)
        if not part.is_code:
            raise ValueError(f"{place}: {found} in a text cell. Mark solutions in code cells only.")
        if found == BEGIN and opened:
            raise ValueError(
                f"{place}: {BEGIN} inside the solution that begins in line {opened}. "
                f"Close that one with `### {END}` first."
            )
        if found == END and not opened:
            raise ValueError(
                f"{place}: {END} without a beginning. Put `### {BEGIN}` above the solution, in the same cell."
            )
        opened = line if found == BEGIN else None
    if opened:
        raise ValueError(
            f"{_place(chapter, opened)}: {BEGIN} is never closed. Put `### {END}` below the solution, in the same cell."
        )


def _input_files(chapter: Chapter) -> list[Path]:
    """List the modules of the project that a chapter imports, itself or by way of others, and the lock.

    Nobody watches the run that makes a worked edition, so what is for a person's screen has no part in it.
    """
    finder = ModuleFinder(path=[str(chapter.root)], excludes=["course_utils.screen"])
    finder.run_script(str(chapter.source))
    package = chapter.root / "course_utils"
    found = {Path(module.__file__) for module in finder.modules.values() if module.__file__}
    files = {path for path in found if path.is_relative_to(package)} | {chapter.root / "requirements.txt"}
    return sorted(path for path in files if path.is_file())


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _cleaned(output: Mapping[str, Any], folders: Mapping[re.Pattern[str], str]) -> dict | None:
    if output.get("name") == "stderr":
        return None
    if "data" not in output:
        return _renamed(output, folders)
    data = {
        kind: value if kind in PICTURES else _renamed(value, folders)
        for kind, value in output["data"].items()
        if kind != WIDGET_VIEW
    }
    if "image/png" in data:
        data["image/png"] = _with_palette(data["image/png"])
    return {**output, "data": data} if data else None


def _with_palette(picture: str) -> str:
    """Reduce a PNG (base64) to 256 colours; unchanged where that would show, save nothing, or has been done."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    original = base64.b64decode(picture)
    try:
        image = Image.open(io.BytesIO(original))
        if image.mode not in ("RGB", "RGBA") or image.getextrema()[3:] not in ((), ((255, 255),)):
            return picture
        colours = image.convert("RGB")
    except UnidentifiedImageError:
        return picture
    reduced = colours.quantize(256, dither=Image.Dither.NONE)
    difference = np.asarray(colours, int) - np.asarray(reduced.convert("RGB"), int)
    packed = io.BytesIO()
    reduced.save(packed, "png", optimize=True)
    if np.abs(difference).mean() > VISIBLE or len(packed.getvalue()) >= len(original):
        return picture
    return base64.b64encode(packed.getvalue()).decode("ascii")


def _renamed(value: Any, folders: Mapping[re.Pattern[str], str]) -> Any:
    if isinstance(value, str):
        for pattern, name in folders.items():
            value = pattern.sub(lambda _, name=name: name, value)
        return value
    if isinstance(value, Mapping):
        return {key: _renamed(item, folders) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, folders) for item in value]
    return value


def _folders(root: Path) -> dict[re.Pattern[str], str]:
    """Patterns of this machine's folders and what stands for each, the longest first."""
    names = {
        str(Path.home()): "~",
        tempfile.gettempdir(): "$TMPDIR",
        **{os.environ[key]: f"${key}" for key in ("COURSE_DATA_DIR", "COURSE_CACHE_DIR") if os.environ.get(key)},
        str(root): ".",
    }
    spellings = {
        spelling: name
        for folder, name in names.items()
        for path in (Path(folder).absolute(), Path(folder).resolve())
        for spelling in (str(path), path.as_posix(), str(path).replace("\\", "\\\\"))
        if len(path.parts) > 1
    }
    return {
        re.compile(rf"(?<![\w.]){re.escape(folder)}(?![\w-]|\.\w)"): spellings[folder]
        for folder in sorted(spellings, key=len, reverse=True)
    }
