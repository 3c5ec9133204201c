"""`accelerate`: a fast tokenizer of transformers with our backend inside."""

from __future__ import annotations

import json
import warnings
from typing import Any, TypeVar

import tokenizers as reference

from ferrolm import _rust
from ferrolm.errors import FerrolmError, InvalidTypeError
from ferrolm.tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

__all__ = ["Backend", "accelerate"]

AnyTokenizer = TypeVar("AnyTokenizer")


class Backend(Tokenizer):
    """Our tokenizer where transformers expects one of the `tokenizers` package: parts of that package can be set."""

    # The parts that transformers itself makes and sets are of the other package.

    @property
    def model(self) -> models.Model:
        return super().model

    @model.setter
    def model(self, part: Any) -> None:
        if not isinstance(part, _rust.TokenizerModel):
            document = {"version": "1.0", "model": json.loads(part.__getstate__())}
            part = Tokenizer.from_str(json.dumps(document)).model
        Tokenizer.model.__set__(self, part)  # type: ignore[attr-defined]

    @property
    def normalizer(self) -> normalizers.Normalizer | None:
        return super().normalizer

    @normalizer.setter
    def normalizer(self, part: Any) -> None:
        converted = _converted(part, _rust.Normalizer)
        Tokenizer.normalizer.__set__(self, converted)  # type: ignore[attr-defined]

    @property
    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer | None:
        return super().pre_tokenizer

    @pre_tokenizer.setter
    def pre_tokenizer(self, part: Any) -> None:
        converted = _converted(part, _rust.PreTokenizer)
        Tokenizer.pre_tokenizer.__set__(self, converted)  # type: ignore[attr-defined]

    @property
    def post_processor(self) -> processors.PostProcessor | None:
        return super().post_processor

    @post_processor.setter
    def post_processor(self, part: Any) -> None:
        converted = _converted(part, _rust.PostProcessor)
        Tokenizer.post_processor.__set__(self, converted)  # type: ignore[attr-defined]

    @property
    def decoder(self) -> decoders.Decoder | None:
        return super().decoder

    @decoder.setter
    def decoder(self, part: Any) -> None:
        converted = _converted(part, _rust.TokenDecoder)
        Tokenizer.decoder.__set__(self, converted)  # type: ignore[attr-defined]

    def get_added_tokens_decoder(self) -> dict[int, Any]:
        """The added tokens by id, as the class that transformers looks for."""
        return {
            index: reference.AddedToken(**token.__getstate__())
            for index, token in super().get_added_tokens_decoder().items()
        }


def _converted(part: Any, ours: Any) -> Any:
    return part if part is None or isinstance(part, ours) else ours(part.__getstate__().decode())


def accelerate(tokenizer: AnyTokenizer) -> AnyTokenizer:
    """Replace the backend of a fast tokenizer of transformers by ours; returns the same object.

    Ids, offsets and strings stay what they were. A tokenizer with parts that cannot be converted (written in Python)
    keeps its backend, with one warning; one that has ours already is left as it is.

    Raises `InvalidTypeError` for what is not a fast tokenizer of transformers.

    >>> from transformers import PreTrainedTokenizerFast
    >>> from ferrolm.models import bundled
    >>> path = str(bundled("ferrolm-tiny") / "tokenizer.json")
    >>> tokenizer = accelerate(PreTrainedTokenizerFast(tokenizer_file=path))
    >>> tokenizer("Down, down, down.").input_ids == Backend.from_file(path).encode("Down, down, down.").ids
    True
    """
    backend = getattr(tokenizer, "_tokenizer", None)
    if isinstance(backend, Backend):
        return tokenizer
    if not isinstance(backend, reference.Tokenizer):
        found = type(tokenizer).__name__
        raise InvalidTypeError(f"tokenizer: found {found}, expected a fast tokenizer of transformers")
    try:
        ours = Backend.from_str(backend.to_str())
    except (FerrolmError, Exception) as error:  # the other package raises bare exceptions
        name = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
        warnings.warn(f"the tokenizer of {name} keeps its own backend: {error}", stacklevel=2)
        return tokenizer
    ours.encode_special_tokens = backend.encode_special_tokens
    tokenizer._tokenizer = ours  # type: ignore[attr-defined]
    return tokenizer
