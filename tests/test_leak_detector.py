"""The leak detector of chapter 05 against planted leaks and clean pipelines.

The functions are taken from the chapter's source by their names.
"""

import ast
import inspect
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from chapter_code import taken

SOURCE = Path(__file__).resolve().parents[1] / "chapters" / "05_stocks.py"
NAMES = ("Plan", "find_leaks", "depends_on_future", "make_plan")
DAYS, LOOKBACK = 1000, 60


@pytest.fixture(scope="module")
def detector():
    """The functions under test, by name."""
    return taken(SOURCE, NAMES, np=np, NamedTuple=NamedTuple)


class Recipe(NamedTuple):
    """A pipeline as a notebook would write it, with its leaks as switches."""

    horizon: int = 1
    shuffled: bool = False  # windows drawn at random into training and test
    scale_all: bool = False  # scaler fitted on the whole series
    shift: int = 1  # days from the end of a window to its first target; 0 and less: inside
    gap: int | None = None  # windows left out between training and test; None: as many as the horizon needs
    stride: int = 1  # every how many days a test window begins
    fresh: bool = False  # test windows share no day with training windows


def windows(recipe):
    """Days of the windows' inputs and targets, and which windows train and test."""
    count = DAYS - LOOKBACK - recipe.horizon
    inputs = np.arange(count)[:, None] + np.arange(LOOKBACK)
    targets = inputs[:, -1:] + recipe.shift + np.arange(recipe.horizon)
    order = np.random.default_rng(0).permutation(count) if recipe.shuffled else np.arange(count)
    cut = int(0.8 * count)
    gap = recipe.horizon - 1 if recipe.gap is None else recipe.gap
    if recipe.fresh:
        gap = LOOKBACK + recipe.horizon
    return inputs, targets, order[:cut], order[cut + gap :: recipe.stride]


def plan(detector, recipe):
    inputs, targets, train, test = windows(recipe)
    scaler = np.arange(DAYS) if recipe.scale_all else np.unique(inputs[np.sort(train)])
    return detector["Plan"](inputs[train], targets[train], inputs[test], targets[test], scaler)


CLEAN = {
    "one day ahead": Recipe(),
    "five days ahead, a gap between": Recipe(horizon=5),
    "a day skipped": Recipe(shift=2, gap=1),
    "test windows every fifth day": Recipe(horizon=5, stride=5),
    "test windows of their own": Recipe(horizon=5, fresh=True),
}
LEAKY = {
    "scaler fitted on all": (Recipe(scale_all=True), {"scaler"}),
    "scaler fitted on all, five days": (Recipe(horizon=5, scale_all=True), {"scaler"}),
    "shuffled split": (Recipe(shuffled=True), {"split"}),
    "target is the window's last day": (Recipe(shift=0), {"target inside, training", "target inside, test"}),
    "target in the middle of the window": (Recipe(shift=-30), {"target inside, training", "target inside, test"}),
    "targets of five days overlap": (Recipe(horizon=5, gap=0), {"overlap"}),
    "targets overlap by one day": (Recipe(horizon=5, gap=3), {"overlap"}),
    "overlap, test windows every seventh day": (Recipe(horizon=5, gap=0, stride=7), {"overlap"}),
    "parts of windows overlap": (Recipe(gap=-50), {"split", "overlap"}),
    "two at once": (Recipe(horizon=5, gap=0, scale_all=True), {"overlap", "scaler"}),
}
# What a leak of one kind brings with it.
ALONG = {
    "shuffled split": {"scaler"},
    "parts of windows overlap": {"scaler"},
    "target is the window's last day": {"scaler"},
    "target in the middle of the window": {"split", "overlap", "scaler"},
}


@pytest.mark.parametrize("case", CLEAN)
def test_clean_pipeline_is_not_flagged(detector, case):
    assert detector["find_leaks"](plan(detector, CLEAN[case])) == {}


@pytest.mark.parametrize("case", LEAKY)
def test_planted_leak_is_flagged(detector, case):
    recipe, expected = LEAKY[case]
    found = set(detector["find_leaks"](plan(detector, recipe)))
    assert expected <= found <= expected | ALONG.get(case, set())


def test_target_inside_is_flagged_in_the_part_where_it_lies(detector):
    clean = plan(detector, CLEAN["one day ahead"])
    leaks = detector["find_leaks"](clean._replace(test_inputs=clean.test_inputs + 1))
    assert list(leaks) == ["target inside, test"]
    assert f"{len(clean.test_inputs)} windows" in leaks["target inside, test"]


def test_scaler_that_saw_one_test_day_is_flagged_and_one_day_less_is_not(detector):
    clean = plan(detector, CLEAN["one day ahead"])
    first = clean.test_targets.min()
    assert detector["find_leaks"](clean._replace(scaler_days=np.arange(first))) == {}
    leaks = detector["find_leaks"](clean._replace(scaler_days=np.arange(first + 1)))
    assert list(leaks) == ["scaler"]
    assert str(first) in leaks["scaler"]


def test_every_step_of_a_walk_forward_evaluation_is_clean(detector):
    inputs, targets, _, _ = windows(Recipe(horizon=5))
    for first in range(500, 900, 50):
        train, test = slice(0, first - 4), slice(first, first + 50)
        step = detector["Plan"](inputs[train], targets[train], inputs[test], targets[test], np.unique(inputs[train]))
        assert detector["find_leaks"](step) == {}


def prepare(recipe, smooth=False):
    """The same pipelines as functions of the prices."""

    def pipeline(prices):
        inputs, targets, train, test = windows(recipe)
        if smooth:  # a centred average looks two days ahead
            prices = np.convolve(prices, np.ones(5) / 5, mode="same")
        fitted = prices if recipe.scale_all else prices[np.unique(inputs[np.sort(train)])]
        scaled = (prices - fitted.min()) / (fitted.max() - fitted.min())
        return scaled[inputs[train]], scaled[targets[train]], scaled[inputs[test[0]]]

    _, targets, _, test = windows(recipe)
    return pipeline, targets[test].min()


@pytest.fixture(scope="module")
def prices():
    return 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(1).standard_normal(DAYS)))


@pytest.mark.parametrize("case", CLEAN)
def test_clean_pipeline_does_not_depend_on_the_future(detector, prices, case):
    assert detector["depends_on_future"](prepare(CLEAN[case])[0], prices, prepare(CLEAN[case])[1]) == []


@pytest.mark.parametrize("case", LEAKY)
def test_leaky_pipeline_depends_on_the_future(detector, prices, case):
    assert detector["depends_on_future"](prepare(LEAKY[case][0])[0], prices, prepare(LEAKY[case][0])[1])


def test_feature_that_looks_ahead_is_found_although_its_plan_is_clean(detector, prices):
    pipeline, first = prepare(Recipe(), smooth=True)
    assert "first test window" in detector["depends_on_future"](pipeline, prices, first)


def test_feature_that_asks_whether_the_price_rises_tomorrow_is_always_found(detector):
    # A sign inside the future survives a future that is merely scaled; one single other future keeps it half the time.
    def pipeline(prices):
        rises = np.append(prices[1:] > prices[:-1], False).astype(float)
        return rises[:100], rises[:100], rises[100:161]

    for seed in range(200):
        walk = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(300)))
        assert detector["depends_on_future"](pipeline, walk, 160) == ["first test window"]
        assert detector["depends_on_future"](lambda prices: pipeline(prices)[:2], walk, 160) == []


def test_trailing_mean_without_a_value_on_its_first_days_is_not_accused(detector, prices):
    def pipeline(prices):
        trailing = np.full(len(prices), np.nan)
        trailing[19:] = np.convolve(prices, np.ones(20) / 20, mode="valid")
        return trailing[:700], trailing[:700], trailing[700:800]

    assert detector["depends_on_future"](pipeline, prices, 800) == []
    assert detector["depends_on_future"](pipeline, prices, 799) == ["first test window"]


def test_prices_are_not_changed(detector, prices):
    before = prices.copy()
    detector["depends_on_future"](*(prepare(Recipe())[0], prices, 800))
    assert np.array_equal(prices, before)


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_plans_of_the_notebook_hold_the_leak_that_they_are_named_for(detector, horizon):
    make_plan, find_leaks = detector["make_plan"], detector["find_leaks"]
    assert find_leaks(make_plan(DAYS, LOOKBACK, horizon)) == {}
    assert set(find_leaks(make_plan(DAYS, LOOKBACK, horizon, "scaler"))) == {"scaler"}
    inside = {"target inside, training", "target inside, test"}
    assert set(find_leaks(make_plan(DAYS, LOOKBACK, horizon, "target inside"))) == inside
    assert "split" in find_leaks(make_plan(DAYS, LOOKBACK, horizon, "split"))
    assert set(find_leaks(make_plan(DAYS, LOOKBACK, horizon, "overlap"))) == ({"overlap"} if horizon > 1 else set())


@pytest.mark.parametrize("name", ["find_leaks", "depends_on_future"])
def test_detector_is_small_enough_to_be_read(detector, name):
    lines = ast.get_source_segment(
        SOURCE.read_text(encoding="utf-8"),
        next(node for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body if getattr(node, "name", "") == name),
    ).splitlines()
    assert len(lines) <= 25
    assert len(inspect.signature(detector[name]).parameters) <= 4
