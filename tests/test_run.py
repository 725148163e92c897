"""`course run`: what it refuses, what it prints, what it leaves behind."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from processes import command_of
from rich.console import Console
from typer.testing import CliRunner

from course_utils.commands import app, editions, execution, ledger, run
from course_utils.commands.chapters import Chapter
from course_utils.commands.execution import Outcome
from course_utils.commands.run import Options, Parameter, convert, read_parameters, run_chapters

PARAMETERS = """\
SEED = 0  # every random number = this one
DATA = "auto"  # "auto", "full" or "bundled"
EPOCHS: int = 3
TRAIN_LIMIT: int | None = None  # None for all
RATE = 0.5
SMOKE = False
TITLE = "a # b = c"
SIZES = [1, 2]
"""
CLAIM = """
[[claim]]
chapter = "{chapter}"
metric = "{metric}"
data = "{data}"
at_least = 0.9
measured = [0.95, 0.95, 0.95]
note = "Only for tests."
{more}
"""
MIME_TYPE = "application/vnd.course.result+json"
SAME = "a" * 64  # an inputs hash


def payload(chapter="01", kind="bundled", smoke=False, **metrics):
    data = {"name": "digits", "kind": kind, "origin": "bundled", "size": 1, "sha256": "0", "note": ""}
    return {"chapter": chapter, "seed": 0, "smoke": smoke, "data": data, "versions": {}, "metrics": metrics}


def add_chapter(root, name, *cells, edition="notebooks"):
    """Write a chapter and its built notebook: a heading, its parameters, then the given code."""
    for folder in ("chapters", edition):
        (root / folder).mkdir(exist_ok=True)
    (root / "chapters" / f"{name}.py").write_text("")
    made = [
        new_markdown_cell(f"# {name}"),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        *(new_markdown_cell(cell[3:]) if cell.startswith("md:") else new_code_cell(cell) for cell in cells),
    ]
    nbformat.write(new_notebook(cells=made), root / edition / f"{name}.ipynb")


def add_claim(root, metric="accuracy", chapter="01", data="bundled", more=""):
    with (root / "chapters" / "claims.toml").open("a") as file:
        file.write(CLAIM.format(chapter=chapter, metric=metric, data=data, more=more))


@pytest.fixture
def screen(monkeypatch):
    """What the command prints, on a wide terminal's worth of columns."""
    wide = Console(width=160, record=True, file=io.StringIO())
    monkeypatch.setattr(run, "console", wide)
    monkeypatch.setattr(execution, "console", wide)
    monkeypatch.setattr("course_utils.commands.console.console", wide)
    return wide


@pytest.fixture
def pretend(monkeypatch):
    """Replace the execution: each chapter ends at once, with the status and the payloads that a test chooses."""
    jobs_seen = []

    def prepare(*payloads, status="ok"):
        def execute(jobs, *, workers, cell_timeout, title):
            jobs_seen.extend(jobs)
            for job in jobs:
                outputs = [new_output("display_data", data={MIME_TYPE: each, "text/plain": ""}) for each in payloads]
                nbformat.write(new_notebook(cells=[new_code_cell("", outputs=outputs)]), job.target)
            reason = "" if status == "ok" else "cell 2 (One): ValueError: no"
            return [Outcome(job.name, status, reason, 1.5, 2_000_000, job.target) for job in jobs]

        monkeypatch.setattr(execution, "execute", execute)
        return jobs_seen

    return prepare


def test_run_ends_with_table_scoreboard_and_report(tmp_path, screen):
    report_cell = (
        "from IPython.display import display\n"
        f"payload = {payload(accuracy=0.97)!r} | {{'seed': SEED, 'epochs': EPOCHS}}\n"
        f"display({{{MIME_TYPE!r}: payload, 'text/plain': ''}}, raw=True)"
    )
    add_chapter(tmp_path, "01_one", "md:## A section", report_cell, "open('left.txt', 'w').close()\nprint(DATA, RATE)")
    add_claim(tmp_path)
    options = Options(["1"], data="bundled", param=["SEED=7", "RATE=2"], report=tmp_path / "out")
    assert run_chapters(options, tmp_path) == 0
    printed = screen.export_text()
    lines = [re.sub(r"[│┃\s]+", " ", line).strip() for line in printed.splitlines()]
    assert any(re.fullmatch(r"01_one ok digits \(bundled\) \d+\.\d \d+ MB", line) for line in lines)
    assert "01 accuracy 0.97 ≥ 0.9 bundled met" in lines
    assert f"Report: {tmp_path / 'out' / 'index.html'}" in printed

    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["payloads"][0]["seed"] == 7
    assert found["payloads"][0]["epochs"] == 3
    assert found["parameters"] == {"DATA": "bundled", "SEED": 7, "RATE": 2.0}
    executed = nbformat.read(tmp_path / "out" / "01_one.ipynb", 4)
    assert executed.cells[-1].outputs[0].text == "bundled 2.0\n"
    assert (tmp_path / "out" / "scratch" / "01_one" / "left.txt").exists()
    assert (tmp_path / "out" / "01_one.html").exists()


@pytest.mark.parametrize(
    ("payloads", "claim", "code", "verdict"),
    [
        ([payload(accuracy=0.95)], {}, 0, "met"),
        ([payload(accuracy=0.85)], {}, 1, "missed"),
        ([payload(other=0.85)], {}, 1, "not reported"),
        ([], {}, 1, "not reported"),
        ([payload(accuracy=0.85)], {"more": "short = true"}, 0, "short"),
        ([payload(accuracy=0.85, smoke=True)], {}, 0, "smoke"),
        ([payload(accuracy=0.85)], {"data": "full"}, 0, "no claim"),
    ],
)
def test_exit_code_follows_the_verdict(tmp_path, screen, pretend, payloads, claim, code, verdict):
    add_chapter(tmp_path, "01_one")
    add_claim(tmp_path, **claim)
    pretend(*payloads)
    assert run_chapters(Options(), tmp_path) == code
    assert verdict in screen.export_text()


def test_failed_chapter_is_one_line_with_its_partial_notebook(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one")
    add_claim(tmp_path)
    pretend(status="failed")
    assert run_chapters(Options(report=tmp_path / "out"), tmp_path) == 1
    printed = screen.export_text()
    expected = "01_one failed: cell 2 (One): ValueError: no. Partial notebook: "
    assert f"{expected}{tmp_path / 'out' / '01_one.ipynb'}" in printed
    assert "not reported" not in printed  # it could not be


def test_report_goes_to_a_folder_named_by_the_time(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one")
    pretend()
    assert run_chapters(Options(), tmp_path) == 0
    (folder,) = (tmp_path / "reports").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}", folder.name)
    assert sorted(path.name for path in folder.iterdir()) == [
        "01_one.html",
        "01_one.ipynb",
        "index.html",
        "results.json",
    ]


def test_claims_of_chapters_that_did_not_run_are_no_loss(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one")
    add_chapter(tmp_path, "02_two")
    add_claim(tmp_path, chapter="02")
    pretend()
    assert run_chapters(Options(["01"]), tmp_path) == 0


def test_solutions_are_run_on_request(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one", edition="solutions")
    jobs = pretend()
    run_chapters(Options(edition="solutions"), tmp_path)
    assert jobs[0].source == tmp_path / "solutions" / "01_one.ipynb"


def test_nothing_is_injected_where_the_defaults_hold(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one")
    jobs = pretend()
    run_chapters(Options(data="auto"), tmp_path)
    assert jobs[0].parameters == {}


def test_data_is_passed_only_to_chapters_that_have_it(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one")
    notebook = new_notebook(cells=[new_code_cell("SEED = 0", metadata={"tags": ["parameters"]})])
    add_chapter(tmp_path, "A1_tour")
    nbformat.write(notebook, tmp_path / "notebooks" / "A1_tour.ipynb")
    jobs = pretend()
    run_chapters(Options(data="full", param=["SEED=1"]), tmp_path)
    assert [job.parameters for job in jobs] == [{"SEED": 1, "DATA": "full"}, {"SEED": 1}]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(["07"]), r"No chapter is called '07'. Pass one of: 01 \(01_one\)"),
        (Options(edition="solutions"), r"solutions/01_one.ipynb is not built yet. Run `course build 01` first"),
        (Options(param=["EPOCH=1"]), r"01_one has no parameter 'EPOCH'.*SEED = 0; .*EPOCHS: int = 3; .*SMOKE = False"),
        (Options(param=["EPOCHS=abc"]), r"EPOCHS=abc does not fit EPOCHS: int = 3. Pass a whole number"),
        (Options(param=["EPOCHS"]), r"--param EPOCHS does not fit. Pass NAME=VALUE"),
        (Options(param=["DATA=full"]), r"Pass --data full"),
    ],
)
def test_wrong_call_starts_nothing_and_names_the_way_out(tmp_path, screen, pretend, options, message):
    add_chapter(tmp_path, "01_one")
    jobs = pretend()
    with pytest.raises(ValueError, match=message):
        run_chapters(options, tmp_path)
    assert jobs == []
    assert not (tmp_path / "reports").exists()


def test_parameter_must_fit_every_chosen_chapter(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one")
    add_chapter(tmp_path, "02_two")
    notebook = new_notebook(cells=[new_code_cell("SEED = 0", metadata={"tags": ["parameters"]})])
    nbformat.write(notebook, tmp_path / "notebooks" / "02_two.ipynb")
    pretend()
    with pytest.raises(ValueError, match=r"Chapter 02_two has no parameter 'EPOCHS'.*are: SEED = 0"):
        run_chapters(Options(param=["EPOCHS=1"]), tmp_path)


def test_command_line_prints_the_error_and_exits_with_2():
    result = CliRunner().invoke(app, ["run", "99"])
    assert result.exit_code == 2
    assert "No chapter is called '99'" in result.output


def test_parameters_are_read_with_types_and_defaults(tmp_path):
    add_chapter(tmp_path, "01_one")
    found = read_parameters(tmp_path / "notebooks" / "01_one.ipynb")
    assert {name: (each.types, each.default) for name, each in found.items()} == {
        "SEED": (("int",), 0),
        "DATA": (("str",), "auto"),
        "EPOCHS": (("int",), 3),
        "TRAIN_LIMIT": (("int", "None"), None),
        "RATE": (("float",), 0.5),
        "SMOKE": (("bool",), False),
        "TITLE": (("str",), "a # b = c"),
        "SIZES": (("list",), [1, 2]),
    }


def test_parameters_cell_with_other_code_is_refused(tmp_path):
    cell = new_code_cell("SEED = compute()", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "odd.ipynb")
    with pytest.raises(ValueError, match=r"odd\.ipynb holds more than plain assignments"):
        read_parameters(tmp_path / "odd.ipynb")


def test_broken_notebook_is_named(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"broken\.ipynb is not a notebook\. Run `course build`"):
        read_parameters(tmp_path / "broken.ipynb")


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [
        ("3", ("int",), 3),
        ("-3", ("int",), -3),
        ("3", ("float",), 3.0),
        ("1e-3", ("float",), 1e-3),
        ("true", ("bool",), True),
        ("False", ("bool",), False),
        ("None", ("int", "None"), None),
        ("5", ("int", "None"), 5),
        ("5", ("str",), "5"),
        ("None", ("str",), "None"),
        ("5", ("str", "int"), 5),
        ("(1, 2)", ("tuple",), [1, 2]),
        ("1.5", (), 1.5),
        ("relu", (), "relu"),
    ],
)
def test_text_becomes_a_value_of_the_parameters_type(text, types, value):
    converted = convert(text, Parameter("X", types, None, "X = ..."))
    assert (converted, type(converted)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "types", "way_out"),
    [
        ("1.5", ("int",), "a whole number"),
        ("true", ("int",), "a whole number"),
        ("abc", ("float",), "a number"),
        ("nan", ("float",), "a number"),
        ("1", ("bool",), "true or false"),
        ("abc", ("int", "None"), "a whole number, or None"),
        ("5", ("list",), "a list such as"),
        ("", ("int",), "a whole number"),
    ],
)
def test_text_of_a_wrong_type_is_refused_with_what_to_pass(text, types, way_out):
    with pytest.raises(ValueError, match=f"^X={text} does not fit X = 0. Pass {way_out}"):
        convert(text, Parameter("X", types, None, "X = 0"))


def put_record(root, chapter, data, inputs=SAME, seed=0, at="2026-01-01T00:00:00+00:00", **metrics):
    """Record a run in the ledger, as a run would."""
    record = ledger.of_run(Chapter(chapter, f"{chapter}_x", root), inputs, [payload(chapter, data, **metrics)])
    ledger.write([record._replace(seed=seed, at=at)], root)


@pytest.fixture
def same_inputs(monkeypatch):
    monkeypatch.setattr(editions, "inputs_hash", lambda chapter: SAME)


def test_changed_leaves_out_what_is_recorded_on_the_data_asked_for(tmp_path, screen, pretend, same_inputs):
    for number in ("01", "02", "03", "04", "05"):
        add_chapter(tmp_path, f"{number}_x")
    put_record(tmp_path, "01", "full", accuracy=1)
    put_record(tmp_path, "02", "full", inputs="0" * 64, accuracy=1)
    put_record(tmp_path, "03", "bundled", accuracy=1)
    put_record(tmp_path, "05", "any", accuracy=1)
    jobs = pretend()
    assert run_chapters(Options(changed=True, data="full"), tmp_path) == 0
    assert [job.name for job in jobs] == ["02_x", "03_x", "04_x"]
    printed = screen.export_text()
    assert "01_x: left out; its record was made from these very inputs, on full data." in printed
    assert "05_x: left out" in printed
    jobs.clear()
    assert run_chapters(Options(changed=True, data="bundled"), tmp_path) == 0
    assert [job.name for job in jobs] == ["01_x", "02_x", "04_x"]
    jobs.clear()
    assert run_chapters(Options(changed=True), tmp_path) == 0
    assert [job.name for job in jobs] == ["02_x", "04_x"]


def test_changed_leaves_out_a_chapter_that_has_only_bundled_data(tmp_path, screen, pretend, same_inputs):
    add_chapter(tmp_path, "05_x")
    notebook = tmp_path / "notebooks" / "05_x.ipynb"
    notebook.write_text(notebook.read_text().replace("DATA =", "OTHER ="))
    put_record(tmp_path, "05", "bundled", accuracy=1)
    jobs = pretend()
    assert run_chapters(Options(changed=True, data="full"), tmp_path) == 0
    assert jobs == []


@pytest.fixture
def built(tmp_path, monkeypatch, same_inputs):
    """Three chapters whose notebooks are what their sources give, the second with the oldest record."""
    for number, year in (("01", 2024), ("02", 2023), ("03", 2025)):
        add_chapter(tmp_path, f"{number}_x")
        add_claim(tmp_path, chapter=number)
        put_record(tmp_path, number, "bundled", seed=7, at=f"{year}-01-01T00:00:00+00:00", accuracy=0.96)
    text = (tmp_path / "chapters" / "claims.toml").read_text()
    (tmp_path / "chapters" / "claims.toml").write_text(text.replace("[0.95, 0.95, 0.95]", "[0.95, 0.96, 0.97]"))
    monkeypatch.setattr(editions, "learner_edition", lambda chapter: editions.stored(chapter.learner))
    return tmp_path


def test_again_measures_the_oldest_record_with_its_seed(built, screen, pretend):
    jobs = pretend(payload("02", accuracy=0.955))
    assert run_chapters(Options(again=True, data="bundled"), built) == 0
    assert [(job.name, job.parameters) for job in jobs] == [("02_x", {"SEED": 7, "DATA": "bundled"})]
    assert ledger.read(built)[1].at.startswith("2023")  # only --record writes


@pytest.mark.parametrize(("value", "code"), [(0.96 + 0.059, 0), (0.96 + 0.061, 1), (0.89, 1)])
def test_again_fails_where_a_number_is_unlike_its_record(built, screen, pretend, value, code):
    pretend(payload("02", accuracy=value))
    assert run_chapters(Options(again=True, data="bundled"), built) == code
    assert ("unlike its record" in screen.export_text()) == (value > 1.02)


def test_again_with_record_hands_the_turn_on(built, screen, pretend):
    for number in ("02", "01", "03", "02"):
        jobs = pretend(payload(number, accuracy=0.96))
        assert run_chapters(Options(again=True, record=True, data="bundled"), built) == 0
        assert jobs[-1].name == f"{number}_x"
        turns = {record.chapter: record for record in ledger.read(built)}
        # Two runs within one second would be equally old.
        put_record(built, number, "bundled", seed=7, at=f"2026-0{len(jobs)}-01T00:00:00+00:00", accuracy=0.96)
        assert turns[number].at > "2026-06"


def test_again_without_a_record_to_hold_against_is_an_error_with_the_way_out(built, pretend, monkeypatch):
    with pytest.raises(ValueError, match=r"01_x has no record on full data\. Record one: course run 01 --data full"):
        run_chapters(Options(["01"], again=True, data="full"), built)
    monkeypatch.setattr(editions, "inputs_hash", lambda chapter: "1" * 64)
    with pytest.raises(ValueError, match="The record of 02_x was made from other inputs than these"):
        run_chapters(Options(["02"], again=True, data="bundled"), built)


def test_turn_goes_past_a_chapter_whose_inputs_changed(built, screen, pretend, monkeypatch):
    monkeypatch.setattr(editions, "inputs_hash", lambda chapter: SAME if chapter.id != "02" else "1" * 64)
    jobs = pretend(payload("01", accuracy=0.96))
    assert run_chapters(Options(again=True, data="bundled"), built) == 0
    assert [job.name for job in jobs] == ["01_x"]
    assert run_chapters(Options(again=True, data="full"), built) == 0
    assert "Nothing to run: no record was made from" in screen.export_text()


@pytest.mark.parametrize(
    "options",
    [
        {"again": True},
        {"again": True, "data": "full", "param": ["SEED=1"]},
        {"again": True, "data": "full", "changed": True},
        {"record": True, "param": ["SMOKE=true"]},
        {"record": True, "param": ["SEED=1", "EPOCHS=1"]},
    ],
)
def test_options_that_do_not_go_together_are_refused(built, options):
    with pytest.raises(ValueError, match=r"^--(again|record) .*(Pass|Leave one out)"):
        run_chapters(Options(**options), built)


def test_record_keeps_results_seconds_memory_seed_and_yardstick(built, screen, pretend):
    (built / "reports").mkdir()
    noted = {"at": datetime.now(UTC).isoformat(), "seconds": 90.5}
    (built / "reports" / "yardstick.json").write_text(json.dumps(noted))
    pretend(payload("01", accuracy=0.955))
    assert run_chapters(Options(["01"], record=True, data="bundled"), built) == 0
    record, *others = ledger.read(built)
    assert (record.seed, record.seconds, record.peak_bytes, record.yardstick) == (0, 1.5, 2_000_000, 90.5)
    assert (record.inputs, record.results) == (SAME, {"bundled": {"accuracy": 0.955}})
    assert [other.seed for other in others] == [7, 7]
    printed = screen.export_text()
    assert "Recorded in chapters/ledger.jsonl: 01." in printed
    assert "Yardstick: 90 s; budgets are meant for a machine where it takes 60 s." in printed


@pytest.mark.parametrize(
    ("status", "value", "reason"), [("failed", 0.96, "its run failed"), ("ok", 0.5, "accuracy: missed")]
)
def test_run_that_fails_or_misses_a_claim_is_not_recorded(built, screen, pretend, status, value, reason):
    before = ledger.read(built)
    pretend(payload("01", accuracy=value), status=status)
    assert run_chapters(Options(["01"], record=True, data="bundled"), built) == 1
    assert ledger.read(built) == before
    assert f"01_x: not recorded, {reason}." in screen.export_text()


def test_notebook_that_is_not_what_its_source_gives_is_not_recorded(built, pretend, monkeypatch):
    other = new_notebook(cells=[new_code_cell("1")])
    monkeypatch.setattr(editions, "learner_edition", lambda chapter: other)
    with pytest.raises(ValueError, match=r"notebooks/01_x.ipynb is not what its source gives.*Run `course build 01`"):
        run_chapters(Options(["01"], record=True), built)


def test_own_file_is_found_from_the_folder_of_the_shell(tmp_path, screen, pretend, monkeypatch):
    add_chapter(tmp_path, "05_x")
    notebook = tmp_path / "notebooks" / "05_x.ipynb"
    notebook.write_text(notebook.read_text().replace("TITLE =", "CSV ="))
    (tmp_path / "mine.csv").write_text("Date,Close")
    monkeypatch.chdir(tmp_path)
    jobs = pretend()
    unknown = ["other.csv", "", "~nobody-of-this-name/x.csv", "x" * 300, "a\0b"]
    for text in ("mine.csv", *unknown):
        run_chapters(Options(param=[f"CSV={text}"]), tmp_path)
    assert [job.parameters["CSV"] for job in jobs] == [str(tmp_path / "mine.csv"), *unknown]


def test_changed_with_nothing_to_do_is_a_success(tmp_path, screen, pretend, same_inputs):
    add_chapter(tmp_path, "01_x")
    put_record(tmp_path, "01", "full", accuracy=1)
    assert run_chapters(Options(changed=True), tmp_path) == 0
    assert "Nothing to run." in screen.export_text()
    assert not (tmp_path / "reports").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_a_report_and_no_process(tmp_path, number):
    add_chapter(
        tmp_path, "01_long", "6 * 7", "md:## A long wait", "import time\nopen('here', 'w').close()\ntime.sleep(99)"
    )
    add_chapter(tmp_path, "02_next", "1")
    script = (
        "import sys, pathlib; from course_utils.commands.run import Options, run_chapters\n"
        "sys.exit(run_chapters(Options(report=pathlib.Path('out')), pathlib.Path('.')))"
    )
    command = [sys.executable, "-c", script]
    # Its own process group, to which a terminal sends Ctrl-C: the worker gets it, too.
    process = subprocess.Popen(
        command, cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out" / "scratch" / "01_long" / "here").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("ipykernel" in command_of(member) for member in family)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    printed, _ = process.communicate(timeout=60)

    assert process.returncode == 130, printed
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert "Traceback" not in printed
    assert "01_long interrupted: stopped in cell 3 (A long wait). Partial notebook: " in printed
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [chapter["status"] for chapter in found["chapters"]] == ["interrupted", "not started"]
    assert (tmp_path / "out" / "index.html").exists()
    partial = nbformat.read(tmp_path / "out" / "01_long.ipynb", 4)
    assert partial.cells[2].outputs[0].data["text/plain"] == "42"


def test_mirror_that_does_not_exist_is_told_before_any_chapter_starts(tmp_path, monkeypatch, pretend):
    add_chapter(tmp_path, "01_one", "1")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(OSError, match=r"nowhere, which does not exist\. Set it to a folder"):
        run_chapters(Options(), tmp_path)
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("name", ["mine", "my_notebooks", "notebooks"])
def test_report_never_overwrites_files_that_are_not_its_own(tmp_path, pretend, name):
    add_chapter(tmp_path, "01_one", "1")
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / "01_one.ipynb").write_text("precious")
    with pytest.raises(ValueError, match=r"holds files that a report could overwrite\. Pass a new folder"):
        run_chapters(Options(report=folder), tmp_path)
    assert (folder / "01_one.ipynb").read_text() == "precious"


def test_report_may_replace_an_earlier_report(tmp_path, screen, pretend):
    add_chapter(tmp_path, "01_one", "1")
    pretend()
    for _ in range(2):
        assert run_chapters(Options(report=tmp_path / "again"), tmp_path) == 0
    assert (tmp_path / "again" / "index.html").is_file()
