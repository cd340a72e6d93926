//! A pull scanner over JSON text. It borrows texts without escapes, allocates only for those that have some, and never
//! recurses deeper than [`DEPTH`].

use std::borrow::Cow;

use super::DEPTH;
use crate::{
    shape::{Read, ReadError},
    text::find,
};

/// A place in a JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.rest().as_bytes();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    /// Takes `byte` if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.take(byte) { Ok(()) } else { Err(self.malformed()) }
    }

    /// Takes a word such as `null`.
    pub(super) fn word(&mut self, word: &str) -> bool {
        self.peek();
        let comes = self.rest().starts_with(word);
        self.at += if comes { word.len() } else { 0 };
        comes
    }

    pub(super) fn malformed(&mut self) -> ReadError {
        ReadError::new(match self.peek() {
            None => "Unexpected end of the JSON document".to_owned(),
            Some(_) => format!("Unexpected character in the JSON document at byte {}", self.at),
        })
    }

    fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(ReadError::new(format!("The JSON document is nested deeper than {DEPTH}")));
        }
        Ok(())
    }

    /// Takes the bracket that begins an object or an array.
    pub(super) fn begin(&mut self, open: u8) -> Read<()> {
        self.expect(open)?;
        self.deeper()
    }

    /// After [`Self::begin`] and after each value: whether there is another one. Takes commas and `close`.
    pub(super) fn next(&mut self, close: u8, first: bool) -> Read<bool> {
        if self.take(close) {
            self.depth = self.depth.saturating_sub(1);
            return Ok(false);
        }
        if !first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// A key and its colon.
    pub(super) fn key(&mut self) -> Read<Cow<'a, str>> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// A text, its escapes undone.
    pub(super) fn string(&mut self) -> Read<Cow<'a, str>> {
        self.expect(b'"')?;
        let chunk = self.plain()?;
        if self.rest().as_bytes().first() == Some(&b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(chunk));
        }
        let mut out = String::with_capacity(chunk.len() + 64);
        out.push_str(chunk);
        loop {
            match self.rest().as_bytes().first() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                _ => out.push(self.escape()?),
            }
            out.push_str(self.plain()?);
        }
    }

    /// Everything up to a quote or a backslash.
    fn plain(&mut self) -> Read<&'a str> {
        let rest = self.rest();
        let Some(length) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else {
            return Err(ReadError::new("Unexpected end of the JSON document"));
        };
        let chunk = rest.get(..length).unwrap_or_default();
        if find(chunk.as_bytes(), |byte| byte < 0x20).is_some() {
            return Err(ReadError::new("Illegal unquoted control character in the JSON document"));
        }
        self.at += length;
        Ok(chunk)
    }

    fn escape(&mut self) -> Read<char> {
        let letter = self.rest().as_bytes().get(1).copied();
        self.at += 2;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(ReadError::new("Unrecognized escape in the JSON document")),
        })
    }

    fn unicode(&mut self) -> Read<char> {
        let broken = || ReadError::new("Broken unicode escape in the JSON document");
        let high = self.hex().ok_or_else(broken)?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or_else(broken);
        }
        if !self.rest().starts_with("\\u") {
            return Err(broken());
        }
        self.at += 2;
        let low = self.hex().filter(|low| (0xDC00..0xE000).contains(low)).ok_or_else(broken)?;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).ok_or_else(broken)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        self.at += 4;
        digits.bytes().try_fold(0, |sum, byte| Some(sum * 16 + char::from(byte).to_digit(16)?))
    }

    /// A number, as text of JSON's grammar.
    pub(super) fn number(&mut self) -> Read<&'a str> {
        self.peek();
        let rest = self.rest();
        let length = rest
            .bytes()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let text = rest.get(..length).unwrap_or_default();
        if !is_number(text) {
            return Err(self.malformed());
        }
        self.at += length;
        Ok(text)
    }

    /// Passes over one value of any kind and returns its text.
    pub(super) fn skip(&mut self) -> Read<&'a str> {
        self.peek();
        let start = self.at;
        match self.peek() {
            Some(b'"') => drop(self.string()?),
            Some(open @ (b'{' | b'[')) => {
                let close = if open == b'{' { b'}' } else { b']' };
                self.begin(open)?;
                let mut first = true;
                while self.next(close, first)? {
                    first = false;
                    if open == b'{' {
                        self.key()?;
                    }
                    self.skip()?;
                }
            }
            Some(b't' | b'f' | b'n') => {
                if !(self.word("true") || self.word("false") || self.word("null")) {
                    return Err(self.malformed());
                }
            }
            _ => drop(self.number()?),
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }
}

fn is_number(text: &str) -> bool {
    fn digits(text: &str) -> usize {
        text.bytes().take_while(u8::is_ascii_digit).count()
    }
    let text = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(text);
    let Some(mut rest) = text.get(whole..).filter(|_| whole > 0 && !(whole > 1 && text.starts_with('0')))
    else {
        return false;
    };
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        rest = fraction.get(length..).unwrap_or_default();
        if length == 0 {
            return false;
        }
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(power) => {
            let power = power.strip_prefix(['+', '-']).unwrap_or(power);
            !power.is_empty() && digits(power) == power.len()
        }
    }
}
