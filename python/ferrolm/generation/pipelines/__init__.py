"""Tasks by their names, called and answering as transformers' pipelines.

catalog.py                    `pipeline`, the tasks, and which models serve them
base.py                       `Pipeline`: inputs in any number, batches, results in their order
encoder_pipeline.py, text_encoder.py   tasks of models that read a text as a whole; `TextEncoder`: such a model with its tokenizer
text_classification.py        labels of texts
token_classification.py, entity_groups.py   labels of tokens, entities
question_answering.py, answer_spans.py      answers that are a stretch of a text
fill_mask.py                  words for masks
feature_extraction.py, sentence_similarity.py   states, embeddings and their cosines
zero_shot_classification.py, zero_shot_likelihood.py   labels that are named when asked: by inference, by likelihood
writing.py                    tasks of models that write
text_generation.py            texts and dialogues that are continued
text2text_generation.py       translations, summaries and others
"""

from __future__ import annotations

from ferrolm.generation.pipelines.base import Pipeline
from ferrolm.generation.pipelines.catalog import pipeline
from ferrolm.generation.pipelines.feature_extraction import FeatureExtractionPipeline
from ferrolm.generation.pipelines.fill_mask import FillMaskPipeline
from ferrolm.generation.pipelines.question_answering import QuestionAnsweringPipeline
from ferrolm.generation.pipelines.sentence_similarity import SentenceSimilarityPipeline
from ferrolm.generation.pipelines.tasks import ALIASES, DEFAULT_MODEL, TASKS
from ferrolm.generation.pipelines.text2text_generation import (
    SummarizationPipeline,
    Text2TextGenerationPipeline,
    TranslationPipeline,
)
from ferrolm.generation.pipelines.text_classification import TextClassificationPipeline
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.generation.pipelines.text_generation import TextGenerationPipeline
from ferrolm.generation.pipelines.token_classification import TokenClassificationPipeline
from ferrolm.generation.pipelines.zero_shot_classification import ZeroShotClassificationPipeline
from ferrolm.generation.pipelines.zero_shot_likelihood import LikelihoodClassificationPipeline

__all__ = [
    "ALIASES",
    "DEFAULT_MODEL",
    "TASKS",
    "FeatureExtractionPipeline",
    "FillMaskPipeline",
    "LikelihoodClassificationPipeline",
    "Pipeline",
    "QuestionAnsweringPipeline",
    "SentenceSimilarityPipeline",
    "SummarizationPipeline",
    "Text2TextGenerationPipeline",
    "TextClassificationPipeline",
    "TextEncoder",
    "TextGenerationPipeline",
    "TokenClassificationPipeline",
    "TranslationPipeline",
    "ZeroShotClassificationPipeline",
    "pipeline",
]
