"""Which chapters there are, and where their sources and editions lie."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# Parameters that name a file or a folder of the learner's own, in chapters that have no public full set.
OWN_FILES = ("CSV", "IMAGES")
SOURCE_NAME = re.compile(r"(?P<id>\d\d|A\d)_\w+\.py")


class Chapter(NamedTuple):
    """One chapter of the course.

    Attributes:
        id: Its number as the learner says it: "01" to "99", "A1" for an appendix.
        name: Its file name without suffix: "01_basics".
        root: The project's folder.
    """

    id: str
    name: str
    root: Path = ROOT

    @property
    def source(self) -> Path:
        """The py:percent file that is edited by hand."""
        return self.root / "chapters" / f"{self.name}.py"

    @property
    def learner(self) -> Path:
        """The built notebook with open exercises and no outputs."""
        return self.root / "notebooks" / f"{self.name}.ipynb"

    @property
    def worked(self) -> Path:
        """The built notebook with solutions and outputs."""
        return self.root / "solutions" / f"{self.name}.ipynb"


def known(root: Path = ROOT) -> list[Chapter]:
    """List every chapter that has a source, in the order of the course (numbers, then appendices)."""
    matches = (SOURCE_NAME.fullmatch(path.name) for path in sorted((root / "chapters").glob("*.py")))
    return [Chapter(match["id"], match.string.removesuffix(".py"), root) for match in matches if match]


def select(wanted: Sequence[str], root: Path = ROOT) -> list[Chapter]:
    """Find the chapters that a user names.

    Args:
        wanted: Chapter ids or names ("1", "01", "01_basics", "a1"); empty for all.
        root: The project's folder.

    Returns:
        The chapters in the order of the course, each once.

    Raises:
        ValueError: A name fits no chapter.
    """
    chapters = known(root)
    names = {key.lower(): chapter for chapter in chapters for key in (chapter.id, chapter.name)}
    chosen = set()
    for name in wanted:
        stem = Path(name).name.lower().removesuffix(".ipynb").removesuffix(".py")
        chapter = names.get(stem.zfill(2) if stem.isdigit() else stem)
        if chapter is None:
            listing = ", ".join(f"{chapter.id} ({chapter.name})" for chapter in chapters)
            raise ValueError(f"No chapter is called {name!r}. Pass one of: {listing}.")
        chosen.add(chapter)
    return [chapter for chapter in chapters if not wanted or chapter in chosen]
