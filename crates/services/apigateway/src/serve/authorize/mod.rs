//! Who may come in.

mod issuers;
mod jwt;
pub(crate) mod lambda;
mod results;

use http::StatusCode;
use moln_wire::site::Visitor;

pub(crate) use issuers::Issuers;
pub(crate) use results::Results;

use super::{
    exchange::{Authorized, Exchange},
    refusal::Refusal,
};
use crate::{Apis, model::Authorizer};

impl Apis {
    /// Asks what the route says must be asked.
    pub(super) async fn authorize(
        &self,
        exchange: &mut Exchange<'_>,
        visitor: &Visitor,
    ) -> Result<(), Refusal> {
        let Some(planned) = exchange.route else { return Ok(()) };
        let authorizer = planned.authorizer.as_deref();
        match (planned.route.authorization_type.as_deref(), authorizer) {
            (None | Some("NONE"), _) => Ok(()),
            (Some("AWS_IAM"), _) => {
                exchange.authorized = Authorized::Iam;
                signed(exchange, visitor)
            }
            (Some("JWT"), Some(authorizer)) => {
                let wanted = planned.route.authorization_scopes.as_deref().unwrap_or_default();
                exchange.authorized = self.token(exchange, authorizer, wanted).await?;
                Ok(())
            }
            (Some("CUSTOM"), Some(authorizer)) => self.custom(exchange, authorizer).await,
            _ => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "AUTHORIZER_CONFIGURATION_ERROR")),
        }
    }

    /// A JSON web token.
    async fn token(
        &self,
        exchange: &mut Exchange<'_>,
        authorizer: &Authorizer,
        wanted: &[String],
    ) -> Result<Authorized, Refusal> {
        let source = authorizer.identity_source.as_ref().and_then(|all| all.first());
        let text = source.and_then(|source| exchange.value(source.trim_start_matches('$')));
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Err(unauthorized("Bearer".to_owned()));
        };
        let wrong = |why: &str| {
            let why = why.replace('"', "'");
            unauthorized(format!("Bearer scope=\"\" error=\"invalid_token\" error_description=\"{why}\""))
        };
        let config = authorizer.jwt_configuration.as_ref();
        let issuer = config.and_then(|config| config.issuer.as_deref()).unwrap_or_default();
        let audience = config.and_then(|config| config.audience.as_deref()).unwrap_or_default();
        let token = jwt::Token::parse(&text).map_err(|why| wrong(&why))?;
        token.check(issuer, audience, self.clock.now()).map_err(|why| wrong(&why))?;
        match self.is_signed(issuer, &token).await {
            Ok(true) => {}
            Ok(false) => return Err(wrong("the token's signature is invalid")),
            Err(why) => {
                tracing::warn!(
                    request_id = exchange.ctx.request_id.as_str(),
                    issuer,
                    why,
                    "an issuer of tokens cannot be asked"
                );
                exchange.authorizer_error = Some(why);
                return Err(wrong("the issuer's keys cannot be fetched"));
            }
        }
        let scopes: Vec<String> = token.scopes().into_iter().filter(|scope| wanted.contains(scope)).collect();
        if !wanted.is_empty() && scopes.is_empty() {
            let challenge = format!(
                "Bearer scope=\"{}\" error=\"insufficient_scope\" error_description=\"the token does not include any of \
                 the scopes that are required\"",
                wanted.join(" ")
            );
            let challenge = Some(challenge);
            return Err(Refusal { challenge, ..Refusal::new(StatusCode::FORBIDDEN, "ACCESS_DENIED") });
        }
        Ok(Authorized::Jwt {
            claims: jwt::texts(&token.claims),
            scopes: (!wanted.is_empty()).then_some(scopes),
        })
    }
}

fn unauthorized(challenge: String) -> Refusal {
    Refusal { challenge: Some(challenge), ..Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED") }
}

/// A signature of the API's own account lets in: its policies are not asked yet. Of another account, nobody can say so here,
/// for HTTP APIs have no policies of their own.
fn signed(exchange: &Exchange<'_>, visitor: &Visitor) -> Result<(), Refusal> {
    let forbidden = || Refusal::new(StatusCode::FORBIDDEN, "ACCESS_DENIED");
    match visitor {
        Visitor::Verified | Visitor::Claimed if exchange.ctx.account == exchange.plan.account => Ok(()),
        Visitor::Refused(why) => Err(Refusal { inner: Some(why.message.clone()), ..forbidden() }),
        _ => Err(forbidden()),
    }
}
