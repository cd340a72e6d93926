//! Deployment files, without a server: what a `serverless.yml`, a SAM or a `CloudFormation` template says, and where it says it.
//!
//! # Rooms
//! `document` reads YAML and JSON and remembers places, `template` is CloudFormation's language, `sam` and `serverless` turn
//! their files into templates, `project` is what a directory holds, `modules` looks whether what code asks for is in its package (`javascript` reads it), `check` finds traps before they are deployed.

pub mod check;
pub mod document;
mod javascript;
pub mod modules;
pub mod package;
pub mod project;
pub mod sam;
pub mod serverless;
pub mod template;
