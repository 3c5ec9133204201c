//! Small tokenizers of every family, as tokenizer.json files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

const NULL: &str = "null";
const BYTE_LEVEL: &str =
    r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#;
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// One file for each way that text takes.
pub fn files() -> Vec<String> {
    let (bytes, pieces) = (byte_level_model(), spaced_model());
    let word_piece = word_piece_model();
    let metaspace = |scheme: &str, split: bool| {
        format!(r#"{{"type":"Metaspace","replacement":"▁","prepend_scheme":"{scheme}","split":{split}}}"#)
    };
    let llama = r#"{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"#;
    let squeeze = r#"{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Strip","strip_left":false,"strip_right":true},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}]}"#;
    let strip = r#"{"type":"Strip","strip_left":true,"strip_right":true}"#;
    let bert = |lowercase: bool| {
        format!(
            r#"{{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":{lowercase}}}"#
        )
    };
    let words = r#"{"type":"Sequence","pretokenizers":[{"type":"Whitespace"},{"type":"Digits","individual_digits":true}]}"#;
    vec![
        document(NULL, BYTE_LEVEL, &bytes),
        document(r#"{"type":"NFC"}"#, BYTE_LEVEL, &bytes),
        document(NULL, &split(CL100K), &bytes),
        document(NULL, &split(O200K), &bytes),
        document(llama, NULL, &pieces),
        document(NULL, &metaspace("first", false), &pieces),
        document(NULL, &metaspace("always", true), &pieces),
        document(strip, &metaspace("first", true), &pieces),
        document(&bert(true), r#"{"type":"BertPreTokenizer"}"#, &word_piece),
        document(&bert(false), r#"{"type":"BertPreTokenizer"}"#, &word_piece),
        document(squeeze, &metaspace("always", true), &unigram_model()),
        document(squeeze, &metaspace("first", true), &unigram_model()),
        document(r#"{"type":"Lowercase"}"#, words, &word_level_model()),
    ]
}

fn split(pattern: &str) -> String {
    let pattern = pattern.replace('\\', "\\\\");
    format!(
        r#"{{"type":"Sequence","pretokenizers":[{{"type":"Split","pattern":{{"Regex":"{pattern}"}},"behavior":"Isolated","invert":false}},{{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}}]}}"#
    )
}

fn document(normalizer: &str, pre_tokenizer: &str, model: &str) -> String {
    let token = |id: u32, content: &str, flags: [bool; 5]| {
        let [single_word, lstrip, rstrip, normalized, special] = flags;
        format!(
            r#"{{"id":{id},"content":"{content}","single_word":{single_word},"lstrip":{lstrip},"rstrip":{rstrip},"normalized":{normalized},"special":{special}}}"#
        )
    };
    let added = [
        token(900, "<s>", [false, false, false, false, true]),
        token(901, "<mask>", [false, true, false, false, true]),
        token(902, "<x>", [false, false, true, false, false]),
    ];
    format!(
        r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{}],"normalizer":{normalizer},"pre_tokenizer":{pre_tokenizer},"post_processor":null,"decoder":null,"model":{model}}}"#,
        added.join(",")
    )
}

/// Tokens with ids in order, as JSON.
fn vocabulary(tokens: impl IntoIterator<Item = String>) -> String {
    let mut ids = BTreeMap::new();
    for token in tokens {
        let next = ids.len();
        ids.entry(token).or_insert(next);
    }
    let mut json = String::from("{");
    for (token, id) in ids {
        let comma = if json.len() > 1 { "," } else { "" };
        let token = token.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(json, "{comma}\"{token}\":{id}");
    }
    json + "}"
}

fn bpe(letters: impl Iterator<Item = String>, merges: &[(&str, &str)], options: &str) -> String {
    let merged = merges.iter().map(|(left, right)| [*left, *right].concat());
    let pairs: Vec<_> = merges.iter().map(|(left, right)| format!("[\"{left}\",\"{right}\"]")).collect();
    format!(
        r#"{{"type":"BPE","dropout":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"ignore_merges":false,{options},"vocab":{},"merges":[{}]}}"#,
        vocabulary(letters.chain(merged)),
        pairs.join(",")
    )
}

fn byte_level_model() -> String {
    let printable = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let others = (0..256u32).filter(|byte| !printable(byte)).zip(256..).map(|(_, code)| code);
    let letters = (0..256).filter(printable).chain(others).filter_map(char::from_u32).map(String::from);
    let merges = "Ġ a; a b; Ġ t; h e; Ġt he; Ġ Ġ; ĠĠ ĠĠ; Ã ©; ab ab; ' s; 1 2; Ċ Ċ; l l; ' ll; æ ¼; æ¼ ¢; Ġa b; aa a; a a; aa aa";
    bpe(letters, &sound(merges), r#""unk_token":null,"fuse_unk":false,"byte_fallback":false"#)
}

/// Of merges as text those whose parts exist when they come.
fn sound(merges: &str) -> Vec<(&str, &str)> {
    let mut known: Vec<String> = Vec::new();
    let mut sound = Vec::new();
    for (left, right) in merges.split("; ").filter_map(|merge| merge.split_once(' ')) {
        let exists = |part: &str| part.chars().count() == 1 || known.iter().any(|token| token == part);
        if exists(left) && exists(right) {
            known.push([left, right].concat());
            sound.push((left, right));
        }
    }
    sound
}

fn spaced_model() -> String {
    let letters = "▁abcdethls'12.é漢".chars().map(String::from);
    let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
    let merges = "▁ a; a b; ▁ t; h e; ▁t he; ▁ ▁; ▁▁ ▁▁; b ▁; ab ab; l l; ' ll; a a; aa aa; ▁ the; 1 2";
    let unk = std::iter::once("<unk>".to_owned());
    let options = r#""unk_token":"<unk>","fuse_unk":true,"byte_fallback":true"#;
    bpe(unk.chain(bytes).chain(letters), &sound(merges), options)
}

fn word_piece_model() -> String {
    let words =
        "[UNK] a b c d e t h the ##a ##b ##he ##the ab ##ab ' . , ! 1 ##1 é 漢 字 s ##s ll A B ##é < > x";
    format!(
        r###"{{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":20,"vocab":{}}}"###,
        vocabulary(words.split(' ').map(str::to_owned))
    )
}

fn word_level_model() -> String {
    let words = "<unk> a b the ab ' . , 1 2 é 漢 s ll < > x ''";
    format!(
        r#"{{"type":"WordLevel","unk_token":"<unk>","vocab":{}}}"#,
        vocabulary(words.split(' ').map(str::to_owned))
    )
}

fn unigram_model() -> String {
    let pieces = "<unk> ▁ a b ▁a ▁the the ab abab ▁ab é 漢 1 12 ' 's ▁▁ s t h e";
    let scored = pieces.split(' ').enumerate().map(|(at, piece)| format!("[\"{piece}\",-{}.5]", at % 7));
    format!(
        r#"{{"type":"Unigram","unk_id":0,"byte_fallback":false,"vocab":[{}]}}"#,
        scored.collect::<Vec<_>>().join(",")
    )
}
