//! Terms: what a message has to contain, must not contain, or contains one of.

use regex::Regex;

use super::{BadPattern, lexer::Lexer, value};

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Text(term) => text.contains(term.as_str()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// A pattern of terms.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    none: Vec<Term>,
    any: Vec<Term>,
}

impl Terms {
    /// Beside other terms, those with a question mark count for nothing: so AWS says.
    pub(super) fn matches(&self, text: &str) -> bool {
        if self.all.is_empty() && self.none.is_empty() {
            return self.any.iter().any(|term| term.is_in(text));
        }
        self.all.iter().all(|term| term.is_in(text)) && !self.none.iter().any(|term| term.is_in(text))
    }
}

pub(super) fn parse(text: &str) -> Result<Terms, BadPattern> {
    let mut lexer = Lexer(text);
    let mut terms = Terms::default();
    loop {
        lexer.skip_space();
        let Some(first) = lexer.peek() else { break };
        let kind = if first == '?' || first == '-' { first } else { ' ' };
        if kind != ' ' {
            lexer.take(&kind.to_string());
        }
        let term = match lexer.peek() {
            Some('"') => Term::Text(lexer.delimited('"')?),
            Some('%') => Term::Regex(value::regex(&lexer.delimited('%')?)?),
            _ => Term::Text(lexer.take_while(|c| !c.is_whitespace() && c != '"').to_owned()),
        };
        if matches!(&term, Term::Text(text) if text.is_empty()) {
            return Err(BadPattern);
        }
        match kind {
            '?' => terms.any.push(term),
            '-' => terms.none.push(term),
            _ => terms.all.push(term),
        }
    }
    let all = terms.all.iter().chain(&terms.none).chain(&terms.any);
    let regexes = all.filter(|term| matches!(term, Term::Regex(_))).count();
    if regexes > crate::limits::PATTERN_REGEXES { Err(BadPattern) } else { Ok(terms) }
}
