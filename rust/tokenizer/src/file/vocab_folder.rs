//! The older files of transformers: `vocab.txt` of BERT, `vocab.json` with `merges.txt` of GPT-2 and RoBERTa, and the
//! settings that may lie beside them in `tokenizer_config.json` and `special_tokens_map.json`.

use std::path::Path;

use ferrolm_base::read;
use serde_json::{Map, Value, json};

use super::{MAX_FILE_BYTES, from_json, path, patterns, read_merges, read_vocab, read_vocab_txt};
use crate::error::{Result, TokenizerError};
use crate::tokenizer::Tokenizer;

/// What lies beside a vocabulary.
struct Settings {
    config: Map<String, Value>,
    special: Map<String, Value>,
}

impl Settings {
    fn beside(file: &Path) -> Result<Self> {
        let read = |name: &str| {
            let file = file.with_file_name(name);
            if !file.is_file() {
                return Ok(Map::new());
            }
            let name = |error: TokenizerError| error.named(&file.display().to_string());
            let bytes = read::bytes(&file, MAX_FILE_BYTES)?;
            match serde_json::from_slice(&bytes).map_err(|error| name(path::syntax(&error)))? {
                Value::Object(object) => Ok(object),
                _ => Err(name(TokenizerError::at("the file", "is not an object"))),
            }
        };
        Ok(Self { config: read("tokenizer_config.json")?, special: read("special_tokens_map.json")? })
    }

    fn boolean(&self, name: &str, default: bool) -> bool {
        self.config.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A special token, as text or with the settings of an added token.
    fn token(&self, name: &str, default: &str) -> Value {
        let found = [&self.config, &self.special].into_iter().find_map(|settings| {
            let value = settings.get(name)?;
            value
                .as_str()
                .map(|content| json!({"content": content}))
                .or_else(|| value.is_object().then(|| value.clone()))
        });
        let found = found.unwrap_or_else(|| json!({"content": default}));
        let flag = |name: &str| found.get(name).and_then(Value::as_bool).unwrap_or(false);
        json!({
            "id": 0, "content": found["content"], "single_word": flag("single_word"), "lstrip": flag("lstrip"),
            "rstrip": flag("rstrip"), "normalized": false, "special": true,
        })
    }
}

/// Ids are handed out anew when added tokens are read; those that are written have to be right all the same.
fn added_tokens(tokens: &[Value], vocab: &[(String, u32)]) -> Vec<Value> {
    let mut added: Vec<Value> = Vec::new();
    for token in tokens {
        if added.iter().all(|known| known["content"] != token["content"]) {
            added.push(token.clone());
        }
    }
    let mut next = vocab.len() as u32;
    for token in &mut added {
        let known = vocab.iter().find(|(text, _)| token["content"] == text.as_str());
        token["id"] = json!(known.map_or(next, |(_, id)| *id));
        next += u32::from(known.is_none());
    }
    added
}

fn id_of(added: &[Value], token: &Value) -> Value {
    let found = added.iter().find(|known| known["content"] == token["content"]);
    found.map_or(Value::Null, |found| found["id"].clone())
}

/// The tokenizer of a `vocab.txt`, as transformers' BERT tokenizer makes it.
pub fn from_vocab_txt(file: &Path) -> Result<Tokenizer> {
    let vocab = read_vocab_txt(file)?;
    let settings = Settings::beside(file)?;
    let [unk, sep, pad, cls, mask] = [
        ("unk_token", "[UNK]"),
        ("sep_token", "[SEP]"),
        ("pad_token", "[PAD]"),
        ("cls_token", "[CLS]"),
        ("mask_token", "[MASK]"),
    ]
    .map(|(name, default)| settings.token(name, default));
    let added = added_tokens(&[unk.clone(), sep.clone(), pad, cls.clone(), mask], &vocab);
    let special = |token: &Value| {
        let content = &token["content"];
        json!({"id": content, "ids": [id_of(&added, token)], "tokens": [content]})
    };
    let piece = |token: &Value, kind: u32| json!({"SpecialToken": {"id": token["content"], "type_id": kind}});
    let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
    let single = [piece(&cls, 0), sequence("A", 0), piece(&sep, 0)];
    let pair = [&single[..], &[sequence("B", 1), piece(&sep, 1)]].concat();
    let mut special_tokens = Map::new();
    for token in [&cls, &sep] {
        special_tokens.insert(token["content"].as_str().unwrap_or_default().to_owned(), special(token));
    }
    let vocab: Map<String, Value> = vocab.into_iter().map(|(token, id)| (token, json!(id))).collect();
    let document = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": settings.boolean("tokenize_chinese_chars", true),
            "strip_accents": settings.config.get("strip_accents").filter(|value| value.is_boolean()),
            "lowercase": settings.boolean("do_lower_case", true),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special_tokens,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece", "unk_token": unk["content"], "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab,
        },
    });
    from_json(document.to_string().as_bytes(), &file.display().to_string())
}

/// The tokenizer of a `vocab.json` and a `merges.txt`: RoBERTa's, with `<s>` and `</s>` around a text, if the vocabulary
/// has these, else GPT-2's, whose only special token is `<|endoftext|>`, if it is there.
pub fn from_vocab_and_merges(vocab: &Path, merges: &Path) -> Result<Tokenizer> {
    let settings = Settings::beside(vocab)?;
    let (name, merges) = (vocab.display().to_string(), read_merges(merges)?);
    let vocab = read_vocab(vocab)?;
    let has = |token: &Value| vocab.iter().any(|(known, _)| token["content"] == known.as_str());
    let tokens = [
        ("bos_token", "<s>"),
        ("eos_token", "</s>"),
        ("unk_token", "<unk>"),
        ("sep_token", "</s>"),
        ("pad_token", "<pad>"),
        ("cls_token", "<s>"),
        ("mask_token", "<mask>"),
    ]
    .map(|(name, default)| settings.token(name, default));
    let is_roberta = has(&json!({"content": "<s>"})) && has(&json!({"content": "</s>"}));
    let added = if is_roberta {
        added_tokens(&tokens, &vocab)
    } else {
        let known = ["bos_token", "eos_token", "unk_token", "pad_token"]
            .map(|name| settings.token(name, "<|endoftext|>"));
        added_tokens(&known.into_iter().filter(has).collect::<Vec<_>>(), &vocab)
    };
    let prefix = settings.boolean("add_prefix_space", false);
    let mut byte_level = patterns::byte_level(true);
    byte_level["add_prefix_space"] = json!(prefix);
    let post_processor = if is_roberta {
        let [_, _, _, sep, _, cls, _] = &tokens;
        json!({
            "type": "RobertaProcessing", "sep": [sep["content"], id_of(&added, sep)],
            "cls": [cls["content"], id_of(&added, cls)],
            "trim_offsets": settings.boolean("trim_offsets", true), "add_prefix_space": prefix,
        })
    } else {
        json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true})
    };
    let vocab: Map<String, Value> = vocab.into_iter().map(|(token, id)| (token, json!(id))).collect();
    let document = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": post_processor,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": merges,
        },
    });
    from_json(document.to_string().as_bytes(), &name)
}
