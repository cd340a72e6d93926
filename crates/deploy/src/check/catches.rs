//! Failures that are caught and not told: what called the function takes the work as done.
//!
//! Found is `catch` (in Python: a bare `except`, `Exception`) that does nothing but write a line, around work that is waited
//! for. A failure that is thrown again, counted, answered or put anywhere is left alone.

use super::promises::closing;
use super::scripts::Script;

/// Calls that only tell somebody.
const TOLD: [&str; 8] = ["console.", "log.", "logger.", "logging.", "print", "traceback.", "log(", "Logger."];

/// Where failures are swallowed.
pub(super) fn swallowed(script: &Script<'_>) -> Vec<usize> {
    if script.is_python { python(&script.text) } else { javascript(&script.text) }
}

fn javascript(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("catch") {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 5..).unwrap_or_default());
        if before.trim_end().ends_with('}') {
            // `try { … } catch (e) { … }`.
            let Some(open) = after.find('{').map(|n| at + 5 + n) else { continue };
            let head = text.get(at + 5..open).unwrap_or_default().trim();
            let is_head = head.is_empty() || (head.starts_with('(') && head.ends_with(')'));
            let body = closing(text, open).and_then(|close| text.get(open + 1..close));
            if is_head
                && body.is_some_and(only_tells)
                && tried(before).is_some_and(|tried| tried.contains("await"))
            {
                found.push(at);
            }
        } else if before.ends_with('.') && after.starts_with('(') {
            // `.catch(() => {})`, `.catch(console.error)`.
            let arguments = closing(text, at + 5).and_then(|close| text.get(at + 6..close));
            if arguments.is_some_and(is_deaf) {
                found.push(at);
            }
        }
    }
    found
}

/// What stands in the block that ends a text.
fn tried(before: &str) -> Option<&str> {
    let end = before.trim_end().len().checked_sub(1)?;
    let mut depth = 0_usize;
    for at in (0..=end).rev() {
        match before.as_bytes().get(at)? {
            b'}' => depth += 1,
            b'{' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let is_try = crate::javascript::ends_with_word(before.get(..at)?.trim_end(), "try");
                    return before.get(at..end).filter(|_| is_try);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether the function that `.catch()` is given only tells somebody, or does nothing.
fn is_deaf(arguments: &str) -> bool {
    let arguments = arguments.trim();
    if let Some((_, body)) = arguments.split_once("=>") {
        let body = body.trim();
        let body = body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or(body);
        return only_tells(body);
    }
    ["console.log", "console.error", "console.warn"].contains(&arguments)
}

/// Whether some statements do nothing but write lines.
fn only_tells(body: &str) -> bool {
    let mut rest = body.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("return;").or_else(|| rest.strip_prefix("continue;")) {
            rest = after.trim_start();
            continue;
        }
        let Some(open) = rest.find('(').filter(|_| TOLD.iter().any(|call| rest.starts_with(call))) else {
            return false;
        };
        let Some(close) = closing(rest, open) else { return false };
        rest = rest
            .get(close + 1..)
            .unwrap_or_default()
            .trim_start_matches(|c: char| c.is_whitespace() || c == ';');
    }
    true
}

fn python(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        starts.push((at, line));
        at += line.len();
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (index, (at, line)) in starts.iter().enumerate() {
        let head = line.trim();
        let caught = head.strip_prefix("except").map(|rest| rest.trim_end_matches(':').trim());
        let caught = caught.and_then(|rest| rest.split(" as ").next()).map(str::trim);
        if !head.ends_with(':')
            || !caught.is_some_and(|name| ["", "Exception", "BaseException"].contains(&name))
        {
            continue;
        }
        let depth = indent(line);
        let body =
            starts.iter().skip(index + 1).map(|(_, line)| *line).filter(|line| !line.trim().is_empty());
        let body: Vec<&str> = body.take_while(|line| indent(line) > depth).map(str::trim).collect();
        let tells = |line: &&str| {
            ["pass", "continue", "return", "..."].contains(line)
                || TOLD.iter().any(|call| line.starts_with(call))
        };
        if !body.is_empty() && body.iter().all(tells) {
            found.push(at + depth);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn js(source: &str) -> usize {
        javascript(&crate::javascript::read(source).text).len()
    }

    #[test]
    fn failures_that_nobody_hears_of() {
        assert_eq!(js("try { await work(); } catch {}"), 1);
        assert_eq!(
            js(
                "try {\n for (const r of e) { await w(r); }\n} catch (e) {\n  console.error('x', e);\n  // later\n}"
            ),
            1
        );
        assert_eq!(js("try { await w(); } catch (e) { logger.warn({ e }); continue; }"), 1);
        assert_eq!(
            js(
                "await w().catch(() => {});\nawait w().catch((e) => console.log(e));\nw().catch(console.error)"
            ),
            3
        );
        assert_eq!(python("try:\n    w()\nexcept:\n    pass\n"), [13]);
        assert_eq!(
            python("try:\n    w()\nexcept Exception as e:\n    print(e)\n    logger.info(e)\nx()\n").len(),
            1
        );
    }

    #[test]
    fn failures_that_are_told() {
        for source in [
            "try { await w(); } catch (e) { console.log(e); throw e; }",
            "try { await w(); } catch (e) { failures.push({ itemIdentifier: r.messageId }); }",
            "try { await w(); } catch (e) { console.error(e); return { statusCode: 500 }; }",
            "try { await w(); } catch (e) { failed = true; }",
            "try { body = JSON.parse(text); } catch { }",
            "await w().catch((e) => { failed.push(e); });",
            "// try { await w(); } catch {}",
            "catchAll({});",
        ] {
            assert_eq!(js(source), 0, "{source}");
        }
        assert!(python("try:\n    w()\nexcept KeyError:\n    pass\n").is_empty());
        assert!(python("try:\n    w()\nexcept Exception:\n    failed.append(r)\n").is_empty());
        assert!(python("try:\n    w()\nexcept Exception:\n    logger.error('x')\n    raise\n").is_empty());
    }
}
