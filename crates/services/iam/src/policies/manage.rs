//! Making, listing, deleting and tagging managed policies.

use moln_kernel::{ApiError, Context, ids};

use super::{Found, Usage, listed, listed_aws, put, usage::HOLDERS, whole};
use crate::{
    Iam, documents,
    entity::tags,
    errors,
    limits::{MANAGED_CHARS, POLICIES as MOST},
    managed,
    model::{
        CreatePolicyRequest, ListEntitiesForPolicyRequest, ListEntitiesForPolicyResponse,
        ListPoliciesRequest, ListPoliciesResponse, Policy, PolicyGroup, PolicyRole, PolicyUser, Tag,
    },
    tables::{Kind, POLICIES, PolicyRow, VersionRow},
};

/// A document that may be a managed policy.
pub(crate) fn check(document: &str) -> Result<(), ApiError> {
    documents::check_identity(document, true)?;
    if documents::chars(document) > MANAGED_CHARS {
        return Err(errors::quota("PolicySize", MANAGED_CHARS));
    }
    Ok(())
}

impl Iam {
    pub(crate) async fn make_policy(
        &self,
        ctx: &Context,
        input: CreatePolicyRequest,
    ) -> Result<Policy, ApiError> {
        self.change(ctx, |view, batch| {
            if view.policy(&input.policy_name)?.is_some() {
                return Err(errors::already_exists(format!(
                    "A policy called {} already exists. Duplicate names are not allowed.",
                    input.policy_name
                )));
            }
            check(&input.policy_document)?;
            if view.policies()?.len() >= MOST {
                return Err(errors::quota("PoliciesPerAccount", MOST));
            }
            let path = input.path.unwrap_or_else(|| "/".to_owned());
            let created = view.now.seconds() * 1_000;
            let mut row = PolicyRow {
                arn: ctx.global_arn("iam", &format!("policy{path}{}", input.policy_name)),
                name: input.policy_name,
                path,
                id: ids::base32_id("ANPA", 17),
                created,
                updated: created,
                description: input.description,
                tags: Vec::new(),
                versions: vec![VersionRow { number: 1, document: input.policy_document, created }],
                default: 1,
                next: 2,
            };
            tags::add(&mut row.tags, input.tags.unwrap_or_default())?;
            put(view, batch, &row)?;
            let shapes = (!row.tags.is_empty()).then(|| tags::shapes(&row.tags));
            Ok(Policy { tags: shapes, ..listed(&row, &Usage::default()) })
        })
        .await
    }

    pub(crate) fn describe_policy(&self, ctx: &Context, arn: &str) -> Result<Policy, ApiError> {
        self.look(ctx, |view| {
            let found = view.find_policy(arn)?.ok_or_else(|| errors::no_such_policy(arn))?;
            let usage = Usage::count(view)?;
            Ok(match found {
                Found::Own(row) => whole(&row, &usage),
                Found::Aws(policy) => {
                    Policy { tags: Some(Vec::new()), ..listed_aws(policy, partition(arn), &usage) }
                }
            })
        })
    }

    pub(crate) fn list_own_policies(
        &self,
        ctx: &Context,
        input: &ListPoliciesRequest,
    ) -> Result<ListPoliciesResponse, ApiError> {
        let scope = input.scope.as_deref().unwrap_or("All");
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let root = ctx.global_arn("iam", "root");
        let policies = self.look(ctx, |view| {
            let usage = Usage::count(view)?;
            let mut policies = Vec::new();
            if scope != "AWS" {
                policies.extend(view.policies()?.iter().map(|row| listed(row, &usage)));
            }
            if scope != "Local" {
                policies.extend(managed::all().values().map(|one| listed_aws(one, partition(&root), &usage)));
            }
            let wanted = |policy: &Policy| {
                let bounding = input.policy_usage_filter.as_deref() == Some("PermissionsBoundary");
                let count =
                    if bounding { policy.permissions_boundary_usage_count } else { policy.attachment_count };
                policy.path.as_ref().is_some_and(|path| path.starts_with(prefix))
                    && (input.only_attached != Some(true) || count.is_some_and(|count| count > 0))
                    && (!bounding || count.is_some_and(|count| count > 0))
            };
            policies.retain(wanted);
            policies.sort_by_key(|policy| crate::core::folded(policy.arn.as_deref().unwrap_or_default()));
            Ok(policies)
        })?;
        let scope = ["ListPolicies", ctx.account.as_str(), scope, prefix];
        let key = |policy: &Policy| policy.arn.clone().unwrap_or_default();
        let keyed: Vec<(String, Policy)> =
            policies.into_iter().map(|policy| (key(&policy), policy)).collect();
        let page = self.page(keyed, |item| &item.0, &scope, input.marker.as_deref(), input.max_items)?;
        Ok(ListPoliciesResponse {
            policies: Some(page.items.into_iter().map(|(_, policy)| policy).collect()),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }

    pub(crate) async fn drop_policy(&self, ctx: &Context, arn: &str) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let row = view.own_policy(arn)?;
            let usage = Usage::count(view)?;
            if usage.attached(arn) > 0 || usage.bounding(arn) > 0 {
                return Err(errors::conflict("Cannot delete a policy attached to entities."));
            }
            if row.versions.len() > 1 {
                return Err(errors::conflict(
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                     versions. The default version is deleted with the policy.",
                ));
            }
            POLICIES.delete(batch, &(view.account.to_owned(), crate::core::folded(&row.name)));
            Ok(())
        })
        .await
    }

    pub(crate) async fn tag_own_policy(
        &self,
        ctx: &Context,
        arn: &str,
        new: Vec<Tag>,
    ) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.own_policy(arn)?;
            tags::add(&mut row.tags, new)?;
            put(view, batch, &row)
        })
        .await
    }

    pub(crate) async fn untag_own_policy(
        &self,
        ctx: &Context,
        arn: &str,
        keys: &[String],
    ) -> Result<(), ApiError> {
        self.change(ctx, |view, batch| {
            let mut row = view.own_policy(arn)?;
            tags::remove(&mut row.tags, keys);
            put(view, batch, &row)
        })
        .await
    }

    /// Who has the policy: roles, users and groups, in that order.
    pub(crate) fn entities_of_policy(
        &self,
        ctx: &Context,
        input: &ListEntitiesForPolicyRequest,
    ) -> Result<ListEntitiesForPolicyResponse, ApiError> {
        let arn = &input.policy_arn;
        let bounding = input.policy_usage_filter.as_deref() == Some("PermissionsBoundary");
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let mut found: Vec<(String, Kind, String, String)> = Vec::new();
        self.look(ctx, |view| {
            view.find_policy(arn)?.ok_or_else(|| errors::no_such_policy(arn))?;
            for kind in HOLDERS {
                let wanted = match input.entity_filter.as_deref() {
                    Some("Role") => kind == Kind::Role,
                    Some("User") => kind == Kind::User,
                    Some("Group") => kind == Kind::Group,
                    Some(_) => false,
                    None => true,
                };
                if !wanted {
                    continue;
                }
                for row in view.list(kind)? {
                    let uses = if bounding {
                        row.boundary.as_ref() == Some(arn)
                    } else {
                        row.attached.contains(arn)
                    };
                    if uses && row.path.starts_with(prefix) {
                        found.push((format!("{} {}", kind.number(), row.name), kind, row.name, row.id));
                    }
                }
            }
            Ok(())
        })?;
        let filter = input.entity_filter.as_deref().unwrap_or_default();
        let scope = ["ListEntitiesForPolicy", ctx.account.as_str(), arn, filter, prefix];
        let page = self.page(found, |item| &item.0, &scope, input.marker.as_deref(), input.max_items)?;
        let (mut roles, mut users, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for (_, kind, name, id) in page.items {
            let (name, id) = (Some(name), Some(id));
            match kind {
                Kind::User => users.push(PolicyUser { user_name: name, user_id: id }),
                Kind::Group => groups.push(PolicyGroup { group_name: name, group_id: id }),
                _ => roles.push(PolicyRole { role_name: name, role_id: id }),
            }
        }
        Ok(ListEntitiesForPolicyResponse {
            policy_groups: Some(groups),
            policy_users: Some(users),
            policy_roles: Some(roles),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

/// `aws`, `aws-cn`, `aws-us-gov`.
fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or("aws")
}
