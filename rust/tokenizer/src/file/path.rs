//! JSON values that know where they are, so that every error names the place and what was found there.

use serde_json::Value;

use crate::error::{Result, TokenizerError};

/// A value and its path from the top of the file.
pub struct Json<'a> {
    value: &'a Value,
    path: String,
}

/// A syntax or type error of the parser, with its line and column as the place.
pub(super) fn syntax(error: &serde_json::Error) -> TokenizerError {
    let text = error.to_string();
    // The parser appends its position, which is the place here.
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    TokenizerError::at(format!("line {} column {}", error.line(), error.column()), message)
}

impl<'a> Json<'a> {
    pub fn new(value: &'a Value, path: &str) -> Self {
        Self { value, path: path.to_owned() }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// An error at this value.
    pub fn error(&self, message: impl Into<String>) -> TokenizerError {
        TokenizerError::at(self.path.clone(), message)
    }

    fn expected(&self, what: &str) -> TokenizerError {
        let mut found = self.value.to_string();
        if found.chars().count() > 40 {
            found = found.chars().take(40).chain("...".chars()).collect();
        }
        self.error(format!("found {found}, expected {what}"))
    }

    /// A field that may be missing or null.
    pub fn optional(&self, name: &str) -> Result<Option<Json<'a>>> {
        let object = self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        let value = object.get(name).filter(|value| !value.is_null());
        Ok(value.map(|value| Json { value, path: format!("{}.{name}", self.path) }))
    }

    pub fn field(&self, name: &str) -> Result<Json<'a>> {
        self.optional(name)?.ok_or_else(|| self.error(format!("field {name:?} is missing")))
    }

    pub fn elements(&self) -> Result<Vec<Json<'a>>> {
        let array = self.value.as_array().ok_or_else(|| self.expected("an array"))?;
        let element = |(index, value)| Json { value, path: format!("{}[{index}]", self.path) };
        Ok(array.iter().enumerate().map(element).collect())
    }

    pub fn entries(&self) -> Result<Vec<(&'a str, Json<'a>)>> {
        let object = self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        let entry = |(name, value): (&'a String, _)| {
            (name.as_str(), Json { value, path: format!("{}.{name}", self.path) })
        };
        Ok(object.iter().map(entry).collect())
    }

    pub fn string(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    pub fn boolean(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    pub fn id(&self) -> Result<u32> {
        let id = self.value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| self.expected("an integer from 0 to 4294967295"))
    }

    pub fn size(&self) -> Result<usize> {
        let size = self.value.as_u64().and_then(|size| usize::try_from(size).ok());
        size.ok_or_else(|| self.expected("an integer of 0 or more"))
    }

    pub fn is_number(&self) -> bool {
        self.value.is_number()
    }

    pub fn number(&self) -> Result<f64> {
        self.value.as_f64().ok_or_else(|| self.expected("a number"))
    }

    /// The `type` field.
    pub fn type_name(&self) -> Result<&'a str> {
        self.field("type")?.string()
    }

    pub fn boolean_or(&self, name: &str, default: bool) -> Result<bool> {
        self.optional(name)?.map_or(Ok(default), |json| json.boolean())
    }
}
