"""Makes search.json: group, constrained and contrastive search of transformers 4, which version 5 does not have.

    uv venv v4 && uv pip install --python v4/bin/python torch 'transformers==4.49.*'
    v4/bin/python tests/conformance/goldens/make_search_goldens.py

The models are those of tests/seeded_weights.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from seeded_weights import SHAPES, fill

KINDS = {
    "gpt2": (transformers.GPT2Config, transformers.GPT2LMHeadModel),
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "t5": (transformers.T5Config, transformers.T5ForConditionalGeneration),
}
PROMPTS = [[5], [40, 17, 3, 9], [7, 7, 7, 8, 9, 12, 30]]
ENDS = [3, 21, 44, 59]
SETTINGS: list[dict[str, Any]] = [
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.7, "num_return_sequences": 4},
    {"num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 1.5, "num_return_sequences": 2},
    {"num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 0.5, "eos_token_id": ENDS},
    {
        "num_beams": 6,
        "num_beam_groups": 2,
        "diversity_penalty": 0.3,
        "eos_token_id": ENDS,
        "early_stopping": True,
    },
    {
        "num_beams": 4,
        "num_beam_groups": 2,
        "diversity_penalty": 0.3,
        "length_penalty": 2.0,
        "eos_token_id": ENDS,
    },
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.4, "repetition_penalty": 1.3},
    {"num_beams": 3, "force_words_ids": [[5, 6]]},
    {"num_beams": 4, "force_words_ids": [[11], [9, 10]], "num_return_sequences": 3},
    {"num_beams": 4, "force_words_ids": [[[5, 6], [8]]], "eos_token_id": ENDS},
    {
        "num_beams": 5,
        "force_words_ids": [[[5, 6, 7], [8, 9]], [[13]]],
        "eos_token_id": ENDS,
        "length_penalty": 0.5,
    },
    {"num_beams": 2, "force_words_ids": [[30, 31, 32, 33]], "eos_token_id": ENDS, "early_stopping": True},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"penalty_alpha": 0.4, "top_k": 8, "eos_token_id": ENDS},
    {"penalty_alpha": 0.9, "top_k": 3, "repetition_penalty": 1.2},
]


def results(kind: str, model: Any) -> list[dict[str, Any]]:
    found = []
    for settings in SETTINGS:
        for prompt in PROMPTS:
            ids = torch.tensor([prompt])
            output = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                pad_token_id=0,
                max_new_tokens=12,
                return_dict_in_generate=True,
                output_scores=True,
                **settings,
            )
            scores = getattr(output, "sequences_scores", None)
            start = 1 if kind == "t5" else len(prompt)
            found.append(
                {
                    "model": kind,
                    "prompt": prompt,
                    "settings": settings,
                    "new": output.sequences[:, start:].tolist(),
                    "scores": None if scores is None else [round(each, 5) for each in scores.tolist()],
                }
            )
    return found


def main() -> None:
    every = []
    for kind, (config_class, model_class) in KINDS.items():
        model = fill(model_class(config_class(**SHAPES[kind])))
        every += results(kind, model)
    lines = ",\n".join(json.dumps(each) for each in every)
    (HERE / "search.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
