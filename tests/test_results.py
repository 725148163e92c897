"""The claims file, its bounds, and what a learner sees of a result."""

import json

import nbformat
import pytest

from course_utils import results
from course_utils.datasets.store import Provenance

MNIST = Provenance("mnist", "full", "cache", 11490434, "ab" * 32, "")
DIGITS = MNIST._replace(kind="bundled", origin="bundled")


TOLERANCE = {
    "data": "any",
    "at_least": None,
    "at_most": 1e-6,
    "measured": (1e-9, 2e-9, 3e-9),
    "tolerance": True,
}


def claim(**changes):
    fields = {"chapter": "01", "metric": "accuracy", "data": "full", "at_least": 0.9, "at_most": None}
    fields |= {"measured": (0.94, 0.95, 0.96), "note": "measured"}
    return results.Claim(**(fields | changes))


@pytest.fixture
def displayed(monkeypatch):
    """The bundles that report() displays."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


@pytest.fixture
def claims_file(monkeypatch, tmp_path):
    path = tmp_path / "claims.toml"
    path.write_text(
        '[[claim]]\nchapter = "01"\nmetric = "accuracy"\ndata = "full"\nat_least = 0.9\n'
        'measured = [0.94, 0.95, 0.96]\nnote = "three seeds"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(results, "CLAIMS_FILE", path)
    monkeypatch.setattr(results.load_claims, "__defaults__", (path,))
    return path


@pytest.mark.parametrize(("value", "verdict"), [(0.93, "met"), (0.9, "met"), (0.89, "missed")])
def test_report_shows_the_learners_number_beside_the_courses(displayed, claims_file, value, verdict):
    results.report("01", seed=3, data=MNIST, accuracy=value)
    (bundle,) = displayed
    assert f"<td>{value:.4g}</td><td>≥ 0.9</td><td>{verdict}</td>" in bundle["text/html"]
    assert verdict in bundle["text/plain"]


def test_report_records_numbers_with_seed_data_and_versions(displayed, claims_file):
    results.report("01", seed=3, data=MNIST, accuracy=0.93)
    payload = json.loads(json.dumps(displayed[0][results.MIME_TYPE]))
    assert payload["metrics"] == {"accuracy": 0.93}
    assert (payload["chapter"], payload["seed"], payload["smoke"]) == ("01", 3, False)
    assert payload["data"]["sha256"] == "ab" * 32
    assert set(payload["versions"]) == {"python", "tensorflow", "keras", "numpy"}


def test_report_records_and_names_the_pretrained_weights(displayed, claims_file):
    minilm = Provenance("minilm", "full", "cache", 90868376, "cd" * 32, "all-MiniLM-L6-v2, a BERT of 6 layers")
    results.report("01", seed=3, data=MNIST, weights=minilm, accuracy=0.93)
    payload = json.loads(json.dumps(displayed[0][results.MIME_TYPE]))
    assert (payload["weights"]["name"], payload["weights"]["sha256"]) == ("minilm", "cd" * 32)
    assert payload["data"]["sha256"] == "ab" * 32
    for kind in ("text/plain", "text/html"):
        assert "seed 3, mnist (full), all-MiniLM-L6-v2, a BERT of 6 layers" in displayed[0][kind]
    assert "met" in displayed[0]["text/plain"]


def test_report_without_weights_says_nothing_of_them(displayed, claims_file):
    results.report("01", seed=3, data=MNIST, accuracy=0.93)
    assert displayed[0][results.MIME_TYPE]["weights"] is None
    assert displayed[0]["text/plain"].endswith("seed 3, mnist (full)")


def test_smoke_run_is_shown_and_not_compared(displayed, claims_file):
    results.report("01", seed=3, data=MNIST, smoke=True, accuracy=0.1)
    assert "smoke" in displayed[0]["text/plain"]
    assert "missed" not in displayed[0]["text/plain"]


def test_result_on_other_data_than_the_claims_is_not_compared(displayed, claims_file):
    results.report("01", seed=3, data=DIGITS, accuracy=0.1)
    assert "no claim" in displayed[0]["text/plain"]


def test_metric_that_is_not_finite_is_named(displayed, claims_file):
    with pytest.raises(ValueError, match=r"loss is nan.*diverged"):
        results.report("01", seed=3, loss=float("nan"))


def test_report_without_a_number_says_how_to_pass_one(displayed, claims_file):
    with pytest.raises(ValueError, match="got no number"):
        results.report("01", seed=3)


def test_name_of_a_metric_cannot_inject_markup(displayed, claims_file):
    results.report("01", seed=3, **{"<b>accuracy": 1.0})
    assert "<b>accuracy" not in displayed[0]["text/html"]


def test_claims_file_is_read_with_its_measured_values(claims_file):
    (loaded,) = results.load_claims(claims_file)
    assert loaded.measured == (0.94, 0.95, 0.96)
    assert loaded.bound_text == "≥ 0.9"
    assert not loaded.short
    assert not loaded.tolerance


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('data = "full"', 'data = "half"'),
        ("at_least = 0.9", "at_least = 0.9\nat_most = 1.0"),
        ("at_least = 0.9\n", ""),
        ('note = "three seeds"', ""),
        ('note = "three seeds"', 'note = "three seeds"\nbound = 1'),
        ("[0.94, 0.95, 0.96]", "0.95"),
        ("[0.94, 0.95, 0.96]", '[0.94, "0.95", 0.96]'),
        ("at_least = 0.9", 'at_least = "0.9"'),
        ('data = "full"', f'data = "full"\nsha256 = "{"ab" * 32}"'),
        ('data = "full"', f'data = "bundled"\nsha256 = {"12" * 32}'),
    ],
    ids=[
        *("data", "two bounds", "no bound", "no note", "unknown field", "one value", "text value", "text bound"),
        *("hash of full data", "hash as a number"),
    ],
)
def test_bad_entry_is_named_by_number(claims_file, text, message):
    claims_file.write_text(claims_file.read_text(encoding="utf-8").replace(text, message), encoding="utf-8")
    with pytest.raises(ValueError, match=r"claim 1 of claims\.toml"):
        results.load_claims(claims_file)


@pytest.mark.parametrize(
    ("changes", "sound"),
    [
        ({"at_least": 0.92}, True),  # mean 0.95, sd 0.01: three away
        ({"at_least": 0.89}, True),  # six away
        ({"at_least": 0.93}, False),  # two: luck
        ({"at_least": 0.88}, False),  # seven: padding
        ({"at_least": 0.96}, False),  # beyond the mean
        ({"at_least": None, "at_most": 0.99}, True),
        ({"at_least": None, "at_most": 0.92}, False),
        ({"measured": (0.94, 0.96)}, False),
        ({"measured": (1.0, 1.0, 1.0), "at_least": 1.0}, True),
        ({"measured": (1.0, 1.0, 1.0), "at_least": 0.99}, False),
        ({"measured": (0.5, 0.5, 0.5), "short": True}, True),
        (TOLERANCE, True),
        (TOLERANCE | {"measured": (1e-9, 2e-9, 5e-7)}, False),
        (TOLERANCE | {"data": "full"}, False),  # it is no matter of data
        (TOLERANCE | {"at_most": 0.1}, False),  # nor of size
        ({"tolerance": True}, False),  # it is an upper bound
    ],
)
def test_bound_must_be_supported_by_what_was_measured(changes, sound):
    problems = results.problems_with_bounds([claim(**changes)])
    assert (problems == []) == sound, problems


def test_unsupported_bound_says_which_bounds_would_do():
    (problem,) = results.problems_with_bounds([claim(at_least=0.93)])
    assert "2.0 standard deviations" in problem
    assert "from 0.89 to 0.92" in problem


def payload(kind=None, chapter="01", smoke=False, **metrics):
    data = None if kind is None else {"kind": kind, "name": "mnist"}
    return {"chapter": chapter, "seed": 0, "smoke": smoke, "data": data, "versions": {}, "metrics": metrics}


def verdicts(payloads, claims, chapters=()):
    return [(row.metric, row.verdict) for row in results.scoreboard(payloads, claims, chapters)]


def test_claim_that_was_not_reported_stands_on_the_scoreboard():
    assert verdicts([payload("full", other=1.0)], [claim()], ["01"]) == [
        ("other", "no claim"),
        ("accuracy", "not reported"),
    ]
    assert verdicts([], [claim()], ["01"]) == [("accuracy", "not reported")]


def test_claims_about_other_data_other_chapters_and_smoke_runs_are_not_missing():
    assert verdicts([payload("bundled", other=1.0)], [claim()], ["01"]) == [("other", "no claim")]
    assert verdicts([payload("full", other=1.0)], [claim(chapter="02")], ["01"]) == [("other", "no claim")]
    assert verdicts([payload("full", smoke=True, other=1.0)], [claim()], ["01"]) == [("other", "no claim")]


def test_claim_about_data_that_was_asked_for_is_missing_when_the_chapter_used_other_data():
    board = results.scoreboard([payload("bundled", accuracy=0.1)], [claim()], ["01"], "full")
    assert [(row.metric, row.verdict) for row in board] == [("accuracy", "no claim"), ("accuracy", "not reported")]


def test_claim_about_generated_data_is_not_held_on_what_another_generator_made():
    reported = payload("bundled", accuracy=1.0)
    reported["data"]["sha256"] = "new"
    frozen = [claim(data="bundled", sha256=digest) for digest in ("old", "new")]
    assert [verdicts([reported], [each]) for each in frozen] == [[("accuracy", "other data")], [("accuracy", "met")]]
    assert verdicts([reported], [claim(data="bundled", sha256="old", short=True)]) == [("accuracy", "short")]


@pytest.mark.parametrize("digest", ["", "0", "AB" * 32, "ab" * 33, "ab" * 32 + "\\n"])
def test_hash_in_the_claims_file_must_be_one(claims_file, digest):
    claims_file.write_text(
        claims_file.read_text(encoding="utf-8").replace('data = "full"', f'data = "bundled"\nsha256 = "{digest}"'),
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match=r"has sha256 = .*Write the 64 hexadecimal digits"):
        results.load_claims(claims_file)
    claims_file.write_text(claims_file.read_text(encoding="utf-8").replace(f'"{digest}"', f'"{"ab" * 32}"'))
    assert results.load_claims(claims_file)[0].sha256 == "ab" * 32


def test_stand_in_beside_the_real_data_asks_for_no_claim_about_a_run_on_bundled_data():
    both = [payload("full", accuracy=1.0), payload("bundled", pairs=1.0)]
    claims = [claim(), claim(metric="pairs", data="bundled"), claim(data="bundled")]
    assert verdicts(both, claims, ["01"]) == [("accuracy", "met"), ("pairs", "met")]


def test_result_on_a_part_of_the_training_data_is_shown_and_never_fails():
    limited = payload("full", accuracy=0.1)
    limited["data"]["limit"] = 60
    assert verdicts([limited], [claim()], ["01"]) == [("accuracy", "limited")]


def test_result_recorded_before_there_were_weights_is_still_read():
    assert "weights" not in payload("full", accuracy=1.0)
    assert verdicts([payload("full", accuracy=1.0)], [claim()], ["01"]) == [("accuracy", "met")]


def test_broken_claims_file_is_named(tmp_path):
    broken = tmp_path / "claims.toml"
    broken.write_text("[[claim]\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"claims\.toml cannot be read: .*line 1"):
        results.load_claims(broken)


def test_claim_about_any_data_is_held_on_each():
    anywhere = claim(data="any")
    assert verdicts([payload(accuracy=1.0)], [anywhere], ["01"]) == [("accuracy", "met")]
    assert verdicts([payload("bundled", accuracy=0.1)], [anywhere], ["01"]) == [("accuracy", "missed")]


def test_short_claim_is_shown_as_short_whatever_came():
    for value in (0.1, 1.0):
        assert verdicts([payload("full", accuracy=value)], [claim(short=True)]) == [("accuracy", "short")]


def test_collect_gathers_every_result_of_a_notebook(displayed, claims_file):
    recorded = payload("full", accuracy=0.93)
    cell = nbformat.v4.new_code_cell("results.report(...)")
    cell.outputs = [
        nbformat.v4.new_output("stream", text="epoch 1"),
        nbformat.v4.new_output("display_data", {results.MIME_TYPE: recorded, "text/plain": "x"}),
    ]
    notebook = {"cells": [nbformat.v4.new_markdown_cell("text"), cell, cell]}
    assert results.collect(notebook) == [recorded, recorded]


def test_every_bound_of_the_course_is_supported():
    assert results.problems_with_bounds(results.load_claims()) == []
