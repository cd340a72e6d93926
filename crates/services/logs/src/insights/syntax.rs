//! What a query says, once read.

use regex::Regex;

use super::value::Period;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Field(String),
    Number(f64),
    Text(String),
    Bool(bool),
    Negative(Box<Expression>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Arithmetic(char, Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// `like /…/`, `=~ /…/`.
    Matches(Box<Expression>, Regex),
    In(Box<Expression>, Vec<Expression>),
    /// A function's lower-case name.
    Call(String, Vec<Expression>),
    /// `bin`, `datefloor`, `dateceil`.
    Floor {
        of: Box<Expression>,
        period: Period,
        up: bool,
    },
    /// An aggregate of `stats`, by its place.
    Aggregate(usize),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `like "…"`: contains.
    Contains,
}

/// An expression and what its column is called.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) expression: Expression,
}

/// What `stats` computes.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) kind: Kind,
    /// `None`: of the rows themselves.
    pub(super) of: Option<Expression>,
}

/// Kinds of aggregates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Min,
    Max,
    Deviation,
    Variance,
    Percentile(f64),
    Earliest,
    Latest,
    First,
    Last,
}

/// A command.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Fields(Vec<Column>),
    Display(Vec<Column>),
    Filter(Expression),
    Parse { of: Expression, regex: Regex, names: Vec<String> },
    Stats { aggregates: Vec<Aggregate>, columns: Vec<Column>, by: Vec<Column> },
    Sort(Vec<(Expression, bool)>),
    Limit(usize),
    Dedup(Vec<Expression>),
}
