"""From a plan to its results: the way of decoding that it asks for, and what becomes of the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.beams.hypotheses import Hypothesis
from ferrolm.generation.beams.search import beam_search
from ferrolm.generation.choosing import choice_of
from ferrolm.generation.contrastive import contrastive_search
from ferrolm.generation.decoders.causal import Decoder
from ferrolm.generation.decoders.guided import GuidedDecoder
from ferrolm.generation.decoders.observed import ObservedDecoder
from ferrolm.generation.decoders.prefixed import PrefixedDecoder
from ferrolm.generation.decoding import Steps, decode
from ferrolm.generation.drafts.decoding import decode_with_draft
from ferrolm.generation.drafts.draft import Draft, DraftReport
from ferrolm.generation.output import Generation, Record
from ferrolm.generation.plan import Ids, Plan
from ferrolm.generation.stopping import CandidateEnds, streamed, watched
from ferrolm.generation.text_stream import TextStream

if TYPE_CHECKING:
    from ferrolm.generation.language_model import LanguageModel

__all__ = ["Results", "run", "steps_of"]


@dataclass
class Results:
    """Of each prompt as many as are returned, one after the other. told: fields of `GenerateOutput` that were recorded."""

    generations: list[Generation]
    beams: list[Hypothesis] | None = None
    record: Record | None = None
    told: dict[str, Any] = field(default_factory=dict)


def run(model: LanguageModel, plan: Plan, draft: Draft | None, *, with_text: bool = True) -> Results:
    """Generate; without ``with_text``, texts are empty."""
    record = Record.of(plan.config, plan.rows)
    decoder = None if draft is not None else _decoder(model, plan)
    if plan.config.num_beams > 1:
        assert decoder is not None  # `check_draft` has seen to it
        results = _beams(model, plan, decoder, record, with_text)
    else:
        results = _steps(model, plan, draft, decoder, record, with_text)
    if isinstance(decoder, ObservedDecoder):
        results.told = decoder.told()
    return results


def steps_of(
    model: LanguageModel,
    plan: Plan,
    draft: Draft | None,
    active: NDArray[np.bool_],
    reasons: dict[int, str],
    record: Record | None = None,
    decoder: Decoder | None = None,
    reports: Sequence[DraftReport] | None = None,
) -> Steps:
    """The steps of everything but beam search. reasons: why rows ended for another reason than their tokens; reports: of a draft."""
    if draft is not None:
        steps = decode_with_draft(model.model, plan, active, draft, reports)
    elif plan.config.penalty_alpha:
        steps = contrastive_search(model._decoder_with_states(plan), plan, active, record)
    else:
        decoder = decoder or _decoder(model, plan)
        steps = decode(decoder, plan, choice_of(plan), active, record)
        if isinstance(decoder, PrefixedDecoder):
            steps = decoder.storing(steps)
    steps = watched(steps, plan, active, reasons)
    return steps if plan.config.streamer is None else streamed(steps, plan, plan.config.streamer)


def _decoder(model: LanguageModel, plan: Plan) -> Any:
    config = plan.config
    if config.guidance_scale != 1:
        other = _unconditional(model, plan)
        return GuidedDecoder(model._decoder(plan), model._decoder(other), config.guidance_scale)
    if config.return_dict_in_generate and (config.output_attentions or config.output_hidden_states):
        decoder, encoder = model._stacks()
        return ObservedDecoder(model._decoder(plan, in_torch=True), decoder, plan.copies, config, encoder)
    prefixes = config.prefix_cache
    if prefixes is None or config.num_beams > 1 or not prefixes.serves(getattr(model, "model", None)):
        return model._decoder(plan)
    return PrefixedDecoder(model.model, plan.prompts, plan.copies, max(plan.limits), prefixes)


def _unconditional(model: LanguageModel, plan: Plan) -> Plan:
    """The plan after other prompts: the negative ones, or the last token of each as in transformers."""
    given = plan.config.negative_prompt
    if given is None:
        if plan.sources is not None:
            raise InvalidArgumentError(
                "guidance_scale needs a negative_prompt, another source, for an encoder-decoder"
            )
        return replace(plan, prompts=[prompt[-1:] for prompt in plan.prompts])
    prompts = model._prompts(given)
    if len(prompts) == 1:
        prompts = prompts * len(plan.prompts)
    if len(prompts) != len(plan.prompts):
        raise InvalidArgumentError(
            f"negative_prompt has {len(prompts)} texts for {len(plan.prompts)} prompts"
        )
    return replace(plan, prompts=prompts) if plan.sources is None else replace(plan, sources=prompts)


def _beams(
    model: LanguageModel, plan: Plan, decoder: Decoder, record: Record | None, with_text: bool
) -> Results:
    ends = CandidateEnds.of(plan, model.tokenizer)
    found = beam_search(decoder, plan, ends, record)
    best = [each for beams in found for each in beams[: plan.config.num_return_sequences]]
    generations = []
    for place, each in enumerate(best):
        stream = _stream(model, plan, plan.prompts[place // plan.config.num_return_sequences])
        finished = _finished(
            "", each.ids, stream, plan, with_text=with_text or bool(plan.config.stop_strings)
        )
        generations.append(replace(finished, score=each.score))
    return Results(generations, best, record)


def _steps(
    model: LanguageModel,
    plan: Plan,
    draft: Draft | None,
    decoder: Decoder | None,
    record: Record | None,
    with_text: bool,
) -> Results:
    streams = [_stream(model, plan, prompt) for prompt in plan.prompts_of_rows]
    active, reasons = np.ones(plan.rows, dtype=bool), dict[int, str]()
    texts = [""] * plan.rows
    stop, eos = plan.config.stop_strings, plan.eos
    steps = []
    reports = [] if draft is None else [DraftReport() for _ in streams]
    for rows, ids in steps_of(model, plan, draft, active, reasons, record, decoder, reports or None):
        steps.append((rows, ids))
        if not stop:
            continue  # the text is needed at the end alone
        for row, token in zip(rows.tolist(), ids.tolist(), strict=True):
            texts[row] += "" if token in eos else streams[row].push(token)
            active[row] &= not streams[row].stopped
    all_rows, all_ids = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    generations = []
    for row, stream in enumerate(streams):
        own = all_ids[all_rows == row]
        made = _finished(
            texts[row], own, stream, plan, decoded=bool(stop), with_text=with_text, reason=reasons.get(row)
        )
        if record is not None and plan.config.logprobs is not None:
            made = replace(made, logprobs=record.logprobs[row])
        generations.append(replace(made, draft_report=reports[row]) if reports else made)
    return Results(generations, None, record)


def _stream(model: LanguageModel, plan: Plan, prompt: Ids) -> TextStream:
    context: Sequence[int] = prompt.tolist() if plan.sources is None else ()
    return TextStream(model.tokenizer, context, plan.config.stop_strings)


def _finished(
    text: str,
    ids: Ids,
    stream: TextStream,
    plan: Plan,
    *,
    decoded: bool = False,
    with_text: bool = True,
    reason: str | None = None,
) -> Generation:
    ended = bool(len(ids)) and int(ids[-1]) in plan.eos
    if not decoded and with_text:
        text = stream.push(*ids[: len(ids) - ended].tolist())
    if with_text or decoded:
        text += stream.finish()
    told = "stop" if stream.stopped else "eos" if ended else reason or "length"
    return Generation(text, ids, told)
