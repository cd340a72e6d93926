//! Patterns of file names as `package.patterns` has them: `*`, `**`, `?`, `[a-z]`, `{a,b}`, `!(a)`, `@(a|b)`.
//!
//! A name is matched whole, from the directory of the pattern; `*` and `?` stay within one part of it. Files whose names
//! begin with a dot are like any other.

/// How often a pattern may try before it counts as not matching: a hundred stars would take for ever.
const TRIES: u32 = 100_000;

/// A pattern, ready to match many names.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    /// One for each way to choose between braces.
    alternatives: Vec<Vec<String>>,
}

impl Glob {
    /// Reads a pattern; a leading `./` does not count.
    pub(super) fn new(pattern: &str) -> Self {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        let alternatives = braces(pattern).iter().map(|p| split(p)).collect();
        Self { alternatives }
    }

    /// Whether a name matches, its parts divided by `/`.
    pub(super) fn matches(&self, name: &str) -> bool {
        let parts: Vec<&str> = name.split('/').collect();
        self.alternatives.iter().any(|pattern| path(pattern, &parts, &mut TRIES.clone()))
    }
}

/// The parts of a pattern; slashes within parentheses divide nothing.
fn split(pattern: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for c in pattern.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

/// `a{b,c}d` is `abd` and `acd`. Braces without a comma are plain. At most a thousand ways.
fn braces(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        match first_braces(&pattern) {
            Some((before, choices, after)) if done.len() + open.len() < 1_000 => {
                open.extend(choices.iter().map(|choice| format!("{before}{choice}{after}")));
            }
            _ => done.push(pattern),
        }
    }
    done
}

fn first_braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    for (start, _) in pattern.match_indices('{') {
        let (before, inner) = (pattern.get(..start)?, pattern.get(start + 1..)?);
        let mut depth = 0_u32;
        let mut from = 0;
        let mut choices = Vec::new();
        for (at, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    choices.push(inner.get(from..at)?);
                    if choices.len() > 1 {
                        return Some((before, choices, inner.get(at + 1..)?));
                    }
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    choices.push(inner.get(from..at)?);
                    from = at + 1;
                }
                _ => {}
            }
        }
    }
    None
}

fn path(pattern: &[String], parts: &[&str], tries: &mut u32) -> bool {
    *tries = tries.saturating_sub(1);
    let Some((first, rest)) = pattern.split_first() else { return parts.is_empty() };
    if *tries == 0 {
        return false;
    }
    if first == "**" {
        // As the last part it wants at least one name, unless it is all there is.
        return (0..=parts.len()).any(|skip| {
            !(rest.is_empty() && skip == 0) && parts.get(skip..).is_some_and(|parts| path(rest, parts, tries))
        });
    }
    let Some((part, others)) = parts.split_first() else { return false };
    let (first, part): (Vec<char>, Vec<char>) = (first.chars().collect(), part.chars().collect());
    name(&first, &part, tries) && path(rest, others, tries)
}

fn name(pattern: &[char], text: &[char], tries: &mut u32) -> bool {
    *tries = tries.saturating_sub(1);
    if *tries == 0 {
        return false;
    }
    if let [sign @ ('!' | '@' | '+' | '?' | '*'), '(', inner @ ..] = pattern
        && let Some((choices, rest)) = group(inner)
    {
        return extended(*sign, &choices, rest, text, tries);
    }
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            (0..=text.len()).any(|n| text.get(n..).is_some_and(|text| name(rest, text, tries)))
        }
        (['?', rest @ ..], [_, others @ ..]) => name(rest, others, tries),
        (['[', inner @ ..], [c, others @ ..]) => match class(inner, *c) {
            Some((true, rest)) => name(rest, others, tries),
            Some((false, _)) => false,
            None => *c == '[' && name(inner, others, tries),
        },
        (['\\', wanted, rest @ ..] | [wanted, rest @ ..], [c, others @ ..]) => {
            wanted == c && name(rest, others, tries)
        }
        _ => false,
    }
}

/// What stands in parentheses, by `|`, and what follows.
fn group(inner: &[char]) -> Option<(Vec<&[char]>, &[char])> {
    let mut depth = 0_u32;
    let mut from = 0;
    let mut choices = Vec::new();
    for (at, c) in inner.iter().enumerate() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => {
                choices.push(inner.get(from..at)?);
                return Some((choices, inner.get(at + 1..)?));
            }
            ')' => depth -= 1,
            '|' if depth == 0 => {
                choices.push(inner.get(from..at)?);
                from = at + 1;
            }
            _ => {}
        }
    }
    None
}

fn extended(sign: char, choices: &[&[char]], rest: &[char], text: &[char], tries: &mut u32) -> bool {
    (0..=text.len()).any(|n| {
        let (Some(head), Some(tail)) = (text.get(..n), text.get(n..)) else { return false };
        let any = |tries: &mut u32| choices.iter().any(|choice| name(choice, head, tries));
        let fits = match sign {
            '!' => !any(tries),
            '@' => any(tries),
            '?' => n == 0 || any(tries),
            '*' => n == 0 || repeated(choices, head, tries),
            _ => repeated(choices, head, tries),
        };
        fits && name(rest, tail, tries)
    })
}

fn repeated(choices: &[&[char]], text: &[char], tries: &mut u32) -> bool {
    text.is_empty()
        || (1..=text.len()).any(|n| {
            let (Some(head), Some(tail)) = (text.get(..n), text.get(n..)) else { return false };
            choices.iter().any(|choice| name(choice, head, tries)) && repeated(choices, tail, tries)
        })
}

/// Whether a character is in a class, and what follows the class.
fn class(inner: &[char], c: char) -> Option<(bool, &[char])> {
    let (negated, inner) = match inner {
        ['!' | '^', inner @ ..] => (true, inner),
        _ => (false, inner),
    };
    let end = inner.iter().skip(1).position(|c| *c == ']')? + 1;
    let mut members = inner.get(..end)?;
    let mut found = false;
    loop {
        match members {
            [low, '-', high, rest @ ..] => {
                found |= (*low..=*high).contains(&c);
                members = rest;
            }
            [one, rest @ ..] => {
                found |= *one == c;
                members = rest;
            }
            [] => break,
        }
    }
    Some((found != negated, inner.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_micromatch_has_it() {
        for (pattern, name, wanted) in [
            ("**", "a/b/.c", true),
            ("*.js", "index.js", true),
            ("*.js", "src/index.js", false),
            ("**/*.js", "index.js", true),
            ("src/**", "src/a/b.js", true),
            ("src/**", "src", false),
            ("src", "src/a.js", false),
            ("./src/*", "src/a.js", true),
            (".git/**", ".git/config", true),
            ("{index,other}.js", "other.js", true),
            ("a{b,c{d,e}}f", "acef", true),
            ("?.js", "ab.js", false),
            ("[a-c].js", "b.js", true),
            ("[!a-c].js", "b.js", false),
            ("!(node_modules)/**", "src/a", true),
            ("!(node_modules)/**", "node_modules/a", false),
            ("@(a|b).js", "b.js", true),
            ("+(ab).js", "abab.js", true),
            ("node_modules/@aws-sdk/**", "node_modules/@aws-sdk/client-sqs/index.js", true),
            (".env*", ".env.dev", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn stars_without_number_end() {
        let name = "a".repeat(200);
        assert!(!Glob::new(&"*a".repeat(60)).matches(&format!("{name}b")));
    }
}
