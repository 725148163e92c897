"""A course of one chapter that keeps every rule, for tests to break in one place."""

from pathlib import Path

import nbformat

from course_utils.commands import editions
from course_utils.commands.build import Edition, build_chapters
from course_utils.commands.chapters import Chapter
from course_utils.commands.execution import Outcome

SOURCE = """\
# %% [markdown]
# # 01 · Tiny: does it run?
#
# **You build.** Nothing much.
# **Time.** One minute.
# **You need.** Nothing.

# %%
import matplotlib.pyplot as plt

from course_utils import plots, results
from course_utils.checks import chapter01 as check

# %% tags=["parameters"]
SEED = 0  # every random number follows from it
DATA = "auto"  # "auto", "full" or "bundled"
LIMIT: int | None = None
SMOKE = False

# %% [markdown]
# ## Does a line rise?

# %% alt="A line that rises from 0 to 1."
plt.plot([0, 1])
plt.show()

# %%
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %%
check.double(double)

# %%
results.report("01", seed=SEED, smoke=SMOKE, answer=4.0)
"""

CLAIMS = """\
[[claim]]
chapter = "01"
metric = "answer"
data = "any"
at_least = 4.0
measured = [4.0, 4.0, 4.0]
note = "Arithmetic."
"""

FILES = {
    "chapters/01_tiny.py": SOURCE,
    "chapters/claims.toml": CLAIMS,
    "course_utils/__init__.py": "",
    "course_utils/plots.py": (
        "COLOUR = 'blue'\n\n\ndef load():\n    from .datasets import store\n    from .screen import pane\n"
    ),
    "course_utils/checks/__init__.py": "",
    "course_utils/checks/verdict.py": "",
    "course_utils/checks/chapter01.py": "from . import verdict\n",
    "course_utils/checks/chapter02.py": "",
    "course_utils/commands/run.py": "",
    "course_utils/datasets/__init__.py": "",
    "course_utils/datasets/other.py": "",
    "course_utils/datasets/store.py": "",
    "course_utils/screen/__init__.py": "",
    "course_utils/screen/pane.py": "",
    "requirements.txt": "numpy==2.0.0\n",
}


def write_project(root: Path) -> Chapter:
    """Write the sources of the course; nothing is built yet."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Chapter("01", "01_tiny", root)


def edit(chapter: Chapter, old: str, new: str) -> None:
    """Replace a text in the chapter's source."""
    replace_in(chapter.source, old, new)


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace a text in a file that must hold it."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


class FakeExecution:
    """Stands in for ``execution.execute``: fills in outputs as a run would, or fails.

    Attributes:
        runs: Names of the chapters that were executed.
    """

    def __init__(self, failing=(), value=4.0, text="a line\n", data=None, outputs=()):
        self.failing, self.value, self.text, self.data = set(failing), value, text, data
        self.outputs = list(outputs)
        self.runs = []

    def __call__(self, jobs, *, workers, cell_timeout, title):
        return [self._outcome(job) for job in jobs]

    def _outcome(self, job):
        self.runs.append(job.name)
        notebook = editions.stored(job.source)
        notebook.metadata["papermill"] = {"input_path": str(job.source)}
        notebook.metadata["language_info"]["version"] = "3.99"
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, 1):
            cell.execution_count = count
            cell.metadata["papermill"] = {"duration": 0.1}
            cell.metadata["execution"] = {"iopub.execute_input": "now"}
            cell.metadata["tags"] = cell.metadata.get("tags", [])
            if "plt.show" in cell.source:
                cell.outputs = [
                    {"output_type": "stream", "name": "stderr", "text": "a warning"},
                    {"output_type": "stream", "name": "stdout", "text": self.text},
                    display({"image/png": "aGk=", "text/plain": "<Figure>"}),
                    *self.outputs,
                ]
            if "results.report" in cell.source and self.value is not None:
                cell.outputs = [display(self._payload())]
        job.target.write_bytes(editions.to_bytes(nbformat.from_dict(notebook)))
        failed = job.name in self.failing
        reason = "cell 5 (Does a line rise?): ValueError: no" if failed else ""
        return Outcome(job.name, "failed" if failed else "ok", reason, 1.0, 1_000_000, job.target)

    def _payload(self):
        payload = {"chapter": "01", "seed": 0, "smoke": False, "data": self.data, "versions": {}}
        kind = "application/vnd.course.result+json"
        return {kind: {**payload, "metrics": {"answer": self.value}}, "text/plain": "answer: 4"}


def display(data: dict) -> dict:
    """Wrap a MIME bundle as the output of a cell."""
    return {"output_type": "display_data", "metadata": {}, "data": data}


def build_all(chapter: Chapter, execute=None, force=False) -> list[str]:
    """Build both editions, by default through a fake run."""
    return build_chapters([chapter], Edition.both, force, execute or FakeExecution())
