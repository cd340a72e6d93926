//! Taking on a role, for a caller (`AssumeRole`) and for a service (the port of the same name).

use std::{collections::BTreeMap, time::Duration};

use moln_kernel::{ApiError, Arn, Context, Session, ports::RoleFacts};
use moln_policy::Keys;

use super::own::{chars, second_factor};
use crate::{
    Sessions, errors,
    limits::{CHAINED_SESSION, ROLE_SESSION},
    model::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, Credentials},
    policies,
    session::Wanted,
    tags::{self, SessionTags},
    trust::Asked,
};

/// What is wanted of a role.
#[derive(Default)]
pub(crate) struct Assumption<'a> {
    pub(crate) role_arn: &'a str,
    pub(crate) session_name: &'a str,
    /// `None`: the caller of the request.
    pub(crate) service: Option<&'a str>,
    pub(crate) lasting: Duration,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive: Vec<String>,
    /// Keys of the tags that were asked for, not inherited.
    pub(crate) asked_tags: Vec<(String, String)>,
    pub(crate) external_id: Option<&'a str>,
    pub(crate) source_identity: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Vec<String>,
    pub(crate) token_chars: usize,
}

/// A session of a role.
pub(crate) struct Begun {
    pub(crate) user: AssumedRoleUser,
    pub(crate) credentials: Credentials,
}

/// The name in a role's ARN, and the account.
fn role_of(arn: &str) -> Option<(Arn, String)> {
    let arn: Arn = arn.parse().ok()?;
    let name = arn.resource().strip_prefix("role/")?.rsplit('/').next()?.to_owned();
    let whole = arn.service() == "iam" && arn.region().is_empty() && arn.account().len() == 12;
    (whole && !name.is_empty()).then_some((arn, name))
}

impl Sessions {
    /// Begins a session of a role, when its trust policy allows. Durable once it resolves.
    pub(crate) async fn assume(&self, ctx: &Context, asked: Assumption<'_>) -> Result<Begun, ApiError> {
        let Some((arn, name)) = role_of(asked.role_arn) else {
            return Err(errors::validation(format!("{} is invalid", asked.role_arn)));
        };
        let refused = |action| errors::not_authorized(ctx, action, asked.role_arn);
        let role = match self.roles.role(asked.role_arn).await? {
            Some(role) => role,
            // Whom it concerns inside is told what is the matter.
            None if asked.service.is_some() => {
                let words = format!("The role with name {name} cannot be found.");
                return Err(ApiError::sender("NoSuchEntity", words).with_status(404));
            }
            None => return Err(refused("sts:AssumeRole")),
        };
        self.check_trust(ctx, &role, &asked).map_err(refused)?;
        if asked.service.is_none() {
            check_duration(ctx, &role, asked.lasting)?;
        }
        let account = arn.account().to_owned();
        let user = AssumedRoleUser {
            assumed_role_id: format!("{}:{}", role.id, asked.session_name),
            arn: format!("arn:{}:sts::{account}:assumed-role/{name}/{}", arn.partition(), asked.session_name),
        };
        let wanted = Wanted {
            account,
            principal: Some(user.arn.clone()),
            user_id: user.assumed_role_id.clone(),
            lasting: asked.lasting,
            carries: Session {
                role_arn: Some(role.arn.into()),
                tags: asked.tags,
                transitive: asked.transitive,
                source_identity: asked.source_identity,
                policy: asked.policy.map(Into::into),
                policy_arns: asked.policy_arns,
            },
            token_chars: asked.token_chars,
        };
        let credentials = self.begin(ctx, wanted).await?;
        Ok(Begun { user, credentials })
    }

    /// The action that is not allowed, as an error.
    #[expect(clippy::unused_self, reason = "reads as a part of taking on a role")]
    fn check_trust(
        &self,
        ctx: &Context,
        role: &RoleFacts,
        asked: &Assumption<'_>,
    ) -> Result<(), &'static str> {
        let mut keys = Keys::default();
        match asked.service {
            Some(_) => keys.tell_service(ctx),
            None => keys.tell(ctx),
        }
        keys.set("sts:RoleSessionName", asked.session_name);
        keys.set("sts:DurationSeconds", asked.lasting.as_secs().to_string());
        if let Some(id) = asked.external_id {
            keys.set("sts:ExternalId", id);
        }
        if let Some(identity) = &asked.source_identity {
            keys.set("sts:SourceIdentity", identity.as_str());
        }
        for (key, value) in &asked.asked_tags {
            keys.set(&format!("aws:RequestTag/{key}"), value.as_str());
            keys.add("aws:TagKeys", key.as_str());
        }
        for key in &asked.transitive {
            keys.add("sts:TransitiveTagKeys", key.as_str());
        }
        let question = Asked { ctx, service: asked.service, role, keys };
        let wanted = [
            ("sts:AssumeRole", true),
            ("sts:TagSession", !asked.tags.is_empty()),
            ("sts:SetSourceIdentity", asked.source_identity.is_some()),
        ];
        match wanted.into_iter().find(|(action, needed)| *needed && !question.allows(action)) {
            Some((action, _)) => Err(action),
            None => Ok(()),
        }
    }

    /// `AssumeRole`.
    pub(super) async fn assume_asked(
        &self,
        ctx: &Context,
        input: AssumeRoleRequest,
    ) -> Result<AssumeRoleResponse, ApiError> {
        if input.provided_contexts.is_some() {
            return Err(ApiError::not_implemented("STS", "AssumeRole with ProvidedContexts"));
        }
        policies::check(input.policy.as_deref())?;
        let policy_arns = policies::arns(input.policy_arns)?;
        let calling = ctx.caller.as_ref().and_then(|caller| caller.session.as_ref());
        let asked_tags = input.tags.unwrap_or_default();
        let tags: SessionTags =
            tags::compose(&asked_tags, &input.transitive_tag_keys.unwrap_or_default(), calling)?;
        let packed_policy_size = policies::packed(input.policy.as_deref(), &policy_arns, &tags)?;
        second_factor(input.serial_number.as_deref(), input.token_code.as_deref())?;
        // A source identity stays what it is along a chain of roles.
        let kept = calling.and_then(|session| session.source_identity.clone());
        if let (Some(kept), Some(asked)) = (&kept, &input.source_identity)
            && kept != asked
        {
            return Err(errors::not_authorized(ctx, "sts:SetSourceIdentity", &input.role_arn));
        }
        let source_identity = input.source_identity.or(kept);
        let seconds = input.duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let assumption = Assumption {
            role_arn: &input.role_arn,
            session_name: &input.role_session_name,
            service: None,
            lasting: seconds.map_or(ROLE_SESSION, Duration::from_secs),
            tags: tags.tags,
            transitive: tags.transitive,
            asked_tags: asked_tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            external_id: input.external_id.as_deref(),
            source_identity: source_identity.clone(),
            policy: input.policy,
            policy_arns,
            token_chars: chars(input.minimum_session_token_size),
        };
        let begun = self.assume(ctx, assumption).await?;
        Ok(AssumeRoleResponse {
            credentials: Some(begun.credentials),
            assumed_role_user: Some(begun.user),
            packed_policy_size,
            source_identity,
            ..AssumeRoleResponse::default()
        })
    }
}

/// A session lasts as long as its role allows; one that a role's session begins, an hour.
fn check_duration(ctx: &Context, role: &RoleFacts, lasting: Duration) -> Result<(), ApiError> {
    if lasting > role.max_session {
        return Err(errors::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let chained = ctx.caller.as_ref().and_then(|caller| caller.session.as_ref()?.role_arn.as_ref()).is_some();
    if chained && lasting > CHAINED_SESSION {
        return Err(errors::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    Ok(())
}
