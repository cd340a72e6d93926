//! Texts with variables: `$context.requestId`, `${stageVariables.name}`, `$request.header.x`.

/// Where variables come from; what does not begin so is text.
const ROOTS: [&str; 4] = ["context.", "stageVariables.", "request.", "response."];

/// A text with variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Its name, without the dollar sign.
    Variable(String),
}

impl Template {
    /// Takes a text apart. Every text is a template.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, behind) = rest.split_at(at);
            plain.push_str(before);
            let behind = behind.get(1..).unwrap_or_default();
            let (name, after) = match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some((name, after)) => (name, after),
                None => behind.split_at(length(behind)),
            };
            if ROOTS.iter().any(|root| name.starts_with(root) && name.len() > root.len()) {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Variable(name.to_owned()));
                rest = after;
            } else {
                plain.push('$');
                rest = behind;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Self(pieces)
    }

    /// The variable, when there is nothing else.
    pub(crate) fn variable(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Variable(name)] => Some(name),
            _ => None,
        }
    }

    /// All variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with its variables' values; `absent` for those that have none.
    pub(crate) fn fill(&self, absent: &str, value: impl Fn(&str) -> Option<String>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Variable(name) => match value(name) {
                    Some(value) => text.push_str(&value),
                    None => text.push_str(absent),
                },
            }
        }
        text
    }

    /// The text, when at least one of its variables has a value or it has none.
    pub(crate) fn value(&self, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        if let Some(name) = self.variable() {
            return value(name);
        }
        Some(self.fill("", value))
    }
}

/// How far a variable's name goes that stands without braces.
fn length(text: &str) -> usize {
    let mut end = 0;
    let mut index = false;
    for (at, c) in text.char_indices() {
        let fits = match c {
            '[' if text.starts_with("request.body") || text.starts_with("response.body") => {
                index = true;
                true
            }
            ']' => std::mem::take(&mut index),
            _ => c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':'),
        };
        if !fits {
            break;
        }
        end = at + c.len_utf8();
    }
    // A name does not end with what may follow it in a sentence.
    text.get(..end).map_or(0, |name| name.trim_end_matches(['.', '-', ':']).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        Template::parse(text).fill("-", |name| (!name.ends_with("none")).then(|| format!("<{name}>")))
    }

    #[test]
    fn variables_are_found() {
        for (text, want) in [
            ("$context.requestId", "<context.requestId>"),
            ("a${stageVariables.x}b", "a<stageVariables.x>b"),
            (
                "$context.identity.sourceIp - - [$context.requestTime] \"$context.httpMethod\"",
                "<context.identity.sourceIp> - - [<context.requestTime>] \"<context.httpMethod>\"",
            ),
            ("$request.body.a[0].b/$request.path", "<request.body.a[0].b>/<request.path>"),
            ("$5 and $other and ${x} and $", "$5 and $other and ${x} and $"),
            ("{\"a\":\"$context.none\"}", "{\"a\":\"-\"}"),
            ("$context.stage.", "<context.stage>."),
            ("", ""),
        ] {
            assert_eq!(filled(text), want, "{text}");
        }
        assert_eq!(Template::parse("$request.header.x-y").variable(), Some("request.header.x-y"));
        assert_eq!(Template::parse("a$request.header.x").variable(), None);
    }
}
