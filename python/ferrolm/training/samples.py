"""Texts that a model in training writes, to see what it has learnt."""

from __future__ import annotations

import torch

from ferrolm.models.causal_lm import CausalLM
from ferrolm.sampling import Sampler, SamplingParams
from ferrolm.tokenizers import Tokenizer

__all__ = ["TextSampler"]


class TextSampler:
    """Continues ``prompt`` by ``tokens`` tokens, drawn at temperature 0.8 from the 50 likeliest; the same for the same weights."""

    def __init__(self, tokenizer: Tokenizer, prompt: str, tokens: int, seed: int = 0) -> None:
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._tokens = tokens
        self._params = SamplingParams(temperature=0.8, top_k=50, seed=seed)

    @torch.no_grad()
    def __call__(self, model: CausalLM) -> str:
        """The prompt and its continuation. The random numbers of training are left as they are."""
        ids: list[int] = self._tokenizer.encode_ids(self._prompt).tolist() if self._prompt else []
        ids = ids or [self._first(model)]
        shown = ids if self._prompt else []
        limit = max(0, min(self._tokens, model.config.n_positions - len(ids)))
        was_training = model.training
        model.eval()
        try:
            sampler, cache = Sampler([self._params]), model.new_cache(len(ids) + limit)
            rest = torch.tensor([ids], device=model.device)
            drawn: list[int] = []
            while len(drawn) < limit:
                logits = model(rest, cache=cache, logits_to_keep=1).logits[:, -1].float()
                token = sampler.sample(logits.cpu().numpy())
                sampler.accept(token)
                drawn.append(int(token[0]))
                rest = torch.tensor([drawn[-1:]], device=model.device)
        finally:
            model.train(was_training)
        return self._tokenizer.decode([*shown, *drawn])

    def _first(self, model: CausalLM) -> int:
        """What a text starts after, when there is no prompt."""
        known = (model.config.bos_token_id, *model.config.eos_token_ids)
        usable = (token for token in known if token is not None and token < model.config.vocab_size)
        return next(usable, 0)
