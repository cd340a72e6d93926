//! `moln env`.

use std::process::ExitCode;

use moln_kernel::AccountId;

use super::say;
use crate::{
    cli::{Env, Shell},
    failure::Failure,
};

pub(super) fn run(options: &Env) -> Result<ExitCode, Failure> {
    if options.account.as_deref().is_some_and(|account| AccountId::parse(account).is_none()) {
        return Err(Failure::usage("the account is not 12 digits."));
    }
    let key = options.account.as_deref().unwrap_or("test");
    for (name, value) in [
        ("AWS_ENDPOINT_URL", options.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        // boto3 and version 1 of the AWS CLI read this one,
        ("AWS_DEFAULT_REGION", options.region.as_str()),
        // the SDKs for JavaScript, Go, Java and version 2 of the AWS CLI that one.
        ("AWS_REGION", options.region.as_str()),
        // Some operations (a live tail of logs) would be asked of `streaming-` and the host, which has no such name.
        ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true"),
    ] {
        say(&line(options.shell, name, value));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(shell: Shell, name: &str, value: &str) -> String {
    match shell {
        Shell::Sh => format!("export {name}={}", quoted(value, r"'\''")),
        Shell::Fish => format!("set -gx {name} {}", quoted(value, r"\'")),
        Shell::Powershell => format!("$Env:{name} = '{}'", value.replace('\'', "''")),
    }
}

/// In single quotes, unless it needs none; `escape` stands for a quote within.
fn quoted(value: &str, escape: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_its_own_quotes() {
        assert_eq!(line(Shell::Sh, "A", "http://127.0.0.1:4566"), "export A=http://127.0.0.1:4566");
        assert_eq!(line(Shell::Sh, "A", "it's $x"), r"export A='it'\''s $x'");
        assert_eq!(line(Shell::Fish, "A", "it's"), r"set -gx A 'it\'s'");
        assert_eq!(line(Shell::Powershell, "A", "it's"), "$Env:A = 'it''s'");
    }
}
