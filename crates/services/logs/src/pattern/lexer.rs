//! Reading a pattern's text from its front.

use super::BadPattern;

/// What is left of a text.
#[derive(Clone, Copy)]
pub(super) struct Lexer<'a>(pub(super) &'a str);

impl<'a> Lexer<'a> {
    pub(super) fn skip_space(&mut self) {
        self.0 = self.0.trim_start();
    }
    pub(super) fn peek(&self) -> Option<char> {
        self.0.chars().next()
    }
    pub(super) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
    /// Takes a text that stands here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let rest = self.0.strip_prefix(text);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
    /// Takes a word of letters in whatever case, if it ends here.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let Some(head) = self.0.get(..word.len()) else { return false };
        let rest = self.0.get(word.len()..).unwrap_or_default();
        let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let there = head.eq_ignore_ascii_case(word) && ends;
        if there {
            self.0 = rest;
        }
        there
    }
    /// Takes characters as long as they are wanted.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !wanted(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }
    /// Takes what stands between two marks (`"` or `%`), the first of which stands here. A backslash before the mark makes
    /// it part of the text; before a quoted `\` it stands for one.
    pub(super) fn delimited(&mut self, mark: char) -> Result<String, BadPattern> {
        let mut text = String::new();
        let mut chars = self.0.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c == mark {
                self.0 = self.0.get(at + mark.len_utf8()..).unwrap_or_default();
                return Ok(text);
            }
            match (c, chars.peek()) {
                ('\\', Some((_, next))) if *next == mark || (*next == '\\' && mark == '"') => {
                    text.push(*next);
                    chars.next();
                }
                _ => text.push(c),
            }
        }
        Err(BadPattern)
    }
}
