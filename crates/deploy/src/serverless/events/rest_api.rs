//! `http`: REST APIs, of which Moln has none.

use super::all;
use crate::document::Problem;
use crate::serverless::service::Service;
use crate::serverless::stack::Stack;

/// Says so at every event. A stack with half of an API would look as if it were there.
pub(super) fn add(service: &Service<'_>, _stack: &mut Stack, problems: &mut Vec<Problem>) {
    for (_, event) in all(service, "http") {
        problems.push(event.problem(
            "an http event makes a REST API of API Gateway's first version, which Moln does not have: an httpApi event with the \
             same method and path serves the function (the event's format is 2.0, or 1.0 with provider.httpApi.payload: '1.0')",
        ));
    }
}
