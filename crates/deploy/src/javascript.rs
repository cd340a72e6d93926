//! JavaScript read simply: comments and the insides of strings made blank, so that what is left is code. Nothing is run.

/// A source without its comments and the insides of its strings.
pub(crate) struct Code<'s> {
    /// As long as the source. Blank are comments and what stands between quotes; quotes and the ends of lines stay.
    pub(crate) text: String,
    /// Strings without `${…}`: where they begin, and what they hold.
    pub(crate) strings: Vec<(usize, &'s str)>,
    tries: Vec<(usize, usize)>,
}

/// A module that is asked for, and where in the source its string begins.
pub(crate) struct Asked<'s> {
    pub(crate) module: &'s str,
    pub(crate) at: usize,
}

impl Code<'_> {
    /// Whether a place is inside a `try` block.
    pub(crate) fn in_try(&self, at: usize) -> bool {
        self.tries.iter().any(|(from, to)| (*from..*to).contains(&at))
    }
}

/// The line and the column, both from 1, of a place in a source.
pub(crate) fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Whether a text ends with a word, and not with a longer one.
pub(crate) fn ends_with_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word)
        .is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.')))
}

/// The modules that a source asks for by a plain string, outside of comments, strings and `try` blocks.
pub(crate) fn requires(source: &str) -> Vec<Asked<'_>> {
    let code = read(source);
    let mut found = Vec::new();
    for (at, module) in &code.strings {
        let before = code.text.get(..*at).unwrap_or_default().trim_end();
        // The quote is what follows: `require(`, `import(`, `from`, `import`.
        let asks = match before.strip_suffix('(') {
            Some(call) => {
                ends_with_word(call.trim_end(), "require") || ends_with_word(call.trim_end(), "import")
            }
            None => ends_with_word(before, "from") || ends_with_word(before, "import"),
        };
        if asks && !code.in_try(*at) {
            found.push(Asked { module, at: *at });
        }
    }
    found
}

/// Reads a source.
pub(crate) fn read(source: &str) -> Code<'_> {
    let bytes = source.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut strings = Vec::new();
    let mut tries = Vec::new();
    let mut blocks: Vec<Option<usize>> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let find =
            |mark: &str, from: usize| source.get(from..).and_then(|rest| rest.find(mark)).map(|n| from + n);
        let end = match (byte, bytes.get(at + 1)) {
            (b'/', Some(b'/')) => find("\n", at).unwrap_or(bytes.len()),
            (b'/', Some(b'*')) => find("*/", at + 2).map_or(bytes.len(), |n| n + 2),
            (b'/', _) if text.trim_ascii_end().last().is_none_or(|c| b"(,=:[!&|?{};".contains(c)) => {
                regex_end(bytes, at)
            }
            (b'"' | b'\'' | b'`', _) => string_end(bytes, at),
            _ => {
                match byte {
                    b'{' => blocks.push(is_try(&text).then_some(at)),
                    b'}' => tries.extend(blocks.pop().flatten().map(|from| (from, at))),
                    _ => {}
                }
                text.push(if byte.is_ascii() { byte } else { b'x' });
                at += 1;
                continue;
            }
        };
        let end = end.max(at + 1);
        let inside = bytes.get(at..end).unwrap_or_default();
        // Same length, so that places stay what they are.
        text.extend(inside.iter().map(|&c| if c == b'\n' { c } else { b' ' }));
        if byte != b'/' && inside.len() > 1 {
            for (place, quote) in [(at, byte), (end - 1, byte)] {
                text.get_mut(place).into_iter().for_each(|c| *c = quote);
            }
            if byte != b'`' || !inside.windows(2).any(|pair| pair == b"${") {
                strings.push((at, source.get(at + 1..end - 1).unwrap_or_default()));
            }
        }
        at = end;
    }
    Code { text: String::from_utf8(text).unwrap_or_default(), strings, tries }
}

/// Whether a block that begins now belongs to `try`.
fn is_try(text: &[u8]) -> bool {
    let before = text.trim_ascii_end();
    let tail = before.get(before.len().saturating_sub(4)..).unwrap_or_default();
    std::str::from_utf8(tail).is_ok_and(|tail| ends_with_word(tail, "try"))
}

/// The end of a regular expression: behind the slash that is neither escaped nor in a class.
fn regex_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    let mut class = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return start + 1,
            b'[' => class = true,
            b']' => class = false,
            b'/' if !class => return at + 1,
            _ => {}
        }
        at += 1;
    }
    start + 1
}

/// The end of a string: behind its last quote. Code within a template's `${…}` belongs to it.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mark = bytes.get(start).copied().unwrap_or_default();
    let mut at = start + 1;
    let mut depth = 0_usize;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            // A quote that is not closed on its line is no string: a regular expression, most likely.
            b'\n' if mark != b'`' => return start + 1,
            b'$' if mark == b'`' && bytes.get(at + 1) == Some(&b'{') => {
                depth += 1;
                at += 1;
            }
            b'{' if depth > 0 => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ if byte == mark && depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    start + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_asks_for() {
        let source = r#"
            // const a = require('commented');
            /* import b from 'commented-too' */
            const c = require('one'), d = require("two/sub");
            import e, { f } from 'three';
            import 'four';
            const text = "require('in a string')";
            const g = await import(`five`);
            const h = await import(`six/${name}`);
            try { const i = require('maybe'); } catch {}
            const { SQSClient } = (() => { try { return require('perhaps'); } catch (e) { return {}; } })();
            obj.require('not'); Array.from('not');
            const r = /['"]/; export { x } from 'seven';
        "#;
        let modules: Vec<&str> = requires(source).iter().map(|asked| asked.module).collect();
        assert_eq!(modules, ["one", "two/sub", "three", "four", "five", "seven"]);
        let seven = requires(source).pop().unwrap().at;
        assert_eq!(line_and_column(source, seven), (13, 49));
    }

    #[test]
    fn blanks_keep_places() {
        let blank = |source: &str| read(source).text;
        assert_eq!(blank("a('x\\'y'); // b\n+ c"), "a('    ');     \n+ c");
        assert_eq!(blank("`${f({g: `h`})} i` + j"), "`                ` + j");
        assert_eq!(blank("= /[/'\"]/.source / 2 /* j\nk */ + l"), "=        .source / 2     \n     + l");
        assert_eq!(read("a('x\\'y')").strings, [(2, "x\\'y")]);
    }
}
