//! Names of the model → names of Rust.

/// `MD5OfMessageBody` → `md5_of_message_body`, `AWSAccountIds` → `aws_account_ids`, `x-amz-acl` → `x_amz_acl`.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let at = |index: usize| letters.get(index).copied();
    let upper = |letter: Option<char>| letter.is_some_and(|c| c.is_ascii_uppercase());
    let mut out = String::with_capacity(name.len() + 8);
    for (index, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            out.push('_');
            continue;
        }
        let before = index.checked_sub(1).and_then(at);
        let after = at(index + 1);
        // `ARNs`, `URLs`: the plural's s belongs to the word.
        let plural =
            after == Some('s') && upper(before) && at(index + 2).is_none_or(|c| c.is_ascii_uppercase());
        let word_ends = before.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let word_begins = upper(before) && after.is_some_and(|c| c.is_ascii_lowercase()) && !plural;
        if letter.is_ascii_uppercase() && (word_ends || word_begins) && !out.ends_with('_') {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A field's or method's name: snake case, keywords escaped.
pub fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "self" | "super" | "crate" => format!("{name}_"),
        "as" | "async" | "await" | "box" | "break" | "const" | "continue" | "do" | "dyn" | "else"
        | "enum" | "extern" | "false" | "final" | "fn" | "for" | "gen" | "if" | "impl" | "in" | "let"
        | "loop" | "macro" | "match" | "mod" | "move" | "mut" | "override" | "priv" | "pub" | "ref"
        | "return" | "static" | "struct" | "trait" | "true" | "try" | "type" | "typeof" | "unsafe"
        | "unsized" | "use" | "virtual" | "where" | "while" | "yield" => format!("r#{name}"),
        _ if name.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
        _ => name,
    }
}

/// A type's or variant's name: as in the model, beginning with a capital.
pub fn pascal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut capital = true;
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            out.push(if capital { letter.to_ascii_uppercase() } else { letter });
            capital = false;
        } else {
            capital = true;
        }
    }
    match out.as_str() {
        "Self" => "Self_".to_owned(),
        _ if out.starts_with(|c: char| c.is_ascii_digit()) => format!("V{out}"),
        _ => out,
    }
}

/// A static's name.
pub fn screaming(name: &str) -> String {
    let name = snake(name).to_ascii_uppercase();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (name, expected) in [
            ("MD5OfMessageBody", "md5_of_message_body"),
            ("AWSAccountIds", "aws_account_ids"),
            ("QueueUrl", "queue_url"),
            ("queueUrls", "queue_urls"),
            ("S3Key", "s3_key"),
            ("SSESpecification", "sse_specification"),
            ("TargetGroupARNs", "target_group_arns"),
            ("ARNsList", "arns_list"),
            ("x-amz-acl", "x_amz_acl"),
            ("DBInstanceId", "db_instance_id"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(field("Type"), "r#type");
        assert_eq!(field("Self"), "self_");
        assert_eq!(pascal("kinesisRecord"), "KinesisRecord");
        assert_eq!(pascal("Self"), "Self_");
    }
}
