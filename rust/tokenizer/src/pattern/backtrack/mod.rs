//! Patterns that look around, take without giving back, or refer back: a backtracking machine.
//!
//! Whether the rest of a pattern matches from some place of its program at some place of the text depends on
//! nothing else, unless there are backreferences. So what has failed once need not be tried again, also not in the
//! search for the next match, and all matches of a text are found in time linear in it. Programs that do depend on
//! more (see [`program::Program::remembers`]) have a limit of steps, and a search that exceeds it is an error.

mod machine;
mod program;

use crate::error::Result;
use crate::pattern::syntax::Node;
use machine::Search;
use program::Program;

#[derive(Debug)]
pub(super) struct Backtracker {
    program: Program,
}

impl Backtracker {
    pub fn new(node: &Node) -> Result<Self> {
        Ok(Self { program: Program::new(node)? })
    }

    pub fn search<'a>(&'a self, text: &'a str) -> Search<'a> {
        Search::new(&self.program, text)
    }
}
