"""Answers to chapter 04's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import numpy as np
import pytest

from course_utils.checks import chapter04 as check


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru(x, h, kernel, recurrent_kernel, bias, **changes):
    """A GRU's step from named parts, any of which a mistake may replace."""
    parts = {
        "gate": sigmoid,
        "tanh": np.tanh,
        "names": "zrg",
        "inner": lambda r, h, u, b: r * (h @ u + b),
        "mix": lambda z, h, g: z * h + (1 - z) * g,
    } | changes
    w, u = (dict(zip(parts["names"], np.split(m, 3, axis=1), strict=True)) for m in (kernel, recurrent_kernel))
    outer, own = (dict(zip(parts["names"], np.split(b, 3), strict=True)) for b in bias)
    z, r = (parts["gate"](x @ w[k] + outer[k] + h @ u[k] + own[k]) for k in "zr")
    g = parts["tanh"](x @ w["g"] + outer["g"] + parts["inner"](r, h, u["g"], own["g"]))
    return parts["mix"](z, h, g)


def with_changes(**changes):
    return lambda *given: gru(*given, **changes)


def with_bias(change):
    return lambda x, h, kernel, recurrent_kernel, bias: gru(x, h, kernel, recurrent_kernel, change(bias))


def resets_everything(x, h, kernel, recurrent_kernel, bias):
    z, r, _ = np.split(sigmoid(x @ kernel + bias[0] + h @ recurrent_kernel + bias[1]), 3, axis=1)
    third = np.split(x @ kernel + bias[0] + h @ recurrent_kernel + bias[1], 3, axis=1)[2]
    return z * h + (1 - z) * np.tanh(r * third)


def course_split(pair, share, rng):
    group = np.where(pair < 0, -1 - np.arange(len(pair)), pair)
    groups = np.unique(group)
    return np.isin(group, groups[rng.random(len(groups)) < share])


def exact_split(pair, share, rng):
    numbers, loners = np.unique(pair[pair >= 0]), np.flatnonzero(pair < 0)
    held = np.isin(pair, rng.choice(numbers, round(share * len(numbers)), replace=False))
    held[rng.choice(loners, round(share * len(loners)), replace=False)] = True
    return held


def with_replacement(pair, share, rng):
    group = np.where(pair < 0, -1 - np.arange(len(pair)), pair)
    groups = np.unique(group)
    return np.isin(group, rng.choice(groups, round(share * len(groups))))


def one_by_one(pair, share, rng):
    sides, held = {}, []
    for number in pair.tolist():
        if number < 0:
            held.append(rng.random() < share)
        else:
            held.append(sides.setdefault(number, rng.random() < share))
    return np.array(held)


def minus_one_is_a_pair(pair, share, rng):
    numbers = np.unique(pair)
    return np.isin(pair, numbers[rng.random(len(numbers)) < share])


def only_loners(pair, share, rng):
    return (pair < 0) & (rng.random(len(pair)) < share)


def only_pairs(pair, share, rng):
    numbers = np.unique(pair[pair >= 0])
    return np.isin(pair, numbers[rng.random(len(numbers)) < share])


def pulls_partners_along(pair, share, rng):
    held = rng.random(len(pair)) < share
    return held | ((pair >= 0) & np.isin(pair, pair[held & (pair >= 0)]))


def spoils_its_argument(pair, share, rng):
    pair[pair < 0] = pair.max() + 1 + np.arange((pair < 0).sum())
    return course_split(pair, share, rng)


def last_part(pair, share, rng):
    group = np.where(pair < 0, 2_000 + np.arange(len(pair)), pair)
    groups = np.unique(group)
    return np.isin(group, groups[3::4])


WRONG = {
    "pad_review": [
        (lambda n, length: (n + [0] * length)[:length], "zeros stand behind"),
        (lambda n, length: n[-length:] + [0] * (length - len(n)), "zeros stand behind"),
        (lambda n, length: [0] * (length - len(n)) + n[:length], "keeps the beginning"),
        (lambda n, length: [0] * (length - len(n)) + n, "must be cut"),
        (lambda n, length: n[-length:], "filled up with zeros"),
        (lambda n, length: [1] * (length - len(n)) + n[-length:], "Fill up with 0"),
        (lambda n, length: [2] * (length - len(n)) + n[-length:], "Fill up with 0"),
        (lambda n, length: [0] * length + n, "Too many zeros"),
        (lambda n, length: [0] * (length - len(n)) + n if len(n) <= length else [], "Nothing is left"),
        (
            lambda n, length: [0] * (length - len(n)) + (n[:1] + n[1 - length :] if len(n) > length else n),
            "of the start",
        ),
        (lambda n, length: [0] * (length - len(n)) + (n[::-1][:length] if len(n) > length else n), "turned round"),
        (lambda n, length: [0] * (length - len(n)) + n[: -length - 1 : -1], "it should be"),
        (lambda n, length: [[0] * (length - len(n)) + n[-length:]], "Return one row"),
        (lambda n, length: None, "forget the word return"),
        (lambda n, length: n[length + 9], "IndexError"),
    ],
    "gru_step": [
        (with_changes(mix=lambda z, h, g: (1 - z) * h + z * g), "turned round"),
        (with_changes(names="rzg"), "gates have changed places"),
        (with_changes(names="gzr"), "candidate stands last"),
        (with_changes(inner=lambda r, h, u, b: (r * h) @ u + b), "before it meets the matrix"),
        (with_changes(inner=lambda r, h, u, b: h @ u + b), "reset gate is not in use"),
        (with_changes(inner=lambda r, h, u, b: r * (h @ u) + b), "inner bias must be reset"),
        (resets_everything, "Reset only what comes from the state"),
        (with_bias(np.zeros_like), "biases are missing"),
        (with_bias(lambda b: b * [[1], [0]]), "bias[1] is missing"),
        (with_bias(lambda b: b * [[0], [1]]), "bias[0] is missing"),
        (with_bias(lambda b: b[::-1]), "biases have changed places"),
        (with_changes(tanh=sigmoid), "not through a sigmoid"),
        (with_changes(tanh=lambda z: z), "no activation yet: it goes"),
        (with_changes(gate=np.tanh), "not tanh"),
        (with_changes(gate=lambda z: z), "gates z and r have no activation"),
        (with_changes(mix=lambda z, h, g: g), "candidate alone"),
        (with_changes(mix=lambda z, h, g: z * h + g), "Weigh the candidate"),
        (with_changes(mix=lambda z, h, g: h), "one by one"),
        (lambda *given: (gru(*given), gru(*given)), "one state only"),
        (lambda *given: [gru(*given), gru(*given)[0]], "one state only"),
        (lambda *given: (gru(*given), None), "one state only"),
        (lambda x, h, *rest: h.tolist(), "one by one"),
        (lambda x, h, *rest: h[0], "shape of the old one"),
        (lambda *given: None, "forget the word return"),
        (lambda x, h, kernel, *rest: h @ kernel, "ValueError"),
    ],
    "hold_out": [
        (lambda pair, share, rng: rng.random(len(pair)) < share, "torn apart"),
        (lambda pair, share, rng: np.arange(len(pair)) >= len(pair) * (1 - share), "torn apart"),
        (minus_one_is_a_pair, "same side"),
        (only_pairs, "same side"),
        (only_loners, "No pair is held out"),
        (pulls_partners_along, "Wanted is a share"),
        (lambda pair, share, rng: course_split(pair, share / 3, rng), "Wanted is a share"),
        (lambda pair, share, rng: course_split(pair, 0.25, rng), "Wanted is a share of 0.6"),
        (lambda pair, share, rng: course_split(pair, 0.3, rng), "Wanted is a share of 0.6"),
        (with_replacement, "Wanted is a share of 0.6"),
        (lambda pair, share, rng: ~course_split(pair, share, rng), "part to train on"),
        (lambda pair, share, rng: np.flatnonzero(course_split(pair, share, rng)), "one True or False per review"),
        (lambda pair, share, rng: course_split(pair, share, rng).astype(int), "one True or False per review"),
        (lambda pair, share, rng: np.zeros(len(pair), bool), "same side"),
        (lambda pair, share, rng: course_split(pair, share, np.random.default_rng(0)), "very same split"),
        (last_part, "very same split"),
        (lambda pair, share, rng: course_split(pair, share, np.random.default_rng()), "two different splits"),
        (spoils_its_argument, "Work on a copy"),
        (lambda pair, share, rng: None, "forget the word return"),
        (lambda pair, share, rng: rng.unknown(), "AttributeError"),
    ],
}

RIGHT = {
    "pad_review": [
        lambda n, length: np.array(([0] * length + n)[-length:]),
        lambda n, length: [0] * max(length - len(n), 0) + n[max(len(n) - length, 0) :],
        lambda n, length: np.pad(n[-length:], (max(length - len(n), 0), 0)),
    ],
    "gru_step": [
        gru,
        with_changes(mix=lambda z, h, g: g + z * (h - g)),
        lambda *given: gru(*given).astype("float64", copy=True),
        lambda *given: gru(*given).tolist(),
        lambda *given: list(gru(*given)),
    ],
    "hold_out": [course_split, exact_split, one_by_one],
}


def test_padding_agrees_with_the_library():
    keras = pytest.importorskip("keras")
    verdict = check.pad_review(lambda numbers, length: keras.utils.pad_sequences([numbers], maxlen=length)[0])
    assert verdict.status == "correct", verdict


def test_gru_step_agrees_with_the_library():
    keras = pytest.importorskip("keras")

    def by_keras(x, h, kernel, recurrent_kernel, bias):
        cell = keras.layers.GRUCell(h.shape[1], dtype="float64")
        cell.build(x.shape)
        cell.set_weights([kernel, recurrent_kernel, bias])
        return np.asarray(cell(x, [h])[0])

    verdict = check.gru_step(by_keras)
    assert verdict.status == "correct", verdict


@pytest.mark.parametrize("seed", range(20))
def test_fair_split_is_right_whatever_it_draws(seed):
    def seeded(pair, share, rng):
        return course_split(pair, share, np.random.default_rng([seed, int(rng.integers(1_000_000))]))

    assert check.hold_out(seeded).status == "correct"
