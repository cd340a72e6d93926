//! Deployment files, without a server: what a `serverless.yml`, a SAM or a `CloudFormation` template says, and where it says it.
//!
//! # Rooms
//! `document` reads YAML and JSON and remembers places, `template` is CloudFormation's language, `sam` and `serverless` turn
//! their files into templates, `project` is what a directory holds, `check` finds traps before they are deployed.

pub mod document;
pub mod package;
pub mod project;
pub mod template;
