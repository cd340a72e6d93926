//! How inputs that break the model's constraints are refused.

use moln_kernel::ApiError;
use moln_wire::{Constraint, Hooks, Operation, ValidationFailure, validate::validation_exception};

use crate::{LogGroups, errors, limits::NAME_CHARS};

impl Hooks for LogGroups {
    /// The code is `InvalidParameterException`; the operations of deliveries keep `ValidationException`.
    fn translate(&self, operation: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        let common = validation_exception(failures);
        if operation.name.contains("Deliver") || operation.name == "DescribeConfigurationTemplates" {
            return Some(common);
        }
        let long = |failure: &ValidationFailure| {
            matches!(failure.member, "logGroupName" | "logStreamName")
                && matches!(failure.constraint, Constraint::MaxLength(NAME_CHARS))
        };
        if matches!(operation.name, "CreateLogGroup" | "CreateLogStream") && failures.iter().any(long) {
            return Some(errors::invalid(format!(
                "Invalid LogGroup or LogStream, both must have length less than or equal to {NAME_CHARS}."
            )));
        }
        Some(errors::invalid(common.message))
    }
}
