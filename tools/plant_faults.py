"""Does CI see what it is there to see? Plant one fault at a time in a copy of the project, and run what must turn red.

    python tools/plant_faults.py [WORD OF A NAME ...]

Each command is a part of `make test` or, where noted, of `make test-all`. The copy is made of what git tracks, with the
changes that are not committed yet; it uses the environment that runs this. First the same commands run without a fault:
they must be green.
"""

import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COURSE = [sys.executable, "-c", "from course_utils.commands import app; app()"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
ISOLATED = [sys.executable, "tools/isolated.py"]
CHECK = [*COURSE, "check"]
# Of what a command prints, the lines that say what is wrong.
TELLING = re.compile(r" failed: |^FAILED|^ERROR|left behind|^chapters/|^notebooks/|^solutions/|unlike its record")


class Fault(NamedTuple):
    """One fault.

    Attributes:
        name: What is wrong.
        plant: Makes it so, in the folder that it is given.
        command: The part of `make test` that must fail.
    """

    name: str
    plant: Callable[[Path], None]
    command: list[str]


def smoke(chapter: str) -> list[str]:
    """The smoke run of `make test`, of one chapter alone."""
    return [*ISOLATED, *COURSE, "run", chapter, "--data", "bundled", "--param", "SMOKE=true"]


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace the first place where a text stands in a file that must hold it."""

    def plant(root: Path) -> None:
        path = root / name
        text = path.read_text(encoding="utf-8")
        if old not in text:
            sys.exit(f"{name} no longer holds {old!r}. Plant this fault elsewhere.")
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return plant


def in_both(chapter: str, old: str, new: str) -> Callable[[Path], None]:
    """Change a chapter's source and build its learner edition, as an author who forgets the worked one."""

    def plant(root: Path) -> None:
        change(f"chapters/{chapter}.py", old, new)(root)
        command = [*COURSE, "build", chapter, "--edition", "notebooks"]
        subprocess.run(command, cwd=root, env=environment(root), check=True, capture_output=True)

    return plant


def swap_sections(root: Path) -> None:
    """Let two sections of chapter 02 change places, and build its learner edition."""
    path = root / "chapters/02_mlp.py"
    cells = re.split(r"(?m)^(?=# %%)", path.read_text(encoding="utf-8"))
    first, second, end = (next(i for i, cell in enumerate(cells) if f"# ## {n}. " in cell) for n in (4, 5, 6))
    path.write_text("".join(cells[:first] + cells[second:end] + cells[first:second] + cells[end:]), encoding="utf-8")
    in_both("02_mlp", "", "")(root)


def environment(root: Path) -> dict[str, str]:
    """Let a command take the course from the copy, with the weights that are on hand here."""
    cache = os.environ.get("COURSE_CACHE_DIR", str(ROOT / "data" / "cache"))
    return {**os.environ, "PYTHONPATH": str(root), "COURSE_CACHE_DIR": cache}


def faults(address: str) -> list[Fault]:
    """List every fault; a server that answers on this machine is at the address."""
    imports = "import keras\n"
    connect = f"import urllib.request\nurllib.request.urlopen('{address}', timeout=5)\n{imports}"
    return [
        Fault(
            "a broken loader",
            change("course_utils/datasets/mnist.py", "np.load", "np.loadtxt"),
            [*PYTEST, "tests/test_mnist.py"],
        ),
        Fault("a stale edition", change("chapters/02_mlp.py", "# ## 1. ", "# ## 1. Now: "), CHECK),
        Fault("a wrong claim", change("chapters/claims.toml", "at_least = 0.92", "at_least = 0.96"), CHECK),
        Fault(
            "a record that misses its claim",
            change("chapters/ledger.jsonl", '"xor_accuracy": 1.0', '"xor_accuracy": 0.9'),
            CHECK,
        ),
        Fault(
            "a record that was typed (test-all)",
            change("chapters/ledger.jsonl", '"digits_accuracy": 0.', '"digits_accuracy": 1.'),
            [*COURSE, "run", "01", "--data", "bundled", "--again"],
        ),
        Fault(
            "a widget that raises",
            change("chapters/03_cnn.py", 'ax.set_title(f"layer', 'ax.set_titel(f"layer'),
            [*PYTEST, "tests/test_chapter_widgets.py", "-k", "browser"],
        ),
        Fault(
            "a check that praises a wrong answer",
            change(
                "course_utils/checks/verdict.py",
                "Verdict(NOT_RIGHT, found) if found",
                "Verdict(CORRECT, praise) if found",
            ),
            [*PYTEST, "tests/test_checks.py", "-k", "02"],
        ),
        Fault(
            "a shadowed environment variable",
            change(
                "tests/test_plots.py",
                "\nimport pytest",
                "\nimport os\nos.environ['COURSE_CACHE_DIR'] = 'x'\nimport pytest",
            ),
            [*PYTEST, "tests/test_plots.py"],
        ),
        Fault("a missing alt text", in_both("02_mlp", "# %% alt=", "# %% old="), CHECK),
        Fault("a notebook that connects somewhere", in_both("02_mlp", imports, connect), smoke("02")),
        Fault("a figure that is not drawn", in_both("02_mlp", "plt.show()", "plt.close()"), smoke("02")),
        Fault("a kernel that dies", in_both("02_mlp", imports, f"import os\nos._exit(1)\n{imports}"), smoke("02")),
        Fault(
            "a leaked temporary folder",
            change(
                "course_utils/commands/execution.py",
                "    job.target.parent.mkdir",
                "    tempfile.mkdtemp()\n    job.target.parent.mkdir",
            ),
            smoke("02"),
        ),
        Fault("a reordered section", swap_sections, CHECK),
    ]


def copy(folder: Path) -> Path:
    """Copy what git tracks, or would track, as it lies here."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def run(fault: Fault | None, command: list[str]) -> bool:
    """Say whether a command fails with a fault, and show the last line that it printed."""
    with tempfile.TemporaryDirectory(prefix="fault-") as name:
        root = copy(Path(name))
        if fault:
            fault.plant(root)
        began = time.monotonic()
        done = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    told = [line for line in lines if TELLING.search(line)] or lines[-1:] or [""]
    print(f"    exit code {done.returncode} after {seconds:.0f} s: {told[0][:160]}", flush=True)
    return done.returncode != 0


class Answer(http.server.BaseHTTPRequestHandler):
    """A server that says yes to everything."""

    def do_GET(self):
        """Answer without content."""
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Keep the terminal clean."""


def main(words: list[str]) -> int:
    """Plant the chosen faults; 1 where one stayed green, or a command is red without any."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chosen = [
        fault
        for fault in faults(f"http://127.0.0.1:{server.server_port}")
        if not words or any(word in fault.name for word in words)
    ]
    wrong = []
    for command in {" ".join(fault.command): fault.command for fault in chosen}.values():
        print(f"without a fault: {' '.join(command[1:])}", flush=True)
        wrong += ["red without a fault"] if run(None, command) else []
    for fault in chosen:
        print(fault.name, flush=True)
        wrong += [] if run(fault, fault.command) else [f"green with {fault.name}"]
    print(f"{len(chosen)} faults planted, {len(wrong)} surprises{': ' + ', '.join(wrong) if wrong else ''}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
