//! From a matrix of numbers to the bytes of a format, on all cores.

use ferrolm_base::pool;
use half::{bf16, f16};
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{Format, GROUP, blocks};
use crate::Element;

/// An error is the number of a row that the format cannot hold.
#[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
pub(super) fn fill<E: Element>(
    matrix: ArrayView2<'_, E>,
    format: Format,
    data: &mut [u8],
) -> Result<(), usize> {
    let bytes = format.row_bytes(matrix.ncols()).max(1);
    pool::install(|| {
        data.par_chunks_exact_mut(bytes).enumerate().try_for_each(|(row, data)| {
            let values: Vec<E> = matrix.row(row).iter().copied().collect();
            let mut wide = vec![0.0; values.len().next_multiple_of(GROUP)];
            E::widen(&values, &mut wide[..values.len()]);
            let groups = wide.as_chunks::<GROUP>().0;
            for (values, block) in groups.iter().zip(data.chunks_exact_mut(format.block_bytes())) {
                write(values, format, block);
                if format.is_quantized() && !blocks::holds(values, block) {
                    return Err(row);
                }
            }
            Ok(())
        })
    })
}

fn write(values: &[f32; GROUP], format: Format, block: &mut [u8]) {
    match format {
        Format::Float32 => {
            block
                .chunks_exact_mut(4)
                .zip(values)
                .for_each(|(out, value)| out.copy_from_slice(&value.to_le_bytes()));
        }
        Format::Float16 => {
            let pairs = block.chunks_exact_mut(2).zip(values);
            pairs.for_each(|(out, value)| out.copy_from_slice(&f16::from_f32(*value).to_le_bytes()));
        }
        Format::Bfloat16 => {
            let pairs = block.chunks_exact_mut(2).zip(values);
            pairs.for_each(|(out, value)| out.copy_from_slice(&bf16::from_f32(*value).to_le_bytes()));
        }
        Format::Int8 => blocks::write_q8(values, block),
        Format::Int4 => blocks::write_q4(values, block),
    }
}
