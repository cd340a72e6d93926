//! The model, the trait with a method per operation, its dispatch, and the errors' constructors.

use std::fmt::Write as _;

use super::{Input, Names};
use crate::{
    Failure,
    model::{Model, Operation},
    names::{field, snake},
};

pub(super) fn emit(out: &mut String, input: &Input<'_>, names: &Names) -> Result<(), Failure> {
    let mut operations: Vec<(&str, &Operation)> = input.model.operations.iter().collect();
    operations.sort_by_key(|(name, _)| *name);
    model(out, input, names, &operations)?;
    service_trait(out, input, names, &operations)?;
    dispatch(out, input, names, &operations)?;
    errors(out, input.model, names)
}

fn protocol(name: &str, json_version: Option<&str>) -> Option<&'static str> {
    Some(match name {
        "json" if json_version == Some("1.0") => "Json10",
        "json" => "Json11",
        "query" => "Query",
        "rest-json" => "RestJson",
        "rest-xml" => "RestXml",
        "smithy-rpc-v2-cbor" => "RpcV2Cbor",
        _ => return None,
    })
}

fn model(
    out: &mut String,
    input: &Input<'_>,
    names: &Names,
    operations: &[(&str, &Operation)],
) -> Result<(), Failure> {
    let meta = &input.model.metadata;
    let version = meta.json_version.as_deref();
    let mut protocols: Vec<&str> = protocol(&meta.protocol, version).into_iter().collect();
    for other in meta.protocols.iter().filter_map(|name| protocol(name, version)) {
        if !protocols.contains(&other) {
            protocols.push(other);
        }
    }
    if protocols.is_empty() {
        return Err(Failure(format!("the protocol {} is not known", meta.protocol)));
    }
    let speaks_query = protocols.contains(&"Query");
    let protocols: Vec<String> =
        protocols.iter().map(|name| format!("::moln_wire::Protocol::{name}")).collect();
    let mut errors: Vec<&str> =
        input.model.shapes.iter().filter(|(_, shape)| shape.exception).map(|(name, _)| name).collect();
    errors.sort_unstable();
    let errors: Result<Vec<String>, Failure> =
        errors.iter().map(|name| Ok(format!("&schemas::{}", names.static_of(name)?))).collect();
    // JSON 1.0 services write the whole name of an error's type, the others the bare one.
    let namespace = input.error_namespace.clone().unwrap_or_else(|| match version {
        Some("1.0") => format!("com.amazonaws.{}", meta.endpoint_prefix),
        _ => String::new(),
    });
    let _ = writeln!(
        out,
        "/// The service, as modelled.\npub static MODEL: ::moln_wire::ServiceModel = ::moln_wire::ServiceModel {{\n    signing_name: {:?},\n    endpoint_prefix: {:?},\n    service_id: {:?},\n    api_version: {:?},\n    target_prefix: {:?},\n    xml_namespace: {:?},\n    protocols: &[{}],\n    query_compatible: {},\n    error_namespace: {namespace:?},\n    buckets: {},\n    operations: &OPERATIONS,\n    errors: &[{}],\n}};\n",
        meta.signing_name.as_ref().unwrap_or(&meta.endpoint_prefix),
        meta.endpoint_prefix,
        meta.service_id,
        meta.api_version,
        meta.target_prefix,
        meta.xml_namespace.as_ref().map(crate::model::Namespace::uri),
        protocols.join(", "),
        meta.aws_query_compatible.is_some(),
        meta.service_id == "S3",
        errors?.join(", "),
    );
    let _ = writeln!(out, "static OPERATIONS: [::moln_wire::Operation; {}] = [", operations.len());
    for (name, operation) in operations {
        let mut fields = String::new();
        if operation.http.method != "POST" {
            let _ = write!(fields, "method: {:?}, ", operation.http.method);
        }
        if operation.http.request_uri != "/" {
            let _ = write!(fields, "uri: {:?}, ", operation.http.request_uri);
        }
        if let Some(status) = operation.http.response_code.filter(|status| *status != 200) {
            let _ = write!(fields, "status: {status}, ");
        }
        if let Some(input) = &operation.input {
            let _ = write!(fields, "input: &schemas::{}, ", names.static_of(&input.shape)?);
        }
        if let Some(output) = &operation.output {
            let _ = write!(fields, "output: &schemas::{}, ", names.static_of(&output.shape)?);
            if speaks_query {
                fields.push_str("result_wrapper: true, ");
            }
        }
        if input.implemented.contains(&snake(name)) {
            fields.push_str("implemented: true, ");
        }
        let _ = writeln!(
            out,
            "    ::moln_wire::Operation {{ {fields}..::moln_wire::Operation::new({name:?}) }},"
        );
    }
    out.push_str("];\n\n");
    Ok(())
}

fn service_trait(
    out: &mut String,
    input: &Input<'_>,
    names: &Names,
    operations: &[(&str, &Operation)],
) -> Result<(), Failure> {
    let id = &input.model.metadata.service_id;
    let _ = writeln!(
        out,
        "/// One method per operation of {id}; each answers 501 `NotImplemented` until it is overridden.\npub trait {}: ::moln_wire::Hooks {{",
        input.trait_name
    );
    for (name, operation) in operations {
        let parameter = match &operation.input {
            Some(input) => format!(", input: {}", names.type_of(&input.shape)?),
            None => String::new(),
        };
        let output = output(names, operation)?;
        let unused = if parameter.is_empty() { "ctx" } else { "(ctx, input)" };
        let _ = writeln!(
            out,
            "    /// {id} `{name}`.\n    fn {}(&self, ctx: &::moln_wire::Context{parameter}) -> impl ::core::future::Future<Output = ::core::result::Result<{output}, ::moln_wire::ApiError>> + ::core::marker::Send {{\n        let _ = {unused};\n        ::core::future::ready(::core::result::Result::Err(::moln_wire::ApiError::not_implemented({id:?}, {name:?})))\n    }}",
            field(name),
        );
    }
    out.push_str("}\n\n");
    Ok(())
}

fn output<'n>(names: &'n Names, operation: &Operation) -> Result<&'n str, Failure> {
    operation.output.as_ref().map_or(Ok("()"), |output| names.type_of(&output.shape))
}

fn dispatch(
    out: &mut String,
    input: &Input<'_>,
    names: &Names,
    operations: &[(&str, &Operation)],
) -> Result<(), Failure> {
    let mut arms = String::new();
    for (index, (name, operation)) in operations.iter().enumerate() {
        let method = field(name);
        let (read, pass) = match &operation.input {
            Some(input) => (
                format!(
                    "let input: {} = ::moln_wire::accept(&*service, &OPERATIONS[{index}], input)?; ",
                    names.type_of(&input.shape)?
                ),
                ", input",
            ),
            None => (String::new(), ""),
        };
        let _ = writeln!(
            arms,
            "            {index} => {{ {read}::moln_wire::answer(async move {{ service.{method}(&ctx{pass}).await }}) }}"
        );
    }
    let (name, id) = (&input.trait_name, &input.model.metadata.service_id);
    let _ = writeln!(
        out,
        "/// Makes any implementor of [`{name}`] a service behind the front door.\npub struct Api<T>(pub ::std::sync::Arc<T>);\n\nimpl<T: {name}> ::moln_wire::Service for Api<T> {{\n    fn model(&self) -> &'static ::moln_wire::ServiceModel {{ &MODEL }}\n    fn hooks(&self) -> &dyn ::moln_wire::Hooks {{ &*self.0 }}\n    fn call(self: ::std::sync::Arc<Self>, ctx: ::moln_wire::Context, operation: usize, input: &mut dyn ::moln_wire::ShapeReader) -> ::core::result::Result<::moln_wire::Answer, ::moln_wire::ApiError> {{\n        let service = ::std::sync::Arc::clone(&self.0);\n        ::core::result::Result::Ok(match operation {{\n{arms}            _ => return ::core::result::Result::Err(::moln_wire::ApiError::not_implemented({id:?}, \"this operation\")),\n        }})\n    }}\n}}\n"
    );
    Ok(())
}

fn errors(out: &mut String, model: &Model, names: &Names) -> Result<(), Failure> {
    out.push_str("/// The modelled errors, with their status and codes.\npub mod errors {\n");
    for (name, _) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
        let _ = writeln!(
            out,
            "    /// `{name}`.\n    pub fn {}(message: impl ::core::convert::Into<::std::string::String>) -> ::moln_wire::ApiError {{ ::moln_wire::modelled(&super::schemas::{}, message.into()) }}",
            field(name),
            names.static_of(name)?
        );
    }
    out.push_str("}\n");
    Ok(())
}
