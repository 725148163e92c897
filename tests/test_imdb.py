import gzip
import hashlib
import inspect
import io
import json
import os
import random
import re
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from loopback import reply, serving

from course_utils.datasets import imdb, review_grammar, store

SMALL = 20  # reviews per part of the files that the tests make
NUM_RANKS = 12_000
GRAMMAR_LISTS = ("ADJECTIVES", "VERBS", "NOUNS", "FEELINGS")


@pytest.fixture(scope="module")
def texts():
    return imdb.load_texts("bundled")


@pytest.fixture(scope="module")
def numbers():
    return imdb.load("bundled")


@pytest.fixture(scope="module")
def written():
    return review_grammar.generate()


@pytest.fixture
def small(monkeypatch):
    """Let the real set have few reviews."""
    monkeypatch.setattr(imdb, "REVIEWS_PER_PART", SMALL)


def bag(text):
    return Counter(review_grammar.words(text))


def bags(reviews, pairs):
    return [bag(review.text) for review in reviews if (review.pair >= 0) == pairs]


# --- the generated reviews


def test_generated_reviews_are_as_many_as_promised_and_balanced(texts):
    assert (len(texts.x_train), len(texts.x_test)) == (8_000, 2_000)
    for labels, pairs in ((texts.y_train, texts.pair_train), (texts.y_test, texts.pair_test)):
        assert labels.dtype == pairs.dtype == np.int64
        for group in (labels, labels[pairs < 0], labels[pairs >= 0]):
            assert np.bincount(group).tolist() == [len(group) // 2] * 2


def test_generated_reviews_are_the_recorded_ones(texts):
    assert texts.provenance == store.Provenance(
        "imdb", "bundled", "bundled", texts.provenance.size, imdb.BUNDLED_SHA256, imdb.SET.stand_in
    )


def test_provenance_of_generated_reviews_says_that_they_are_generated(texts, numbers):
    for reviews in (texts, numbers):
        assert "generated" in reviews.provenance.note
        assert "not written by people" in reviews.provenance.note


def test_generated_reviews_do_not_depend_on_hash_seeds_or_random_states(texts):
    code = (
        "import random; random.seed(5)\n"
        "from course_utils.datasets import imdb\n"
        "print(imdb.load_texts('bundled', seed=9).provenance.sha256)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == texts.provenance.sha256


def test_grammar_uses_only_the_random_method_that_python_promises_to_keep(monkeypatch, written):
    class OnlyRandom:
        def __init__(self, seed, plain=random.Random):
            self.random = plain(seed).random

    monkeypatch.setattr(random, "Random", OnlyRandom)
    assert review_grammar.generate.__wrapped__() == written  # past its cache


def test_no_review_occurs_twice_in_one_part_or_in_both(texts):
    everything = [*texts.x_train, *texts.x_test]
    assert len(set(everything)) == len(everything)
    folded = {" ".join(review_grammar.words(text)) for text in everything}
    assert len(folded) == len(everything)


def test_generated_reviews_use_many_words_and_are_short(written):
    train, test = written
    for reviews in written:
        counts = Counter(word for review in reviews for word in review_grammar.words(review.text))
        assert len(counts) >= 500
    counts = Counter(word for review in train for word in review_grammar.words(review.text))
    assert sum(count >= 20 for count in counts.values()) >= 500
    lengths = [len(review_grammar.words(review.text)) for review in train + test]
    assert min(lengths) >= 8
    assert max(lengths) <= 100


def test_generated_reviews_read_as_sentences(texts):
    for text in [*texts.x_train, *texts.x_test]:
        assert not re.search(r"[{}|_]|  | [.,;!]", text), text
        assert re.fullmatch(r"(?:[A-Z][^.!]*[.!] ?)+", text), text
        assert not re.search(r"\b[Aa] [aeiouAEIOU]|\b[Aa]n (?!hour)[^aeiouAEIOU]", text), text


@pytest.mark.parametrize("part", ["train", "test"])
def test_each_order_pair_has_the_very_same_words_and_both_labels(texts, part):
    pairs = getattr(texts, f"pair_{part}")
    reviews, labels = getattr(texts, f"x_{part}"), getattr(texts, f"y_{part}")
    numbered = np.unique(pairs[pairs >= 0])
    assert np.array_equal(numbered, np.arange(len(numbered)))
    assert len(numbered) == (review_grammar.TRAIN_PAIRS if part == "train" else review_grammar.TEST_PAIRS)
    for number in numbered:
        first, second = np.flatnonzero(pairs == number)
        assert reviews[first] != reviews[second]
        assert bag(reviews[first]) == bag(reviews[second])
        assert labels[first] != labels[second]


def test_bag_of_words_is_at_chance_on_order_pairs_and_good_on_ordinary_reviews(texts):
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    ordinary, paired = texts.pair_train < 0, texts.pair_test >= 0
    model = make_pipeline(
        CountVectorizer(tokenizer=review_grammar.words, token_pattern=None), LogisticRegression(max_iter=1000)
    )
    model.fit(texts.x_train[ordinary], texts.y_train[ordinary])
    assert model.score(texts.x_test[paired], texts.y_test[paired]) == 0.5
    assert model.score(texts.x_test[~paired], texts.y_test[~paired]) > 0.85


def test_no_short_cut_by_the_first_or_last_word_of_judgement_beats_chance_on_the_tests_order_pairs(written):
    lists = [
        (getattr(review_grammar, f"GOOD_{name}"), getattr(review_grammar, f"BAD_{name}")) for name in GRAMMAR_LISTS
    ]
    praise = {word for good, _ in lists for word in good}
    blame = {word for _, bad in lists for word in bad}
    for place in (0, -1):
        right = []
        for review in written[1]:
            if review.pair >= 0:
                judging = [word for word in review_grammar.words(review.text) if word in praise | blame]
                right.append((judging[place] in praise) == review.label)
        assert abs(np.mean(right) - 0.5) < 0.05


def test_templates_of_the_tests_order_pairs_are_not_trainings():
    def skeleton(way):
        return re.sub(r"\{\w+\}", "_", way)

    train, test = (
        {skeleton(way) for template in templates for way in template.split("|")}
        for templates in (review_grammar.TRAIN_TEMPLATES, review_grammar.TEST_TEMPLATES)
    )
    assert len(test) >= 12
    assert not train & test


def test_held_out_words_occur_in_the_tests_order_pairs_only(written):
    train, test = written
    in_training = {word for review in train for word in review_grammar.words(review.text)}
    held_out = {*review_grammar.TEST_TOPICS, *review_grammar.TEST_FILMS, *review_grammar.TEST_JOBS}
    held_out |= {word for name in review_grammar.TEST_NAMES for word in name.lower().split()}
    paired = {word for bag_ in bags(test, pairs=True) for word in bag_}
    assert not held_out & in_training
    assert held_out <= paired
    assert len(paired - in_training) >= 90


def test_openings_and_details_of_the_tests_order_pairs_share_only_common_words_with_training(written):
    common = {"a", "an", "and", "both", "for", "it", "its", "me", "my", "on", "some", "this", "two", "were", "years"}
    in_training = {word for review in written[0] for word in review_grammar.words(review.text)}
    for template in (*review_grammar.TEST_OPENINGS, *review_grammar.TEST_DETAILS):
        words = set(review_grammar.words(re.sub(r"\{\w+\}", " ", template)))
        assert words & in_training <= common
        assert words - in_training


def test_judging_words_of_the_tests_order_pairs_are_known_from_ordinary_reviews_only(written):
    train, test = written
    ordinary = Counter(word for bag_ in bags(train, pairs=False) for word in bag_)
    in_pairs = {word for bag_ in bags(train, pairs=True) for word in bag_}
    in_test = {word for bag_ in bags(test, pairs=True) for word in bag_}
    for name in GRAMMAR_LISTS:
        for kind in ("GOOD", "BAD"):
            listed = getattr(review_grammar, f"{kind}_{name}")
            first, second = (review_grammar.judging_half(listed, half) for half in (0, 1))
            assert not set(first) & in_test
            assert not set(second) & in_pairs
            assert set(second) <= in_test
            assert min(ordinary[word] for word in listed) >= 20
            assert len(set(listed)) == len(listed)


def test_words_that_turn_a_sentence_round_are_known_from_training(written):
    train, _ = written
    in_training = {word for review in train for word in review_grammar.words(review.text)}
    for template in review_grammar.TEST_TEMPLATES:
        assert set(review_grammar.words(re.sub(r"\{\w+\}", " ", template))) <= in_training


# --- word numbers


def test_numbers_are_the_texts_in_kerass_form(numbers, texts):
    assert np.array_equal(numbers.y_train, texts.y_train)
    assert np.array_equal(numbers.pair_test, texts.pair_test)
    for numbered, written in ((numbers.x_train, texts.x_train), (numbers.x_test, texts.x_test)):
        assert numbered.shape == (len(written),)
        assert {review.dtype for review in numbered} == {np.dtype("int32")}
        assert all(review[0] == 1 for review in numbered)
        assert min(review.min() for review in numbered) == 1
        assert max(review.max() for review in numbered) < imdb.NUM_WORDS
        assert numbered[7].tolist() == imdb.encode(written[7], numbers.word_index)


def test_word_index_ranks_the_words_of_training_by_frequency(numbers, texts):
    counts = Counter(word for text in texts.x_train for word in review_grammar.words(text))
    ranked = sorted(numbers.word_index, key=numbers.word_index.get)
    assert sorted(numbers.word_index.values()) == list(range(1, len(ranked) + 1))
    assert [counts[word] for word in ranked] == sorted((counts[word] for word in ranked), reverse=True)
    assert min(counts[word] for word in ranked) == imdb.BUNDLED_MIN_COUNT


def test_unknown_words_occur_in_training_too(numbers):
    share = np.mean(np.concatenate(numbers.x_train) == imdb.UNKNOWN)
    assert 0.01 < share < 0.05


def test_encode_and_decode():
    index = {"the": 1, "film": 2, "isn't": 3, "rare": 9_997}
    assert imdb.encode("The film ISN'T rare, odd.", index) == [1, 4, 5, 6, 2, 2]
    assert imdb.encode("The film isn\u2019t \u2018rare\u2019", index) == [1, 4, 5, 6, 2]
    assert imdb.decode([0, 0, 1, 4, 5, 2], index) == "[padding] [padding] [start] the film [unknown]"
    assert imdb.decode(np.array([1, 6], np.int32), index) == "[start] isn't"


@pytest.mark.parametrize("number", [3, 99, -1])
def test_number_without_a_word_is_an_error_that_says_what_to_pass(number):
    with pytest.raises(ValueError, match=f"The number {number} belongs to no word. Pass numbers of the set"):
        imdb.decode([1, number], {"the": 1})


# --- which data


@pytest.mark.parametrize("load", [imdb.load, imdb.load_texts])
def test_auto_without_the_files_prints_one_line_that_says_how_to_get_them(no_network, capsys, load):
    assert load().provenance.kind == "bundled"
    [line] = capsys.readouterr().out.splitlines()
    assert "generated by a grammar of the course" in line
    assert "`course data fetch imdb`" in line


@pytest.mark.parametrize("load", [imdb.load, imdb.load_texts])
def test_bundled_is_silent(no_network, capsys, load):
    load("bundled")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("load", [imdb.load, imdb.load_texts])
@pytest.mark.parametrize("source", ["Full", "", None])
def test_unknown_source_is_an_error_that_lists_the_three(load, source):
    with pytest.raises(ValueError, match=f"source={source!r} .*'auto'.*'full'.*'bundled'"):
        load(source)


@pytest.mark.parametrize("load", [imdb.load, imdb.load_texts])
def test_loaders_take_at_most_four_parameters(load):
    assert list(inspect.signature(load).parameters) == ["source", "train_limit", "seed"]


def test_full_in_vain_is_an_error_and_never_the_stand_in(monkeypatch):
    monkeypatch.setattr(imdb, "TEXT", imdb.TEXT._replace(urls=("http://127.0.0.1:1/aclImdb_v1.tar.gz",)))
    with pytest.raises(store.DataError, match=r"aclImdb_v1\.tar\.gz .* cannot be had.*source='bundled'"):
        imdb.load_texts("full")


# --- train_limit


@pytest.mark.parametrize("load", [imdb.load, imdb.load_texts])
def test_limit_keeps_the_balance_the_marks_and_the_test_part(load):
    whole, part = load("bundled"), load("bundled", train_limit=500, seed=1)
    assert np.bincount(part.y_train).tolist() == [250, 250]
    assert len(part.x_train) == len(part.pair_train) == 500
    assert len(part.x_test) == len(whole.x_test)
    assert part.provenance == whole.provenance._replace(limit=500)


def test_limit_keeps_reviews_with_their_labels_and_marks_and_follows_the_seed(texts):
    marks_of = {t: m for t, *m in zip(texts.x_train, texts.y_train, texts.pair_train, strict=True)}
    part, again, other = (imdb.load_texts("bundled", 200, seed) for seed in (3, 3, 4))
    for text, *marks in zip(part.x_train, part.y_train, part.pair_train, strict=True):
        assert marks_of[text] == marks
    assert part.x_train.tolist() == again.x_train.tolist()
    assert part.x_train.tolist() != other.x_train.tolist()


def test_smaller_part_lies_within_a_larger_one():
    small, large = (set(imdb.load_texts("bundled", limit).x_train) for limit in (50, 1000))
    assert small < large


@pytest.mark.parametrize("load", [imdb.load, imdb.load_texts])
def test_error_names_the_bad_limit_and_the_way_out(load):
    expected = (
        "train_limit=8001 does not fit: the training part holds 8,000 reviews. "
        "Pass a whole number from 1 to 8,000, or None to keep everything."
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        load("bundled", train_limit=8001)


@pytest.mark.parametrize("load", [imdb.load, imdb.load_texts])
@pytest.mark.parametrize("limit", [0, -1, 0.5, 100.0, True, "100"])
def test_limit_that_counts_nothing_is_an_error_before_any_file_is_sought(load, limit, monkeypatch):
    monkeypatch.setattr(store, "obtain", lambda *arguments: pytest.fail("looked for the files"))
    expected = f"train_limit={limit!r} does not fit: it counts reviews. Pass a whole number from 1 on, or None to "
    with pytest.raises(ValueError, match=re.escape(expected)):
        load("bundled", train_limit=limit)


def test_numpys_whole_numbers_are_limits_and_can_be_recorded():
    provenance = imdb.load_texts("bundled", train_limit=np.int64(50)).provenance
    assert json.loads(json.dumps(provenance._asdict()))["limit"] == 50


# --- Keras's file of numbers


def lists():
    """SMALL reviews of different lengths that use every rank."""
    ranks = np.random.default_rng(0).permutation(np.arange(1, NUM_RANKS + 1))
    return [part.tolist() for part in np.split(ranks, np.arange(1, SMALL) * 500 + np.arange(1, SMALL))]


def objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


def npz(**changes):
    arrays = {name: objects(lists()) for name in ("x_train", "x_test")}
    arrays |= {name: np.arange(SMALL) % 2 for name in ("y_train", "y_test")}
    stream = io.BytesIO()
    np.savez_compressed(stream, **{n: a for n, a in {**arrays, **changes}.items() if a is not None})
    return stream.getvalue()


def index(**changes):
    return json.dumps({**{f"w{rank}": rank for rank in range(1, NUM_RANKS + 1)}, **changes}).encode()


def put(mirror, listed=True, **files):
    """Write the two files into the mirror; its SHA256SUMS lists them."""
    contents = {"imdb.npz": files.get("npz", npz()), "imdb_word_index.json": files.get("index", index())}
    lines = []
    for name, content in contents.items():
        (mirror / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    if listed:
        (mirror / "SHA256SUMS").write_text("".join(lines))


def test_full_numbers_are_those_of_keras(small, mirror, no_network, capsys, monkeypatch):
    from keras.datasets import imdb as reference
    from keras.src.datasets import imdb as module

    put(mirror)
    numbers = imdb.load("auto")
    assert capsys.readouterr().out == "Data: IMDb, 25,000 + 25,000 film reviews, from the mirror.\n"
    monkeypatch.setattr(module, "get_file", lambda **_: str(mirror / "imdb.npz"))
    (x_train, y_train), (x_test, y_test) = reference.load_data(num_words=10_000)
    assert [review.tolist() for review in numbers.x_train] == list(x_train)
    assert [review.tolist() for review in numbers.x_test] == list(x_test)
    assert np.array_equal(numbers.y_train, y_train)
    assert np.array_equal(numbers.y_test, y_test)
    assert {review.dtype for review in numbers.x_train} == {np.dtype("int32")}
    assert numbers.word_index["w17"] == 17
    assert set(numbers.pair_train) == set(numbers.pair_test) == {-1}
    assert imdb.decode(numbers.x_train[0][:2], numbers.word_index).startswith("[start] ")


def test_provenance_of_full_numbers_names_both_files(small, mirror):
    put(mirror)
    provenance = imdb.load("full").provenance
    assert (provenance.kind, provenance.origin) == ("full", "mirror")
    assert provenance.sha256 == hashlib.sha256(npz()).hexdigest()
    assert hashlib.sha256(index()).hexdigest() in provenance.note
    assert "vouches" not in provenance.note


def test_full_numbers_need_both_files(small, mirror, no_network, capsys):
    put(mirror)
    (mirror / "imdb_word_index.json").unlink()
    assert imdb.load("auto").provenance.kind == "bundled"
    assert "has no imdb_word_index.json" in capsys.readouterr().out


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("source", ["auto", "full"])
def test_nothing_is_unpickled_unless_its_hash_is_listed(small, mirror, tmp_path, source):
    sprung = tmp_path / "unpickled"
    put(mirror, npz=npz(y_test=objects([Trap(sprung)] * SMALL)), listed=False)
    with pytest.raises(store.DataError, match="nothing vouches for it") as caught:
        imdb.load(source)
    assert not sprung.exists()
    assert str(mirror / "imdb.npz") in str(caught.value)
    assert "SHA256SUMS" in str(caught.value)
    assert "source='bundled'" in str(caught.value)


def test_file_that_differs_from_its_listed_hash_is_not_unpickled(small, mirror, tmp_path):
    sprung = tmp_path / "unpickled"
    put(mirror)
    (mirror / "imdb.npz").write_bytes(npz(y_test=objects([Trap(sprung)] * SMALL)))
    with pytest.raises(store.DataError, match="is damaged"):
        imdb.load("full")
    assert not sprung.exists()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


BAD_NUMBERS = {
    "no archive": (lambda: b"not an archive", "UnpicklingError|ValueError"),
    "empty": (lambda: b"", "EOFError"),
    "truncated": (lambda: npz()[:-2000], "BadZipFile"),
    "single array": (lambda: npy(np.arange(3)), "TypeError"),
    "key missing": (lambda: npz(y_test=None), "y_test"),
    "too few": (lambda: npz(x_test=objects(lists()[:-1])), r"x_test has the shape \(19,\), expected is \(20,\)"),
    "table": (lambda: npz(x_test=np.ones((SMALL, 7), int)), r"x_test has the shape \(20, 7\)"),
    "flat": (lambda: npz(x_test=np.ones(SMALL, int)), "x_test is not made of lists"),
    "words": (lambda: npz(x_train=objects([["good", "film"]] * SMALL)), "other than whole numbers"),
    "floats": (lambda: npz(x_train=objects([[1.5]] * SMALL)), "other than whole numbers"),
    "empty review": (lambda: npz(x_train=objects([[]] * SMALL)), "x_train is not made of lists"),
    "rank 0": (lambda: npz(x_train=objects([[0]] * SMALL)), "ranks below 1"),
    "huge rank": (lambda: npz(x_train=objects([[2**40]] * SMALL)), "beyond all words"),
    "labels": (lambda: npz(y_test=np.arange(SMALL)), "y_test is int64, expected are the whole numbers 0 and 1"),
    "label type": (lambda: npz(y_test=np.arange(SMALL) % 2 / 1), "y_test is float64"),
    "unknown class": (lambda: npz(x_test=b"cno_such_module\nThing\n."), "x_test has the shape"),
}


@pytest.mark.parametrize("case", BAD_NUMBERS)
def test_file_that_is_not_imdb_is_an_error_that_names_it(small, mirror, case):
    make, trouble = BAD_NUMBERS[case]
    put(mirror, npz=make())
    with pytest.raises(store.DataError, match=trouble) as caught:
        imdb.load("full")
    assert str(mirror / "imdb.npz") in str(caught.value)
    assert "Replace it by the public imdb.npz" in str(caught.value)


BAD_INDEX = {
    "no json": (b"{", "JSONDecodeError"),
    "empty": (b"", "JSONDecodeError"),
    "not text": (b"\xff\xfe\x00", "Error"),
    "deep": (b"[" * 100_000, "RecursionError"),
    "list": (b"[1, 2]", "not made of words with whole numbers"),
    "strings": (index(w5="5"), "not made of words with whole numbers"),
    "truths": (index(w1=True), "not made of words with whole numbers"),
    "same rank": (index(w5=6), "two words have the same rank"),
    "gap": (index(w5=50_000), "the ranks from 1 to 9,999 are not all there"),
    "below 1": (index(more=0), "some below 1"),
    "short": (json.dumps({"the": 1, "film": 2}).encode(), "the ranks from 1 to 9,999 are not all there"),
}


@pytest.mark.parametrize("case", BAD_INDEX)
def test_file_that_is_no_word_index_is_an_error_that_names_it(small, mirror, case):
    content, trouble = BAD_INDEX[case]
    put(mirror, index=content)
    with pytest.raises(store.DataError, match=trouble) as caught:
        imdb.load("full")
    assert str(mirror / "imdb_word_index.json") in str(caught.value)
    assert "public imdb_word_index.json" in str(caught.value)


@pytest.mark.parametrize("words", [11_000, 13_000])
def test_word_index_of_another_set_is_an_error_that_names_both(small, mirror, words):
    put(mirror, index=json.dumps({f"w{rank}": rank for rank in range(1, words + 1)}).encode())
    with pytest.raises(store.DataError, match=f"ranks up to 12,000, the index has {words:,} words") as caught:
        imdb.load("full")
    assert str(mirror / "imdb.npz") in str(caught.value)
    assert "one publisher" in str(caught.value)


# --- the archive of texts


def member(name, content=b"A film.", **changes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def reviews():
    return [
        member(f"aclImdb/{part}/{folder}/{number}_{points}.txt", f"{part} {folder} {number} café".encode())
        for part in ("test", "train")
        for folder, points in (("neg", 2), ("pos", 9))
        for number in range(SMALL // 2)
    ]


def tar(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return stream.getvalue()


def put_archive(mirror, content):
    (mirror / "aclImdb_v1.tar.gz").write_bytes(content)


def test_archive_gives_the_texts_with_their_labels(small, mirror, no_network, capsys):
    extra = [
        member("aclImdb", b"", type=tarfile.DIRTYPE),
        member("aclImdb/train/unsup/0_0.txt", b"unlabelled"),
        member("aclImdb/train/urls_pos.txt", b"http://"),
        member("aclImdb/README", b"read me"),
    ]
    put_archive(mirror, gzip.compress(tar(extra + reviews())))
    texts = imdb.load_texts("auto")
    assert capsys.readouterr().out == "Data: IMDb, 25,000 + 25,000 film reviews, from the mirror.\n"
    for part in ("train", "test"):
        written, labels = getattr(texts, f"x_{part}"), getattr(texts, f"y_{part}")
        assert {type(text) for text in written} == {str}
        assert set(written) == {f"{part} {f} {n} café" for f in ("pos", "neg") for n in range(SMALL // 2)}
        assert [label == 1 for label in labels] == ["pos" in text for text in written]
        assert set(getattr(texts, f"pair_{part}")) == {-1}
    assert len(set(texts.y_train[-6:])) == 2  # Keras takes the last part for validation
    assert "nothing vouches for" in texts.provenance.note


def test_order_of_the_texts_does_not_depend_on_the_archives(small, mirror):
    put_archive(mirror, gzip.compress(tar(reviews())))
    one = imdb.load_texts("full").x_train.tolist()
    put_archive(mirror, gzip.compress(tar(reversed(reviews()))))
    assert imdb.load_texts("full").x_train.tolist() == one


def test_archive_is_fetched_and_read_from_the_cache(small, monkeypatch):
    content = gzip.compress(tar(reviews()))
    with serving(reply(content)) as (url, _):
        file = imdb.TEXT._replace(urls=(url,), sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        monkeypatch.setattr(imdb, "TEXT", file)
        assert imdb.load_texts("full").provenance.origin == "download"
    texts = imdb.load_texts("auto")
    assert texts.provenance.origin == "cache"
    assert "vouches" not in texts.provenance.note


def archive_with(*members):
    return gzip.compress(tar([*members, *reviews()]))


PAYLOAD = b"owned"
BAD_ARCHIVES = {
    "not gzip": (lambda: b"not an archive", "BadGzipFile"),
    "empty": (lambda: b"", "ReadError|EOFError"),
    "not tar": (lambda: gzip.compress(b"x" * 2000), "ReadError"),
    "cut-off gzip": (lambda: archive_with()[:-300], "EOFError|ReadError"),
    "gzip without its end": (lambda: archive_with()[:-4], "EOFError"),
    "altered": (lambda: archive_with()[:-8] + b"12345678", "BadGzipFile|CRC"),
    "cut-off tar": (lambda: gzip.compress(tar(reviews())[:10_000]), "ReadError|reviews in"),
    "parent": (lambda: archive_with(member("../escape.txt", PAYLOAD)), r"'\.\./escape.txt' leads out"),
    "parent within": (
        lambda: archive_with(member("aclImdb/train/pos/../../../../escape.txt", PAYLOAD)),
        "leads out of the folder",
    ),
    "absolute": (lambda: archive_with(member("/tmp/escape.txt", PAYLOAD)), "leads out of the folder"),
    "backslash": (lambda: archive_with(member("..\\escape.txt", PAYLOAD)), "leads out of the folder"),
    "drive": (lambda: archive_with(member("C:/escape.txt", PAYLOAD)), "leads out of the folder"),
    "symbolic link": (
        lambda: archive_with(member("aclImdb/train/pos/1_9.txt", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "is a link, a device or a sparse file",
    ),
    "hard link": (
        lambda: archive_with(member("aclImdb/link", b"", type=tarfile.LNKTYPE, linkname="../../secret")),
        "is a link, a device or a sparse file",
    ),
    "device": (
        lambda: archive_with(member("aclImdb/null", b"", type=tarfile.CHRTYPE)),
        "is a link, a device or a sparse file",
    ),
    "pipe": (
        lambda: archive_with(member("aclImdb/pipe", b"", type=tarfile.FIFOTYPE)),
        "is a link, a device or a sparse file",
    ),
    "sparse": (
        lambda: archive_with(member("aclImdb/holes", PAYLOAD, type=tarfile.GNUTYPE_SPARSE)),
        "a sparse file",
    ),
    "sparse by its headers": (
        lambda: archive_with(
            member(
                "aclImdb/train/pos/77_9.txt",
                PAYLOAD,
                pax_headers={"GNU.sparse.map": "0,5", "GNU.sparse.size": "900000000"},
            )
        ),
        "a sparse file",
    ),
    "huge review": (
        lambda: archive_with(member("aclImdb/train/pos/77_9.txt", b" " * 1_000_001)),
        "1,000,001 bytes, too many for a review",
    ),
    "bomb": (lambda: archive_with(member("aclImdb/zeros", bytes(5_000_000))), "unpacks to more than 3,000,000 bytes"),
    "bomb behind the end": (
        lambda: gzip.compress(tar(reviews()) + bytes(5_000_000)),
        "unpacks to more than 3,000,000 bytes",
    ),
    "not UTF-8": (lambda: archive_with(member("aclImdb/train/pos/77_9.txt", b"caf\xe9")), "UnicodeDecodeError"),
    "twice": (lambda: archive_with(reviews()[3]), "is in it twice"),
    "one more": (
        lambda: archive_with(member("aclImdb/train/pos/77_9.txt")),
        "more than 10 reviews are in train/pos",
    ),
    "one missing": (lambda: gzip.compress(tar(reviews()[1:])), "10 reviews in test/pos and 9 in test/neg"),
    "another archive": (lambda: gzip.compress(tar([member("cats/1.jpg")])), "0 reviews in train/pos"),
    "elsewhere": (
        lambda: gzip.compress(tar([member(f"else/{i.name}", c) for i, c in reviews()])),
        "0 reviews in train/pos",
    ),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_bad_archive_is_an_error_that_names_it_and_leaves_nothing(small, mirror, tmp_path, monkeypatch, case):
    monkeypatch.setattr(imdb, "ARCHIVE_BYTES", 3_000_000)
    monkeypatch.chdir(mirror)
    make, trouble = BAD_ARCHIVES[case]
    put_archive(mirror, make())
    with pytest.raises(store.DataError, match=trouble) as caught:
        imdb.load_texts("full")
    assert str(mirror / "aclImdb_v1.tar.gz") in str(caught.value)
    assert "Replace it by the public aclImdb_v1.tar.gz" in str(caught.value)
    assert [path.name for path in mirror.iterdir()] == ["aclImdb_v1.tar.gz"]
    assert not (tmp_path / "escape.txt").exists()


def test_memory_does_not_grow_with_the_members_that_are_skipped(small, mirror, monkeypatch):
    kept = []
    plain = tarfile.TarFile.next

    def counted(archive):
        info = plain(archive)
        kept.append(len(archive.members))
        return info

    monkeypatch.setattr(tarfile.TarFile, "next", counted)
    put_archive(mirror, archive_with(*(member(f"aclImdb/train/unsup/{n}_0.txt") for n in range(300))))
    assert len(imdb.load_texts("full").x_train) == SMALL
    assert len(kept) > 300
    assert max(kept) <= 2


def test_archive_with_too_many_reviews_is_left_at_the_first_of_them(small, mirror, monkeypatch):
    seen = []
    plain = imdb._check_member
    monkeypatch.setattr(imdb, "_check_member", lambda path, info: seen.append(info.name) or plain(path, info))
    put_archive(mirror, archive_with(*(member(f"aclImdb/train/pos/{n}_9.txt") for n in range(100, 200))))
    with pytest.raises(store.DataError, match="more than 10 reviews are in train/pos"):
        imdb.load_texts("full")
    assert len(seen) == 11


# --- the set


def test_recorded_hashes_are_those_that_keras_records():
    from keras.src.datasets import imdb as reference

    source = inspect.getsource(reference)
    assert imdb.NUMBERS.sha256 in source
    assert all(file.name in source for file in (imdb.NUMBERS, imdb.WORD_INDEX))


def test_set_names_source_and_stand_in():
    assert imdb.SET.files == (imdb.NUMBERS, imdb.WORD_INDEX, imdb.TEXT)
    assert "generated" in imdb.SET.stand_in
    assert "Maas" in imdb.SET.licence
    for load in (imdb.load, imdb.load_texts):
        assert "Maas" in load.__doc__


def test_importing_the_module_loads_nothing_heavy_and_writes_no_review():
    code = "import sys, course_utils.datasets.imdb as m; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pickle", "tarfile", "sklearn", "tensorflow", "pooch", "requests"} & set(loaded)
