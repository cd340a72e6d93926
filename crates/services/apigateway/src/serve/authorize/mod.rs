//! Who may come in.

mod results;

use http::StatusCode;
use moln_wire::site::Visitor;

pub(crate) use results::Results;

use super::{
    exchange::{Authorized, Exchange},
    refusal::Refusal,
};
use crate::Apis;

impl Apis {
    /// Asks what the route says must be asked.
    pub(super) async fn authorize(
        &self,
        exchange: &mut Exchange<'_>,
        visitor: &Visitor,
    ) -> Result<(), Refusal> {
        let Some(planned) = exchange.route else { return Ok(()) };
        match planned.route.authorization_type.as_deref() {
            None | Some("NONE") => Ok(()),
            Some("AWS_IAM") => {
                exchange.authorized = Authorized::Iam;
                signed(exchange, visitor)
            }
            _ => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "AUTHORIZER_CONFIGURATION_ERROR")),
        }
    }
}

/// A signature of the API's own account lets in: its policies are not asked yet. Of another account, nobody can say so here,
/// for HTTP APIs have no policies of their own.
fn signed(exchange: &Exchange<'_>, visitor: &Visitor) -> Result<(), Refusal> {
    let forbidden = || Refusal::new(StatusCode::FORBIDDEN, "ACCESS_DENIED");
    match visitor {
        Visitor::Verified | Visitor::Claimed if exchange.ctx.account == exchange.plan.account => Ok(()),
        Visitor::Refused(why) => Err(Refusal { words: why.message.clone(), ..forbidden() }),
        _ => Err(forbidden()),
    }
}
