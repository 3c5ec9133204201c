"""Batches for each objective of pre-training, from token files and from text."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ferrolm.data import (
    Batch,
    BatchSource,
    BlockExamples,
    ExampleBatches,
    MaskedLanguageModelingCollator,
    Mixture,
    PackedBatches,
    SentenceDocuments,
    SentencePairCollator,
    SpanCorruptionCollator,
    StreamingBlocks,
    TokenBlocks,
    TokenFile,
    iter_documents,
)
from ferrolm.data.sources import file_errors
from ferrolm.data.token_file import MAGIC
from ferrolm.errors import InvalidArgumentError
from ferrolm.text import split_sentences
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.chunked import ChunkedNextToken
from ferrolm.training.config import RunConfig
from ferrolm.training.evaluation import Evaluation, HeldOutTokens
from ferrolm.training.masked import MaskedTokens
from ferrolm.training.objectives import ModelLoss, NextToken, Objective
from ferrolm.training.precision import autocast

__all__ = ["HeldOutBatches", "PretrainingData", "read_data"]


@dataclass(frozen=True)
class PretrainingData:
    """What a run reads, and how: ``largest_id`` is None where that is not known before, of a stream."""

    train: BatchSource
    objective: Objective
    evaluation: Evaluation | None
    tokenizer: Tokenizer | None
    largest_id: int | None


def read_data(config: RunConfig, rank: int = 0, world_size: int = 1) -> PretrainingData:
    """The data of ``config.data`` for ``config.objective``; process ``rank`` of ``world_size`` gets its rows.

    Raises `InvalidArgumentError` for files that do not fit the objective or each other.
    """
    if bool(config.data.train) == bool(config.data.mixture):
        raise InvalidArgumentError(
            "data.train must name a token file (make one with: ferrolm prepare), or data.mixture several, and not both"
        )
    tokenizer = Tokenizer.from_file(config.data.tokenizer) if config.data.tokenizer else None
    if config.objective.type == "causal":
        return _causal(config, tokenizer, rank, world_size)
    if tokenizer is None:
        raise InvalidArgumentError(f"objective.type {config.objective.type} needs data.tokenizer")
    # Published files pad and cut every text to one length; rows are made here.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if config.data.mixture:
        raise InvalidArgumentError("data.mixture is for objective.type causal; set data.train")
    make = _pairs if config.objective.has_pairs else _blocks
    collate, objective, train = make(config, tokenizer, config.data.train)
    settings = config.training
    batches = ExampleBatches(
        train.examples, collate, settings.batch_size, settings.seed, fingerprint=train.fingerprint, rank=rank,
        world_size=world_size,
    )  # fmt: skip
    evaluation = None
    if config.data.validation:
        held_collate, _, held = make(config, tokenizer, config.data.validation)
        held_batches = ExampleBatches(held.examples, held_collate, settings.batch_size, seed=1, shuffle=False)
        count = min(config.objective.evaluation_batches, -(-len(held.examples) // settings.batch_size))
        evaluation = HeldOutBatches(held_batches, objective, count)
    return PretrainingData(batches, objective, evaluation, tokenizer, _largest_id(tokenizer))


@dataclass(frozen=True)
class _Examples:
    examples: Any
    fingerprint: str


_Made = tuple[Callable[..., Batch], Objective, _Examples]


def _causal(config: RunConfig, tokenizer: Tokenizer | None, rank: int, world_size: int) -> PretrainingData:
    data, settings = config.data, config.training
    objective: Objective = ChunkedNextToken() if config.objective.chunked_loss else NextToken()
    validation = TokenFile(data.validation, verify=True) if data.validation else None
    evaluation = None
    if validation is not None:
        evaluation = HeldOutTokens(
            validation,
            block_size=data.block_size,
            batch_size=settings.batch_size,
            limit=settings.evaluation_tokens,
        )
    if data.train and not _is_token_file(data.train):
        if tokenizer is None or config.objective.packing:
            raise InvalidArgumentError(
                f"{data.train} is no token file: it is tokenized on the way, for which data.tokenizer must be set and "
                "objective.packing must not"
            )
        stream = StreamingBlocks(
            [data.train], tokenizer, data.block_size, settings.batch_size, seed=settings.seed, rank=rank,
            world_size=world_size,
        )  # fmt: skip
        return PretrainingData(stream, objective, evaluation, tokenizer, _largest_id(tokenizer))
    files = [TokenFile(path, verify=True) for path in data.mixture or [data.train]]
    for file in files if validation is None else [*files, validation]:
        if file.tokenizer_hash != files[0].tokenizer_hash:
            raise InvalidArgumentError(f"{file.path} and {files[0].path} were made with different tokenizers")
    if config.objective.packing and not config.objective.chunked_loss:
        objective = ModelLoss("shift_labels")
    sources = [_token_source(config, file, rank, world_size) for file in files]
    source = (
        Mixture(list(zip(sources, data.mixture.values(), strict=True)), settings.seed)
        if data.mixture
        else sources[0]
    )
    largest = max(int(file.tokens.max(initial=0)) for file in files)
    return PretrainingData(source, objective, evaluation, tokenizer, largest)


def _token_source(config: RunConfig, file: TokenFile, rank: int, world_size: int) -> BatchSource:
    data, settings = config.data, config.training
    if config.objective.packing:
        return PackedBatches(
            file.tokens, file.offsets, data.block_size, settings.batch_size, settings.seed, rank=rank,
            world_size=world_size,
        )  # fmt: skip
    return TokenBlocks(
        file, data.block_size, settings.batch_size, settings.seed, rank=rank, world_size=world_size
    )


def _blocks(config: RunConfig, tokenizer: Tokenizer, path: str) -> _Made:
    """Blocks of a token file, with tokens or spans of them hidden."""
    if not _is_token_file(path):
        raise InvalidArgumentError(
            f"{path} is no token file, which objective.type {config.objective.type} reads; make one with: ferrolm prepare"
        )
    file, wanted = TokenFile(path, verify=True), config.objective
    if wanted.type == "span-corruption":
        spans = SpanCorruptionCollator(
            tokenizer, noise_density=wanted.noise_density, mean_span_length=wanted.mean_span_length
        )
        blocks = spans.blocks(file.tokens, config.data.block_size)
        return spans, ModelLoss(), _Examples(blocks, f"{file.tokenizer_hash} {len(file)}")
    if wanted.whole_words:
        raise InvalidArgumentError(
            "objective.whole_words needs text, which a token file no longer has: use masked-next-sentence"
        )
    around = [_id(tokenizer, names) for names in (("[CLS]", "<s>"), ("[SEP]", "</s>"))]
    before, after = ([] if token is None else [token] for token in around)
    length = config.data.block_size - len(before) - len(after)
    collate = MaskedLanguageModelingCollator(
        tokenizer, probability=wanted.mask_probability, token_type_ids=False
    )
    examples = BlockExamples(file.tokens, length, before=before, after=after)
    return collate, MaskedTokens(), _Examples(examples, f"{file.tokenizer_hash} {len(file)}")


def _pairs(config: RunConfig, tokenizer: Tokenizer, path: str) -> _Made:
    """Pairs of segments of texts, with tokens hidden."""
    if _is_token_file(path):
        raise InvalidArgumentError(
            f"{path} is a token file, in which sentences are no longer known: objective.type {config.objective.type} "
            "reads text or JSON lines"
        )
    wanted = config.objective
    sentences = (split_sentences(text) for text in iter_documents([Path(path)]))
    documents = SentenceDocuments.encode(tokenizer, sentences, words=wanted.whole_words)
    collate = SentencePairCollator(
        tokenizer, documents, task="next_sentence" if wanted.type == "masked-next-sentence" else "sentence_order",
        max_length=config.data.block_size, whole_words=wanted.whole_words, probability=wanted.mask_probability,
    )  # fmt: skip
    return collate, MaskedTokens(), _Examples(collate.examples(config.training.seed), documents.fingerprint)


class HeldOutBatches:
    """An `Evaluation`: the loss on the first ``count`` batches of a source, which are the same each time."""

    metric = "validation_loss"
    higher_is_better = False

    def __init__(self, source: BatchSource, objective: Objective, count: int) -> None:
        self._source = source
        self._objective = objective
        self._count = count

    @torch.no_grad()
    def __call__(self, model: nn.Module, precision: str = "float32") -> dict[str, float]:
        device = next(model.parameters()).device
        was_training = model.training
        model.eval()
        total, targets = 0.0, 0
        try:
            for index in range(self._count):
                batch = self._source.batch(index)
                count = self._objective.targets(batch)
                rows = {name: tensor.to(device) for name, tensor in batch.items()}
                with autocast(device, precision):
                    total += float(self._objective.loss(model, rows)) * count
                targets += count
        finally:
            model.train(was_training)
        return {"validation_loss": total / max(1, targets)}


def _is_token_file(path: str) -> bool:
    """Whether a file begins as token files do. Raises `MissingFileError` or `FileAccessError`."""
    with file_errors(Path(path)), Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _largest_id(tokenizer: Tokenizer) -> int:
    """Of the vocabulary, whose ids may have gaps."""
    return max(tokenizer.get_vocab().values())


def _id(tokenizer: Tokenizer, names: tuple[str, ...]) -> int | None:
    found = (tokenizer.token_to_id(name) for name in names)
    return next(itertools.chain((number for number in found if number is not None), [None]))
