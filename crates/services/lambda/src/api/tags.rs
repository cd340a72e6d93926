//! Tags of functions; those of event source mappings are theirs.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{ApiError, Context, tags::TagFault};
use moln_store::Batch;

use super::finding::revision_id;
use crate::{
    Lambda, errors, limits, names,
    state::{Address, Version},
    tables::{FunctionRow, VersionRow},
};

/// Checks tags that are added to what is there.
pub(crate) fn check(
    there: &BTreeMap<String, String>,
    added: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let bad = |fault: TagFault| errors::invalid_parameter(fault.to_string());
    moln_kernel::tags::check(added.iter().map(|(key, value)| (key.as_str(), value.as_str()))).map_err(bad)?;
    let count = there.len() + added.keys().filter(|key| !there.contains_key(*key)).count();
    if count > limits::TAGS {
        return Err(errors::invalid_parameter(format!(
            "Number of tags exceeds resource tag limit of {}.",
            limits::TAGS
        )));
    }
    Ok(())
}

/// What a tagged ARN names.
enum Tagged {
    Function(Address),
    Mapping(String),
    /// A kind of resource there is none of here.
    Nothing(ApiError),
}

fn tagged(ctx: &Context, arn: &str) -> Result<Tagged, ApiError> {
    let kind = arn.split(':').nth(5).unwrap_or_default();
    let missing = |kind: &str| Ok(Tagged::Nothing(errors::not_found(format!("{kind} not found: {arn}"))));
    match kind {
        "function" => {
            let named = names::read(&ctx.account, &ctx.region, arn, None)?;
            if named.qualifier.is_some() {
                return Err(errors::invalid_parameter(
                    "Tags on function aliases and versions are not supported. Please specify a function ARN.",
                ));
            }
            Ok(Tagged::Function(named.address))
        }
        "event-source-mapping" => Ok(Tagged::Mapping(arn.to_owned())),
        "capacity-provider" => missing("Capacity provider"),
        "code-signing-config" => missing("Code signing config"),
        _ => missing("Layer"),
    }
}

impl Lambda {
    pub(super) async fn tag(
        &self,
        ctx: &Context,
        arn: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        match tagged(ctx, arn)? {
            Tagged::Nothing(error) => Err(error),
            Tagged::Mapping(arn) => self.mappings.change_tags(ctx, &arn, |there| there.extend(tags)).await,
            Tagged::Function(address) => {
                self.retag(&address, |there| {
                    check(there, &tags)?;
                    there.extend(tags);
                    Ok(())
                })
                .await
            }
        }
    }

    pub(super) async fn untag(&self, ctx: &Context, arn: &str, keys: Vec<String>) -> Result<(), ApiError> {
        match tagged(ctx, arn)? {
            Tagged::Nothing(error) => Err(error),
            Tagged::Mapping(arn) => {
                self.mappings.change_tags(ctx, &arn, |there| there.retain(|key, _| !keys.contains(key))).await
            }
            Tagged::Function(address) => {
                self.retag(&address, |there| {
                    there.retain(|key, _| !keys.contains(key));
                    Ok(())
                })
                .await
            }
        }
    }

    pub(super) fn tags(&self, ctx: &Context, arn: &str) -> Result<BTreeMap<String, String>, ApiError> {
        match tagged(ctx, arn)? {
            Tagged::Nothing(error) => Err(error),
            Tagged::Mapping(arn) => self.mappings.tags(ctx, &arn),
            Tagged::Function(address) => {
                let function = self.registry.find(&address);
                let function = function.ok_or_else(|| errors::function_not_found(&address.arn(), None))?;
                Ok(function.facts().function.tags.clone())
            }
        }
    }

    async fn retag(
        &self,
        address: &Address,
        edit: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let change = self.registry.change(address).await;
        let before = change.before.clone().ok_or_else(|| errors::function_not_found(&address.arn(), None))?;
        let mut row = FunctionRow { ..(*before.function).clone() };
        edit(&mut row.tags)?;
        let mut after = (*before).clone();
        after.function = Arc::new(row);
        if let Some(latest) = before.latest() {
            let row = VersionRow { revision_id: revision_id(), ..latest.row.clone() };
            after.versions.insert(0, Arc::new(Version::from(row)));
        }
        change.commit(Batch::default(), Some(after)).await?;
        Ok(())
    }
}
