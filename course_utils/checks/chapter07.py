"""Checks of chapter 07's exercises. Each takes the learner's function and answers with a verdict."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from .verdict import NOTHING_RETURNED, Verdict, judge

_CHANGED = "Your function changes an array that it was given: x *= ... writes into it. Write x = x * ..."
_NO_NUMBERS = "What came back is no array of numbers. Return one array, nothing else."


def sentence_vectors(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Verdict:
    """Check the mean of each sentence's words, without the padding.

    Args:
        answer: Called as ``answer(states, ids)`` with states (batch, words, width) and the words' numbers (batch,
            words), 0 for padding; returns (batch, width). Every sentence has at least the tokens [CLS] and [SEP].

    Returns:
        The verdict, within 1e-5.
    """

    def hint() -> str:
        # All sizes differ, and even the longest sentence has padding behind it.
        states, ids = _batch([4, 5, 3], words=6, width=7)
        given = states.copy(), ids.copy()
        try:
            with np.errstate(all="ignore"):
                returned = answer(*given)
        except ValueError as error:
            if "broadcast" not in str(error):
                raise
            return (
                f"Two shapes do not fit. A mask (batch, words) needs a last axis to meet the states, mask[..., None], "
                f"and so does the count. Your code stopped with: {error}"
            )
        if returned is None:
            return NOTHING_RETURNED
        if not (np.array_equal(given[0], states) and np.array_equal(given[1], ids)):
            return _CHANGED
        value = _numbers(returned)
        if value is None:
            return _NO_NUMBERS
        right = _means(states, ids)
        if value.shape != right.shape:
            return _sentence_shape_hint(value, states, right)
        if not _close(value, right):
            return _sentence_mistake(value, states, ids) or _first_wrong_sentence(value, states, ids)
        return _other_batch_hint(answer)

    return judge(
        hint,
        "Right. A sentence keeps its vector whatever the longest sentence of its batch is. With the padding in the "
        "mean, it would change with its neighbours.",
    )


def _batch(lengths: Sequence[int], words: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Make states and ids of sentences with these lengths, [CLS] and [SEP] included; the padding is not zero."""
    rng = np.random.default_rng(0)
    states, ids = rng.normal(size=(len(lengths), words, width)), np.zeros((len(lengths), words), dtype=int)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = [101, *rng.integers(1000, 30_000, length - 2), 102]
    return states, ids


def _means(states: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Take the mean over the words that have a weight at all."""
    real = (weights != 0)[..., None]
    return (states * real).sum(axis=1) / real.sum(axis=1)


def _sentence_shape_hint(value: np.ndarray, states: np.ndarray, right: np.ndarray) -> str:
    """Say what a wrong shape tells of the mistake."""
    batch, words, width = states.shape
    if value.size == width and _close(value.ravel(), right[0]):
        return "That is the vector of the first sentence alone. Return one for each sentence of the batch."
    known = {
        (): "The mean runs over everything. Take it over the words only, axis=1.",
        (width,): "That is one vector for the whole batch. Take the mean over the words only, axis=1.",
        (words, width): "The mean runs over the sentences, axis=0. The words are axis 1.",
        (batch, words): "The mean runs over the width, the last axis. The words are axis 1.",
        (batch, 1, width): "An axis of length 1 is left of the words. Leave keepdims out of the sum over the states.",
        (batch, words, width): "All words are still there. Sum over them, axis=1.",
        (width, batch): "Rows and columns have changed places.",
    }
    wanted = f"One vector for each sentence is {right.shape}."
    return " ".join(filter(None, (f"The answer has shape {value.shape}.", known.get(value.shape), wanted)))


def _sentence_mistake(value: np.ndarray, states: np.ndarray, ids: np.ndarray) -> str:
    """Find the mistake that made these vectors: the hint, or "" where none is known."""
    words = ids.shape[1]
    real = (ids != 0)[..., None]
    count = real.sum(axis=1)
    total, everything = (states * real).sum(axis=1), states.sum(axis=1)
    right, first, last = total / count, states[:, 0], states[np.arange(len(ids)), count[:, 0] - 1]
    inner = total - first - last
    maximum = "That is the maximum, number by number. Take the mean."
    marks = "[CLS] and [SEP] are words like the others here: let them count."
    for wrong, mistake in (
        (
            everything / words,
            "That is the mean over all positions, padding included. Make a mask, ids != 0: it belongs into the sum and "
            "into the count.",
        ),
        (everything / count, "The padding is out of the count, but still in the sum. Multiply the states by the mask."),
        (everything, "That is the sum over all positions. Leave the padding out, and divide by the number of words."),
        (total, "That is the sum, longer for a long sentence. Divide it by the number of the sentence's words."),
        (
            total / words,
            f"You divide by the table's length, {words}: that counts the padding. Divide by the number of the "
            "sentence's own words, the sum of the mask over axis 1.",
        ),
        (total / np.sqrt(count), "You divide by the root of the number of words. A mean divides by the number itself."),
        (first, "That is the vector of [CLS] alone. Take the mean over all words of the sentence."),
        (last, "That is the vector of the last word alone, [SEP]. Take the mean over all words of the sentence."),
        (states[:, -1], "That is the last position of the table, which may be padding. Take the mean over the words."),
        (np.where(real, states, -np.inf).max(axis=1), maximum),
        (states.max(axis=1), f"{maximum} And leave the padding out."),
        ((states * real).max(axis=1), f"{maximum} And 0 for the padding takes part."),
        (
            (everything - total) / (words - count),
            "That is the mean over the padding: the mask is turned round. The words are where ids != 0.",
        ),
        (inner / (count - 2), marks),
        ((total - first) / (count - 1), f"[CLS] is left out. {marks}"),
        ((total - last) / (count - 1), f"[SEP] is left out. {marks}"),
        (inner / count, f"They are in the count already, but not in the sum. {marks}"),
        (total / (count - 2), f"They are in the sum already, but not in the count. {marks}"),
        (
            right / np.linalg.norm(right, axis=1, keepdims=True),
            "Your vectors have length 1. That is for cosines; the mean itself is wanted here.",
        ),
        (
            (states * ids[..., None]).sum(axis=1) / ids.sum(axis=1, keepdims=True),
            "You weigh each word by its number in the vocabulary. The weight is 1 for a word, 0 for padding: ids != 0.",
        ),
        (
            _means(states, np.arange(words) <= count),
            "One position of padding is still in it. A sentence of n words ends at position n - 1.",
        ),
        (np.trunc(right), "All numbers are whole. Put the means into an array of floats."),
    ):
        if _close(value, wrong):
            return mistake
    with np.errstate(all="ignore"):
        divisors = total / value
    if np.allclose(divisors, divisors[0, 0], rtol=1e-3, atol=0):
        return (
            f"You divide all sentences by the same number, {divisors[0, 0]:.4g}. Each has its own number of words: sum "
            "the mask over axis 1 only."
        )
    return ""


def _first_wrong_sentence(value: np.ndarray, states: np.ndarray, ids: np.ndarray) -> str:
    """Say what the first wrong sentence should have been: the hint, or "" where none is wrong."""
    for row, (mine, right) in enumerate(zip(value, _means(states, ids), strict=True)):
        if not _close(mine, right):
            return (
                f"Sentence {row} has {np.count_nonzero(ids[row])} words in a table of {ids.shape[1]} positions. The "
                f"first number of its vector should be {right[0]:.4f}; yours is {mine[0]:.4f}. Print the mask, the sum "
                "and the count one by one."
            )
    return ""


def _other_batch_hint(answer: Callable[..., np.ndarray]) -> str:
    """Try other sizes, sentences without padding, and a batch of a single one."""
    for lengths, width in (([6, 9, 2, 9, 3], 2), ([2], 5)):
        states, ids = _batch(lengths, words=max(lengths), width=width)
        states = states.astype("float32")
        other = f"Right for states of shape (3, 6, 7), but not for {states.shape}."
        try:
            with np.errstate(all="ignore"):
                value = _numbers(answer(states.copy(), ids.copy()))
        except ValueError as error:
            return f"{other} Is a size written into it? Your code stopped with: {error}"
        if np.shape(value) != (len(lengths), width):
            return f"{other} The answer there has shape {np.shape(value)}. Is a size written into it?"
        full = (ids != 0).all(axis=1)
        if not _close(value[full], _means(states, ids)[full]):
            return (
                f"{other} Some sentences there have no padding at all: no first 0 is to be found. The first number of "
                f"such a one should be {_means(states, ids)[full][0, 0]:.4f}; yours is {value[full][0, 0]:.4f}."
            )
        mistake = _first_wrong_sentence(value, states, ids)
        if mistake:
            return f"{other} {mistake}"
    return ""


def causal_attention(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Verdict:
    """Check scaled dot-product attention of one head in which no word sees a later one.

    Args:
        answer: Called as ``answer(query, key, value)`` with query and key (words, size) and value (words, any size);
            returns an array of value's shape.

    Returns:
        The verdict, within 1e-5 of the formula of Vaswani et al. (2017), "Attention is all you need", section 3.2;
        within 1e-3 where the scores are around 1000 or -1000.
    """

    def hint() -> str:
        # Root, size and number of words differ: 2, 4, 5.
        given = tuple(np.random.default_rng(1).normal(size=(3, 5, 4)))
        copies = tuple(array.copy() for array in given)
        with np.errstate(all="ignore"):
            returned = answer(*copies)
        if returned is None:
            return NOTHING_RETURNED
        if not all(map(np.array_equal, copies, given)):
            return _CHANGED
        value = _numbers(returned)
        if value is None:
            if isinstance(returned, tuple | list):
                return f"{len(returned)} things came back. Return the result alone, weights @ value."
            return _NO_NUMBERS
        if value.shape != given[2].shape:
            return _attention_shape_hint(value, given)
        if np.isnan(value).all():
            return (
                "NaN everywhere. A mask times infinity does that, for 0 times infinity is NaN. Choose between the "
                "score and -np.inf by np.where."
            )
        if not _close(value, _attend(given)):
            return _attention_mistake(value, given) or _first_wrong_word(value, given)
        return _other_words_hint(answer) or _large_scores_hint(answer)

    return judge(
        hint,
        "Right. A word's result stays as it is when the text goes on. So a GPT that writes keeps the keys and values "
        "of the words so far, and computes the new word's only.",
    )


_MASKS = {
    "": "",
    "none": "Every word sees the later ones, too. Set their scores to minus infinity before the softmax.",
    "turned": "The mask is turned round: each word sees itself and the later ones. Rows look, columns are looked at, "
    "and np.tri(words) is 1 where row i may look.",
    "inverted": "The mask is inverted: each word sees the later ones only, and the last word sees nobody. What np.tri "
    "marks with 1 is to stay.",
    "strict": "No word sees itself, and word 0 sees nobody: a softmax of nothing is 0 / 0. Word i attends to words 0 "
    "to i, itself included.",
    "next": "Each word also sees the next one. Word i attends to words 0 to i.",
    "itself": "Each word sees itself only. Word i attends to all words from 0 to i.",
}
_SCALES = {
    "": "",
    "none": "The scores are not scaled. Divide them by the root of the size, np.sqrt(query.shape[-1]).",
    "size": "You divide the scores by the size. Divide by its root.",
    "words": "You divide the scores by the number of words. Divide by the root of the size, query.shape[-1].",
    "root of words": "That is the root of the number of words. Take that of the vectors' size, query.shape[-1].",
    "entries": "query.size counts all numbers of the table. Divide by the root of one vector's size, query.shape[-1].",
    "root of entries": "query.size counts all numbers of the table. The size of one vector is query.shape[-1].",
    "times": "You multiply the scores by the root of the size. Divide by it.",
    "weights": "You divide the weights by the root. Divide the scores, before the softmax.",
}
_WAYS = {
    "": "",
    "zeros": "The later words' scores are set to 0, but exp(0) is 1: they still take part. Set them to minus infinity.",
    "added": "The mask of 0 and 1 is added to the scores, which only moves them. Set the later ones to minus infinity.",
    "after": "The later words' weights are set to 0 after the softmax, and the rows no longer add up to 1. Mask the "
    "scores before it, or divide each row by its sum again.",
    "columns": "The softmax runs down the columns. Each row, the word that looks, adds up to 1: axis=-1.",
    "table": "The whole table of weights adds up to 1. Each row does: sum over axis=-1, with keepdims=True.",
    "no softmax": "The scores themselves are the weights. A softmax over each row is missing.",
    "proportional": "You divide the scores by their sum. np.exp comes before that.",
    "undivided": "The exponentials are not divided by the sum of their row yet.",
    "swapped": "Query and key have changed places: scores are query @ key.T, row i is what word i looks for.",
    "queries only": "The queries are compared with themselves. Compare them with the keys.",
    "keys only": "The keys are compared with themselves. The queries look.",
    "transposed": "The weights are transposed. Row i holds the weights of word i: weights @ value.",
    "keys mixed": "You mix the keys. The weights mix the values.",
    "queries mixed": "You mix the queries. The weights mix the values.",
}


def _attend(given: tuple, mask: str = "", scale: str = "", way: str = "") -> np.ndarray:
    """Attend, rightly by default, or with the mistakes that the hints know.

    Args:
        given: query, key and value, as in `causal_attention`; the scores must be small enough for exp.
        mask: A key of `_MASKS`, what is seen.
        scale: A key of `_SCALES`, by what the scores are divided.
        way: A key of `_WAYS`, what else goes wrong.

    Returns:
        What such attention would answer; NaN or infinity in the rows where a word sees nobody.
    """
    query, key, value = given
    words, root = len(query), np.sqrt(query.shape[-1])
    allowed = {
        "none": np.ones((words, words)),
        "turned": np.tri(words).T,
        "inverted": 1 - np.tri(words),
        "strict": np.tri(words, k=-1),
        "next": np.tri(words, k=1),
        "itself": np.eye(words),
    }.get(mask, np.tri(words))
    divisor = {
        "none": 1,
        "size": root**2,
        "words": words,
        "root of words": np.sqrt(words),
        "entries": query.size,
        "root of entries": np.sqrt(query.size),
        "times": 1 / root,
        "weights": 1,
    }.get(scale, root)
    looking, looked_at = {"swapped": (key, query), "queries only": (query, query), "keys only": (key, key)}.get(
        way, (query, key)
    )
    scores = looking @ looked_at.T / divisor
    masked = {"zeros": scores * allowed, "added": scores + allowed, "after": scores}.get(
        way, np.where(allowed, scores, -np.inf)
    )
    exponentials = np.exp(masked)
    with np.errstate(all="ignore"):
        weights = {
            "after": exponentials / exponentials.sum(axis=-1, keepdims=True) * allowed,
            "columns": exponentials / exponentials.sum(axis=0),
            "table": exponentials / exponentials.sum(),
            "no softmax": masked,
            "proportional": scores * allowed / (scores * allowed).sum(axis=-1, keepdims=True),
            "undivided": exponentials,
        }.get(way, exponentials / exponentials.sum(axis=-1, keepdims=True))
        if way == "transposed":
            weights = weights.T
        if scale == "weights":
            weights = weights / root
        return weights @ {"keys mixed": key, "queries mixed": query}.get(way, value)


def _attention_mistake(value: np.ndarray, given: tuple) -> str:
    """Find the mistake, or the two, that made this result: the hint, or "" where none is known."""
    # The fewer mistakes explain it, the better.
    known = sorted(product(_MASKS, _SCALES, _WAYS), key=lambda names: sum(map(bool, names)))
    for mask, scale, way in known:
        if sum(map(bool, (mask, scale, way))) > 2:
            break
        wrong = _attend(given, mask, scale, way)
        # A word that sees nobody may have become anything.
        clear = np.isfinite(wrong).all(axis=-1)
        if clear.any() and _close(value[clear], wrong[clear]):
            return " ".join(filter(None, (_MASKS[mask], _WAYS[way], _SCALES[scale])))
    return ""


def _attention_shape_hint(value: np.ndarray, given: tuple) -> str:
    """Say what a wrong shape tells of the mistake."""
    words, size = given[2].shape
    known = {
        (words, words): "Those are scores or weights. The weights mix the values: weights @ value.",
        (size, words): "Rows and columns have changed places: weights @ value has a row for each word.",
        (size, size): "query.T @ key compares the numbers of the vectors. query @ key.T compares the words.",
        (size,): "That is one vector. Return one for each word.",
        (1, words, size): "There is an axis too many in front.",
    }
    wanted = f"The result has the shape of value, {given[2].shape}."
    return " ".join(filter(None, (f"The answer has shape {value.shape}.", known.get(value.shape), wanted)))


def _first_wrong_word(value: np.ndarray, given: tuple) -> str:
    """Say what is wrong with the first word that is wrong."""
    right = _attend(given)
    if not _close(value[0], right[0]):
        return "Word 0 sees itself only, so that its result must be value[0]. Yours is another one: print its weights."
    word = next(row for row in range(len(right)) if not _close(value[row], right[row]))
    return (
        f"Word 0 is right. The first number of word {word} should be {right[word, 0]:.4f}; yours is "
        f"{value[word, 0]:.4f}. Print the scores, the masked scores and the weights one by one: each row of weights "
        "adds up to 1."
    )


def _other_words_hint(answer: Callable[..., np.ndarray]) -> str:
    """Try other sizes, values of a size of their own, and a single word."""
    rng = np.random.default_rng(2)
    for words, size, value_size in ((7, 9, 9), (7, 9, 2), (1, 3, 3)):
        given = tuple(rng.normal(size=(words, n)) for n in (size, size, value_size))
        other = f"Right for 5 words of size 4, but not for {words} {'word' if words == 1 else 'words'} of size {size}"
        other += "." if size == value_size else f" with values of size {value_size}."
        try:
            with np.errstate(all="ignore"):
                value = _numbers(answer(*(array.copy() for array in given)))
        except ValueError as error:
            return f"{other} Is a size written into it? Your code stopped with: {error}"
        if np.shape(value) != given[2].shape:
            return f"{other} The answer there has shape {np.shape(value)}. Is a size written into it?"
        if _close(value, _attend(given)):
            continue
        scaled = given[0] * np.sqrt(size / value_size), given[1], given[2]
        if size != value_size and _close(value, _attend(scaled)):
            return f"{other} The root is that of query's and key's size, not of value's: query.shape[-1]."
        return f"{other} Is a size, or the root of one, written into it?"
    return ""


def _large_scores_hint(answer: Callable[..., np.ndarray]) -> str:
    """Try scores that are all around 1000, or around -1000, where exp runs over."""
    given = query, key, value = tuple(np.random.default_rng(3).normal(size=(3, 5, 4)))
    for around in (1000, -1000):
        # The first number of each vector adds the same to all scores, and the softmax should not mind.
        query[:, 0] = key[:, 0] = 0
        right = _attend(given)
        query[:, 0] = np.sqrt(1000 * np.sqrt(query.shape[-1]))
        key[:, 0] = np.sign(around) * query[:, 0]
        with np.errstate(all="ignore"):
            mixed = np.asarray(answer(query.copy(), key.copy(), value.copy()), dtype=float)
        if not np.isfinite(mixed).all():
            return (
                f"Right, but with scores around {around} it gives {mixed[~np.isfinite(mixed)][0]}: np.exp makes "
                f"{np.inf if around > 0 else 0} of them. Subtract each row's maximum from its scores before np.exp: "
                "the weights stay the same."
            )
        if not _close(mixed, right, tolerance=1e-3):
            return (
                f"Right, but with scores around {around} the weights come out otherwise. Cut no scores off, and let "
                "what stands for a later word's score be far below all others: -np.inf is."
            )
    return ""


def word_pieces(answer: Callable[[str, set[str]], list[str]]) -> Verdict:
    """Check the cutting of a word into pieces as WordPiece does it.

    Args:
        answer: Called as ``answer(word, vocabulary)`` with a lower-case word of at least one letter and a set of
            pieces; returns a list of strings.

    Returns:
        The verdict. Right is the greedy search, the longest piece first, of Devlin et al. (2019), "BERT", in their
        published code; a tuple or an array of the right pieces counts as a list.
    """

    def hint() -> str:
        answers, trouble = [], ""
        for word, vocabulary in _WORDS:
            pieces, trouble = _tried(answer, word, vocabulary)
            if trouble:
                break
            answers.append(pieces)
        for pieces, (word, vocabulary) in zip(answers, _WORDS, strict=False):
            if pieces != _cut(word, vocabulary):
                return f"{_cutting_mistake(answers, pieces, word, vocabulary)} {_case(word, vocabulary)}"
        return trouble

    return judge(
        hint,
        "Right: greedy, and it never goes back. BERT's vocabulary also holds each letter alone, with ## and without, "
        "so that [UNK] is left for characters that it has never seen.",
    )


# Each shows a mistake that the ones before may hide.
_WORDS = (
    ("play", {"play", "pl", "p", "##ay", "##lay"}),
    ("playing", {"play", "pl", "p", "##ay", "##laying", "##ing", "##in", "##g", "ing"}),
    ("unbelievably", {"un", "##believ", "##be", "##lie", "##ably", "##ab", "##ly"}),
    ("plays", {"play", "##ing"}),
    ("playqing", {"play", "##ing", "ing"}),
    ("playplay", {"play"}),
    ("zoo", {"##zoo", "##oo", "oo"}),
    ("newspaper", {"new", "news", "##spaper"}),  # "news" leads into a dead end
    ("rewriting", {"re", "rew", "##writing", "##rit", "##ing"}),
    ("aaaa", {"a", "##a", "##aa"}),
    ("s", {"s", "##s"}),
    ("s", {"##s"}),
)


def _case(word: str, vocabulary: set[str]) -> str:
    return f"(Try {word!r} with {{{', '.join(map(repr, sorted(vocabulary)))}}}.)"


class _EndlessError(Exception):
    """An answer has asked more often than any that comes to an end."""


def _counted(kind: type, value: Any, *methods: str) -> Any:
    """Make a value whose methods give up after 100,000 calls, so that an endless loop does not hang the notebook."""
    left = iter(range(100_000))

    def limited(name: str) -> Callable[..., Any]:
        def method(self: Any, *args: Any) -> Any:
            if next(left, None) is None:
                raise _EndlessError
            return getattr(kind, name)(self, *args)

        return method

    # Under the name of its kind, for the sake of error messages.
    return type(kind.__name__, (kind,), {name: limited(name) for name in methods})(value)


def _tried(answer: Callable[..., Any], word: str, vocabulary: set[str]) -> tuple[list[str], str]:
    """Call the answer once: its pieces, and the hint where these are no list of strings at all."""
    given = _counted(set, vocabulary, "__contains__", "__iter__")
    case = _case(word, vocabulary)
    try:
        returned = answer(_counted(str, word, "__len__", "__getitem__"), given)
    except (_EndlessError, RecursionError):
        no_piece = "Where no piece fits, the loop must end, too: return ['[UNK]']."
        end = "Each turn must get nearer to the word's end, and stop there."
        return [], f"Your loop never ends. {no_piece if _cut(word, vocabulary) == _UNKNOWN else end} {case}"
    if returned is None:
        return [], f"{NOTHING_RETURNED} {case}"
    if given != vocabulary:
        return [], f"Your function changes the vocabulary. It is only to look things up in. {case}"
    if isinstance(returned, str):
        each = "this one string in it" if returned == "[UNK]" else "a string for each piece"
        return [], f"One string came back, {str(returned)!r}. Return a list with {each}. {case}"
    if not isinstance(returned, list | tuple | np.ndarray):
        return [], f"What came back is of type {type(returned).__name__}. Return a list of strings. {case}"
    others = [piece for piece in returned if not isinstance(piece, str)]
    if others:
        return [], f"The list holds {others[0]!r}. Each piece is a string. {case}"
    return [str(piece) for piece in returned], ""


def _cutting_mistake(answers: list[list[str]], pieces: list[str], word: str, vocabulary: set[str]) -> str:
    """Find the mistake behind the first word that is wrong, which must leave the words before it right."""
    first = _WORDS.index((word, vocabulary))

    def agreement(mistake: str) -> list[bool]:
        return [_cut(*case, mistake) == mine for case, mine in zip(_WORDS, answers, strict=False)]

    right = _cut(word, vocabulary)
    fitting = [mistake for mistake in _CUTTING if all(agreement(mistake)[: first + 1])]
    if fitting:
        # Of those that explain it, the one that explains most of the later words.
        return _CUTTING[max(fitting, key=lambda mistake: sum(agreement(mistake)))]
    if right == _UNKNOWN and len(pieces) == 1 and pieces[0].strip("[]<>#").lower() in ("unk", "unknown"):
        return f"The unknown word is written [UNK], with square brackets and in capitals; yours is {pieces[0]!r}."
    whole = "A word of the vocabulary stays whole. " if word in vocabulary else ""
    return f"{whole}It should be {right}; yours is {pieces}."


_UNKNOWN = ["[UNK]"]
_BARE = (
    "The pieces after the first are looked up without ##. In the vocabulary, what continues a word has ## before it."
)
_WHOLE_UNKNOWN = "Where no piece fits, the whole word becomes ['[UNK]']: what was found before goes, too."
_ONE_UNKNOWN = f"You put [UNK] for one letter and go on. {_WHOLE_UNKNOWN}"
_REST_KEPT = f"The rest that fits nowhere is kept, but is no piece of the vocabulary. {_WHOLE_UNKNOWN}"
_GREEDY = "WordPiece is greedy: it takes the longest piece that fits now, and never goes back for a better cut later."
_CUTTING = {
    "shortest": "You take the shortest piece that fits. Begin with the whole rest, and shorten it until it fits.",
    "bare": f"{_BARE} And it comes back with ##, too.",
    "looked up bare": _BARE,
    "written bare": "The pieces after the first are looked up with ##, but come back without it. Keep it there, too.",
    "marked": "The first piece is looked up with ##. That is for the pieces that continue a word.",
    "written marked": "## stands before the first piece, too. It is for the pieces that continue a word.",
    "rest unknown": _WHOLE_UNKNOWN,
    "rest unknown with ##": _WHOLE_UNKNOWN,
    "letter unknown": _ONE_UNKNOWN,
    "letter unknown with ##": _ONE_UNKNOWN,
    "letter left out": f"You leave out a letter that fits nowhere. {_WHOLE_UNKNOWN}",
    "rest dropped": f"The rest that fits nowhere is dropped. {_WHOLE_UNKNOWN}",
    "empty": "An empty list came back. Where no piece fits, the word becomes ['[UNK]'].",
    "rest kept": _REST_KEPT,
    "rest kept with ##": _REST_KEPT,
    "first": "Only the first piece came back, the rest is gone. Is the return inside the loop?",
    "last": "Only the last piece came back. Keep them all in a list.",
    "whole": "Only the whole word is looked up. Shorten it at the end until a piece fits, then go on with the rest.",
    "letters": "That is letter by letter. Take the longest piece of the vocabulary that fits.",
    "bare letters": "Those are the letters. Take the longest piece of the vocabulary that fits.",
    "one letter": "Only single letters are looked up. Begin with the whole rest, and shorten it until it fits.",
    "extended": "Those are letters: pieces += 'ing' adds three of them. Use append.",
    "too long": "A single letter is never looked up. It may be a piece, too: end runs down to start + 1.",
    "marks counted": "You go on by the length of a piece with its ##, two letters too far. Count the letters only.",
    "unknown": "[UNK] comes back even for a word of the vocabulary. Is the whole rest looked up, to its last letter? A "
    "slice word[start:end] leaves out the letter at end.",
    "backwards": "You begin at the end of the word. Begin with the longest piece at its beginning.",
    "fewest": f"You look for the cut with the fewest pieces. {_GREEDY}",
    "search": f"You try another cut where the longest piece leads into a dead end. {_GREEDY}",
}


def _cut(word: str, vocabulary: set[str], mistake: str = "") -> list[str]:
    """Cut a word, rightly by default, or with one of the mistakes in `_CUTTING`."""
    if mistake in _OTHER_CUTS:
        return _OTHER_CUTS[mistake](word, vocabulary)
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        looked_up = {"bare": "", "looked up bare": "", "marked": "##"}.get(mistake, mark)
        written = {"bare": "", "written bare": "", "marked": "##", "written marked": "##"}.get(mistake, mark)
        longest = start + 1 if mistake == "one letter" else len(word)
        ends = range(longest, start + (mistake == "too long"), -1)
        fitting = [end for end in ends if looked_up + word[start:end] in vocabulary]
        if fitting:
            end = fitting[-1 if mistake == "shortest" else 0]
            pieces.append(written + word[start:end])
            start = end + len(mark) * (mistake == "marks counted")
        elif mistake in ("letter unknown", "letter unknown with ##", "letter left out"):
            instead = {"letter unknown": ["[UNK]"], "letter left out": []}
            pieces += instead.get(mistake, [f"{mark}[UNK]"])
            start += 1
        else:
            return {
                "rest unknown": [*pieces, "[UNK]"],
                "rest unknown with ##": [*pieces, f"{mark}[UNK]"],
                "rest dropped": pieces,
                "empty": [],
                "rest kept": [*pieces, word[start:]],
                "rest kept with ##": [*pieces, mark + word[start:]],
            }.get(mistake, _UNKNOWN)
    return pieces


def _fits(start: int, piece: str, vocabulary: set[str]) -> bool:
    return ("##" if start else "") + piece in vocabulary


def _cuts(word: str, vocabulary: set[str], start: int = 0) -> list[list[str]]:
    """List all ways to cut the rest of a word, those with long first pieces first."""
    if start == len(word):
        return [[]]
    return [
        [("##" if start else "") + word[start:end], *others]
        for end in range(len(word), start, -1)
        if _fits(start, word[start:end], vocabulary)
        for others in _cuts(word, vocabulary, end)
    ]


def _cut_backwards(word: str, vocabulary: set[str]) -> list[str]:
    """Cut from the end of the word, the longest piece first."""
    pieces, end = [], len(word)
    while end:
        start = next((start for start in range(end) if _fits(start, word[start:end], vocabulary)), None)
        if start is None:
            return _UNKNOWN
        pieces.insert(0, ("##" if start else "") + word[start:end])
        end = start
    return pieces


_OTHER_CUTS = {
    "first": lambda word, vocabulary: _cut(word, vocabulary, "rest dropped")[:1] or _UNKNOWN,
    "last": lambda word, vocabulary: _cut(word, vocabulary)[-1:],
    "whole": lambda word, vocabulary: [word] if word in vocabulary else _UNKNOWN,
    "letters": lambda word, vocabulary: [word[0], *("##" + letter for letter in word[1:])],
    "bare letters": lambda word, vocabulary: list(word),
    "extended": lambda word, vocabulary: list("".join(_cut(word, vocabulary))),
    "unknown": lambda word, vocabulary: _UNKNOWN,
    "backwards": _cut_backwards,
    "fewest": lambda word, vocabulary: min(_cuts(word, vocabulary), key=len, default=_UNKNOWN),
    "search": lambda word, vocabulary: next(iter(_cuts(word, vocabulary)), _UNKNOWN),
}


def _numbers(returned: Any) -> np.ndarray | None:
    """Make an array of floats; None where that cannot be done, as with a tuple of two different tables."""
    try:
        return np.asarray(returned, dtype=float)
    except (TypeError, ValueError):
        return None


def _close(value: np.ndarray, other: np.ndarray, tolerance: float = 1e-5) -> bool:
    return np.allclose(value, other, rtol=0, atol=tolerance)
