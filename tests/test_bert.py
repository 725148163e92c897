# ruff: noqa: RUF001 - characters that look like others are what is tested here
"""The parts of chapter 07, taken from its source: held against Keras, NumPy, KerasHub and the published algorithm."""

import importlib.util
import json
import math
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from chapter_code import taken

from course_utils import weights
from course_utils.datasets import store

CHAPTER = Path(__file__).resolve().parents[1] / "chapters" / "07_bert.py"
NAMES = {
    "softmax", "attention", "multi_head", "waves", "layer_norm", "Block", "Embeddings", "Encoder", "STORED_AS",
    "LEFT_OUT", "stored_name", "stored_shape", "fill", "build_bert", "attention_maps", "states_by_block", "cosines",
    "to_ids", "first_and_last", "balanced", "scan", "convolve", "read_with",
}  # fmt: skip
SENTENCES = [
    "Deep learning is amazing!",
    "We sat on the bank of the river and thought of the bank that had all our money.",
    "No.",
    "Ça, c'est une phrase française; 这 是 中文 😀.",
    "word " * 60,
]
# Where the chapter finds its weights; the fixture of conftest.py hides it from the tests.
WEIGHTS = [folder / weights.FOLDER for folder in (store.mirror_dir(), store.cache_dir()) if folder]


@pytest.fixture(scope="module")
def chapter():
    import keras
    from keras import layers, ops

    return taken(CHAPTER, NAMES, np=np, keras=keras, layers=layers, ops=ops)


@pytest.fixture(scope="module")
def folder():
    found = [place for place in WEIGHTS if (place / "model.safetensors").is_file()]
    if not found:
        reason = "the weights of BERT: run `course data fetch minilm`"
        (pytest.fail if os.environ.get("COURSE_CI") == "1" else pytest.skip)(reason)
    return found[0]


@pytest.fixture(scope="module")
def real(chapter, folder):
    """The configuration, the tensors and the tokenizer of the real BERT."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors"), tokenizer


@pytest.fixture(scope="module")
def keras_hub():
    if importlib.util.find_spec("keras_hub") is None:
        (pytest.fail if os.environ.get("COURSE_CI") == "1" else pytest.skip)("keras-hub, the reference")
    import keras_hub

    return keras_hub


@pytest.fixture
def small(chapter):
    """A tiny encoder with random weights, and the tensors that fill it."""
    config = {
        "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 12, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12, "vocab_size": 200,
        "max_position_embeddings": 20, "type_vocab_size": 2, "num_hidden_layers": 2,
    }  # fmt: skip
    encoder = chapter["Encoder"](config)
    encoder(np.array([[101, 102]]))
    generator = np.random.default_rng(0)
    tensors = {
        chapter["stored_name"](variable): generator.normal(size=[int(n) for n in chapter["stored_shape"](variable)])
        for variable in encoder.weights
    }
    return config, encoder, {name: tensor.astype("float32") for name, tensor in tensors.items()}


def by_hand(config, tensors, ids):
    """The encoder in NumPy with 64 bits, straight from the tensors as PyTorch stores them: Devlin et al. 2018."""
    tensors = {name: tensor.astype("float64") for name, tensor in tensors.items()}
    erf = np.vectorize(math.erf)

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + config["layer_norm_eps"])
        return x * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    heads = config["num_attention_heads"]
    x = tensors["embeddings.word_embeddings.weight"][ids]
    x = x + tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(x + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{number}"
        query, key, value = (
            dense(x, f"{name}.attention.self.{part}").reshape(*ids.shape, heads, -1).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(-1, keepdims=True)) * (ids != 0)[:, None, None, :]
        mixed = (shares / shares.sum(-1, keepdims=True) @ value).swapaxes(1, 2).reshape(x.shape)
        looked = dense(mixed, f"{name}.attention.output.dense")
        x = norm(x + looked, f"{name}.attention.output.LayerNorm")
        wide = dense(x, f"{name}.intermediate.dense")
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        x = norm(x + dense(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    return x


def test_small_encoder_equals_numpy_with_padding(chapter, small):
    config, encoder, tensors = small
    chapter["fill"](encoder, tensors)
    ids = np.array([[101, 7, 8, 9, 102], [101, 5, 102, 0, 0]])
    expected = by_hand(config, tensors, ids)
    assert np.abs(encoder(ids).numpy() - expected)[ids != 0].max() < 1e-4


def test_real_encoder_equals_numpy(chapter, real):
    config, tensors, tokenizer = real
    ids = chapter["to_ids"](tokenizer, SENTENCES[:4])
    assert (ids == 0).any()
    encoder = chapter["build_bert"](config, tensors)
    assert np.abs(encoder(ids).numpy() - by_hand(config, tensors, ids))[ids != 0].max() < 1e-4


def test_real_encoder_equals_kerashub_with_its_gelu(chapter, real, folder, keras_hub):
    import keras

    config, tensors, tokenizer = real
    ids = chapter["to_ids"](tokenizer, SENTENCES)
    library = keras_hub.models.BertBackbone.from_preset(str(folder))
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": ids != 0}
    expected = library(inputs)["sequence_output"].numpy()
    # KerasHub computes GELU by its approximation with tanh, whatever the configuration says.
    approximate = {**config, "hidden_act": lambda x: keras.activations.gelu(x, approximate=True)}
    ours = chapter["build_bert"](approximate, tensors)(ids).numpy()
    assert np.abs(ours - expected)[ids != 0].max() < 1e-4
    exact = chapter["build_bert"](config, tensors)(ids).numpy()
    assert 1e-4 < np.abs(exact - expected)[ids != 0].max() < 2e-2


def test_padding_does_not_change_what_the_words_become(chapter, real):
    config, tensors, tokenizer = real
    encoder = chapter["build_bert"](config, tensors)
    ids = chapter["to_ids"](tokenizer, SENTENCES[:1])
    wider = np.pad(ids, ((0, 0), (0, 30)))
    assert np.abs(encoder(wider).numpy()[:, : ids.shape[1]] - encoder(ids).numpy()).max() < 1e-4
    everything = np.ones_like(wider, dtype=bool)
    without_mask = chapter["read_with"](encoder, wider, everything)[:, : ids.shape[1]]
    assert np.abs(without_mask - encoder(ids).numpy()).max() > 0.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("lost", r"missing \['encoder.layer.1.output.dense.bias'\]; left over nothing; misshapen nothing"),
        ("more", r"missing nothing; left over \['encoder.layer.2.output.dense.bias'\]"),
        ("turned", r"encoder.layer.0.intermediate.dense.weight has the shape \(8, 12\), needed is \(12, 8\)"),
        ("flat", r"encoder.layer.0.attention.self.query.weight has the shape \(64,\), needed is \(8, 8\)"),
        ("column", r"embeddings.LayerNorm.bias has the shape \(8, 1\), needed is \(8,\)"),
        ("words", r"embeddings.word_embeddings.weight has the shape \(199, 8\), needed is \(200, 8\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named_and_nothing_is_filled(chapter, small, change, said):
    _, encoder, tensors = small
    name = "encoder.layer.0.intermediate.dense.weight"
    query = "encoder.layer.0.attention.self.query.weight"
    broken = {
        "lost": {key: value for key, value in tensors.items() if key != "encoder.layer.1.output.dense.bias"},
        "more": {**tensors, "encoder.layer.2.output.dense.bias": np.zeros(8)},
        "turned": {**tensors, name: tensors[name].T},
        "flat": {**tensors, query: tensors[query].ravel()},
        "column": {**tensors, "embeddings.LayerNorm.bias": np.zeros((8, 1))},
        "words": {**tensors, "embeddings.word_embeddings.weight": np.zeros((199, 8))},
    }[change]
    before = encoder.get_weights()
    with pytest.raises(ValueError, match=said) as caught:
        chapter["fill"](encoder, broken)
    assert "Pass tensors that were saved from an encoder with the same configuration." in str(caught.value)
    assert all(np.array_equal(old, new) for old, new in zip(before, encoder.get_weights(), strict=True))


def test_only_what_the_chapter_names_is_left_out(chapter, real):
    config, tensors, _ = real
    encoder = chapter["Encoder"](config)
    encoder(np.array([[101, 102]]))
    filled = {chapter["stored_name"](variable) for variable in encoder.weights}
    assert tensors.keys() - filled == chapter["LEFT_OUT"]
    assert np.array_equal(tensors["embeddings.position_ids"].ravel(), np.arange(512))


def test_own_attention_equals_keras_with_masks(chapter):
    from keras import layers

    generator = np.random.default_rng(1)
    x, others = (generator.normal(size=(3, words, 12)).astype("float32") for words in (6, 9))
    for asked, mask in ((x, np.tri(6, dtype=bool)), (others, np.arange(9) < 7), (others, None)):
        layer = layers.MultiHeadAttention(num_heads=3, key_dim=5)
        layer(x, asked)
        parameters = [generator.normal(size=weight.shape) for weight in layer.get_weights()]
        layer.set_weights(parameters)
        keras_mask = None if mask is None else np.broadcast_to(mask, (1, 6, asked.shape[1]))
        expected = layer(x, asked, attention_mask=keras_mask).numpy()
        ours, shares = chapter["multi_head"](x, asked, parameters, mask)
        assert np.abs(ours - expected).max() < 1e-4 * np.abs(expected).max()
        assert np.allclose(shares.sum(axis=-1), 1)
        if mask is not None:
            assert np.all(shares[..., ~np.broadcast_to(mask, shares.shape[-2:])] == 0)


def test_attention_of_one_word_is_its_value(chapter):
    value = np.array([[3.0, -1.0]])
    output, shares = chapter["attention"](np.ones((1, 4)), np.ones((1, 4)), value)
    assert np.array_equal(output, value)
    assert shares.tolist() == [[1.0]]


def test_attention_maps_are_those_of_the_layers_and_rows_sum_to_1(chapter, small):
    _, encoder, tensors = small
    chapter["fill"](encoder, tensors)
    ids = np.array([[101, 7, 8, 9, 102], [101, 5, 102, 0, 0]])
    maps, error = chapter["attention_maps"](encoder, ids)
    assert maps.shape == (2, 2, 2, 5, 5)
    assert np.allclose(maps.sum(axis=-1), 1)
    assert np.all(maps[1, ..., 3:] < 1e-12)
    assert error < 1e-4
    states = chapter["states_by_block"](encoder, ids)
    assert np.allclose(states[-1], encoder(ids).numpy(), atol=1e-5)


def test_layer_norm_and_waves(chapter):
    x = np.random.default_rng(2).normal(5, 3, size=(2, 3, 8))
    normed = chapter["layer_norm"](x, np.ones(8), np.zeros(8), 1e-12)
    assert np.allclose(normed.mean(-1), 0)
    assert np.allclose(normed.std(-1), 1)
    table = chapter["waves"](50, 16)
    assert table[0].tolist() == [0.0, 1.0] * 8
    assert table[7, 4] == pytest.approx(math.sin(7 / 10_000 ** (4 / 16)), abs=1e-6)
    assert table[7, 5] == pytest.approx(math.cos(7 / 10_000 ** (4 / 16)), abs=1e-6)


def test_recurrence_and_convolution_are_the_same(chapter):
    generator = np.random.default_rng(3)
    parameters = generator.uniform(0.5, 0.99, 4), generator.normal(size=4), generator.normal(size=4)
    x = generator.normal(size=200)
    assert np.allclose(chapter["scan"](x, *parameters), chapter["convolve"](x, *parameters))
    one = np.zeros(5)
    one[0] = 1.0
    answer = chapter["scan"](one, np.array([0.5]), np.array([2.0]), np.array([3.0]))
    assert answer.tolist() == [6.0, 3.0, 1.5, 0.75, 0.375]


def test_long_reviews_keep_their_beginning_and_their_end(chapter, real):
    _, _, tokenizer = real
    long = " ".join(["good"] * 50 + ["bad"] * 50)
    rows = chapter["first_and_last"](tokenizer, ["fine film", long], 16)
    good, bad = (tokenizer.token_to_id(word) for word in ("good", "bad"))
    assert rows[1].tolist() == [101, good, good, good] + [bad] * 11 + [102]
    assert [tokenizer.id_to_token(number) for number in rows[0][:5]] == ["[CLS]", "fine", "film", "[SEP]", "[PAD]"]
    assert rows.shape == (2, 16)


def test_every_beginning_of_the_labelled_reviews_is_balanced(chapter):
    labels = np.random.default_rng(4).integers(0, 2, size=300)
    chosen = chapter["balanced"](labels, 100, np.random.default_rng(5))
    assert len(set(chosen)) == 100
    for count in (2, 20, 50, 100):
        assert labels[chosen[:count]].mean() == 0.5


AWKWARD = [
    "", "   ", "a", "?", "Deep learning is amazing!", "naïve café", "ÀÉÎÕÜ àéîõü", "Ångström", "İstanbul ığ",
    "fiancée’s “quotes”", "don't", "it's", "rock 'n' roll", "e-mail", "U.S.A.", "3.14159", "1,000,000", "$5.00", "50%",
    "a+b=c", "1/2", "8/10", "—–-", "¿qué?", "¡hola!", "«ja»", "東京", "北京 大学", "我爱你", "这是中文English混合",
    "日本語のテキスト", "ひらがな", "カタカナ", "สวัสดี", "مرحبا", "שלום", "Привет, мир!", "Ελληνικά", "हिन्दी",
    "Tiếng Việt", "😀", "😀😀😀", "good 👍 film", "👍🏽", "🇩🇪", "♥", "☃ snow", "a\tb\nc", "a\r\nb", "bell\x07",
    "\ufeffbom", "a\u0301", "e\u0301te\u0301", "x" * 99, "x" * 100, "x" * 101, "the" * 40, "a" * 200 + " b",
    "supercalifragilisticexpialidocious", "antidisestablishmentarianism",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "unbelievably", "overacted", "Schwarzenegger",
    "http://a.b/c?d=e&f=g", "user@example.org", "#hashtag @name", "C++", "C#", ".NET", "node.js", "snake_case_name",
    "camelCaseName", "[CLS]", "[MASK] here", "a [SEP] b", "[PAD]", "[cls]", "##ing", "<br />", "&amp;", "\\n", "'",
    "''", "`code`", "(a)", "{b}", "[c]", "~", "^", "|", "a|b", "*bold*", "Mr. O’Neil-Smith", "10/10!!!", "!!!", "?!?!",
    "AAAAAAAAAA", "ALL CAPS", "mIxEd", "Ünïcode", "Żółć", "Đặng", "ñandú", "cœur", "Æsop", "Øre", "ı", "ǅ",
    "  leading and trailing  ", "many     spaces", "-", "--", "...", "Wait...what?",
]  # fmt: skip
# KerasHub folds compatibility characters ("½" becomes three characters), which BERT's own algorithm does not, keeps
# some characters that the algorithm removes or takes for spaces, and knows no [UNK] in a text.
FOLDED_BY_KERASHUB = [
    "ẞ straße", "x²", "½", "…", "…wait", "한", "한국어", "ﬀ", "a\u00a0b",
    "zero\u200bwidth", "soft\u00adhyphen", "nul\x00char",
    "ﬁne ﬂow", "ＦＵＬＬ", "①②③", "Ⅷ", "ŉ", "𝒳𝒴", "𝟙", "👨\u200d👩\u200d👧",
]  # fmt: skip


def by_the_paper(text, vocabulary):
    """Tokens of a text by the algorithm that came with Devlin et al. 2018; without marks that stand in the text."""
    cleaned = ""
    for character in text:
        kind = unicodedata.category(character)
        if character in "\t\n\r" or kind == "Zs":
            cleaned += " "
        elif ord(character) in (0, 0xFFFD) or kind.startswith("C"):
            continue
        elif 0x4E00 <= ord(character) <= 0x9FFF or 0x3400 <= ord(character) <= 0x4DBF:
            cleaned += f" {character} "
        else:
            cleaned += character
    words = []
    for word in cleaned.split():
        plain = [c for c in unicodedata.normalize("NFD", word.lower()) if unicodedata.category(c) != "Mn"]
        parts = [""]
        for character in plain:
            sign = ord(character) < 128 and not character.isalnum()
            if sign or unicodedata.category(character).startswith("P"):
                parts += [character, ""]
            else:
                parts[-1] += character
        words += [part for part in parts if part]
    return [piece for word in words for piece in pieces(word, vocabulary)]


def pieces(word, vocabulary):
    """Cut a word, the longest first piece first; None of more than 100 characters."""
    found, start = [], 0
    while start < len(word) <= 100:
        ends = [end for end in range(start + 1, len(word) + 1) if "##" * bool(start) + word[start:end] in vocabulary]
        if not ends:
            return ["[UNK]"]
        found.append("##" * bool(start) + word[start : ends[-1]])
        start = ends[-1]
    return found or ["[UNK]"]


@pytest.mark.parametrize("text", [*AWKWARD, *FOLDED_BY_KERASHUB])
def test_tokens_are_those_of_the_published_algorithm(real, text):
    _, _, tokenizer = real
    if text in ("[CLS]", "[MASK] here", "a [SEP] b", "[PAD]"):  # marks, which the algorithm does not look for
        expected = text.split()
    else:
        expected = by_the_paper(text, tokenizer.get_vocab())
    encoding = tokenizer.encode(text)
    assert encoding.tokens == ["[CLS]", *expected, "[SEP]"]


def test_tokens_are_those_of_kerashub(real, folder, keras_hub):
    _, _, tokenizer = real
    library = keras_hub.models.BertTokenizer.from_preset(
        str(folder), strip_accents=True, special_tokens_in_strings=True
    )
    assert len(set(AWKWARD)) >= 100
    differing = {}
    for text in AWKWARD:
        ours = tokenizer.encode(text, add_special_tokens=False).ids
        theirs = np.asarray(library(text)).tolist()
        if ours != theirs:
            differing[text] = ours, theirs
    assert differing == {}
