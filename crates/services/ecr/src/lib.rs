//! Amazon ECR: container registries. Moln has none, since its functions are no images; but deployment tools ask for
//! theirs before they remove an application, and an honest "there is none" is what lets them go on. All else answers 501.

use moln_kernel::{ApiError, Context};
use moln_wire::Hooks;

use crate::model::{DescribeRepositoriesRequest, DescribeRepositoriesResponse, Ecr, errors};

moln_wire::api!(pub mod model);

/// The service. It holds nothing.
pub struct Registries;

impl Hooks for Registries {}

impl Ecr for Registries {
    /// There are no repositories: the list of all is empty, and one that is named is not found.
    async fn describe_repositories(
        &self,
        ctx: &Context,
        input: DescribeRepositoriesRequest,
    ) -> Result<DescribeRepositoriesResponse, ApiError> {
        match input.repository_names.unwrap_or_default().first() {
            Some(name) => Err(errors::repository_not_found_exception(format!(
                "The repository with name '{name}' does not exist in the registry with id '{}'",
                input.registry_id.as_deref().unwrap_or(ctx.account.as_str())
            ))),
            None => Ok(DescribeRepositoriesResponse { repositories: Some(Vec::new()), next_token: None }),
        }
    }
}
