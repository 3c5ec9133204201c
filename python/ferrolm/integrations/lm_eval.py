"""Our models in EleutherAI's lm-evaluation-harness (``pip install lm-eval``).

    import lm_eval
    from ferrolm.integrations.lm_eval import HarnessModel

    lm_eval.simple_evaluate(HarnessModel("my-model"), tasks=["lambada_openai"])

On the command line, once this module is imported, the model is called ``ferrolm``: ``--model ferrolm --model_args
pretrained=my-model,dtype=int8``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError
from ferrolm.generation import LanguageModel, load_model
from ferrolm.generation.scoring import continuation_scores
from ferrolm.models import CausalLM

__all__ = ["HarnessModel"]

_Base: Any = require("lm_eval.api.model", "harness", "an adapter for lm-evaluation-harness").TemplateLM
_registry = require("lm_eval.api.registry", "harness", "an adapter for lm-evaluation-harness")


@_registry.register_model("ferrolm")
class HarnessModel(_Base):  # type: ignore[misc]
    """A causal language model that answers the harness's three questions.

    Args:
        pretrained: a `LanguageModel`, or what `load_model` takes (a folder, a name).
        batch_size: sequences at once. Results do not depend on it.
        device, dtype: for `load_model`.
        max_gen_toks: new tokens where a task does not say.
        add_bos_token: begin every context with the beginning-of-text token.

    Windows, truncation on the left and the choice of the beginning token are those of the harness's own ``hf``
    models. Raises `InvalidArgumentError` for a model that is no causal one.
    """

    def __init__(
        self,
        pretrained: LanguageModel | Path | str,
        batch_size: int | str = 8,
        device: str | None = None,
        dtype: str | None = None,
        max_gen_toks: int = 256,
        add_bos_token: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__()
        unknown.pop("max_batch_size", None)  # the harness's command line gives it to every model
        if unknown:
            raise InvalidArgumentError(f"unknown arguments of the model: {', '.join(sorted(unknown))}")
        model = (
            pretrained
            if isinstance(pretrained, LanguageModel)
            else load_model(pretrained, device=device, dtype=dtype)
        )
        if not isinstance(model, LanguageModel) or not isinstance(model.model, CausalLM):
            raise InvalidArgumentError(
                f"the model is a {type(getattr(model, 'model', model)).__name__}, expected a causal language model"
            )
        self.model, self.max_gen_toks, self.add_bos_token = model, max_gen_toks, add_bos_token
        # "auto" (also "auto:4") asks for what fits: on a CPU a larger batch brings little.
        size = "8" if str(batch_size).startswith("auto") else str(batch_size)
        if not size.isdigit() or size == "0":
            raise InvalidArgumentError(f"batch_size is {batch_size!r}, expected a number from 1 or 'auto'")
        self.batch_size = int(size)

    @property
    def max_length(self) -> int:
        """Positions of the model."""
        return int(self.model.model.config.n_positions)

    @property
    def eot_token_id(self) -> int:
        ids = self.model.model.config.eos_token_ids
        if not ids:
            raise InvalidArgumentError(
                "the model has no end-of-text token (eos_token_id), which the harness needs"
            )
        return int(ids[0])

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text that has nothing before it."""
        begin = self.model.model.config.bos_token_id
        return self.eot_token_id if begin is None else int(begin)

    @property
    def tokenizer_name(self) -> str:
        """Names the caches of prompts in chat form."""
        return f"ferrolm-{type(self.model.model).__name__}-{self.model.tokenizer.get_vocab_size()}"

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The text of a dialogue, by the model's own template."""
        return self.model.apply_chat_template(
            chat_history,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The source of the template, for the record of the run."""
        sources = getattr(self.model.chat_template, "sources", None)
        if not chat_template or not sources:
            return None
        return str(sources.get(chat_template, next(iter(sources.values()))))

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Token ids of a text, which may hold special tokens."""
        ids: list[int] = self.model.tokenizer.encode_list(string, False)
        begin = (
            self.add_bos_token if add_special_tokens is None else add_special_tokens and self.add_bos_token
        )
        return [self.prefix_token_id, *ids] if begin and ids[:1] != [self.prefix_token_id] else ids

    def _loglikelihood_tokens(
        self,
        requests: list[tuple[tuple[str, str], list[int], list[int]]],
        disable_tqdm: bool = False,
        **_: Any,
    ) -> list[tuple[float, bool]]:
        found: dict[int, tuple[float, bool]] = {}
        # Longest first: if memory does not do, that is seen at once.
        order = sorted(
            range(len(requests)), key=lambda place: -len(requests[place][1]) - len(requests[place][2])
        )
        with tqdm(total=len(order), unit="request", disable=disable_tqdm) as bar:
            for first in range(0, len(order), self.batch_size):
                places = order[first : first + self.batch_size]
                contexts, endings = (
                    [np.array(requests[place][part], np.int64) for place in places] for part in (1, 2)
                )
                scores = continuation_scores(self.model.model, contexts, endings)
                for place, score in zip(places, scores, strict=True):
                    found[place] = (score.logprob, score.is_greedy)
                    self.cache_hook.add_partial("loglikelihood", requests[place][0], found[place])
                bar.update(len(places))
        return [found[place] for place in range(len(requests))]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Log-probability of whole texts: windows side by side, the last one with a full context."""
        results = []
        with tqdm(total=len(requests), unit="text", disable=disable_tqdm) as bar:
            for request in requests:
                (text,) = request.args
                score = self.model.score(text, stride=self.max_length).logprob
                self.cache_hook.add_partial("loglikelihood_rolling", request.args, score)
                results.append(score)
                bar.update()
        return results

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Continuations up to a stop string, which is not part of them."""
        found: dict[int, str] = {}
        order = sorted(
            range(len(requests)),
            key=lambda place: (str(requests[place].args[1]), -len(requests[place].args[0])),
        )
        with tqdm(total=len(order), unit="text", disable=disable_tqdm) as bar:
            while order:
                settings = requests[order[0]].args[1]
                alike = [place for place in order[: self.batch_size] if requests[place].args[1] == settings]
                texts = self._continued([requests[place].args[0] for place in alike], dict(settings))
                for place, text in zip(alike, texts, strict=True):
                    found[place] = text
                    self.cache_hook.add_partial("generate_until", requests[place].args, text)
                order = order[len(alike) :]
                bar.update(len(alike))
        return [found[place] for place in range(len(requests))]

    def _continued(self, contexts: Sequence[str], settings: dict[str, Any]) -> list[str]:
        until = settings.pop("until", None) or []
        stop = [until] if isinstance(until, str) else list(until)
        tokens = int(
            settings.pop("max_gen_toks", None) or settings.pop("max_new_tokens", None) or self.max_gen_toks
        )
        room = self.max_length - tokens
        if room < 1:
            raise InvalidArgumentError(f"max_gen_toks is {tokens}, the model has {self.max_length} positions")
        if not settings.get("temperature", 0.0):
            settings.pop("temperature", None)
        settings.setdefault("do_sample", "temperature" in settings)
        prompts = [(self.tok_encode(context) or [self.prefix_token_id])[-room:] for context in contexts]
        rows = self.model.generate(prompts, max_new_tokens=tokens, stop=stop, **settings)
        return [row.text for row in rows]
