//! Text before it is tokens: pages to text, words and sentences, what tells good text from bad.

pub mod html;
