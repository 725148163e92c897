"""A chapter's headline numbers: shown beside the course's claims, and recorded for CI.

A chapter ends each experiment with :func:`report`. The learner sees a small table; the same numbers go into the
notebook as machine-readable output, from which ``course run`` fills its scoreboard. What the course claims stands
in ``chapters/claims.toml``, whose head explains its fields.
"""

import html
import math
import platform
import re
import statistics
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

CLAIMS_FILE = Path(__file__).resolve().parents[1] / "chapters" / "claims.toml"
MIME_TYPE = "application/vnd.course.result+json"

# A bound nearer than this to the mean of what was measured is luck, one farther away is padding.
NEAREST_SD, FARTHEST_SD = 3.0, 6.0
# A tolerance must leave room for the rounding of other machines.
TOLERANCE_FACTOR = 3.0
# Rounding stays below this; a larger error is a result, and its bound follows from the measured spread.
LARGEST_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Claim:
    """One headline number of the course, and the values that were measured for it.

    Attributes:
        chapter: Chapter id, such as "01".
        metric: The name under which the chapter reports it.
        data: "full" or "bundled", or "any" where the number does not depend on a data set.
        at_least: Lower bound, or None.
        at_most: Upper bound, or None. Exactly one of the two bounds is given.
        measured: Values over at least three seeds.
        note: Where the bound comes from.
        short: True for a claim that is known not to be met; it is shown, and never fails a run.
        tolerance: True where two computations must agree and the bound is the promised accuracy.
        sha256: Hash of the data that the values were measured on, where the course itself generates them: a number from
            other data says nothing about this claim. "" where the hash does not matter.
    """

    chapter: str
    metric: str
    data: str
    at_least: float | None
    at_most: float | None
    measured: tuple[float, ...]
    note: str
    short: bool = False
    tolerance: bool = False
    sha256: str = ""

    @property
    def name(self) -> str:
        """What messages call this claim: "01 xor_accuracy (any)"."""
        return f"{self.chapter} {self.metric} ({self.data})"

    @property
    def bound_text(self) -> str:
        """The bound as a reader sees it: "≥ 0.98"."""
        return f"≥ {self.at_least:g}" if self.at_most is None else f"≤ {self.at_most:g}"

    def holds(self, value: float) -> bool:
        """Say whether a value keeps the bound. NaN never does."""
        return value >= self.at_least if self.at_most is None else value <= self.at_most


class Row(NamedTuple):
    """One line of the scoreboard.

    Attributes:
        chapter: Chapter id.
        metric: Name of the number.
        value: What was measured now; None where nothing was reported.
        bound_text: The course's bound; "" where the course claims nothing.
        data: "full", "bundled" or "any".
        verdict: "met", "missed", "short", "not reported", "no claim", "smoke" (data and epochs cut to seconds),
            "limited" (the learner kept a part of the training data) or "other data" (than the claim names by its hash).
    """

    chapter: str
    metric: str
    value: float | None
    bound_text: str
    data: str
    verdict: str


def report(chapter: str, *, seed: int, data=None, weights=None, smoke: bool = False, **metrics: float) -> None:
    """Show the learner's numbers beside the course's, and record them in the notebook.

    Args:
        chapter: Chapter id, such as "01".
        seed: The seed that the experiment started from.
        data: The ``provenance`` of the data used, or None for an experiment without a data set.
        weights: The ``provenance`` of the pretrained weights used, or None for an experiment without such.
        smoke: True when data and epochs were cut to seconds: the numbers are then not compared.
        **metrics: Each number under the name it has in ``chapters/claims.toml``.

    Raises:
        ValueError: A metric is not a finite number, or none was passed.
    """
    from IPython.display import display

    payload = {
        "chapter": chapter,
        "seed": int(seed),
        "smoke": bool(smoke),
        "data": None if data is None else data._asdict(),
        "weights": None if weights is None else weights._asdict(),
        "versions": _versions(),
        "metrics": {name: _finite(name, value) for name, value in metrics.items()},
    }
    if not metrics:
        raise ValueError("report() got no number. Pass each one by name: report(..., test_accuracy=0.97).")
    claims = load_claims() if CLAIMS_FILE.exists() else []
    rows = scoreboard([payload], claims)
    bundle = {
        "text/plain": _as_text(rows, payload),
        "text/html": _as_html(rows, payload),
        MIME_TYPE: payload,
    }
    display(bundle, raw=True)


def load_claims(path: Path = CLAIMS_FILE) -> list[Claim]:
    """Read the claims of the course.

    Args:
        path: A TOML file with one ``[[claim]]`` table per claim.

    Returns:
        The claims in the order of the file.

    Raises:
        ValueError: The file is no TOML; or an entry lacks a field, has an unknown one or one of the wrong type, or
            has not exactly one bound.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("claim", [])
    except ValueError as error:  # broken TOML, or not UTF-8
        raise ValueError(f"{path.name} cannot be read: {error}. Correct it there.") from error
    return [_claim(entry, f"claim {number} of {path.name}") for number, entry in enumerate(entries, 1)]


def problems_with_bounds(claims: Sequence[Claim]) -> list[str]:
    """Say which bounds the measured values do not support.

    A bound stands three to six standard deviations (of the measured values, n - 1 in the denominator) on the safe
    side of their mean. Where the values do not vary at all, it equals them. A ``tolerance`` is not about chance but
    about rounding: it is an upper bound of 1e-3 or less, on any data, at least a factor of three above the worst
    measured value. A ``short`` claim only needs its values.

    Args:
        claims: What :func:`load_claims` returned.

    Returns:
        One sentence per problem; empty when every bound is sound.
    """
    return [f"{claim.name}: {problem}" for claim in claims if (problem := _problem(claim))]


def collect(notebook: Mapping[str, Any]) -> list[dict]:
    """Gather every recorded result of an executed notebook.

    Args:
        notebook: An nbformat 4 notebook.

    Returns:
        The payloads that :func:`report` stored, in the order of the cells.
    """
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    return [output["data"][MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]


def scoreboard(
    payloads: Sequence[Mapping[str, Any]],
    claims: Sequence[Claim],
    chapters: Collection[str] = (),
    data: str = "auto",
) -> list[Row]:
    """Hold reported numbers against the claims.

    Args:
        payloads: What :func:`collect` returned, of one or several notebooks.
        claims: What :func:`load_claims` returned.
        chapters: Ids of the chapters that ran to their end: their claims must have been reported.
        data: The data that were asked for. With "full" or "bundled" the claims about these are expected, whatever the
            chapter reported; with "auto", those about the data that it used ("full" where it used both).

    Returns:
        One row per reported number, then one per claim that should have been reported and was not.
    """
    rows = []
    for payload in payloads:
        kind = _kind(payload)
        for metric, value in payload["metrics"].items():
            claim = _find(claims, payload["chapter"], metric, kind)
            rows.append(_row(payload, metric, value, claim))
    reported = {(row.chapter, row.metric, row.data) for row in rows}
    for claim in claims:
        own = [payload for payload in payloads if payload["chapter"] == claim.chapter]
        if claim.chapter not in chapters or any(payload["smoke"] for payload in own):
            continue
        kinds_used = {_kind(payload) for payload in own} - {"any"} or {"full", "bundled"}
        if data in ("full", "bundled"):
            kinds_used = {data}
        elif kinds_used > {"full"} and own:  # a stand-in beside the real data, whose claims those of a bundled run hold
            kinds_used = {"full"}
        expected = claim.data == "any" or claim.data in kinds_used
        kinds = {"any", "full", "bundled"} if claim.data == "any" else {claim.data}
        if expected and not any((claim.chapter, claim.metric, kind) in reported for kind in kinds):
            row = Row(claim.chapter, claim.metric, None, claim.bound_text, claim.data, "not reported")
            rows.append(row)
    return rows


def _finite(name: str, value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}. Pass a finite number; a loss that became nan has diverged.")
    return number


def _versions() -> dict[str, str]:
    packages = {name: metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
    return {"python": platform.python_version(), **packages}


def _claim(entry: dict, where: str) -> Claim:
    known = set(Claim.__dataclass_fields__)
    unknown = sorted(set(entry) - known)
    missing = sorted({"chapter", "metric", "data", "measured", "note"} - set(entry))
    if unknown or missing:
        found = f"lacks {', '.join(missing)}" if missing else f"has the unknown field {', '.join(unknown)}"
        raise ValueError(f"{where} {found}. Its fields are: {', '.join(sorted(known))}.")
    if ("at_least" in entry) == ("at_most" in entry):
        raise ValueError(f"{where} ({entry['metric']}) needs one bound. Give either at_least or at_most.")
    if entry["data"] not in ("full", "bundled", "any"):
        raise ValueError(f"{where} has data = {entry['data']!r}. Write full, bundled or any.")
    digest = entry.get("sha256")
    is_hash = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
    if "sha256" in entry and not (is_hash and entry["data"] == "bundled"):
        raise ValueError(
            f"{where} ({entry['metric']}) has sha256 = {digest!r:.80} for {entry['data']} data. Write the 64 "
            "hexadecimal digits as a text, in small letters, and for bundled data only."
        )
    bound, measured = entry.get("at_least", entry.get("at_most")), entry["measured"]
    if not _is_number(bound) or not isinstance(measured, list) or not all(map(_is_number, measured)):
        raise ValueError(
            f"{where} ({entry['metric']}) has a bound or measured values that are no numbers. Write numbers."
        )
    measured = tuple(float(value) for value in measured)
    bounds = {"at_least": None, "at_most": None}
    return Claim(**{**bounds, **entry, "measured": measured})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _problem(claim: Claim) -> str:
    if len(claim.measured) < 3:
        return f"{len(claim.measured)} measured value(s). Measure at least three seeds."
    if claim.short:
        return ""
    bound = claim.at_least if claim.at_most is None else claim.at_most
    if claim.tolerance:
        worst = max(claim.measured)
        if claim.data != "any" or claim.at_most is None or claim.at_most > LARGEST_TOLERANCE:
            return f"a tolerance is an at_most of {LARGEST_TOLERANCE:g} or less, on any data. Leave tolerance out."
        if worst * TOLERANCE_FACTOR > bound:
            return f"the tolerance {bound:g} is less than three times the worst measured {worst:g}."
        return ""
    mean, sd = statistics.mean(claim.measured), statistics.stdev(claim.measured)
    distance = mean - bound if claim.at_most is None else bound - mean
    if sd == 0:
        return "" if distance == 0 else f"every seed gave {mean:g}. Set the bound to exactly that."
    if NEAREST_SD - 1e-9 <= distance / sd <= FARTHEST_SD + 1e-9:
        return ""
    away = sd if claim.at_most is not None else -sd
    low, high = sorted((mean + NEAREST_SD * away, mean + FARTHEST_SD * away))
    return (
        f"the bound {bound:g} stands {distance / sd:.1f} standard deviations from the mean {mean:g}. "
        f"Choose one from {low:g} to {high:g}."
    )


def _kind(payload: Mapping[str, Any]) -> str:
    return "any" if payload["data"] is None else payload["data"]["kind"]


def _find(claims: Sequence[Claim], chapter: str, metric: str, kind: str) -> Claim | None:
    fitting = (c for c in claims if (c.chapter, c.metric) == (chapter, metric) and c.data in (kind, "any"))
    return next(fitting, None)


def _row(payload: Mapping[str, Any], metric: str, value: float, claim: Claim | None) -> Row:
    if claim is None:
        verdict = "no claim"
    elif payload["smoke"]:
        verdict = "smoke"
    elif payload["data"] and payload["data"].get("limit"):
        verdict = "limited"
    elif claim.short:
        verdict = "short"
    elif claim.sha256 and claim.sha256 != payload["data"]["sha256"]:
        verdict = "other data"
    else:
        verdict = "met" if claim.holds(value) else "missed"
    bound_text = claim.bound_text if claim else ""
    return Row(payload["chapter"], metric, value, bound_text, _kind(payload), verdict)


def _source_line(payload: Mapping[str, Any]) -> str:
    data = payload["data"]
    source = "" if data is None else f", {data['name']} ({data['kind']})"
    if payload.get("weights"):
        source += f", {payload['weights']['note']}"
    if data and data.get("limit"):
        source += f", limited to {data['limit']:,} for training, so not compared"
    smoke = ", smoke run: cut to seconds, so not compared" if payload["smoke"] else ""
    return f"seed {payload['seed']}{source}{smoke}"


def _as_text(rows: Sequence[Row], payload: Mapping[str, Any]) -> str:
    lines = [f"{r.metric}: {r.value:.4g}  course: {r.bound_text or '-'}  {r.verdict}" for r in rows]
    return "\n".join([*lines, _source_line(payload)])


def _as_html(rows: Sequence[Row], payload: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<tr><td style='text-align:left'>{html.escape(row.metric.replace('_', ' '))}</td>"
        f"<td>{row.value:.4g}</td><td>{html.escape(row.bound_text or '-')}</td><td>{row.verdict}</td></tr>"
        for row in rows
    )
    head = "<tr><th style='text-align:left'>metric</th><th>yours</th><th>the course's</th><th></th></tr>"
    source = (
        f"<tr><td colspan='4' style='text-align:left'><small>{html.escape(_source_line(payload))}</small></td></tr>"
    )
    return f"<table><thead>{head}</thead><tbody>{cells}{source}</tbody></table>"
