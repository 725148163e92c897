"""The command `course build`: what it writes, keeps and says."""

import os

import pytest
from tiny_project import SOURCE, FakeExecution, build_all, display, edit, replace_in, write_project
from typer.testing import CliRunner

from course_utils.commands import app, editions, execution
from course_utils.commands.build import Edition, build_chapters, write_if_changed
from course_utils.commands.chapters import Chapter

MNIST = {"kind": "full", "name": "mnist", "sha256": "0"}


@pytest.fixture
def chapter(tmp_path):
    return write_project(tmp_path)


def test_build_writes_both_editions_and_leaves_no_scraps(chapter):
    assert build_all(chapter) == []
    built = [
        path for folder in ("notebooks", "solutions", "reports/build") for path in (chapter.root / folder).iterdir()
    ]
    assert built == [chapter.learner, chapter.worked]


def test_building_the_learner_edition_again_leaves_the_file_untouched(chapter, capsys):
    build_chapters([chapter], Edition.notebooks, False, FakeExecution())
    os.utime(chapter.learner, (1, 1))
    content = chapter.learner.read_bytes()
    build_chapters([chapter], Edition.notebooks, False, FakeExecution())
    assert chapter.learner.stat().st_mtime == 1
    assert chapter.learner.read_bytes() == content
    assert "notebooks/01_tiny.ipynb: unchanged" in capsys.readouterr().out


def test_learner_edition_needs_no_run_and_solutions_no_learner_edition(chapter):
    execute = FakeExecution()
    build_chapters([chapter], Edition.notebooks, False, execute)
    assert execute.runs == []
    assert not chapter.worked.exists()
    chapter.learner.unlink()
    build_chapters([chapter], Edition.solutions, False, execute)
    assert chapter.worked.exists()
    assert not chapter.learner.exists()


def test_worked_edition_holds_outputs_and_nothing_else_of_the_run(chapter):
    build_all(chapter)
    notebook = editions.stored(chapter.worked)
    text = chapter.worked.read_text(encoding="utf-8")
    assert [output.output_type for output in notebook.cells[4].outputs] == ["stream", "display_data"]
    assert not [word for word in ("papermill", "iopub", "3.99", "a warning", '"tags": []') if word in text]
    assert editions.to_bytes(editions.without_outputs(notebook)) == editions.to_bytes(editions.worked_edition(chapter))


def test_worked_edition_records_the_data_and_build_says_it(chapter, capsys):
    build_all(chapter, FakeExecution(data=MNIST))
    assert editions.recorded(chapter).data == "full"
    assert "solutions/01_tiny.ipynb: executed on full data" in capsys.readouterr().out


def test_current_worked_edition_is_not_executed_again_unless_forced(chapter, capsys):
    build_all(chapter)
    execute = FakeExecution()
    os.utime(chapter.worked, (1, 1))
    build_all(chapter, execute)
    assert execute.runs == []
    assert chapter.worked.stat().st_mtime == 1
    out = capsys.readouterr().out
    assert "current (executed without a data set). Pass --force" in out
    build_all(chapter, execute, force=True)
    assert execute.runs == ["01_tiny"]


@pytest.mark.parametrize("name, old", [("chapters/01_tiny.py", "[0, 1]"), ("course_utils/plots.py", "blue")])
def test_worked_edition_is_executed_again_when_its_inputs_change(chapter, name, old):
    build_all(chapter)
    replace_in(chapter.root / name, old, "[2]")
    execute = FakeExecution()
    build_all(chapter, execute)
    assert execute.runs == ["01_tiny"]


def test_hand_edited_code_in_the_worked_edition_is_executed_again(chapter):
    build_all(chapter)
    replace_in(chapter.worked, "return 2 * x", "return 3 * x")
    execute = FakeExecution()
    build_all(chapter, execute)
    assert execute.runs == ["01_tiny"]
    assert "return 3 * x" not in chapter.worked.read_text(encoding="utf-8")


def test_new_prose_is_taken_over_without_a_run(chapter, capsys):
    build_all(chapter)
    edit(chapter, "Does a line rise?", "Does any line rise?")
    execute = FakeExecution()
    build_all(chapter, execute)
    notebook = editions.stored(chapter.worked)
    assert execute.runs == []
    assert notebook.cells[3].source == "## Does any line rise?"
    assert notebook.cells[4].outputs[0].text == "a line\n"
    assert "prose renewed, outputs kept" in capsys.readouterr().out


def test_failed_run_keeps_the_old_edition_and_names_the_partial_notebook(chapter):
    build_all(chapter)
    old = chapter.worked.read_bytes()
    (message,) = build_all(chapter, FakeExecution(failing=["01_tiny"]), force=True)
    assert "solutions/01_tiny.ipynb was not renewed (the earlier one stays)" in message
    assert "cell 5 (Does a line rise?): ValueError: no" in message
    assert "The partial notebook is reports/build/01_tiny.ipynb." in message
    assert chapter.worked.read_bytes() == old
    assert (chapter.root / "reports/build/01_tiny.ipynb").exists()


def test_error_in_one_chapter_does_not_stop_the_others(chapter):
    broken = Chapter("02", "02_broken", chapter.root)
    broken.source.write_text("# %%\nx = (\n", encoding="utf-8")
    (message,) = build_chapters([broken, chapter], Edition.both, False, FakeExecution())
    assert "chapters/02_broken.py, line 2" in message
    assert chapter.learner.exists()
    assert chapter.worked.exists()


def test_failed_run_of_one_chapter_does_not_stop_the_others(chapter):
    other = Chapter("02", "02_other", chapter.root)
    other.source.write_text(SOURCE.replace("01 ·", "02 ·"), encoding="utf-8")
    (message,) = build_chapters([chapter, other], Edition.both, False, FakeExecution(failing=["01_tiny"]))
    assert "solutions/01_tiny.ipynb was not renewed (there is none yet)" in message
    assert other.worked.exists()


def test_notebook_over_a_megabyte_is_refused_and_its_biggest_output_named(chapter):
    picture = display({"image/png": "A" * 1_000_100})
    (message,) = build_all(chapter, FakeExecution(outputs=[picture]))
    assert "more than 1,000,000" in message
    assert "image/png of cell 5 (Does a line rise?, 1,000,100 bytes)" in message
    assert not chapter.worked.exists()


def test_missed_claim_is_said_at_once(chapter, capsys):
    build_all(chapter, FakeExecution(value=3.0))
    assert "missed: answer (any): 3, claimed ≥ 4" in capsys.readouterr().out


def test_paths_of_the_project_do_not_reach_the_worked_edition(chapter):
    build_all(chapter, FakeExecution(text=f"read {chapter.root / 'data'}\n"))
    assert str(chapter.root) not in chapter.worked.read_text(encoding="utf-8")


def test_interrupted_write_leaves_the_old_file_and_no_scraps(tmp_path, monkeypatch):
    path = tmp_path / "x.ipynb"
    path.write_bytes(b"old")

    def refuse(*_):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        write_if_changed(path, b"new")
    assert [file.read_bytes() for file in tmp_path.iterdir() if file.is_file()] == [b"old"]


def test_each_edition_is_stored_as_soon_as_it_has_run_and_none_is_begun_after_an_interrupt(chapter):
    sources = [chapter.source.with_name(f"0{number}_tiny.py") for number in (1, 2, 3)]
    for source in sources[1:]:
        source.write_text(chapter.source.read_text(encoding="utf-8"), encoding="utf-8")
    first, second, third = (Chapter(source.name[:2], source.stem, chapter.root) for source in sources)
    fake, seen = FakeExecution(), []

    def execute(jobs, **options):
        seen.append(first.worked.exists())
        (outcome,) = fake(jobs, **options)
        return [outcome._replace(status="interrupted", reason="stopped in cell 5")] if len(seen) == 2 else [outcome]

    messages = build_chapters([first, second, third], Edition.solutions, False, execute)
    assert seen == [False, True]
    assert messages == [
        "solutions/02_tiny.ipynb was not renewed (there is none yet): interrupted: stopped in cell 5. "
        "The partial notebook is reports/build/02_tiny.ipynb.",
        "solutions/03_tiny.ipynb was not renewed (there is none yet): not started.",
    ]
    assert not second.worked.exists()
    assert fake.runs == ["01_tiny", "02_tiny"]


def test_a_real_run_fills_the_worked_edition(chapter):
    edit(chapter, "from course_utils.checks import chapter01 as check\n", "")
    edit(chapter, "check.double(double)", "print(double(21))")
    assert build_all(chapter, execution.execute) == []
    notebook = editions.stored(chapter.worked)
    assert "image/png" in notebook.cells[4].outputs[-1].data
    assert notebook.cells[6].outputs[0].text == "42\n"
    payload = notebook.cells[7].outputs[0].data["application/vnd.course.result+json"]
    assert payload["metrics"] == {"answer": 4.0}


def test_a_real_failure_names_the_cell_and_the_error(chapter):
    edit(chapter, "from course_utils.checks import chapter01 as check\n", "")
    (message,) = build_all(chapter, execution.execute)
    assert "NameError" in message
    assert not chapter.worked.exists()
    assert (chapter.root / "reports/build/01_tiny.ipynb").exists()


def test_unknown_chapter_is_an_error_that_lists_the_known_ones():
    result = CliRunner().invoke(app, ["build", "77"])
    assert result.exit_code == 2
    assert "No chapter is called '77'" in result.output


def test_help_shows_examples():
    result = CliRunner().invoke(app, ["build", "--help"])
    assert result.exit_code == 0
    assert "course build 01 --edition notebooks" in result.output
