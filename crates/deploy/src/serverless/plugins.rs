//! Plugins: programs that change what the framework does. Moln runs none; it knows what the well-known ones are for.

use super::service::Service;
use crate::document::{Node, Problem, Value};

/// What becomes of a plugin.
enum Plugin {
    /// What it does is built in, or has no part in a deployment to Moln.
    Fine,
    /// What would be missing.
    Missed(&'static str),
}

/// The plugins that are known, by name.
fn known(name: &str) -> Option<Plugin> {
    use Plugin::{Fine, Missed};
    Some(match name {
        // Built in.
        "serverless-lift"
        | "serverless-dotenv-plugin"
        | "serverless-localstack"
        | "serverless-offline"
        | "serverless-offline-sqs"
        | "serverless-offline-sns"
        | "serverless-offline-scheduler"
        | "serverless-offline-dynamodb-streams"
        | "serverless-offline-kinesis"
        | "serverless-offline-ssm"
        | "serverless-dynamodb-local"
        | "serverless-dynamodb"
        | "serverless-s3-local"
        | "serverless-deployment-bucket"
        | "serverless-prune-plugin"
        | "serverless-disable-request-validators"
        | "serverless-export-env"
        // Of credentials.
        | "serverless-better-credentials"
        | "serverless-sso-plugin"
        | "serverless-mfa" => Fine,
        "serverless-esbuild" | "serverless-plugin-esbuild" => {
            Missed("bundle and compile the handlers with esbuild")
        }
        "serverless-webpack" | "serverless-jetpack" => Missed("bundle the handlers"),
        "serverless-bundle" => Missed("bundle and compile the handlers"),
        "serverless-plugin-typescript" | "serverless-typescript" => Missed("compile TypeScript handlers"),
        "serverless-optimizer-plugin" | "serverless-plugin-optimize" => {
            Missed("bundle the handlers with browserify")
        }
        "serverless-python-requirements" => Missed("install requirements.txt into the packages"),
        "serverless-rust" | "serverless-go-plugin" | "serverless-haskell" => Missed("compile the functions"),
        "serverless-domain-manager" => Missed("make custom domain names and their mappings"),
        "serverless-step-functions" => Missed("make the state machines under stepFunctions"),
        "serverless-appsync-plugin" => Missed("make a GraphQL API"),
        "serverless-iam-roles-per-function" => Missed("give every function a role of its own"),
        "serverless-plugin-warmup" | "serverless-plugin-canary-deployments" => {
            Missed("make functions that keep others warm or shift their traffic")
        }
        "serverless-plugin-split-stacks" | "serverless-nested-stack" => {
            Missed("split the stack into several")
        }
        "serverless-pseudo-parameters" => {
            Missed("replace #{AWS::Region} and its like; write Fn::Sub instead")
        }
        "serverless-plugin-aws-alerts" => Missed("make CloudWatch alarms for functions"),
        "serverless-plugin-datadog"
        | "serverless-plugin-lumigo"
        | "serverless-plugin-thundra"
        | "serverless-newrelic-lambda-layers" => Missed("wrap the handlers for monitoring"),
        "serverless-plugin-common-excludes" | "serverless-plugin-include-dependencies" => {
            Missed("choose which files are packaged")
        }
        "serverless-apigw-binary" | "serverless-apigateway-service-proxy" => Missed("change the REST API"),
        "serverless-s3-sync"
        | "serverless-finch"
        | "serverless-s3-deploy"
        | "serverless-single-page-app-plugin" => Missed("copy files into buckets"),
        "serverless-plugin-scripts" | "serverless-scriptable-plugin" | "serverless-hooks-plugin" => {
            Missed("run commands during the deployment")
        }
        "serverless-aws-documentation" | "serverless-openapi-documentation" => {
            Missed("add documentation to the API")
        }
        "serverless-stack-output" => Missed("write the stack's outputs into a file"),
        "serverless-dependson-plugin" | "serverless-plugin-dependson" => Missed("order resources"),
        "serverless-secrets-plugin" | "serverless-secrets-manager-plugin" => Missed("decrypt secrets"),
        "serverless-ssm-fetch" => Missed("put parameters into the environment of functions"),
        "serverless-wsgi" => Missed("put a WSGI adapter into the packages"),
        "serverless-add-api-key" | "serverless-plugin-bind-deployment-id" => {
            Missed("change API keys or deployments")
        }
        "serverless-plugin-resource-tagging" | "serverless-plugin-stack-tags" => Missed("tag the resources"),
        "serverless-plugin-log-retention" | "serverless-plugin-log-subscription" => {
            Missed("change the log groups")
        }
        "serverless-plugin-ifelse" => Missed("drop parts of this file by conditions"),
        "serverless-plugin-git-variables" => Missed("resolve ${git:} variables"),
        _ => return None,
    })
}

/// Every plugin whose absence would matter.
pub(super) fn check(service: &Service<'_>, ignored: &[String]) -> Vec<Problem> {
    let Some(plugins) = service.root.get("plugins") else { return Vec::new() };
    let (list, at) = match plugins.get("modules") {
        Some(modules) => (modules, "plugins.modules"),
        None => (plugins, "plugins"),
    };
    let items: &[Node] = match &list.value {
        Value::Sequence(items) => items,
        _ => return Vec::new(),
    };
    let mut problems = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(name) = item.as_str() else { continue };
        if ignored.iter().any(|ignored| ignored == name) {
            continue;
        }
        let would = match known(name) {
            Some(Plugin::Fine) => continue,
            Some(Plugin::Missed(what)) => format!("The plugin {name} would {what}; Moln runs no plugins."),
            None => format!(
                "The plugin {name} is not known, and Moln runs no plugins: what it would do is not done."
            ),
        };
        let text = format!("{would} If that does not matter here, deploy with --ignore-plugin {name}");
        problems.push(Problem::at(item, text).path(format!("{at}.{index}")).code("plugin"));
    }
    problems
}
