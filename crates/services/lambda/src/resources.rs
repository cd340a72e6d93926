//! The `CloudFormation` types of Lambda: `AWS::Lambda::Function`, `Version`, `Alias`, `Permission`, `EventSourceMapping`,
//! `LayerVersion`, `LayerVersionPermission`, `Url`, `EventInvokeConfig`.

mod alias;
mod event_source_mapping;
mod function;
mod inline;
mod layer_version;
mod permission;
mod properties;
#[cfg(test)]
mod tests;
mod url;
mod version;

use std::sync::Arc;

use moln_kernel::resources::ResourceHandler;

pub use alias::AliasHandler;
pub use event_source_mapping::EventSourceMappingHandler;
pub use function::FunctionHandler;
pub use layer_version::LayerVersionHandler;
pub use permission::{LayerVersionPermissionHandler, PermissionHandler};
pub use url::{EventInvokeConfigHandler, UrlHandler};
pub use version::VersionHandler;

use crate::Lambda;

/// A handler for each type.
pub fn handlers(lambda: &Arc<Lambda>) -> Vec<Box<dyn ResourceHandler>> {
    vec![
        Box::new(FunctionHandler(Arc::clone(lambda))),
        Box::new(VersionHandler(Arc::clone(lambda))),
        Box::new(AliasHandler(Arc::clone(lambda))),
        Box::new(PermissionHandler(Arc::clone(lambda))),
        Box::new(EventSourceMappingHandler(Arc::clone(lambda))),
        Box::new(LayerVersionHandler(Arc::clone(lambda))),
        Box::new(LayerVersionPermissionHandler(Arc::clone(lambda))),
        Box::new(UrlHandler(Arc::clone(lambda))),
        Box::new(EventInvokeConfigHandler(Arc::clone(lambda))),
    ]
}
