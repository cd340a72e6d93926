//! Tags of APIs, stages, domain names and VPC links.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Context, tags::TagFault};

use crate::{Apis, errors, limits};

type Tags = BTreeMap<String, String>;

/// Judges a set of tags.
pub(super) fn check(tags: &Tags) -> Result<(), ApiError> {
    let bad = |fault: TagFault| errors::bad_request(fault.to_string());
    moln_kernel::tags::check(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))).map_err(bad)?;
    moln_kernel::tags::check_count(tags.len(), limits::TAGS).map_err(bad)
}

/// What a tagged ARN names.
enum Tagged {
    Api(String),
    Stage(String, String),
    Domain(String),
    Link(String),
}

/// `arn:aws:apigateway:REGION::/apis/ID/stages/NAME`
fn read(arn: &str) -> Result<Tagged, ApiError> {
    let bad = || errors::bad_request(format!("Invalid ARN specified: {arn}"));
    let mut fields = arn.splitn(6, ':');
    if fields.next() != Some("arn") || fields.nth(1) != Some("apigateway") {
        return Err(bad());
    }
    let path = fields.nth(2).ok_or_else(bad)?;
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["apis", id] => Ok(Tagged::Api((*id).to_owned())),
        ["apis", id, "stages", stage] => Ok(Tagged::Stage((*id).to_owned(), (*stage).to_owned())),
        ["domainnames", name] => Ok(Tagged::Domain((*name).to_owned())),
        ["vpclinks", id] => Ok(Tagged::Link((*id).to_owned())),
        _ => Err(bad()),
    }
}

impl Apis {
    pub(super) fn tags_of(&self, ctx: &Context, arn: &str) -> Result<Tags, ApiError> {
        let tags = match read(arn)? {
            Tagged::Api(id) => self.entry(ctx, &id)?.definition.api.tags.clone(),
            Tagged::Stage(id, stage) => {
                let entry = self.entry(ctx, &id)?;
                entry.stages.get(&stage).ok_or_else(|| errors::no_such("stage"))?.tags.clone()
            }
            Tagged::Domain(name) => self.domain(ctx, &name)?.name.tags.clone(),
            Tagged::Link(id) => self.link(ctx, &id)?.tags.clone(),
        };
        Ok(tags.unwrap_or_default())
    }

    pub(super) async fn retag(
        &self,
        ctx: &Context,
        arn: &str,
        change: impl FnOnce(&mut Tags) -> Result<(), ApiError> + Send,
    ) -> Result<(), ApiError> {
        let apply = |tags: &mut Option<Tags>| {
            let tags = tags.get_or_insert_default();
            change(tags)?;
            check(tags)
        };
        match read(arn)? {
            Tagged::Api(id) => {
                self.change(ctx, &id, |draft| {
                    let mut api = (*draft.definition.api).clone();
                    apply(&mut api.tags)?;
                    draft.put_api(api)
                })
                .await
            }
            Tagged::Stage(id, stage) => {
                self.with_stage(ctx, (&id, &stage), |stage| apply(&mut stage.tags)).await
            }
            Tagged::Domain(name) => {
                self.with_domain(ctx, &name, |domain| {
                    let mut name = (*domain.name).clone();
                    apply(&mut name.tags)?;
                    domain.name = name.into();
                    Ok(())
                })
                .await
            }
            Tagged::Link(id) => self.with_link(ctx, &id, |link| apply(&mut link.tags)).await.map(drop),
        }
    }
}
