//! A sort that can be interrupted.

use std::cmp::Ordering;

use ferrolm_base::{Cancel, Cancelled};

/// Elements that are sorted, or merged, between two looks at the cancel flag: some milliseconds.
const RUN: usize = 1 << 14;

/// Sort `items`, equal ones in their order: runs by the standard library, then merges of two runs at a time.
pub(super) fn sort_by<T: Copy>(
    items: &mut Vec<T>,
    cancel: &Cancel,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<(), Cancelled> {
    for run in items.chunks_mut(RUN) {
        cancel.check()?;
        run.sort_by(&compare);
    }
    let mut merged = Vec::with_capacity(items.len());
    let mut size = RUN;
    while size < items.len() {
        merged.clear();
        for pair in items.chunks(2 * size) {
            let (mut left, mut right) = pair.split_at(size.min(pair.len()));
            while let (Some(first), Some(second)) = (left.first(), right.first()) {
                if merged.len() % RUN == 0 {
                    cancel.check()?;
                }
                let from = if compare(second, first).is_lt() { &mut right } else { &mut left };
                merged.extend(from.split_off_first());
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(items, &mut merged);
        size *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ferrolm_base::cancel::NEVER;

    use super::*;

    #[test]
    fn as_the_standard_library_sorts() {
        for length in [0, 1, RUN, RUN + 1, 3 * RUN + 5, 5 * RUN] {
            let mut items: Vec<(u64, usize)> =
                (0..length).map(|at| ((at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52, at)).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            sort_by(&mut items, &NEVER, |left, right| left.0.cmp(&right.0)).unwrap();
            assert_eq!(items, expected);
        }
    }

    #[test]
    fn stops_when_told() {
        let cancel = Cancel::new();
        cancel.cancel();
        assert_eq!(sort_by(&mut vec![2, 1], &cancel, i32::cmp), Err(Cancelled));
    }
}
