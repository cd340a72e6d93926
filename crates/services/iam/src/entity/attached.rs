//! Managed policies that are attached to an entity, and its permissions boundary.

use moln_kernel::{ApiError, Context};

use super::refuse_linked;
use crate::{
    Iam, errors,
    limits::{ATTACHED, ATTACHED_TO_GROUP},
    model::AttachedPolicy,
    tables::Kind,
};

impl Iam {
    /// Attaches a managed policy; one that is attached stays so.
    pub(crate) async fn attach(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
        arn: String,
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, kind, entity, |view, row| {
            refuse_linked(row)?;
            view.attachable(&arn)?;
            if row.attached.contains(&arn) {
                return Ok(());
            }
            let (quota, limit) = match kind {
                Kind::User => ("PoliciesPerUser", ATTACHED),
                Kind::Group => ("PoliciesPerGroup", ATTACHED_TO_GROUP),
                _ => ("PoliciesPerRole", ATTACHED),
            };
            if row.attached.len() >= limit {
                return Err(errors::quota(quota, limit));
            }
            row.attached.push(arn);
            Ok(())
        })
        .await
    }

    /// Detaches a managed policy.
    pub(crate) async fn detach(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
        arn: &str,
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, kind, entity, |view, row| {
            refuse_linked(row)?;
            view.is_policy_arn(arn)?;
            let before = row.attached.len();
            row.attached.retain(|known| known != arn);
            if row.attached.len() == before { Err(errors::no_such_policy(arn)) } else { Ok(()) }
        })
        .await
    }

    /// What is attached and lies under a path, last attached first.
    pub(crate) fn list_attached(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
        path_prefix: Option<&str>,
    ) -> Result<Vec<AttachedPolicy>, ApiError> {
        let row = self.look(ctx, |view| view.get(kind, entity))?;
        let prefix = path_prefix.unwrap_or("/");
        let shape = |arn: &String| {
            let (_, path) = arn.split_once(":policy")?;
            let name = path.rsplit('/').next()?.to_owned();
            path.starts_with(prefix)
                .then(|| AttachedPolicy { policy_name: Some(name), policy_arn: Some(arn.clone()) })
        };
        Ok(row.attached.iter().filter_map(shape).collect())
    }

    /// Sets or takes away the permissions boundary.
    pub(crate) async fn set_boundary(
        &self,
        ctx: &Context,
        kind: Kind,
        entity: &str,
        arn: Option<String>,
    ) -> Result<(), ApiError> {
        self.change_entity(ctx, kind, entity, |view, row| {
            refuse_linked(row)?;
            match &arn {
                Some(arn) => view.boundary(arn)?,
                None if row.boundary.is_none() => {
                    return Err(errors::no_such(format!(
                        "{} {} does not have a permissions boundary.",
                        if kind == Kind::Role { "Role" } else { "User" },
                        row.name
                    )));
                }
                None => {}
            }
            row.boundary = arn;
            Ok(())
        })
        .await
    }
}
