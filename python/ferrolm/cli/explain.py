"""``ferrolm explain``: what a model makes of a text, in the terminal, as a page or as a picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm.errors import FileAccessError, InvalidArgumentError, InvalidEncodingError

if TYPE_CHECKING:
    from ferrolm.explain import Explanation

__all__ = ["configure", "run"]

EXPLANATION = """
methods:
  attention             which tokens look at which, by layer and head: not yet why the model answers what it answers
  rollout               the same multiplied through the layers: from which tokens the last states come
  saliency              how strongly the answer changes with each token (length of the gradient)
  gradient-x-input      its product with the token's embedding: for (positive) or against (negative)
  integrated-gradients  shares that sum to what the answer has more than with a text of nothing
  occlusion             what the answer loses when a token, word or window is covered; needs no gradients
  logit-lens            what a decoder would say next if it ended after each layer
  surprisal             how unexpected each piece is, in bits, and what was likelier; n-gram models too
  passages              the longest spans that the text shares with a corpus (--corpus)

The answer (--target) is a label of a classifier, the token that comes next in a language model, or the one at the mask of a
masked one; by default what the model answers. --foil makes the question: why that, rather than this?

An encoder-decoder reads the text as its source. --written is what its decoder has written so far, and the answer what comes next
(or after its token --position, of which 0 is the start); by default the first token. Tokens of both sides have scores. Its
attention is that of what it writes to the source (--stack: encoder, decoder or cross); without --written, of what it generates.

Without --method, a language model shows attention, integrated-gradients, logit-lens and surprisal, a classifier and an
encoder-decoder attention, integrated-gradients and occlusion, as far as they have them. Without --out, results are printed. A page (.html) takes any
number of methods; it is one file without references, for any browser. A picture (.png, .svg, .pdf) takes one.

examples:
  ferrolm explain ferrolm-tiny --text "Once upon a time, there was a" --out page.html
  ferrolm explain ferrolm-tiny --text "The cat sat on the" --method saliency --target " mat" --foil " hat"
  ferrolm explain runs/sentiment/final --text "a fine film" --method integrated-gradients occlusion --out why.html
  ferrolm explain gpt2-folder --text "To be or not to be" --method attention --layer 3 --head 5 --out head.png
  ferrolm explain t5-folder --text "translate English to German: Thank you." --written "Vielen" --out pair.html
  ferrolm explain model.flm --file page.txt --method surprisal --out page.html
  ferrolm explain ferrolm-tiny --file generated.txt --method passages --corpus train.txt --out passages.html
"""
_OF_LANGUAGE_MODELS = ("attention", "integrated-gradients", "logit-lens", "surprisal")
_OF_ENCODERS = ("attention", "integrated-gradients", "occlusion")  # and of encoder-decoders
_MOST_WRITTEN = 64
"""Tokens that an encoder-decoder writes at most, to show what it looks at meanwhile."""
_NGRAMS = (".flm", ".arpa", ".arpa.gz")


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLANATION
    parser.add_argument(
        "model",
        help="checkpoint folder, GGUF file, bundled model, name on the hub, or an n-gram model (.flm, .arpa)",
    )
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", help="the text to explain")
    text.add_argument("--file", type=Path, help="a file that holds it; - is standard input")
    parser.add_argument("--method", nargs="+", choices=tuple(METHODS), metavar="METHOD", help="see below")
    parser.add_argument("--out", type=Path, metavar="FILE", help=".html, .png, .svg or .pdf")
    what = parser.add_argument_group("what is explained: saliency, integrated-gradients, occlusion")
    what.add_argument("--target", metavar="NAME", help="a label, or a token as text")
    what.add_argument("--foil", metavar="NAME", help="explain the target's lead over this one")
    what.add_argument("--position", type=int, metavar="N", help="of the token, of models of tokens")
    what.add_argument(
        "--output", default="logit", help="logit, logprob or probability of the target (default: logit)"
    )
    what.add_argument("--written", metavar="TEXT", help="of an encoder-decoder, what it has written so far")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--baseline",
        default="mean",
        help="what stands for no token: mean, zero, mask, pad, unknown, or an id (default: mean)",
    )
    how.add_argument(
        "--steps", type=int, default=50, metavar="N", help="of integrated gradients (default: 50)"
    )
    how.add_argument("--level", default="token", help="of occlusion: token, word or window (default: token)")
    how.add_argument("--window", type=int, default=3, metavar="N", help="tokens of a window (default: 3)")
    how.add_argument(
        "--stack", help="attention of an encoder-decoder: encoder, decoder or cross (default: cross)"
    )
    how.add_argument("--layer", type=int, metavar="N", help="of an attention picture; by default all")
    how.add_argument("--head", type=int, metavar="N", help="of an attention picture; by default the mean")
    how.add_argument(
        "--top", type=int, default=10, metavar="K", help="alternatives and passages to show (default: 10)"
    )
    how.add_argument(
        "--corpus", metavar="FILE", help="of passages: a text, or a token file of `ferrolm prepare`"
    )
    how.add_argument(
        "-n", "--length", type=int, default=4, metavar="N", help="words of the shortest passage (default: 4)"
    )
    parser.add_argument("--device", help="torch device; by default CUDA where there is one")
    parser.add_argument("--dtype", help="float32, float16, bfloat16; of language models int8 and int4 too")


def run(arguments: argparse.Namespace) -> int:
    """Explain the text and print, draw or write the results."""
    text = _text(arguments)
    model = _Model(arguments)
    methods = list(dict.fromkeys(arguments.method or _defaults(model)))
    out: Path | None = arguments.out
    if out is not None and out.suffix.lower() not in (".html", ".htm") and len(methods) > 1:
        raise InvalidArgumentError(
            f"--out is {out} for {len(methods)} methods ({', '.join(methods)}): a picture takes one, a page (.html) all"
        )
    explanations = [METHODS[method](model, text, arguments) for method in methods]
    if out is None:
        print("\n\n".join(str(each) for each in explanations))
    elif out.suffix.lower() in (".html", ".htm"):
        from ferrolm.explain import save_report

        title = f"{Path(arguments.model).name}: {' '.join(text.split())[:60]}"
        save_report(explanations, out, title=title)
    else:
        explanations[0].plot(out, **_drawing(methods[0], arguments))
    return 0


class _Model:
    """The model that the command names, read when something asks for it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._loaded: Any = None

    @property
    def is_ngram(self) -> bool:
        return str(self._arguments.model).endswith(_NGRAMS)

    @property
    def loaded(self) -> Any:
        if self._loaded is None:
            self._loaded = _ngrams(self._arguments) if self.is_ngram else _load(self._arguments)
        return self._loaded


def _ngrams(arguments: argparse.Namespace) -> Any:
    from ferrolm.ngram import NgramLM

    return NgramLM.load(arguments.model)


def _load(arguments: argparse.Namespace) -> Any:
    """A `LanguageModel`, or a `TextEncoder` with the head that the checkpoint was saved with."""
    import torch

    from ferrolm.generation import load_model
    from ferrolm.generation.pipelines.text_encoder import TextEncoder
    from ferrolm.models import load, locate
    from ferrolm.models.auto import ARCHITECTURES, SEQ2SEQ_ARCHITECTURES
    from ferrolm.models.catalog import gguf_file
    from ferrolm.models.config import read_config
    from ferrolm.models.pretraining_heads import BertForPreTraining
    from ferrolm.tokenizers import Tokenizer

    folder = locate(arguments.model)
    generates = gguf_file(folder) is not None or (folder / "model.flm").is_file()
    if not generates:
        kind = read_config(folder / "config.json")["model_type"]
        generates = kind in ARCHITECTURES or kind in SEQ2SEQ_ARCHITECTURES
    if generates:
        return load_model(folder, device=arguments.device, dtype=arguments.dtype)
    dtypes = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if arguments.dtype is not None and arguments.dtype not in dtypes:
        raise InvalidArgumentError(
            f"--dtype is {arguments.dtype}, expected one of {', '.join(dtypes)} for an encoder"
        )
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    network = load(folder, dtype=dtypes.get(arguments.dtype), device=device)
    if isinstance(network, BertForPreTraining):  # of its two heads, the one for masked tokens
        network = load(folder, "fill-mask", dtype=dtypes.get(arguments.dtype), device=device)
    return TextEncoder(network, Tokenizer.from_pretrained(str(folder)))


def _defaults(model: _Model) -> tuple[str, ...]:
    """The methods that the model is made for."""
    if model.is_ngram:
        return ("surprisal",)
    from ferrolm.explain.reading import network_of, score_kind
    from ferrolm.models import CausalLM, RecurrentLM
    from ferrolm.models.lstm_encoder import LSTMModel
    from ferrolm.models.seq2seq import Seq2SeqLM

    network = network_of(model.loaded, None)[0]
    if isinstance(network, Seq2SeqLM):
        return _OF_ENCODERS
    if isinstance(network, RecurrentLM):
        return ("integrated-gradients", "surprisal")
    if isinstance(network, LSTMModel):
        return _OF_ENCODERS[1:]
    if isinstance(network, CausalLM):
        return _OF_LANGUAGE_MODELS if network.weight_format is None else ("attention", "occlusion", "logit-lens", "surprisal")  # fmt: skip
    return _OF_ENCODERS if score_kind(network) != "states" else ("attention", "rollout")


def _text(arguments: argparse.Namespace) -> str:
    if arguments.text is not None:
        return str(arguments.text)
    try:
        content = sys.stdin.buffer.read() if str(arguments.file) == "-" else arguments.file.read_bytes()
        return str(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidEncodingError(f"{arguments.file} is not UTF-8: {error}") from None
    except OSError as error:
        raise FileAccessError(f"cannot read {arguments.file}: {error}") from None


def _drawing(method: str, arguments: argparse.Namespace) -> dict[str, Any]:
    if method != "attention":
        return {"layer": arguments.layer} if method == "rollout" else {}
    return {"layer": arguments.layer, "head": arguments.head}


def _target(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("target", "foil", "position", "output", "written")
    return {name: getattr(arguments, name) for name in names}


def _baseline(arguments: argparse.Namespace) -> str | int:
    given: str = arguments.baseline
    return int(given) if given.isdecimal() else given


def _attention(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import attention_maps
    from ferrolm.generation import Seq2SeqLanguageModel

    written = arguments.written
    if written is None and isinstance(model.loaded, Seq2SeqLanguageModel) and arguments.stack != "encoder":
        written = model.loaded.generate(text, max_new_tokens=_MOST_WRITTEN, do_sample=False).text
    return attention_maps(model.loaded, text, written=written, stack=arguments.stack)


def _rollout(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import attention_rollout

    return attention_rollout(model.loaded, text)


def _saliency(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import saliency

    return saliency(model.loaded, text, **_target(arguments))


def _gradient_x_input(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import saliency

    return saliency(model.loaded, text, method="gradient-x-input", **_target(arguments))


def _integrated(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import integrated_gradients

    options = {**_target(arguments), "baseline": _baseline(arguments), "n_steps": arguments.steps}
    return integrated_gradients(model.loaded, text, **options)


def _occlusion(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import occlusion

    options = {**_target(arguments), "baseline": _baseline(arguments)}
    return occlusion(model.loaded, text, level=arguments.level, window=arguments.window, **options)


def _lens(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import logit_lens

    return logit_lens(model.loaded, text, top=arguments.top)


def _surprisal(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import token_surprisals

    return token_surprisals(model.loaded, text, top=arguments.top)


def _passages(model: _Model, text: str, arguments: argparse.Namespace) -> Explanation:
    from ferrolm.explain import nearest_passages
    from ferrolm.explain.corpus import is_token_file

    if arguments.corpus is None:
        raise InvalidArgumentError("--method passages needs --corpus, where they are looked for")
    tokenizer = model.loaded.tokenizer if is_token_file(Path(arguments.corpus)) else None
    return nearest_passages(text, arguments.corpus, arguments.top, tokenizer=tokenizer, n=arguments.length)


METHODS: dict[str, Callable[[_Model, str, argparse.Namespace], Explanation]] = {
    "attention": _attention,
    "rollout": _rollout,
    "saliency": _saliency,
    "gradient-x-input": _gradient_x_input,
    "integrated-gradients": _integrated,
    "occlusion": _occlusion,
    "logit-lens": _lens,
    "surprisal": _surprisal,
    "passages": _passages,
}
