//! The code of a function, as far as its handler leads: lines with their places, comments left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use crate::document::Place;
use crate::javascript::{self, line_and_column};
use crate::modules;
use crate::project::Package;

/// Bytes of a file that is looked at: more are a bundle of what others wrote.
const BYTES: usize = 512 * 1024;

/// A file of a function.
pub(super) struct Script<'a> {
    pub(super) path: &'a Path,
    pub(super) is_python: bool,
    source: String,
    /// The source with blanks for comments and the insides of strings.
    pub(super) text: String,
    /// What of it the handler leads to.
    reached: Vec<Range<usize>>,
}

impl Script<'_> {
    /// Whether the handler leads to a place.
    pub(super) fn reaches(&self, at: usize) -> bool {
        self.reached.iter().any(|range| range.contains(&at))
    }

    /// A place in the file.
    pub(super) fn place(&self, at: usize) -> Place {
        let (line, column) = line_and_column(&self.source, at);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: number(line), column: number(column) }
    }

    /// The lines that the handler leads to, with where they begin; lines of nothing but comments left out.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut at = 0;
        let lines = self.source.split_inclusive('\n').map(move |line| {
            let start = at;
            at += line.len();
            (start, line)
        });
        lines.filter(|(start, line)| {
            let code = self.text.get(*start..start + line.len()).unwrap_or_default();
            !code.trim().is_empty() && self.reaches(*start)
        })
    }

    /// Whether a line says one of some words.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        self.lines().any(|(_, line)| words.iter().any(|word| line.contains(word)))
    }
}

/// The files of a function that lie in its package.
pub(super) fn of<'a>(function: &Value, package: &'a Package) -> Vec<Script<'a>> {
    let text = |name: &str| function.get(name).and_then(Value::as_str);
    let (Some(runtime), Some(handler)) = (text("Runtime"), text("Handler")) else { return Vec::new() };
    let is_python = runtime.starts_with("python");
    if !is_python && !runtime.starts_with("nodejs") {
        return Vec::new();
    }
    let export = handler.rsplit(['.', '/']).next().unwrap_or_default();
    let files = modules::sources(runtime, handler, package).into_iter().enumerate();
    let scripts =
        files.filter(|(_, (_, _, source))| source.len() <= BYTES).map(|(index, (_, path, source))| {
            let text = if is_python { python(&source) } else { javascript::read(&source).text };
            let whole = 0..text.len();
            let reached = if index == 0 { reached(&text, export) } else { None };
            Script { path, is_python, reached: reached.unwrap_or_else(|| vec![whole]), source, text }
        });
    scripts.collect()
}

/// A statement or definition that begins at the start of a line.
struct Part<'t> {
    range: Range<usize>,
    text: &'t str,
    name: Option<&'t str>,
}

/// The parts of a file that a name leads to, with those that run whenever the file is loaded. None if the file does not
/// say what the name is.
fn reached(text: &str, export: &str) -> Option<Vec<Range<usize>>> {
    let parts = parts(text);
    let named: BTreeMap<&str, &Part<'_>> = parts.iter().filter_map(|part| Some((part.name?, part))).collect();
    let mut open = vec![*named.get_key_value(export)?.0];
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(name) = open.pop() {
        let Some(part) = named.get(name) else { continue };
        let words = part.text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')));
        open.extend(words.filter(|word| named.contains_key(word) && seen.insert(word)));
    }
    let runs = |part: &Part<'_>| match part.name {
        Some(name) => seen.contains(name),
        // What is imported, and what is exported under other names, does nothing by itself.
        None => {
            !["import", "from", "export", "module.exports"].iter().any(|word| part.text.starts_with(word))
                && !part.text.contains("require(")
        }
    };
    Some(parts.iter().filter(|part| runs(part)).map(|part| part.range.clone()).collect())
}

/// What begins at the start of a line and outside of brackets.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut starts = Vec::new();
    let (mut depth, mut is_start) = (0_i64, true);
    for (at, byte) in text.bytes().enumerate() {
        if is_start && depth <= 0 && (byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$') {
            starts.push(at);
        }
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        is_start = byte == b'\n';
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let ranges = starts.iter().zip(ends).map(|(&start, end)| start..end);
    ranges
        .map(|range| {
            let part = text.get(range.clone()).unwrap_or_default();
            Part { range, text: part, name: declared(part) }
        })
        .collect()
}

/// The name that a part gives to something.
fn declared(part: &str) -> Option<&str> {
    let mut rest = part;
    let mut is_definition = false;
    for word in ["export ", "default ", "async ", "module.exports.", "exports."] {
        rest = rest.strip_prefix(word).unwrap_or(rest).trim_start();
    }
    for word in ["function", "def ", "class ", "const ", "let ", "var "] {
        if let Some(after) = rest.strip_prefix(word) {
            rest = after.trim_start_matches('*').trim_start();
            is_definition = true;
            break;
        }
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    let after = after.trim_start();
    let is_set = after.starts_with('=') && !after.starts_with("==");
    (!name.is_empty() && (is_definition || is_set)).then_some(name)
}

/// Python with blanks for comments and the insides of strings.
fn python(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = source.get(at..).unwrap_or_default();
        let end = match byte {
            b'#' => at + rest.find('\n').unwrap_or(rest.len()),
            b'"' | b'\'' => at + python_string(rest),
            _ => {
                text.push(if byte.is_ascii() { byte } else { b'x' });
                at += 1;
                continue;
            }
        };
        let quote = if byte == b'#' { b' ' } else { byte };
        text.push(quote);
        let inside = bytes.get(at + 1..end).unwrap_or_default();
        text.extend(inside.iter().map(|&c| if c == b'\n' { c } else { b' ' }));
        if let Some(last) = text.last_mut().filter(|_| end > at + 1 && quote != b' ') {
            *last = quote;
        }
        at = end.max(at + 1);
    }
    String::from_utf8(text).unwrap_or_default()
}

/// How long a string is with which a text begins.
fn python_string(text: &str) -> usize {
    let quote = text.get(..1).unwrap_or_default();
    let triple = quote.repeat(3);
    let mark = if text.starts_with(&triple) { triple.as_str() } else { quote };
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(mark.len()) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if text.get(at..).is_some_and(|rest| rest.starts_with(mark)) {
            return at + mark.len();
        } else if c == '\n' && mark.len() == 1 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, export: &str) -> Option<String> {
        let ranges = reached(text, export)?;
        Some(ranges.into_iter().map(|range| text[range].trim_end().to_owned()).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_handler_leads_to_what_it_names() {
        let text = "const { A } = require('a');\nconst b = new A();\nfunction used() {\n  return b;\n}\nfunction other() {}\nexports.one = async () => {\n  used();\n};\nexports.two = other;\nstart();\nmodule.exports = { one, two };\n";
        let text = javascript::read(text).text;
        assert_eq!(
            code(&text, "one").unwrap(),
            "const b = new A();\nfunction used() {\n  return b;\n}\nexports.one = async () => {\n  used();\n};\nstart();"
        );
        assert_eq!(code(&text, "two").unwrap(), "function other() {}\nexports.two = other;\nstart();");
        assert_eq!(code(&text, "three"), None);
        let text = "import boto3\nq = boto3.client('sqs')\ndef other(e):\n    q.x()\ndef handler(e, c):\n    help(e)\nasync def help(e):\n    pass\n";
        assert_eq!(
            code(text, "handler").unwrap(),
            "def handler(e, c):\n    help(e)\nasync def help(e):\n    pass"
        );
    }

    #[test]
    fn comments_and_strings_of_python() {
        let source = "a = 'x' # y\n\"\"\"d\n'\"\"\"\nb = \"\\\"\"";
        assert_eq!(python(source), "a = ' '    \n\"   \n   \"\nb = \"  \"");
    }
}
