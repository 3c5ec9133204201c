//! Products of rows with queries, compiled for each instruction set.

use ferrolm_base::simd::Level;

/// Queries that are multiplied at once.
pub(crate) const QUERIES: usize = 16;
/// Rows that are multiplied at once: with two vectors of queries they take 12 of 16 registers.
const ROWS: usize = 6;

/// A group of queries, one value of each after another.
pub(crate) type Packed = Vec<[f32; QUERIES]>;

pub(crate) fn pack(queries: &[f32], size: usize) -> Packed {
    let mut packed = vec![[0.0; QUERIES]; size];
    for (lane, query) in queries.chunks_exact(size).take(QUERIES).enumerate() {
        for (values, value) in packed.iter_mut().zip(query) {
            values[lane] = *value;
        }
    }
    packed
}

/// The products of `rows` (of as many values as `packed` has) with a group of queries, a row of `to` for each.
pub(crate) fn products(level: Level, rows: &[f32], packed: &Packed, to: &mut Vec<[f32; QUERIES]>) {
    to.clear();
    to.resize(rows.len().checked_div(packed.len()).unwrap_or(0), [0.0; QUERIES]);
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level in force is never above what the machine has.
        Level::Avx512 => unsafe { products_avx512(rows, packed, to) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { products_avx2(rows, packed, to) },
        _ => products_generic::<false>(rows, packed, to),
    }
}

/// The products of `rows` with one query.
pub(crate) fn products_of_one(level: Level, rows: &[f32], query: &[f32], to: &mut Vec<f32>) {
    to.clear();
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level in force is never above what the machine has.
        Level::Avx512 => unsafe { one_avx512(rows, query, to) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { one_avx2(rows, query, to) },
        _ => one_generic::<false>(rows, query, to),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
fn products_avx512(rows: &[f32], packed: &Packed, to: &mut [[f32; QUERIES]]) {
    products_generic::<true>(rows, packed, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn products_avx2(rows: &[f32], packed: &Packed, to: &mut [[f32; QUERIES]]) {
    products_generic::<true>(rows, packed, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
fn one_avx512(rows: &[f32], query: &[f32], to: &mut Vec<f32>) {
    one_generic::<true>(rows, query, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn one_avx2(rows: &[f32], query: &[f32], to: &mut Vec<f32>) {
    one_generic::<true>(rows, query, to);
}

/// Without an instruction for it, `f32::mul_add` is a library call.
#[inline(always)]
fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn products_generic<const FUSED: bool>(rows: &[f32], packed: &Packed, to: &mut [[f32; QUERIES]]) {
    let size = packed.len();
    let mut groups = rows.chunks_exact(size * ROWS);
    let outputs = to.as_chunks_mut::<ROWS>();
    for (rows, to) in groups.by_ref().zip(outputs.0) {
        *to = tile::<FUSED, ROWS>(rows, packed);
    }
    for (row, to) in groups.remainder().chunks_exact(size).zip(outputs.1) {
        [*to] = tile::<FUSED, 1>(row, packed);
    }
}

#[inline(always)]
fn tile<const FUSED: bool, const COUNT: usize>(rows: &[f32], packed: &Packed) -> [[f32; QUERIES]; COUNT] {
    let size = packed.len();
    let rows: [&[f32]; COUNT] = std::array::from_fn(|row| &rows[row * size..(row + 1) * size]);
    let mut sums = [[0.0; QUERIES]; COUNT];
    for (index, queries) in packed.iter().enumerate() {
        for row in 0..COUNT {
            let value = rows[row][index];
            for lane in 0..QUERIES {
                sums[row][lane] = mul_add::<FUSED>(value, queries[lane], sums[row][lane]);
            }
        }
    }
    sums
}

#[inline(always)]
fn one_generic<const FUSED: bool>(rows: &[f32], query: &[f32], to: &mut Vec<f32>) {
    let size = query.len().max(1);
    to.resize(rows.len() / size, 0.0);
    // A plain loop: what is handed to `map` and its like is compiled without the instructions that the caller enables.
    for (row, to) in rows.chunks_exact(size).zip(to) {
        *to = dot::<FUSED>(row, query);
    }
}

#[inline(always)]
fn dot<const FUSED: bool>(row: &[f32], query: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [[0.0; LANES]; 4];
    let (rows, row_rest) = row.as_chunks::<{ 4 * LANES }>();
    let (queries, query_rest) = query.as_chunks::<{ 4 * LANES }>();
    for (row, query) in rows.iter().zip(queries) {
        let parts = row.as_chunks::<LANES>().0.iter().zip(query.as_chunks::<LANES>().0);
        for (sum, (row, query)) in sums.iter_mut().zip(parts) {
            for lane in 0..LANES {
                sum[lane] = mul_add::<FUSED>(row[lane], query[lane], sum[lane]);
            }
        }
    }
    let (rows, row_rest) = row_rest.as_chunks::<LANES>();
    let (queries, query_rest) = query_rest.as_chunks::<LANES>();
    for (row, query) in rows.iter().zip(queries) {
        for lane in 0..LANES {
            sums[0][lane] = mul_add::<FUSED>(row[lane], query[lane], sums[0][lane]);
        }
    }
    let mut total = [0.0; LANES];
    for lane in 0..LANES {
        total[lane] = (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]);
    }
    let mut sum =
        ((total[0] + total[4]) + (total[2] + total[6])) + ((total[1] + total[5]) + (total[3] + total[7]));
    for (row, query) in row_rest.iter().zip(query_rest) {
        sum = mul_add::<FUSED>(*row, *query, sum);
    }
    sum
}
