//! The `CloudFormation` types of S3: `AWS::S3::Bucket` and `AWS::S3::BucketPolicy`.

mod bucket;
mod fit;
mod forms;
mod live;
mod policy;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use moln_kernel::resources::ResourceHandler;

pub use bucket::BucketHandler;
pub use policy::PolicyHandler;

use crate::Buckets;

/// A handler for each type.
pub fn handlers(buckets: &Arc<Buckets>) -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(BucketHandler(Arc::clone(buckets))), Box::new(PolicyHandler(Arc::clone(buckets)))]
}
