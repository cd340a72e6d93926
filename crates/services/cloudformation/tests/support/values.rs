//! A store of parameters and secrets.

use std::collections::BTreeMap;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    ports::{Secrets, StoredParameter, StoredParameters},
};

/// Parameters by name, with their kind; secrets by id.
#[derive(Clone, Default)]
pub struct Values {
    pub parameters: BTreeMap<String, (String, String)>,
    pub secrets: BTreeMap<String, String>,
}

impl StoredParameters for Values {
    fn parameter<'a>(
        &'a self,
        _: &'a Context,
        name: &'a str,
        version: Option<u64>,
    ) -> BoxFuture<'a, Result<StoredParameter, ApiError>> {
        let found = self.parameters.get(name).filter(|_| version.is_none_or(|version| version == 1));
        let found = found.map(|(kind, value)| StoredParameter { kind: kind.clone(), value: value.clone() });
        let missing = || ApiError::sender("ParameterNotFound", "Parameter not found.");
        Box::pin(std::future::ready(found.ok_or_else(missing)))
    }
}

impl Secrets for Values {
    fn secret<'a>(
        &'a self,
        _: &'a Context,
        id: &'a str,
        stage: Option<&'a str>,
        version: Option<&'a str>,
    ) -> BoxFuture<'a, Result<String, ApiError>> {
        let found = self.secrets.get(id).filter(|_| stage.is_none() && version.is_none()).cloned();
        let missing = || {
            ApiError::sender("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        };
        Box::pin(std::future::ready(found.ok_or_else(missing)))
    }
}
