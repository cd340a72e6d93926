//! Patterns for messages of words: `[ip, user, ..., status = 4* || status = 5*, bytes]`. Words are divided by spaces; what
//! stands in double quotes or square brackets is one word.

use std::collections::BTreeMap;

use super::{
    BadPattern,
    lexer::Lexer,
    value::{self, Test},
};
use crate::limits::PATTERN_REGEXES;

#[derive(Clone, Debug)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Test(Test),
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    condition: Option<Condition>,
}

/// A pattern of words.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    before: Vec<Field>,
    /// Behind an ellipsis; `None` without one.
    behind: Option<Vec<Field>>,
}

impl Condition {
    fn holds(&self, word: &str) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(word)),
            Self::Or(any) => any.iter().any(|one| one.holds(word)),
            Self::Test(test) => test.word(word),
        }
    }
    fn regexes(&self) -> usize {
        match self {
            Self::And(many) | Self::Or(many) => many.iter().map(Self::regexes).sum(),
            Self::Test(test) => usize::from(test.is_regex()),
        }
    }
}

impl Fields {
    /// Each field with its word; `None` when their numbers do not agree.
    fn pairs<'f, 'w>(&'f self, words: &[&'w str]) -> Option<Vec<(&'f Field, &'w str)>> {
        let behind = self.behind.as_deref();
        let named = self.before.len() + behind.map_or(0, <[Field]>::len);
        if words.len() < named || (behind.is_none() && words.len() > named) {
            return None;
        }
        let tail = behind.unwrap_or_default();
        let tail_words = words.get(words.len() - tail.len()..).unwrap_or_default();
        let head = self.before.iter().zip(words.iter().copied());
        Some(head.chain(tail.iter().zip(tail_words.iter().copied())).collect())
    }

    pub(super) fn matches(&self, words: &[&str]) -> bool {
        let holds = |(field, word): (&Field, &str)| {
            field.condition.as_ref().is_none_or(|condition| condition.holds(word))
        };
        self.pairs(words).is_some_and(|pairs| pairs.into_iter().all(holds))
    }

    /// The word of a field, or of a place (`1`).
    pub(super) fn value(&self, words: &[&str], name: &str) -> Option<String> {
        let named =
            self.pairs(words)?.into_iter().find(|(field, _)| field.name == name).map(|(_, word)| word);
        let placed = || words.get(name.parse::<usize>().ok()?.checked_sub(1)?).copied();
        named.or_else(placed).map(str::to_owned)
    }

    /// Every word under its field's name; those of an ellipsis under their place's.
    pub(super) fn extract(&self, words: &[&str]) -> BTreeMap<String, String> {
        let tail = self.behind.as_deref().unwrap_or_default();
        let tail_at = words.len().saturating_sub(tail.len());
        let name = |at: usize| {
            let field = if at >= tail_at && self.behind.is_some() {
                tail.get(at - tail_at)
            } else {
                self.before.get(at)
            };
            match field.map(|field| field.name.as_str()) {
                Some(name) if !name.is_empty() => format!("${name}"),
                _ => format!("${}", at + 1),
            }
        };
        words.iter().enumerate().map(|(at, word)| (name(at), (*word).to_owned())).collect()
    }
}

/// Divides a message into words.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let close = match rest.as_bytes().first() {
            Some(b'"') => Some('"'),
            Some(b'[') => Some(']'),
            _ => None,
        };
        let inner = close.and_then(|close| rest.get(1..)?.find(close));
        let (word, end) = if let Some(len) = inner {
            (rest.get(1..=len), len + 2)
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (rest.get(..end), end)
        };
        words.push(word.unwrap_or_default());
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    words
}

pub(super) fn parse(text: &str) -> Result<Fields, BadPattern> {
    let mut lexer = Lexer(text);
    let mut fields = Fields { before: Vec::new(), behind: None };
    loop {
        lexer.skip_space();
        if lexer.take("...") {
            if fields.behind.replace(Vec::new()).is_some() {
                return Err(BadPattern);
            }
        } else {
            let field = field(&mut lexer)?;
            fields.behind.as_mut().unwrap_or(&mut fields.before).push(field);
        }
        lexer.skip_space();
        if lexer.is_done() {
            break;
        }
        if !lexer.take(",") {
            return Err(BadPattern);
        }
    }
    let all = fields.before.iter().chain(fields.behind.iter().flatten());
    let regexes: usize = all.filter_map(|field| field.condition.as_ref()).map(Condition::regexes).sum();
    if regexes > PATTERN_REGEXES { Err(BadPattern) } else { Ok(fields) }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '@' | '#' | '$')
}

fn field(lexer: &mut Lexer<'_>) -> Result<Field, BadPattern> {
    let grouped = lexer.peek() == Some('(');
    let name = if grouped {
        // `(status = 404 || status = 410)`: the name stands within.
        let inner = lexer.0.trim_start_matches(['(', ' ']);
        Lexer(inner).take_while(is_name)
    } else {
        let mut ahead = *lexer;
        let name = ahead.take_while(is_name);
        ahead.skip_space();
        if !ahead.0.starts_with(['=', '!', '<', '>']) {
            *lexer = ahead;
            return Ok(Field { name: name.to_owned(), condition: None });
        }
        name
    };
    let condition = any(lexer, name, 0)?;
    Ok(Field { name: name.to_owned(), condition: Some(condition) })
}

fn any(lexer: &mut Lexer<'_>, name: &str, depth: usize) -> Result<Condition, BadPattern> {
    let mut many = vec![all(lexer, name, depth)?];
    loop {
        lexer.skip_space();
        if !lexer.take("||") {
            break;
        }
        many.push(all(lexer, name, depth)?);
    }
    Ok(if many.len() == 1 { many.remove(0) } else { Condition::Or(many) })
}

fn all(lexer: &mut Lexer<'_>, name: &str, depth: usize) -> Result<Condition, BadPattern> {
    let mut many = vec![one(lexer, name, depth)?];
    loop {
        lexer.skip_space();
        if !lexer.take("&&") {
            break;
        }
        many.push(one(lexer, name, depth)?);
    }
    Ok(if many.len() == 1 { many.remove(0) } else { Condition::And(many) })
}

fn one(lexer: &mut Lexer<'_>, name: &str, depth: usize) -> Result<Condition, BadPattern> {
    lexer.skip_space();
    if lexer.take("(") {
        if depth > 64 {
            return Err(BadPattern);
        }
        let inner = any(lexer, name, depth + 1)?;
        lexer.skip_space();
        return if lexer.take(")") { Ok(inner) } else { Err(BadPattern) };
    }
    // A field's conditions are about itself.
    if lexer.take_while(is_name) != name {
        return Err(BadPattern);
    }
    lexer.skip_space();
    let operator = value::operator(lexer).ok_or(BadPattern)?;
    Ok(Condition::Test(value::test(lexer, operator, |c| matches!(c, ',' | ')' | '&' | '|'))?))
}
