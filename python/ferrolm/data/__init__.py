"""Training data: token files, documents, and the order in which a training run sees them."""

from ferrolm.data.batches import Batch, BatchSource, ExampleBatches
from ferrolm.data.documents import choose_held_out, iter_documents
from ferrolm.data.sampler import BlockSampler
from ferrolm.data.token_file import TokenFile, TokenFileWriter, write_token_file

__all__ = [
    "Batch",
    "BatchSource",
    "BlockSampler",
    "ExampleBatches",
    "TokenFile",
    "TokenFileWriter",
    "choose_held_out",
    "iter_documents",
    "write_token_file",
]
