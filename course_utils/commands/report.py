"""The report of `course run`: an HTML page, the executed notebooks as pages, and results.json."""

from __future__ import annotations

import html
import json
import os
import platform
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils import results

from .execution import Outcome, size_text

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATE = Path(__file__).with_suffix(".html.j2")
BAD_VERDICTS = ("missed", "not reported", "other data", "unlike its record")


class Run(NamedTuple):
    """Everything that a report says.

    Attributes:
        started: When the run began.
        edition: "notebooks" or "solutions".
        parameters: What was passed to the chapters.
        outcomes: One per chapter.
        payloads: Every result that the chapters recorded, by the outcome's name.
        rows: The scoreboard.
        yardstick: Seconds of the yardstick on this machine, lately; None where it was not run.
    """

    started: datetime
    edition: str
    parameters: dict[str, object]
    outcomes: Sequence[Outcome]
    payloads: dict[str, list[dict]]
    rows: Sequence[results.Row]
    yardstick: float | None = None

    @property
    def yardstick_text(self) -> str:
        """What to write beside a table of seconds."""
        if self.yardstick is None:
            return "Yardstick: not run in the last two hours (make yardstick)."
        return f"Yardstick: {self.yardstick:.0f} s; budgets are meant for a machine where it takes 60 s."


def write(run: Run, folder: Path) -> Path:
    """Write the report of a run.

    Args:
        run: What to say.
        folder: Where to; executed notebooks in it are linked.

    Returns:
        The page to open, ``index.html``.
    """
    import jinja2

    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "started": run.started.isoformat(sep=" ", timespec="seconds"),
        "verdict": verdict(run),
        "edition": run.edition,
        "parameters": run.parameters,
        "machine": machine(),
        "yardstick": run.yardstick,
        "chapters": [_chapter(outcome, run.payloads[outcome.name], folder) for outcome in run.outcomes],
        "scoreboard": [row._asdict() for row in run.rows],
    }
    payloads = [payload for recorded in run.payloads.values() for payload in recorded]
    text = json.dumps({**facts, "payloads": payloads}, indent=1, ensure_ascii=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    index = folder / "index.html"
    index.write_text(template.render(**facts, size_text=size_text, bad_verdicts=BAD_VERDICTS), encoding="utf-8")
    return index


def verdict(run: Run) -> str:
    """Sum a run up in one line: "2 chapters ok, 1 failed; claims: 5 met, 1 missed"."""
    statuses = _counted([outcome.status for outcome in run.outcomes])
    claims = _counted([row.verdict for row in run.rows if row.verdict != "no claim"])
    chapters = "chapter" if len(run.outcomes) == 1 else "chapters"
    return f"{len(run.outcomes)} {chapters}: {statuses}" + (f"; claims: {claims}" if claims else "")


def data_text(payloads: Sequence[dict]) -> str:
    """Say which data a chapter's results came from: "mnist (full)"; "" for none."""
    used = (payload["data"] for payload in payloads if payload["data"])
    return ", ".join(dict.fromkeys(f"{data['name']} ({data['kind']})" for data in used))


def machine() -> dict[str, str]:
    """Describe what the run ran on: versions, platform, processors, memory."""
    import psutil

    return {
        "Python": platform.python_version(),
        "TensorFlow": _version("tensorflow"),
        "Keras": _version("keras"),
        "Platform": platform.platform(),
        "Processors": str(os.cpu_count()),
        "Memory": size_text(psutil.virtual_memory().total),
    }


def _counted(words: Sequence[str]) -> str:
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _chapter(outcome: Outcome, payloads: Sequence[dict], folder: Path) -> dict[str, Any]:
    there = outcome.target.exists()
    return {
        "name": outcome.name,
        "status": outcome.status,
        "reason": outcome.reason,
        "data": data_text(payloads),
        "seconds": round(outcome.seconds, 2),
        "peak_bytes": outcome.peak_bytes,
        "notebook": outcome.target.relative_to(folder).as_posix() if there else None,
        "page": _page(outcome.target) if there else None,
    }


def _page(notebook: Path) -> str | None:
    """Write a notebook as HTML beside it.

    Returns:
        The page's file name; None where the notebook is too broken to show, as after a kill in the midst of saving.
    """
    import nbformat
    from nbconvert import HTMLExporter

    try:
        shown = nbformat.read(notebook, as_version=4)
        for cell in shown.cells:
            _describe_pictures(cell)
        resources = {"metadata": {"name": notebook.stem}}  # the page's title
        text, _ = HTMLExporter().from_notebook_node(shown, resources)
    except Exception:  # nbconvert has no error of its own; one bad notebook must not cost the report
        return None
    page = notebook.with_suffix(".html")
    page.write_text(text, encoding="utf-8")
    return page.name


def _describe_pictures(cell: NotebookNode) -> None:
    """Hand a cell's alt text to its pictures: nbconvert does not, and says that there is no description."""
    if "alt" not in cell.metadata:
        return
    for output in cell.get("outputs", []):
        picture = output.get("data", {}).get("image/png")
        if picture:
            width = output.metadata.get("image/png", {}).get("width")
            size = f' width="{int(width)}"' if width else ""
            alt = html.escape(cell.metadata["alt"])
            output.data["text/html"] = f'<img alt="{alt}"{size} src="data:image/png;base64,{picture}">'
