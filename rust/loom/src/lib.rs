//! The tests are all there is, see `tests/`.
