//! Bindings of `ferrolm-decoder`.

use ferrolm_attention::{Element, Matrix};
use ferrolm_base::Cancel;
use ferrolm_decoder::{
    Activation, Cache, Decoder as Model, DecoderError, Feed, Heads, Layer, Linear, Norm, Positions, Project,
    Step,
};
use numpy::ndarray::ArrayView2;
use numpy::{PyArray3, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::enter::{enter, enter_brief};
use crate::errors::{Kind, ToPyErr};
use crate::linear::{LinearWeights, float32, last_two};
use crate::unsafe_sequences::List;
use crate::unsafe_views::{AnyView, AnyViewMut, Owners, view, view_mut};

/// Bytes of weights, times tokens, from which a step is long enough to watch for Ctrl-C: some 20 ms.
const LONG_STEP: usize = 1 << 28;

/// A model for `step`; see `ferrolm.models.cpu_decoder`.
#[pyclass(frozen, name = "Decoder", module = "ferrolm._rust")]
struct Decoder {
    // Dropped before what it looks at.
    model: Model<'static>,
    size: usize,
    _owners: Owners,
}

/// (weight, bias or None, epsilon); root mean square where there is no bias.
type NormParts<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, f32);
/// (matrix, bias or None)
type LinearParts<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

#[derive(FromPyObject)]
struct LayerParts<'py> {
    attention_norm: NormParts<'py>,
    /// One, or those of queries, keys and values.
    project: List<LinearParts<'py>>,
    head_norms: Option<(NormParts<'py>, NormParts<'py>)>,
    output: LinearParts<'py>,
    feed_norm: NormParts<'py>,
    inner: LinearParts<'py>,
    gated: Option<LinearParts<'py>>,
    outer: LinearParts<'py>,
    activation: String,
    scale: f32,
    window: Option<i64>,
}

#[derive(FromPyObject)]
enum PositionParts<'py> {
    Rotary((Vec<f32>, f32)),
    Learned(Bound<'py, PyAny>),
}

#[pymethods]
impl Decoder {
    /// Matrices are `LinearWeights` or tensors (outputs, inputs), which must not be given back while this object lives.
    #[new]
    #[pyo3(signature = (embedding, positions, layers, norm, head, heads, /))]
    fn new(
        py: Python<'_>,
        embedding: &Bound<'_, PyAny>,
        positions: PositionParts<'_>,
        layers: List<LayerParts<'_>>,
        norm: NormParts<'_>,
        head: LinearParts<'_>,
        heads: (usize, usize, usize),
    ) -> PyResult<Self> {
        let mut reader = Reader { owners: Owners::default(), size: 0 };
        let embedding = reader.matrix(embedding, "the embedding")?;
        reader.size = 0;
        let positions = match positions {
            PositionParts::Rotary((frequencies, factor)) => Positions::Rotary { frequencies, factor },
            PositionParts::Learned(table) => Positions::Learned(reader.matrix(&table, "the positions")?),
        };
        let layers = layers.into_iter().map(|parts| reader.layer(parts)).collect::<PyResult<_>>()?;
        let (norm, head) = (read_norm(norm)?, reader.linear(head, "the head")?);
        let heads = Heads { query: heads.0, key_value: heads.1, dimension: heads.2 };
        let Reader { owners, size } = reader;
        let model = py
            .detach(|| Model::new(embedding, positions, layers, norm, head, heads))
            .map_err(DecoderError::to_py_err)?;
        Ok(Self { model, size, _owners: owners })
    }

    /// float32 (batch, keep, vocabulary): the logits after the last `keep` tokens of each sequence.
    ///
    /// ids, positions: int64 (batch, tokens). caches: of each layer keys and values, tensors (batch, heads, capacity,
    /// dimension) of one floating type, of which `past` tokens are filled and the step's are added. visible: bool
    /// (batch, past + tokens), false for padding.
    #[expect(clippy::too_many_arguments, reason = "a step has them")]
    #[pyo3(signature = (ids, positions, caches, past, keep, visible=None, /))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        ids: PyReadonlyArray2<'py, i64>,
        positions: PyReadonlyArray2<'py, i64>,
        caches: List<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
        past: usize,
        keep: usize,
        visible: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let batch = ids.as_array().nrows();
        let (ids, positions) = (numbers(&ids, "ids")?, numbers(&positions, "positions")?);
        let visible = visible.map(|visible| flags(visible)).transpose()?;
        let step = Step { batch, ids: &ids, positions: &positions, past, keep, visible };
        let logits = PyArray3::<f32>::zeros(py, [batch, keep, self.model.vocabulary()], false);
        let mut writable = logits.readwrite();
        let out = writable.as_slice_mut()?;
        let mut views = Vec::with_capacity(caches.len());
        for (keys, values) in &caches {
            // SAFETY: the interpreter runs no other call with these tensors; a thread of the caller's that does would
            // get wrong numbers, as torch gives them.
            views.push(unsafe {
                (view_mut(keys, "the cached keys")?, view_mut(values, "the cached values")?)
            });
        }
        match views.first() {
            None | Some((AnyViewMut::Float32(_), _)) => self.run(py, step, typed(views, as_f32)?, out),
            Some((AnyViewMut::Float16(_), _)) => self.run(py, step, typed(views, as_f16)?, out),
            Some((AnyViewMut::Bfloat16(_), _)) => self.run(py, step, typed(views, as_bf16)?, out),
        }?;
        drop(writable);
        Ok(logits)
    }

    /// Bytes that a step reads of the weights.
    #[getter]
    fn nbytes(&self) -> usize {
        self.size
    }
}

impl Decoder {
    fn run<E: Element>(
        &self,
        py: Python<'_>,
        step: Step<'_>,
        mut caches: Vec<Cache<'_, E>>,
        out: &mut [f32],
    ) -> PyResult<()> {
        let mut work = |cancel: &Cancel| self.model.step(step, &mut caches, out, cancel);
        let result = if self.size.saturating_mul(step.ids.len()) < LONG_STEP {
            enter_brief(py, work)
        } else {
            enter(py, &mut work)?
        };
        result.map_err(DecoderError::to_py_err)
    }
}

type ViewMut<'a, E> = numpy::ndarray::ArrayViewMut4<'a, E>;

macro_rules! as_type {
    ($name:ident, $variant:ident, $type:ty) => {
        fn $name(view: AnyViewMut<'_>) -> Option<ViewMut<'_, $type>> {
            match view {
                AnyViewMut::$variant(view) => Some(view),
                _ => None,
            }
        }
    };
}

as_type!(as_f32, Float32, f32);
as_type!(as_f16, Float16, ferrolm_attention::f16);
as_type!(as_bf16, Bfloat16, ferrolm_attention::bf16);

fn typed<'a, E>(
    views: Vec<(AnyViewMut<'a>, AnyViewMut<'a>)>,
    of: fn(AnyViewMut<'a>) -> Option<ViewMut<'a, E>>,
) -> PyResult<Vec<Cache<'a, E>>> {
    let one = |(keys, values)| Some(Cache { keys: of(keys)?, values: of(values)? });
    let all: Option<Vec<_>> = views.into_iter().map(one).collect();
    all.ok_or_else(|| Kind::ShapeError.error("the caches have several dtypes: expected one"))
}

fn numbers(array: &PyReadonlyArray2<'_, i64>, argument: &str) -> PyResult<Vec<usize>> {
    let negative = || Kind::InvalidArgumentError.error(format!("{argument} has negative numbers"));
    array.as_array().iter().map(|id| usize::try_from(*id).map_err(|_| negative())).collect()
}

fn flags<'a>(visible: &'a Bound<'_, PyAny>) -> PyResult<ArrayView2<'a, bool>> {
    let AnyView::Boolean(visible) = view(visible, "visible")? else {
        return Err(Kind::ShapeError.error("visible must be bool"));
    };
    last_two(visible).ok_or_else(|| Kind::ShapeError.error("visible has more than two axes"))
}

/// Reads the parts of a model, and keeps what they look at.
struct Reader {
    owners: Owners,
    size: usize,
}

impl Reader {
    fn matrix(&mut self, object: &Bound<'_, PyAny>, part: &str) -> PyResult<Matrix<'static>> {
        let matrix = match object.cast::<LinearWeights>() {
            // SAFETY: the model, which has the weights, is dropped before the owners.
            Ok(weights) => Matrix::from(unsafe { self.owners.weights(weights) }),
            Err(_) => {
                // SAFETY: the model, which has the views, is dropped before the owners; callers pass tensors of their
                // own that share the memory (`detach`).
                match unsafe { self.owners.view(object, part)? } {
                    AnyView::Float32(array) => of_memory(array, part)?,
                    AnyView::Float16(array) => of_memory(array, part)?,
                    AnyView::Bfloat16(array) => of_memory(array, part)?,
                    AnyView::Boolean(_) | AnyView::Int8(_) => {
                        return Err(Kind::ShapeError.error(format!("{part} has no floating dtype")));
                    }
                }
            }
        };
        self.size += matrix.size();
        Ok(matrix)
    }

    fn linear(&mut self, (matrix, bias): LinearParts<'_>, part: &str) -> PyResult<Linear<'static>> {
        let bias = bias.map(|bias| vector(&bias, "a bias")).transpose()?;
        Ok(Linear { matrix: self.matrix(&matrix, part)?, bias })
    }

    fn layer(&mut self, parts: LayerParts<'_>) -> PyResult<Layer<'static>> {
        let mut projections = Vec::new();
        for linear in parts.project {
            projections.push(self.linear(linear, "a projection")?);
        }
        let project = match <[Linear; 3]>::try_from(projections) {
            Ok([query, key, value]) => Project::Each { query, key, value },
            Err(mut one) if one.len() == 1 => Project::Together(one.remove(0)),
            Err(other) => {
                let message = format!("project has {} parts: expected 1 or 3", other.len());
                return Err(Kind::InvalidArgumentError.error(message));
            }
        };
        let Some(activation) = Activation::from_name(&parts.activation) else {
            let message = format!("{:?} is no activation", parts.activation);
            return Err(Kind::InvalidArgumentError.error(message));
        };
        let head_norms = match parts.head_norms {
            None => None,
            Some((query, key)) => Some((read_norm(query)?, read_norm(key)?)),
        };
        let gated = parts.gated.map(|linear| self.linear(linear, "the gate's product")).transpose()?;
        let feed = Feed {
            inner: self.linear(parts.inner, "the inner product")?,
            gated,
            outer: self.linear(parts.outer, "the outer product")?,
            activation,
        };
        Ok(Layer {
            attention_norm: read_norm(parts.attention_norm)?,
            project,
            head_norms,
            output: self.linear(parts.output, "the attention's output")?,
            feed_norm: read_norm(parts.feed_norm)?,
            feed,
            scale: parts.scale,
            window: parts.window,
        })
    }
}

fn of_memory<E: Element>(
    array: numpy::ndarray::ArrayView4<'static, E>,
    part: &str,
) -> PyResult<Matrix<'static>> {
    let matrix = last_two(array)
        .ok_or_else(|| Kind::ShapeError.error(format!("{part} has more than two axes: expected a matrix")))?;
    Matrix::new(matrix).map_err(ferrolm_attention::AttentionError::to_py_err)
}

fn read_norm((weight, bias, epsilon): NormParts<'_>) -> PyResult<Norm> {
    let weight = vector(&weight, "a norm's weight")?;
    Ok(match bias {
        Some(bias) => Norm::Layer { weight, bias: vector(&bias, "a norm's bias")?, epsilon },
        None => Norm::RootMeanSquare { weight, epsilon },
    })
}

/// A float32 vector, copied.
fn vector(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<f32>> {
    Ok(float32(object, name)?.iter().copied().collect())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Decoder>()
}
