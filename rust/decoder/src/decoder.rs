//! The model, and a step of it.

use ferrolm_attention::{Alignment, Call, Element, Mask, Matrix, Options, attend_at};
use ferrolm_base::simd::{self, Level};
use ferrolm_base::{Cancel, pool};
use ndarray::{ArrayView2, ArrayView4, ArrayViewMut4, Axis, s};

use crate::workspace::{Workspace, take};
use crate::{DecoderError, Heads, Layer, Linear, Norm, Positions, Project};

/// A decoder-only Transformer.
#[derive(Debug)]
pub struct Decoder<'a> {
    embedding: Matrix<'a>,
    positions: Positions<'a>,
    layers: Vec<Layer<'a>>,
    norm: Norm,
    head: Linear<'a>,
    heads: Heads,
}

/// Keys and values of a layer, `(batch, heads, capacity, dimension)` each, their last axis contiguous.
#[derive(Debug)]
pub struct Cache<'c, E> {
    pub keys: ArrayViewMut4<'c, E>,
    pub values: ArrayViewMut4<'c, E>,
}

/// The tokens of a step.
#[derive(Clone, Copy, Debug)]
pub struct Step<'s> {
    pub batch: usize,
    /// Of each sequence `len / batch` tokens.
    pub ids: &'s [usize],
    /// As many as ids.
    pub positions: &'s [usize],
    /// Tokens in the caches.
    pub past: usize,
    /// Of each sequence so many of its last tokens get logits.
    pub keep: usize,
    /// Of each sequence the tokens of the caches and of the step that it has, `(batch, past + tokens)`: not its padding.
    pub visible: Option<ArrayView2<'s, bool>>,
}

impl<'a> Decoder<'a> {
    /// # Errors
    /// If the parts do not fit each other.
    pub fn new(
        embedding: Matrix<'a>,
        positions: Positions<'a>,
        layers: Vec<Layer<'a>>,
        norm: Norm,
        head: Linear<'a>,
        heads: Heads,
    ) -> Result<Self, DecoderError> {
        let (_, width) = embedding.shape();
        if heads.dimension == 0 || heads.key_value == 0 || !heads.query.is_multiple_of(heads.key_value) {
            let expected = "a dimension, and query heads that are a multiple of the key/value heads";
            return Err(DecoderError::argument("heads", format!("{heads:?}"), expected));
        }
        match &positions {
            Positions::Learned(table) if table.shape().1 != width => {
                let (rows, columns) = table.shape();
                return Err(DecoderError::shape("the positions", &[rows, columns], &[rows, width]));
            }
            Positions::Rotary { frequencies, .. } if 2 * frequencies.len() != heads.dimension => {
                let (found, expected) = (frequencies.len(), heads.dimension / 2);
                return Err(DecoderError::shape("the frequencies", &[found], &[expected]));
            }
            _ => {}
        }
        for (number, layer) in layers.iter().enumerate() {
            layer.check(number, width, heads)?;
        }
        if norm.width() != width || !norm.fits() {
            return Err(DecoderError::shape("the last norm", &[norm.width()], &[width]));
        }
        head.check("the head", (head.matrix.shape().0, width))?;
        Ok(Self { embedding, positions, layers, norm, head, heads })
    }

    pub fn vocabulary(&self) -> usize {
        self.head.matrix.shape().0
    }

    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Add the step's tokens to the caches, and write the logits after the last tokens of each sequence,
    /// `(batch, keep, vocabulary)`.
    ///
    /// # Errors
    /// If the step does not fit the model or the caches, which are then as they were; or if `cancel` is raised
    /// meanwhile, when they may have new keys and values beyond `past`.
    pub fn step<E: Element>(
        &self,
        step: Step<'_>,
        caches: &mut [Cache<'_, E>],
        logits: &mut [f32],
        cancel: &Cancel,
    ) -> Result<(), DecoderError> {
        self.step_at(simd::level(), step, caches, logits, cancel)
    }

    /// [`step`](Self::step) with the instruction set given; a level that the machine lacks is lowered.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_at<E: Element>(
        &self,
        level: Level,
        step: Step<'_>,
        caches: &mut [Cache<'_, E>],
        logits: &mut [f32],
        cancel: &Cancel,
    ) -> Result<(), DecoderError> {
        self.check(&step, caches, logits)?;
        if step.ids.is_empty() {
            return Ok(());
        }
        let level = level.min(simd::detected());
        let mut run = move || self.run(level, step, caches, logits, cancel);
        // The products and the attention go on from a thread of the pool without waking it.
        if pool::num_threads() > 1 { pool::install(run) } else { run() }
    }

    fn check<E: Element>(
        &self,
        step: &Step<'_>,
        caches: &[Cache<'_, E>],
        logits: &[f32],
    ) -> Result<(), DecoderError> {
        let Step { batch, ids, positions, past, keep, visible } = *step;
        if batch == 0 || !ids.len().is_multiple_of(batch) {
            return Err(DecoderError::argument(
                "ids",
                ids.len(),
                format!("a multiple of the batch, {batch}"),
            ));
        }
        if positions.len() != ids.len() {
            return Err(DecoderError::shape("positions", &[positions.len()], &[ids.len()]));
        }
        let (rows, _) = self.embedding.shape();
        if let Some(id) = ids.iter().find(|id| **id >= rows) {
            return Err(DecoderError::argument("an id", id, format!("one below {rows}")));
        }
        if let Positions::Learned(table) = &self.positions
            && let Some(position) = positions.iter().find(|position| **position >= table.shape().0)
        {
            return Err(DecoderError::argument(
                "a position",
                position,
                format!("one below {}", table.shape().0),
            ));
        }
        let total = past + ids.len() / batch;
        if caches.len() != self.layers.len() {
            return Err(DecoderError::shape("the caches", &[caches.len()], &[self.layers.len()]));
        }
        for cache in caches {
            for (part, view) in [("the cached keys", &cache.keys), ("the cached values", &cache.values)] {
                let shape = view.shape();
                let expected = [batch, self.heads.key_value, shape[2].max(total), self.heads.dimension];
                if shape != expected || (view.strides()[3] != 1 && shape[3] > 1) {
                    return Err(DecoderError::shape(part, shape, &expected));
                }
            }
        }
        if let Some(visible) = visible
            && visible.dim() != (batch, total)
        {
            return Err(DecoderError::shape("visible", visible.shape(), &[batch, total]));
        }
        if keep * batch > ids.len() {
            return Err(DecoderError::argument("keep", keep, format!("at most {}", ids.len() / batch)));
        }
        let expected = batch * keep * self.vocabulary();
        if logits.len() != expected {
            return Err(DecoderError::shape("logits", &[logits.len()], &[expected]));
        }
        Ok(())
    }

    fn run<E: Element>(
        &self,
        level: Level,
        step: Step<'_>,
        caches: &mut [Cache<'_, E>],
        logits: &mut [f32],
        cancel: &Cancel,
    ) -> Result<(), DecoderError> {
        let mut work = Workspace::default();
        let (tokens, width) = (step.ids.len(), self.embedding.shape().1);
        let mut x = vec![0.0; tokens * width];
        let x = &mut x[..];
        self.embedding.lookup(step.ids, x)?;
        match &self.positions {
            Positions::Learned(table) => {
                let added = take(&mut work.added, tokens * width);
                table.lookup(step.positions, added)?;
                add(x, added);
            }
            Positions::Rotary { frequencies, factor } => {
                work.rotation.prepare(step.positions, frequencies, *factor);
            }
        }
        for (layer, cache) in self.layers.iter().zip(caches) {
            self.attend(level, layer, &step, cache, x, &mut work, cancel)?;
            feed(level, layer, x, width, &mut work, cancel)?;
        }
        // The last tokens of each sequence alone.
        let (each, kept) = (tokens / step.batch * width, step.keep * width);
        let last = take(&mut work.normed, step.batch * kept);
        if kept > 0 {
            for (sequence, last) in x.chunks_exact(each).zip(last.chunks_exact_mut(kept)) {
                last.copy_from_slice(&sequence[each - kept..]);
            }
        }
        self.norm.apply_here(level, last);
        Ok(self.head.apply(level, last, logits, cancel)?)
    }

    #[expect(clippy::too_many_arguments, reason = "a part of `run`, which has them at hand")]
    fn attend<E: Element>(
        &self,
        level: Level,
        layer: &Layer<'_>,
        step: &Step<'_>,
        cache: &mut Cache<'_, E>,
        x: &mut [f32],
        work: &mut Workspace,
        cancel: &Cancel,
    ) -> Result<(), DecoderError> {
        let Heads { query: heads, key_value, dimension } = self.heads;
        let (tokens, each) = (step.ids.len(), step.ids.len() / step.batch);
        let (queries_width, keys_width) = (heads * dimension, key_value * dimension);
        let total = queries_width + 2 * keys_width;
        let normed = take(&mut work.normed, x.len());
        layer.attention_norm.apply(level, x, normed);
        let projected = take(&mut work.projected, tokens * total);
        // Where the queries, keys and values of a token are: `start + token * stride`.
        let (starts, strides) = match &layer.project {
            Project::Together(linear) => {
                linear.apply(level, normed, projected, cancel)?;
                ([0, queries_width, queries_width + keys_width], [total; 3])
            }
            Project::Each { query, key, value } => {
                let (queries, rest) = projected.split_at_mut(tokens * queries_width);
                let (keys, values) = rest.split_at_mut(tokens * keys_width);
                query.apply(level, normed, queries, cancel)?;
                key.apply(level, normed, keys, cancel)?;
                value.apply(level, normed, values, cancel)?;
                let starts = [0, tokens * queries_width, tokens * (queries_width + keys_width)];
                (starts, [queries_width, keys_width, keys_width])
            }
        };
        let (query_norm, key_norm) = layer.head_norms.as_ref().map(|(query, key)| (query, key)).unzip();
        let rotation = matches!(self.positions, Positions::Rotary { .. }).then_some(&work.rotation);
        let turn = |norm: Option<&Norm>, token: usize, heads: &mut [f32]| {
            if let Some(norm) = norm {
                norm.apply_here(level, heads);
            }
            if let Some(rotation) = rotation {
                rotation.apply(token, dimension / 2, heads);
            }
        };
        let mut queries: Vec<E> = vec![E::default(); tokens * queries_width];
        for token in 0..tokens {
            let at = |part: usize| starts[part] + token * strides[part];
            let query = &mut projected[at(0)..][..queries_width];
            turn(query_norm, token, query);
            E::narrow(query, &mut queries[token * queries_width..][..queries_width]);
            let key = &mut projected[at(1)..][..keys_width];
            turn(key_norm, token, key);
            let place = step.past + token % each;
            for (part, to) in [(1, &mut cache.keys), (2, &mut cache.values)] {
                let from = projected[at(part)..][..keys_width].chunks_exact(dimension);
                for (head, from) in from.enumerate() {
                    if let Some(to) = to.slice_mut(s![token / each, head, place, ..]).as_slice_mut() {
                        E::narrow(from, to);
                    }
                }
            }
        }
        let mut out = vec![E::default(); tokens * queries_width];
        let shape = (step.batch, each, heads, dimension);
        let until = step.past + each;
        let options = Options {
            causal: true,
            alignment: Alignment::LowerRight,
            scale: Some(layer.scale),
            grouped: true,
            window: layer.window,
            ..Options::default()
        };
        let mask = step
            .visible
            .map_or(Mask::None, |visible| Mask::Boolean(visible.insert_axis(Axis(1)).insert_axis(Axis(1))));
        let call = Call::new(
            ArrayView4::from_shape(shape, &queries).map_err(misfit)?.permuted_axes([0, 2, 1, 3]),
            cache.keys.slice(s![.., .., ..until, ..]),
            cache.values.slice(s![.., .., ..until, ..]),
            mask,
            options,
        )?;
        attend_at(level, &call, &mut out, cancel)?;
        let context = take(&mut work.context, tokens * queries_width);
        let out = ArrayView4::from_shape((step.batch, heads, each, dimension), &out).map_err(misfit)?;
        for (token, to) in context.chunks_exact_mut(queries_width).enumerate() {
            for (head, to) in to.chunks_exact_mut(dimension).enumerate() {
                if let Some(from) = out.slice(s![token / each, head, token % each, ..]).as_slice() {
                    E::widen(from, to);
                }
            }
        }
        let added = take(&mut work.added, x.len());
        layer.output.apply(level, context, added, cancel)?;
        add(x, added);
        Ok(())
    }
}

fn feed(
    level: Level,
    layer: &Layer<'_>,
    x: &mut [f32],
    width: usize,
    work: &mut Workspace,
    cancel: &Cancel,
) -> Result<(), DecoderError> {
    let normed = take(&mut work.normed, x.len());
    layer.feed_norm.apply(level, x, normed);
    let len = x.len() / width * layer.feed.inner.matrix.shape().0;
    let inner = take(&mut work.inner, len);
    layer.feed.inner.apply(level, normed, inner, cancel)?;
    let gated = match &layer.feed.gated {
        None => None,
        Some(linear) => {
            let gated = take(&mut work.gated, len);
            linear.apply(level, normed, gated, cancel)?;
            Some(&*gated)
        }
    };
    layer.feed.activation.apply(level, inner, gated);
    let added = take(&mut work.added, x.len());
    layer.feed.outer.apply(level, inner, added, cancel)?;
    add(x, added);
    Ok(())
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// Of arrays that were made with the shape: it does not happen.
fn misfit(error: ndarray::ShapeError) -> DecoderError {
    DecoderError::argument("an array", error, "its own shape")
}
