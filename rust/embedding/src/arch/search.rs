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
    const LANES: usize = 32;
    let (query_chunks, query_rest) = query.as_chunks::<LANES>();
    to.extend(rows.chunks_exact(query.len().max(1)).map(|row| {
        let (chunks, rest) = row.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for (row, query) in chunks.iter().zip(query_chunks) {
            for lane in 0..LANES {
                sums[lane] = mul_add::<FUSED>(row[lane], query[lane], sums[lane]);
            }
        }
        // Halves upon halves, which the compiler does for many lanes at once.
        let mut sixteen: [f32; 16] = std::array::from_fn(|lane| sums[lane] + sums[lane + 16]);
        let (rest, tail) = rest.as_chunks::<8>();
        let (query_rest, query_tail) = query_rest.as_chunks::<8>();
        for (row, query) in rest.iter().zip(query_rest) {
            for lane in 0..8 {
                sixteen[lane] = mul_add::<FUSED>(row[lane], query[lane], sixteen[lane]);
            }
        }
        let eight: [f32; 8] = std::array::from_fn(|lane| sixteen[lane] + sixteen[lane + 8]);
        let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        let sum = (four[0] + four[2]) + (four[1] + four[3]);
        tail.iter().zip(query_tail).fold(sum, |sum, (row, query)| mul_add::<FUSED>(*row, *query, sum))
    }));
}
