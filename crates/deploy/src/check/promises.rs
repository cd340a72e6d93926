//! Promises that nobody waits for: the environment freezes when the handler returns, and the work in it, too.
//!
//! Found are statements of `async` functions that begin a piece of work and do nothing with its promise: a command of the
//! AWS SDK, `fetch`, a function of the same file that is `async`, `forEach` with an `async` function. What hands its promise
//! on in any way is left alone, and so is what stands within `new Promise(…)`.

use std::collections::BTreeSet;

/// What axios calls by HTTP.
const AXIOS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "request"];

/// A statement that waits for nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unawaited {
    /// Where it begins.
    pub(super) at: usize,
    /// What it calls: `sqs.send`.
    pub(super) call: String,
}

/// An open bracket.
struct Open {
    bracket: u8,
    /// Of a function's body: whether it is `async`.
    function: Option<bool>,
    /// Of arguments: whether they are those of `new Promise`.
    promise: bool,
    at: usize,
}

/// Looks at a source whose comments and strings are blank.
pub(super) fn unawaited(text: &str) -> Vec<Unawaited> {
    let asynchronous = asynchronous(text);
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    // Where the last parentheses were that closed, and the last character that is not blank.
    let (mut closed, mut last) = (None, None);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if is_word(byte) {
            let end = word_end(text, at);
            if begins_statement(text, at, last, &stack)
                && waits_in_vain(&stack)
                && let Some(call) = floating(text, at, &asynchronous)
            {
                found.push(Unawaited { at, call });
            }
            last = Some(end - 1);
            at = end;
            continue;
        }
        match byte {
            b'{' => {
                let function = function_body(text, at, closed);
                stack.push(Open { bracket: byte, function, promise: false, at });
            }
            b'(' | b'[' => {
                let promise = byte == b'(' && is_promise(text, at);
                stack.push(Open { bracket: byte, function: None, promise, at });
            }
            b')' | b']' | b'}' => {
                let open = stack.pop();
                closed = open.filter(|_| byte == b')').map(|open| (open.at, at)).or(closed);
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            last = Some(at);
        }
        at += 1;
    }
    found
}

/// Whether a word begins a statement: after another one, after a block, or after a header such as `if (…)`.
fn begins_statement(text: &str, at: usize, last: Option<usize>, stack: &[Open]) -> bool {
    if stack.last().is_none_or(|open| open.bracket != b'{') {
        return false;
    }
    let Some((last, &byte)) = last.and_then(|last| Some((last, text.as_bytes().get(last)?))) else {
        return false;
    };
    match byte {
        b';' | b'{' | b'}' | b')' => true,
        // Without a semicolon, the end of a line ends a statement that could end there.
        _ if is_word(byte) || matches!(byte, b']' | b'"' | b'\'' | b'`') => {
            let unfinished =
                ["return", "await", "yield", "new", "typeof", "void", "throw", "case", "in", "of", "else"];
            let before = text.get(..=last).unwrap_or_default();
            let word = before.rsplit(|c: char| !c.is_ascii() || !is_word(c as u8)).next().unwrap_or_default();
            text.get(last..at).is_some_and(|between| between.contains('\n')) && !unfinished.contains(&word)
        }
        _ => false,
    }
}

/// Whether a place is in an `async` function, and its promise is not one that is made by hand.
fn waits_in_vain(stack: &[Open]) -> bool {
    let innermost = stack.iter().rev().find_map(|open| open.function);
    innermost == Some(true) && !stack.iter().any(|open| open.promise)
}

/// What a statement calls, if its promise is dropped.
fn floating(text: &str, start: usize, asynchronous: &BTreeSet<&str>) -> Option<String> {
    let (name, open) = chain(text, start)?;
    let end = closing(text, open)?;
    let arguments = text.get(open + 1..end)?.trim_start();
    let last = name.rsplit('.').next()?;
    let is_command = last == "send" && arguments.starts_with("new ") && {
        let class = arguments.get(4..)?.split('(').next()?.trim();
        class.ends_with("Command")
    };
    let is_each = matches!(last, "forEach" | "map") && arguments.starts_with("async");
    let is_known = is_command
        || is_each
        || matches!(name.as_str(), "fetch" | "axios")
        || name.strip_prefix("axios.").is_some_and(|method| AXIOS.contains(&method))
        || asynchronous.contains(name.as_str());
    // `.then(…)` and its like give a promise again, which nobody waits for either.
    let (mut end, mut tail) = (end + 1, String::new());
    while let Some((more, open)) = text.get(end..).and_then(|rest| {
        let dot = rest.len() - rest.trim_start().len();
        rest.trim_start().starts_with('.').then(|| chain(text, end + dot + 1)).flatten()
    }) {
        end = closing(text, open)? + 1;
        tail = more;
    }
    let is_version_2 = tail == "promise";
    let rest = text.get(end..)?;
    let next = rest.trim_start();
    let ends = next.is_empty() || next.starts_with([';', '}']) || {
        let between = rest.get(..rest.len() - next.len()).unwrap_or_default();
        between.contains('\n') && next.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$'))
    };
    ((is_known || is_version_2) && ends).then_some(name)
}

/// The names that a call goes through, and where its arguments open: `this.sqs.send(`.
fn chain(text: &str, start: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = start;
    loop {
        let end = word_end(text, at);
        if end == at {
            return None;
        }
        name.push_str(text.get(at..end)?);
        let rest = text.get(end..)?;
        let next = rest.trim_start();
        at = text.len() - next.len();
        if next.starts_with('(') {
            return Some((name, at));
        }
        let after = next.strip_prefix("?.").or_else(|| next.strip_prefix('.'))?.trim_start();
        if after.starts_with('(') {
            return Some((name, text.len() - after.len()));
        }
        name.push('.');
        at = text.len() - after.len();
    }
}

/// The functions of a file that are `async`, by name.
fn asynchronous(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("async") {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 5..).unwrap_or_default());
        if before.ends_with(|c: char| is_part(c) || c == '.') || !after.starts_with([' ', '(']) {
            continue;
        }
        let name = match after.trim_start().strip_prefix("function") {
            Some(rest) if rest.starts_with([' ', '*']) => {
                let rest = rest.trim_start_matches(['*', ' ']);
                rest.split(|c: char| !is_part(c)).next()
            }
            // `const name = async (…) =>`, not a member of something.
            _ => before.trim_end().strip_suffix('=').and_then(|before| {
                let before = before.trim_end();
                let from = before.rfind(|c: char| !is_part(c)).map_or(0, |at| at + 1);
                before.get(from..).filter(|_| !before.get(..from).is_some_and(|rest| rest.ends_with('.')))
            }),
        };
        names.extend(name.filter(|name| !name.is_empty()));
    }
    names
}

/// Whether a block is a function's body, and then whether the function is `async`.
fn function_body(text: &str, at: usize, closed: Option<(usize, usize)>) -> Option<bool> {
    let before = text.get(..at)?.trim_end();
    let parameters =
        |before: &str| closed.filter(|(_, close)| close + 1 == before.len()).map(|(open, _)| open);
    if let Some(before) = before.strip_suffix("=>") {
        let before = before.trim_end();
        let head = match parameters(before) {
            Some(open) => text.get(..open)?,
            None => before.trim_end_matches(is_part),
        };
        return Some(crate::javascript::ends_with_word(head.trim_end(), "async"));
    }
    let head = text.get(..parameters(before)?)?.trim_end();
    let name_at = head.trim_end_matches(is_part).len();
    let name = head.get(name_at..)?;
    if matches!(name, "if" | "for" | "while" | "switch" | "catch" | "with" | "await") {
        return None;
    }
    let mut head = head;
    for _ in 0..2 {
        let rest = head.trim_end().trim_end_matches('*').trim_end();
        if crate::javascript::ends_with_word(rest, "async") {
            return Some(true);
        }
        head = rest.trim_end_matches(is_part);
    }
    Some(crate::javascript::ends_with_word(head.trim_end(), "async"))
}

fn is_promise(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim_end();
    before.strip_suffix("Promise").is_some_and(|before| before.trim_end().ends_with("new"))
}

/// Where the bracket closes that opens at a place.
pub(super) fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn word_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(body: &str) -> Vec<String> {
        let source = format!("exports.handler = async (event) => {{\n{body}\n}};\n");
        found(&source)
    }

    fn found(source: &str) -> Vec<String> {
        let text = crate::javascript::read(source).text;
        unawaited(&text).into_iter().map(|found| found.call).collect()
    }

    #[test]
    fn work_that_nobody_waits_for() {
        assert_eq!(calls("sqs.send(new SendMessageCommand({ a: 'b;}' }));"), ["sqs.send"]);
        assert_eq!(
            calls("const a = 1\nthis.sqs.send(new aws.PutItemCommand({}))\nreturn a"),
            ["this.sqs.send"]
        );
        assert_eq!(calls("if (a) fetch('x').then((r) => r.json()).catch(console.error);"), ["fetch"]);
        assert_eq!(calls("for (const r of event.Records) { axios.post(r.url); }"), ["axios.post"]);
        assert_eq!(
            calls("event.Records.forEach(async (r) => { await work(r); });"),
            ["event.Records.forEach"]
        );
        assert_eq!(calls("sqs.sendMessage({ QueueUrl: q }).promise();"), ["sqs.sendMessage"]);
        assert_eq!(found("const work = async (r) => r;\nasync function two() {\n  work(1);\n}"), ["work"]);
        assert_eq!(
            found("async function work() {}\nclass A { async go() { try { work() } finally {} } }"),
            ["work"]
        );
    }

    #[test]
    fn work_that_is_waited_for() {
        for body in [
            "await sqs.send(new SendMessageCommand({}));",
            "return sqs.send(new SendMessageCommand({}));",
            "return\nawait\nsqs.send(new SendMessageCommand({}));",
            "const p = sqs.send(new SendMessageCommand({}));\nawait p;",
            "const p = [];\nfor (const r of rs) p.push(sqs.send(new SendMessageCommand(r)));\nawait Promise.all(p);",
            "await Promise.all(rs.map(async (r) => { await work(r); }));",
            "const p = rs.map(async (r) => r)",
            "await Promise.all([\n  fetch('a'),\n  fetch('b'),\n]);",
            "await rs.reduce((p, r) => p.then(() => sqs.send(new ACommand(r))), null);",
            "await new Promise((resolve) => { fetch('a').then(resolve); });",
            "void fetch('x');",
            "socket.send('x'); res.send(body); rs.forEach((r) => { r.done = true; });",
            "const o = { fetch() { return 1; } };",
            "axios.interceptors.request.use(log); axios.create({});",
            "// fetch('x')\nconst s = \"; fetch('x');\";",
            "once('x', () => { fetch('y'); });",
            "const a =\n  fetch('x')",
        ] {
            assert_eq!(calls(body), [""; 0], "{body}");
        }
        // Old handlers with a callback: what is open is waited for.
        assert_eq!(
            found("exports.handler = (event, context, callback) => { fetch('x').then(() => callback()); };"),
            [""; 0]
        );
        assert_eq!(found("const work = async () => 1;\nwork();\n"), [""; 0]);
    }
}
