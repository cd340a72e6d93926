//! Templates as such: reading them back, looking at what they say.

use std::collections::BTreeMap;

use moln_deploy::template::{Parameter as Declared, Template};
use moln_kernel::{ApiError, Context};

use crate::{
    Stacks,
    core::uid_of,
    errors::validation,
    limits,
    model::{
        GetTemplateInput, GetTemplateOutput, GetTemplateSummaryInput, GetTemplateSummaryOutput,
        ParameterConstraints, ParameterDeclaration, ResourceIdentifierSummary, TemplateParameter,
        ValidateTemplateInput, ValidateTemplateOutput, Warnings,
    },
    sources::problem,
    tables::TEXTS,
};

fn declaration(parameter: &Declared) -> ParameterDeclaration {
    let allowed = parameter.constraint.allowed_values.clone();
    ParameterDeclaration {
        parameter_key: Some(parameter.name.clone()),
        default_value: parameter.default.clone(),
        parameter_type: Some(parameter.kind.clone()),
        no_echo: Some(parameter.no_echo),
        description: parameter.description.clone(),
        parameter_constraints: Some(ParameterConstraints { allowed_values: allowed }),
    }
}

fn some(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

impl Stacks {
    pub(super) fn read_template(
        &self,
        ctx: &Context,
        input: &GetTemplateInput,
    ) -> Result<GetTemplateOutput, ApiError> {
        let (uid, name) = match (&input.change_set_name, &input.stack_name) {
            (Some(set), stack) => {
                let set = self.change_set(ctx, set, stack.as_deref())?;
                (uid_of(&set.stack_id).to_owned(), set.config.template)
            }
            (None, Some(stack)) => {
                let stack = self.stack(ctx, stack)?;
                (stack.uid, stack.config.template)
            }
            (None, None) => {
                return Err(validation("StackName is required if ChangeSetName is not specified."));
            }
        };
        let stages = || Some(vec!["Original".to_owned(), "Processed".to_owned()]);
        if name.is_empty() {
            // A stack under review has none yet.
            return Ok(GetTemplateOutput {
                template_body: Some("{}".to_owned()),
                stages_available: stages(),
            });
        }
        let text = TEXTS.get(&*self.store.snapshot(), &[&uid, &name])?;
        let text = text.ok_or_else(|| ApiError::internal("A stack's template is gone."))?;
        let processed = input.template_stage.as_deref() == Some("Processed");
        let body = match text.processed {
            Some(made) if processed => made,
            _ => text.original,
        };
        Ok(GetTemplateOutput { template_body: Some(body), stages_available: stages() })
    }

    pub(super) async fn validate(
        &self,
        ctx: &Context,
        input: ValidateTemplateInput,
    ) -> Result<ValidateTemplateOutput, ApiError> {
        let text = self.need_text(ctx, input.template_body, input.template_url).await?;
        let template = Template::parse(&text).map_err(problem)?;
        let parameter = |parameter: &Declared| TemplateParameter {
            parameter_key: Some(parameter.name.clone()),
            default_value: parameter.default.clone(),
            no_echo: Some(parameter.no_echo),
            description: parameter.description.clone(),
        };
        let needed = template.capabilities();
        Ok(ValidateTemplateOutput {
            parameters: Some(template.parameters().iter().map(parameter).collect()),
            description: template.description().map(str::to_owned),
            capabilities: some(needed.needed.iter().map(|&name| name.to_owned()).collect()),
            capabilities_reason: Some(needed.reason).filter(|reason| !reason.is_empty()),
            declared_transforms: some(template.declared_transforms()),
        })
    }

    pub(super) async fn summarize(
        &self,
        ctx: &Context,
        input: GetTemplateSummaryInput,
    ) -> Result<GetTemplateSummaryOutput, ApiError> {
        if input.stack_set_name.is_some() {
            return Err(crate::errors::not_built("GetTemplateSummary of a stack set"));
        }
        let text = match input.stack_name {
            Some(name) => {
                let stack = self.stack(ctx, &name)?;
                if stack.config.template.is_empty() {
                    return Err(validation(
                        "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.",
                    ));
                }
                self.template_of(&stack)?
            }
            None => match self.text(ctx, input.template_body, input.template_url).await? {
                Some(text) => text,
                None => {
                    return Err(validation(
                        "Either StackName or TemplateBody or TemplateURL must be specified.",
                    ));
                }
            },
        };
        let template = Template::parse(&text).map_err(problem)?;
        let transforms = template.declared_transforms();
        let mut types: Vec<String> = Vec::new();
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for declared in template.resources() {
            types.push(declared.kind.to_owned());
            ids.entry(declared.kind.to_owned()).or_default().push(declared.logical.to_owned());
        }
        let unknown: Vec<String> = ids
            .keys()
            .filter(|kind| !kind.starts_with("AWS::Serverless::") && self.maker(kind).is_none())
            .cloned()
            .collect();
        let summaries = ids
            .into_iter()
            .filter(|(kind, _)| self.maker(kind).is_some() && !kind.starts_with("Custom::"))
            .map(|(kind, ids)| ResourceIdentifierSummary {
                resource_type: Some(kind),
                logical_resource_ids: Some(ids),
                resource_identifiers: None,
            })
            .take(limits::RESOURCES);
        let summaries: Vec<ResourceIdentifierSummary> = summaries.collect();
        let needed = template.capabilities();
        let warn = input
            .template_summary_config
            .is_some_and(|config| config.treat_unrecognized_resource_types_as_warnings == Some(true));
        if !warn && !unknown.is_empty() {
            return Err(validation(format!(
                "Template format error: Unrecognized resource types: [{}]",
                unknown.join(", ")
            )));
        }
        Ok(GetTemplateSummaryOutput {
            parameters: Some(template.parameters().iter().map(declaration).collect()),
            description: template.description().map(str::to_owned),
            capabilities: some(needed.needed.iter().map(|&name| name.to_owned()).collect()),
            capabilities_reason: Some(needed.reason).filter(|reason| !reason.is_empty()),
            resource_types: Some(types),
            version: template.version().map(str::to_owned),
            metadata: template.metadata().map(|metadata| metadata.to_string()),
            declared_transforms: some(transforms),
            resource_identifier_summaries: (!summaries.is_empty()).then_some(summaries),
            warnings: warn.then(|| Warnings { unrecognized_resource_types: some(unknown) }),
        })
    }
}
