"""Answers to chapter 07's exercises, right and wrong (test_checks.py tries them), and what only its checks must do."""

import numpy as np
import pytest

from course_utils.checks import chapter07 as check


def mask_of(ids):
    return (ids != 0)[..., None]


def mean_of(states, kept):
    return (states * kept).sum(axis=1) / kept.sum(axis=1)


def mean(states, ids):
    return mean_of(states, mask_of(ids))


def total(states, ids):
    return (states * mask_of(ids)).sum(axis=1)


def count(ids):
    return (ids != 0).sum(axis=1, keepdims=True)


def row_by_row(part):
    return lambda states, ids: np.stack([part(row[i != 0]) for row, i in zip(states, ids, strict=True)])


def mean_by_nan(states, ids):
    return np.nanmean(np.where(mask_of(ids), states, np.nan), axis=1)


def mean_by_masked_array(states, ids):
    return np.ma.array(states, mask=np.broadcast_to(~mask_of(ids), states.shape)).mean(axis=1)


def mean_up_to_the_first_zero(states, ids):
    return np.stack([row[: np.argmax(i == 0)].mean(axis=0) for row, i in zip(states, ids, strict=True)])


def mean_of_whole_numbers(states, ids):
    means = np.zeros((len(ids), states.shape[2]), dtype=int)
    means[:] = mean(states, ids)
    return means


def mean_of_three(states, ids):
    return np.stack([states[row][ids[row] != 0].mean(axis=0) for row in range(3)])


def spoils_its_states(states, ids):
    states *= mask_of(ids)
    return states.sum(axis=1) / count(ids)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def softmax(scores, axis=-1):
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def scores_of(query, key, divisor=None):
    return query @ key.T / (np.sqrt(query.shape[-1]) if divisor is None else divisor)


def attend(query, key, value, hidden=-np.inf, allowed=np.tri, divisor=None):
    return softmax(np.where(allowed(len(query)) > 0, scores_of(query, key, divisor), hidden)) @ value


def sees(allowed, **changes):
    """Attention with another mask: which word may look at which, from their numbers."""
    return lambda *given: attend(*given, allowed=lambda n: np.fromfunction(allowed, (n, n)), **changes)


def divided(divisor):
    return lambda query, key, value: attend(query, key, value, divisor=divisor(query))


def masked_afterwards(query, key, value, again=True):
    weights = softmax(scores_of(query, key)) * np.tri(len(query))
    return (weights / weights.sum(axis=-1, keepdims=True) if again else weights) @ value


def mask_added(query, key, value, below=-1e9):
    return softmax(scores_of(query, key) + below * (1 - np.tri(len(query)))) @ value


def word_by_word(query, key, value):
    return [softmax(key[: i + 1] @ q / np.sqrt(len(q))) @ value[: i + 1] for i, q in enumerate(query)]


def exponentials_of(query, key):
    return np.exp(scores_of(query, key)) * np.tri(len(query))


def without_maximum(query, key, value):
    exponentials = exponentials_of(query, key)
    return exponentials / exponentials.sum(axis=-1, keepdims=True) @ value


def whole_maximum(query, key, value):
    exponentials = np.exp(scores_of(query, key) - scores_of(query, key).max()) * np.tri(len(query))
    return exponentials / exponentials.sum(axis=-1, keepdims=True) @ value


def clipped(query, key, value):
    return softmax(np.where(np.tri(len(query)) > 0, np.clip(scores_of(query, key), -50, 50), -np.inf)) @ value


def causal_weights(query, key, value=None):
    return attend(query, key, np.eye(len(query)))


def spoils_its_query(query, key, value):
    query /= np.sqrt(query.shape[-1])
    return attend(query, key, value, divisor=1)


def pieces_by(looked_up="##", first="", written="##", first_written=None, choose=max, skip=0):
    """WordPiece, rightly by default, or with other marks, another choice among the ends that fit, or a longer step."""

    def answer(word, vocabulary):
        pieces, start = [], 0
        while start < len(word):
            mark = looked_up if start else first
            ends = [end for end in range(start + 1, len(word) + 1) if mark + word[start:end] in vocabulary]
            if not ends:
                return ["[UNK]"]
            end = choose(ends)
            pieces.append((written if start else first if first_written is None else first_written) + word[start:end])
            start = end + skip * bool(start)
        return pieces

    return answer


cut = pieces_by()


def with_rest(change):
    """What the greedy search finds until nothing fits, with something made of the rest."""

    def answer(word, vocabulary):
        pieces, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            end = next((end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary), None)
            if end is None:
                return change(pieces, word[start:], mark)
            pieces.append(mark + word[start:end])
            start = end
        return pieces

    return answer


def with_letter(change):
    """The greedy search that goes on behind a letter that fits nowhere."""

    def answer(word, vocabulary):
        pieces, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            end = next((end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary), None)
            pieces += change(mark) if end is None else [mark + word[start:end]]
            start = end or start + 1
        return pieces

    return answer


def cut_by_sorting(word, vocabulary):
    pieces, rest = [], word
    by_length = sorted(vocabulary, key=len, reverse=True)
    while rest:
        mark = "##" if pieces else ""
        piece = next((p for p in by_length if p.startswith("##") == bool(pieces) and (mark + rest).startswith(p)), None)
        if piece is None:
            return ["[UNK]"]
        pieces.append(piece)
        rest = rest[len(piece) - len(mark) :]
    return pieces


def cut_by_recursion(word, vocabulary, mark=""):
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocabulary:
            others = cut_by_recursion(word[end:], vocabulary, "##") if word[end:] else []
            return ["[UNK]"] if others == ["[UNK]"] else [mark + word[:end], *others]
    return ["[UNK]"]


def all_cuts(word, vocabulary, mark=""):
    if not word:
        yield []
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocabulary:
            yield from ([mark + word[:end], *others] for others in all_cuts(word[end:], vocabulary, "##"))


def cut_with_going_back(word, vocabulary):
    return next(all_cuts(word, vocabulary), ["[UNK]"])


def cut_into_the_fewest(word, vocabulary):
    return min(all_cuts(word, vocabulary), key=len, default=["[UNK]"])


def cut_from_the_end(word, vocabulary):
    pieces, end = [], len(word)
    while end > 0:
        for start in range(end):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        end = start
    return pieces[::-1]


def cut_by_replacing(word, vocabulary):
    pieces, rest = [], word
    while rest:
        mark = "##" if pieces else ""
        found = [rest[:end] for end in range(len(rest), 0, -1) if mark + rest[:end] in vocabulary]
        if not found:
            return ["[UNK]"]
        pieces.append(mark + found[0])
        rest = rest.replace(found[0], "")
    return pieces


def never_ends_where_nothing_fits(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.append(piece)
                start = end
                break
    return pieces


def adds_empty_pieces_for_ever(word, vocabulary):
    pieces, rest = [], word
    while rest:
        end = len(rest)
        while end and ("##" if pieces else "") + rest[:end] not in vocabulary:
            end -= 1
        pieces.append(("##" if pieces else "") + rest[:end])
        rest = rest[end:]
    return pieces


def never_ends_at_the_end(word, vocabulary):
    pieces, start = [], 0
    while True:
        for end in range(len(word), start, -1):
            if ("##" if start else "") + word[start:end] in vocabulary:
                pieces.append(word[start:end])
                start = end
                break


def calls_itself_for_ever(word, vocabulary):
    return [word] if word in vocabulary else calls_itself_for_ever(word, vocabulary)


def spoils_its_vocabulary(word, vocabulary):
    pieces = cut(word, vocabulary)
    vocabulary.add("[UNK]")
    return pieces


def searches_through_all(word, vocabulary):
    while word not in list(vocabulary):
        pass
    return [word]


WRONG = {
    "sentence_vectors": [
        (lambda s, i: s.mean(axis=1), "mean over all positions"),
        (lambda s, i: s.sum(axis=1), "sum over all positions"),
        (lambda s, i: s.sum(axis=1) / count(i), "out of the count, but still in the sum"),
        (total, "That is the sum, longer"),
        (lambda s, i: (s * mask_of(i)).mean(axis=1), "divide by the table's length, 6"),
        (lambda s, i: total(s, i) / np.sqrt(count(i)), "root of the number"),
        (lambda s, i: total(s, i) / count(i).max(), "same number, 5"),
        (lambda s, i: total(s, i) / count(i).mean(), "same number, 4"),
        (lambda s, i: total(s, i) / count(i).sum(), "same number, 12"),
        (lambda s, i: total(s, i) / len(s), "same number, 3"),
        (lambda s, i: s[:, 0], "[CLS] alone"),
        (row_by_row(lambda words: words[-1]), "last word alone"),
        (lambda s, i: s[:, -1], "last position of the table"),
        (row_by_row(lambda words: words.max(axis=0)), "That is the maximum"),
        (lambda s, i: s.max(axis=1), "And leave the padding out"),
        (lambda s, i: (s * mask_of(i)).max(axis=1), "And 0 for the padding"),
        (lambda s, i: mean_of(s, ~mask_of(i)), "mask is turned round"),
        (lambda s, i: mean_of(s, (i == 0)[..., None]), "mean over the padding"),
        (row_by_row(lambda words: words[1:-1].mean(axis=0)), "[CLS] and [SEP] are words like the others"),
        (row_by_row(lambda words: words[1:].mean(axis=0)), "[CLS] is left out"),
        (row_by_row(lambda words: words[:-1].mean(axis=0)), "[SEP] is left out"),
        (lambda s, i: total(s, i * (i > 102)) / count(i), "in the count already"),
        (lambda s, i: total(s, i) / (count(i) - 2), "in the sum already"),
        (lambda s, i: unit(mean(s, i)), "length 1"),
        (lambda s, i: (s * i[..., None]).sum(axis=1) / i.sum(axis=1)[:, None], "weigh each word by its number"),
        (lambda s, i: mean_of(s, (np.arange(i.shape[1]) <= count(i))[..., None]), "One position of padding"),
        (mean_of_whole_numbers, "All numbers are whole"),
        (row_by_row(lambda words: np.median(words, axis=0)), "Sentence 0 has 4 words"),
        (lambda s, i: mean(s, i).mean(axis=0), "one vector for the whole batch"),
        (lambda s, i: s[i != 0].mean(axis=0), "one vector for the whole batch"),
        (lambda s, i: mean(s, i)[0], "first sentence alone"),
        (lambda s, i: mean(s, i)[:1], "first sentence alone"),
        (lambda s, i: s.mean(axis=0), "runs over the sentences"),
        (lambda s, i: s.mean(axis=-1), "runs over the width"),
        (lambda s, i: s[i != 0].mean(), "runs over everything"),
        (lambda s, i: (s * mask_of(i)).sum(axis=1, keepdims=True) / count(i)[..., None], "axis of length 1 is left"),
        (lambda s, i: s * mask_of(i), "All words are still there"),
        (lambda s, i: mean(s, i).T, "changed places"),
        (lambda s, i: s[i != 0], "shape (12, 7). One vector for each sentence is (3, 7)"),
        (lambda s, i: (total(s, i), count(i)), "no array of numbers"),
        (lambda s, i: (s * (i != 0)).sum(axis=1), "mask[..., None]"),
        (lambda s, i: total(s, i) / (i != 0).sum(axis=1), "so does the count"),
        (mean_up_to_the_first_zero, "no first 0 is to be found"),
        (mean_of_three, "not for (5, 9, 2). The answer there has shape (3, 2)"),
        (lambda s, i: mean(s, i) + np.zeros((3, 7)), "Is a size written into it? Your code stopped"),
        (lambda s, i: mean(s, i).squeeze(), "not for (1, 2, 5). The answer there has shape (5,)"),
        (lambda s, i: total(s, i) / np.maximum(count(i), 3), "Sentence 2 has 2 words in a table of 9"),
        (spoils_its_states, "changes an array"),
        (lambda s, i: None, "forget the word return"),
        (lambda s, i: s.means(), "AttributeError"),
        (lambda s, i: s @ i, "ValueError"),
    ],
    "causal_attention": [
        (lambda q, k, v: softmax(scores_of(q, k)) @ v, "Every word sees the later ones"),
        (sees(lambda i, j: j >= i), "mask is turned round"),
        (sees(lambda i, j: j > i), "mask is inverted"),
        (sees(lambda i, j: j > i, hidden=-1e9), "mask is inverted"),
        (sees(lambda i, j: j < i), "No word sees itself"),
        (sees(lambda i, j: j < i, hidden=-1e9), "No word sees itself"),
        (lambda *given: np.nan_to_num(sees(lambda i, j: j < i)(*given)), "No word sees itself"),
        (sees(lambda i, j: j <= i + 1), "also sees the next one"),
        (sees(lambda i, j: j == i), "sees itself only"),
        (lambda q, k, v: v, "sees itself only"),
        (lambda *given: masked_afterwards(*given, again=False), "no longer add up to 1"),
        (lambda *given: attend(*given, hidden=0), "exp(0) is 1"),
        (lambda q, k, v: softmax(scores_of(q, k) * np.tri(len(q))) @ v, "exp(0) is 1"),
        (lambda *given: attend(*given, hidden=-1e-9), "exp(0) is 1"),
        (lambda *given: mask_added(*given, below=-1), "only moves them"),
        (lambda *given: mask_added(*given, below=-np.inf), "0 times infinity"),
        (divided(lambda q: 1), "not scaled"),
        (divided(lambda q: q.shape[-1]), "divide the scores by the size"),
        (divided(len), "by the number of words"),
        (divided(lambda q: np.sqrt(len(q))), "root of the number of words"),
        (divided(lambda q: np.sqrt(q.size)), "query.size counts all numbers"),
        (divided(lambda q: q.size), "query.size counts all numbers"),
        (divided(lambda q: 1 / np.sqrt(q.shape[-1])), "You multiply the scores"),
        (lambda q, k, v: attend(q, k, v, divisor=1) / np.sqrt(q.shape[-1]), "divide the weights by the root"),
        (lambda q, k, v: softmax(np.where(np.tri(len(q)) > 0, scores_of(q, k), -np.inf), 0) @ v, "down the columns"),
        (lambda q, k, v: exponentials_of(q, k) / exponentials_of(q, k).sum() @ v, "whole table"),
        (lambda q, k, v: np.tril(scores_of(q, k)) @ v, "A softmax over each row is missing"),
        (lambda q, k, v: np.where(np.tri(len(q)) > 0, scores_of(q, k), -np.inf) @ v, "A softmax over each row"),
        (lambda q, k, v: (p := np.tril(scores_of(q, k))) / p.sum(axis=-1, keepdims=True) @ v, "np.exp comes before"),
        (lambda q, k, v: exponentials_of(q, k) @ v, "not divided by the sum of their row"),
        (lambda q, k, v: attend(k, q, v), "Query and key have changed places"),
        (lambda q, k, v: attend(q, q, v), "queries are compared with themselves"),
        (lambda q, k, v: attend(k, k, v), "keys are compared with themselves"),
        (lambda q, k, v: causal_weights(q, k).T @ v, "weights are transposed"),
        (lambda q, k, v: attend(q, k, k), "You mix the keys"),
        (lambda q, k, v: attend(q, k, q), "You mix the queries"),
        (lambda q, k, v: softmax(q @ k.T) @ v, "Every word sees the later ones"),
        (lambda q, k, v: softmax(q @ k.T) @ v, "not scaled"),
        (lambda q, k, v: attend(k, q, v, divisor=1), "is what word i looks for. The scores are not scaled"),
        (sees(lambda i, j: j < i, divisor=1), "not scaled"),
        (causal_weights, "shape (5, 5). Those are scores or weights"),
        (lambda q, k, v: (attend(q, k, v), causal_weights(q, k)), "2 things came back"),
        (lambda q, k, v: {"result": attend(q, k, v)}, "no array of numbers"),
        (lambda q, k, v: attend(q, k, v).T, "Rows and columns"),
        (lambda q, k, v: softmax(q.T @ k), "compares the numbers of the vectors"),
        (lambda q, k, v: attend(q, k, v)[0], "That is one vector"),
        (lambda q, k, v: attend(q, k, v)[None], "axis too many"),
        (lambda q, k, v: attend(q, k, v)[:2], "shape (2, 4). The result has the shape of value"),
        (lambda *given: attend(*given) + 1, "Word 0 sees itself only"),
        (lambda *given: attend(*given) * [[1], [1], [2], [1], [1]], "number of word 2 should be"),
        (divided(lambda q: 2), "Is a size, or the root of one"),
        (lambda *given: attend(*given, allowed=lambda n: np.tri(5)), "for 7 words of size 9. Is a size"),
        (lambda q, k, v: attend(q, k, v)[:5], "The answer there has shape (5, 9)"),
        (lambda q, k, v: attend(q, k, v, divisor=np.sqrt(v.shape[-1])), "not of value's: query.shape[-1]"),
        (lambda q, k, v: attend(q, k, v).reshape(q.shape), "with values of size 2. Is a size"),
        (lambda q, k, v: attend(q, k, v).squeeze(), "for 1 word of size 3. The answer there has shape (3,)"),
        (without_maximum, "around 1000 it gives nan: np.exp makes inf"),
        (lambda q, k, v: without_maximum(q, k, v) if (q @ k.T).max() < 0 else attend(q, k, v), "makes 0 of them"),
        (clipped, "Cut no scores off"),
        (lambda *given: attend(*given, hidden=-100), "far below all others"),
        (spoils_its_query, "changes an array"),
        (lambda q, k, v: None, "forget the word return"),
        (lambda q, k, v: q @ k, "ValueError"),
        (lambda q, k: attend(q, k, k), "TypeError"),
    ],
    "word_pieces": [
        (pieces_by(choose=min), "shortest piece"),
        (
            pieces_by(looked_up="", written=""),
            "are looked up without ##. In the vocabulary, what continues a word has ## "
            "before it. And it comes back with ##, too",
        ),
        (pieces_by(looked_up=""), "what continues a word has ## before it. (Try"),
        (pieces_by(written=""), "come back without it"),
        (pieces_by(first="##"), "first piece is looked up with ##"),
        (pieces_by(first_written="##"), "stands before the first piece"),
        (with_rest(lambda pieces, rest, mark: [*pieces, "[UNK]"]), "what was found before goes"),
        (with_rest(lambda pieces, rest, mark: [*pieces, mark + "[UNK]"]), "what was found before goes"),
        (with_rest(lambda pieces, rest, mark: pieces), "is dropped"),
        (with_rest(lambda pieces, rest, mark: []), "An empty list"),
        (lambda word, vocabulary: [], "It should be ['play']; yours is []"),
        (with_rest(lambda pieces, rest, mark: [*pieces, rest]), "no piece of the vocabulary"),
        (with_rest(lambda pieces, rest, mark: [*pieces, mark + rest]), "no piece of the vocabulary"),
        (with_letter(lambda mark: ["[UNK]"]), "for one letter and go on"),
        (with_letter(lambda mark: [mark + "[UNK]"]), "for one letter and go on"),
        (with_letter(lambda mark: []), "leave out a letter"),
        (lambda word, vocabulary: "[UNK]", "Return a list with this one string"),
        (with_rest(lambda pieces, rest, mark: "[UNK]"), "Return a list with this one string"),
        (with_rest(lambda pieces, rest, mark: ["unk"]), "written [UNK], with square brackets"),
        (with_rest(lambda pieces, rest, mark: [None]), "The list holds None"),
        (with_rest(lambda pieces, rest, mark: None), "forget the word return"),
        (with_rest(lambda pieces, rest, mark: [rest[0], *rest[1:]]), "It should be ['[UNK]']; yours is"),
        (lambda word, vocabulary: cut(word, vocabulary)[:1], "Only the first piece"),
        (lambda word, vocabulary: cut(word, vocabulary)[-1:], "Only the last piece"),
        (lambda word, vocabulary: [word] if word in vocabulary else ["[UNK]"], "Only the whole word"),
        (lambda word, vocabulary: list(word), "Those are the letters"),
        (lambda word, vocabulary: [word[0], *("##" + letter for letter in word[1:])], "letter by letter"),
        (pieces_by(choose=lambda ends: ends[0]), "shortest piece"),
        (lambda word, vocabulary: cut(word, {p for p in vocabulary if len(p.strip("#")) == 1}), "Only single letters"),
        (lambda word, vocabulary: list("".join(cut(word, vocabulary))), "pieces += 'ing'"),
        (lambda word, vocabulary: cut(word, {p for p in vocabulary if len(p.strip("#")) > 1}), "A single letter"),
        (lambda w, vocabulary: cut(w, {p for p in vocabulary if not w.endswith(p.strip("#"))}), "to its last letter"),
        (pieces_by(skip=2), "two letters too far"),
        (lambda word, vocabulary: ["[UNK]"], "even for a word of the vocabulary"),
        (cut_from_the_end, "begin at the end"),
        (cut_into_the_fewest, "the fewest pieces. WordPiece is greedy"),
        (cut_with_going_back, "another cut where the longest piece leads into a dead end. WordPiece is greedy"),
        (cut_by_replacing, "It should be ['[UNK]']; yours is ['play']"),
        (lambda word, vocabulary: " ".join(cut(word, vocabulary)), "a string for each piece"),
        (lambda word, vocabulary: set(cut(word, vocabulary)), "of type set. Return a list"),
        (lambda word, vocabulary: iter(cut(word, vocabulary)), "Return a list of strings"),
        (lambda word, vocabulary: [cut(word, vocabulary)], "The list holds ['play']"),
        (lambda word, vocabulary: np.array([cut(word, vocabulary)]), "Each piece is a string"),
        (lambda word, vocabulary: cut(word.upper(), vocabulary), "even for a word of the vocabulary"),
        (lambda word, vocabulary: [piece.upper() for piece in cut(word, vocabulary)], "stays whole. It should be"),
        (never_ends_where_nothing_fits, "Where no piece fits, the loop must end, too"),
        (adds_empty_pieces_for_ever, "never ends. Where no piece fits"),
        (never_ends_at_the_end, "nearer to the word's end, and stop there"),
        (calls_itself_for_ever, "Your loop never ends"),
        (searches_through_all, "Your loop never ends"),
        (spoils_its_vocabulary, "changes the vocabulary"),
        (lambda word, vocabulary: None, "forget the word return"),
        (lambda word, vocabulary: word[len(word)], "IndexError"),
        (lambda word, vocabulary: vocabulary[word], "'set' object is not subscriptable"),
    ],
}

RIGHT = {
    "sentence_vectors": [
        mean,
        mean_by_nan,
        mean_by_masked_array,
        row_by_row(lambda words: words.mean(axis=0)),
        lambda s, i: mean(s, i).tolist(),
        lambda s, i: mean(s.astype("float32"), i).astype("float32"),
        lambda s, i: np.einsum("bwn,bw->bn", s, (i != 0) / count(i)),
        lambda s, i: mean_of(s, np.minimum(i, 1)[..., None]),
    ],
    "causal_attention": [
        attend,
        word_by_word,
        masked_afterwards,
        mask_added,
        whole_maximum,
        lambda *given: attend(*given, hidden=-1e9),
        lambda *given: attend(*(array.astype("float32") for array in given)).astype("float32"),
        lambda q, k, v: attend(q / np.sqrt(q.shape[-1]), k, v, divisor=1),
        lambda q, k, v: (v.T @ causal_weights(q, k).T).T,
    ],
    "word_pieces": [
        cut,
        cut_by_sorting,
        cut_by_recursion,
        with_rest(lambda pieces, rest, mark: ["[UNK]"]),
        lambda word, vocabulary: tuple(cut(word, vocabulary)),
        lambda word, vocabulary: np.array(cut(word, set(vocabulary))),
    ],
}


@pytest.mark.parametrize("name", WRONG)
def test_learner_who_overflows_sees_the_hint_and_no_warning(name, recwarn):
    answers = {
        "sentence_vectors": lambda states, ids: states / (0 * states),
        "causal_attention": without_maximum,
        "word_pieces": lambda word, vocabulary: [],
    }
    assert getattr(check, name)(answers[name]).status == "not right yet"
    assert not recwarn.list


@pytest.mark.parametrize("mistake", check._CUTTING)
def test_every_known_mistake_cuts_some_word_otherwise(mistake):
    assert any(check._cut(*case, mistake) != check._cut(*case) for case in check._WORDS)


def test_no_two_mistakes_of_attention_give_the_same_result():
    given = tuple(np.random.default_rng(1).normal(size=(3, 5, 4)))
    places = [{"mask": m} for m in check._MASKS] + [{"scale": s} for s in check._SCALES if s]
    places += [{"way": w} for w in check._WAYS if w]
    results = [check._attend(given, **place) for place in places]
    for first in range(len(results)):
        for second in range(first):
            clear = np.isfinite(results[first] + results[second]).all(axis=-1)
            # Where scores of minus infinity are the weights, the last word at most is left to compare.
            assert clear.sum() <= 1 or not np.allclose(results[first][clear], results[second][clear], atol=1e-4)


def test_sentence_vectors_agree_with_the_library():
    layers = pytest.importorskip("keras").layers
    verdict = check.sentence_vectors(lambda states, ids: layers.GlobalAveragePooling1D()(states, mask=ids != 0))
    assert verdict.status == "correct", verdict


def test_causal_attention_agrees_with_the_library():
    ops = pytest.importorskip("keras").ops

    def by_keras(query, key, value):
        one_head = (array[None, :, None] for array in (query, key, value))
        return ops.dot_product_attention(*one_head, is_causal=True)[0, :, 0]

    verdict = check.causal_attention(by_keras)
    assert verdict.status == "correct", verdict


def test_word_pieces_agree_with_the_library():
    models = pytest.importorskip("tokenizers").models

    def by_tokenizers(word, vocabulary):
        numbers = {piece: number for number, piece in enumerate(sorted(vocabulary | {"[UNK]"}))}
        return [token.value for token in models.WordPiece(numbers, unk_token="[UNK]").tokenize(word)]

    verdict = check.word_pieces(by_tokenizers)
    assert verdict.status == "correct", verdict
