//! Templates on their way in: from a request's body or a URL, through their macros.

mod address;
mod macros;

use std::collections::BTreeMap;

use moln_deploy::{
    document::Problem,
    template::{Arguments, Capabilities, Pseudo, Template},
};
use moln_kernel::{ApiError, Context};

use crate::{
    Stacks,
    errors::{self, validation},
    limits,
    model::Parameter,
    tables::{Config, ParameterRow, StackRow, TextRow},
};

use address::parse;

/// A template's problem as the API says it.
#[allow(clippy::needless_pass_by_value)] // it is handed to `map_err`
pub(crate) fn problem(problem: Problem) -> ApiError {
    validation(problem.text)
}

/// A template, ready to be prepared.
pub(crate) struct Source {
    /// What is stored of it.
    pub(crate) text: TextRow,
    /// After its macros.
    pub(crate) template: Template,
}

/// What pseudo parameters stand for in a stack.
pub(crate) fn pseudo(stack: &StackRow, config: &Config) -> Pseudo {
    let partition = stack.id.split(':').nth(1).unwrap_or("aws");
    Pseudo {
        account: stack.account.clone(),
        region: stack.region.clone(),
        partition: partition.to_owned(),
        url_suffix: if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }.to_owned(),
        stack_name: stack.name.clone(),
        stack_id: stack.id.clone(),
        notification_arns: config.notifications.clone(),
    }
}

/// The parameters of a configuration, as a template takes them.
pub(crate) fn arguments(config: &Config) -> Arguments {
    let given = config.parameters.iter().map(|row| (row.key.clone(), row.value.clone()));
    let resolved = config.parameters.iter().filter_map(|row| Some((row.key.clone(), row.resolved.clone()?)));
    Arguments { given: given.collect(), resolved: resolved.collect() }
}

/// Parameters of a request, with those that keep their value.
pub(crate) fn given(
    parameters: Option<Vec<Parameter>>,
    before: Option<&Config>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut given = BTreeMap::new();
    for parameter in parameters.into_iter().flatten() {
        let key = parameter.parameter_key.unwrap_or_default();
        if parameter.use_previous_value == Some(true) {
            if parameter.parameter_value.is_some() {
                return Err(validation(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true and non empty value for a parameter"
                )));
            }
            let old = before.and_then(|config| config.parameters.iter().find(|row| row.key == key));
            let Some(old) = old else {
                return Err(validation(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                )));
            };
            given.insert(key, old.value.clone());
        } else if let Some(value) = parameter.parameter_value {
            given.insert(key, value);
        } else {
            return Err(validation(format!(
                "Invalid input for parameter key {key}. Need to specify either usePreviousValue as true or value for a parameter"
            )));
        }
    }
    Ok(given)
}

impl Stacks {
    /// The text of a template, from a request; `None`: it names none.
    pub(crate) async fn text(
        &self,
        ctx: &Context,
        body: Option<String>,
        url: Option<String>,
    ) -> Result<Option<String>, ApiError> {
        match (body, url) {
            (Some(body), None) if body.len() > limits::TEMPLATE_BODY => Err(validation(format!(
                "1 validation error detected: Value '{body}' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {}",
                limits::TEMPLATE_BODY
            ))),
            (Some(body), None) => Ok(Some(body)),
            (None, Some(url)) => self.fetch(ctx, &url, limits::TEMPLATE_URL).await.map(Some),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(validation("Specify only one of TemplateBody or TemplateURL")),
        }
    }

    /// The text of a template that must be there.
    pub(crate) async fn need_text(
        &self,
        ctx: &Context,
        body: Option<String>,
        url: Option<String>,
    ) -> Result<String, ApiError> {
        self.text(ctx, body, url)
            .await?
            .ok_or_else(|| validation("Either Template URL or Template Body must be specified."))
    }

    /// A text by URL: all forms mean our buckets.
    pub(crate) async fn fetch(&self, ctx: &Context, url: &str, limit: usize) -> Result<String, ApiError> {
        let told = |error: ApiError| match error.code.as_ref() {
            "InternalFailure" | "InternalError" | "ValidationError" | "NotImplemented" => error,
            _ => validation(format!(
                "S3 error: {}\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
                error.message
            )),
        };
        self.object(ctx, url, limit).await.map_err(told)
    }

    /// A text by URL. Errors are S3's own.
    async fn object(&self, ctx: &Context, url: &str, limit: usize) -> Result<String, ApiError> {
        let unsupported = || validation("TemplateURL must be a supported URL.");
        let place = parse(url).ok_or_else(unsupported)?;
        let objects = self.objects.as_ref().ok_or_else(|| errors::not_built("TemplateURL"))?;
        let version = place.version.as_deref();
        let mut reading = objects.read(ctx, &place.bucket, &place.key, version).await?;
        if reading.size > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(validation(format!("Template size is over the limit of {limit} bytes.")));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = reading.content.next().await? {
            bytes.extend(piece.iter());
        }
        String::from_utf8(bytes).map_err(|_| validation("Template format error: unsupported structure."))
    }

    /// What SSM parameters hold that the template's parameters name.
    async fn stored_parameters(
        &self,
        ctx: &Context,
        template: &Template,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        let mut resolved = BTreeMap::new();
        for parameter in template.parameters().iter().filter(|parameter| parameter.is_ssm()) {
            let name = &parameter.name;
            // AWS says the same of a value that names nothing.
            let missing =
                || validation(format!("Parameter {name} should either have input value or default value"));
            let stored = given.get(name).or(parameter.default.as_ref()).ok_or_else(missing)?;
            let Some(parameters) = &self.parameters else {
                return Err(validation(format!(
                    "Parameter {name} has type {}: there is no SSM Parameter Store here yet.",
                    parameter.kind
                )));
            };
            let found = match parameters.parameter(ctx, stored, None).await {
                Err(error) if error.code.starts_with("ParameterNotFound") => return Err(missing()),
                found => found?,
            };
            if found.kind == "SecureString" {
                return Err(validation(format!(
                    "Parameters [{stored}] referenced by template have types not supported by CloudFormation."
                )));
            }
            resolved.insert(name.clone(), found.value);
        }
        Ok(resolved)
    }

    /// Reads a template and carries out its macros. Fills in what the configuration says of its parameters.
    pub(crate) async fn process(
        &self,
        ctx: &Context,
        stack: &StackRow,
        config: &mut Config,
        text: String,
        given: BTreeMap<String, String>,
    ) -> Result<Source, ApiError> {
        let first = Template::parse(&text).map_err(problem)?;
        let resolved = self.stored_parameters(ctx, &first, &given).await?;
        let arguments = Arguments { given, resolved };
        let settled = first.settle(&arguments).map_err(problem)?;
        config.description = first.description().map(str::to_owned);
        config.parameters = settled
            .iter()
            .map(|parameter| ParameterRow {
                key: parameter.name.clone(),
                value: parameter.text.clone(),
                resolved: parameter.resolved.clone(),
                no_echo: parameter.no_echo,
            })
            .collect();
        let pseudo = pseudo(stack, config);
        let mut template = first;
        let mut changed = false;
        while let Some(transform) = template.next_transform(&settled, &pseudo).map_err(problem)? {
            let answer = self.run_macro(ctx, &transform, &settled, &pseudo).await?;
            template = template.transformed(&transform, &answer).map_err(|problem| failed(problem.text))?;
            changed = true;
        }
        let processed = changed.then(|| template.to_json().to_string());
        Ok(Source { text: TextRow { original: text, processed }, template })
    }
}

/// What a macro that failed says: a stack that is being made fails with it, others are refused.
pub(crate) const MACRO_FAILED: &str = "MacroFailed";

/// A macro failed.
fn failed(words: impl Into<String>) -> ApiError {
    ApiError::sender(MACRO_FAILED, words)
}

/// The failure of a macro as a refusal.
pub(crate) fn refusal(error: ApiError) -> ApiError {
    if error.code == MACRO_FAILED { validation(error.message) } else { error }
}

/// A stored template, ready to be prepared.
pub(crate) fn stored(text: &TextRow) -> Result<Template, ApiError> {
    match &text.processed {
        None => Template::parse(&text.original).map_err(problem),
        Some(processed) => {
            let value = serde_json::from_str(processed)
                .map_err(|_| ApiError::internal("A stored template could not be read."))?;
            Template::processed(&value).map_err(problem)
        }
    }
}

/// Refuses what the caller has not acknowledged.
pub(crate) fn acknowledged(needed: &Capabilities, given: &[String]) -> Result<(), ApiError> {
    let has = |name: &str| given.iter().any(|one| one == name);
    let missing = |name: &&&str| match **name {
        "CAPABILITY_IAM" => !has("CAPABILITY_IAM") && !has("CAPABILITY_NAMED_IAM"),
        name => !has(name),
    };
    let missing: Vec<&str> = needed.needed.iter().filter(missing).copied().collect();
    if missing.is_empty() { Ok(()) } else { Err(errors::capabilities(&missing)) }
}
