"""The ledger: what it keeps, what it refuses, how numbers are held against it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from course_utils.commands import ledger
from course_utils.commands.chapters import Chapter
from course_utils.results import Claim, Row

INPUTS = "a" * 64


def payload(kind="bundled", smoke=False, limit=None, **metrics):
    data = {"name": "digits", "kind": kind, "sha256": "5", "limit": limit} if kind != "any" else None
    return {"chapter": "02", "seed": 3, "smoke": smoke, "data": data, "versions": {"keras": "3"}, "metrics": metrics}


def record(root, *payloads, chapter="02"):
    return ledger.of_run(Chapter(chapter, f"{chapter}_x", root), INPUTS, payloads, 78.04, 10**9)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "chapters").mkdir()
    return tmp_path


def test_what_was_written_is_read(root):
    kept = record(root, payload(accuracy=0.97), payload("any", error=1e-7))
    ledger.write([kept], root)
    assert ledger.read(root) == [kept]
    assert kept.results == {"bundled": {"accuracy": 0.97}, "any": {"error": 1e-7}}
    assert (kept.data, kept.seed, kept.seconds, kept.sources) == ("bundled", 3, 78.0, {"digits (bundled)": "5"})


def test_record_replaces_the_earlier_one_of_its_chapter_and_data_alone(root):
    ledger.write([record(root, payload(accuracy=0.97)), record(root, payload("full", accuracy=0.98))], root)
    ledger.write([record(root, payload(accuracy=0.96)), record(root, payload(accuracy=0.5), chapter="01")], root)
    found = [(each.chapter, each.data, each.results[each.data]["accuracy"]) for each in ledger.read(root)]
    assert found == [("01", "bundled", 0.5), ("02", "bundled", 0.96), ("02", "full", 0.98)]
    assert len(ledger.path_of(root).read_text().splitlines()) == 3


def test_project_without_a_ledger_has_no_record(root):
    assert ledger.read(root) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "some"}, "has data 'some', which is none of full, bundled, any"),
        ({"inputs": "abc"}, "has no inputs hash"),
        ({"results": {}}, "has no result on bundled data"),
        ({"at": "today"}, "has no time"),
        ({"at": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, "was recorded in the future"),
        ({"extra": 1}, "is no record of a run"),
    ],
)
def test_damaged_line_is_named_with_the_way_out(root, change, words):
    line = json.dumps({**record(root, payload(accuracy=0.97))._asdict(), **change})
    ledger.path_of(root).write_text(line)
    with pytest.raises(ValueError, match=r"chapters/ledger.jsonl, line 1 .*course run CHAPTER --record") as error:
        ledger.read(root)
    assert words in str(error.value)


def test_two_records_of_one_chapter_and_data_are_refused(root):
    ledger.write([record(root, payload(accuracy=0.97))], root)
    path = ledger.path_of(root)
    path.write_text(2 * path.read_text())
    with pytest.raises(ValueError, match="line 2 is a second record of 02 on bundled data"):
        ledger.read(root)


@pytest.mark.parametrize(
    ("payloads", "words"),
    [
        ([], "reported no result"),
        ([payload(smoke=True, accuracy=1)], "cut short"),
        ([payload(limit=100, accuracy=1)], "cut short"),
    ],
)
def test_run_that_is_no_whole_one_is_not_recorded(root, payloads, words):
    with pytest.raises(ValueError, match=words):
        record(root, *payloads)


@pytest.mark.parametrize(("hours", "found"), [(0, 75.5), (1.9, 75.5), (2.1, None)])
def test_yardstick_counts_for_two_hours(root, hours, found):
    (root / "reports").mkdir()
    at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    (root / "reports" / "yardstick.json").write_text(json.dumps({"at": at, "seconds": 75.5}))
    assert ledger.yardstick(root) == found


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"at": "now", "seconds": 1}'])
def test_damaged_note_of_the_yardstick_is_none(root, text):
    (root / "reports").mkdir()
    (root / "reports" / "yardstick.json").write_text(text)
    assert ledger.yardstick(root) is None


def claim(metric="accuracy", measured=(0.95, 0.96, 0.97), data="bundled", **more):
    return Claim("02", metric, data, 0.9, None, measured, "", **more)


def row(value, metric="accuracy", data="bundled", verdict="met"):
    return Row("02", metric, value, "≥ 0.9", data, verdict)


@pytest.mark.parametrize(
    ("value", "claims", "verdict"),
    [
        (0.97 + 0.059, [claim()], "met"),
        (0.97 + 0.061, [claim()], "unlike its record"),
        (0.97 - 0.061, [claim()], "unlike its record"),
        (0.97, [claim(measured=(0.97, 0.97, 0.97))], "met"),
        (0.9701, [claim(measured=(0.97, 0.97, 0.97))], "unlike its record"),
        (5.0, [claim(tolerance=True)], "met"),
        (5.0, [], "met"),
        (5.0, [claim(data="any")], "unlike its record"),
        (5.0, [claim(data="full")], "met"),
    ],
)
def test_number_may_differ_from_its_record_by_what_other_seeds_give(root, value, claims, verdict):
    earlier = {"02": record(root, payload(accuracy=0.97))}
    assert [each.verdict for each in ledger.compared([row(value)], earlier, claims)] == [verdict]


def test_only_numbers_that_would_pass_are_held_against_the_record(root):
    earlier = {"02": record(root, payload(accuracy=0.97))}
    rows = [row(0.1, verdict="missed"), row(None, verdict="not reported"), row(5.0)._replace(chapter="03")]
    assert ledger.compared(rows, earlier, [claim()]) == rows
    assert ledger.compared(rows, {}, [claim()]) == rows


def test_number_that_the_record_lacks_is_unlike_it(root):
    earlier = {"02": record(root, payload(other=0.97))}
    assert ledger.compared([row(0.97)], earlier, [claim()])[0].verdict == "unlike its record"


def test_record_is_held_against_the_claims_as_a_run_is(root):
    claims = [claim(), claim("missing"), claim("full_only", data="full"), claim("error", data="any")]
    rows = ledger.rows_of(record(root, payload(accuracy=0.8), payload("any", error=0.95)), claims)
    assert {(each.metric, each.verdict) for each in rows} == {
        ("accuracy", "missed"),
        ("error", "met"),
        ("missing", "not reported"),
    }


def test_record_on_other_data_than_the_claim_names_is_said(root):
    rows = ledger.rows_of(record(root, payload(accuracy=0.95)), [claim(sha256="6")])
    assert rows[0].verdict == "other data"
