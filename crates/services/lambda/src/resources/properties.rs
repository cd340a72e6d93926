//! Properties as templates write them, and the inputs of operations that they become.

use moln_kernel::{ApiError, resources::properties};
use moln_wire::{Shape, template};
use serde_json::{Map, Value};

pub(super) use moln_kernel::resources::properties::{
    members, required, retagged, some, tag_list, tags, text,
};

use crate::{Lambda, model};

/// The input of an operation, judged as if a client had sent it.
pub(super) fn input<T: Shape>(lambda: &Lambda, properties: Map<String, Value>) -> Result<T, ApiError> {
    template::input(lambda, &model::MODEL, properties)
}

/// `None` for what is not there.
pub(super) fn unless_gone<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    properties::unless_gone(result, "ResourceNotFoundException")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_get_their_kinds() {
        let fit = |value| template::fit(value, &model::schemas::CREATE_FUNCTION_REQUEST, &[]);
        let fitted = fit(json!({
            "Timeout": "30", "Publish": "true", "Description": 5,
            "Environment": {"Variables": {"N": 1, "B": true}}, "Layers": ["a"],
        }));
        let wanted = json!({
            "Timeout": 30, "Publish": true, "Description": "5",
            "Environment": {"Variables": {"N": "1", "B": "true"}}, "Layers": ["a"],
        });
        assert_eq!(fitted.unwrap(), wanted);
        let error = fit(json!({"VpcConfig": {"SubnetId": []}})).unwrap_err();
        assert_eq!(error.message, "extraneous key [SubnetId] is not permitted at #/VpcConfig/SubnetId");
    }
}
