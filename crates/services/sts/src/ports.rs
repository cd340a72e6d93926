//! What the front door and other services use: sessions' keys, and roles for services.

use std::{sync::Arc, time::Duration};

use moln_kernel::{
    AccountId, ApiError, Caller, Context, Principal, Session, Timestamp,
    clock::BoxFuture,
    ports::{AssumeRole, Credential, Credentials, RoleSession},
};

use crate::{
    Sessions,
    api::assume::Assumption,
    limits::{LONGEST_ROLE_SESSION, SHORTEST},
    tables::{SESSIONS, SessionRow},
};

impl Credentials for Sessions {
    /// A session's key; an ended one is given, too, so that it is refused as what it is.
    fn find(&self, access_key_id: &str) -> Option<Credential> {
        // Any other key costs nothing.
        if !access_key_id.starts_with("ASIA") {
            return None;
        }
        match SESSIONS.get(&*self.store.snapshot(), &access_key_id.to_owned()) {
            Ok(row) => row.map(|(row, _)| credential(access_key_id, row)),
            Err(error) => {
                tracing::error!(%error, "a session could not be read; its key is not known now");
                None
            }
        }
    }
}

fn credential(id: &str, row: SessionRow) -> Credential {
    let account = AccountId::new(row.account);
    let session = Session {
        role_arn: row.role.map(Into::into),
        tags: row.tags,
        transitive: row.transitive,
        source_identity: row.source_identity,
        policy: row.policy.map(Into::into),
        policy_arns: row.policy_arns,
    };
    Credential {
        secret: row.secret.into(),
        session_token: Some(row.token.into()),
        principal: row
            .principal
            .map_or_else(|| Principal::Account(account.clone()), |arn| Principal::Arn(arn.into())),
        caller: Arc::new(Caller {
            access_key_id: id.into(),
            user_id: row.user_id.into(),
            session: Some(session),
        }),
        expires: Some(Timestamp(row.ends)),
        account,
    }
}

impl AssumeRole for Sessions {
    fn assume<'a>(
        &'a self,
        ctx: &'a Context,
        role_arn: &'a str,
        session_name: &'a str,
        service: &'a str,
        lasting: Duration,
    ) -> BoxFuture<'a, Result<RoleSession, ApiError>> {
        Box::pin(async move {
            let assumption = Assumption {
                role_arn,
                session_name,
                service: Some(service),
                // A service's session is not bound by the role's own limit.
                lasting: lasting.clamp(SHORTEST, LONGEST_ROLE_SESSION),
                ..Assumption::default()
            };
            let begun = self.assume(ctx, assumption).await?;
            Ok(RoleSession {
                access_key_id: begun.credentials.access_key_id.into(),
                secret: begun.credentials.secret_access_key.into(),
                session_token: begun.credentials.session_token.into(),
                expires: begun.credentials.expiration,
            })
        })
    }
}
