//! Where Lambda departs from the protocols' common ways.

use http::request::Parts;
use moln_kernel::{ApiError, Context};
use moln_wire::{
    ByteStream, Constraint, Hooks, Operation, ValidationFailure, service::RawAnswer,
    validate::validation_exception,
};

use crate::{Lambda, location};

impl Hooks for Lambda {
    /// Names of runtimes are judged by Lambda itself, in words of its own.
    fn translate(&self, operation: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        let own = |failure: &&ValidationFailure| {
            let named = matches!(failure.constraint, Constraint::Enum(_)) && failure.path == "runtime";
            let layer = operation.name == "PublishLayerVersion" && failure.path.starts_with("compatible");
            named || layer
        };
        let others: Vec<ValidationFailure> =
            failures.iter().filter(|failure| !own(failure)).cloned().collect();
        (!others.is_empty()).then(|| validation_exception(&others))
    }

    fn raw<'a>(&'a self, _: &'a Context, head: &'a Parts, _: ByteStream) -> Option<RawAnswer<'a>> {
        location::is_link(head).then(|| Box::pin(self.download(head)) as RawAnswer<'a>)
    }
}
