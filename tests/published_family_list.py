"""The families by name; see `published_families` for what they are made of."""

from __future__ import annotations

from published_families import (
    CUTS,
    GEMMA_DECODER,
    GPT2,
    KIMI,
    LATIN,
    LLAMA3,
    O200K,
    PLAIN,
    SIGLIP,
    SPACE_TO_BLOCK,
    WORDS,
    Family,
    bert,
    by_patterns,
    byte_level,
    charsmap,
    kept,
    llama,
    of_bytes,
    pieces,
    roberta,
    runs,
    sequence,
    split,
    trimmed,
)
from tokenizers import AddedToken, Regex, decoders, normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel, Digits, Metaspace, Punctuation, Split

__all__ = ["families"]

SPELLED = ByteLevel(add_prefix_space=False, use_regex=False)
DIGITS = sequence(Digits(individual_digits=True), PLAIN)


def _byte_level() -> dict[str, Family]:
    return {
        "StarCoder": of_bytes(DIGITS, "<fim_prefix>", "<fim_suffix>", "<filename>"),
        "SmolLM": of_bytes(DIGITS, "<|im_start|>", "<|im_end|>", "<repo_name>"),
        "Command R": of_bytes(
            DIGITS, "<BOS_TOKEN>", normalizer=normalizers.NFC(), single="<BOS_TOKEN> $A", pair="$A $B:1"
        ),
        "Falcon": of_bytes(
            sequence(Punctuation("contiguous"), PLAIN, Digits(), split("[0-9][0-9][0-9]")), ">>TITLE<<"
        ),
        "Falcon 3": of_bytes(sequence(Punctuation("contiguous"), Digits(True), PLAIN)),
        "GPT-NeoX": of_bytes(
            PLAIN,
            *runs(" ", 24),
            "<|padding|>",
            normalizer=normalizers.NFC(),
            post_processor=trimmed(add_prefix_space=False, trim_offsets=True),
        ),
        "OLMo": of_bytes(
            PLAIN,
            AddedToken("|||IP_ADDRESS|||", normalized=True, special=False),
            *runs(" ", 24),
            normalizer=normalizers.NFC(),
        ),
        "ModernBERT": of_bytes(
            PLAIN,
            *runs(" ", 24),
            "[CLS]",
            "[SEP]",
            AddedToken("[MASK]", lstrip=True, special=True),
            normalizer=normalizers.NFC(),
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B [SEP]",
        ),
        "CodeGen": of_bytes(
            PLAIN, *runs(" ", 31), *runs("\t", 9), post_processor=trimmed(trim_offsets=False)
        ),
        "Whisper": of_bytes(
            PLAIN,
            "<|startoftranscript|>",
            "<|en|>",
            "<|notimestamps|>",
            *[AddedToken(f"<|{at / 50:.2f}|>", normalized=True, special=False) for at in range(100)],
            single="<|startoftranscript|> <|notimestamps|> $A <|endoftext|>",
            pair="<|startoftranscript|> <|notimestamps|> $A $B <|endoftext|>",
        ),
        "BART with a space": of_bytes(
            ByteLevel(add_prefix_space=True),
            "<s>",
            "</s>",
            AddedToken("<mask>", lstrip=True, special=True),
            post_processor=roberta("</s>", "<s>", add_prefix_space=True, trim_offsets=True),
        ),
        "Claude": of_bytes(PLAIN, "<META>", normalizer=normalizers.NFKC()),
        "BLOOM": of_bytes(
            by_patterns(rf" ?[^(\s|[.,!?{CUTS}])]+"),
            "<s>",
            "</s>",
            post_processor=trimmed(trim_offsets=False),
        ),
        "Viking": of_bytes(by_patterns(rf" ?[^(\s|.,!?{CUTS})]+", r"\p{N}")),
        "Llama 4": of_bytes(
            by_patterns(O200K), "<|begin_of_text|>", "<|eot|>", options={"ignore_merges": True}
        ),
        "gpt-oss": of_bytes(by_patterns(O200K), "<|start|>", "<|message|>", "<|channel|>"),
        "GLM-4": of_bytes(
            by_patterns(LLAMA3), "[gMASK]", "<sop>", "<|user|>", single="[gMASK] <sop> $A", pair="$A $B"
        ),
        "OLMo 2": of_bytes(sequence(split(LLAMA3, "removed", invert=True), SPELLED), *kept("<|extra_id_0|>")),
        "StableLM 2": of_bytes(
            by_patterns(LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")), normalizer=normalizers.NFC()
        ),
        "Kimi K2": of_bytes(by_patterns(KIMI), "[BOS]", "<|im_user|>"),
        "DeepSeek Coder": of_bytes(
            sequence(
                *map(split, [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+"]),
                Digits(True),
                SPELLED,
            ),
            "<｜begin▁of▁sentence｜>",
            "<|User|>",
            single="<｜begin▁of▁sentence｜> $A",
            pair="<｜begin▁of▁sentence｜> $A <｜begin▁of▁sentence｜>:1 $B:1",
        ),
        "DeepSeek V2": of_bytes(
            sequence(
                *map(split, [r"[\r\n]", rf"\s?[{LATIN}]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$"]),
                split("[一-龥ࠀ-一가-퟿]+"),
                Digits(True),
                SPELLED,
            )
        ),
        "Chameleon": of_bytes(
            sequence(
                split("<sentinel:[0-9]+>"),
                split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
                split(r"([\t\n]|    |  )"),
                Digits(True),
                Punctuation(),
                PLAIN,
            )
        ),
        "SuperBPE": of_bytes(by_patterns(r"\p{N}+", r"(?=(\d{3})+(?!\d))")),
        "Bailing": of_bytes(
            by_patterns(
                r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}"
                r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
            )
        ),
        "Seed-Coder": of_bytes(
            by_patterns(
                r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+"
                r"|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
            )
        ),
        "Galactica": of_bytes(
            sequence(Split("SPL1T-TH1S-Pl3A5E", "removed"), Digits(True), Punctuation(), PLAIN),
            *kept("[START_REF]"),
        ),
        "CLIP": Family(
            byte_level,
            normalizer=normalizers.Sequence(
                [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
            ),
            pre_tokenizer=sequence(
                split(
                    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
                    "removed",
                    invert=True,
                ),
                SPELLED,
            ),
            decoder=decoders.ByteLevel(),
            options={"unk_token": "<|endoftext|>", "end_of_word_suffix": "</w>"},
            added=[AddedToken("<|startoftext|>", normalized=True, special=True), "<|endoftext|>"],
            post_processor=roberta(
                "<|endoftext|>", "<|startoftext|>", trim_offsets=False, add_prefix_space=False
            ),
        ),
        "GPT-2 by Split": of_bytes(by_patterns(GPT2 + r"|\s+")),
    }


def _sentence_piece() -> dict[str, Family]:
    newlines = kept(*["\n" * length for length in range(2, 8)], *["▁" * length for length in range(2, 8)])
    gemma = {"single": "<bos> $A", "pair": "<bos> $A <bos>:1 $B:1", "decoder": GEMMA_DECODER}
    prepended = normalizers.Sequence([normalizers.Prepend("▁"), SPACE_TO_BLOCK])
    rstrip = [AddedToken(f"<|{name}|>", rstrip=True, special=True) for name in ("user", "assistant", "end")]
    squeezed = normalizers.Replace(Regex(" {2,}"), " ")
    quotes = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    accents = [normalizers.NFKD(), normalizers.StripAccents()]
    return {
        "Gemma": llama(
            SPACE_TO_BLOCK,
            Split(" ", "merged_with_previous"),
            "<bos>",
            *newlines,
            *kept("<table>", "</h1>"),
            **gemma,
        ),
        "Yi": llama(SPACE_TO_BLOCK, None, "<|im_start|>", single="$A", pair="$A $B:1", decoder=GEMMA_DECODER),
        "Phi-3": llama(prepended, None, *rstrip, single="$A", pair="$A $B:1"),
        "Code Llama": llama(prepended, None, AddedToken("▁<PRE>", special=True, normalized=False)),
        "Mistral v3": llama(
            None, Metaspace("▁", prepend_scheme="first", split=False), "[INST]", "[/INST]", "[TOOL_CALLS]"
        ),
        "ChatGLM 2": llama(
            normalizers.Sequence([normalizers.Replace("<!dummy-prefix!>", "▁"), SPACE_TO_BLOCK]),
            Split("<!dummy-prefix!>", "merged_with_next"),
            "[gMASK]",
            decoder=decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]),
        ),
        "NLLB": llama(
            normalizers.Sequence([charsmap(), squeezed]),
            WORDS,
            "eng_Latn",
            "fra_Latn",
            single="eng_Latn $A </s>",
            pair="eng_Latn $A $B </s>",
            decoder=decoders.Metaspace(),
            options={"byte_fallback": False},
        ),
        "XLM-R": pieces(charsmap()),
        "BGE-M3": pieces(normalizers.Sequence([charsmap(), squeezed]), WORDS),
        "mBART": pieces(
            normalizers.Sequence(
                [charsmap(), normalizers.Strip(False, True), normalizers.Replace(Regex(" {2,}"), "▁")]
            ),
            WORDS,
        ),
        "ALBERT": pieces(
            normalizers.Sequence([*quotes, *accents, normalizers.Lowercase(), charsmap()]),
        ),
        "XLNet": pieces(
            normalizers.Sequence([*quotes, *accents, charsmap()]),
            single="$A </s> <s>:2",
            pair="$A </s> $B:1 </s>:1 <s>:2",
        ),
        "DeBERTa-v3": pieces(normalizers.Sequence([normalizers.Strip(), charsmap(), squeezed]), WORDS),
        "SigLIP": pieces(
            normalizers.Sequence(
                [
                    normalizers.Lowercase(),
                    normalizers.Replace(Regex(SIGLIP), ""),
                    normalizers.Replace(Regex(r"\s+"), " "),
                    normalizers.Strip(),
                    charsmap(),
                ]
            ),
            WORDS,
        ),
        "NFKC and Metaspace": pieces(normalizers.NFKC(), WORDS),
    }


def _words() -> dict[str, Family]:
    # HerBERT has BPE behind BERT's cuts.
    return {
        "HerBERT": Family(
            byte_level,
            normalizer=normalizers.BertNormalizer(lowercase=False, strip_accents=False),
            pre_tokenizer=BertPreTokenizer(),
            decoder=decoders.BPEDecoder("</w>"),
            options={"unk_token": "<unk>", "end_of_word_suffix": "</w>"},
            added=["<s>", "</s>"],
            single="<s> $A </s>",
            pair="<s> $A </s> $B:1 </s>:1",
        ),
        "BERT cased": bert(False),
        "MiniLM": bert(True),
        "Funnel": bert(True, pair="[CLS]:2 $A [SEP] $B:1 [SEP]:1"),
        "BERT with accents": bert(True, strip_accents=False, clean_text=False),
    }


def families() -> dict[str, Family]:
    return _byte_level() | _sentence_piece() | _words()
