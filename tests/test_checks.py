"""Every exercise's check from both sides: the reference, the stub, other right answers, mistakes with their hints."""

import keras
import numpy as np
import pytest
import test_appendix1_checks
import test_chapter01_checks
import test_chapter02_checks
import test_chapter03_checks
import test_chapter04_checks
import test_chapter05_checks
import test_chapter06_checks
import test_chapter07_checks
import test_chapter08_checks

from course_utils.checks import (
    appendix1,
    chapter01,
    chapter02,
    chapter03,
    chapter04,
    chapter05,
    chapter06,
    chapter07,
    chapter08,
)
from course_utils.commands import editions
from course_utils.commands.chapters import known

# Each holds RIGHT = {exercise: [answer]} and WRONG = {exercise: [(answer, a part of its hint)]}.
ANSWERS = {
    "01": test_chapter01_checks,
    "02": test_chapter02_checks,
    "03": test_chapter03_checks,
    "04": test_chapter04_checks,
    "05": test_chapter05_checks,
    "06": test_chapter06_checks,
    "07": test_chapter07_checks,
    "08": test_chapter08_checks,
    "A1": test_appendix1_checks,
}
CHECKS = {
    "01": chapter01,
    "02": chapter02,
    "03": chapter03,
    "04": chapter04,
    "05": chapter05,
    "06": chapter06,
    "07": chapter07,
    "08": chapter08,
    "A1": appendix1,
}
NAMES = {"np": np, "keras": keras, "layers": keras.layers}  # what a solution may use of its notebook
EXERCISES = [(chapter, name) for chapter, answers in ANSWERS.items() for name in answers.WRONG]
RIGHT = [(c, name, answer) for c, name in EXERCISES for answer in ANSWERS[c].RIGHT.get(name, [])]
WRONG = [(c, name, answer, hint) for c, name in EXERCISES for answer, hint in ANSWERS[c].WRONG[name]]


def solutions(chapter):
    """The solutions that stand in a chapter's source, {exercise: code of its cell}."""
    cells = [cell.source for cell in editions.read_source(chapter).cells if editions.BEGIN in cell.source]
    return {source.partition("def ")[2].partition("(")[0]: source for source in cells}


REFERENCES = {(chapter.id, name): code for chapter in known() for name, code in solutions(chapter).items()}


def judged(chapter, name, answer):
    return getattr(CHECKS[chapter], name)(answer)


def test_every_exercise_has_at_least_three_wrong_answers_to_try():
    assert set(REFERENCES) == set(EXERCISES)
    assert all(len(ANSWERS[chapter].WRONG[name]) >= 3 for chapter, name in EXERCISES)


@pytest.mark.parametrize(("chapter", "name"), EXERCISES)
def test_reference_in_the_source_is_correct(chapter, name):
    namespace = dict(NAMES)
    exec(REFERENCES[chapter, name], namespace)
    verdict = judged(chapter, name, namespace[name])
    assert verdict.status == "correct", verdict


@pytest.mark.parametrize(("chapter", "name", "answer"), RIGHT)
def test_right_answer_in_another_form_is_correct(chapter, name, answer):
    verdict = judged(chapter, name, answer)
    assert verdict.status == "correct", verdict


@pytest.mark.parametrize(("chapter", "name"), EXERCISES)
def test_stub_is_not_attempted(chapter, name):
    def stub(*_):
        # YOUR CODE HERE
        raise NotImplementedError()

    assert judged(chapter, name, stub).status == "not attempted yet"


@pytest.mark.parametrize(("chapter", "name", "answer", "hint"), WRONG)
def test_wrong_answer_gets_the_hint_for_that_mistake(chapter, name, answer, hint):
    verdict = judged(chapter, name, answer)
    assert verdict.status == "not right yet"
    assert hint in verdict.message, verdict.message
