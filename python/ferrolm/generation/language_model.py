"""`LanguageModel`: a model with its tokenizer, which continues texts, streams them and scores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast, overload

import numpy as np
from torch import Tensor

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.chat_prompt import chat_prompt, template_of
from ferrolm.generation.chat_template import ChatTemplate
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.decoders.causal import CausalDecoder
from ferrolm.generation.drafts.draft import Draft, DraftReport
from ferrolm.generation.output import Generation, Record
from ferrolm.generation.plan import Ids, Plan
from ferrolm.generation.prompts import Prompt, ids_of, is_ids
from ferrolm.generation.resolving import configured, draft_of, ends_of
from ferrolm.generation.running import run, steps_of
from ferrolm.generation.scoring import Score, token_logprobs
from ferrolm.generation.stream import Stream
from ferrolm.generation.tensors import (
    TENSORS,
    as_output,
    generate_tensors,
    ids_and_mask,
    left_padded,
    rows_of_ids,
    unpadded,
    with_lengths,
)
from ferrolm.generation.text_stream import TextStream
from ferrolm.models import CausalLM
from ferrolm.models.config import ModelShape
from ferrolm.sampling import SamplingParams
from ferrolm.tokenizers import Tokenizer

if TYPE_CHECKING:
    from ferrolm.generation.contrastive import DecoderWithStates
    from ferrolm.generation.decoders.causal import Decoder

__all__ = ["Generation", "Ids", "LanguageModel", "Prompt"]


class LanguageModel:
    """A causal language model and its tokenizer.

    ``defaults`` hold what `generate` does unless told otherwise, ``chat_template`` how messages become a prompt
    (`ferrolm.generation.chat_template`); `ferrolm.load_model` takes them from the checkpoint.

    >>> import ferrolm
    >>> model = ferrolm.load_model("ferrolm-tiny")  # doctest: +SKIP
    >>> print(model.generate("Once upon a time", max_new_tokens=20))  # doctest: +SKIP
    """

    chat_template: ChatTemplate | None = None

    # Why the guesses of a draft cannot be verified, of a kind of model that is so.
    _without_drafts: ClassVar[str | None] = None

    def __init__(
        self, model: CausalLM, tokenizer: Tokenizer, defaults: GenerationConfig | None = None
    ) -> None:
        _check_sizes(tokenizer, model.config.vocab_size)
        self.model = model
        self.tokenizer = tokenizer
        self.defaults = defaults or GenerationConfig()

    @overload
    def generate(
        self,
        prompt: str,
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Generation: ...
    @overload
    def generate(
        self,
        prompt: Prompt | Sequence[Prompt],
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Any: ...
    def generate(
        self,
        prompt: Prompt | Sequence[Prompt] | Tensor | None = None,
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Any:
        """Continue a prompt, or several as one batch; a row's result does not depend on the rows beside it.

        prompt: text, token ids, or a list of these; an empty one begins with the beginning-of-text token. params: how
        to draw, instead of the arguments named in it; given, ``do_sample`` follows from its temperature. draft: guesses
        tokens that the model then verifies several at a time, with the same result (see `NgramDraft` and `ModelDraft`); prompts are
        continued one by one then. settings: the fields of `GenerationConfig`, or ``generation_config``, an object of
        ours or of transformers or a dict, which they go before. Generation stops where the context of the model
        (``n_positions``) is full.

        Returns a `Generation` for one prompt and a list for several; with ``num_return_sequences`` above 1, a list
        for each prompt. For a tensor of ids, given as prompt or as ``input_ids`` with ``attention_mask``, the result is
        that of transformers: int64 [batch * num_return_sequences, time], the prompts and what follows, padded on the
        right. With ``return_dict_in_generate`` it is a `GenerateOutput`.

        Raises `InvalidArgumentError` for an unknown argument (proposing the nearest name), for arguments that
        contradict each other, and for a prompt that does not fit the model.
        """
        given = {name: settings.pop(name) for name in TENSORS if settings.get(name) is not None}
        if isinstance(prompt, Tensor) and prompt.dim() == 2:
            given["inputs"], prompt = prompt, None
        config = self._config(params, settings)
        draft = draft_of(draft, config, self._without_drafts)
        if given:
            if prompt is not None:
                raise InvalidArgumentError(
                    f"prompt and {next(iter(given))} are both given, expected one of them"
                )
            return generate_tensors(self, config, draft, given)
        if prompt is None:
            raise InvalidArgumentError("prompt is missing: expected text, token ids, or input_ids")
        single = isinstance(prompt, str) or is_ids(prompt)
        prompts = self._prompts(prompt)
        if not prompts:
            return []
        plan = self._plan(prompts, config)
        results = run(self, plan, draft)
        if config.return_dict_in_generate:
            return as_output(plan, left_padded(plan.prompts, plan.pad), results)
        rows, copies = results.generations, config.num_return_sequences
        if copies == 1:
            return rows[0] if single else rows
        several = [rows[at : at + copies] for at in range(0, len(rows), copies)]
        return several[0] if single else several

    def stream(
        self,
        prompt: Prompt,
        params: SamplingParams | None = None,
        *,
        draft: Draft | None = None,
        **settings: Any,
    ) -> Stream:
        """The text of `generate`, in pieces, as soon as each is certain: whole characters, and no stop string.

        Returns an iterator of pieces that also knows the token ids and, at the end, the reason of the end.
        """
        config = self._config(params, settings)
        for name in ("num_return_sequences", "num_beams"):
            if getattr(config, name) != 1:
                raise InvalidArgumentError(f"{name} is {getattr(config, name)}, a stream has 1")
        if config.return_dict_in_generate:
            raise InvalidArgumentError("return_dict_in_generate is True, but a stream gives pieces of text")
        draft = draft_of(draft, config, self._without_drafts)
        plan = self._plan(self._prompts([prompt]), config)
        active, reasons = np.ones(1, dtype=bool), dict[int, str]()
        record = Record.of(config, 1)
        report = None if draft is None else DraftReport()
        steps = steps_of(
            self, plan, draft, active, reasons, record, reports=None if report is None else [report]
        )
        context = plan.prompts[0].tolist() if plan.sources is None else ()
        text = TextStream(self.tokenizer, context, config.stop_strings)
        return Stream(steps, text, plan.eos, active, reasons, record, report)

    def apply_chat_template(self, messages: Sequence[Mapping[str, Any]], **variables: Any) -> str:
        """The text of a dialogue, by the model's ``chat_template``; arguments are those of `ChatTemplate.render`.

        Raises `InvalidArgumentError` for a model without one.
        """
        return template_of(self.chat_template).render(messages, **variables)

    def chat(self, messages: Sequence[Mapping[str, Any]], **settings: Any) -> Generation:
        """The answer to a dialogue: messages are dictionaries with "role" and "content"; settings those of `generate`.

        tools, documents: for the template. A last message of the assistant is gone on with where
        ``continue_final_message=True`` says so.
        """
        template = template_of(self.chat_template)
        prompt, settings = chat_prompt(template, self.tokenizer, messages, settings)
        return self.generate(prompt, **settings)  # type: ignore[no-any-return]

    def stream_chat(self, messages: Sequence[Mapping[str, Any]], **settings: Any) -> Stream:
        """`chat` in pieces, as `stream`."""
        template = template_of(self.chat_template)
        prompt, settings = chat_prompt(template, self.tokenizer, messages, settings)
        return self.stream(prompt, **settings)

    def score(self, text: Prompt, *, stride: int | None = None) -> Score:
        """Log-probabilities of the tokens of ``text``, which may be longer than the model's context.

        The first token is given the beginning-of-text token (or, where the model has none, is not scored). ``stride``
        is how far each window advances; by default half a context (see `generation.scoring.token_logprobs`).
        """
        ids = self._text_ids(text, add_special_tokens=False)
        start = self._start_id()
        sequence = ids if start is None else np.concatenate([[start], ids])
        return Score(sequence[1:], token_logprobs(self.model, sequence, stride))

    def perplexity(self, texts: str | Sequence[str], *, stride: int | None = None) -> float:
        """Perplexity per token over all ``texts``; `ferrolm.evaluation.perplexity` gives it per word and byte too."""
        scores = [self.score(text, stride=stride) for text in ([texts] if isinstance(texts, str) else texts)]
        count = sum(score.num_tokens for score in scores)
        if not count:
            raise InvalidArgumentError("texts hold no token to predict")
        return float(np.exp(-sum(score.logprob for score in scores) / count))

    def save(self, directory: Path | str) -> None:
        """Write the checkpoint, tokenizer.json included, for `ferrolm.load_model` and transformers."""
        self.model.save_pretrained(directory)
        self.tokenizer.save(str(Path(directory) / "tokenizer.json"))

    def __repr__(self) -> str:
        return f"LanguageModel({self.model.num_parameters():,} parameters, vocabulary {self._shape.vocab_size:,})"

    @property
    def _shape(self) -> ModelShape:
        return self.model.config

    def _config(self, params: SamplingParams | None, settings: dict[str, Any]) -> GenerationConfig:
        return configured(self.defaults, params, settings)

    def _prompts(self, prompt: Any) -> list[Any]:
        """The prompts as ids: of one, or of several."""
        if isinstance(prompt, Tensor):
            return unpadded(rows_of_ids("prompt", prompt, self._shape.vocab_size), None, None, [])
        single = isinstance(prompt, str) or is_ids(prompt)
        several = cast("Sequence[Prompt]", [prompt] if single else prompt)
        return [self._encode(each) for each in several]

    def _plan(self, prompts: list[Any], config: GenerationConfig) -> Plan:
        return Plan.of(config, self._shape, prompts, self._eos(config))

    def _tensor_plan(self, config: GenerationConfig, given: dict[str, Any]) -> tuple[Plan, Tensor]:
        """The plan for tensors, and what the rows of the result begin with."""
        ids, mask = ids_and_mask(given)
        ids = rows_of_ids("input_ids", ids, self._shape.vocab_size)
        eos = self._eos(config)
        pad = config.pad_token_id
        if pad is None:
            pad = getattr(self._shape, "pad_token_id", None)
        prompts = [self._begun(row) for row in unpadded(ids, mask, pad, eos)]
        return self._plan(prompts, with_lengths(config, ids.shape[1])), ids

    def _encode(self, prompt: Prompt) -> Ids:
        return self._begun(self._text_ids(prompt, add_special_tokens=True))

    def _begun(self, ids: Ids) -> Ids:
        """The ids, or what a text begins with where there are none."""
        if len(ids):
            return ids
        start = self._start_id()
        if start is None:
            raise InvalidArgumentError(
                "the prompt is empty, and the model has neither bos_token_id nor eos_token_id to begin with"
            )
        return np.array([start])

    def _text_ids(self, text: Prompt, add_special_tokens: bool) -> Ids:
        return ids_of(text, self.tokenizer, self._shape.vocab_size, add_special_tokens=add_special_tokens)

    def _start_id(self) -> int | None:
        """What comes before a text: the beginning-of-text token, else the token that ends the text before it."""
        config = self._shape
        candidates = (config.bos_token_id, *config.eos_token_ids)
        return next((token for token in candidates if token is not None and token < config.vocab_size), None)

    def _eos(self, config: GenerationConfig) -> list[int]:
        return ends_of(config, self._shape)

    def _decoder(self, plan: Plan, *, in_torch: bool = False) -> Decoder:
        """The state of the model for the rows of a plan; in_torch: through modules that are watched."""
        return CausalDecoder(self.model, plan.prompts, plan.copies, max(plan.limits), in_torch=in_torch)

    def _decoder_with_states(self, plan: Plan) -> DecoderWithStates:
        return CausalDecoder(self.model, plan.prompts, plan.copies, max(plan.limits), keeps_states=True)

    def _stacks(self) -> tuple[Any, Any]:
        """The decoder's layers and the encoder's, whose attentions and states are recorded."""
        return self.model.decoder, None


def _check_sizes(tokenizer: Tokenizer, vocab_size: int) -> None:
    size = tokenizer.get_vocab_size()
    if size > vocab_size:
        raise InvalidArgumentError(f"tokenizer has {size} tokens, but the model's vocab_size is {vocab_size}")
