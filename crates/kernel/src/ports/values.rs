//! Values that stand elsewhere and that templates refer to.

use crate::{ApiError, Context, clock::BoxFuture};

/// A parameter of Parameter Store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredParameter {
    /// `String`, `StringList`, `SecureString`.
    pub kind: String,
    /// Its value; of a `SecureString` the encrypted one, unless it was asked for in clear.
    pub value: String,
}

/// Reads parameters.
pub trait StoredParameters: Send + Sync {
    /// A parameter by name or ARN, in a version or (`None`) in its newest. Errors are Parameter Store's own
    /// (`ParameterNotFound`, `ParameterVersionNotFound`).
    fn parameter<'a>(
        &'a self,
        ctx: &'a Context,
        name: &'a str,
        version: Option<u64>,
    ) -> BoxFuture<'a, Result<StoredParameter, ApiError>>;
}

/// Reads secrets.
pub trait Secrets: Send + Sync {
    /// The text of a secret by name or ARN: of a version, or of the one that has a stage, or (neither) of the current one.
    /// Errors are Secrets Manager's own (`ResourceNotFoundException`).
    fn secret<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        stage: Option<&'a str>,
        version: Option<&'a str>,
    ) -> BoxFuture<'a, Result<String, ApiError>>;
}
