//! Text before it is tokens: pages to text, words and sentences, what tells good text from bad.

pub mod duplicates;
mod hash;
pub mod html;
pub mod personal;
pub mod quality;
pub mod segment;
mod texts;

pub use texts::each;
