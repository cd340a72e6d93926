//! What a request's context tells policies: who makes it, and the condition keys that every request has.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use moln_kernel::{Context, Principal};

use crate::{Keys, Who};

/// All the names a caller goes by: a user's ARN; a role session's ARN and its role's; none for the root of an account.
pub fn arns(ctx: &Context) -> Vec<&str> {
    let own = match &ctx.principal {
        Principal::Arn(arn) => Some(&**arn),
        Principal::Anonymous | Principal::Account(_) => None,
    };
    own.into_iter().chain(role(ctx)).collect()
}

fn role(ctx: &Context) -> Option<&str> {
    ctx.caller.as_deref()?.session.as_ref()?.role_arn.as_deref()
}

impl<'a> Who<'a> {
    /// The caller of a context, with its names.
    pub fn calls(ctx: &'a Context, arns: &'a [&'a str]) -> Self {
        match ctx.principal {
            Principal::Anonymous => Self::Anonymous,
            _ => Self::Account { account: ctx.account.as_str(), arns },
        }
    }
}

impl Keys {
    /// Adds what tells of a request and its caller.
    pub fn tell(&mut self, ctx: &Context) {
        self.tell_request(ctx);
        self.set("aws:PrincipalIsAWSService", "false");
        if let Some(source) = ctx.source {
            self.set("aws:SourceIp", source.to_string());
        }
        let caller = ctx.caller.as_deref();
        let role = role(ctx);
        let kind = match (&ctx.principal, role) {
            (Principal::Anonymous, _) => "Anonymous",
            (_, Some(_)) => "AssumedRole",
            (Principal::Account(_), None) => "Account",
            (Principal::Arn(arn), None) if arn.contains(":federated-user/") => "FederatedUser",
            (Principal::Arn(arn), None) => {
                if let Some(name) = arn.rsplit('/').next() {
                    self.set("aws:username", name);
                }
                "User"
            }
        };
        self.set("aws:PrincipalType", kind);
        if ctx.principal == Principal::Anonymous {
            return;
        }
        self.set("aws:PrincipalAccount", ctx.account.as_str());
        self.set("aws:userid", caller.map_or(ctx.account.as_str(), |caller| &caller.user_id));
        match (role, &ctx.principal) {
            (Some(arn), _) => self.set("aws:PrincipalArn", arn),
            (None, Principal::Arn(arn)) => self.set("aws:PrincipalArn", &**arn),
            (None, _) => self.set("aws:PrincipalArn", ctx.global_arn("iam", "root")),
        };
        let Some(session) = caller.and_then(|caller| caller.session.as_ref()) else { return };
        for (key, value) in &session.tags {
            self.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        if let Some(identity) = &session.source_identity {
            self.set("aws:SourceIdentity", identity.as_str());
        }
    }

    /// Adds what tells of a request that a service makes for itself, on behalf of the context's account.
    pub fn tell_service(&mut self, ctx: &Context) {
        self.tell_request(ctx);
        self.set("aws:SourceAccount", ctx.account.as_str());
        self.set("aws:PrincipalIsAWSService", "true");
    }

    fn tell_request(&mut self, ctx: &Context) {
        self.set("aws:EpochTime", ctx.now.seconds().to_string());
        self.set("aws:CurrentTime", ctx.now.iso());
        // What never leaves the machine cannot be listened to: bucket policies that want TLS let it pass.
        let local = ctx.source.is_none_or(|source| source.is_loopback());
        self.set("aws:SecureTransport", (local || ctx.endpoint.scheme == "https").to_string());
        self.set("aws:RequestedRegion", ctx.region.as_str());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use moln_kernel::{Caller, Endpoint, Session, Timestamp};

    use super::*;

    fn context(principal: Principal) -> Context {
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() });
        let now = Timestamp(1_709_210_096_000);
        let account = "000000000000".into();
        Context::internal(account, "eu-north-1".into(), principal, endpoint, now)
    }

    fn told(ctx: &Context) -> Keys {
        let mut keys = Keys::default();
        keys.tell(ctx);
        keys
    }

    #[test]
    fn everybody_is_told_of() {
        let keys = told(&context(Principal::Anonymous));
        assert_eq!(keys.one("aws:CurrentTime"), Some("2024-02-29T12:34:56.000Z"));
        assert_eq!((keys.one("aws:PrincipalType"), keys.one("aws:PrincipalArn")), (Some("Anonymous"), None));
        assert_eq!(keys.one("aws:RequestedRegion"), Some("eu-north-1"));
        let keys = told(&context(Principal::Account("000000000000".into())));
        assert_eq!(keys.one("aws:PrincipalArn"), Some("arn:aws:iam::000000000000:root"));
        assert_eq!(keys.one("aws:userid"), Some("000000000000"));
        let keys = told(&context(Principal::Arn("arn:aws:iam::000000000000:user/team/ann".into())));
        assert_eq!((keys.one("aws:PrincipalType"), keys.one("aws:username")), (Some("User"), Some("ann")));
    }

    #[test]
    fn a_session_is_its_role_too() {
        let (session, role) =
            ("arn:aws:sts::000000000000:assumed-role/r/s", "arn:aws:iam::000000000000:role/r");
        let mut ctx = context(Principal::Arn(session.into()));
        let carries = Session {
            role_arn: Some(role.into()),
            tags: [("team".to_owned(), "blue".to_owned())].into(),
            source_identity: Some("ann".into()),
            ..Session::default()
        };
        let caller =
            Caller { access_key_id: "ASIA".into(), user_id: "AROA:s".into(), session: Some(carries) };
        ctx.caller = Some(Arc::new(caller));
        let keys = told(&ctx);
        assert_eq!(arns(&ctx), [session, role]);
        assert_eq!((keys.one("aws:PrincipalArn"), keys.one("aws:username")), (Some(role), None));
        assert_eq!(
            (keys.one("aws:PrincipalTag/team"), keys.one("aws:SourceIdentity")),
            (Some("blue"), Some("ann"))
        );
    }

    #[test]
    fn services_are_told_apart() {
        let mut keys = Keys::default();
        keys.tell_service(&context(Principal::Account("000000000000".into())));
        assert_eq!(keys.one("aws:PrincipalIsAWSService"), Some("true"));
        assert_eq!(
            (keys.one("aws:SourceAccount"), keys.one("aws:PrincipalArn")),
            (Some("000000000000"), None)
        );
    }
}
