//! Any ids: text, bit by bit the same as at once; any text: the normalizers agree with themselves.

use std::sync::LazyLock;

use ferrolm_tokenizer::decoder::DecodeStream;
use ferrolm_tokenizer::normalized::NormalizedString;
use ferrolm_tokenizer::{Tokenizer, file};

use super::families;

static TOKENIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let decoders = [
        r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"#,
        r###"{"type":"WordPiece","prefix":"##","cleanup":true}"###,
        r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#,
        r#"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"#,
        "null",
    ];
    let with = |json: &str, decoder: &str| {
        let json = json.replacen(r#""decoder":null"#, &format!(r#""decoder":{decoder}"#), 1);
        file::from_json(json.as_bytes(), "family").expect("the files are good")
    };
    let files = families::files();
    files.iter().flat_map(|json| decoders.iter().map(|decoder| with(json, decoder))).collect()
});

/// The first byte chooses the tokenizer, the second what is skipped; each of the others is an id.
pub fn decode(data: &[u8]) {
    let [choice, skip, ids @ ..] = data else { return };
    let tokenizer = &TOKENIZERS[usize::from(*choice) % TOKENIZERS.len()];
    let skip = skip & 1 == 1;
    let ids: Vec<u32> =
        ids.iter().map(|&id| if id > 250 { u32::from(id) + 650 } else { id.into() }).collect();
    let Ok(text) = tokenizer.decode(&ids, skip) else { return };
    let bytes = tokenizer.decode_bytes(&ids, skip);
    if let Ok(bytes) = bytes {
        assert!(bytes.len() <= 3 * text.len() + 3 * ids.len(), "bytes of {text:?}");
    }
    let mut stream = DecodeStream::new(Vec::new(), skip);
    let mut pieces = String::new();
    for id in &ids {
        // Decoders that change what came before have no pieces.
        let Ok(piece) = stream.step(tokenizer, &[*id]) else { return };
        pieces.push_str(&piece.unwrap_or_default());
    }
    assert!(pieces.len() <= text.len() + 3 * ids.len(), "{pieces:?} of {text:?}");
}

static NORMALIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let normalizers = [
        r#"{"type":"NFC"}"#,
        r#"{"type":"NFD"}"#,
        r#"{"type":"NFKC"}"#,
        r#"{"type":"NFKD"}"#,
        r#"{"type":"Lowercase"}"#,
        r#"{"type":"Nmt"}"#,
        r#"{"type":"StripAccents"}"#,
        r#"{"type":"ByteLevel"}"#,
        r#"{"type":"Strip","strip_left":true,"strip_right":true}"#,
        r#"{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":true,"lowercase":true}"#,
        r#"{"type":"Replace","pattern":{"Regex":"a|\\s+(?!\\S)|(?<=b)c"},"content":"xy"}"#,
        r#"{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Lowercase"},{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"},{"type":"NFKC"}]}"#,
    ];
    let plain = families::files().pop().expect("there is one");
    let with = |normalizer: &&str| {
        let json = plain.replacen(
            r#""normalizer":{"type":"Lowercase"}"#,
            &format!(r#""normalizer":{normalizer}"#),
            1,
        );
        file::from_json(json.as_bytes(), "family").expect("the files are good")
    };
    normalizers.iter().map(with).collect()
});

/// The first byte chooses the normalizer, the others are the text: the quick way gives the text of the one that keeps
/// track of origins, and these lie in order between characters.
pub fn normalize(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else { return };
    let text = &*String::from_utf8_lossy(text);
    let tokenizer = &NORMALIZERS[usize::from(choice) % NORMALIZERS.len()];
    let normalizer = tokenizer.normalizer().expect("all have one");
    let mut tracked = NormalizedString::new(text);
    let (tracking, plain) = (normalizer.normalize(&mut tracked), normalizer.normalize_plain(text));
    assert_eq!(tracking.is_ok(), plain.is_ok());
    let Ok(plain) = plain else { return };
    assert_eq!(tracked.get(), plain, "of {text:?}");
    let origins = tracked.origins();
    assert_eq!(origins.len(), plain.len());
    for range in origins {
        assert!(text.get(range.clone()).is_some(), "{range:?} of {text:?}");
    }
}
