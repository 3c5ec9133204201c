//! Bindings of `ferrolm_ngram::external`: counting and estimation within a limit of memory.

use std::path::PathBuf;
use std::sync::Mutex;

use ferrolm_base::Cancel;
use ferrolm_ngram::NgramError;
use ferrolm_ngram::external::{Counting, Input, Place, Training, Units};
use ferrolm_ngram::text::Reserved;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::enter::enter;
use crate::errors::Kind;
use crate::ngram::{PyCounts, PyModel, PyReport, PyText, options, raise, report, slice};
use crate::unsafe_sequences::List;

/// What is being made; `None` once it has been handed out.
#[pyclass(frozen, name = "NgramTask", module = "ferrolm._rust")]
struct PyTask(Mutex<Option<Task>>);

enum Task {
    Counting(Box<Counting>),
    Training(Box<Training>),
}

/// The same call on either.
macro_rules! either {
    ($task:expr, $one:ident => $call:expr) => {
        match $task {
            Task::Counting($one) => $call,
            Task::Training($one) => $call,
        }
    };
}

fn place<'a>(directory: Option<&'a PathBuf>, temporary: Option<&'a PathBuf>, work: &'a str) -> Place<'a> {
    directory
        .map_or(Place::Nameless(temporary.map(PathBuf::as_path)), |directory| Place::Kept { directory, work })
}

impl PyTask {
    fn new(task: Result<Task, NgramError>) -> PyResult<Self> {
        raise(task).map(|task| Self(Mutex::new(Some(task))))
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Task, &Cancel) -> Result<T, NgramError> + Send,
    ) -> PyResult<T> {
        let busy = |_| Kind::InvalidArgumentError.error("the task is in use in another thread");
        let mut slot = self.0.try_lock().map_err(busy)?;
        let over = || Kind::InvalidArgumentError.error("the task is finished");
        let task = slot.as_mut().ok_or_else(over)?;
        raise(enter(py, |cancel| work(task, cancel))?)
    }

    fn take(&self) -> PyResult<Task> {
        let over = || Kind::InvalidArgumentError.error("the task is finished or in use in another thread");
        self.0.try_lock().ok().and_then(|mut slot| slot.take()).ok_or_else(over)
    }
}

#[pymethods]
impl PyTask {
    /// `markers`: with `<s>` and `</s>`; ids then need `vocab_size`.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the options of counting, each named in Python")]
    fn counting(
        orders: List<usize>,
        markers: bool,
        over_ids: bool,
        vocab_size: Option<u32>,
        memory: usize,
        directory: Option<PathBuf>,
        temporary: Option<PathBuf>,
        work: &str,
    ) -> PyResult<Self> {
        let reserved = if markers { Reserved::Refuse } else { Reserved::Plain };
        let units = if over_ids { Units::Ids(vocab_size) } else { Units::Words(reserved) };
        let place = place(directory.as_ref(), temporary.as_ref(), work);
        Self::new(
            Counting::new(place, memory, units, &orders, markers)
                .map(|counting| Task::Counting(Box::new(counting))),
        )
    }

    /// `vocab_size` is for ids; `skip_symbols` for words.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the options of training, each named in Python")]
    fn training(
        order: usize,
        smoothing: (String, Vec<f64>),
        prune: List<u32>,
        interpolate_unigrams: bool,
        discount_fallback: Option<[f64; 3]>,
        vocabulary: Option<PyText>,
        over_ids: bool,
        vocab_size: Option<u32>,
        skip_symbols: bool,
        memory: usize,
        directory: Option<PathBuf>,
        temporary: Option<PathBuf>,
        work: &str,
    ) -> PyResult<Self> {
        let options =
            options(order, &smoothing, prune, interpolate_unigrams, discount_fallback, vocabulary.as_ref())?;
        let reserved = if skip_symbols { Reserved::Skip } else { Reserved::Refuse };
        let units = if over_ids { Units::Ids(vocab_size) } else { Units::Words(reserved) };
        let place = place(directory.as_ref(), temporary.as_ref(), work);
        Self::new(
            Training::new(place, memory, units, &options).map(|training| Task::Training(Box::new(training))),
        )
    }

    /// Training on counts; `close` gives its stages at once.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the options of training, each named in Python")]
    fn of_counts(
        py: Python<'_>,
        counts: &Bound<'_, PyCounts>,
        order: usize,
        smoothing: (String, Vec<f64>),
        prune: List<u32>,
        interpolate_unigrams: bool,
        discount_fallback: Option<[f64; 3]>,
        vocabulary: Option<PyText>,
        vocab_size: Option<u32>,
        memory: usize,
        temporary: Option<PathBuf>,
    ) -> PyResult<Self> {
        let options =
            options(order, &smoothing, prune, interpolate_unigrams, discount_fallback, vocabulary.as_ref())?;
        let counts = &counts.get().0;
        let task = enter(py, |cancel| {
            let place = Place::Nameless(temporary.as_deref());
            Training::of_counts(place, memory, counts, vocab_size, &options, cancel)
                .map(|training| Task::Training(Box::new(training)))
        })?;
        Self::new(task)
    }

    /// How many pieces of input interrupted work has already.
    fn completed(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |task, _| Ok(either!(task, one => one.completed())))
    }

    fn push_text(&self, py: Python<'_>, text: PyText) -> PyResult<()> {
        self.with(py, |task, cancel| {
            text.with(|text| either!(task, one => one.push(Input::Text(text), cancel)))
        })
    }

    fn push_ids(
        &self,
        py: Python<'_>,
        ids: PyReadonlyArray1<'_, u32>,
        offsets: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<()> {
        let input = Input::Ids { ids: slice(&ids, "ids")?, offsets: slice(&offsets, "offsets")? };
        self.with(py, |task, cancel| either!(task, one => one.push(input, cancel)))
    }

    /// All input has been given: the stages to run.
    fn close(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |task, cancel| {
            either!(task, one => one.close(cancel).map(|stages| (0..stages).map(|i| one.describe(i)).collect()))
        })
    }

    fn run(&self, py: Python<'_>, stage: usize) -> PyResult<()> {
        self.with(py, |task, cancel| either!(task, one => one.run(stage, cancel)))
    }

    fn counts(&self, py: Python<'_>) -> PyResult<PyCounts> {
        match self.take()? {
            Task::Counting(counting) => raise(enter(py, |cancel| counting.finish(cancel))?).map(PyCounts),
            Task::Training(_) => Err(Kind::InvalidArgumentError.error("the task makes a model, not counts")),
        }
    }

    fn model(&self, py: Python<'_>) -> PyResult<(PyModel, Vec<PyReport>)> {
        match self.take()? {
            Task::Training(training) => {
                let (model, reports) = raise(enter(py, |cancel| training.finish(cancel))?)?;
                Ok((PyModel(model.into()), reports.into_iter().map(report).collect()))
            }
            Task::Counting(_) => Err(Kind::InvalidArgumentError.error("the task makes counts, not a model")),
        }
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyTask>()
}
