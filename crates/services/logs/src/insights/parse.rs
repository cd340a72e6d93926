//! Reads queries: commands with pipes between them.

use regex::Regex;

use super::{
    Malformed,
    lexer::{Placed, Token, tokens},
    syntax::{Aggregate, Column, Command, Comparison, Expression, Kind},
    value::Period,
};
use crate::limits::QUERY_MOST_ROWS;

/// Expressions within expressions.
const DEPTH: usize = 50;
/// Operators of a query.
const OPERATORS: usize = 300;
/// Largest compiled regular expression, bytes.
const REGEX_BYTES: usize = 1 << 20;

/// Reads a query.
pub(super) fn query(text: &str) -> Result<Vec<Command>, Malformed> {
    let mut reader = Reader { text, tokens: tokens(text)?, at: 0, aggregates: None, depth: 0, operators: 0 };
    let mut commands = Vec::new();
    loop {
        while reader.sign("|") {}
        if reader.peek().is_none() {
            break;
        }
        commands.push(reader.command()?);
        if reader.peek().is_some() && !reader.sign("|") {
            return Err(reader.unexpected());
        }
    }
    if commands.is_empty() {
        return Err(Malformed::at("the query is empty", 0));
    }
    let stats = commands.iter().filter(|command| matches!(command, Command::Stats { .. })).count();
    if stats > 2 {
        return Err(Malformed::at("a query has at most two stats commands", 0));
    }
    Ok(commands)
}

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    at: usize,
    /// Within `stats`: the aggregates found so far.
    aggregates: Option<Vec<Aggregate>>,
    depth: usize,
    /// Operators so far: each is a level of what is computed later.
    operators: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|placed| &placed.token)
    }
    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }
    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(there);
        there
    }
    fn word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Name(name)) if name.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }
    fn need(&mut self, sign: &str) -> Result<(), Malformed> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }
    fn unexpected(&self) -> Malformed {
        match self.tokens.get(self.at) {
            Some(placed) => {
                let symbol = self.text.get(placed.from..placed.to).unwrap_or_default();
                Malformed::at(&format!("unexpected symbol found {symbol}"), placed.from)
            }
            None => Malformed::at("unexpected end of the query", self.text.len()),
        }
    }
    fn failed(&self, why: &str) -> Malformed {
        Malformed::at(why, self.tokens.get(self.at).map_or(self.text.len(), |placed| placed.from))
    }
    /// Two sides of an operator.
    fn pair(
        &mut self,
        left: Expression,
        right: Expression,
    ) -> Result<(Box<Expression>, Box<Expression>), Malformed> {
        self.operators += 1;
        if self.operators > OPERATORS {
            return Err(self.failed(&format!("a query has at most {OPERATORS} operators")));
        }
        Ok((Box::new(left), Box::new(right)))
    }
    fn regex(&self, source: &str) -> Result<Regex, Malformed> {
        regex::RegexBuilder::new(source)
            .size_limit(REGEX_BYTES)
            .build()
            .map_err(|_| self.failed("invalid regular expression"))
    }

    fn command(&mut self) -> Result<Command, Malformed> {
        let Some(Token::Name(name)) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.unexpected());
        };
        match name.to_ascii_lowercase().as_str() {
            "fields" => Ok(Command::Fields(self.columns()?)),
            "display" => Ok(Command::Display(self.columns()?)),
            "filter" | "where" => Ok(Command::Filter(self.expression()?)),
            "parse" => self.parse(),
            "stats" => self.stats(),
            "sort" | "order" => {
                let mut keys = Vec::new();
                loop {
                    let key = self.expression()?;
                    let down = self.word("desc");
                    if !down {
                        self.word("asc");
                    }
                    keys.push((key, down));
                    if !self.sign(",") {
                        break;
                    }
                }
                Ok(Command::Sort(keys))
            }
            "limit" | "head" => match self.next() {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
                #[allow(clippy::cast_precision_loss, reason = "a small number")]
                Some(Token::Number(n)) if n >= 1.0 && n.fract() == 0.0 && n <= QUERY_MOST_ROWS as f64 => {
                    Ok(Command::Limit(n as usize))
                }
                _ => Err(self.failed(&format!("limit must be a number from 1 to {QUERY_MOST_ROWS}"))),
            },
            "dedup" => {
                let mut fields = vec![self.expression()?];
                while self.sign(",") {
                    fields.push(self.expression()?);
                }
                Ok(Command::Dedup(fields))
            }
            other => {
                self.at = self.at.saturating_sub(1);
                Err(self.failed(&format!("the command {other} is unknown or not supported")))
            }
        }
    }

    fn columns(&mut self) -> Result<Vec<Column>, Malformed> {
        let mut columns = Vec::new();
        loop {
            columns.push(self.column()?);
            if !self.sign(",") {
                return Ok(columns);
            }
        }
    }

    /// `expression [as name]`; without a name the column is called as it is written.
    fn column(&mut self) -> Result<Column, Malformed> {
        let from = self.tokens.get(self.at).map_or(0, |placed| placed.from);
        let expression = self.expression()?;
        let to = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(from, |placed| placed.to);
        let name = if self.word("as") {
            self.name()?
        } else if let Expression::Field(field) = &expression {
            field.clone()
        } else {
            self.text.get(from..to).unwrap_or_default().to_owned()
        };
        Ok(Column { name, expression })
    }

    fn name(&mut self) -> Result<String, Malformed> {
        match self.peek().cloned() {
            Some(Token::Name(name) | Token::Quoted(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `parse [field] "glob *" as a, b` or `parse [field] /regex (?<a>…)/`.
    fn parse(&mut self) -> Result<Command, Malformed> {
        let of = match self.peek() {
            Some(Token::Text(_) | Token::Regex(_)) => Expression::Field("@message".to_owned()),
            _ => self.primary()?,
        };
        match self.next() {
            Some(Token::Text(glob)) => {
                if !self.word("as") {
                    return Err(self.unexpected());
                }
                let mut names = vec![self.name()?];
                while self.sign(",") {
                    names.push(self.name()?);
                }
                if glob.matches('*').count() != names.len() {
                    return Err(self.failed("parse needs as many names as there are wildcards"));
                }
                let parts: Vec<String> = glob.split('*').map(regex::escape).collect();
                // The last wildcard reaches as far as it can, the others only to what stands behind them.
                let last = parts.len().saturating_sub(2);
                let mut source = String::from("(?s)");
                for (index, part) in parts.iter().enumerate() {
                    source.push_str(part);
                    if index + 1 < parts.len() {
                        let to_end = index == last && parts.last().is_some_and(String::is_empty);
                        source.push_str(if to_end { "(.*)" } else { "(.*?)" });
                    }
                }
                Ok(Command::Parse { of, regex: self.regex(&source)?, names })
            }
            Some(Token::Regex(source)) => {
                let regex = self.regex(&source)?;
                let names: Vec<String> = regex.capture_names().flatten().map(str::to_owned).collect();
                if names.is_empty() {
                    return Err(self.failed("parse needs named groups in its regular expression"));
                }
                Ok(Command::Parse { of, regex, names })
            }
            _ => {
                self.at = self.at.saturating_sub(1);
                Err(self.unexpected())
            }
        }
    }

    fn stats(&mut self) -> Result<Command, Malformed> {
        self.aggregates = Some(Vec::new());
        let columns = self.columns();
        let aggregates = self.aggregates.take().unwrap_or_default();
        let columns = columns?;
        if aggregates.is_empty() {
            return Err(self.failed("stats needs at least one aggregate"));
        }
        let by = if self.word("by") { self.columns()? } else { Vec::new() };
        Ok(Command::Stats { aggregates, columns, by })
    }

    fn expression(&mut self) -> Result<Expression, Malformed> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.failed("the expression is nested too deeply"));
        }
        let mut left = self.conjunction()?;
        while self.word("or") {
            let right = self.conjunction()?;
            let (left_side, right) = self.pair(left, right)?;
            left = Expression::Or(left_side, right);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expression, Malformed> {
        let mut left = self.negation()?;
        while self.word("and") {
            let right = self.negation()?;
            let (left_side, right) = self.pair(left, right)?;
            left = Expression::And(left_side, right);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression, Malformed> {
        let mut times = 0;
        while self.word("not") {
            times += 1;
        }
        let inner = self.comparison()?;
        Ok(if times % 2 == 1 { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Expression, Malformed> {
        let left = self.sum()?;
        let known = [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessEqual),
            (">=", Comparison::GreaterEqual),
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        if let Some((_, comparison)) = known.into_iter().find(|(sign, _)| self.sign(sign)) {
            let right = self.sum()?;
            return Ok(Expression::Compare(comparison, Box::new(left), Box::new(right)));
        }
        if self.sign("=~") {
            return self.like(left);
        }
        let before = self.at;
        let negated = self.word("not");
        let found = if self.word("like") {
            self.like(left)?
        } else if self.word("in") {
            self.need("[")?;
            let mut values = Vec::new();
            while !self.sign("]") {
                values.push(self.sum()?);
                if !self.sign(",") {
                    self.need("]")?;
                    break;
                }
            }
            Expression::In(Box::new(left), values)
        } else {
            self.at = before;
            return Ok(left);
        };
        Ok(if negated { Expression::Not(Box::new(found)) } else { found })
    }

    fn like(&mut self, left: Expression) -> Result<Expression, Malformed> {
        if let Some(Token::Regex(source)) = self.peek().cloned() {
            self.at += 1;
            return Ok(Expression::Matches(Box::new(left), self.regex(&source)?));
        }
        let right = self.sum()?;
        Ok(Expression::Compare(Comparison::Contains, Box::new(left), Box::new(right)))
    }

    fn sum(&mut self) -> Result<Expression, Malformed> {
        let mut left = self.product()?;
        loop {
            let sign = if self.sign("+") {
                '+'
            } else if self.sign("-") {
                '-'
            } else {
                return Ok(left);
            };
            let right = self.product()?;
            let (left_side, right) = self.pair(left, right)?;
            left = Expression::Arithmetic(sign, left_side, right);
        }
    }

    fn product(&mut self) -> Result<Expression, Malformed> {
        let mut left = self.power()?;
        loop {
            let sign = if self.sign("*") {
                '*'
            } else if self.sign("/") {
                '/'
            } else if self.sign("%") {
                '%'
            } else {
                return Ok(left);
            };
            let right = self.power()?;
            let (left_side, right) = self.pair(left, right)?;
            left = Expression::Arithmetic(sign, left_side, right);
        }
    }

    fn power(&mut self) -> Result<Expression, Malformed> {
        if self.sign("-") {
            return Ok(Expression::Negative(Box::new(self.primary()?)));
        }
        let base = self.primary()?;
        if self.sign("^") {
            let exponent = if self.sign("-") {
                Expression::Negative(Box::new(self.primary()?))
            } else {
                self.primary()?
            };
            return Ok(Expression::Arithmetic('^', Box::new(base), Box::new(exponent)));
        }
        Ok(base)
    }

    fn primary(&mut self) -> Result<Expression, Malformed> {
        match self.peek().cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                Ok(Expression::Number(number))
            }
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(Expression::Text(text))
            }
            Some(Token::Quoted(name)) => {
                self.at += 1;
                Ok(Expression::Field(name))
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.expression()?;
                self.need(")")?;
                Ok(inner)
            }
            Some(Token::Name(name)) => {
                self.at += 1;
                if self.sign("(") {
                    return self.call(&name);
                }
                Ok(match name.as_str() {
                    "true" => Expression::Bool(true),
                    "false" => Expression::Bool(false),
                    _ => Expression::Field(name),
                })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Behind `name(`.
    fn call(&mut self, name: &str) -> Result<Expression, Malformed> {
        let lower = name.to_ascii_lowercase();
        if matches!(lower.as_str(), "bin" | "datefloor" | "dateceil") {
            let of = if lower == "bin" {
                Expression::Field("@timestamp".to_owned())
            } else {
                let of = self.expression()?;
                self.need(",")?;
                of
            };
            let period = match (self.next(), self.peek().cloned()) {
                (Some(Token::Period(count, unit)), _) => Period::read(count, &unit),
                (Some(Token::Number(count)), Some(Token::Name(unit))) => {
                    self.at += 1;
                    Period::read(count, &unit)
                }
                _ => None,
            };
            let period = period.ok_or_else(|| self.failed("a period is wanted, such as 5m"))?;
            self.need(")")?;
            return Ok(Expression::Floor { of: Box::new(of), period, up: lower == "dateceil" });
        }
        if self.aggregates.is_some()
            && let Some(aggregate) = self.aggregate(&lower)?
        {
            let aggregates = self.aggregates.get_or_insert_default();
            aggregates.push(aggregate);
            return Ok(Expression::Aggregate(aggregates.len() - 1));
        }
        let mut arguments = Vec::new();
        if !self.sign(")") {
            loop {
                arguments.push(self.expression()?);
                if !self.sign(",") {
                    break;
                }
            }
            self.need(")")?;
        }
        match super::functions::arity(&lower) {
            None => Err(self.failed(&format!("the function {name} is unknown or not supported"))),
            Some(arity) if !arity.contains(&arguments.len()) => {
                Err(self.failed(&format!("the function {name} has another number of arguments")))
            }
            Some(_) => Ok(Expression::Call(lower, arguments)),
        }
    }

    /// An aggregate of this name, up to its closing parenthesis.
    fn aggregate(&mut self, name: &str) -> Result<Option<Aggregate>, Malformed> {
        let kind = match name {
            "count" => Kind::Count,
            "count_distinct" => Kind::CountDistinct,
            "sum" => Kind::Sum,
            "avg" => Kind::Average,
            "min" => Kind::Min,
            "max" => Kind::Max,
            "stddev" => Kind::Deviation,
            "variance" => Kind::Variance,
            "pct" | "percentile" | "median" => Kind::Percentile(50.0),
            "earliest" => Kind::Earliest,
            "latest" => Kind::Latest,
            "sortsfirst" => Kind::First,
            "sortslast" => Kind::Last,
            _ => return Ok(None),
        };
        if kind == Kind::Count && (self.sign(")") || (self.sign("*") && self.sign(")"))) {
            return Ok(Some(Aggregate { kind, of: None }));
        }
        // No aggregate of an aggregate.
        let outer = self.aggregates.take();
        let of = self.expression();
        self.aggregates = outer;
        let of = of?;
        let mut kind = kind;
        if matches!(name, "pct" | "percentile") {
            self.need(",")?;
            match self.next() {
                Some(Token::Number(p)) if (0.0..=100.0).contains(&p) => kind = Kind::Percentile(p),
                _ => return Err(self.failed("a percentile from 0 to 100 is wanted")),
            }
        }
        self.need(")")?;
        Ok(Some(Aggregate { kind, of: Some(of) }))
    }
}
