"""Checks of chapter 05's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable, Sequence

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge

PARTS = ("x_train", "y_train", "x_test", "y_test")


def naive_rmse_ahead(answer: Callable[[np.ndarray, int], float]) -> Verdict:
    """Check the RMSE of the forecast that the price stays what it is.

    Args:
        answer: Called as ``answer(close, horizon)`` with prices (n,) and a number of days; returns a number.

    Returns:
        The verdict. Right is the root of the mean of (close[t + horizon] - close[t]) squared over all such pairs.
    """

    def hint() -> str:
        close = np.array([100.0, 102.0, 101.0, 105.0, 104.0, 110.0, 103.0, 108.0])
        for horizon in (1, 3):
            miss = close[horizon:] - close[:-horizon]
            right = np.sqrt(np.mean(miss**2))
            returned = answer(close.copy(), horizon)
            if returned is None:
                return NOTHING_RETURNED
            value = np.asarray(returned, dtype=float)
            if value.shape != ():
                return f"The answer has shape {value.shape}. Return one number: the mean runs over all days."
            ahead = close[horizon + 1 :] - close[: -horizon - 1]
            for wrong, mistake in (
                (np.mean(miss**2), "That is the mean squared error. Take its root."),
                (np.mean(np.abs(miss)), "That is the MAE, the mean absolute error. Square the errors, then the root."),
                (
                    np.sqrt(np.mean((close[horizon:, None] - close[:-horizon]) ** 2)),
                    "That is the mean over an n x n table: a column minus a row. Print both shapes.",
                ),
                (np.sqrt(np.sum(miss**2)), "That is the root of the sum. Take the mean before the root."),
                (
                    np.sqrt(np.sum(miss**2) / len(close)),
                    "You divide by the number of prices. How many pairs are there?",
                ),
                (
                    miss.std(),
                    "That is the standard deviation: it takes the mean error away first. A drift is an error.",
                ),
                (abs(miss.mean()), "That is the mean error: errors up and down cancel. Square them first."),
                (
                    np.sqrt(np.mean((close - np.roll(close, horizon)) ** 2)),
                    "np.roll puts the last prices at the beginning: the first days get a forecast from the future.",
                ),
                (np.sqrt(np.mean(ahead**2)), "That looks horizon + 1 days ahead. Today is day t, then t + horizon."),
            ):
                if np.isclose(value, wrong, rtol=1e-9, atol=0) and not np.isclose(wrong, right):
                    return mistake
            if horizon > 1 and np.isclose(value, np.sqrt(np.mean(np.diff(close) ** 2))):
                return "That looks one day ahead whatever the horizon is. Use horizon."
            if not np.isclose(value, right, rtol=1e-6, atol=0):
                return f"For {close.astype(int)} and horizon {horizon} it should be {right:.4f}, not {value:.4f}."
        return ""

    return judge(hint, "Right. This is the number that has to stand beside every forecast.")


def scaled_windows(answer: Callable[[np.ndarray, int, int], Sequence[np.ndarray]]) -> Verdict:
    """Check windows that are standardised and cut without a leak.

    Args:
        answer: Called as ``answer(series, lookback, first_test)`` with prices (n,); returns x_train (a, lookback),
            y_train (a,), x_test (b, lookback), y_test (b,).

    Returns:
        The verdict. Right is a scaler of the days before first_test, training targets from day lookback to
        first_test - 1, test targets from first_test to the last day.
    """

    def hint() -> str:
        lookback, first_test = 3, 12
        series = np.array([10, 12, 11, 13, 12, 15, 14, 16, 15, 17, 16, 19, 30, 34, 31, 36, 33, 39], dtype=float)
        returned = answer(series.copy(), lookback, first_test)
        if returned is None:
            return NOTHING_RETURNED
        if not isinstance(returned, tuple | list) or len(returned) != 4:
            return "Return four arrays: x_train, y_train, x_test, y_test."
        parts = dict(zip(PARTS, (np.asarray(part, dtype=float) for part in returned), strict=True))
        known = series[:first_test]
        right = _cut((series - known.mean()) / known.std(), lookback, first_test)
        for name, part in parts.items():
            trouble = _shape_hint(name, part, right[name], lookback)
            if trouble:
                return trouble
        whole_hint = "The scaler has seen the whole series: a leak. Take mean and std of the days before first_test."
        later, longer = series[lookback:first_test], series[: first_test + 1]
        for scaled, mistake in (
            ((series - series.mean()) / series.std(), whole_hint),
            ((series - series.min()) / np.ptp(series), whole_hint),
            ((series - later.mean()) / later.std(), "The scaler leaves out the first days. They are known, too."),
            ((series - longer.mean()) / longer.std(), "The scaler has seen the first test day: series[:first_test]."),
            ((series - known.min()) / np.ptp(known), "That is min-max scaling. Use mean and standard deviation."),
            ((series - known.mean()) / known.std(ddof=1), "That standard deviation divides by n - 1: use .std()."),
            ((series - known.mean()) / known.var(), "You divide by the variance. Divide by the standard deviation."),
            (series - known.mean(), "The mean is gone, the size is not: divide by the standard deviation."),
            (series, "The prices are not scaled yet. Subtract the mean, divide by the standard deviation."),
        ):
            wrong = _cut(scaled, lookback, first_test)
            if all(np.allclose(parts[name], wrong[name]) for name in PARTS):
                return mistake
        for part in ("train", "test"):
            x, y = parts[f"x_{part}"], parts[f"y_{part}"]
            if np.allclose(x[:, -1], y):
                return f"In the {part} part each target stands in its own window, as its last day. Take the next day."
            if np.allclose(x, right[f"x_{part}"][:, ::-1]):
                return f"The days in the {part} windows run backwards. The newest day comes last."
        train_right = all(np.allclose(parts[name], right[name]) for name in PARTS[:2])
        if train_right and not np.allclose(parts["y_test"], right["y_test"]):
            return "Training is right, the test's targets are not. Has the test a scaler of its own? That is a leak."
        for name, part in parts.items():
            if not np.allclose(part, right[name]):
                return f"{name} has the right shape, but not the right numbers. Which days stand in its first row?"
        return ""

    return judge(
        hint, "Right. Nothing from the test has reached the training; the test's windows may look back into it."
    )


def split_with_gap(answer: Callable[[int, int, int], Sequence[np.ndarray]]) -> Verdict:
    """Check a chronological split that leaves a gap for the horizon.

    Args:
        answer: Called as ``answer(num_windows, cut, horizon)``; returns the numbers of the training windows and those
            of the test windows. Window i ends on day i and forecasts the days i + 1 to i + horizon.

    Returns:
        The verdict. Right is 0 to cut - horizon for training, and cut to num_windows - 1 for the test.
    """

    def hint() -> str:
        for num_windows, cut, horizon in ((50, 40, 5), (50, 40, 1), (30, 20, 10)):
            returned = answer(num_windows, cut, horizon)
            if returned is None:
                return NOTHING_RETURNED
            if not isinstance(returned, tuple | list) or len(returned) != 2:
                return "Return two arrays: the numbers of the training windows, and those of the test windows."
            train, test = (np.asarray(list(part), dtype=int) for part in returned)
            case = f"With {num_windows} windows, cut {cut}, horizon {horizon}"
            if not np.array_equal(np.sort(test), np.arange(cut, num_windows)):
                return (
                    f"{case} the test should hold the windows {cut} to {num_windows - 1}: the gap is not taken from it."
                )
            if len(train) == 0:
                return f"{case} no window trains at all. Keep as many as possible."
            if len(np.unique(train)) != len(train) or train.min() < 0 or train.max() >= num_windows:
                return f"{case} train holds windows twice, or numbers that do not exist."
            last, border = train.max(), cut + 1
            if last >= cut:
                return f"{case} window {last} stands in both parts, or after the cut. Train on the windows before."
            if last + horizon >= border:
                return (
                    f"{case} training window {last} forecasts up to day {last + horizon}, and the test's first target "
                    f"is day {border}: they overlap."
                )
            if last < cut - horizon:
                return (
                    f"{case} nothing leaks, but you give away windows: window {cut - horizon} ends its forecast on day "
                    f"{cut}, and the test's first target is day {border}."
                )
            if len(train) != cut - horizon + 1:
                return f"{case} train should hold all windows from 0 to {cut - horizon}; yours has {len(train)}."
        return ""

    return judge(hint, "Right: horizon - 1 windows are left out, and one day ahead needs no gap at all.")


def _cut(scaled: np.ndarray, lookback: int, first_test: int) -> dict[str, np.ndarray]:
    """Cut a scaled series into the four parts."""
    days = np.arange(lookback, len(scaled))
    x, y = scaled[days[:, None] - np.arange(lookback, 0, -1)], scaled[days]
    train = days < first_test
    return dict(zip(PARTS, (x[train], y[train], x[~train], y[~train]), strict=True))


def _shape_hint(name: str, part: np.ndarray, right: np.ndarray, lookback: int) -> str:
    """Say what is wrong with the shape of one part; "" when nothing is."""
    if part.shape == right.shape:
        return ""
    came = f"{name} has shape {part.shape}, not {right.shape}"
    if part.ndim != right.ndim:
        return f"{came}. Windows are (n, lookback), targets (n,)."
    if name.startswith("x") and part.shape[1] != lookback:
        return f"{came}. A window holds lookback days, without the target."
    if name.endswith("test") and len(part) == len(right) - lookback:
        return f"{came}. The first test days are missing: their windows may look back into the training days."
    if name.endswith("train") and len(part) > len(right):
        return f"{came}. Some training targets lie in the test. The last one is day first_test - 1."
    if len(part) == len(right) - 1:
        return f"{came}. One window is missing at an end: is the last day a target?"
    return f"{came}. Count the targets: training from day lookback to first_test - 1, test from first_test to the last."
