//! What an expression gives for a row.

use std::cmp::Ordering;

use super::{
    functions,
    row::Row,
    syntax::{Comparison, Expression},
    value::Value,
};

/// What an expression is computed with.
pub(super) struct Scope<'a> {
    pub(super) row: &'a Row,
    /// Within the columns of `stats`: what was aggregated.
    pub(super) aggregates: &'a [Value],
    /// The moment of the query, milliseconds.
    pub(super) now: f64,
}

impl Scope<'_> {
    /// The value of an expression.
    pub(super) fn value(&self, expression: &Expression) -> Value {
        match expression {
            Expression::Field(name) => self.row.get(name),
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Bool(is) => Value::Bool(*is),
            Expression::Negative(inner) => {
                self.value(inner).number().map_or(Value::Missing, |number| Value::Number(-number))
            }
            Expression::Not(inner) => Value::Bool(!self.value(inner).is_true()),
            Expression::And(one, two) => Value::Bool(self.value(one).is_true() && self.value(two).is_true()),
            Expression::Or(one, two) => Value::Bool(self.value(one).is_true() || self.value(two).is_true()),
            Expression::Arithmetic(sign, one, two) => arithmetic(*sign, &self.value(one), &self.value(two)),
            Expression::Compare(comparison, one, two) => {
                Value::Bool(compare(*comparison, &self.value(one), &self.value(two)))
            }
            Expression::Matches(inner, regex) => {
                let value = self.value(inner);
                Value::Bool(!value.is_missing() && regex.is_match(&value.to_string()))
            }
            Expression::In(inner, all) => {
                let value = self.value(inner);
                let equal = |one: &Expression| value.compare(&self.value(one)) == Some(Ordering::Equal);
                Value::Bool(all.iter().any(equal))
            }
            Expression::Call(name, arguments) => {
                let arguments: Vec<Value> = arguments.iter().map(|one| self.value(one)).collect();
                functions::call(name, &arguments, self.now)
            }
            Expression::Floor { of, period, up } => {
                self.value(of).number().map_or(Value::Missing, |at| Value::Time(period.round(at, *up)))
            }
            Expression::Aggregate(at) => self.aggregates.get(*at).cloned().unwrap_or(Value::Missing),
        }
    }
}

fn compare(comparison: Comparison, one: &Value, two: &Value) -> bool {
    if comparison == Comparison::Contains {
        return !one.is_missing() && one.to_string().contains(&two.to_string());
    }
    let order = one.compare(two);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        // What is not there is not equal to anything.
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Comparison::Contains => false,
    }
}

fn arithmetic(sign: char, one: &Value, two: &Value) -> Value {
    let (Some(a), Some(b)) = (one.number(), two.number()) else { return Value::Missing };
    functions::finite(match sign {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' => a / b,
        '%' => a % b,
        _ => a.powf(b),
    })
}
