//! How a model knows where a token stands.

use ferrolm_attention::Matrix;

#[derive(Clone, Debug)]
pub enum Positions<'a> {
    /// A vector for each, `(positions, width)`, added to that of the token.
    Learned(Matrix<'a>),
    /// Queries and keys turned by angles (Su et al. 2021): the value `i` of a head together with the value `i + d/2`,
    /// by the position times `frequencies[i]`. Cosine and sine are multiplied with `factor`.
    Rotary { frequencies: Vec<f32>, factor: f32 },
}

/// Cosines and sines of the tokens of a step.
#[derive(Default)]
pub(crate) struct Rotation {
    /// Of each token `(2, d/2)`.
    turns: Vec<f32>,
}

impl Rotation {
    pub fn prepare(&mut self, positions: &[usize], frequencies: &[f32], factor: f32) {
        self.turns.clear();
        for position in positions {
            let angles = || frequencies.iter().map(|frequency| *position as f32 * frequency);
            self.turns.extend(angles().map(|angle| angle.cos() * factor));
            self.turns.extend(angles().map(|angle| angle.sin() * factor));
        }
    }

    /// Turn the heads of one token, `(heads, d)`.
    pub fn apply(&self, token: usize, half: usize, heads: &mut [f32]) {
        let (cosines, sines) = self.turns[token * 2 * half..][..2 * half].split_at(half);
        for head in heads.chunks_exact_mut(2 * half) {
            let (first, second) = head.split_at_mut(half);
            for i in 0..half {
                let (a, b) = (first[i], second[i]);
                first[i] = a * cosines[i] - b * sines[i];
                second[i] = b * cosines[i] + a * sines[i];
            }
        }
    }
}
