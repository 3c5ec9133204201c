"""Fine-tuning: labelled files in, a model for a task out.

settings.py              `FinetuningConfig`: the configuration, every setting described
run.py                   `finetune`: from a configuration to a model in the Hugging Face layout
augmentation.py          `data.augmentation`;  starting_embeddings.py: `model.embeddings`
task.py                  `Task`: what each kind of task answers; one file for each kind:
text_classification.py, token_classification.py, question_answering.py, text_to_text.py, text_generation.py,
sentence_similarity.py
"""
