"""Cross-entropy without all logits: made, scored and turned into gradients some rows at a time.

With a vocabulary of 50,000 the logits of 8 rows of 1,024 tokens are 1.6 GB of float32, and their gradient as much: more than
everything else that a small model needs. Here a chunk of them is there at a time (Wijmans et al. 2024, "Cut Your Losses", do this
inside one kernel; Hsu et al. 2024, "Liger Kernel", as here).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ferrolm.data.batches import Batch
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["ChunkedNextToken", "chunked_cross_entropy"]

# Logits that are there at a time, by default: 32 MB in float32, and 256 MB on a GPU, which small products leave idle.
_LOGITS, _LOGITS_ON_DEVICE = 1 << 23, 1 << 26


def chunked_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None = None,
    *,
    chunk: int | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
) -> Tensor:
    """Mean negative log-likelihood in nats, float32, of targets under ``hidden @ weight.T + bias``.

    Args:
        hidden: [..., hidden_size], float32, float16 or bfloat16.
        weight: [vocab, hidden_size].
        targets: int64 [...], as the other axes of ``hidden``; those of ``ignore_index`` cost nothing.
        bias: [vocab].
        chunk: rows at a time; by default so many that their logits are 2^23 numbers, 2^26 on a GPU.
        label_smoothing: the share of each target that is spread over the vocabulary (Szegedy et al. 2016).
        softcap: logits become ``softcap * tanh(logits / softcap)`` (Gemma 2).

    The same as ``F.cross_entropy(logits.float().flatten(0, -2), targets.flatten(), ...)``, NaN without a target too. Gradients
    are made in the forward pass, in which the logits are there, and only of first order. Products are in the type of ``hidden``
    and ``weight``, or that of autocast; softmax, loss and the sum of the chunks' gradients in float32. Raises `ShapeError` for
    shapes that do not fit.

    Forward and backward on a CPU, 4,096 rows of 256 to a vocabulary of 50,257 in float32: about 150 MB beside the inputs, of which
    the gradient of the weight is 51, instead of 2,300 MB of the plain call and 1,700 MB of `next_token_loss`, in the same time.

    >>> hidden, weight = torch.ones(2, 3, 4), torch.zeros(8, 4)
    >>> round(chunked_cross_entropy(hidden, weight, torch.full((2, 3), 5)).item(), 4)  # ln 8
    2.0794
    """
    if hidden.shape[:-1] != targets.shape:
        raise ShapeError(f"hidden {list(hidden.shape)} does not fit targets {list(targets.shape)}")
    if weight.shape[1:] != hidden.shape[-1:] or (bias is not None and bias.shape != weight.shape[:1]):
        found = "" if bias is None else f" and bias {list(bias.shape)}"
        raise ShapeError(f"weight {list(weight.shape)}{found} does not fit hidden {list(hidden.shape)}")
    if not 0.0 <= label_smoothing < 1.0:
        raise InvalidArgumentError(f"label_smoothing is {label_smoothing}, expected 0 <= label_smoothing < 1")
    if chunk is not None and chunk < 1:
        raise InvalidArgumentError(f"chunk must be positive, not {chunk}")
    if chunk is None:
        chunk = max(1, (_LOGITS if hidden.device.type == "cpu" else _LOGITS_ON_DEVICE) // len(weight))
    flat, flat_targets = hidden.reshape(-1, hidden.shape[-1]), targets.reshape(-1)
    scored = flat_targets != ignore_index
    if not bool(scored.all()):
        flat, flat_targets = flat[scored], flat_targets[scored]
    loss: Tensor = _ChunkedCrossEntropy.apply(
        flat, weight, bias, flat_targets, (chunk, label_smoothing, softcap)
    )
    return loss


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Rows [n, hidden_size] and targets [n], all of them scored."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        options: tuple[int, float, float | None],
    ) -> Tensor:
        chunk, smoothing, softcap = options
        inputs = (hidden, weight, bias)
        device = hidden.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        x, w, count = hidden.to(kind), weight.to(kind), len(targets)
        ctx.kinds = [None if each is None else each.dtype for each in inputs]
        sums = [
            torch.zeros_like(each, dtype=kind if each is hidden else torch.float32)
            if each is not None and needed
            else None
            for each, needed in zip(inputs, ctx.needs_input_grad, strict=False)
        ]
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        with torch.autocast(device, enabled=False):
            for start in range(0, count, chunk):
                rows = slice(start, start + chunk)
                logits, slope = _logits(x[rows], w, bias, softcap)
                total += _losses(logits, targets[rows], smoothing)
                if any(each is not None for each in sums):
                    gradient = _gradient(logits, targets[rows], smoothing)
                    _accumulate(sums, rows, gradient if slope is None else gradient.mul_(slope), x, w)
        # Divided only with the outer gradient, which in float16 is scaled: before, it would be too small for the type.
        ctx.count = max(count, 1)
        ctx.save_for_backward(*sums)
        return total / count

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        factor = outer[0].float() / ctx.count
        scaled = [
            None if each is None else (each.float() * factor).to(kind)
            for each, kind in zip(ctx.saved_tensors, ctx.kinds, strict=True)
        ]
        return (*scaled, None, None)


def _logits(x: Tensor, w: Tensor, bias: Tensor | None, softcap: float | None) -> tuple[Tensor, Tensor | None]:
    """Logits of some rows, float32, and the slope of the cap at each of them, where there is one."""
    logits = (x @ w.t()).float()
    if bias is not None:
        logits += bias.float()
    if softcap is None:
        return logits, None
    capped = logits.div_(softcap).tanh_()
    return capped * softcap, 1 - capped.square_()


def _losses(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """The sum of the losses of logits [n, vocab], which become logarithms of probabilities."""
    logits -= logits.logsumexp(1, keepdim=True)
    picked = logits.gather(1, targets[:, None]).sum()
    if not smoothing:
        return -picked
    return -(1 - smoothing) * picked - smoothing * logits.mean(1).sum()


def _gradient(logarithms: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Softmax - target, in place: of the sum of the losses by the logits."""
    gradient = logarithms.exp_()
    if smoothing:
        gradient -= smoothing / gradient.shape[1]
    less = torch.full((len(targets), 1), smoothing - 1.0, device=gradient.device)
    return gradient.scatter_add_(1, targets[:, None], less)


def _accumulate(sums: list[Tensor | None], rows: slice, gradient: Tensor, x: Tensor, w: Tensor) -> None:
    """Add what a chunk's gradient [rows, vocab] means for hidden states, weight and bias."""
    of_hidden, of_weight, of_bias = sums
    small = gradient.to(w.dtype)
    if of_hidden is not None:
        torch.matmul(small, w, out=of_hidden[rows])
    if of_weight is not None:
        if w.dtype == torch.float32:
            of_weight.addmm_(small.t(), x[rows])
        else:
            of_weight += small.t() @ x[rows]
    if of_bias is not None:
        of_bias += gradient.sum(0)


class ChunkedNextToken:
    """Causal language modeling as `NextToken` and `ModelLoss` have it, with the logits of `CausalLM` a chunk at a time.

    A batch has ``blocks`` [rows, block_size + 1], or what the model's ``forward`` takes with ``labels`` or ``shift_labels``.
    The value and the gradients are the same; worth it where vocabulary and batch are large, see `chunked_cross_entropy`.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=8, n_embd=4, n_layer=1, n_head=2)).eval()
    >>> batch = {"blocks": torch.tensor([[1, 2, 3, 4]])}
    >>> objective = ChunkedNextToken()
    >>> objective.targets(batch), objective.loss(model, batch).dtype
    (3, torch.float32)
    """

    def __init__(
        self, *, chunk: int | None = None, label_smoothing: float = 0.0, softcap: float | None = None
    ) -> None:
        """See `chunked_cross_entropy`."""
        self._options: dict[str, Any] = {
            "chunk": chunk,
            "label_smoothing": label_smoothing,
            "softcap": softcap,
        }

    def targets(self, batch: Batch) -> int:
        return int((_split(batch)[1] != -100).sum())

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Of a `CausalLM`, alone or inside torch's ``DistributedDataParallel``.

        Raises `InvalidArgumentError` where its head is not a plain `nn.Linear`, whose product can be divided.
        """
        inner = getattr(model, "module", model)
        head = getattr(inner, "lm_head", None)
        if type(head) is not nn.Linear:
            raise InvalidArgumentError(
                f"{type(inner).__name__} has {type(head).__name__} as lm_head, expected a CausalLM with an nn.Linear"
            )
        if isinstance(head.weight, DTensor):
            raise InvalidArgumentError("a chunked loss needs the whole head: set training.parallel to ddp")
        inputs, targets = _split(batch)
        # Through forward, so that a wrapper sees it.
        hidden = model(**inputs, with_head=False).logits
        return chunked_cross_entropy(hidden, head.weight, targets, head.bias, **self._options)


def _split(batch: Batch) -> tuple[Batch, Tensor]:
    """Arguments of the model, and the target of each position."""
    if "blocks" in batch:
        blocks = batch["blocks"]
        return {"input_ids": blocks[:, :-1]}, blocks[:, 1:]
    inputs = {name: tensor for name, tensor in batch.items() if name not in ("labels", "shift_labels")}
    if "shift_labels" in batch:
        return inputs, batch["shift_labels"]
    if "labels" not in batch:
        raise InvalidArgumentError(
            f"a batch has {', '.join(batch)}, expected blocks, labels or shift_labels to learn"
        )
    return inputs, F.pad(batch["labels"][:, 1:], (0, 1), value=-100)
