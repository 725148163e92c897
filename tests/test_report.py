"""The report of a run, as a reader and as a program see it."""

import json
import re
from datetime import datetime

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils.commands import report
from course_utils.commands.execution import Outcome
from course_utils.results import Row

DATA = {"name": "mnist", "kind": "full", "origin": "cache", "size": 9, "sha256": "0", "note": ""}
PAYLOAD = {"chapter": "01", "seed": 0, "smoke": False, "data": DATA, "versions": {}, "metrics": {"accuracy": 0.98765}}
NOTHING = "\N{EN DASH}"
ROWS = [
    Row("01", "accuracy", 0.98765, "≥ 0.98", "full", "met"),
    Row("01", "loss", None, "≤ 0.1", "full", "not reported"),
]
EVIL = "cell 1 (<b>bold</b>): ValueError: <script>alert('x')</script>"


@pytest.fixture
def written(tmp_path):
    """A report of three chapters: one that ran, one that failed half-saved, one that never started."""
    cell = new_code_cell("print(6 * 7)", outputs=[new_output("stream", text="forty-two\n")])
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "01_good.ipynb")
    (tmp_path / "02_bad.ipynb").write_text('{"cells": [')
    outcomes = [
        Outcome("01_good", "ok", "", 12.345, 1_230_000_000, tmp_path / "01_good.ipynb"),
        Outcome("02_bad", "failed", EVIL, 1.0, 50_000_000, tmp_path / "02_bad.ipynb"),
        Outcome("03_late", "not started", "", 0.0, 0, tmp_path / "03_late.ipynb"),
    ]
    payloads = {"01_good": [PAYLOAD], "02_bad": [], "03_late": []}
    started = datetime(2030, 1, 2, 3, 4, 5)
    run = report.Run(started, "solutions", {"TEXT": "<i>"}, outcomes, payloads, ROWS)
    index = report.write(run, tmp_path)
    return BeautifulSoup(index.read_text(encoding="utf-8"), "html.parser"), index


def row_texts(page, number):
    return [
        [cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])]
        for row in page.find_all("table")[number].find_all("tr")
    ]


def test_page_shows_each_chapter_with_its_cost(written):
    page, _ = written
    _, good, bad, late = row_texts(page, 0)
    assert good[:5] == ["01_good", "ok", "mnist (full)", "12.3", "1.23 GB"]
    assert bad[0] == "02_bad"
    assert "ValueError" in bad[1]
    assert late[1:5] == ["not started", NOTHING, NOTHING, NOTHING]


def test_page_shows_the_scoreboard(written):
    page, _ = written
    _, first, second = row_texts(page, 1)
    assert first == ["01", "accuracy", "0.9877", "≥ 0.98", "full", "met"]
    assert second == ["01", "loss", NOTHING, "≤ 0.1", "full", "not reported"]


def test_page_shows_the_machine(written):
    page, _ = written
    machine = dict(row_texts(page, 2))
    assert re.fullmatch(r"3\.\d+\.\d+", machine["Python"])
    assert {"TensorFlow", "Keras", "Platform", "Processors", "Memory"} <= set(machine)


def test_text_from_a_notebook_never_becomes_markup(written):
    page, index = written
    assert EVIL in page.get_text()
    assert "<script" not in index.read_text(encoding="utf-8")
    assert "TEXT=<i>" in page.get_text()


def test_links_lead_to_files(written):
    page, index = written
    links = [link["href"] for link in page.find_all("a")]
    assert links == ["results.json", "01_good.html", "01_good.ipynb", "02_bad.ipynb"]
    assert all((index.parent / link).exists() for link in links)


def test_executed_notebook_is_readable_as_a_page(written):
    _, index = written
    assert "forty-two" in (index.parent / "01_good.html").read_text(encoding="utf-8")


def test_pictures_of_a_page_have_their_alt_text_and_width(tmp_path):
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
    cells = [
        new_code_cell(metadata=metadata, outputs=[new_output("display_data", {"image/png": dot}, metadata=size)])
        for metadata, size in (({"alt": 'a "dot" & more'}, {"image/png": {"width": 448}}), ({}, {}))
    ]
    cells.append(new_code_cell(metadata={"alt": "no picture came"}, outputs=[new_output("stream", text="only text")]))
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_dots.ipynb")
    outcomes = [Outcome("01_dots", "ok", "", 1.0, 1, tmp_path / "01_dots.ipynb")]
    report.write(report.Run(datetime(2030, 1, 2), "solutions", {}, outcomes, {"01_dots": []}, []), tmp_path)
    text = (tmp_path / "01_dots.html").read_text(encoding="utf-8")
    described, bare = BeautifulSoup(text, "html.parser").find_all("img")
    assert (described["alt"], described["width"]) == ('a "dot" & more', "448")
    assert described["src"] == bare["src"] == f"data:image/png;base64,{dot}"
    assert "only text" in text
    assert "<title>01_dots</title>" in text


def test_page_needs_no_network_and_reads_aloud_well(written):
    page, index = written
    assert "://" not in index.read_text(encoding="utf-8")
    assert page.html["lang"] == "en"
    assert "1 ok, 1 failed, 1 not started" in page.title.get_text()
    assert all(header.get("scope") in ("col", "row") for header in page.find_all("th"))


def test_json_holds_the_same_for_programs(written):
    found = json.loads((written[1].parent / "results.json").read_text(encoding="utf-8"))
    assert found["started"] == "2030-01-02 03:04:05"
    assert [chapter["status"] for chapter in found["chapters"]] == ["ok", "failed", "not started"]
    assert found["chapters"][0]["peak_bytes"] == 1_230_000_000
    assert found["chapters"][1]["reason"] == EVIL
    assert found["scoreboard"][0] == ROWS[0]._asdict()
    assert found["payloads"] == [PAYLOAD]


def test_run_without_numbers_says_so(tmp_path):
    run = report.Run(datetime(2030, 1, 1), "notebooks", {}, [], {}, [])
    assert "No chapter of this run reported a number." in report.write(run, tmp_path).read_text(encoding="utf-8")
