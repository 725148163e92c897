"""Checks of chapter 04's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge


def pad_review(answer: Callable[[list[int], int], "np.ndarray"]) -> Verdict:
    """Check the padding and truncating of one review, both at its beginning.

    Args:
        answer: Called as ``answer(numbers, length)`` with a list of word numbers; returns (length,) whole numbers, a
            list or an array.

    Returns:
        The verdict. Right is what `keras.utils.pad_sequences` does by default.
    """

    def hint() -> str:
        for numbers, length in (([1, 14, 22], 5), ([1, 14, 22, 16, 43, 530], 4), ([1, 14, 22], 3), ([1, 9], 6)):
            returned = answer(list(numbers), length)
            if returned is None:
                return NOTHING_RETURNED
            value = np.asarray(returned)
            missing, case = length - len(numbers), f"{numbers} with length {length}"
            if value.ndim != 1:
                return f"The answer has shape {value.shape}. Return one row of {length} numbers."
            if missing < 0:
                right = numbers[-length:]
                mistakes = (
                    (numbers[:length], "That keeps the beginning. Cut there, so that the review keeps its end."),
                    (numbers, "A review that is too long must be cut."),
                    ([], "Nothing is left of a long review. Keep its last words."),
                    (numbers[:1] + numbers[1 - length :], "That keeps the 1 of the start. Keras cuts it off as well."),
                    (numbers[-length:][::-1], "The words are turned round. Keep their order."),
                )
            else:
                right = [0] * missing + numbers
                mistakes = (
                    (numbers + [0] * missing, "The zeros stand behind the words. Put them before."),
                    (numbers, "A review that is too short must be filled up with zeros."),
                    ([1] * missing + numbers, "Fill up with 0: the 1 says that a review starts."),
                    ([2] * missing + numbers, "Fill up with 0: the 2 stands for an unknown word."),
                    ([0] * length + numbers, "Too many zeros: fill up to length, do not add length of them."),
                    ([], "Nothing came back for a short review. Fill it up with zeros."),
                )
            if value.tolist() == right:
                continue
            for wrong, mistake in mistakes:
                if value.tolist() == wrong:
                    return f"{mistake} (Try {case}.)"
            return f"For {case} it should be {right}; yours is {value.tolist()}."
        return ""

    return judge(hint, "Right: the same as pad_sequences. The words stand right before the answer.")


def gru_step(answer: Callable[..., "np.ndarray"]) -> Verdict:
    """Check one step of a GRU that resets after the multiplication, as Keras's does.

    Args:
        answer: Called as ``answer(x, h, kernel, recurrent_kernel, bias)`` with x (batch, inputs), h (batch, units),
            kernel (inputs, 3 units), recurrent_kernel (units, 3 units) and bias (2, 3 units), in the order update,
            reset, candidate; returns the new state (batch, units).

    Returns:
        The verdict, within 1e-6.
    """

    def hint() -> str:
        rng = np.random.default_rng(0)
        x, h = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
        kernel, recurrent_kernel, bias = (rng.normal(size=shape) for shape in ((5, 9), (3, 9), (2, 9)))
        returned = answer(x.copy(), h.copy(), kernel.copy(), recurrent_kernel.copy(), bias.copy())
        if returned is None:
            return NOTHING_RETURNED
        if isinstance(returned, (tuple, list)) and _shape(returned) != h.shape:
            return "A GRU has one state only. Return the new h, nothing else."
        value = np.asarray(returned, dtype=float)
        if value.shape != h.shape:
            return f"The answer has shape {value.shape}. The new state has the shape of the old one, {h.shape}."
        given = (x, h, kernel, recurrent_kernel)
        none = np.zeros_like(bias)
        for wrong, mistake in (
            (
                _gru(given, bias, mistake="turned"),
                "The mixture is turned round: z is the share of the old state.",
            ),
            (_gru(given, bias, order="rzg"), "The gates have changed places. Keras's order is z, r, candidate."),
            (_gru(given, bias, order="gzr"), "The candidate stands last in Keras's order: z, r, candidate."),
            (
                _gru(given, bias, mistake="reset before"),
                "You reset the state before it meets the matrix. Here the product is reset: r * (h @ U + bias[1]).",
            ),
            (
                _gru(given, bias, mistake="no reset"),
                "The reset gate is not in use: r belongs before (h @ U + bias[1]).",
            ),
            (
                _gru(given, bias, mistake="inner bias outside"),
                "The inner bias must be reset as well: r * (h @ U + bias[1]).",
            ),
            (_gru(given, bias, mistake="all reset"), "Reset only what comes from the state, not what comes from x."),
            (_gru(given, none), "The biases are missing: bias[0] goes with x, bias[1] with h."),
            (_gru(given, np.stack([bias[0], none[1]])), "bias[1] is missing: it goes with h @ recurrent_kernel."),
            (_gru(given, np.stack([none[0], bias[1]])), "bias[0] is missing: it goes with x @ kernel."),
            (_gru(given, bias[::-1]), "The two biases have changed places: bias[0] goes with x, bias[1] with h."),
            (_gru(given, bias, mistake="sigmoid candidate"), "The candidate goes through tanh, not through a sigmoid."),
            (
                _gru(given, bias, mistake="linear candidate"),
                "The candidate has no activation yet: it goes through tanh.",
            ),
            (_gru(given, bias, mistake="tanh gates"), "Gates run from 0 to 1: sigmoid, not tanh."),
            (_gru(given, bias, mistake="linear gates"), "The gates z and r have no activation yet: a sigmoid."),
            (
                _gru(given, bias, mistake="candidate alone"),
                "That is the candidate alone. Mix it with the old state by z.",
            ),
            (_gru(given, bias, mistake="sum"), "Weigh the candidate, too: z * h + (1 - z) * candidate."),
        ):
            if np.allclose(value, wrong, rtol=0, atol=1e-6):
                return mistake
        if not np.allclose(value, _gru(given, bias), rtol=0, atol=1e-6):
            return "Not yet. Print z, r and the candidate one by one, and compare each with its formula."
        return ""

    return judge(hint, "Right: the same as Keras's GRU. One state, two gates, and no cell.")


def hold_out(answer: Callable[..., "np.ndarray"]) -> Verdict:
    """Check a random split that keeps the two reviews of a pair on the same side.

    Args:
        answer: Called as ``answer(pair, share, rng)`` with pair (n,) int64, the number of a review's pair or -1 for a
            review on its own, a share in (0, 1) and a NumPy Generator; returns (n,) bool, True for held out.

    Returns:
        The verdict. Right is any random split of about that share, of the pairs as well as of the others.
    """

    def hint() -> str:
        # Two shares: one that is written into the function shows only at another.
        return _split_mistake(answer, 0.25) or _split_mistake(answer, 0.6)

    return judge(hint, "Right: what belongs together stays together. The same holds for patients, authors and days.")


def _split_mistake(answer: Callable[..., "np.ndarray"], share: float) -> str:
    """Try the function of `hold_out` with one share: the hint, or "" where nothing is wrong."""
    dice = np.random.default_rng(0)
    # Numbers with gaps, from 0 on, and one whose other half is gone, as after a train_limit.
    numbers = dice.permutation(2_000)[:800]
    pair = dice.permutation(np.concatenate([numbers, numbers[:799], [0, 0], np.full(799, -1)]))
    unique, counts = np.unique(pair[pair >= 0], return_counts=True)
    pair[np.isin(pair, unique[counts > 2])] = -1
    given = pair.copy()
    returned = answer(given, share, np.random.default_rng(1))
    if returned is None:
        return NOTHING_RETURNED
    if not np.array_equal(given, pair):
        return "Your function changes the array that it was given. Work on a copy."
    held = np.asarray(returned)
    if held.shape != pair.shape or held.dtype != bool:
        return (
            f"The answer has shape {held.shape} and holds {held.dtype}. Return one True or False per review, "
            f"shape {pair.shape}."
        )
    alone = pair < 0
    if not held.any() or held.all():
        return "All reviews fall on the same side. Hold out about the wanted share."
    apart = [number for number in unique if len(set(held[pair == number])) == 2]
    if apart:
        return f"{len(apart)} of {len(unique)} pairs are torn apart. Draw pairs, not reviews."
    if held[alone].all() or not held[alone].any():
        return "All reviews without a pair fall on the same side. Draw them one by one: -1 is no pair."
    shares = held[alone].mean(), held[~alone].mean()
    if not any(held[~alone]):
        return "No pair is held out. Draw a share of the pairs, too."
    # Above one half, another share than the wanted one could look like it: a turned split has shown before.
    if share < 0.5 and abs(np.mean(shares) - (1 - share)) < 0.07:
        return "That marks the part to train on. True means held out."
    # Four standard deviations of a fair draw from so many pairs.
    if np.abs(np.array(shares) - share).max() > 0.07:
        return (
            f"Wanted is a share of {share}, of the pairs as well as of the others; yours holds out "
            f"{shares[1]:.2f} of the reviews in pairs and {shares[0]:.2f} of the others."
        )
    if np.array_equal(held, np.asarray(answer(pair.copy(), share, np.random.default_rng(2)))):
        return "Another rng gives the very same split. Draw with rng."
    if not np.array_equal(held, np.asarray(answer(pair.copy(), share, np.random.default_rng(1)))):
        return "The same rng gives two different splits. Draw with rng only, so that a run can be repeated."
    return ""


def _gru(given: tuple, bias: "np.ndarray", order: str = "zrg", mistake: str = "") -> "np.ndarray":
    """Take a GRU's step, right by default, or with one of the mistakes that the hints know.

    Args:
        given: x, h, kernel and recurrent_kernel, as in `gru_step`.
        bias: (2, 3 units).
        order: As what the three parts are read: z update, r reset, g candidate.
        mistake: One of those below, or none.

    Returns:
        (batch, units), what such a step would answer.
    """
    x, h, kernel, recurrent_kernel = given
    w, u, outer, inner = (
        dict(zip(order, np.split(array, 3, axis=-1), strict=True))
        for array in (kernel, recurrent_kernel, bias[0], bias[1])
    )
    gate = {"tanh gates": np.tanh, "linear gates": lambda value: value}.get(mistake, _sigmoid)
    activation = {"sigmoid candidate": _sigmoid, "linear candidate": lambda value: value}.get(mistake, np.tanh)
    z, r = (gate(x @ w[name] + outer[name] + h @ u[name] + inner[name]) for name in "zr")
    from_x, from_h = x @ w["g"] + outer["g"], h @ u["g"] + inner["g"]
    reset = {
        "reset before": (r * h) @ u["g"] + inner["g"],
        "no reset": from_h,
        "inner bias outside": r * (h @ u["g"]) + inner["g"],
    }.get(mistake, r * from_h)
    g = activation((r * from_x if mistake == "all reset" else from_x) + reset)
    return {"turned": (1 - z) * h + z * g, "candidate alone": g, "sum": z * h + g}.get(mistake, z * h + (1 - z) * g)


def _shape(listed: tuple | list) -> tuple[int, ...] | None:
    """Give the shape of nested lists of numbers; None for ragged ones."""
    try:
        return np.asarray(listed, dtype=float).shape
    except (TypeError, ValueError):
        return None


def _sigmoid(z: "np.ndarray") -> "np.ndarray":
    return 1 / (1 + np.exp(-z))
