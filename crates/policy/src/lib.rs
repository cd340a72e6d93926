//! AWS's policy language: documents are read once ([`Document::parse`]) and requests judged by them
//! ([`Document::judge`]). Pure: no clock, no store, no service.
//! Rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
//!
//! What is not understood (an operator nobody knows, a value that is no number where one is compared) never counts in the
//! caller's favour: an `Allow` then does not apply, a `Deny` does.

mod caller;
mod condition;
mod document;
mod judge;
mod pattern;

pub use caller::arns;
pub use condition::Condition;
pub use document::{Document, Effect, Fault, Names, Principals, Statement};
pub use judge::{Decision, Keys, Request, Who};
pub use pattern::matches;
