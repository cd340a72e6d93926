//! CloudFormation's template language: what a template says, judged and evaluated. Synchronous and pure: what only a
//! running stack knows comes by [`Known`]; macros, SSM parameters, exports and dynamic references are their service's.
//!
//! The way of a template: [`Template::parse`] (shape, in AWS's words) → its transforms, which are the service's →
//! [`Template::settle`] (parameters) → [`prepare`] (rules, conditions, references, cycles) → [`Prepared`], which evaluates
//! properties and outputs while the stack is being built.
//!
//! Dynamic references (`{{resolve:…}}`) stay text in what is evaluated.

mod call;
mod conditions;
mod declare;
mod evaluate;
mod extensions;
mod graph;
pub mod limits;
mod network;
mod parameter;
mod prepare;
mod references;
mod transform;

pub use declare::{Capabilities, Declared, Template};
pub use parameter::{Arguments, Constraint, Parameter, Settled};
pub use prepare::{Known, Output, Prepared, Pseudo, Resource, prepare};
pub use transform::Transform;

#[cfg(test)]
mod tests;
