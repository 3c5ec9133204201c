//! A step at every level, in parts, and against its own definition in plain loops.

#![allow(clippy::unwrap_used, reason = "tests")]

use ferrolm_attention::{Element, Matrix, bf16};
use ferrolm_base::cancel::NEVER;
use ferrolm_base::simd::Level;
use ferrolm_decoder::{
    Activation, Cache, Decoder, DecoderError, Feed, Heads, Layer, Linear, Norm, Positions, Project, Step,
};
use ndarray::{Array1, Array2, Array4, array};

const HEADS: Heads = Heads { query: 4, key_value: 2, dimension: 8 };
const WIDTH: usize = 24;
const INNER: usize = 40;
const VOCABULARY: usize = 37;
const LAYERS: usize = 2;

/// Numbers that look random, between -1 and 1.
fn numbers(rows: usize, columns: usize, seed: u32) -> Array2<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}

fn vector(len: usize, seed: u32) -> Vec<f32> {
    numbers(1, len, seed).into_raw_vec_and_offset().0
}

/// The weights of a small model of either family.
struct Weights {
    llama: bool,
    embedding: Array2<f32>,
    positions: Array2<f32>,
    /// Queries, keys, values, output, inner, gate, outer.
    layers: Vec<[Array2<f32>; 7]>,
    /// Queries, keys and values as one matrix, `(inputs, outputs)`.
    together: Vec<Array2<f32>>,
}

impl Weights {
    fn new(llama: bool) -> Self {
        let (queries, keys) = (HEADS.query * HEADS.dimension, HEADS.key_value * HEADS.dimension);
        let shapes = [
            (queries, WIDTH),
            (keys, WIDTH),
            (keys, WIDTH),
            (WIDTH, queries),
            (INNER, WIDTH),
            (INNER, WIDTH),
            (WIDTH, INNER),
        ];
        let layer = |number: u32| {
            let mut seed = 100 * number;
            shapes.map(|(rows, columns)| {
                seed += 1;
                numbers(rows, columns, seed) * 0.3
            })
        };
        let layers: Vec<_> = (1..=LAYERS as u32).map(layer).collect();
        let join = |layer: &[Array2<f32>; 7]| {
            ndarray::concatenate![ndarray::Axis(0), layer[0], layer[1], layer[2]]
                .t()
                .as_standard_layout()
                .into_owned()
        };
        let together = layers.iter().map(join).collect();
        Self {
            llama,
            embedding: numbers(VOCABULARY, WIDTH, 1),
            positions: numbers(16, WIDTH, 2),
            layers,
            together,
        }
    }

    fn norm(&self, seed: u32) -> Norm {
        let weight = vector(WIDTH, seed);
        if self.llama {
            Norm::RootMeanSquare { weight, epsilon: 1e-5 }
        } else {
            Norm::Layer { weight, bias: vector(WIDTH, seed + 1), epsilon: 1e-5 }
        }
    }

    fn head_norm(seed: u32) -> Norm {
        Norm::RootMeanSquare { weight: vector(HEADS.dimension, seed), epsilon: 1e-6 }
    }

    fn decoder(&self) -> Result<Decoder<'_>, DecoderError> {
        let linear = |matrix, bias: bool, seed| {
            let matrix: Matrix<'_> = matrix;
            Linear { bias: bias.then(|| vector(matrix.shape().0, seed)), matrix }
        };
        let rows = |matrix| Matrix::new(matrix).unwrap();
        let layers = self.layers.iter().zip(&self.together).enumerate().map(|(number, (layer, together))| {
            let seed = 1000 * (number as u32 + 1);
            let [q, k, v, output, inner, gate, outer] = layer.each_ref().map(|matrix| rows(matrix.view()));
            let bias = !self.llama;
            Layer {
                attention_norm: self.norm(seed),
                project: if self.llama {
                    Project::Each {
                        query: linear(q, false, 0),
                        key: linear(k, false, 0),
                        value: linear(v, false, 0),
                    }
                } else {
                    Project::Together(linear(rows(together.t()), true, seed + 2))
                },
                head_norms: self.llama.then(|| (Self::head_norm(seed + 8), Self::head_norm(seed + 9))),
                output: linear(output, bias, seed + 3),
                feed_norm: self.norm(seed + 4),
                feed: Feed {
                    inner: linear(inner, bias, seed + 6),
                    gated: self.llama.then(|| linear(gate, false, 0)),
                    outer: linear(outer, bias, seed + 7),
                    activation: if self.llama { Activation::Silu } else { Activation::GeluTanh },
                },
                scale: 0.3,
                window: (self.llama && number == 1).then_some(3),
            }
        });
        let positions = if self.llama {
            Positions::Rotary { frequencies: vec![1.0, 0.3, 0.1, 0.02], factor: 1.1 }
        } else {
            Positions::Learned(rows(self.positions.view()))
        };
        let head = linear(rows(self.embedding.view()), false, 0);
        Decoder::new(rows(self.embedding.view()), positions, layers.collect(), self.norm(5), head, HEADS)
    }

    /// The logits after the last of some tokens, from the definition.
    fn logits(&self, ids: &[usize]) -> Array1<f64> {
        let wide = |matrix: &Array2<f32>| matrix.mapv(f64::from);
        let biased = |bias: bool, len, seed| {
            Array1::from(if bias { vector(len, seed) } else { vec![0.0; len] }).mapv(f64::from)
        };
        let norm = |norm: &Norm, row: &[f64]| -> Vec<f64> {
            let count = row.len() as f64;
            match norm {
                Norm::Layer { weight, bias, epsilon } => {
                    let mean = row.iter().sum::<f64>() / count;
                    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                    let scaled = row.iter().map(|x| (x - mean) / (variance + f64::from(*epsilon)).sqrt());
                    let all = scaled.zip(weight).zip(bias);
                    all.map(|((x, weight), bias)| x * f64::from(*weight) + f64::from(*bias)).collect()
                }
                Norm::RootMeanSquare { weight, epsilon } => {
                    let square = row.iter().map(|x| x * x).sum::<f64>() / count;
                    let scaled = row.iter().map(|x| x / (square + f64::from(*epsilon)).sqrt());
                    scaled.zip(weight).map(|(x, weight)| x * f64::from(*weight)).collect()
                }
            }
        };
        let frequencies = [1.0f32, 0.3, 0.1, 0.02];
        let turn = |head: &mut [f64], position: usize| {
            for (i, frequency) in frequencies.iter().enumerate() {
                let angle = f64::from(position as f32 * frequency);
                let (a, b) = (head[i], head[i + 4]);
                head[i] = 1.1 * (a * angle.cos() - b * angle.sin());
                head[i + 4] = 1.1 * (b * angle.cos() + a * angle.sin());
            }
        };
        let mut x: Vec<Array1<f64>> =
            ids.iter().map(|id| wide(&self.embedding).row(*id).to_owned()).collect();
        if !self.llama {
            for (position, x) in x.iter_mut().enumerate() {
                *x += &wide(&self.positions).row(position);
            }
        }
        for (number, layer) in self.layers.iter().enumerate() {
            let seed = 1000 * (number as u32 + 1);
            let bias = !self.llama;
            let all_bias = biased(bias, 64, seed + 2);
            let (mut queries, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
            for (position, x) in x.iter().enumerate() {
                let normed = Array1::from(norm(&self.norm(seed), x.as_slice().unwrap()));
                let part = |at: usize, start: usize| {
                    let product = wide(&layer[at]).dot(&normed);
                    let len = product.len();
                    (product + all_bias.slice(ndarray::s![start..start + len])).to_vec()
                };
                let (mut query, mut key) = (part(0, 0), part(1, 32));
                if self.llama {
                    for (heads, seed) in [(&mut query, seed + 8), (&mut key, seed + 9)] {
                        for head in heads.chunks_mut(8) {
                            let normed = norm(&Self::head_norm(seed), head);
                            head.copy_from_slice(&normed);
                            turn(head, position);
                        }
                    }
                }
                queries.push(query);
                keys.push(key);
                values.push(part(2, 48));
            }
            for (position, x) in x.iter_mut().enumerate() {
                let mut context = Vec::new();
                for head in 0..HEADS.query {
                    let of = |row: &[f64], head: usize| row[head * 8..][..8].to_vec();
                    let first = if self.llama && number == 1 { position.saturating_sub(2) } else { 0 };
                    let query = of(&queries[position], head);
                    let score = |key: usize| -> f64 {
                        let key = of(&keys[key], head / 2);
                        0.3 * query.iter().zip(&key).map(|(q, k)| q * k).sum::<f64>()
                    };
                    let weights: Vec<f64> = (first..=position).map(|key| score(key).exp()).collect();
                    let sum = weights.iter().sum::<f64>();
                    let mut mixed = [0.0; 8];
                    for (weight, key) in weights.iter().zip(first..) {
                        let value = of(&values[key], head / 2);
                        mixed.iter_mut().zip(value).for_each(|(to, value)| *to += weight / sum * value);
                    }
                    context.extend(mixed);
                }
                *x += &(wide(&layer[3]).dot(&Array1::from(context)) + biased(bias, WIDTH, seed + 3));
                let normed = Array1::from(norm(&self.norm(seed + 4), x.as_slice().unwrap()));
                let inner = wide(&layer[4]).dot(&normed) + biased(bias, INNER, seed + 6);
                let inner = if self.llama {
                    inner.mapv(|x| x / (1.0 + (-x).exp())) * wide(&layer[5]).dot(&normed)
                } else {
                    let factor = (2.0 / std::f64::consts::PI).sqrt();
                    inner.mapv(|x| 0.5 * x * (1.0 + (factor * (x + 0.044_715 * x.powi(3))).tanh()))
                };
                *x += &(wide(&layer[6]).dot(&inner) + biased(bias, WIDTH, seed + 7));
            }
        }
        let last = norm(&self.norm(5), x.last().unwrap().as_slice().unwrap());
        wide(&self.embedding).dot(&Array1::from(last))
    }
}

fn caches<E: Element>(batch: usize, capacity: usize) -> Vec<(Array4<E>, Array4<E>)> {
    let one = || Array4::from_elem((batch, HEADS.key_value, capacity, HEADS.dimension), E::default());
    (0..LAYERS).map(|_| (one(), one())).collect()
}

fn views<E>(caches: &mut [(Array4<E>, Array4<E>)]) -> Vec<Cache<'_, E>> {
    caches
        .iter_mut()
        .map(|(keys, values)| Cache { keys: keys.view_mut(), values: values.view_mut() })
        .collect()
}

/// Logits after each of the steps, which feed so many tokens of every sequence.
fn run<E: Element>(
    decoder: &Decoder,
    level: Level,
    sequences: &[&[usize]],
    steps: &[usize],
) -> Vec<Vec<f32>> {
    let mut kept = caches::<E>(sequences.len(), 16);
    let mut past = 0;
    let mut all = Vec::new();
    for tokens in steps {
        let ids: Vec<usize> =
            sequences.iter().flat_map(|sequence| sequence[past..past + tokens].to_vec()).collect();
        let positions: Vec<usize> = sequences.iter().flat_map(|_| past..past + tokens).collect();
        let mut logits = vec![f32::NAN; sequences.len() * VOCABULARY];
        let step =
            Step { batch: sequences.len(), ids: &ids, positions: &positions, past, keep: 1, visible: None };
        decoder.step_at(level, step, &mut views(&mut kept), &mut logits, &NEVER).unwrap();
        all.push(logits);
        past += tokens;
    }
    all
}

const FIRST: [usize; 7] = [3, 1, 36, 0, 7, 7, 20];
const SECOND: [usize; 7] = [5, 30, 2, 2, 9, 1, 4];

#[test]
fn logits_are_those_of_the_definition() {
    for weights in [Weights::new(false), Weights::new(true)] {
        let decoder = weights.decoder().unwrap();
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            for steps in [&[1, 1, 1, 1, 1, 1, 1][..], &[7], &[3, 1, 3]] {
                let found = run::<f32>(&decoder, level, &[&FIRST, &SECOND], steps);
                let mut fed = 0;
                for (found, tokens) in found.iter().zip(steps) {
                    fed += tokens;
                    for (found, ids) in found.chunks(VOCABULARY).zip([&FIRST, &SECOND]) {
                        for (found, expected) in found.iter().zip(weights.logits(&ids[..fed])) {
                            assert!(
                                (f64::from(*found) - expected).abs() < 2e-4,
                                "{found} {expected} {level:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_sequence_does_not_depend_on_the_others() {
    let weights = Weights::new(true);
    let decoder = weights.decoder().unwrap();
    let together = run::<f32>(&decoder, Level::Avx512, &[&FIRST, &SECOND], &[4, 1, 1]);
    let alone = run::<f32>(&decoder, Level::Avx512, &[&SECOND], &[4, 1, 1]);
    for (together, alone) in together.iter().zip(alone) {
        assert_eq!(together[VOCABULARY..], alone);
    }
}

#[test]
fn logits_of_several_tokens() {
    let weights = Weights::new(true);
    let decoder = weights.decoder().unwrap();
    let mut logits = vec![0.0; 3 * VOCABULARY];
    let positions = [0, 1, 2, 3, 4, 5, 6];
    let step = Step { batch: 1, ids: &FIRST, positions: &positions, past: 0, keep: 3, visible: None };
    decoder.step(step, &mut views(&mut caches::<f32>(1, 8)), &mut logits, &NEVER).unwrap();
    for (found, fed) in logits.chunks(VOCABULARY).zip(5..) {
        for (found, expected) in found.iter().zip(weights.logits(&FIRST[..fed])) {
            assert!((f64::from(*found) - expected).abs() < 2e-4);
        }
    }
}

#[test]
fn a_cache_of_sixteen_bits_keeps_what_it_can() {
    let weights = Weights::new(false);
    let decoder = weights.decoder().unwrap();
    let exact = run::<f32>(&decoder, Level::Avx512, &[&FIRST], &[3, 1, 1]);
    let rounded = run::<bf16>(&decoder, Level::Avx512, &[&FIRST], &[3, 1, 1]);
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let apart = difference(&exact.concat(), &rounded.concat());
    assert!(apart > 0.0 && apart < 0.1, "{apart}");
}

#[test]
fn padding_is_not_seen() {
    let weights = Weights::new(false);
    let decoder = weights.decoder().unwrap();
    // Two tokens of padding, then three tokens whose positions do not count it.
    let ids = [9, 9, 3, 1, 36];
    let visible = array![[false, false, true, true, true]];
    let mut logits = vec![0.0; VOCABULARY];
    let step = Step {
        batch: 1,
        ids: &ids,
        positions: &[0, 0, 0, 1, 2],
        past: 0,
        keep: 1,
        visible: Some(visible.view()),
    };
    decoder.step(step, &mut views(&mut caches::<f32>(1, 8)), &mut logits, &NEVER).unwrap();
    for (found, expected) in logits.iter().zip(weights.logits(&FIRST[..3])) {
        assert!((f64::from(*found) - expected).abs() < 2e-4);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let weights = Weights::new(false);
    let decoder = weights.decoder().unwrap();
    let message = |step: Step<'_>, capacity: usize| {
        let mut logits = vec![0.0; step.batch * VOCABULARY];
        let mut kept = caches::<f32>(step.batch, capacity);
        let before = kept.clone();
        let error = decoder.step(step, &mut views(&mut kept), &mut logits, &NEVER).unwrap_err();
        assert_eq!(kept, before);
        error.to_string()
    };
    let step = Step { batch: 1, ids: &[1, 2], positions: &[0, 1], past: 0, keep: 1, visible: None };
    assert_eq!(message(Step { ids: &[1, 37], ..step }, 4), "an id is 37: expected one below 37");
    assert_eq!(message(Step { positions: &[0, 16], ..step }, 4), "a position is 16: expected one below 16");
    let mut logits = vec![0.0; VOCABULARY];
    let error =
        decoder.step(Step { keep: 3, ..step }, &mut views(&mut caches::<f32>(1, 4)), &mut logits, &NEVER);
    assert_eq!(error.unwrap_err().to_string(), "keep is 3: expected at most 2");
    assert_eq!(message(Step { positions: &[0], ..step }, 4), "positions has the shape [1]: expected [2]");
    assert_eq!(
        message(Step { past: 3, ..step }, 4),
        "the cached keys has the shape [1, 2, 4, 8]: expected [1, 2, 5, 8]"
    );
    let mut wrong = Weights::new(true);
    wrong.layers[1][5] = numbers(INNER + 1, WIDTH, 0);
    assert_eq!(
        wrong.decoder().unwrap_err().to_string(),
        "the gate's product of layer 1 has the shape [41, 24]: expected [40, 24]"
    );
}
