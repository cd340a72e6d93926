//! How inputs that break the model's constraints are refused: IAM does not repeat what was sent.

use std::fmt::Write as _;

use moln_kernel::ApiError;
use moln_wire::{Constraint, Hooks, Operation, ValidationFailure};

use crate::{Iam, errors};

/// What a name may consist of, in AWS's words.
const NAMES: &str = "It must contain only alphanumeric characters and/or the following: +=,.@_-";
const PATHS: &str =
    "It must begin and end with / and contain only alphanumeric characters and/or / characters.";

impl Hooks for Iam {
    fn translate(&self, _: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        // A name of other characters is refused before anything else, in words of its own.
        let odd = failures.iter().find_map(|failure| match failure.constraint {
            Constraint::Pattern(source) if source.starts_with(r"[\w+=,.@-]") => Some((failure, NAMES)),
            Constraint::Pattern(_) if failure.path.to_ascii_lowercase().ends_with("path") => {
                Some((failure, PATHS))
            }
            _ => None,
        });
        if let Some((failure, words)) = odd {
            return Some(errors::validation(format!(
                "The specified value for {} is invalid. {words}",
                failure.path
            )));
        }
        let mut message = match failures.len() {
            1 => "1 validation error detected: ".to_owned(),
            n => format!("{n} validation errors detected: "),
        };
        for (n, failure) in failures.iter().enumerate() {
            let _ = write!(message, "{}Value", if n == 0 { "" } else { "; " });
            let _ = match failure.constraint {
                Constraint::Required => write!(message, " null"),
                _ => Ok(()),
            };
            let _ = write!(message, " at '{}' failed to satisfy constraint: ", failure.path);
            let _ = match failure.constraint {
                Constraint::Enum(_) => write!(message, "Member must satisfy enum value set"),
                other => write!(message, "{other}"),
            };
        }
        Some(errors::validation(message))
    }
}
