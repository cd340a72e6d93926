//! Patterns for JSON messages: `{ $.selector OP value && … || … }`.

use serde_json::Value;

use super::{
    BadPattern,
    lexer::Lexer,
    value::{self, Test},
};
use crate::limits::PATTERN_REGEXES;

/// Parentheses within parentheses.
const DEPTH: usize = 64;

#[derive(Clone, Debug)]
enum Step {
    Name(String),
    Index(usize),
    /// Every element, or every member.
    Any,
}

/// A property selector.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    /// As it was written.
    pub(super) source: String,
    steps: Vec<Step>,
}

/// What a pattern says.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Compare(Selector, Test),
    Null(Selector, bool),
    Bool(Selector, bool),
    Exists(Selector, bool),
}

impl Selector {
    /// Every value it selects.
    pub(super) fn values<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![root];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| select(step, value)).collect();
        }
        found
    }
}

fn select<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Name(name), Value::Object(members)) => members.get(name).into_iter().collect(),
        (Step::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
        (Step::Any, Value::Array(items)) => items.iter().collect(),
        (Step::Any, Value::Object(members)) => members.values().collect(),
        _ => Vec::new(),
    }
}

impl Expression {
    /// Whether a document is what this says. Where a selector finds several values, one of them suffices.
    pub(super) fn matches(&self, root: &Value) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.matches(root)),
            Self::Or(any) => any.iter().any(|one| one.matches(root)),
            Self::Compare(selector, test) => selector.values(root).into_iter().any(|value| test.json(value)),
            Self::Null(selector, is) => selector.values(root).into_iter().any(|value| value.is_null() == *is),
            Self::Bool(selector, is) => {
                selector.values(root).into_iter().any(|value| value.as_bool() == Some(*is))
            }
            Self::Exists(selector, does) => selector.values(root).is_empty() != *does,
        }
    }

    /// Every selector in it.
    pub(super) fn selectors(&self) -> Vec<&Selector> {
        match self {
            Self::And(many) | Self::Or(many) => many.iter().flat_map(Self::selectors).collect(),
            Self::Compare(one, _) | Self::Null(one, _) | Self::Bool(one, _) | Self::Exists(one, _) => {
                vec![one]
            }
        }
    }

    fn regexes(&self) -> usize {
        match self {
            Self::And(many) | Self::Or(many) => many.iter().map(Self::regexes).sum(),
            Self::Compare(_, test) => usize::from(test.is_regex()),
            _ => 0,
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Expression, BadPattern> {
    let mut lexer = Lexer(text);
    let expression = any(&mut lexer, 0)?;
    lexer.skip_space();
    if lexer.is_done() && expression.regexes() <= PATTERN_REGEXES { Ok(expression) } else { Err(BadPattern) }
}

/// Reads a selector by itself.
pub(super) fn selector(text: &str) -> Option<Selector> {
    let mut lexer = Lexer(text.trim());
    let selector = read_selector(&mut lexer).ok()?;
    lexer.is_done().then_some(selector)
}

fn any(lexer: &mut Lexer<'_>, depth: usize) -> Result<Expression, BadPattern> {
    let mut many = vec![all(lexer, depth)?];
    loop {
        lexer.skip_space();
        if !lexer.take("||") {
            break;
        }
        many.push(all(lexer, depth)?);
    }
    Ok(if many.len() == 1 { many.remove(0) } else { Expression::Or(many) })
}

fn all(lexer: &mut Lexer<'_>, depth: usize) -> Result<Expression, BadPattern> {
    let mut many = vec![one(lexer, depth)?];
    loop {
        lexer.skip_space();
        if !lexer.take("&&") {
            break;
        }
        many.push(one(lexer, depth)?);
    }
    Ok(if many.len() == 1 { many.remove(0) } else { Expression::And(many) })
}

fn one(lexer: &mut Lexer<'_>, depth: usize) -> Result<Expression, BadPattern> {
    lexer.skip_space();
    if lexer.take("(") {
        if depth == DEPTH {
            return Err(BadPattern);
        }
        let inner = any(lexer, depth + 1)?;
        lexer.skip_space();
        return if lexer.take(")") { Ok(inner) } else { Err(BadPattern) };
    }
    let selector = read_selector(lexer)?;
    lexer.skip_space();
    if let Some(operator) = value::operator(lexer) {
        let test = value::test(lexer, operator, |c| matches!(c, ')' | '&' | '|'))?;
        return Ok(Expression::Compare(selector, test));
    }
    if lexer.take_word("EXISTS") {
        return Ok(Expression::Exists(selector, true));
    }
    if lexer.take_word("NOT") {
        lexer.skip_space();
        return if lexer.take_word("EXISTS") {
            Ok(Expression::Exists(selector, false))
        } else {
            Err(BadPattern)
        };
    }
    if !lexer.take_word("IS") {
        return Err(BadPattern);
    }
    lexer.skip_space();
    let negated = lexer.take_word("NOT");
    lexer.skip_space();
    if lexer.take_word("NULL") {
        Ok(Expression::Null(selector, !negated))
    } else if !negated && lexer.take_word("TRUE") {
        Ok(Expression::Bool(selector, true))
    } else if !negated && lexer.take_word("FALSE") {
        Ok(Expression::Bool(selector, false))
    } else {
        Err(BadPattern)
    }
}

fn read_selector(lexer: &mut Lexer<'_>) -> Result<Selector, BadPattern> {
    let start = lexer.0;
    if !lexer.take("$") {
        return Err(BadPattern);
    }
    let mut steps = Vec::new();
    loop {
        if lexer.take("[") {
            steps.push(bracket(lexer)?);
        } else if lexer.take(".") {
            if lexer.peek() == Some('[') {
                continue;
            }
            if lexer.take("*") {
                steps.push(Step::Any);
                continue;
            }
            let name = lexer
                .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '#' | ':' | '/' | '$'));
            if name.is_empty() {
                return Err(BadPattern);
            }
            steps.push(Step::Name(name.to_owned()));
        } else {
            break;
        }
    }
    if steps.is_empty() {
        return Err(BadPattern);
    }
    let source = start.get(..start.len() - lexer.0.len()).unwrap_or_default().to_owned();
    Ok(Selector { source, steps })
}

/// Behind an opening bracket: an index, `*`, or a quoted name.
fn bracket(lexer: &mut Lexer<'_>) -> Result<Step, BadPattern> {
    lexer.skip_space();
    let step = match lexer.peek() {
        Some('*') => {
            lexer.take("*");
            Step::Any
        }
        Some(mark @ ('"' | '\'')) => Step::Name(lexer.delimited(mark)?),
        _ => Step::Index(lexer.take_while(|c| c.is_ascii_digit()).parse().map_err(|_| BadPattern)?),
    };
    lexer.skip_space();
    if lexer.take("]") { Ok(step) } else { Err(BadPattern) }
}
