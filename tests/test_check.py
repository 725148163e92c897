"""The command `course check`: a sound course passes, and each broken rule is named with the way out."""

import json

import pytest
from tiny_project import CLAIMS, FakeExecution, build_all, display, edit, replace_in, write_project
from typer.testing import CliRunner

from course_utils.commands import app, check, editions, ledger
from course_utils.commands.chapters import Chapter, known


@pytest.fixture
def chapter(tmp_path):
    """A course that keeps every rule, built."""
    chapter = write_project(tmp_path)
    assert build_all(chapter) == []
    return chapter


def problems(chapter):
    return check.find_problems(known(chapter.root), chapter.root).problems


def rebuilt_problems(chapter):
    """Problems after a build, so that none is about a stale edition."""
    assert build_all(chapter) == []
    return problems(chapter)


def test_a_sound_course_has_no_problems(chapter):
    assert check.find_problems([chapter], chapter.root) == ([], [])


def test_a_chapter_on_the_learners_own_file_needs_no_parameter_data(chapter):
    source = chapter.source.read_text(encoding="utf-8")
    chapter.source.write_text(source.replace('DATA = "auto"', 'CSV = ""'), encoding="utf-8")
    assert not any("parameters" in problem for problem in problems(chapter))


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("Tiny: does it run?", "Tiny", ["line 1: the header lacks `# 01 · Title: the question?`"]),
        ("**Time.** One minute.", "One minute.", ["line 1: the header lacks **Time.**"]),
        ("# # 01", "# Hello\n\n# %% [markdown]\n# # 01", ["line 1: the header lacks `# 01 ·"]),
        ("# # 01 ·", "# # 02 ·", ["line 1: the title says 02. Write 01."]),
        (
            "import matplotlib",
            "x = 1\nimport matplotlib",
            ["line 8: the first code cell does not begin with an import"],
        ),
        (' tags=["parameters"]', "", ["no cell holds the parameters", 'tags=["parameters"]']),
        (
            '# %% tags=["parameters"]',
            '# %%\nx = 1\n\n# %% tags=["parameters"]',
            ["`parameters` stands at line 17", "second code cell"],
        ),
        (
            "# %% [markdown]\n# ## Does",
            '# %% tags=["parameters"]\nx = 1\n\n# %% [markdown]\n# ## Does',
            ["line 14, 20"],
        ),
        ("SMOKE = False", "", ["line 14: the parameters lack SMOKE"]),
        ('DATA = "auto"', "", ["line 14: the parameters lack DATA"]),
        ("SMOKE = False", "SMOKE = True", ["SMOKE is True. Leave it at False"]),
        ('DATA = "auto"', 'DATA = "full"', ["DATA is 'full'. Leave it at 'auto'"]),
        ("LIMIT: int | None = None", "LIMIT = int(3)", ["`LIMIT = int(3)` is no parameter"]),
        ("check.double(double)", "double(1)", ["line 27: the exercise has no check", "next code cell"]),
        (
            "# %%\ncheck.double(double)",
            "# %%\nx = 1\n\n# %%\ncheck.double(double)",
            ["line 27: the exercise has no check"],
        ),
        ('# %% alt="A line that rises from 0 to 1."', "# %%", ["line 23: the figure has no alt text"]),
        ('alt="A line that rises from 0 to 1."', 'alt=" "', ["line 23: the figure has no alt text"]),
        ("answer=4.0", "other=4.0", ["nothing reports the claim 01 answer (any)", "answer=..."]),
        ('report("01"', 'report("02"', ["nothing reports the claim 01 answer (any)"]),
    ],
)
def test_broken_source_is_named_with_file_and_line(chapter, old, new, words):
    edit(chapter, old, new)
    found = [problem for problem in rebuilt_problems(chapter) if "solutions/" not in problem]
    assert len(found) == 1
    assert found[0].startswith("chapters/01_tiny.py")
    for word in words:
        assert word in found[0]


def test_syntax_error_is_one_problem_and_the_claims_are_still_checked(chapter):
    edit(chapter, "SEED = 0", "SEED = (")
    replace_in(chapter.root / "chapters/claims.toml", "[4.0, 4.0, 4.0]", "[4.0]")
    about_claims, about_source = problems(chapter)
    assert "Measure at least three seeds" in about_claims
    assert about_source.startswith("chapters/01_tiny.py, line 15 (cell 3)")


@pytest.mark.parametrize("call", ["plots.loss_curves({})", "fig, ax = plt.subplots()", "for i in x:\n    plt.figure()"])
def test_a_drawing_call_outside_functions_needs_alt_text(chapter, call):
    edit(chapter, "# %%\ncheck", f"# %%\n{call}\n\n# %%\ncheck")
    assert any("line 33: the figure has no alt text" in problem for problem in problems(chapter))


@pytest.mark.parametrize(
    "call", ["def draw():\n    plt.subplots()", "draw = lambda: plots.grid()", "plots.use_style()"]
)
def test_code_that_only_prepares_a_figure_needs_no_alt_text(chapter, call):
    edit(chapter, "# %%\ncheck", f"# %%\n{call}\n\n# %%\ncheck")
    assert not any("alt text" in problem for problem in problems(chapter))


def test_an_image_in_the_worked_edition_needs_alt_text_however_it_was_drawn(chapter):
    edit(chapter, '# %% alt="A line that rises from 0 to 1."\nplt.plot([0, 1])\nplt.show()', "# %%\ndraw = 'plt.show'")
    (problem,) = rebuilt_problems(chapter)
    assert problem.startswith("chapters/01_tiny.py, line 23: the figure has no alt text")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('chapter = "01"', 'chapter = "07"', "there is no chapter 07. Correct it to one of: 01."),
        ("[4.0, 4.0, 4.0]", "[5.0, 5.0, 5.0]", "01 answer (any): every seed gave 5"),
        ("[4.0, 4.0, 4.0]", "[4.0]", "Measure at least three seeds."),
        ('note = "Arithmetic."', "", "claim 1 of claims.toml lacks note"),
        ("measured", "= measured", "chapters/claims.toml: "),
    ],
)
def test_unsound_claim_is_named(chapter, old, new, words):
    replace_in(chapter.root / "chapters/claims.toml", old, new)
    (problem,) = problems(chapter)
    assert problem.startswith("chapters/claims.toml: ")
    assert words in problem


def test_duplicate_claim_is_named(chapter):
    (chapter.root / "chapters/claims.toml").write_text(CLAIMS * 2, encoding="utf-8")
    assert problems(chapter) == ["chapters/claims.toml: 01 answer (any): claimed 2 times. Keep one entry."]


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_missing_edition_is_named(chapter, folder):
    (chapter.root / folder / "01_tiny.ipynb").unlink()
    assert problems(chapter) == [f"{folder}/01_tiny.ipynb: it is missing. Run `course build 01`."]


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_unreadable_edition_is_named(chapter, folder):
    (chapter.root / folder / "01_tiny.ipynb").write_text("{", encoding="utf-8")
    assert problems(chapter) == [f"{folder}/01_tiny.ipynb: it is not a notebook. Run `course build 01`."]


def test_changed_prose_makes_both_editions_stale(chapter):
    edit(chapter, "Does a line rise?", "Does any line rise?")
    found = check.find_problems([chapter], chapter.root)
    stale = "it is stale; chapters/01_tiny.py has changed since it was built. Run `course build 01`."
    assert found.problems == [f"notebooks/01_tiny.ipynb: {stale}", f"solutions/01_tiny.ipynb: {stale}"]
    assert found.notes == []


def test_changed_alt_text_makes_both_editions_stale(chapter):
    edit(chapter, "A line that rises from 0 to 1.", "A rising line.")
    learner, worked = problems(chapter)
    assert "notebooks/01_tiny.ipynb: same text, but other cell metadata" in learner
    assert "solutions/01_tiny.ipynb: same text, but other cell metadata" in worked


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
@pytest.mark.parametrize("old, new", [("Does a line rise?", "Does one?"), ("def double(x)", "def double(y)")])
def test_hand_edited_text_is_told_from_a_stale_one(chapter, folder, old, new):
    replace_in(chapter.root / folder / "01_tiny.ipynb", old, new)
    (problem,) = problems(chapter)
    assert problem.startswith(f"{folder}/01_tiny.ipynb: it was edited by hand")
    assert "Move what you want to keep to chapters/01_tiny.py, then run `course build 01`." in problem


def test_executed_learner_edition_is_told_from_a_stale_one(chapter):
    notebook = editions.stored(chapter.learner)
    notebook.cells[1].execution_count = 1
    chapter.learner.write_bytes(editions.to_bytes(notebook))
    (problem,) = problems(chapter)
    assert problem.startswith("notebooks/01_tiny.ipynb: it holds outputs, so it was executed or edited by hand.")


def test_learner_edition_saved_in_another_layout_is_named(chapter):
    chapter.learner.write_text(json.dumps(json.loads(chapter.learner.read_text("utf-8"))), encoding="utf-8")
    (problem,) = problems(chapter)
    assert problem.startswith("notebooks/01_tiny.ipynb: same text, but other cell metadata, ids or layout")


@pytest.mark.parametrize(
    "output, words",
    [
        (
            {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []},
            "cell 5 (Does a line rise?): it stopped with KeyError: 'x'",
        ),
        ({"output_type": "stream", "name": "stdout", "text": "in /home/ada/course"}, "names the folder /home/ada."),
        (display({"text/html": "<i>/Users/ada/x</i>"}), "names the folder /Users/ada."),
        (display({"text/plain": "C:\\Users\\ada\\x"}), "names the folder C:"),
    ],
)
def test_output_that_must_not_be_stored_is_named(chapter, output, words):
    build_all(chapter, FakeExecution(outputs=[output]), force=True)
    (problem,) = problems(chapter)
    assert problem.startswith("solutions/01_tiny.ipynb, cell 5")
    assert words in problem


def test_an_address_on_the_web_is_no_home_folder(chapter):
    page = {"output_type": "stream", "name": "stdout", "text": "https://example.org/home/ada and a/root"}
    build_all(chapter, FakeExecution(outputs=[page]), force=True)
    assert problems(chapter) == []


def test_an_error_that_its_cell_announces_is_allowed(chapter):
    edit(chapter, "# %% alt", '# %% tags=["raises-exception"] alt')
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []}
    build_all(chapter, FakeExecution(outputs=[error]))
    assert problems(chapter) == []


def test_worked_edition_over_a_megabyte_is_named(chapter, monkeypatch):
    monkeypatch.setattr(check, "LARGEST", 100)
    (problem,) = problems(chapter)
    assert problem.startswith("solutions/01_tiny.ipynb: ")
    assert "bytes are more than 100" in problem


def test_result_that_misses_its_claim_is_named(chapter):
    build_all(chapter, FakeExecution(value=3.5), force=True)
    (problem,) = problems(chapter)
    assert "solutions/01_tiny.ipynb: answer is 3.5 on any data and misses its claim ≥ 4." in problem


def test_short_claim_may_be_missed(chapter):
    replace_in(chapter.root / "chapters/claims.toml", "at_least", "short = true\nat_least")
    build_all(chapter, FakeExecution(value=3.5))
    assert problems(chapter) == []


def test_outputs_edited_by_hand_are_named(chapter):
    replace_in(chapter.worked, '"answer": 4.0', '"answer": 4.9')
    (problem,) = problems(chapter)
    assert problem.startswith("solutions/01_tiny.ipynb: its outputs were edited by hand.")


def test_claim_that_the_recorded_run_did_not_report_is_named(chapter):
    build_all(chapter, FakeExecution(value=None), force=True)
    (problem,) = problems(chapter)
    assert problem.startswith("solutions/01_tiny.ipynb: its run did not report answer (any). Report it, then run")


def test_unexecuted_worked_edition_is_named(chapter):
    chapter.worked.write_bytes(editions.to_bytes(editions.worked_edition(chapter)))
    (problem,) = problems(chapter)
    assert problem.startswith("solutions/01_tiny.ipynb: it was never executed by `course build`.")


def test_changed_inputs_are_reported_as_due_and_fail_nothing(chapter):
    replace_in(chapter.root / "course_utils/plots.py", "blue", "red")
    found = check.find_problems([chapter], chapter.root)
    assert found.problems == []
    edition, record = found.notes
    assert "solutions/01_tiny.ipynb is due for a new run" in edition
    assert "01_tiny is due to be measured on full and bundled data" in record
    assert "`course run 01 --data bundled --record`" in record


def test_record_that_misses_its_claim_is_named(chapter):
    replace_in(ledger.path_of(chapter.root), '"answer": 4.0', '"answer": 3.5')
    (problem,) = problems(chapter)
    assert problem.startswith("chapters/ledger.jsonl: 01_tiny on any data: answer is missed (3.5, claimed ≥ 4).")


def test_record_without_a_claimed_number_is_named(chapter):
    replace_in(ledger.path_of(chapter.root), '"answer"', '"other"')
    (problem,) = problems(chapter)
    assert "answer is not reported." in problem


def test_record_of_earlier_inputs_is_held_against_no_claim(chapter):
    replace_in(ledger.path_of(chapter.root), '"answer": 4.0', '"answer": 3.5')
    replace_in(chapter.root / "course_utils/plots.py", "blue", "red")
    assert problems(chapter) == []


def test_damaged_ledger_is_named(chapter):
    ledger.path_of(chapter.root).write_text("{}")
    (problem,) = problems(chapter)
    assert problem.startswith("chapters/ledger.jsonl, line 1 is no record of a run")


def test_record_of_no_chapter_is_named(chapter):
    replace_in(ledger.path_of(chapter.root), '"chapter": "01"', '"chapter": "77"')
    assert problems(chapter) == ["chapters/ledger.jsonl: there is no chapter 77. Remove its record."]


def test_chapter_without_a_record_is_due_and_fails_nothing(chapter):
    ledger.path_of(chapter.root).unlink()
    found = check.find_problems([chapter], chapter.root)
    assert found.problems == []
    assert [note.split(":")[0] for note in found.notes] == ["01_tiny is due to be measured on full and bundled data"]


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_notebook_without_a_source_is_named(chapter, folder):
    (chapter.root / folder / "09_old.ipynb").write_bytes(chapter.learner.read_bytes())
    (problem,) = problems(chapter)
    assert problem.startswith(f"{folder}/09_old.ipynb: it has no source. Remove it")


def test_source_whose_name_is_no_chapter_is_named(chapter):
    (chapter.root / "chapters" / "draft.py").write_text("", encoding="utf-8")
    (problem,) = problems(chapter)
    assert problem.startswith("chapters/draft.py: no chapter is read from this name.")


def test_an_empty_source_is_a_problem_and_no_crash(chapter):
    empty = Chapter("02", "02_empty", chapter.root)
    empty.source.write_text("", encoding="utf-8")
    found = problems(chapter)
    assert any(problem.startswith("chapters/02_empty.py, line 1: the header lacks") for problem in found)
    assert any("chapters/02_empty.py: no cell holds the parameters" in problem for problem in found)


def test_command_prints_one_line_per_problem_and_exits_with_1(chapter, monkeypatch):
    chapter.learner.unlink()
    chapter.worked.unlink()
    monkeypatch.setattr(check, "select", lambda wanted: [chapter])
    monkeypatch.setattr(check, "ROOT", chapter.root)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "notebooks/01_tiny.ipynb: it is missing. Run `course build 01`.",
        "solutions/01_tiny.ipynb: it is missing. Run `course build 01`.",
        "Error: 2 problem(s) found.",
    ]


def test_command_sums_up_and_exits_with_0(chapter, monkeypatch):
    replace_in(chapter.root / "course_utils/plots.py", "blue", "red")
    monkeypatch.setattr(check, "select", lambda wanted: [chapter])
    monkeypatch.setattr(check, "ROOT", chapter.root)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0
    assert "is due for a new run" in result.output
    assert "1 chapter(s) checked, no problem found." in result.output


@pytest.mark.parametrize(
    "form", ["alt=", "### BEGIN SOLUTION", "**You build.**", 'tags=["parameters"]', "results.report("]
)
def test_help_shows_the_forms_that_authors_look_up(form):
    result = CliRunner().invoke(app, ["check", "--help"])
    assert result.exit_code == 0
    assert form in result.output
