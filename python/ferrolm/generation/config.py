"""`GenerationConfig`: how to continue a prompt, under transformers' names and meanings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.generation.config_checks import check
from ferrolm.generation.config_names import resolved, tokens_of
from ferrolm.sampling import SamplingParams

if TYPE_CHECKING:
    from ferrolm.generation.prefix_cache import PrefixCache

__all__ = ["GenerationConfig"]

_OF_DRAWING = ("temperature", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "top_h")
_OF_RULES = (
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "sequence_bias",
    "no_repeat_ngram_size",
    "allowed_token_ids",
)
_WITHOUT_EFFECT_ON_GREEDY = (*_OF_DRAWING, "top_k", "min_p", "seed")
_WITHOUT_EFFECT_ON_ONE_BEAM = ("length_penalty", "early_stopping")
_DEFAULT_NEW_TOKENS = 20


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """Settings of `LanguageModel.generate`; names, meanings and defaults are those of transformers' ``generate``.

    `updated`, and `generate` itself, also take vLLM's names: max_tokens, min_tokens, n and stop.

    How much. max_new_tokens: how many tokens to generate at most (20 when nothing is said). max_length: prompt and new
    tokens together; max_new_tokens wins over it. min_new_tokens, min_length: before so many none of the tokens comes that
    end a text. max_time: seconds after which no further token is begun. stop_strings: before which the text ends.
    eos_token_id: one id or several after which it ends, by default the model's; stop_token_ids: more of them.
    ignore_eos: go on all the same. stopping_criteria: functions of (ids int64 [rows, time], None) that say which rows end.
    num_return_sequences: continuations of each prompt; when drawn, each with its own seed (`SamplingParams.split`).

    How. do_sample: draw from the distribution; otherwise the most probable token is taken (greedy). num_beams: beam search
    over so many hypotheses, whose sums of log-probabilities are divided by their length to the power of length_penalty;
    early_stopping True ends with as many complete ones, False when no better one is likely, "never" when none is possible.
    num_beam_groups, diversity_penalty: diverse beam search. force_words_ids, constraints: see
    `ferrolm.generation.beams.constraints`. penalty_alpha: contrastive search among the top_k. guidance_scale, negative_prompt:
    logits led away from those of another prompt (`ferrolm.sampling.guided`); without one, of the prompt's last token.

    What is drawn from. temperature, top_k (0 or None: off), top_p, min_p, top_h, typical_p, epsilon_cutoff, eta_cutoff, and
    for greedy decoding and beams too repetition_penalty, presence_penalty, frequency_penalty, logit_bias, sequence_bias,
    no_repeat_ngram_size, bad_words_ids, suppress_tokens, begin_suppress_tokens, allowed_token_ids: see
    `ferrolm.SamplingParams`. forced_bos_token_id: the first token after a single one, as a decoder's start.
    forced_eos_token_id: the last one. encoder_repetition_penalty, encoder_no_repeat_ngram_size: of the source (the prompt of
    a decoder). exponential_decay_length_penalty, remove_invalid_values, renormalize_logits: as in transformers.
    prefix_allowed_tokens_fn: function of (number of the prompt, ids int64 [time]) that gives the ids that may follow.
    logits_processor: functions of (ids int64 [rows, time], scores [rows, vocab]) that give other scores.
    seed: of the drawing, one for all prompts or a sequence with one for each; without it, seeds come from torch's generator
    (`torch.manual_seed`). params: `ferrolm.SamplingParams` in place of all these, with steps and rules that have none here.

    What is told. logprobs: so many of the best tokens beside each that was taken, in `Generation.logprobs`.
    return_dict_in_generate: a `GenerateOutput`, with what output_scores, output_logits, output_attentions and
    output_hidden_states ask for. streamer: an object with ``put`` and ``end`` that is given the tokens.
    prefix_cache: a `PrefixCache` for the prompts of greedy decoding and of sampling without guidance; others do without.
    pad_token_id, bos_token_id, decoder_start_token_id: by default the model's.

    Drafts. prompt_lookup_num_tokens, max_matching_ngram_size: an `NgramDraft`; assistant_model, num_assistant_tokens: a
    small model that guesses.

    >>> GenerationConfig(max_new_tokens=5).updated(do_sample=True, top_p=0.9, max_tokens=7).max_new_tokens
    7
    """

    max_new_tokens: int | None = None
    max_length: int | None = None
    min_new_tokens: int | None = None
    min_length: int = 0
    max_time: float | None = None
    stop_strings: str | Sequence[str] = ()
    eos_token_id: int | Sequence[int] | None = None
    stop_token_ids: Sequence[int] = ()
    ignore_eos: bool = False
    stopping_criteria: Sequence[Callable[..., Any]] = ()
    num_return_sequences: int = 1

    do_sample: bool = False
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False
    num_beam_groups: int = 1
    diversity_penalty: float = 0.0
    force_words_ids: Sequence[Any] | None = None
    constraints: Sequence[Any] | None = None
    penalty_alpha: float | None = None
    guidance_scale: float = 1.0
    negative_prompt: Any = None

    temperature: float = 1.0
    top_k: int | None = 50
    top_p: float = 1.0
    min_p: float | None = None
    top_h: float | None = None
    typical_p: float = 1.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] | None = None
    sequence_bias: Any = None
    no_repeat_ngram_size: int = 0
    bad_words_ids: Sequence[Sequence[int]] | None = None
    suppress_tokens: Sequence[int] | None = None
    begin_suppress_tokens: Sequence[int] | None = None
    allowed_token_ids: Sequence[int] | None = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | Sequence[int] | None = None
    encoder_repetition_penalty: float = 1.0
    encoder_no_repeat_ngram_size: int = 0
    exponential_decay_length_penalty: tuple[int, float] | None = None
    remove_invalid_values: bool = False
    renormalize_logits: bool = False
    prefix_allowed_tokens_fn: Callable[..., Any] | None = None
    logits_processor: Sequence[Callable[..., Any]] = ()
    seed: int | Sequence[int] | None = None
    params: SamplingParams | None = None

    logprobs: int | None = None
    return_dict_in_generate: bool = False
    output_scores: bool = False
    output_logits: bool = False
    output_attentions: bool = False
    output_hidden_states: bool = False
    streamer: Any = None
    prefix_cache: PrefixCache | None = None
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    decoder_start_token_id: int | None = None

    prompt_lookup_num_tokens: int | None = None
    max_matching_ngram_size: int | None = None
    assistant_model: Any = None
    num_assistant_tokens: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.stop_strings, str):
            object.__setattr__(self, "stop_strings", (self.stop_strings,))
        check(self)
        self.sampling_params()  # raises for what it cannot sample with

    def updated(self, **changes: Any) -> GenerationConfig:
        """The same with other values; an unknown name raises `InvalidArgumentError` that proposes the nearest.

        None takes a setting back to its default.
        """
        return replace(self, **resolved(changes, {field.name: field.default for field in fields(self)}))

    def without_effect(self, given: Mapping[str, Any]) -> list[str]:
        """Those of the ``given`` arguments that the way of decoding ignores."""
        ignored = () if self.do_sample else _WITHOUT_EFFECT_ON_GREEDY
        beams = () if self.num_beams > 1 else _WITHOUT_EFFECT_ON_ONE_BEAM
        outputs = () if self.return_dict_in_generate else ("output_scores", "output_logits")
        drawn_from = {"top_k"} if self.penalty_alpha else set()
        return [name for name in (*ignored, *beams, *outputs) if given.get(name) and name not in drawn_from]

    def with_params(self, params: SamplingParams) -> GenerationConfig:
        """The same, drawing with ``params`` alone; temperature 0 is greedy there."""
        return replace(self, params=params, seed=params.seed, do_sample=not params.is_greedy)

    def changed(self) -> set[str]:
        """Names of the settings that are not at their default."""
        return {field.name for field in fields(self) if getattr(self, field.name) != field.default}

    def sampling_params(
        self,
        seed: int | None = None,
        *,
        prompt_length: int = 0,
        new_tokens: int | None = None,
        eos: Sequence[int] = (),
    ) -> SamplingParams:
        """The parameters of one row: after so many tokens of a prompt, up to so many new ones, which ``eos`` end."""
        if self.params is not None:
            return self.params.replace(seed=seed)
        values = {name: getattr(self, name) for name in _OF_DRAWING}
        values.update(top_k=self.top_k or 0, min_p=self.min_p or 0.0)
        if not self.do_sample:
            values = {"temperature": 0.0}
        values.update({name: getattr(self, name) for name in _OF_RULES})
        if self.sequence_bias is not None and not isinstance(self.sequence_bias, Mapping):
            values["sequence_bias"] = {tuple(ids): bias for ids, bias in self.sequence_bias}
        ends = [[token] for token in eos]  # these are no bad words, as in transformers
        values["bad_words_ids"] = [word for word in self.bad_words_ids or () if list(word) not in ends]
        values["suppress_tokens"] = self.suppress_tokens or ()
        values["begin_suppress_tokens"] = self.begin_suppress_tokens or ()
        least = self.least_new_tokens(prompt_length)
        if least and eos:
            values.update(min_tokens=least, stop_token_ids=tuple(eos))
        if prompt_length == 1:
            values["forced_bos_token_id"] = self.forced_bos_token_id
        if self.forced_eos_token_id is not None and new_tokens is not None:
            last = tokens_of("forced_eos_token_id", self.forced_eos_token_id)
            values.update(forced_eos_token_id=last[0], max_tokens=new_tokens)
        return SamplingParams(**values, seed=seed)

    def least_new_tokens(self, prompt_length: int) -> int:
        """How many tokens come before one that ends the text."""
        return max(self.min_new_tokens or 0, self.min_length - prompt_length, 0)

    def new_tokens(self, prompt_length: int, n_positions: int) -> int:
        """How many tokens to generate after a prompt, in a context of ``n_positions``.

        The last token is not fed to the model again, so that there may be one more than positions. Raises
        `InvalidArgumentError` when the prompt does not fit, or ``max_length`` leaves nothing to generate.
        """
        if prompt_length > n_positions:
            raise InvalidArgumentError(
                f"the prompt has {prompt_length} tokens, at most {n_positions} (n_positions) fit the model"
            )
        wanted = _DEFAULT_NEW_TOKENS
        if self.max_new_tokens is not None:
            wanted = self.max_new_tokens
        elif self.max_length is not None:
            wanted = self.max_length - prompt_length
            if wanted < 1:
                raise InvalidArgumentError(
                    f"max_length is {self.max_length}, but the prompt alone has {prompt_length} tokens"
                )
        elif self.params is not None and self.params.max_tokens is not None:
            wanted = self.params.max_tokens
        return min(wanted, n_positions + 1 - prompt_length)

    @classmethod
    def from_file(cls, path: Path) -> GenerationConfig:
        """The defaults that a checkpoint's generation_config.json sets; what it sets beyond ours is left out."""
        try:
            settings = json.loads(path.read_bytes())
            names = {field.name for field in fields(cls)}
            return cls(
                **{key: value for key, value in settings.items() if key in names and value is not None}
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidFileError(f"{path} does not hold settings of generation: {error}") from None
