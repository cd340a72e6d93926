//! The grammar of variables: `${type(params):address, fallback}` in strings, as the framework's version 3 has it.
//!
//! `${` before anything that is no type (`${AWS::Region}`, `${Logical.Arn}`) is text that means something to
//! `CloudFormation`. `\${` is a literal `${`.

use serde_json::Value;

/// A piece of a string.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Plain text.
    Text(String),
    /// A variable: its sources in the order in which they are asked.
    Variable(Vec<Source>),
}

/// Where a variable's value may come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// A literal: a string, a number, true, false or null.
    Literal(Value),
    /// `type(params):address`.
    Of {
        /// `self`, `opt`, `file`…
        kind: String,
        /// What stands in parentheses.
        params: Vec<Vec<Piece>>,
        /// What follows the colon.
        address: Option<Vec<Piece>>,
    },
}

/// How deep variables may lie within each other.
const DEPTH: usize = 20;

/// The pieces of a string. One that has no variable is one piece of text.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, String> {
    let mut scanner = Scanner { rest: text, depth: 0 };
    scanner.pieces(&[])
}

struct Scanner<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = self.rest.get(next.len_utf8()..).unwrap_or_default();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.bump();
        }
        there
    }

    fn spaces(&mut self) {
        while self.eat(' ') {}
    }

    /// Text and variables up to one of the ends, which is not taken.
    fn pieces(&mut self, ends: &[char]) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(next) = self.peek() {
            if ends.contains(&next) {
                break;
            }
            if next == '\\' {
                let slashes = self.rest.chars().take_while(|c| *c == '\\').count();
                self.rest = self.rest.get(slashes..).unwrap_or_default();
                let escapes = self.rest.starts_with("${");
                text.extend(std::iter::repeat_n('\\', if escapes { slashes / 2 } else { slashes }));
                if escapes && slashes % 2 == 1 {
                    text.push_str("${");
                    self.bump();
                    self.bump();
                }
                continue;
            }
            if self.rest.starts_with("${") {
                if let Some(sources) = self.variable(!ends.is_empty())? {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Variable(sources));
                } else {
                    text.push_str("${");
                    self.bump();
                    self.bump();
                }
                continue;
            }
            text.extend(self.bump());
        }
        if !text.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(pieces)
    }

    /// A variable that begins here, or none (and nothing is taken) if this is not ours to resolve.
    fn variable(&mut self, nested: bool) -> Result<Option<Vec<Source>>, String> {
        let start = self.rest;
        if self.depth >= DEPTH {
            return Err(format!("variables lie more than {DEPTH} deep within each other in \"{start}\""));
        }
        self.rest = self.rest.get(2..).unwrap_or_default();
        let name = self.word();
        let is_type = name.starts_with(|c: char| c.is_ascii_lowercase())
            && (self.rest.starts_with('(')
                || (self.rest.starts_with(':')
                    && !self.rest.get(1..).unwrap_or_default().trim_start().starts_with(':')));
        if !is_type {
            if nested {
                return Err(format!(
                    "\"{start}\" does not begin with a variable's type, such as self: or opt:"
                ));
            }
            self.rest = start;
            return Ok(None);
        }
        self.depth += 1;
        let mut sources = vec![self.source(name, start)?];
        loop {
            self.spaces();
            match self.bump() {
                Some('}') => break,
                Some(',') => {
                    self.spaces();
                    let fallback = self.fallback(start)?;
                    sources.push(fallback);
                }
                Some(other) => {
                    return Err(format!("\"{other}\" is not expected in the variable \"{start}\""));
                }
                None => return Err(format!("the closing bracket is missing in \"{start}\"")),
            }
        }
        self.depth -= 1;
        Ok(Some(sources))
    }

    fn word(&mut self) -> &'a str {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// What follows a type's name: parameters and address.
    fn source(&mut self, kind: &str, start: &str) -> Result<Source, String> {
        let mut params = Vec::new();
        if self.eat('(') {
            loop {
                self.spaces();
                if self.eat(')') {
                    break;
                }
                params.push(self.argument(&[',', ')'])?);
                self.spaces();
                match self.bump() {
                    Some(')') => break,
                    Some(',') => {}
                    _ => return Err(format!("the closing parenthesis is missing in \"{start}\"")),
                }
            }
            self.spaces();
        }
        let mut address = None;
        if self.eat(':') {
            self.spaces();
            if !matches!(self.peek(), Some('}' | ',')) {
                address = Some(self.argument(&['}', ','])?);
            }
        }
        Ok(Source::Of { kind: kind.to_owned(), params, address })
    }

    /// An address or parameter: a quoted string, or text that may hold variables.
    fn argument(&mut self, ends: &[char]) -> Result<Vec<Piece>, String> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return Ok(vec![Piece::Text(self.quoted()?)]);
        }
        let mut pieces = self.pieces(ends)?;
        if let Some(Piece::Text(last)) = pieces.last_mut() {
            last.truncate(last.trim_end().len());
        }
        Ok(pieces)
    }

    fn fallback(&mut self, start: &str) -> Result<Source, String> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return Ok(Source::Literal(Value::String(self.quoted()?)));
        }
        if self.rest.starts_with("${") {
            return Err(format!(
                "a fallback is written without ${{ and }}: \"${{opt:stage, self:provider.stage}}\", not as in \"{start}\""
            ));
        }
        let word = self.word();
        if self.rest.starts_with(':') || self.rest.starts_with('(') {
            return self.source(word, start);
        }
        match word {
            "true" => Ok(Source::Literal(Value::Bool(true))),
            "false" => Ok(Source::Literal(Value::Bool(false))),
            "null" => Ok(Source::Literal(Value::Null)),
            number => match serde_json::from_str(number) {
                Ok(Value::Number(number)) => Ok(Source::Literal(Value::Number(number))),
                _ => Err(format!("\"{word}\" in \"{start}\" is no literal: a string is written in quotes")),
            },
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        let start = self.rest;
        let mark = self.bump().unwrap_or('"');
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = c == mark && !escaped;
            escaped = mark == '"' && c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { return Err(format!("the closing quote is missing in {start}")) };
        let inner = self.rest.get(..end).unwrap_or_default();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        if mark == '\'' {
            return Ok(inner.to_owned());
        }
        serde_json::from_str(&format!("\"{inner}\""))
            .map_err(|error| format!("\"{inner}\" is no string: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: &str, address: &str) -> Source {
        let address = (!address.is_empty()).then(|| vec![Piece::Text(address.into())]);
        Source::Of { kind: kind.into(), params: vec![], address }
    }

    #[test]
    fn text_around_and_fallbacks() {
        assert_eq!(
            parse("a-${opt:stage, self:provider.stage, 'dev'}-b").unwrap(),
            [
                Piece::Text("a-".into()),
                Piece::Variable(vec![
                    of("opt", "stage"),
                    of("self", "provider.stage"),
                    Source::Literal(json!("dev"))
                ]),
                Piece::Text("-b".into()),
            ]
        );
    }

    #[test]
    fn what_belongs_to_cloudformation_is_text() {
        for text in
            ["arn:${AWS::Partition}:x", "${Logical.Arn}", "${lower}", "$5", "${}", "${a::b}", "${!Literal}"]
        {
            assert_eq!(parse(text).unwrap(), [Piece::Text(text.into())], "{text}");
        }
        assert_eq!(
            parse("${AWS::Region}/${self:x}").unwrap(),
            [Piece::Text("${AWS::Region}/".into()), Piece::Variable(vec![of("self", "x")])]
        );
    }

    #[test]
    fn nested_and_parameters() {
        let pieces = parse("${file(./${opt:stage}.yml):a.b}").unwrap();
        let [Piece::Variable(sources)] = pieces.as_slice() else { panic!() };
        let [Source::Of { kind, params, address }] = sources.as_slice() else { panic!() };
        assert_eq!(kind, "file");
        assert_eq!(params.len(), 1);
        assert_eq!(params[0].len(), 3);
        assert_eq!(address.as_deref(), Some([Piece::Text("a.b".into())].as_slice()));
        assert!(matches!(&parse("${ssm(eu-west-1, raw):/a/b}").unwrap()[0], Piece::Variable(_)));
        assert!(matches!(&parse("${strToBool(${self:custom.flag})}").unwrap()[0], Piece::Variable(_)));
    }

    #[test]
    fn escapes() {
        assert_eq!(parse(r"\${self:a}").unwrap(), [Piece::Text("${self:a}".into())]);
        assert_eq!(
            parse(r"\\${self:a}").unwrap(),
            [Piece::Text("\\".into()), Piece::Variable(vec![of("self", "a")])]
        );
        assert_eq!(parse(r"C:\\dir").unwrap(), [Piece::Text(r"C:\\dir".into())]);
    }

    #[test]
    fn literals() {
        let literal = |text: &str| match parse(text).unwrap().remove(0) {
            Piece::Variable(mut sources) => sources.pop().unwrap(),
            Piece::Text(text) => panic!("{text}"),
        };
        assert_eq!(literal("${opt:a, 5}"), Source::Literal(json!(5)));
        assert_eq!(literal("${opt:a, null}"), Source::Literal(Value::Null));
        assert_eq!(literal(r#"${opt:a, "x, }\"y"}"#), Source::Literal(json!("x, }\"y")));
        for bad in ["${opt:a, dev}", "${opt:a", "${opt:a, ${self:b}}", "${file(a", "${self:${Nope}}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
