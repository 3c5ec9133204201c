//! Models and counts of n-grams from any bytes: an error, or something that answers and can be saved.

use std::path::{Path, PathBuf};

use ferrolm_base::cancel::NEVER;
use ferrolm_ngram::{Counts, Ends, Model, Text, arpa, flm};
use flate2::Crc;

/// A file of this process with these bytes.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ferrolm-fuzz-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// With the checksum that the content has, so that what comes after is tried out as well.
fn with_checksum(data: &[u8], magic: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    if bytes.starts_with(magic)
        && let Some((body, sum)) = bytes.split_last_chunk_mut::<8>()
    {
        let mut crc = Crc::new();
        crc.update(body);
        *sum = u64::from(crc.sum()).to_le_bytes();
    }
    bytes
}

/// Scores as bits: a damaged model may have some that are not numbers, and these are equal here.
fn answers(model: &Model) -> Vec<u32> {
    let ends = Ends { begin: true, end: true };
    let sentence = "a b c a zzz b";
    let scores = model.full_scores(sentence, ends);
    let numbers: Vec<u32> = (0..8.min(model.vocabulary().size())).collect();
    let state = model.context(&numbers, true);
    let _ = (model.state_words(state), model.next_logprobs(state));
    let batch = model.token_scores(&numbers, &[0, numbers.len() as i64], ends, &NEVER).unwrap();
    let total = model.total(&[sentence], ends, &NEVER).unwrap();
    assert_eq!(total.tokens as usize, scores.len());
    let scores = scores.iter().map(|(score, _)| score.log10).chain(batch);
    scores.map(|score| if score.is_nan() { f32::NAN.to_bits() } else { score.to_bits() }).collect()
}

/// An ARPA file or an `.flm` file.
pub fn model(data: &[u8]) {
    let path = file("model", &with_checksum(data, b"FERROFLM"));
    if let Ok(model) = ferrolm_ngram::load(&path, false, &NEVER) {
        let expected = answers(&model);
        // N-grams that somebody chose to collide cannot be hashed.
        let hashed = model.hashed(&NEVER).ok();
        let others = [model.expand(&NEVER), model.compact(None, &NEVER), model.compact(Some(2), &NEVER)];
        for layout in others.map(Result::unwrap).into_iter().chain(hashed) {
            let saved = file("layout", b"");
            flm::save(&layout, &saved, &NEVER).unwrap();
            assert_eq!(answers(&ferrolm_ngram::load(&saved, true, &NEVER).unwrap()), answers(&layout));
        }
        let again = |save: fn(&Model, &Path, &ferrolm_base::Cancel) -> ferrolm_ngram::Result<()>| {
            let saved = file("saved", b"");
            save(&model, &saved, &NEVER).unwrap();
            ferrolm_ngram::load(&saved, false, &NEVER)
        };
        assert_eq!(answers(&again(flm::save).unwrap()), expected);
        // A binary model may have words that no ARPA file can hold.
        if let Ok(model) = again(arpa::save) {
            let _ = answers(&model);
        }
    }
}

/// A file of counts.
pub fn counts(data: &[u8]) {
    let path = file("counts", &with_checksum(data, b"FERROCNT"));
    if let Ok(counts) = Counts::load(&path, false, &NEVER) {
        for order in &counts.orders {
            let common = order.most_common(3);
            let _: Vec<u64> = common.iter().map(|&place| order.get(order.key(place))).collect();
        }
        let _ = counts.at_least(2).merge(&counts);
        let saved = file("saved-counts", b"");
        counts.save(&saved, &NEVER).unwrap();
        let again = Counts::load(&saved, true, &NEVER).unwrap();
        assert_eq!(again.orders, counts.orders);
    }
}

/// Lines of text: counted and trained on in memory and in files, with the same result.
pub fn text(data: &[u8]) {
    use ferrolm_ngram::Options;
    use ferrolm_ngram::external::{Input, Place, Training, Units};
    use ferrolm_ngram::text::Reserved;

    let Ok(text) = std::str::from_utf8(data) else { return };
    let options = Options { order: 3, prune: vec![0, 0, 1], ..Options::default() };
    let expected = ferrolm_ngram::train::from_text(Text::Lines(text), true, &options, &NEVER);
    let mut training =
        Training::new(Place::Nameless(None), 0, Units::Words(Reserved::Skip), &options).unwrap();
    let half =
        text.as_bytes().iter().take(text.len() / 2).rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    for piece in [&text[..half], &text[half..]] {
        training.push(Input::Text(Text::Lines(piece)), &NEVER).unwrap();
    }
    for stage in 0..training.close(&NEVER).unwrap() {
        training.run(stage, &NEVER).unwrap();
    }
    match (training.finish(&NEVER), expected) {
        (Ok((model, _)), Ok((expected, _))) => {
            assert_eq!(model.counts(), expected.counts());
            assert_eq!(answers(&model), answers(&expected));
        }
        (Err(_), Err(_)) => {}
        (model, expected) => panic!("{:?} {:?}", model.err(), expected.err()),
    }
}
