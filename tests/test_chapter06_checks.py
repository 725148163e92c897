"""Answers to chapter 06's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import math

import numpy as np
import pytest

from course_utils.checks import chapter06 as check


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def real_loss(logits):
    return np.logaddexp(0, -logits)


def loss_by_keras(fake_logits):
    import keras

    return keras.losses.BinaryCrossentropy(from_logits=True)(np.ones_like(fake_logits), fake_logits)


def loss_by_keras_for_probabilities(fake_logits):
    import keras

    return keras.losses.BinaryCrossentropy()(np.ones_like(fake_logits), fake_logits)


def loss_by_keras_with_swapped_arguments(fake_logits):
    import keras

    return keras.losses.BinaryCrossentropy(from_logits=True)(fake_logits, np.ones_like(fake_logits))


def loss_by_loop(fake_logits):
    total = 0.0
    for logit in fake_logits[:, 0].tolist():
        total += max(-logit, 0.0) + math.log1p(math.exp(-abs(logit)))
    return total / len(fake_logits)


def cosine(start, end):
    return start @ end / (np.linalg.norm(start) * np.linalg.norm(end))


def weighed(angle, start, end, share):
    return (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)


def line(start, end, share):
    return start + share * (end - start)


def turn(start, end, share, angle=lambda start, end: np.arccos(np.clip(cosine(start, end), -1, 1))):
    """Interpolate rightly, or with a wrong angle."""
    angle = angle(start, end)
    return line(start, end, share) if abs(np.sin(angle)) < 1e-7 else weighed(angle, start, end, share)


def turn_with_angle(angle):
    return lambda start, end, share: turn(start, end, share, angle)


def turn_in_the_plane(start, end, share):
    """Rotate start towards end by its share of the angle, then correct the length: no formula with two sines."""
    along = start / np.linalg.norm(start)
    across = end / np.linalg.norm(end) - cosine(start, end) * along
    if np.linalg.norm(across) < 1e-5:
        return line(start, end, share)
    across /= np.linalg.norm(across)
    angle = math.atan2(end @ across, end @ along)
    from_start = np.linalg.norm(start) * math.sin((1 - share) * angle) / math.sin(angle)
    towards_end = math.cos(angle) * along + math.sin(angle) * across
    from_end = np.linalg.norm(end) * math.sin(share * angle) / math.sin(angle)
    return from_start * along + from_end * towards_end


def turn_with_a_wide_straight_line(start, end, share):
    if cosine(start, end) > 0.9995:
        return line(start, end, share)
    return weighed(np.arccos(cosine(start, end)), start, end, share)


def turn_without_straight_line(start, end, share):
    return weighed(np.arccos(np.clip(cosine(start, end), -1, 1)), start, end, share)


def turn_with_start_for_the_same_direction(start, end, share):
    angle = np.arccos(np.clip(cosine(start, end), -1, 1))
    return start if np.sin(angle) < 1e-7 else weighed(angle, start, end, share)


def turn_without_clip(start, end, share):
    angle = np.arccos(cosine(start, end))
    return line(start, end, share) if angle == 0 else weighed(angle, start, end, share)


def turn_by_math(start, end, share):
    angle = math.acos(cosine(start, end))
    return line(start, end, share) if angle == 0 else weighed(angle, start, end, share)


def turn_by_math_without_straight_line(start, end, share):
    angle = math.acos(min(1, cosine(start, end)))
    first, second = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
    return first * start + second * end


def spoils_its_vectors(start, end, share):
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    start /= lengths[0]
    end /= lengths[1]
    angle = np.arccos(np.clip(start @ end, -1, 1))
    return weighed(angle, lengths[0] * start, lengths[1] * end, share)


def stretched(length):
    def answer(start, end, share):
        point = line(start, end, share)
        return point / np.linalg.norm(point) * length(np.linalg.norm(start), np.linalg.norm(end), share)

    return answer


def directions_only(start, end, share):
    return turn(start / np.linalg.norm(start), end / np.linalg.norm(end), share)


def length_apart(start, end, share):
    length = (1 - share) * np.linalg.norm(start) + share * np.linalg.norm(end)
    return length * directions_only(start, end, share)


def only_for_short_vectors(start, end, share):
    return turn(start, end, share) if len(start) == 3 else line(start, end, share)


def shares_of(real_counts, fake_counts):
    return real_counts / real_counts.sum(), fake_counts / fake_counts.sum()


def best(real_counts, fake_counts, empty=0.5):
    real, fake = shares_of(real_counts, fake_counts)
    return np.where(real + fake > 0, real / (real + fake), empty)


def best_by_loop(real_counts, fake_counts):
    answers = []
    for real, fake in zip(real_counts.tolist(), fake_counts.tolist(), strict=True):
        real, fake = real / sum(real_counts), fake / sum(fake_counts)
        answers.append(real / (real + fake) if real or fake else 0.5)
    return answers


def best_by_sigmoid(real_counts, fake_counts):
    real, fake = shares_of(real_counts, fake_counts)
    return np.nan_to_num(sigmoid(np.log(real) - np.log(fake)), nan=0.5)


def best_by_cross_multiplication(real_counts, fake_counts):
    real, fake = real_counts * fake_counts.sum(), fake_counts * real_counts.sum()
    return np.divide(real, real + fake, out=np.full(len(real), 0.5), where=real + fake > 0)


def best_with_a_tiny_number(real_counts, fake_counts):
    real, fake = shares_of(real_counts, fake_counts)
    return (real + 1e-12) / (real + fake + 2e-12)


def best_with_one_more_in_each_bin(real_counts, fake_counts):
    return best(real_counts + 1, fake_counts + 1)


def best_in_whole_numbers(real_counts, fake_counts):
    answers = np.zeros_like(real_counts)
    answers[:] = best(real_counts, fake_counts)
    return answers


def spoils_its_counts(real_counts, fake_counts):
    empty = real_counts + fake_counts == 0
    real_counts[empty] = fake_counts[empty] = 1
    return best(real_counts, fake_counts)


WRONG = {
    "generator_loss": [
        (lambda z: real_loss(-z).mean(), "half of the discriminator's loss"),
        (lambda z: np.mean(-np.log(1 - sigmoid(z))), "target 0"),
        (lambda z: np.mean(np.log(1 - sigmoid(z))), "the generator starves"),
        (lambda z: np.mean(np.log(sigmoid(z))), "sign is turned round"),
        (lambda z: np.mean(-np.log(z)), "A logit is no probability"),
        (lambda z: np.mean(-np.log(np.clip(z, 1e-7, 1))), "taken for probabilities"),
        (loss_by_keras_for_probabilities, "from_logits=True"),
        (loss_by_keras_with_swapped_arguments, "target first"),
        (lambda z: real_loss(z).sum(), "sum over the samples"),
        (lambda z: real_loss(z.mean()), "loss of the mean logit"),
        (lambda z: -np.log(sigmoid(z).mean()), "loss of the mean probability"),
        (lambda z: sigmoid(z).mean(), "mean probability. The cross entropy"),
        (lambda z: 1 - sigmoid(z).mean(), "mean probability. The cross entropy"),
        (lambda z: -sigmoid(z).mean(), "mean probability. The cross entropy"),
        (lambda z: z.mean(), "mean logit. A sigmoid"),
        (lambda z: -z.mean(), "mean logit. A sigmoid"),
        (lambda z: np.mean((1 - sigmoid(z)) ** 2), "squared error"),
        (lambda z: np.mean(-np.log2(sigmoid(z))), "base 2"),
        (lambda z: np.mean(-np.log10(sigmoid(z))), "base 10"),
        (lambda z: real_loss(sigmoid(z)).mean(), "sigmoid is taken twice"),
        (lambda z: np.mean(np.log1p(np.exp(-z))), "logit of -1000 among them it gives inf"),
        (lambda z: np.mean(-np.log(sigmoid(z))), "np.logaddexp(0, -logit)"),
        (lambda z: np.mean(-np.log(np.exp(z) / (1 + np.exp(z)))), "np.logaddexp(0, -logit)"),
        (lambda z: np.mean(np.logaddexp(0, z)) - np.mean(np.log(np.exp(z))), "logit of -1000 among them"),
        (lambda z: np.mean(np.log(1 + np.exp(z)) - z), "logit of 1000 among them it gives inf"),
        (lambda z: np.mean(-np.log(sigmoid(z) + 1e-7)), "cut off near 0"),
        (lambda z: real_loss(np.clip(z, -30, 30)).mean(), "cut off near 0"),
        (lambda z: real_loss(z).sum() / 6, "it should be 333."),
        (lambda z: real_loss(z), "shape (6, 1), but one number"),
        (lambda z: real_loss(z)[:, 0], "shape (6,), but one number"),
        (lambda z: real_loss(z).mean(axis=0), "Take the mean over all samples"),
        (lambda z: real_loss(z).max(), "one by one"),
        (lambda z: None, "forget the word return"),
        (lambda z: z.means(), "AttributeError"),
    ],
    "slerp": [
        (line, "That is the straight line."),
        (lambda a, b, s: line(b, a, s), "And share 0 should give start"),
        (lambda a, b, s: turn(b, a, s), "ends are swapped"),
        (lambda a, b, s: turn(a, b, 1 - s), "ends are swapped"),
        (stretched(lambda first, second, share: (first + second) / 2), "another speed"),
        (stretched(lambda first, second, share: (1 - share) * first + share * second), "another speed"),
        (stretched(lambda first, second, share: first), "another speed"),
        (stretched(lambda first, second, share: 1), "another speed"),
        (turn_with_angle(lambda a, b: np.arccos(np.clip(a @ b, -1, 1))), "divided by both lengths"),
        (turn_with_angle(lambda a, b: np.arccos(a @ b)), "divided by both lengths"),
        (turn_with_angle(lambda a, b: np.arccos(a @ b / np.linalg.norm(a))), "divided by both lengths"),
        (turn_with_angle(lambda a, b: np.arccos(a @ b / np.linalg.norm(b))), "divided by both lengths"),
        (turn_with_angle(lambda a, b: np.degrees(np.arccos(cosine(a, b)))), "degrees"),
        (turn_with_angle(cosine), "cosine in place of the angle"),
        (turn_with_angle(lambda a, b: np.arcsin(cosine(a, b))), "two weights"),
        (
            lambda a, b, s: (
                (np.sin(1 - s) * a + np.sin(s) * b) * np.arccos(cosine(a, b)) / np.sqrt(1 - cosine(a, b) ** 2)
            ),
            "The share belongs inside",
        ),
        (
            lambda a, b, s: (np.sin(1 - s) * a + np.sin(s) * b) / np.sqrt(1 - cosine(a, b) ** 2),
            "angle is missing inside",
        ),
        (
            lambda a, b, s: turn(a, b, s) * np.sin(np.arccos(np.clip(cosine(a, b), -1, 1))),
            "not divided by the sine",
        ),
        (
            lambda a, b, s: turn(a, b, s) * (1 if cosine(a, b) > 0.999 else np.sin(np.arccos(cosine(a, b)))),
            "not divided by the sine",
        ),
        (
            lambda a, b, s: (
                sum(np.cos(t * np.arccos(cosine(a, b))) * v for t, v in ((1 - s, a), (s, b)))
                / np.sin(np.arccos(cosine(a, b)))
            ),
            "Those are cosines",
        ),
        (directions_only, "The lengths are lost"),
        (length_apart, "weighs start and end as they came"),
        (lambda a, b, s: a + s * turn(a, b, s), "two weights"),
        (turn_without_straight_line, "so is its sine"),
        (turn_by_math_without_straight_line, "stopped with: float division"),
        (turn_with_start_for_the_same_direction, "Share 0.3 is 0.7 * start"),
        (turn_without_clip, "np.clip"),
        (turn_by_math, "np.clip"),
        (only_for_short_vectors, "Right for short vectors"),
        (lambda a, b, s: turn(a, b, s)[:3], "for vectors of 100 numbers"),
        (spoils_its_vectors, "changes a vector"),
        (lambda a, b, s: turn(a, b, s).sum(), "shape ()"),
        (lambda a, b, s: turn(a, b, s)[None], "shape (1, 3)"),
        (lambda a, b, s: None, "forget the word return"),
        (lambda a, b: turn(a, b, 0.5), "TypeError"),
    ],
    "best_discriminator": [
        (lambda r, f: r / (r + f), "by its own total"),
        (lambda r, f: np.nan_to_num(r / (r + f), nan=0.5), "by its own total"),
        (lambda r, f: best(f, r), 'probability of "generated"'),
        (lambda r, f: f / (r + f), 'probability of "generated"'),
        (lambda r, f: f / (r + f), "by its own total"),
        (lambda r, f: shares_of(r, f)[0] / shares_of(r, f)[1], "divides by both together"),
        (lambda r, f: r / f, "divides by both together"),
        (lambda r, f: shares_of(r, f)[1] / shares_of(r, f)[0], "turned round"),
        (lambda r, f: r / r.sum(), "in the bin"),
        (lambda r, f: r, "in the bin"),
        (lambda r, f: r / (r.sum() + f.sum()), "in the bin"),
        (lambda r, f: best(r, f) > 0.5, "a decision"),
        (lambda r, f: best(r, f) >= 0.5, "a decision"),
        (lambda r, f: np.where(best(r, f) == 0.5, 0.5, np.round(best(r, f))), "a decision"),
        (lambda r, f: (r > f).astype(float), "a decision"),
        (best_in_whole_numbers, "make one of floats"),
        (lambda r, f: np.log(shares_of(r, f)[0] / shares_of(r, f)[1]), "Those are logits"),
        (lambda r, f: best(r, f, 0) / best(r, f, 0).sum(), "bins add up to 1"),
        (lambda r, f: shares_of(r, f)[0] - shares_of(r, f)[1], "difference of shares"),
        (best_with_one_more_in_each_bin, "fell into bin 0"),
        (lambda r, f: best(r, f, np.nan), "0 / 0 is NaN"),
        (lambda r, f: best(r, f, 0), "says 0. Nothing is known"),
        (lambda r, f: best(r, f, 1), "says 1. Nothing is known"),
        (lambda r, f: best(r, 3 * f) if len(r) == 8 else r / (r + f), "Of 1000 real samples, 900"),
        (lambda r, f: np.resize(best(r, f), 8), "for 3 bins"),
        (lambda r, f: best(r, f)[r + f > 0], "Return one probability per bin, (8,)"),
        (lambda r, f: best(r, f).mean(), "Return one probability per bin, (8,)"),
        (spoils_its_counts, "Work on a copy"),
        (lambda r, f: None, "forget the word return"),
        (lambda r, f: r / f.total(), "AttributeError"),
    ],
}

RIGHT = {
    "generator_loss": [
        lambda z: real_loss(z).mean(),
        lambda z: float(real_loss(z.astype("float32")).mean()),
        lambda z: np.mean(np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z)))),
        lambda z: np.logaddexp(0, z).mean() - z.mean(),
        loss_by_loop,
        loss_by_keras,
    ],
    "slerp": [
        turn,
        turn_in_the_plane,
        turn_with_a_wide_straight_line,
        lambda a, b, s: turn(a, b, s).tolist(),
        lambda a, b, s: turn(b, a, 1 - s).astype("float32"),
    ],
    "best_discriminator": [
        best,
        best_by_loop,
        best_by_sigmoid,
        best_by_cross_multiplication,
        best_with_a_tiny_number,
        lambda r, f: 1 - best(f, r),
    ],
}


@pytest.mark.parametrize("name", WRONG)
def test_learner_who_overflows_sees_the_hint_and_no_warning(name, recwarn):
    answers = {
        "generator_loss": lambda z: np.mean(-np.log(sigmoid(z))),
        "slerp": turn_without_clip,
        "best_discriminator": lambda r, f: r / f,
    }
    assert getattr(check, name)(answers[name]).status == "not right yet"
    assert not recwarn.list


@pytest.mark.parametrize("seed", range(5))
def test_best_discriminator_loses_least_of_all(seed):
    """The formula that the check asks for is the minimum of the chapter's loss, found by trying others."""
    rng = np.random.default_rng(seed)
    real, fake = rng.integers(1, 50, size=(2, 6))
    real_share, fake_share = shares_of(real, fake)

    def loss(p):
        return -(real_share * np.log(p)).sum() - (fake_share * np.log(1 - p)).sum()

    right = best(real, fake)
    assert check.best_discriminator(best).status == "correct"
    assert all(loss(right) < loss(np.clip(right + rng.normal(0, 0.05, 6), 0.01, 0.99)) for _ in range(100))
    assert loss(np.full(6, 0.5)) == pytest.approx(2 * np.log(2))
