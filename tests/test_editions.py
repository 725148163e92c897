"""Both editions of a chapter, as text in and notebook out."""

import base64
import io
import json
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tiny_project import CLAIMS, FILES, SOURCE, build_all, display, edit, replace_in, write_project

from course_utils.commands import editions


@pytest.fixture
def chapter(tmp_path):
    return write_project(tmp_path)


def error_for(chapter, text):
    chapter.source.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        editions.read_source(chapter)
    return str(caught.value)


def test_learner_edition_has_a_stub_in_place_of_the_solution(chapter):
    cell = editions.learner_edition(chapter).cells[5]
    assert cell.source == "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def test_worked_edition_keeps_the_solution_and_its_markers(chapter):
    cell = editions.worked_edition(chapter).cells[5]
    expected = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    assert cell.source == expected


def test_learner_edition_gives_the_same_bytes_twice(chapter):
    first, second = (editions.to_bytes(editions.learner_edition(chapter)) for _ in range(2))
    assert first == second
    assert first.endswith(b"}\n")


def test_editions_are_valid_notebooks(chapter):
    nbformat.validate(editions.learner_edition(chapter))
    nbformat.validate(editions.worked_edition(chapter))


def test_stored_text_is_readable_utf8(chapter):
    assert "01 · Tiny" in editions.to_bytes(editions.learner_edition(chapter)).decode()


def test_cell_ids_are_unique_even_for_equal_cells(chapter):
    chapter.source.write_text(SOURCE + "\n# %%\nx = 1\n" * 3, encoding="utf-8")
    ids = [cell.id for cell in editions.read_source(chapter).cells]
    assert len(set(ids)) == len(ids)
    assert ids[-2:] == [f"{ids[-3]}-2", f"{ids[-3]}-3"]


def test_a_cell_keeps_its_id_when_others_come_and_go(chapter):
    before = [cell.id for cell in editions.read_source(chapter).cells]
    edit(chapter, "# %% [markdown]\n# ## Does", "# %%\nx = 1\n\n# %% [markdown]\n# ## Does")
    after = [cell.id for cell in editions.read_source(chapter).cells]
    assert [cell_id for cell_id in after if cell_id in before] == before


def test_editions_share_cell_ids_and_a_better_solution_changes_none(chapter):
    before = [cell.id for cell in editions.learner_edition(chapter).cells]
    edit(chapter, "return 2 * x", "return x + x")
    assert [cell.id for cell in editions.learner_edition(chapter).cells] == before
    assert [cell.id for cell in editions.worked_edition(chapter).cells] == before


def test_metadata_of_a_cell_reaches_the_notebook(chapter):
    chapter.source.write_text(
        '# %% A title alt="It\'s \\"flat\\": x = 3, [1]." tags=["nbval-check-output"]\nx = 1\n\n\n\n# %%\ny = 1\n',
        encoding="utf-8",
    )
    first, second = editions.read_source(chapter).cells
    assert first.metadata == {"alt": 'It\'s "flat": x = 3, [1].', "tags": ["nbval-check-output"]}
    assert second.metadata == {}


def test_notebook_metadata_names_the_kernel_and_nothing_of_jupytext(chapter):
    metadata = editions.learner_edition(chapter).metadata
    assert set(metadata) == {"kernelspec", "language_info"}
    assert metadata.kernelspec.name == "python3"


def test_a_comment_that_looks_like_a_magic_stays_a_comment(chapter):
    chapter.source.write_text("# %%\n# %matplotlib inline\n# ls\nx = 1\n", encoding="utf-8")
    assert editions.read_source(chapter).cells[0].source == "# %matplotlib inline\n# ls\nx = 1"


def test_windows_line_ends_give_the_same_notebook(chapter):
    expected = editions.to_bytes(editions.learner_edition(chapter))
    chapter.source.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    assert editions.to_bytes(editions.learner_edition(chapter)) == expected


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION",
        "class A:\n    def f(self):\n        if True:\n            ### BEGIN SOLUTION\n            y = 1\n"
        "            return y\n            ### END SOLUTION\n        return 0",
        "a = 1\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\nc = 3\n### BEGIN SOLUTION\nd = 4\n### END SOLUTION\ne = 5",
        "def f():\n    ### BEGIN SOLUTION\n\n    ### END SOLUTION\n\n\n"
        "def g():\n\t### BEGIN SOLUTION\n\treturn 1\n\t### END SOLUTION",
        "def f():\n    #BEGIN SOLUTION here\n    return 'x'  # a comment\n  # END SOLUTION and on\n    return 2",
    ],
)
def test_stubs_equal_those_of_nbgrader(code, require):
    try:
        from nbgrader.preprocessors import ClearSolutions
    except ImportError:
        require(False, "nbgrader, from requirements-dev.txt")
    cell = nbformat.v4.new_code_cell(code)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    cleared, _ = ClearSolutions(enforce_metadata=False).preprocess(notebook, {})
    assert editions.without_solutions(code) == cleared.cells[0].source


def test_nbgrader_makes_the_learner_edition_of_the_chapter(chapter, require):
    try:
        from nbgrader.preprocessors import ClearSolutions
    except ImportError:
        require(False, "nbgrader, from requirements-dev.txt")
    cleared, _ = ClearSolutions(enforce_metadata=False).preprocess(editions.worked_edition(chapter), {})
    assert editions.to_bytes(cleared) == editions.to_bytes(editions.learner_edition(chapter))


def test_syntax_error_names_file_line_cell_and_message(chapter):
    message = error_for(chapter, "# %% [markdown]\n# A title\n\n# %%\nx = 1\n\n# %%\n\ny = (1,\n\n# %%\nz = 1\n")
    assert "chapters/01_tiny.py, line 9 (cell 3): '(' was never closed" in message


@pytest.mark.parametrize(
    "code, line", [("if True:", 2), ("%matplotlib inline", 2), ("!pip list", 2), ("x = 1\nreturn x", 3)]
)
def test_a_cell_that_no_kernel_would_run_is_refused(chapter, code, line):
    message = error_for(chapter, f"# %%\n{code}\n\n# %%\n    y = 1\n")
    assert f"chapters/01_tiny.py, line {line} (cell 1): " in message


@pytest.mark.parametrize(
    "body, words",
    [
        ("    ### BEGIN SOLUTION\n    pass", "line 3: BEGIN SOLUTION is never closed"),
        ("    pass\n    ### END SOLUTION", "line 4: END SOLUTION without a beginning"),
        (
            "    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION",
            "line 4: BEGIN SOLUTION inside the solution that begins in line 3",
        ),
        (
            "    ### BEGIN SOLUTION\n    pass\n# %%\nx = 1\n    ### END SOLUTION",
            "line 3: BEGIN SOLUTION is never closed",
        ),
    ],
)
def test_unpaired_marker_names_file_and_line(chapter, body, words):
    assert f"chapters/01_tiny.py, {words}" in error_for(chapter, f"# %%\ndef f():\n{body}\n")


def test_marker_in_a_text_cell_is_refused(chapter):
    message = error_for(chapter, "# %% [markdown]\n# Look for ### BEGIN SOLUTION below\n")
    assert "chapters/01_tiny.py, line 2: BEGIN SOLUTION in a text cell" in message


@pytest.mark.parametrize("text", ["x = 1\n\n# %%\ny = 1\n", "x = 1\n"])
def test_text_before_the_first_cell_is_refused(chapter, text):
    assert "Start the file with `# %% [markdown]`" in error_for(chapter, text)


def test_cell_lines_are_those_of_the_file(chapter):
    lines = SOURCE.split("\n")
    assert [lines[line - 1][:4] for line in editions.cell_lines(chapter)] == ["# %%"] * 8


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("chapters/01_tiny.py", "plt.plot([0, 1])", "plt.plot([0, 2])"),
        ("chapters/01_tiny.py", '["parameters"]', '["other"]'),
        ("course_utils/plots.py", "blue", "red"),
        ("course_utils/datasets/store.py", "", "x = 1"),
        ("course_utils/checks/verdict.py", "", "x = 1"),
        ("course_utils/checks/chapter01.py", "verdict", "verdict as kept"),
        ("requirements.txt", "2.0.0", "2.0.1"),
        ("chapters/claims.toml", "at_least = 4.0", "at_least = 3.0"),
    ],
)
def test_inputs_hash_changes_with_what_the_notebook_shows(chapter, name, old, new):
    before = editions.inputs_hash(chapter)
    replace_in(chapter.root / name, old, new)
    assert editions.inputs_hash(chapter) != before


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("course_utils/commands/run.py", "", "x = 1"),
        ("course_utils/checks/chapter02.py", "", "x = 1"),
        ("course_utils/datasets/other.py", "", "x = 1"),
        ("course_utils/screen/pane.py", "", "x = 1"),
        ("chapters/01_tiny.py", "Does a line rise?", "Does any line rise?"),
        ("chapters/01_tiny.py", "from 0 to 1.", "from zero to one."),
    ],
)
def test_inputs_hash_stays_with_what_cannot_change_an_output(chapter, name, old, new):
    before = editions.inputs_hash(chapter)
    replace_in(chapter.root / name, old, new)
    assert editions.inputs_hash(chapter) == before


def test_inputs_hash_ignores_claims_of_other_chapters_and_line_ends(chapter):
    before = editions.inputs_hash(chapter)
    other = CLAIMS.replace('"01"', '"02"')
    (chapter.root / "chapters/claims.toml").write_text(CLAIMS + other, encoding="utf-8")
    (chapter.root / "course_utils/plots.py").write_bytes(FILES["course_utils/plots.py"].replace("\n", "\r\n").encode())
    assert editions.inputs_hash(chapter) == before


def test_nothing_is_recorded_where_there_is_no_worked_edition(chapter):
    assert editions.recorded(chapter) is None
    chapter.worked.parent.mkdir()
    chapter.worked.write_text("[]", encoding="utf-8")
    assert editions.recorded(chapter) is None


def test_recorded_tells_inputs_and_data_of_the_last_build(chapter):
    build_all(chapter)
    record = editions.recorded(chapter)
    assert (record.inputs, record.data) == (editions.inputs_hash(chapter), "any")
    assert record.outputs == editions.outputs_hash(editions.stored(chapter.worked))


def stored_outputs(chapter, outputs):
    notebook = editions.worked_edition(chapter)
    executed = nbformat.from_dict(notebook)
    executed.cells[1].outputs = [nbformat.from_dict(output) for output in outputs]
    record = editions.Record("hash", "any")
    return editions.with_outputs(notebook, executed, record, chapter.root).cells[1].outputs


def test_outputs_are_kept_without_stderr_and_widget_views(chapter):
    view = {editions.WIDGET_VIEW: {"model_id": "1"}}
    outputs = [
        {"output_type": "stream", "name": "stderr", "text": "noise"},
        {"output_type": "stream", "name": "stdout", "text": "kept"},
        display(view),
        display({**view, "text/plain": "a slider"}),
    ]
    stream, slider = stored_outputs(chapter, outputs)
    assert stream["text"] == "kept"
    assert slider["data"] == {"text/plain": "a slider"}


def test_folders_of_the_machine_are_renamed_in_outputs(chapter, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(chapter.root / "mirror"))
    inside, home = chapter.root / "data" / "x.npz", Path.home() / "pictures"
    mirror, neighbour = chapter.root / "mirror" / "a", f"{chapter.root}-old"
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": f"{inside} {home} {chapter.root}."},
        display({"text/html": f"<b>{mirror}</b>", "application/json": {"to": [str(inside)]}}),
        {"output_type": "stream", "name": "stdout", "text": neighbour},
    ]
    stream, bundle, other = stored_outputs(chapter, outputs)
    assert stream["text"] == f".{os.sep}data{os.sep}x.npz ~{os.sep}pictures .."
    assert bundle["data"]["text/html"] == f"<b>$COURSE_DATA_DIR{os.sep}a</b>"
    assert bundle["data"]["application/json"] == {"to": [f".{os.sep}data{os.sep}x.npz"]}
    assert str(chapter.root.name) + "-old" in other["text"]


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), int)


def test_a_figure_is_stored_smaller_and_looks_the_same(chapter):
    drawn, buffer = Figure(), io.BytesIO()
    drawn.subplots().contourf(np.hypot(*np.mgrid[-1:1:50j, -1:1:50j]), levels=20)
    drawn.savefig(buffer, format="png")
    figure = base64.b64encode(buffer.getvalue()).decode()
    (output,) = stored_outputs(chapter, [display({"image/png": figure})])
    kept = output["data"]["image/png"]
    assert len(kept) < 0.6 * len(figure)
    assert np.abs(pixels(kept) - pixels(figure)).mean() < 1
    (again,) = stored_outputs(chapter, [display({"image/png": kept})])
    assert again["data"]["image/png"] == kept


def test_a_picture_of_very_many_colours_or_with_transparency_is_stored_as_it_is(chapter):
    rng = np.random.default_rng(0)
    pictures = [png(rng.integers(0, 256, (64, 64, channels))) for channels in (3, 4)]
    outputs = stored_outputs(chapter, [display({"image/png": picture}) for picture in pictures])
    assert [output["data"]["image/png"] for output in outputs] == pictures


def test_outputs_of_other_code_are_refused(chapter):
    notebook, executed = editions.worked_edition(chapter), editions.worked_edition(chapter)
    executed.cells[1].source = "import os"
    with pytest.raises(ValueError, match="other code than the source"):
        editions.with_outputs(notebook, executed, editions.Record("hash", "any"), chapter.root)


@pytest.mark.parametrize(
    "kinds, expected",
    [([], "any"), ([None], "any"), (["bundled", None], "bundled"), (["bundled", "full"], "full")],
)
def test_data_kind_follows_the_recorded_results(kinds, expected):
    payloads = [{"data": kind and {"kind": kind}} for kind in kinds]
    outputs = [display({"application/vnd.course.result+json": payload}) for payload in payloads]
    notebook = {"cells": [{"cell_type": "code", "outputs": outputs}]}
    assert editions.data_kind(notebook) == expected


def test_stored_is_none_for_what_is_no_notebook(tmp_path):
    path = tmp_path / "x.ipynb"
    assert editions.stored(path) is None
    for text in ("{", "[]", '{"cells": 1, "metadata": {}}', json.dumps({"worksheets": []})):
        path.write_text(text, encoding="utf-8")
        assert editions.stored(path) is None
