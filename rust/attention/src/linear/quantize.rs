//! From a matrix of numbers to panels, on all cores.

use ferrolm_base::pool;
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{Format, GROUP, PANEL, panel, rounding};
use crate::Element;

/// `data` is zero; an error is the number of a row that the format cannot hold.
#[expect(clippy::needless_pass_by_value, reason = "views are passed like slices")]
pub(super) fn fill<E: Element>(
    matrix: ArrayView2<'_, E>,
    format: Format,
    data: &mut [u8],
) -> Result<(), usize> {
    let (outputs, inputs) = matrix.dim();
    let groups = inputs.div_ceil(GROUP);
    pool::install(|| {
        data.par_chunks_exact_mut(format.panel_bytes(groups).max(1)).enumerate().try_for_each(|(at, data)| {
            let mut wide = vec![0.0; groups * GROUP];
            for output in 0..PANEL {
                // Beyond the last output a panel has zeros, which four bits write as 8.
                let row = at * PANEL + output;
                wide.fill(0.0);
                if row < outputs {
                    let values: Vec<E> = matrix.row(row).iter().copied().collect();
                    E::widen(&values, &mut wide[..inputs]);
                }
                for (group, values) in wide.as_chunks::<GROUP>().0.iter().enumerate() {
                    let (scale, quants) = rounding::group(values, format).ok_or(row)?;
                    panel::write(format, data, (groups, group, output), scale, &quants);
                }
            }
            Ok(())
        })
    })
}
