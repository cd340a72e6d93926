//! The `CloudFormation` types of IAM: `AWS::IAM::Role`, `AWS::IAM::Policy`, `AWS::IAM::ManagedPolicy`.

mod managed_policy;
mod policy;
mod properties;
mod role;

use std::sync::Arc;

use moln_kernel::resources::ResourceHandler;

pub use managed_policy::ManagedPolicyHandler;
pub use policy::PolicyHandler;
pub use role::RoleHandler;

use crate::Iam;

/// A handler for each type.
pub fn handlers(iam: &Arc<Iam>) -> Vec<Box<dyn ResourceHandler>> {
    vec![
        Box::new(RoleHandler(Arc::clone(iam))),
        Box::new(PolicyHandler(Arc::clone(iam))),
        Box::new(ManagedPolicyHandler(Arc::clone(iam))),
    ]
}
