//! Which methods a service's sources override: a scan of the text, so that no list is kept by hand.

use std::{collections::BTreeSet, fs, path::Path};

use crate::Failure;

/// Names of the functions in `impl … TRAIT for … { … }` blocks of every `.rs` file under `directory`.
/// A directory that does not exist holds none.
pub fn overridden(directory: &Path, trait_name: &str) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    if !directory.exists() {
        return Ok(found);
    }
    let trouble = |error: std::io::Error| Failure(format!("{}: {error}", directory.display()));
    for entry in fs::read_dir(directory).map_err(trouble)? {
        let path = entry.map_err(trouble)?.path();
        if path.is_dir() {
            found.extend(overridden(&path, trait_name)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(methods(&fs::read_to_string(&path).map_err(trouble)?, trait_name));
        }
    }
    Ok(found)
}

/// The functions at the first level of `impl … TRAIT for …` blocks.
pub fn methods(source: &str, trait_name: &str) -> BTreeSet<String> {
    let tokens = tokens(source);
    let mut found = BTreeSet::new();
    let mut rest = tokens.as_slice();
    while let Some(start) =
        rest.windows(2).position(|pair| matches!(pair, [name, "for"] if *name == trait_name))
    {
        let (before, after) = rest.split_at(start);
        rest = after.get(2..).unwrap_or_default();
        let impl_at = before.iter().rposition(|token| matches!(*token, "impl" | ";" | "}" | "{"));
        if impl_at.and_then(|index| before.get(index)) != Some(&"impl") {
            continue;
        }
        let mut depth = 0_usize;
        let mut previous = "";
        for token in rest {
            match *token {
                "{" => depth += 1,
                "}" if depth <= 1 => break,
                "}" => depth -= 1,
                name if previous == "fn" && depth == 1 => {
                    found.insert(name.trim_start_matches("r#").to_owned());
                }
                _ => {}
            }
            previous = token;
        }
    }
    found
}

/// Words and braces; comments, texts and character literals are left out.
fn tokens(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest) {
            length
        } else if first == '"' {
            quoted(rest)
        } else if let Some(length) = character(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let length =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '#')).unwrap_or(rest.len());
            found.extend(rest.get(..length));
            length
        } else {
            let length = first.len_utf8();
            found.extend(rest.get(..length).filter(|_| !first.is_whitespace()));
            length
        };
        rest = rest.get(skip..).unwrap_or_default();
    }
    found
}

/// Length of `r"…"`, `r#"…"#`, `br"…"` at the beginning.
fn raw_text(text: &str) -> Option<usize> {
    let after_r = text.strip_prefix('r').or_else(|| text.strip_prefix("br"))?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let inner = after_r.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = text.len() - inner.len();
    Some(inner.find(&end).map_or(text.len(), |at| opening + at + end.len()))
}

/// Length of `"…"` at the beginning.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of `'x'` or `'\n'` at the beginning; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        let after = inner.char_indices().nth(2)?.0;
        return inner.get(after..)?.find('\'').map(|end| 1 + after + end + 1);
    }
    let letter = inner.chars().next()?;
    inner.get(letter.len_utf8()..)?.starts_with('\'').then(|| letter.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_methods_of_the_trait_only() {
        let source = r##"
            // impl Sqs for Nobody { fn comment() {} }
            impl<'a, T: Clone> crate::model::Sqs for Queues<'a, T> {
                async fn send_message(&self) -> Result<(), E> { fn inner() {} let x = '}'; let y = "{ fn text() {} }"; }
                fn r#move(&self) { match c { '\'' => {} _ => {} } /* } */ }
                fn purge_queue(&self) { let _ = r#"}" fn raw()"#; }
            }
            impl Other for Queues { fn other(&self) {} }
            fn free(f: impl Sqs) { for x in y {} }
            impl Queues { fn own(&self) {} }
        "##;
        let found: Vec<_> = methods(source, "Sqs").into_iter().collect();
        assert_eq!(found, ["move", "purge_queue", "send_message"]);
    }
}
