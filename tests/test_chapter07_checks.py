"""Answers to chapter 07's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import numpy as np
import pytest

from course_utils.checks import chapter07 as check


def real(ids):
    return (ids != 0)[..., None]


def mean_of(states, kept):
    return (states * kept).sum(axis=1) / kept.sum(axis=1)


def softmax(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def attend(query, key, value, hidden=-np.inf, diagonal=0, divisor=None, axis=-1):
    divisor = divisor or np.sqrt(query.shape[-1])
    mask = np.tri(len(query), k=diagonal, dtype=bool)
    return softmax(np.where(mask, query @ key.T / divisor, hidden), axis) @ value


def masked_afterwards(query, key, value, again=True):
    shares = softmax(query @ key.T / np.sqrt(query.shape[-1])) * np.tri(len(query))
    return (shares / shares.sum(axis=-1, keepdims=True) if again else shares) @ value


def word_by_word(query, key, value):
    rows = []
    for i in range(len(query)):
        shares = softmax(key[: i + 1] @ query[i] / np.sqrt(query.shape[-1]))
        rows.append(shares @ value[: i + 1])
    return np.stack(rows)


def overflows(query, key, value):
    scores = np.where(np.tri(len(query), dtype=bool), query @ key.T / np.sqrt(query.shape[-1]), -np.inf)
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True) @ value


def changes_its_input(query, key, value):
    query /= np.sqrt(query.shape[-1])
    return attend(query, key, value, divisor=1.0)


def changes_the_states(states, ids):
    states *= real(ids)
    return states.sum(axis=1) / real(ids).sum(axis=1)


def greedy(word, vocabulary, later="##", written="##", shortest=False):
    pieces, start = [], 0
    while start < len(word):
        ends = range(start + 1, len(word) + 1) if shortest else range(len(word), start, -1)
        fitting = [end for end in ends if (later if start else "") + word[start:end] in vocabulary]
        if not fitting:
            return ["[UNK]"]
        pieces.append((written if start else "") + word[start : fitting[0]])
        start = fitting[0]
    return pieces


def unknown_rest(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        fitting = [e for e in range(len(word), start, -1) if "##" * bool(start) + word[start:e] in vocabulary]
        if not fitting:
            return [*pieces, "[UNK]"]
        pieces.append("##" * bool(start) + word[start : fitting[0]])
        start = fitting[0]
    return pieces


def drops_the_rest(word, vocabulary):
    pieces = unknown_rest(word, vocabulary)
    return [piece for piece in pieces if piece != "[UNK]"]


def first_piece_only(word, vocabulary):
    return greedy(word, vocabulary)[:1]


def never_ends(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            if "##" * bool(start) + word[start:end] in vocabulary:
                pieces.append("##" * bool(start) + word[start:end])
                start = end
                break
    return pieces


def goes_back(word, vocabulary, first=True):
    for end in range(len(word), 0, -1):
        piece = word[:end] if first else "##" + word[:end]
        if piece in vocabulary:
            rest = goes_back(word[end:], vocabulary, False) if word[end:] else []
            if rest != ["[UNK]"]:
                return [piece, *rest]
    return ["[UNK]"]


RIGHT = {
    "sentence_vectors": [
        lambda states, ids: mean_of(states, real(ids)),
        lambda states, ids: np.stack([s[i != 0].mean(axis=0) for s, i in zip(states, ids, strict=True)]),
        lambda states, ids: np.einsum("bwd,bw->bd", states, (ids != 0) / (ids != 0).sum(axis=1, keepdims=True)),
        lambda states, ids: mean_of(states, real(ids)).astype("float32"),
    ],
    "causal_attention": [
        attend,
        word_by_word,
        lambda *given: attend(*given, hidden=-1e9),
        lambda *given: attend(*given, hidden=-1e6).astype("float32"),
    ],
    "word_pieces": [greedy, lambda word, vocabulary: tuple(greedy(word, vocabulary))],
}
WRONG = {
    "sentence_vectors": [
        (lambda states, ids: None, "returns nothing"),
        (lambda states, ids: states.mean(axis=1), "The padding is in the mean"),
        (lambda states, ids: states.sum(axis=1), "sum over all positions"),
        (lambda states, ids: (states * real(ids)).sum(axis=1), "sum of the real words"),
        (lambda states, ids: (states * real(ids)).mean(axis=1), "you divide by all positions"),
        (lambda states, ids: states.sum(axis=1) / real(ids).sum(axis=1), "but add up all"),
        (lambda states, ids: (states * real(ids)).sum(axis=1) / real(ids).sum(), "by one number"),
        (lambda states, ids: states[:, 0], "[CLS] alone"),
        (lambda states, ids: states[:, -1], "last position"),
        (lambda states, ids: states.max(axis=1), "largest value"),
        (lambda states, ids: mean_of(states, ~real(ids)), "turned round"),
        (lambda states, ids: mean_of(states, real(ids) & ~np.isin(ids, (101, 102))[..., None]), "are left out"),
        (lambda states, ids: states.mean(axis=2), "runs over the width"),
        (lambda states, ids: states.mean(axis=0), "runs over the sentences"),
        (lambda states, ids: mean_of(states, real(ids))[:, None], "Drop the axis"),
        (lambda states, ids: states * real(ids), "Nothing is summed up"),
        (lambda states, ids: mean_of(states, real(ids)).mean(axis=0), "Each sentence needs its own"),
        (lambda states, ids: 2 * mean_of(states, real(ids)), "should be"),
        (changes_the_states, "changes what it was given"),
    ],
    "causal_attention": [
        (lambda q, k, v: None, "returns nothing"),
        (lambda q, k, v: softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v, "No mask yet"),
        (lambda q, k, v: attend(q[::-1], k[::-1], v[::-1])[::-1], "turned round"),
        (lambda *given: attend(*given, diagonal=-1), "does not see itself"),
        (lambda *given: attend(*given, diagonal=-1, hidden=-1e9), "does not see itself"),
        (lambda *given: masked_afterwards(*given, again=False), "no longer add up to 1"),
        (lambda *given: attend(*given, hidden=0.0), "A score of 0 is no mask"),
        (lambda *given: attend(*given, divisor=1.0), "not divided by the root"),
        (lambda q, k, v: attend(q, k, v, divisor=q.shape[-1]), "divided by the size"),
        (lambda q, k, v: attend(q, k, v, divisor=np.sqrt(len(q))), "number of words"),
        (lambda *given: attend(*given, axis=0), "down the columns"),
        (lambda q, k, v: attend(k, q, v), "swapped"),
        (lambda q, k, v: attend(q, k, np.eye(len(q))), "Those are the weights"),
        (lambda q, k, v: attend(q, k, v)[0], "has shape"),
        (lambda q, k, v: softmax(q @ k.T) @ v, "No mask yet. And"),
        (lambda q, k, v: np.tril(q @ k.T / np.sqrt(q.shape[-1])) @ v, "softmax is missing"),
        (lambda *given: attend(*given) + 1, "is wrong first"),
        (overflows, "overflows"),
        (changes_its_input, "changes what it was given"),
    ],
    "word_pieces": [
        (lambda word, vocabulary: None, "returns nothing"),
        (lambda *given: greedy(*given, shortest=True), "Take the longest piece"),
        (lambda *given: greedy(*given, written=""), "has ## before it"),
        (lambda *given: greedy(*given, later="", written=""), "##"),
        (lambda word, vocabulary: ["##" + piece for piece in greedy(word, vocabulary)], "first piece has no ##"),
        (unknown_rest, "the whole word becomes [UNK]"),
        (drops_the_rest, "the whole word becomes [UNK]"),
        (first_piece_only, "spell the word"),
        (goes_back, "greedy"),
        (lambda word, vocabulary: "[UNK]", "Return a list of strings"),
        (lambda word, vocabulary: " ".join(greedy(word, vocabulary)), "Return a list of strings"),
        (lambda word, vocabulary: set(greedy(word, vocabulary)), "Return a list of strings"),
        (lambda word, vocabulary: ["[UNK]"], "looked up with ##"),
        (lambda word, vocabulary: [], "is empty"),
        (never_ends, "Does your loop move on"),
    ],
}


@pytest.mark.parametrize(("word", "pieces"), check._WORDS)
def test_expected_pieces_are_those_of_the_algorithm(word, pieces):
    assert greedy(word, set(check._PIECES)) == pieces


def test_masking_after_the_softmax_and_dividing_again_is_right_where_it_is_exact():
    generator = np.random.default_rng(0)
    given = generator.normal(size=(3, 5, 4))
    assert np.allclose(masked_afterwards(*given), attend(*given))
