"""The ledger: what each chapter's latest recorded run gave, on bundled and on full data.

One line of JSON per chapter and kind of data, in ``chapters/ledger.jsonl``, written by runs alone: ``course run
--record`` and ``course build``. A chapter whose record was made from its very inputs need not run again. ``course
check`` reads here whether its numbers keep their claims, and whether every claim has one.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from course_utils import results

from .chapters import Chapter
from .files import write_whole

KINDS = ("full", "bundled", "any")
# Two runs with one seed, on machines that round otherwise, stay within what other seeds give.
APART_SD = results.FARTHEST_SD
YARDSTICK_AGE = timedelta(hours=2)  # an older one says little about a run of today


class Record(NamedTuple):
    """One recorded run.

    Attributes:
        chapter: Chapter id, such as "02".
        data: "full" where any result came from full data, else "bundled"; "any" where none came from a data set.
        seed: The seed that it started from.
        inputs: The inputs hash of the chapter (``editions.inputs_hash``), taken before the run.
        results: {kind of data: {metric: value}}, kinds as ``data``.
        sources: {name of data set and its kind: sha256}, such as {"mnist (full)": "..."}.
        versions: {package: version}.
        seconds: From the start of its worker to its end; None where it was not noted.
        peak_bytes: Peak memory of the kernel; None where it was not noted.
        yardstick: Seconds of the yardstick (``make yardstick``) in the same hours; None where it was not run.
        at: When the run was recorded, ISO 8601 in UTC.
    """

    chapter: str
    data: str
    seed: int
    inputs: str
    results: dict[str, dict[str, float]]
    sources: dict[str, str]
    versions: dict[str, str]
    seconds: float | None
    peak_bytes: int | None
    yardstick: float | None
    at: str


def path_of(root: Path) -> Path:
    """Give the place of the ledger in a project."""
    return root / "chapters" / "ledger.jsonl"


def read(root: Path) -> list[Record]:
    """Read every record.

    Args:
        root: The project's folder.

    Returns:
        The records in the order of the file; none where there is no file yet.

    Raises:
        ValueError: A line is no record, or a chapter has two records for one kind of data.
    """
    path = path_of(root)
    if not path.exists():
        return []
    again = "Remove it, and record that run again: course run CHAPTER --record."
    records: dict[tuple[str, str], Record] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"chapters/{path.name}, line {number}"
        try:
            record = Record(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{where} is no record of a run ({error}). {again}") from None
        problem = _problem(record)
        if (record.chapter, record.data) in records:
            problem = f"is a second record of {record.chapter} on {record.data} data"
        if problem:
            raise ValueError(f"{where} {problem}. {again}")
        records[record.chapter, record.data] = record
    return list(records.values())


def write(new: Iterable[Record], root: Path) -> None:
    """Put records into the ledger, each in place of the earlier one of its chapter and data.

    Args:
        new: The records.
        root: The project's folder.

    Raises:
        ValueError: The ledger on disk is damaged; nothing is written then.
        OSError: It cannot be written.
    """
    records = {(record.chapter, record.data): record for record in [*read(root), *new]}
    lines = [json.dumps(records[key]._asdict(), sort_keys=True) + "\n" for key in sorted(records)]
    write_whole(path_of(root), "".join(lines).encode())


def find(records: Sequence[Record], chapter: Chapter, data: str) -> Record | None:
    """Find a chapter's record.

    Args:
        records: What :func:`read` returned.
        chapter: The chapter.
        data: "full" or "bundled". A record on "any" data serves both.

    Returns:
        The record; None where there is none.
    """
    own = {record.data: record for record in records if record.chapter == chapter.id}
    return own.get(data) or own.get("any")


def of_run(chapter: Chapter, inputs: str, payloads: Sequence[dict], seconds=None, peak_bytes=None) -> Record:
    """Make the record of a run.

    Args:
        chapter: The chapter that ran.
        inputs: Its inputs hash, taken before the run.
        payloads: What it reported (``results.collect``).
        seconds: How long it took, or None.
        peak_bytes: Its peak memory, or None.

    Returns:
        The record, for :func:`write`.

    Raises:
        ValueError: The run reported nothing, or is no whole one: a smoke run, or with a part of the training data.
    """
    if not payloads:
        raise ValueError(f"{chapter.name} reported no result, so there is nothing to record.")
    if any(each["smoke"] or (each["data"] and each["data"].get("limit")) for each in payloads):
        raise ValueError(
            f"{chapter.name} ran with trainings or data cut short. Record a run with the chapter's own settings."
        )
    numbers: dict[str, dict[str, float]] = {}
    sources = {}
    for each in payloads:
        kind = each["data"]["kind"] if each["data"] else "any"
        numbers.setdefault(kind, {}).update(each["metrics"])
        if each["data"]:
            sources[f"{each['data']['name']} ({kind})"] = each["data"]["sha256"]
    return Record(
        chapter=chapter.id,
        data=next(kind for kind in KINDS if kind in numbers),
        seed=payloads[0]["seed"],
        inputs=inputs,
        results=numbers,
        sources=sources,
        versions=payloads[0]["versions"],
        seconds=None if seconds is None else round(seconds, 1),
        peak_bytes=peak_bytes,
        yardstick=yardstick(chapter.root),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def yardstick(root: Path) -> float | None:
    """Read how many seconds the yardstick took here, in the last two hours; None where it was not run."""
    try:
        found = json.loads((root / "reports" / "yardstick.json").read_text(encoding="utf-8"))
        fresh = datetime.now(UTC) - datetime.fromisoformat(found["at"]) < YARDSTICK_AGE
        return float(found["seconds"]) if fresh else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def rows_of(record: Record, claims: Sequence[results.Claim]) -> list[results.Row]:
    """Hold a record's numbers against the claims, as the scoreboard does with a run's."""
    payloads = [
        {
            "chapter": record.chapter,
            "smoke": False,
            "metrics": metrics,
            "data": None if kind == "any" else {"kind": kind, "sha256": _only(record.sources, kind)},
        }
        for kind, metrics in record.results.items()
    ]
    asked = "auto" if record.data == "any" else record.data
    return results.scoreboard(payloads, claims, {record.chapter}, asked)


def compared(
    rows: Sequence[results.Row], earlier: Mapping[str, Record], claims: Sequence[results.Claim]
) -> list[results.Row]:
    """Hold the numbers of a new run against those of recorded ones, seed and data being the same.

    Two such runs may differ by what rounding makes of them, which is less than what other seeds give: six standard
    deviations of a claim's measured values. Tolerances are left out: rounding is all that they are about.

    Args:
        rows: The scoreboard of the new run.
        earlier: {chapter id: its recorded run}; the rows of other chapters stay as they are.
        claims: The claims of the course.

    Returns:
        The rows, with the verdict "unlike its record" where a number that met its claim is too far from the record.
    """
    spreads = {
        (claim.chapter, claim.metric, kind): statistics.stdev(claim.measured)
        for claim in claims
        for kind in (KINDS if claim.data == "any" else [claim.data])
        if not claim.tolerance
    }

    def differs(row: results.Row) -> bool:
        spread = spreads.get((row.chapter, row.metric, row.data))
        if row.verdict not in ("met", "short") or row.chapter not in earlier or spread is None:
            return False
        before = earlier[row.chapter].results.get(row.data, {}).get(row.metric, math.inf)
        return abs(row.value - before) > APART_SD * spread + 1e-9 * abs(row.value)

    return [row._replace(verdict="unlike its record") if differs(row) else row for row in rows]


def _only(sources: dict[str, str], kind: str) -> str:
    """The hash of the data of that kind; a claim that names a hash is about a chapter's only such data set."""
    return next((digest for name, digest in sources.items() if name.endswith(f"({kind})")), "")


def _problem(record: Record) -> str:
    """Say what is wrong with a record; "" where nothing is."""
    if record.data not in KINDS:
        return f"has data {record.data!r}, which is none of {', '.join(KINDS)}"
    if not re.fullmatch("[0-9a-f]{64}", str(record.inputs)):
        return "has no inputs hash"
    if not isinstance(record.results, dict) or not record.results.get(record.data):
        return f"has no result on {record.data} data"
    try:
        if datetime.fromisoformat(record.at) > datetime.now(UTC) + timedelta(days=1):
            return f"was recorded in the future ({record.at})"
    except (ValueError, TypeError):
        return f"has no time ({record.at!r})"
    return ""
