"""Checks of chapter 07's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable, Sequence

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge

CHANGED = "Your function changes what it was given. Work on a copy."


def sentence_vectors(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Verdict:
    """Check the mean of each sentence's word vectors, without the padding.

    Args:
        answer: Called as ``answer(states, ids)`` with float64 (batch, words, width) and int64 (batch, words), where
            0 is padding; returns (batch, width).

    Returns:
        The verdict, within 1e-5 of the right numbers.
    """

    def hint() -> str:
        generator = np.random.default_rng(0)
        for widest, width in ((6, 4), (3, 7)):
            ids = np.array([[101, 7, 8, 9, 11, 102], [101, 5, 102, 0, 0, 0], [101, 102, 0, 0, 0, 0]])[:, :widest]
            states = generator.normal(1.0, 2.0, size=(*ids.shape, width))
            given = states.copy(), ids.copy()
            with np.errstate(all="ignore"):
                returned = answer(*given)
            if returned is None:
                return NOTHING_RETURNED
            if not (np.array_equal(given[0], states) and np.array_equal(given[1], ids)):
                return CHANGED
            value = np.asarray(returned, dtype=float)
            right = _masked_mean(states, ids != 0)
            if value.shape != right.shape:
                return _wrong_shape(value, states, right)
            if np.allclose(value, right, rtol=0, atol=1e-5):
                continue
            for wrong, mistake in _wrong_vectors(states, ids):
                if np.allclose(value, wrong, rtol=0, atol=1e-5, equal_nan=True):
                    return mistake
            row, column = np.argwhere(~np.isclose(value, right, rtol=0, atol=1e-5))[0]
            return (
                f"Number {column} of sentence {row} should be {right[row, column]:.4f}; yours is "
                f"{value[row, column]:.4f}. Set the padding's vectors to zero, add up the words, divide by how many "
                "real words the sentence has."
            )
        return ""

    return judge(
        hint,
        "Right. That is what GlobalAveragePooling1D does with a mask, and how this BERT was trained to sum up a "
        "sentence.",
    )


def _masked_mean(states: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Take the mean over the kept words."""
    return (states * kept[..., None]).sum(axis=1) / kept.sum(axis=1, keepdims=True)


def _wrong_shape(value: np.ndarray, states: np.ndarray, right: np.ndarray) -> str:
    """Say what is wrong with the shape of an answer."""
    batch, words, width = states.shape
    advice = {
        (batch, words): "The mean runs over the width. It should run over the words: axis=1.",
        (words, width): "The mean runs over the sentences. It should run over the words: axis=1.",
        (batch, 1, width): "Drop the axis of length 1: leave keepdims out of the sum over the words.",
        (batch, words, width): "Nothing is summed up yet: add the words with sum(axis=1).",
        (width,): "That is one vector for all sentences together. Each sentence needs its own.",
    }
    return (
        f"The answer has shape {value.shape}, wanted is (batch, width): {right.shape}. {advice.get(value.shape, '')}"
    ).rstrip()


def _wrong_vectors(states: np.ndarray, ids: np.ndarray) -> tuple[tuple[np.ndarray, str], ...]:
    """List what plausible mistakes make of the states, and the hint for each."""
    real = ids != 0
    right, total = _masked_mean(states, real), (states * real[..., None]).sum(axis=1)
    last = real.sum(axis=1) - 1
    inner = real & ~np.isin(ids, (101, 102))
    padding = "The padding is in the mean. Where ids is 0, a vector must not count."
    with np.errstate(all="ignore"):
        without_marks, of_padding = _masked_mean(states, inner), _masked_mean(states, ~real)
    return (
        (states.mean(axis=1), padding),
        (states.sum(axis=1), f"That is a sum over all positions. {padding} And a mean is divided."),
        (total, "That is the sum of the real words. Divide by how many there are."),
        (
            total / ids.shape[1],
            "The padding is zero in your sum, but you divide by all positions. Divide by the number of real words.",
        ),
        (
            states.sum(axis=1) / real.sum(axis=1, keepdims=True),
            "You divide by the real words, but add up all. Set the padding's vectors to zero first.",
        ),
        (
            total / real.sum(axis=1).mean(),
            "You divide all sentences by one number. Each has a number of words of its own.",
        ),
        (total / real.sum(), "You divide all sentences by one number. Each has a number of words of its own."),
        (states[:, 0], "That is the vector of [CLS] alone. Take the mean of all real words."),
        (states[:, -1], "That is the last position, which may be padding. Take the mean of all real words."),
        (states[np.arange(len(ids)), last], "That is the vector of [SEP] alone. Take the mean of all real words."),
        (states.max(axis=1), "That is the largest value. Take the mean."),
        (np.where(real[..., None], states, -np.inf).max(axis=1), "That is the largest value. Take the mean."),
        (of_padding, "The mask is turned round: that is the mean of the padding."),
        (without_marks, "[CLS] and [SEP] are left out. Only the padding, number 0, should be."),
        (
            right / np.linalg.norm(right, axis=1, keepdims=True),
            "The length of each vector is made 1. Return the mean as it is.",
        ),
    )


def causal_attention(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Verdict:
    """Check scaled dot-product attention of one head with a causal mask.

    Args:
        answer: Called as ``answer(query, key, value)`` with float64 arrays (words, size); returns (words, size).

    Returns:
        The verdict, within 1e-5 of Vaswani et al. (2017), "Attention is all you need", equation 1 and section 3.2.3,
        for scores up to a few thousand.
    """

    def hint() -> str:
        generator = np.random.default_rng(1)
        for words, size, scale in ((5, 4, 1.0), (3, 9, 1.0), (4, 2, 60.0)):
            query, key, value = generator.normal(size=(3, words, size)) * [[[scale]], [[scale]], [[1.0]]]
            given = query.copy(), key.copy(), value.copy()
            with np.errstate(all="ignore"):
                returned = answer(*given)
            if returned is None:
                return NOTHING_RETURNED
            if not all(map(np.array_equal, given, (query, key, value))):
                return CHANGED
            result = np.asarray(returned, dtype=float)
            right = _attend(query, key, value)
            if result.shape == right.shape and np.allclose(result, right, rtol=0, atol=1e-5):
                continue
            return _attention_mistake(result, query, key, value)
        return ""

    return judge(
        hint,
        "Right. With this mask one pass over a text gives an exercise for every word of it: that is how GPT learns.",
    )


def _softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def _attend(query, key, value, *, divisor=None, hidden=-np.inf, mask=None, axis=-1) -> np.ndarray:
    """Attend as the exercise asks, or with one part of it done otherwise."""
    divisor = np.sqrt(query.shape[-1]) if divisor is None else divisor
    mask = np.tri(len(query), dtype=bool) if mask is None else mask
    return _softmax(np.where(mask, query @ key.T / divisor, hidden), axis) @ value


def _attention_mistake(result: np.ndarray, query: np.ndarray, key: np.ndarray, value: np.ndarray) -> str:
    """Find out what is wrong with an answer."""
    words, size = query.shape
    scores, mask = query @ key.T / np.sqrt(size), np.tri(words, dtype=bool)
    shares = _softmax(np.where(mask, scores, -np.inf))
    if result.shape == shares.shape and np.allclose(result, shares, atol=1e-5):
        return "Those are the weights. Multiply them with the values."
    if result.shape != value.shape:
        return f"The answer has shape {result.shape}, wanted is that of value: {value.shape}."
    later = mask.T
    unscaled = "The scores are not divided by the root of the size, np.sqrt(query.shape[-1])."
    wrong_way = (
        "The mask is turned round: each word sees itself and the later ones. np.tri has ones below the diagonal."
    )
    with np.errstate(all="ignore"):
        plain = _softmax(scores)
        naive = np.exp(np.where(mask, scores, -np.inf))
        mistakes = (
            (plain @ value, "No mask yet: each word still sees the later ones."),
            (_attend(query, key, value, mask=later), wrong_way),
            (
                _attend(query, key, value, mask=np.tri(words, k=-1, dtype=bool)),
                "A word does not see itself in yours, and the first one sees nothing. The diagonal belongs to it.",
            ),
            (
                _attend(query, key, value, mask=np.tri(words, k=-1, dtype=bool), hidden=-1e9),
                "A word does not see itself in yours, and the first one sees all alike. The diagonal belongs to it.",
            ),
            (
                (plain * mask) @ value,
                "The weights are set to zero after the softmax, so the rows no longer add up to 1. Mask the scores "
                "before it.",
            ),
            (
                _attend(query, key, value, hidden=0.0),
                "A score of 0 is no mask: the softmax gives it a share. It takes minus infinity to hide a word.",
            ),
            (_attend(query, key, value, divisor=1.0), unscaled),
            (
                _attend(query, key, value, divisor=size),
                "The scores are divided by the size. It should be its root: np.sqrt(query.shape[-1]).",
            ),
            (
                _attend(query, key, value, divisor=np.sqrt(words)),
                "The scores are divided by the root of the number of words. It is the root of the size of a query.",
            ),
            (
                _attend(query, key, value, axis=0),
                "The softmax runs down the columns. Each row belongs to one word that looks: axis=-1.",
            ),
            (np.where(mask, scores, 0) @ value, "The softmax is missing: shares are positive and add up to 1."),
            (
                _attend(key, query, value),
                "Query and key are swapped: the word that looks is the row, so it is query @ key.T.",
            ),
            (plain @ value * 0 + _softmax(query @ key.T) @ value, f"No mask yet. And: {unscaled}"),
            (naive @ value, "The exponentials are not divided by their sum: the rows should add up to 1."),
        )
    for wrong, mistake in mistakes:
        if np.allclose(result, wrong, rtol=0, atol=1e-5, equal_nan=True):
            return mistake
    right = shares @ value
    if np.abs(scores).max() > 700 and not np.all(np.isfinite(result)):
        return (
            "With scores around a thousand, NaN or infinity comes back: np.exp overflows. Subtract each row's largest "
            "score first."
        )
    if np.isnan(result).any():
        return "NaN came back. Is there a row in which every score is hidden? A word always sees itself."
    row = np.flatnonzero(~np.isclose(result, right, rtol=0, atol=1e-5).all(axis=-1))[0]
    return (
        f"Word {row} is wrong first: its weights should be {shares[row].round(3).tolist()}. Print yours, row by row: "
        "scores, mask, softmax."
    )


class _Vocabulary(frozenset):
    """A vocabulary that ends a search which never ends."""

    def __new__(cls, pieces: Sequence[str]):
        made = super().__new__(cls, pieces)
        made.looked_up = 0
        return made

    def __contains__(self, piece: object) -> bool:
        self.looked_up += 1
        if self.looked_up > 10_000:
            raise RuntimeError(
                "the vocabulary was asked more than 10,000 times. Does your loop move on when no piece fits?"
            )
        return super().__contains__(piece)


_UNKNOWN = ["[UNK]"]
_PIECES = (
    "un", "una", "##a", "##b", "##able", "##ble", "##aff", "##affable", "able", "bank", "ban", "##k", "##ing", "play",
    "##ed", "a", "##c", "abc", "ab", "##cd", "##d", "k", "ing", "x",
)  # fmt: skip
# (word, what WordPiece makes of it)
_WORDS = (
    ("bank", ["bank"]),
    ("banking", ["bank", "##ing"]),
    ("played", ["play", "##ed"]),
    ("unable", ["una", "##ble"]),
    ("abcd", ["abc", "##d"]),
    ("abcab", ["abc", "##a", "##b"]),
    ("playz", _UNKNOWN),
    ("zplay", _UNKNOWN),
    ("bankz", _UNKNOWN),
    ("unaffable", _UNKNOWN),  # greedy: "una", then nothing, though "un ##affable" would do
    ("x", ["x"]),
    ("z", _UNKNOWN),
)


def word_pieces(answer: Callable[[str, set[str]], list[str]]) -> Verdict:
    """Check WordPiece: cut a word into the longest pieces of the vocabulary, from the left.

    Args:
        answer: Called as ``answer(word, vocabulary)`` with a lower-case str and a set of str; returns a list of str.

    Returns:
        The verdict, by the algorithm that came with Devlin et al. (2018), "BERT".
    """

    def hint() -> str:
        for word, right in _WORDS:
            found = answer(word, _Vocabulary(_PIECES))
            if found is None:
                return NOTHING_RETURNED
            if isinstance(found, str):
                return f"For {word!r} the string {found!r} came back. Return a list of strings, such as {right}."
            if not isinstance(found, (list, tuple)):
                return f"For {word!r} a {type(found).__name__} came back. Return a list of strings, such as {right}."
            if list(found) != right:
                return _pieces_mistake(word, list(found), right)
        return ""

    return judge(
        hint,
        "Right. It is greedy: a word may become [UNK] though another cut would fit. Real vocabularies hold all single "
        "letters, so that this is rare.",
    )


def _pieces_mistake(word: str, found: list, right: list[str]) -> str:
    """Find out which rule was broken."""
    shown = f"{word!r} should become {right}; yours is {found}."
    bare = [str(piece).removeprefix("##") for piece in found]
    if not found:
        return f"{shown} The list is empty."
    if right == _UNKNOWN:
        if word == "unaffable" and "".join(bare) == word:
            return (
                f"{shown} Another cut would fit, but WordPiece is greedy: it takes the longest piece, "
                "'una', and never goes back."
            )
        if "[UNK]" in found or any("[UNK]" in str(piece) for piece in found):
            return f"{shown} Where a part does not fit, the whole word becomes [UNK], with the pieces before it."
        return f"{shown} No piece fits at some place: then the whole word becomes [UNK]."
    if found == _UNKNOWN:
        return f"{shown} Pieces after the first are looked up with ## before them, the first one without."
    if str(found[0]).startswith("##"):
        return f"{shown} The first piece has no ## before it."
    if "".join(bare) != word:
        return f"{shown} Together, the pieces should spell the word: is the rest lost, or a part taken twice?"
    if bare == [piece.removeprefix("##") for piece in right]:
        return f"{shown} Every piece but the first has ## before it, in the vocabulary and in the result."
    if len(found) > len(right) or len(bare[0]) < len(right[0]):
        return f"{shown} Take the longest piece that fits, not the first that you find."
    return f"{shown} Pieces after the first are looked up with ## before them."
