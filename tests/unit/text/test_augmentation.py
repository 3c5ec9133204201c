"""Augmentations: what each changes and what it leaves, the labels that go along, and the same for the same generator."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared

from ferrolm.data import (
    Augmented,
    LabeledWords,
    QuestionExample,
    TextExample,
    TextPair,
    entity_spans,
    read_conll,
)
from ferrolm.embeddings import KeyedVectors
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, MissingFileError
from ferrolm.text import stop_words
from ferrolm.text.augmentation import (
    BackTranslation,
    Compose,
    EmbeddingReplacement,
    OneOf,
    RandomDeletion,
    RandomInsertion,
    RandomSwap,
    SynonymReplacement,
    TokenDropout,
    TokenMasking,
    WithProbability,
    WordNet,
    eda,
)

THESAURUS = {"good": ["fine", "great"], "film": ["movie", "motion picture"], "the": ["that"]}
AUGMENTATIONS = [
    SynonymReplacement(THESAURUS, 0.5),
    RandomInsertion(THESAURUS, 0.5),
    RandomSwap(0.5),
    RandomDeletion(0.5),
    eda(THESAURUS, 0.5),
    Compose([RandomSwap(0.3), RandomDeletion(0.3), RandomInsertion(THESAURUS, 0.3)]),
]
_WORDS = st.lists(st.sampled_from(["good", "film", "the", "car", "Good!", "x"]), max_size=12)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_synonyms_keep_capitals_and_punctuation() -> None:
    augment = SynonymReplacement({"film": ["movie"]}, 1.0)
    assert augment('"Film," FILM film\'s film?!', rng()) == '"Movie," MOVIE film\'s movie?!'
    assert augment(["(film)", "..."], rng()) == ["(movie)", "..."]


def test_synonyms_of_stop_words_of_several_words_and_of_unknown_words_are_left() -> None:
    augment = SynonymReplacement(THESAURUS, 1.0, skip=stop_words("en"))
    seen = {augment("the film  is good", rng(seed)) for seed in range(50)}
    assert seen == {"the movie is fine", "the movie is great"}
    assert augment("a  car\tis here ", rng()) == "a  car\tis here "  # nothing to change: not even white space


@pytest.mark.parametrize(("rate", "changed"), [(0.0, 0), (0.01, 1), (0.3, 3), (1.0, 10)])
def test_the_rate_is_the_share_of_words(rate: float, changed: int) -> None:
    words = ["good"] * 10
    replaced = SynonymReplacement(THESAURUS, rate)(words, rng())
    assert sum(word != "good" for word in replaced) == changed
    assert len(RandomInsertion(THESAURUS, rate)(words, rng())) == 10 + changed


def test_neighbours_by_vectors() -> None:
    vectors = KeyedVectors(
        ["good", "fine", "bad", "car"], np.array([[1, 0, 0], [0.95, 0.1, 0], [0.8, 0.6, 0], [0, 0, 1.0]])
    )
    augment = EmbeddingReplacement(vectors, 1.0, min_similarity=0.9)
    assert augment("Good, car unknown", rng()) == "Fine, car unknown"
    loose = EmbeddingReplacement(vectors, 1.0, min_similarity=0.5)
    assert {loose("good", rng(seed)) for seed in range(20)} == {"fine", "bad"}
    assert EmbeddingReplacement(vectors, 1.0, skip=["good"])("good", rng()) == "good"
    assert EmbeddingReplacement(vectors, 0.0)("good", rng()) == "good"


def test_swaps_keep_all_words_and_deletions_their_order() -> None:
    words = [str(number) for number in range(20)]
    swapped = RandomSwap(0.2)(words, rng())
    assert Counter(swapped) == Counter(words)
    assert 2 <= sum(one != other for one, other in zip(words, swapped, strict=True)) <= 8
    kept = [RandomDeletion(0.3)(words, rng(seed)) for seed in range(200)]
    assert all(sorted(some, key=int) == some for some in kept)
    assert np.mean([len(some) for some in kept]) == pytest.approx(14, abs=0.6)
    assert all(len(RandomDeletion(1.0)(words, rng(seed))) == 1 for seed in range(5))


@given(_WORDS, st.sampled_from(range(len(AUGMENTATIONS))), st.integers(0, 2**32))
def test_the_same_generator_gives_the_same_and_labels_stay_with_their_words(words, number, seed) -> None:
    augment = AUGMENTATIONS[number]
    text = " ".join(words)
    assert augment(text, rng(seed)) == augment(text, rng(seed))
    # Labels that tell the word: whatever happens to the words, each still has its own, synonyms that of their origin.
    original = {
        "fine": "good",
        "great": "good",
        "Fine!": "Good!",
        "Great!": "Good!",
        "movie": "film",
        "that": "the",
    }
    changed, labels = augment.labeled(words, [f"L{word}" for word in words], rng(seed))
    assert [f"L{original.get(word, word)}" for word in changed] == labels
    assert bool(changed) == bool(words)


@given(
    st.lists(
        st.tuples(st.sampled_from(["good", "film"]), st.sampled_from(["O", "O", "B-A", "I-A", "B-B"])),
        max_size=12,
    ),
    st.sampled_from(range(len(AUGMENTATIONS))),
    st.integers(0, 1000),
)
def test_entities_stay_whole(pairs, number, seed) -> None:
    words, labels = [word for word, _ in pairs], [label for _, label in pairs]
    changed, new_labels = AUGMENTATIONS[number].labeled(words, labels, rng(seed))

    def entities(words, labels):
        return [(span.label, words[span.start : span.end]) for span in entity_spans(labels)]

    assert entities(changed, new_labels) == entities(words, labels)


def test_entities_of_published_sentences_stay_whole() -> None:
    random = rng()
    augment = Compose(
        [SynonymReplacement(THESAURUS), RandomInsertion(THESAURUS), RandomSwap(0.3), RandomDeletion(0.2)]
    )
    changed = 0
    for sentence in read_conll(shared("tasks/ner/wnut17/dev.conll")):
        words, labels = augment.labeled(sentence.words, sentence.labels, random)
        before, after = entity_spans(sentence.labels), entity_spans(labels)
        assert [(s.label, words[s.start : s.end]) for s in after] == [
            (s.label, list(sentence.words[s.start : s.end])) for s in before
        ]
        changed += list(sentence.words) != words
    assert changed > 800  # of 1009 sentences


def test_back_translation_asks_in_batches_and_once() -> None:
    asked: list[list[str]] = []

    def there(texts: list[str]) -> list[str]:
        asked.append(texts)
        return [text.upper() for text in texts]

    augment = BackTranslation(there, lambda texts: [text + "!" for text in texts])
    assert augment.batch(["a", "b", "a"], rng()) == ["A!", "B!", "A!"]
    assert augment.batch(["b", "c"], rng()) == ["B!", "C!"]
    assert asked == [["a", "b"], ["c"]]
    small = BackTranslation(there, cache_size=1)
    asked.clear()
    assert [small(text, rng()) for text in "aab"] == ["A", "A", "B"]
    assert small("a", rng()) == "A"
    assert asked == [["a"], ["b"], ["a"]]
    with pytest.raises(InvalidTypeError, match="cannot have the labels"):
        augment(["a", "b"], rng())
    with pytest.raises(InvalidArgumentError, match="gave 1 texts for 2"):
        BackTranslation(lambda texts: texts[:1]).batch(["a", "b"], rng())


def test_now_and_then_and_one_of_several() -> None:
    shout = BackTranslation(lambda texts: [text.upper() for text in texts])
    texts = [f"t{number}" for number in range(1000)]
    found = WithProbability(shout, 0.25).batch(texts, rng())
    assert 200 < sum(text.isupper() for text in found) < 300
    assert [text.lower() for text in found] == texts
    assert WithProbability(shout, 1.0)("a", rng()) == "A"
    whisper = BackTranslation(lambda texts: [f"({text})" for text in texts])
    assert set(OneOf([shout, whisper, None]).batch(["a"] * 50, rng())) == {"A", "(a)", "a"}
    assert Compose([shout, whisper])("a", rng()) == "(A)"
    swap = WithProbability(RandomSwap(), 0.5)
    outcomes = {tuple(swap.labeled(["a", "b"], ["A", "B"], rng(seed))[1]) for seed in range(20)}
    assert outcomes == {("A", "B"), ("B", "A")}


def test_masks_and_dropout_of_ids() -> None:
    ids = np.tile(np.array([[0, 5, 6, 7, 1]], dtype=np.int32), (2000, 1))
    masked = TokenMasking(9, 0.2, keep=[0, 1])(ids, rng())
    assert (masked.shape, masked.dtype) == (ids.shape, np.int32)
    assert (masked[:, [0, 4]] == ids[:, [0, 4]]).all()
    assert np.mean(masked[:, 1:4] == 9) == pytest.approx(0.2, abs=0.02)
    row = np.arange(100)
    kept = TokenDropout(0.3, keep=range(10))(row, rng())
    assert kept[:10].tolist() == list(range(10))
    assert (np.diff(kept) > 0).all()
    assert 50 < len(kept) < 90
    mask = TokenDropout(0.3).kept(row, rng())
    assert np.array_equal(TokenDropout(0.3)(row, rng()), row[mask])
    assert len(TokenDropout(1.0)(row, rng())) == 1
    assert len(TokenDropout(1.0)(row[:0], rng())) == 0


def test_wrong_arguments() -> None:
    for make in (SynonymReplacement, RandomInsertion):
        with pytest.raises(InvalidArgumentError, match=r"rate is 1.5, expected 0 to 1"):
            make({}, 1.5)
    for wrong in (-0.1, 2):
        with pytest.raises(InvalidArgumentError, match="probability is"):
            WithProbability(RandomSwap(), wrong)
    for weights in ([1], [0, 0], [1, -1]):
        with pytest.raises(InvalidArgumentError, match="weights are"):
            OneOf([RandomSwap(), None], weights)
    with pytest.raises(InvalidArgumentError, match="2 words with 1 labels"):
        RandomSwap().labeled(["a", "b"], ["O"], rng())


def test_examples_are_augmented_within_a_collate() -> None:
    examples = [
        TextExample("good film", "the film", "yes"),
        TextExample("good", label="no"),
        LabeledWords(("good", "Ann"), ("ADJ", "B-PER")),
        TextPair("film", ("Film",)),
        QuestionExample("1", "good?", "good context"),
        "the",
    ]
    collate = Augmented(lambda rows, random: (rows, random.random()), SynonymReplacement(THESAURUS, 1.0))
    rows, drawn = collate(examples, rng(3))
    assert collate(examples, rng(3)) == (rows, drawn)
    first, second, words, pair, question, text = rows
    assert first.text in ("fine movie", "great movie")
    assert (first.text_pair, first.label, second.text_pair) == ("that movie", "yes", None)
    assert (words.words[1], words.labels) == ("Ann", ("ADJ", "B-PER"))
    assert words.words[0] != "good"
    assert pair == TextPair("movie", ("Film",))
    assert (question.question != "good?", question.context) == (True, "good context")
    assert text == "that"
    with pytest.raises(InvalidTypeError, match="cannot augment a int"):
        collate([3], rng())


LEXNAMES = "".join(f"{number:02}\tany.{number}\t1\n" for number in range(45))


@pytest.mark.filterwarnings("ignore:The multilingual functions")
def test_wordnet_gives_the_words_of_a_meaning(tmp_path, monkeypatch) -> None:
    nltk = pytest.importorskip("nltk")
    corpus = pytest.importorskip("nltk.corpus")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    fresh = nltk.corpus.util.LazyCorpusLoader("wordnet", nltk.corpus.reader.WordNetCorpusReader, None)
    monkeypatch.setattr(corpus, "wordnet", fresh)
    with pytest.raises(
        MissingFileError, match="nltk finds no WordNet on this machine; fetch it with: python -m nltk"
    ):
        WordNet()
    folder = tmp_path / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    meanings = {
        "noun": ("n", "04", ["film", "movie", "motion_picture"]),
        "verb": ("v", "29", ["film", "shoot"]),
    }
    for name in ("noun", "verb", "adj", "adv"):
        index = data = ""
        if name in meanings:
            kind, number, words = meanings[name]
            listed = " ".join(f"{word} 0" for word in words)
            frames = " 00" if kind == "v" else ""
            data = f"00000000 {number} {kind} {len(words):02x} {listed} 000{frames} | a meaning  \n"
            index = "".join(f"{word} {kind} 1 0 1 0 00000000  \n" for word in words)
        (folder / f"data.{name}").write_text(data)
        (folder / f"index.{name}").write_text(index)
        (folder / f"{name}.exc").write_text("")
    (folder / "lexnames").write_text(LEXNAMES)
    for name in ("cntlist.rev", "index.sense"):
        (folder / name).write_text("")
    fresh = nltk.corpus.util.LazyCorpusLoader("wordnet", nltk.corpus.reader.WordNetCorpusReader, None)
    monkeypatch.setattr(corpus, "wordnet", fresh)
    thesaurus = WordNet()
    assert thesaurus.get("film") == ["movie", "motion picture", "shoot"]
    assert thesaurus.get("unknown") == []
    assert SynonymReplacement(thesaurus, 1.0)("movie", rng()) == "film"
    for file in (*fresh._data_file_map.values(), fresh._key_count_file, fresh._key_synset_file):
        if file is not None:  # nltk leaves its files open
            file.close()
