//! Rows in eight bits that can be read as four, with what each may be wrong by.

use std::ops::Range;

use ferrolm_base::{Cancel, pool};
use rayon::prelude::*;

use super::rotation::Rotation;
use crate::EmbeddingError;
use crate::arch::codes::BLOCK;
use crate::search::{Matrix, Search, TILE, check};

const LARGEST: f32 = 127.0;
/// Lengths whose products are f32 of full precision; what is shorter or longer is compared whatever its code says.
pub(super) const USUAL: Range<f32> = 1e-15..1e15;

/// Rows in eight bits, as [`compress`] makes them: each value of the rotated row is its code times the row's scale, nearly.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    /// The upper four bits of code + 128, two to a byte as `arch::codes` has them; [`width`] values a row.
    pub coarse: Vec<u8>,
    /// The lower four bits.
    pub fine: Vec<u8>,
    /// What a code is worth, divided by the row's length.
    pub scales: Vec<f32>,
    /// How far a similarity may be from that of the upper four bits, for a query of length 1; and by how much these may be
    /// longer than the row.
    pub coarse_slacks: Vec<f32>,
    /// The same of all eight bits.
    pub fine_slacks: Vec<f32>,
}

/// [`Codes`] that lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct CodesView<'a> {
    pub coarse: &'a [u8],
    pub fine: &'a [u8],
    pub scales: &'a [f32],
    pub coarse_slacks: &'a [f32],
    pub fine_slacks: &'a [f32],
}

impl Codes {
    pub fn view(&self) -> CodesView<'_> {
        CodesView {
            coarse: &self.coarse,
            fine: &self.fine,
            scales: &self.scales,
            coarse_slacks: &self.coarse_slacks,
            fine_slacks: &self.fine_slacks,
        }
    }
}

impl CodesView<'_> {
    pub(super) fn check(&self, matrix: Matrix<'_>) -> Result<(), EmbeddingError> {
        let (rows, bytes) = (matrix.norms.len(), width(matrix.size) / 2);
        let planes = [self.coarse, self.fine].iter().all(|plane| plane.len() == rows * bytes);
        let numbers = [self.scales, self.coarse_slacks, self.fine_slacks];
        if planes && numbers.iter().all(|numbers| numbers.len() == rows) {
            return Ok(());
        }
        let value = format!("{} values for {rows} rows", 2 * self.coarse.len());
        Err(EmbeddingError::Argument { argument: "codes", value, expected: "those of the vectors" })
    }
}

/// Codes of a row of `size` values; half as many bytes in each plane.
pub fn width(size: usize) -> usize {
    size.next_multiple_of(BLOCK)
}

/// The greatest value of a query's code: sums of `width` products with codes fit `i32`.
pub(super) fn range(width: usize) -> f32 {
    let room = i32::MAX as usize / (LARGEST as usize * width.max(1));
    room.clamp(1, LARGEST as usize) as f32
}

/// Rows in eight bits.
///
/// # Errors
/// If a row has a value or a length that is infinite or no number, or `cancel` is raised.
pub fn compress(matrix: Matrix<'_>, cancel: &Cancel) -> Result<Codes, EmbeddingError> {
    check(matrix, &Search { queries: &[], top: 0, excluded: &[], rows: 0..0 })?;
    let (rows, width) = (matrix.norms.len(), width(matrix.size));
    if width > i32::MAX as usize / LARGEST as usize {
        let value = format!("{} values a row", matrix.size);
        return Err(EmbeddingError::Argument {
            argument: "embeddings",
            value,
            expected: "at most 16 million",
        });
    }
    let (plane, numbers) = (|| vec![0; rows * width / 2], || vec![0.0; rows]);
    let mut found = Codes {
        coarse: plane(),
        fine: plane(),
        scales: numbers(),
        coarse_slacks: numbers(),
        fine_slacks: numbers(),
    };
    if matrix.size == 0 {
        return Ok(found);
    }
    let planes = found.coarse.par_chunks_mut(width / 2).zip(found.fine.par_chunks_mut(width / 2));
    let numbers = (&mut found.scales, &mut found.coarse_slacks, &mut found.fine_slacks).into_par_iter();
    let values = matrix.values.par_chunks(matrix.size).zip(matrix.norms);
    let rotation = Rotation::new(width);
    pool::install(|| {
        planes.zip(numbers).zip(values).enumerate().try_for_each_init(
            || Row::new(&rotation, width),
            |work, (row, ((planes, (scale, coarse_slack, fine_slack)), (values, norm)))| {
                if row % TILE == 0 {
                    cancel.check()?;
                }
                (*scale, *coarse_slack, *fine_slack) = work
                    .compress(values, *norm, planes.0, planes.1)
                    .ok_or_else(|| not_finite("embeddings", row))?;
                Ok(())
            },
        )
    })
    .map(|()| found)
}

pub(super) fn not_finite(argument: &'static str, row: usize) -> EmbeddingError {
    let value = format!("infinite, too large or NaN in row {row}");
    EmbeddingError::Argument { argument, value, expected: "finite numbers" }
}

/// Room for one row after the other.
struct Row<'a> {
    rotation: &'a Rotation,
    rotated: Vec<f32>,
    /// Plus 128.
    codes: Vec<u8>,
}

impl<'a> Row<'a> {
    fn new(rotation: &'a Rotation, width: usize) -> Self {
        Self { rotation, rotated: vec![0.0; width], codes: vec![0; width] }
    }

    /// The row's scale and slacks; None if it has no length.
    fn compress(
        &mut self,
        values: &[f32],
        norm: f32,
        coarse: &mut [u8],
        fine: &mut [u8],
    ) -> Option<(f32, f32, f32)> {
        // `max` passes NaN over, a sum does not.
        if !norm.is_finite() || !values.iter().map(|value| f64::from(*value).abs()).sum::<f64>().is_finite() {
            return None;
        }
        if norm <= 0.0 {
            return Some((0.0, 0.0, 0.0)); // of similarity 0, as `nearest` has it
        }
        let unknown = Some((0.0, f32::MAX, f32::MAX));
        if !USUAL.contains(&norm) {
            return unknown;
        }
        let (rotated, padding) = self.rotated.split_at_mut(values.len());
        rotated.copy_from_slice(values);
        padding.fill(0.0);
        self.rotation.apply(&mut self.rotated);
        let largest = self.rotated.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let (scale, inverse) = (largest / LARGEST, LARGEST / largest);
        if !(scale.is_normal() && inverse.is_normal()) {
            return unknown; // the norm is not the row's
        }
        for (code, value) in self.codes.iter_mut().zip(&self.rotated) {
            *code = ((value * inverse + 128.5) as i32).clamp(1, 255) as u8;
        }
        pack(&self.codes, coarse, fine);
        self.slacks(scale, norm).or(unknown)
    }

    /// What the scale is by the norm, and what is said in [`Codes`]; None where that is beyond f32.
    fn slacks(&self, scale: f32, norm: f32) -> Option<(f32, f32, f32)> {
        let (size, turning) = (self.codes.len() as f64, self.rotation.error());
        // The comparison in f32, and the estimates themselves: each term and each sum is rounded.
        let rounding = (size + 16.0) * f64::from(f32::EPSILON) + 2.0 * turning;
        let norm = f64::from(norm);
        let slack = |part: Wrong| {
            let slack = (part.wrong + (part.length + part.wrong) * rounding) / norm;
            (slack.max(part.length / norm - 1.0) * 1.00001) as f32 + f32::MIN_POSITIVE
        };
        let [coarse, fine] = self.wrong(scale).map(slack);
        let scale = (f64::from(scale) / norm) as f32;
        (scale.is_finite() && coarse.is_finite() && fine.is_finite()).then_some((scale, coarse, fine))
    }

    /// Of four bits and of eight.
    fn wrong(&self, scale: f32) -> [Wrong; 2] {
        const LANES: usize = 8; // sums that do not wait for each other
        let scale = f64::from(scale);
        let mut sums = [[0.0; LANES]; 4];
        let (values, codes) = (self.rotated.as_chunks::<LANES>().0, self.codes.as_chunks::<LANES>().0);
        for (values, codes) in values.iter().zip(codes) {
            for lane in 0..LANES {
                let (value, code) = (f64::from(values[lane]), i32::from(codes[lane]));
                let coarse = f64::from((code & 0xF0) - 120) * scale;
                let fine = f64::from(code - 128) * scale;
                sums[0][lane] += (value - coarse) * (value - coarse);
                sums[1][lane] += coarse * coarse;
                sums[2][lane] += (value - fine) * (value - fine);
                sums[3][lane] += fine * fine;
            }
        }
        let [a, b, c, d] = sums.map(|lanes| lanes.iter().sum::<f64>().sqrt());
        [Wrong { wrong: a, length: b }, Wrong { wrong: c, length: d }]
    }
}

/// How long what a code leaves out is, and what it stands for.
struct Wrong {
    wrong: f64,
    length: f64,
}

fn pack(codes: &[u8], coarse: &mut [u8], fine: &mut [u8]) {
    let planes = coarse.chunks_exact_mut(BLOCK / 2).zip(fine.chunks_exact_mut(BLOCK / 2));
    for (codes, (coarse, fine)) in codes.chunks_exact(BLOCK).zip(planes) {
        let (first, second) = codes.split_at(BLOCK / 2);
        for ((first, second), (coarse, fine)) in first.iter().zip(second).zip(coarse.iter_mut().zip(fine)) {
            (*coarse, *fine) = (first >> 4 | second & 0xF0, first & 15 | second << 4);
        }
    }
}
