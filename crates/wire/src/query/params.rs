//! The parameters of a query request, from its address and its form-encoded body.

use std::{borrow::Cow, cmp::Ordering};

use crate::{
    shape::{Read, ReadError},
    text::find,
};

/// At most this many parameters are read; SQS's largest batch has a few hundred.
pub const PARAMS: usize = 20_000;

/// Decoded parameters in the order sent.
#[derive(Clone, Debug, Default)]
pub struct Params<'a> {
    pub(super) pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// Reads a query string and a form-encoded body.
    ///
    /// Errors: a broken percent escape, text that is not UTF-8, more than [`PARAMS`] parameters.
    pub fn parse(query: &'a str, body: &'a [u8]) -> Read<Self> {
        let mut params = Self::default();
        params.extend(query.as_bytes())?;
        // Command line tools end a body with a newline.
        params.extend(body.trim_ascii_end())?;
        Ok(params)
    }

    fn extend(&mut self, text: &'a [u8]) -> Read<()> {
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if self.pairs.len() == PARAMS {
                return Err(ReadError::new(format!("The request has more than {PARAMS} parameters")));
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            self.pairs.push((decode(name)?, decode(value)?));
        }
        Ok(())
    }

    /// The value of a parameter, by its whole name (`Attribute.1.Name`).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// Whether a parameter is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a parameter.
    pub fn insert(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        self.pairs.push((name.into(), value.into()));
    }

    /// Sorts by name, so that everything under one prefix stands together: a dot sorts before all else.
    pub(super) fn sort(&mut self) {
        self.pairs.sort_by(|(a, _), (b, _)| by_segments(a, b));
    }
}

fn by_segments(a: &str, b: &str) -> Ordering {
    let low = |byte: u8| if byte == b'.' { 0 } else { byte };
    a.bytes().map(low).cmp(b.bytes().map(low))
}

/// Decodes one half of a pair: `+` is a blank, `%XX` a byte.
pub(crate) fn decode(text: &[u8]) -> Read<Cow<'_, str>> {
    let escaped = |byte: u8| matches!(byte, b'+' | b'%');
    let broken = || ReadError::new("The request contains a broken percent escape");
    let mut rest = text;
    let mut out = Vec::new();
    while let Some((plain, [mark, after @ ..])) = find(rest, escaped).and_then(|at| rest.split_at_checked(at))
    {
        out.reserve(rest.len());
        out.extend_from_slice(plain);
        rest = after;
        if *mark == b'+' {
            out.push(b' ');
            continue;
        }
        let [high, low, after @ ..] = after else { return Err(broken()) };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = digit(*high).zip(digit(*low)).ok_or_else(broken)?;
        out.push(high * 16 + low);
        rest = after;
    }
    if out.is_empty() {
        return std::str::from_utf8(rest).map(Cow::Borrowed).map_err(|_| not_utf8());
    }
    out.extend_from_slice(rest);
    String::from_utf8(out).map(Cow::Owned).map_err(|_| not_utf8())
}

fn not_utf8() -> ReadError {
    ReadError::new("The request contains text that is not UTF-8")
}
