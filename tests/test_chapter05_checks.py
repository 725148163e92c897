"""Answers to chapter 05's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import numpy as np
import pytest

from course_utils.checks import chapter05 as check


def misses(close, horizon):
    return close[horizon:] - close[:-horizon]


def rms(values):
    return np.sqrt(np.mean(values**2))


def cut(scaled, lookback, first_test):
    """Windows of every day, cut at the first test day."""
    windows = np.lib.stride_tricks.sliding_window_view(scaled, lookback)[:-1]
    return (
        windows[: first_test - lookback],
        scaled[lookback:first_test],
        windows[first_test - lookback :],
        scaled[first_test:],
    )


def scaled_by(fitted_days):
    """A right answer but for the days that its scaler is fitted on."""

    def answer(series, lookback, first_test):
        known = series[fitted_days(lookback, first_test)]
        return cut((series - known.mean()) / known.std(), lookback, first_test)

    return answer


right_scaler = scaled_by(lambda lookback, first_test: slice(first_test))


def changed(index, change):
    """A right answer but for one of its four parts."""

    def answer(series, lookback, first_test):
        parts = list(right_scaler(series, lookback, first_test))
        parts[index] = change(parts[index])
        return tuple(parts)

    return answer


def min_max(series, lookback, first_test):
    known = series[:first_test]
    return cut((series - known.min()) / np.ptp(known), lookback, first_test)


def min_max_of_all(series, lookback, first_test):
    return cut((series - series.min()) / np.ptp(series), lookback, first_test)


def sample_deviation(series, lookback, first_test):
    known = series[:first_test]
    return cut((series - known.mean()) / known.std(ddof=1), lookback, first_test)


def variance(series, lookback, first_test):
    known = series[:first_test]
    return cut((series - known.mean()) / known.var(), lookback, first_test)


def only_centred(series, lookback, first_test):
    return cut(series - series[:first_test].mean(), lookback, first_test)


def last_day_is_target(series, lookback, first_test):
    x_train, _, x_test, _ = right_scaler(series, lookback, first_test)
    return x_train, x_train[:, -1], x_test, x_test[:, -1]


def own_scaler_for_the_test(series, lookback, first_test):
    x_train, y_train, _, _ = right_scaler(series, lookback, first_test)
    test = series[first_test - lookback :]
    _, _, x_test, y_test = cut((test - test.mean()) / test.std(), lookback, lookback)
    return x_train, y_train, x_test, y_test


def two_series(series, lookback, first_test):
    """Cut first, make windows afterwards: the first test days have no window."""
    known = series[:first_test]
    train, test = ((part - known.mean()) / known.std() for part in (known, series[first_test:]))
    x_train, y_train, _, _ = cut(train, lookback, len(train))
    _, _, x_test, y_test = cut(test, lookback, lookback)
    return x_train, y_train, x_test, y_test


def eighty_percent_of_windows(series, lookback, first_test):
    """Counts windows where it should count days, so that test days train."""
    known = series[:first_test]
    return cut((series - known.mean()) / known.std(), lookback, first_test + lookback)


def by_loops(series, lookback, first_test):
    mean, std = series[:first_test].mean(), series[:first_test].std()
    parts = [], [], [], []
    for day in range(lookback, len(series)):
        place = 0 if day < first_test else 2
        parts[place].append([(price - mean) / std for price in series[day - lookback : day]])
        parts[place + 1].append((series[day] - mean) / std)
    return parts


def split(first_gap, start=0, until=lambda num_windows, cut: (cut, num_windows)):
    """Training windows up to the cut less a gap, and the test windows."""
    return lambda num_windows, cut, horizon: (
        np.arange(start, cut - first_gap(horizon)),
        np.arange(*until(num_windows, cut)),
    )


WRONG = {
    "naive_rmse_ahead": [
        (lambda close, horizon: np.mean(misses(close, horizon) ** 2), "Take its root"),
        (lambda close, horizon: np.mean(np.abs(misses(close, horizon))), "MAE"),
        (lambda close, horizon: rms(close[horizon:, None] - close[:-horizon]), "column minus a row"),
        (lambda close, horizon: np.sqrt(np.sum(misses(close, horizon) ** 2)), "root of the sum"),
        (lambda close, horizon: np.sqrt(np.sum(misses(close, horizon) ** 2) / len(close)), "number of prices"),
        (lambda close, horizon: misses(close, horizon).std(), "standard deviation"),
        (lambda close, horizon: abs(misses(close, horizon).mean()), "cancel"),
        (lambda close, horizon: rms(close - np.roll(close, horizon)), "np.roll"),
        (lambda close, horizon: rms(misses(close, horizon + 1)), "horizon + 1"),
        (lambda close, horizon: rms(misses(close, 1)), "Use horizon"),
        (lambda close, horizon: rms(close), "and horizon 1"),
        (lambda close, horizon: misses(close, horizon) ** 2, "Return one number"),
        (lambda close, horizon: rms(close[horizon:] - close), "ValueError"),
        (lambda close, horizon: None, "forget the word return"),
    ],
    "scaled_windows": [
        (scaled_by(lambda *_: slice(None)), "whole series"),
        (min_max_of_all, "whole series"),
        (scaled_by(lambda lookback, first_test: slice(lookback, first_test)), "first days"),
        (scaled_by(lambda lookback, first_test: slice(first_test + 1)), "first test day"),
        (min_max, "min-max"),
        (sample_deviation, "n - 1"),
        (variance, "variance"),
        (only_centred, "the size is not"),
        (cut, "not scaled yet"),
        (last_day_is_target, "own window"),
        (changed(0, lambda x: x[:, ::-1]), "backwards"),
        (changed(2, lambda x: x[:, ::-1]), "backwards"),
        (own_scaler_for_the_test, "scaler of its own"),
        (two_series, "first test days are missing"),
        (eighty_percent_of_windows, "Some training targets lie in the test"),
        (changed(2, lambda x: x[:-1]), "missing at an end"),
        (changed(0, lambda x: x[:, 1:]), "holds lookback days"),
        (changed(0, lambda x: x[..., None]), "(n, lookback)"),
        (changed(1, lambda y: y[:, None]), "(n,)"),
        (changed(1, lambda y: y[::-1]), "y_train has the right shape"),
        (changed(1, lambda y: y[:3]), "Count the targets"),
        (lambda *arguments: right_scaler(*arguments)[:2], "Return four arrays"),
        (lambda *arguments: None, "forget the word return"),
        (lambda series, lookback, first_test: series[:, 0], "IndexError"),
    ],
    "split_with_gap": [
        (split(lambda horizon: 0), "they overlap"),
        (split(lambda horizon: horizon - 2), "they overlap"),
        (split(lambda horizon: horizon), "give away windows"),
        (split(lambda horizon: 2 * horizon), "give away windows"),
        (split(lambda horizon: -1), "stands in both parts"),
        (split(lambda horizon: horizon - 1, start=1), "all windows from 0"),
        (split(lambda horizon: horizon - 1, until=lambda n, cut: (cut + 5, n)), "not taken from it"),
        (split(lambda horizon: horizon - 1, until=lambda n, cut: (cut, n + 1)), "the windows 40 to 49"),
        (split(lambda horizon: 1_000), "no window trains"),
        (lambda num_windows, cut, horizon: ([0, *range(cut - horizon + 1)], range(cut, num_windows)), "twice"),
        (lambda num_windows, cut, horizon: np.arange(cut - horizon + 1), "Return two arrays"),
        (lambda num_windows, cut, horizon: (cut - horizon + 1, num_windows - cut), "TypeError"),
        (lambda *numbers: None, "forget the word return"),
    ],
}

RIGHT = {
    "naive_rmse_ahead": [
        lambda close, horizon: float(rms(misses(close, horizon))),
        lambda close, horizon: np.linalg.norm(misses(close, horizon)) / np.sqrt(len(close) - horizon),
        lambda close, horizon: np.sqrt(np.mean([(b - a) ** 2 for a, b in zip(close, close[horizon:], strict=False)])),
    ],
    "scaled_windows": [
        right_scaler,
        by_loops,
        lambda *arguments: [part.astype("float32") for part in right_scaler(*arguments)],
    ],
    "split_with_gap": [
        lambda num_windows, cut, horizon: (range(cut - horizon + 1), range(cut, num_windows)),
        lambda num_windows, cut, horizon: [
            [i for i in range(num_windows) if i + horizon <= cut],
            [i for i in range(num_windows) if i >= cut],
        ],
    ],
}


@pytest.mark.parametrize("answer", RIGHT["split_with_gap"])
def test_right_split_passes_the_course_s_own_rule(answer):
    train, test = answer(100, 80, 7)
    assert max(train) + 7 < min(test) + 1
    assert max(train) + 1 + 7 == min(test) + 1


def test_answer_that_changes_its_arguments_does_not_spoil_the_hint():
    def spoiling(close, horizon):
        value = np.mean(misses(close, horizon) ** 2)
        close[:] = 0
        return value

    assert "Take its root" in check.naive_rmse_ahead(spoiling).message
