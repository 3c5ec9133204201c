"""Everything that the `tokenizers` package offers is here too, under the same names, and answers alike."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from types import ModuleType
from typing import Any

import pytest
import tokenizers as reference

import ferrolm.tokenizers as ours
from ferrolm.errors import InvalidArgumentError, InvalidTypeError

MODULES = ("decoders", "models", "normalizers", "pre_tokenizers", "processors", "trainers", "implementations")

# Of typing, of enum, or modules of their own extension.
FOREIGN = {"Enum", "List", "Tuple", "Union", "Dict", "Optional", "tokenizers"}
# Pickling here goes by __reduce__.
MACHINERY = {"__getnewargs__", "__setstate__", "__dict__", "__delitem__"}


def _public(module: ModuleType) -> set[str]:
    own = module.__name__.rpartition(".")[2]
    return {name for name in dir(module) if not name.startswith("_")} - FOREIGN - {own}


def test_the_package_has_all_names() -> None:
    assert _public(reference) - set(dir(ours)) == set()
    assert ours.__version__ == reference.__version__


@pytest.mark.parametrize("name", MODULES)
def test_modules_have_all_names(name: str) -> None:
    theirs = getattr(reference, name)
    here = getattr(ours, name)
    missing = _public(theirs) - set(dir(here))
    assert {item for item in missing if not isinstance(getattr(theirs, item), ModuleType)} == set()


def _classes() -> list[tuple[str, str]]:
    found = [
        ("", name) for name in ("AddedToken", "Encoding", "NormalizedString", "Regex", "Token", "Tokenizer")
    ]
    for module in MODULES:
        theirs = getattr(reference, module)
        found += [
            (module, name) for name in sorted(_public(theirs)) if isinstance(getattr(theirs, name), type)
        ]
    return found


@pytest.mark.parametrize(("module", "name"), _classes())
def test_classes_have_all_attributes(module: str, name: str) -> None:
    theirs = getattr(getattr(reference, module) if module else reference, name)
    here = getattr(getattr(ours, module) if module else ours, name)
    assert set(dir(theirs)) - set(dir(here)) - MACHINERY == set()


IMPLEMENTATIONS = [name for name in dir(reference.implementations) if name.endswith("Tokenizer")]


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_implementations_take_the_same_arguments(name: str) -> None:
    theirs, here = getattr(reference.implementations, name), getattr(ours.implementations, name)
    for method in ("__init__", "train", "train_from_iterator", "from_file", "enable_padding", "encode_batch"):
        if hasattr(theirs, method):
            expected = inspect.signature(getattr(theirs, method)).parameters
            found = inspect.signature(getattr(here, method)).parameters
            assert list(found) == list(expected), method
            for argument, parameter in expected.items():
                default = found[argument].default
                same = tuple(default) if isinstance(default, list) else default
                wanted = parameter.default
                assert same == (tuple(wanted) if isinstance(wanted, list) else wanted), (method, argument)


def _tokenizers() -> list[Any]:
    made = []
    for package in (reference, ours):
        tokenizer = package.Tokenizer(package.models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
        tokenizer.add_special_tokens(["<s>", package.AddedToken("<m>", lstrip=True)])
        made.append(tokenizer)
    return made


def test_descriptions() -> None:
    theirs, here = _tokenizers()
    assert (repr(here), str(here)) == (repr(theirs), str(theirs))
    for package, tokenizer in ((reference, theirs), (ours, here)):
        tokenizer.enable_truncation(7, stride=1, strategy="only_first", direction="left")
        tokenizer.enable_padding(length=5, pad_token="<m>")
        tokenizer.decoder = package.decoders.WordPiece(cleanup=False)
        tokenizer.post_processor = package.processors.TemplateProcessing(
            "$A <s>", special_tokens=[("<s>", 3)]
        )
    assert (repr(here), str(here)) == (repr(theirs), str(theirs))
    assert here.truncation == theirs.truncation
    assert here.padding == theirs.padding
    assert here.__getstate__() == here.to_str().encode()


def test_special_tokens_become_special() -> None:
    for package in (reference, ours):
        token = package.AddedToken("<x>")
        tokenizer = package.Tokenizer(package.models.BPE())
        assert token.normalized
        tokenizer.add_special_tokens([token])
        assert (token.special, token.normalized) == (True, False)


def test_parts_are_shared() -> None:
    for package in (reference, ours):
        tokenizer = package.Tokenizer(package.models.BPE({"a": 0}, []))
        decoder = package.decoders.WordPiece()
        tokenizer.decoder = decoder
        decoder.prefix = "@"
        assert tokenizer.decoder.prefix == "@"
        other = tokenizer.decoder
        other.cleanup = False
        assert not decoder.cleanup
        tokenizer.decoder = package.decoders.Fuse()
        decoder.prefix = "#"
        assert repr(tokenizer.decoder) == "Fuse()"
        tokenizer.decoder = None
        assert tokenizer.decoder is None


def test_awaitable_calls() -> None:
    (tokenizer,) = _tokenizers()[1:]

    async def run() -> list[Any]:
        return await asyncio.gather(
            tokenizer.async_encode("ab", "a"),
            tokenizer.async_encode_batch(["ab", ("a", "b")]),
            tokenizer.async_encode_batch_fast(["ab"]),
            tokenizer.async_decode_batch([[0, 1], [3]], skip_special_tokens=False),
        )

    one, batch, fast, texts = asyncio.run(run())
    assert one.ids == [2, 0]
    assert [encoding.ids for encoding in batch] == [[2], [0, 1]]
    assert [encoding.ids for encoding in fast] == [[2]]
    assert texts == ["a b", "<s>"]
    with pytest.raises(InvalidTypeError):
        asyncio.run(tokenizer.async_encode_batch(123))


def test_words_warns() -> None:
    encoding = _tokenizers()[1].encode("ab")
    with pytest.warns(DeprecationWarning, match="word_ids"):
        assert encoding.words == encoding.word_ids


def test_encodings_copy() -> None:
    theirs, here = (tokenizer.encode("ab<s>", "b") for tokenizer in _tokenizers())
    restored = pickle.loads(pickle.dumps(here))
    assert (restored.ids, restored.offsets, restored.tokens) == (theirs.ids, theirs.offsets, theirs.tokens)
    merged = ours.Encoding.merge([here, copy.copy(here)], growing_offsets=True)
    assert merged.offsets == reference.Encoding.merge([theirs, theirs], growing_offsets=True).offsets


def test_views_escape_what_they_show() -> None:
    tokenizer = ours.Tokenizer(ours.models.BPE({"<": 0, "a": 1}, []))
    tokenizer.add_special_tokens(["<script>"])
    encoding = tokenizer.encode("a<<script>")
    for page in (encoding._repr_html_(), tokenizer._repr_html_()):
        assert "&lt;script&gt;" in page
        assert "<script>" not in page
    from ferrolm.tokenizers.tools import Annotation, EncodingVisualizer

    show = EncodingVisualizer(tokenizer, default_to_notebook=False)
    page = show("a<<script>", annotations=[Annotation(0, 2, "<b>")])
    assert page is not None
    assert 'data-label="&lt;b&gt;"' in page
    assert "<script>" not in page
    with pytest.raises(InvalidArgumentError, match="annotations"):
        show("a", annotations=[Annotation(0, 2, "x")])
    converted = EncodingVisualizer(tokenizer, False, lambda pair: Annotation(*pair, "x"))
    assert 'data-label="x"' in str(converted("a", [(0, 1)]))
