"""`LanguageModel`: a model with its tokenizer, which continues texts, streams them and scores them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.chat_template import ChatTemplate
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.config_checks import check_draft
from ferrolm.generation.config_names import settings_of
from ferrolm.generation.decoder import CausalDecoder
from ferrolm.generation.decoding import Steps
from ferrolm.generation.drafts import Draft, DraftReport, as_draft
from ferrolm.generation.ngram_draft import NgramDraft
from ferrolm.generation.output import Generation, Record
from ferrolm.generation.plan import Plan
from ferrolm.generation.running import run, steps_of
from ferrolm.generation.scoring import Score, token_logprobs
from ferrolm.generation.speculative import decode_with_draft
from ferrolm.generation.stream import Stream
from ferrolm.generation.tensors import (
    TENSORS,
    as_output,
    generate_tensors,
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
    from ferrolm.generation.decoder import Decoder

__all__ = ["Generation", "LanguageModel", "Prompt"]

Ids = NDArray[np.int64]
Prompt = str | Sequence[int] | NDArray[np.integer[Any]]


class LanguageModel:
    """A causal language model and its tokenizer.

    ``defaults`` hold what `generate` does unless told otherwise, ``chat_template`` how messages become a prompt
    (`ferrolm.generation.chat_template`); `ferrolm.load_model` takes them from the checkpoint.

    >>> import ferrolm
    >>> model = ferrolm.load_model("ferrolm-tiny")  # doctest: +SKIP
    >>> print(model.generate("Once upon a time", max_new_tokens=20))  # doctest: +SKIP
    """

    chat_template: ChatTemplate | None = None

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
        draft = self._draft(draft, config)
        if given:
            if prompt is not None:
                raise InvalidArgumentError(
                    f"prompt and {next(iter(given))} are both given, expected one of them"
                )
            return generate_tensors(self, config, draft, given)
        if prompt is None:
            raise InvalidArgumentError("prompt is missing: expected text, token ids, or input_ids")
        single = isinstance(prompt, str) or _is_ids(prompt)
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
        draft = self._draft(draft, config)
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
        if self.chat_template is None:
            raise InvalidArgumentError(
                "the model has no chat_template: set one, as ChatTemplate.plain(), or continue a text by generate"
            )
        return self.chat_template.render(messages, **variables)

    def chat(self, messages: Sequence[Mapping[str, Any]], **settings: Any) -> Generation:
        """The answer to a dialogue: messages are dictionaries with "role" and "content"; settings those of `generate`.

        tools, documents: for the template. A last message of the assistant is gone on with where
        ``continue_final_message=True`` says so.
        """
        prompt, settings = self._chat_prompt(messages, settings)
        return self.generate(prompt, **settings)  # type: ignore[no-any-return]

    def stream_chat(self, messages: Sequence[Mapping[str, Any]], **settings: Any) -> Stream:
        """`chat` in pieces, as `stream`."""
        prompt, settings = self._chat_prompt(messages, settings)
        return self.stream(prompt, **settings)

    def _chat_prompt(
        self, messages: Sequence[Mapping[str, Any]], settings: dict[str, Any]
    ) -> tuple[Ids, dict[str, Any]]:
        goes_on = settings.pop("continue_final_message", False)
        for_template: dict[str, Any] = {
            name: settings.pop(name) for name in ("tools", "documents") if name in settings
        }
        if goes_on:
            for_template["continue_final_message"] = True
        text = self.apply_chat_template(messages, add_generation_prompt=not goes_on, **for_template)
        template = self.chat_template
        assert template is not None  # `apply_chat_template` has seen to it
        ids = self.tokenizer.encode_ids(text, add_special_tokens=not template.begins_itself).astype(np.int64)
        if template.stop:
            name = "stop" if "stop" in settings else "stop_strings"
            own = settings.get(name) or ()
            settings = settings | {name: (*((own,) if isinstance(own, str) else own), *template.stop)}
        return ids, settings

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
        config = self.defaults
        if (given := settings.get("generation_config")) is not None:
            config = config.updated(**settings_of(given))
        settings = {name: value for name, value in settings.items() if name != "generation_config"}
        config = config.updated(**settings)
        if params is not None:
            clash = [name for name in settings if hasattr(params, name)]
            if clash:
                raise InvalidArgumentError(f"{', '.join(clash)} is given twice: in params and as an argument")
            return config.with_params(params)
        if ignored := config.without_effect(settings):
            way = "beam search" if config.num_beams > 1 else "greedy decoding"
            hint = (
                "num_beams"
                if set(ignored) & {"length_penalty", "early_stopping"}
                else "do_sample=True to draw"
            )
            if set(ignored) <= {"output_scores", "output_logits"}:
                hint = "return_dict_in_generate=True"
            warnings.warn(f"{way} ignores {', '.join(ignored)}; pass {hint}", stacklevel=3)
        return config

    def _draft(self, draft: Draft | None, config: GenerationConfig) -> Draft | None:
        """The draft that the arguments ask for."""
        if draft is not None:
            check_draft(config)
            return as_draft(draft)
        if config.prompt_lookup_num_tokens:
            order = config.max_matching_ngram_size or 2
            return NgramDraft(num_draft_tokens=config.prompt_lookup_num_tokens, prompt_order=order)
        if config.assistant_model is not None:
            return as_draft(config.assistant_model, config.num_assistant_tokens)
        return None

    def _prompts(self, prompt: Any) -> list[Any]:
        """The prompts as ids: of one, or of several."""
        if isinstance(prompt, Tensor):
            return unpadded(rows_of_ids("prompt", prompt, self._shape.vocab_size), None, None, [])
        single = isinstance(prompt, str) or _is_ids(prompt)
        several = cast("Sequence[Prompt]", [prompt] if single else prompt)
        return [self._encode(each) for each in several]

    def _plan(self, prompts: list[Any], config: GenerationConfig) -> Plan:
        return Plan.of(config, self._shape, prompts, self._eos(config))

    def _tensor_plan(self, config: GenerationConfig, given: dict[str, Any]) -> tuple[Plan, Tensor]:
        """The plan for tensors, and what the rows of the result begin with."""
        ids, mask = _ids_and_mask(given)
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
        if isinstance(text, str):
            return self.tokenizer.encode_ids(text, add_special_tokens=add_special_tokens).astype(np.int64)
        if not _is_ids(text):
            raise InvalidTypeError(f"prompt is {type(text).__name__}, expected text or token ids")
        ids = np.asarray(text, dtype=np.int64)
        vocab_size = self._shape.vocab_size
        if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
            raise InvalidArgumentError(
                f"prompt has ids from {ids.min()} to {ids.max()}, expected 0 to {vocab_size - 1}"
            )
        return ids

    def _start_id(self) -> int | None:
        """What comes before a text: the beginning-of-text token, else the token that ends the text before it."""
        config = self._shape
        candidates = (config.bos_token_id, *config.eos_token_ids)
        return next((token for token in candidates if token is not None and token < config.vocab_size), None)

    def _eos(self, config: GenerationConfig) -> list[int]:
        if config.ignore_eos:
            return []
        given = self._shape.eos_token_ids if config.eos_token_id is None else config.eos_token_id
        more = () if config.params is None else config.params.stop_token_ids
        every = [*([given] if isinstance(given, int) else given), *config.stop_token_ids, *more]
        return [token for token in dict.fromkeys(every) if 0 <= token < self._shape.vocab_size]

    def _decoder(self, plan: Plan, *, in_torch: bool = False) -> Decoder:
        """The state of the model for the rows of a plan; in_torch: through modules that are watched."""
        return CausalDecoder(self.model, plan.prompts, plan.copies, max(plan.limits), in_torch=in_torch)

    def _decoder_with_states(self, plan: Plan) -> DecoderWithStates:
        return CausalDecoder(self.model, plan.prompts, plan.copies, max(plan.limits), keeps_states=True)

    def _stacks(self) -> tuple[Any, Any]:
        """The decoder's layers and the encoder's, whose attentions and states are recorded."""
        return self.model.decoder, None

    def _decode_with_draft(
        self,
        plan: Plan,
        active: NDArray[np.bool_],
        draft: Draft,
        reports: Sequence[DraftReport] | None = None,
    ) -> Steps:
        return decode_with_draft(
            self.model, plan.prompts, plan.params, plan.limits, plan.eos, active, draft, reports
        )


def _check_sizes(tokenizer: Tokenizer, vocab_size: int) -> None:
    size = tokenizer.get_vocab_size()
    if size > vocab_size:
        raise InvalidArgumentError(f"tokenizer has {size} tokens, but the model's vocab_size is {vocab_size}")


def _ids_and_mask(given: dict[str, Any]) -> tuple[Any, Any]:
    """The ids and the mask among tensors of a decoder."""
    if "inputs" in given and "input_ids" in given:
        raise InvalidArgumentError("inputs and input_ids are both given, expected one of them")
    for name in ("input_features", "decoder_input_ids"):
        if name in given:
            raise InvalidArgumentError(f"{name} is for an encoder-decoder, and the model is a decoder")
    ids = given.get("input_ids", given.get("inputs"))
    if ids is None:
        raise InvalidArgumentError("attention_mask is given without input_ids")
    return ids, given.get("attention_mask")


def _is_ids(value: Any) -> bool:
    """Whether this is one prompt of ids, not several prompts."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and (value.dtype.kind in "iu" or not value.size)
    return (
        isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(item, int | np.integer) for item in value)
    )
