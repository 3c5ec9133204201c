//! Any parameters and any logits: an error, or a token of the vocabulary that the distribution has.

use ferrolm_base::cancel::NEVER;
use ferrolm_sampling::{
    Draw, Dry, History, LogProbs, LogitBias, Logits, Mirostat, MirostatVersion, Params, RowInput, Rules,
    Seeding, Step, Values, Watermark, filtered_probabilities, sample, top_log_probabilities,
};

use super::bytes::Bytes;

pub fn sampling(data: &[u8]) {
    let mut bytes = Bytes(data);
    let vocab = 1 + bytes.below(40);
    let params = params(&mut bytes, vocab);
    let history = History::from_tokens(&bytes.numbers(vocab, 12), &bytes.numbers(vocab, 12));
    let mask = bytes.option(|bytes| vec![u32::from(bytes.byte()), u32::from(bytes.byte())]);
    let noise = bytes.option(|bytes| bytes.floats(vocab));
    let mu = bytes.option(Bytes::number);
    let (seed, step) = (u64::from(bytes.byte()), u64::from(bytes.byte()));
    let values = bytes.floats(vocab);
    let logits = Logits::new(vec![Values::Float32(&values)], vocab).unwrap();
    let plain = RowInput { seed, step, mask: mask.as_deref(), mu, ..RowInput::new(&params, &history) };
    let row = RowInput { noise: noise.as_deref(), ..plain };
    if params.validate().is_err() {
        return;
    }
    let mut probabilities = vec![0.0; vocab];
    let filtered = filtered_probabilities(&logits, &[plain], &mut probabilities, &NEVER);
    if filtered.is_ok() {
        let sum: f32 = probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "the probabilities add up to {sum}: {probabilities:?}");
    }
    for logprobs in [LogProbs::None, LogProbs::Raw, LogProbs::Processed] {
        let _ = sample(&logits, &[row], logprobs, &NEVER)
            .map(|drawn| assert!((drawn[0].token as usize) < vocab, "no such token"));
        if let (Ok(drawn), Ok(())) = (sample(&logits, &[plain], logprobs, &NEVER), &filtered) {
            let token = drawn[0].token as usize;
            assert!(probabilities[token] > 0.0, "token {token} has no probability: {probabilities:?}");
        }
    }
    let _ = top_log_probabilities(&logits, &[plain], 2, &mut [0; 2], &mut [0.0; 2], &NEVER);
}

fn params(bytes: &mut Bytes<'_>, vocab: usize) -> Params {
    let plain = Params::default();
    let mut params = Params {
        temperature: bytes.option(Bytes::number).unwrap_or(1.0),
        dynatemp_range: bytes.option(Bytes::number).unwrap_or(0.0),
        dynatemp_exponent: bytes.option(Bytes::number).unwrap_or(1.0),
        top_n_sigma: bytes.option(Bytes::number).unwrap_or(0.0),
        top_h: bytes.option(Bytes::number),
        top_k: bytes.below(vocab + 2),
        top_p: bytes.option(Bytes::number).unwrap_or(1.0),
        min_p: bytes.option(Bytes::number).unwrap_or(0.0),
        typical_p: bytes.option(Bytes::number).unwrap_or(1.0),
        epsilon_cutoff: bytes.option(Bytes::number).unwrap_or(0.0),
        eta_cutoff: bytes.option(Bytes::number).unwrap_or(0.0),
        xtc_probability: bytes.option(Bytes::number).unwrap_or(0.0),
        xtc_threshold: bytes.option(Bytes::number).unwrap_or(0.1),
        repetition_penalty: bytes.option(Bytes::number).unwrap_or(1.0),
        presence_penalty: bytes.option(Bytes::number).unwrap_or(0.0),
        frequency_penalty: bytes.option(Bytes::number).unwrap_or(0.0),
        draw: if bytes.flag() { Draw::Gumbel } else { Draw::Multinomial },
        ..plain
    };
    params.mirostat = bytes.option(|bytes| Mirostat {
        version: if bytes.flag() { MirostatVersion::One } else { MirostatVersion::Two },
        tau: bytes.number(),
        eta: bytes.number(),
    });
    params.watermark = bytes.option(|bytes| Watermark {
        greenlist_ratio: bytes.number(),
        bias: bytes.number(),
        hashing_key: i64::from(bytes.byte()) - 3,
        seeding: Seeding::LeftHash,
        context_width: bytes.below(4),
    });
    let bias = (0..bytes.below(4)).map(|_| (bytes.below(vocab) as u32, bytes.number() as f32)).collect();
    params.logit_bias = LogitBias::new(bias).unwrap_or_default();
    params.rules = rules(bytes, vocab);
    if bytes.flag() {
        params.order.rotate_left(bytes.below(Step::ALL.len()));
    }
    params
}

fn rules(bytes: &mut Bytes<'_>, vocab: usize) -> Rules {
    let past = vocab + 1;
    let tokens = |bytes: &mut Bytes<'_>| if bytes.flag() { bytes.numbers(past, 3) } else { Vec::new() };
    Rules {
        sequence_bias: (0..bytes.below(3)).map(|_| (bytes.numbers(past, 3), bytes.number() as f32)).collect(),
        dry: bytes.option(|bytes| Dry {
            multiplier: bytes.number(),
            base: bytes.number(),
            allowed_length: bytes.below(5),
            last_n: bytes.below(9),
            breakers: bytes.numbers(vocab, 3),
        }),
        no_repeat_ngram_size: bytes.below(5),
        bad_words: (0..bytes.below(3)).map(|_| bytes.numbers(past, 3)).collect(),
        min_tokens: bytes.below(4),
        stop_token_ids: tokens(bytes),
        suppress_tokens: tokens(bytes),
        begin_suppress_tokens: tokens(bytes),
        allowed: bytes.option(|bytes| vec![u32::from(bytes.byte()) << 3, u32::from(bytes.byte())]),
        forced_bos_token_id: bytes.option(|bytes| bytes.below(past) as u32),
        forced_eos_token_id: bytes.option(|bytes| bytes.below(past) as u32),
        max_tokens: bytes.option(|bytes| bytes.below(9)),
    }
}
