//! Whether a role's trust policy lets someone take the role on.

use moln_kernel::{Context, Principal, ports::RoleFacts};
use moln_policy::{Decision, Document, Keys, Request, Who};
use moln_wire::{schema::TimestampFormat, time};

/// What is asked of a role.
pub(crate) struct Asked<'a> {
    pub(crate) ctx: &'a Context,
    /// A service that asks for itself; `None`: the caller of `ctx`.
    pub(crate) service: Option<&'a str>,
    pub(crate) role: &'a RoleFacts,
    pub(crate) keys: Keys,
}

impl Asked<'_> {
    /// Whether the trust policy allows the action (`sts:AssumeRole`).
    pub(crate) fn allows(&self, action: &str) -> bool {
        let Ok(document) = Document::parse(&self.role.trust) else { return false };
        let caller = self.ctx.caller.as_deref();
        let role = caller.and_then(|caller| caller.session.as_ref()?.role_arn.as_deref());
        let mut arns = Vec::with_capacity(2);
        if let Principal::Arn(arn) = &self.ctx.principal {
            arns.push(&**arn);
        }
        arns.extend(role);
        let who = match (self.service, &self.ctx.principal) {
            (Some(service), _) => Who::Service(service),
            (None, Principal::Anonymous) => Who::Anonymous,
            (None, _) => Who::Account { account: self.ctx.account.as_str(), arns: &arns },
        };
        let request = Request { who, action, resource: None, keys: &self.keys };
        document.judge(&request) == Decision::Allow
    }
}

/// The condition keys that tell of the request and its caller.
pub(crate) fn keys(ctx: &Context, service: Option<&str>) -> Keys {
    let mut keys = Keys::default();
    let seconds = ctx.now.seconds();
    keys.set("aws:EpochTime", seconds.to_string());
    keys.set("aws:CurrentTime", time::format(ctx.now, TimestampFormat::DateTime));
    keys.set("aws:SecureTransport", (ctx.endpoint.scheme == "https").to_string());
    keys.set("aws:RequestedRegion", ctx.region.as_str());
    if service.is_some() {
        keys.set("aws:SourceAccount", ctx.account.as_str());
        keys.set("aws:PrincipalIsAWSService", "true");
        return keys;
    }
    keys.set("aws:PrincipalIsAWSService", "false");
    keys.set("aws:PrincipalAccount", ctx.account.as_str());
    let caller = ctx.caller.as_deref();
    let session = caller.and_then(|caller| caller.session.as_ref());
    let role = session.and_then(|session| session.role_arn.as_deref());
    keys.set("aws:userid", caller.map_or(ctx.account.as_str(), |caller| &caller.user_id));
    let kind = match (&ctx.principal, role) {
        (Principal::Anonymous, _) => "Anonymous",
        (_, Some(_)) => "AssumedRole",
        (Principal::Account(_), None) => "Account",
        (Principal::Arn(arn), None) if arn.contains(":federated-user/") => "FederatedUser",
        (Principal::Arn(arn), None) => {
            if let Some(name) = arn.rsplit('/').next() {
                keys.set("aws:username", name);
            }
            "User"
        }
    };
    keys.set("aws:PrincipalType", kind);
    match (role, &ctx.principal) {
        (Some(arn), _) => drop(keys.set("aws:PrincipalArn", arn)),
        (None, Principal::Arn(arn)) => drop(keys.set("aws:PrincipalArn", &**arn)),
        (None, Principal::Account(_)) => drop(keys.set("aws:PrincipalArn", ctx.global_arn("iam", "root"))),
        (None, Principal::Anonymous) => {}
    }
    if let Some(session) = session {
        for (key, value) in &session.tags {
            keys.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        if let Some(identity) = &session.source_identity {
            keys.set("aws:SourceIdentity", identity.as_str());
        }
    }
    keys
}
