//! Events of APIs: the method in the API's definition, and the permission to call.

use serde_json::{Map, Value, json};

use super::editor::{self, INTEGRATION};
use super::function::Target;
use super::hash;
use super::implicit::MANAGED;
use super::push;
use super::resource::{Made, conditional, is_set, put};
use super::work::{Work, judge_members};

/// A method as an event names it.
struct Method {
    path: String,
    verb: String,
    api: Value,
    api_id: String,
}

impl Method {
    fn read(properties: &Map<String, Value>, member: &str) -> Result<Self, String> {
        let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
        let missing = |name: &str| format!("Missing required property '{name}'.");
        let api = properties.get(member).cloned().ok_or_else(|| missing(member))?;
        let api_id = api.get("Ref").unwrap_or(&api).as_str().ok_or_else(|| missing(member))?.to_owned();
        let path = text("Path").ok_or_else(|| missing("Path"))?;
        let verb = text("Method").ok_or_else(|| missing("Method"))?.to_lowercase();
        Ok(Self { path, verb, api, api_id })
    }

    fn arn_verb(&self) -> String {
        let is_any = self.verb == "any" || self.verb == editor::ANY;
        if is_any { "*".into() } else { self.verb.to_uppercase() }
    }

    /// The method's place in ARNs: `stage/VERB/path`.
    fn arn(&self, partition: &str, rest: &str) -> Value {
        let arn = format!(
            "arn:{partition}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{__ApiId__}}/${{__Stage__}}{rest}"
        );
        json!({ "Fn::Sub": [arn, { "__ApiId__": self.api, "__Stage__": "*" }] })
    }

    fn twice(&self) -> String {
        format!("API method \"{}\" defined multiple times for path \"{}\".", self.verb, self.path)
    }
}

/// The properties of the API that an event names.
fn api<'a>(resources: &'a mut Map<String, Value>, id: &str) -> Result<&'a mut Map<String, Value>, String> {
    let api = resources.get_mut(id).and_then(|api| api.get_mut("Properties")).and_then(Value::as_object_mut);
    api.ok_or_else(|| format!("the API {id} is not in the template"))
}

/// An event of a REST API.
pub(super) fn rest(
    work: &mut Work<'_>,
    target: &Target,
    logical: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let known = ["Path", "Method", "RestApiId", "Stage", "Auth", "TimeoutInMillis", "ResponseTransferMode"];
    judge_members(properties, "Api", &known, &["RequestModel", "RequestParameters"])?;
    let method = Method::read(properties, "RestApiId")?;
    let partition = work.partition.clone();
    let parameters = work.parameters;
    let api = api(&mut work.resources, &method.api_id)?;
    let stage = api.get("StageName").and_then(Value::as_str).unwrap_or("Stage").to_owned();
    let prefix = format!("{logical}Permission");
    let is_plain = !stage.is_empty() && stage.chars().all(char::is_alphanumeric);
    let id = if is_plain { format!("{prefix}{stage}") } else { hash::logical(&prefix, &stage.into()) };
    let mut permission = push::permission(target, &id, "apigateway.amazonaws.com");
    let rest = format!("/{}{}", method.arn_verb(), editor::wildcard_path(&method.path));
    permission.set("SourceArn", method.arn(&partition, &rest));
    let api_auth = super::intrinsics::resolved(api.get("Auth").unwrap_or(&Value::Null), parameters);
    let auth = properties.get("Auth").cloned().unwrap_or_else(|| json!({}));
    let (is_managed, merges) = (is_set(api.get(MANAGED)), is_set(api.get("MergeDefinitions")));
    if merges {
        return Err("MergeDefinitions is not built here: write the method into DefinitionBody".into());
    }
    let Some(body) = api.get_mut("DefinitionBody").filter(|_| is_managed) else {
        return Ok(vec![permission]);
    };
    if editor::has_integration(body, &method.path, &method.verb)? {
        return Err(method.twice());
    }
    let streams = properties.get("ResponseTransferMode").is_some_and(|mode| mode == "RESPONSE_STREAM");
    let (version, verb) = if streams {
        ("2021-11-15", "response-streaming-invocations")
    } else {
        ("2015-03-31", "invocations")
    };
    let function = target.arn_text();
    let uri = format!(
        "arn:{partition}:apigateway:${{AWS::Region}}:lambda:path/{version}/functions/{function}/{verb}"
    );
    let uri = conditional(target.condition(), json!({ "Fn::Sub": uri }));
    let mut integration = json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": uri });
    if streams {
        put(&mut integration, &["responseTransferMode"], "STREAM".into());
    }
    if let Some(role) = credentials(&auth, &api_auth, &partition) {
        put(&mut integration, &["credentials"], role);
    }
    if let Some(timeout) = properties.get("TimeoutInMillis") {
        put(&mut integration, &["timeoutInMillis"], timeout.clone());
    }
    let more = Map::from_iter([("responses".to_owned(), json!({}))]);
    editor::integrate(body, &method.path, &method.verb, &integration, &more, target.condition())?;
    secure_rest(body, &method.path, &method.verb, &auth, &api_auth)?;
    Ok(vec![permission])
}

/// Whose rights an integration has, where callers are known by IAM.
fn credentials(auth: &Value, api_auth: &Value, partition: &str) -> Option<Value> {
    let by_method = auth.get("Authorizer").is_some_and(|name| name == "AWS_IAM");
    let by_api =
        api_auth.get("DefaultAuthorizer").is_some_and(|name| name == "AWS_IAM") && !is_set(Some(auth));
    if !by_method && !by_api {
        return None;
    }
    let role = |auth: &Value| {
        let role = auth.get("InvokeRole")?;
        Some(if is_set(Some(role)) { role.clone() } else { "NONE".into() })
    };
    match role(auth).or_else(|| role(api_auth)) {
        Some(role) if role == "NONE" => None,
        Some(role) if role != "CALLER_CREDENTIALS" => Some(role),
        _ => Some(format!("arn:{partition}:iam::*:user/*").into()),
    }
}

/// The security of a method of a REST API: its authorizer, its API key.
pub(super) fn secure_rest(
    body: &mut Value,
    path: &str,
    method: &str,
    auth: &Value,
    api_auth: &Value,
) -> Result<(), String> {
    let known = ["Authorizer", "AuthorizationScopes", "ApiKeyRequired", "InvokeRole"];
    if let Some(auth) = auth.as_object() {
        judge_members(auth, "the event's Auth", &known, &["ResourcePolicy", "OverrideApiAuth"])?;
    }
    let scopes = auth.get("AuthorizationScopes");
    let at = format!("on API method [{method}] for path [{path}]");
    if let Some(name) = auth.get("Authorizer").and_then(Value::as_str) {
        let authorizer = api_auth.get("Authorizers").and_then(|all| all.get(name));
        if name == "NONE" && !is_set(api_auth.get("DefaultAuthorizer")) {
            return Err(format!(
                "Unable to set Authorizer {at} because 'NONE' is only a valid value when a DefaultAuthorizer on the API is \
                 specified."
            ));
        }
        if !["NONE", "AWS_IAM"].contains(&name) && authorizer.is_none() {
            let why = match api_auth.get("Authorizers") {
                Some(_) => "it wasn't defined in the API's Authorizers.",
                None => "the related API does not define any Authorizers.",
            };
            return Err(format!("Unable to set Authorizer [{name}] {at} because {why}"));
        }
        let own = authorizer.and_then(|authorizer| authorizer.get("AuthorizationScopes"));
        let scopes = authorizer.and(scopes.or(own)).cloned().unwrap_or_else(|| json!([]));
        let mut is_iam = false;
        editor::methods(body, path, Some(method), &mut |_, definition| {
            editor::secure(definition, name, &scopes);
            is_iam |= definition.get("security").and_then(|all| all.get(0)?.get("AWS_IAM")).is_some();
        })?;
        if is_iam {
            define(body, "AWS_IAM", super::authorizers::aws_iam());
        }
    } else if scopes.is_some() {
        return Err("AuthorizationScopes works only when Authorizer is set".into());
    }
    if let Some(required) = auth.get("ApiKeyRequired") {
        let required = is_set(Some(required));
        if !required && !is_set(api_auth.get("ApiKeyRequired")) {
            return Err(format!(
                "Unable to set ApiKeyRequired [False] {at} because the related API does not specify any ApiKeyRequired."
            ));
        }
        let name = if required { "api_key" } else { "api_key_false" };
        editor::methods(body, path, Some(method), &mut |_, method| editor::secure(method, name, &json!([])))?;
        if required {
            define(body, "api_key", super::authorizers::api_key());
        }
    }
    Ok(())
}

/// Adds a security definition, if it is not there.
pub(super) fn define(body: &mut Value, name: &str, definition: Value) {
    let all = body.as_object_mut().map(|body| body.entry("securityDefinitions").or_insert_with(|| json!({})));
    if let Some(all) = all.and_then(Value::as_object_mut) {
        all.entry(name).or_insert(definition);
    }
}

/// An event of an HTTP API.
pub(super) fn http(
    work: &mut Work<'_>,
    target: &Target,
    logical: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let known = [
        "Path",
        "Method",
        "ApiId",
        "Auth",
        "TimeoutInMillis",
        "PayloadFormatVersion",
        "RouteSettings",
        "Stage",
    ];
    judge_members(properties, "HttpApi", &known, &[])?;
    let method = Method::read(properties, "ApiId")?;
    let api = api(&mut work.resources, &method.api_id)?;
    let api_auth = api.get("Auth").cloned().unwrap_or_else(|| json!({}));
    let is_managed = is_set(api.get(MANAGED));
    let mut none = Value::Null;
    let body = api.get_mut("DefinitionBody").unwrap_or(&mut none);
    let mut made = Vec::new();
    let is_default = method.path == "$default";
    if is_default || !answers_rest(body, target)? {
        let rest = if is_default { "" } else { &method.path };
        let rest = match format!("/{}", method.arn_verb()) {
            _ if method.verb == "any" && rest == "/$default" => rest.to_owned(),
            verb => format!("{verb}{}", editor::wildcard_path(rest)),
        };
        let mut permission =
            push::permission(target, &format!("{logical}Permission"), "apigateway.amazonaws.com");
        permission.set("SourceArn", method.arn("${AWS::Partition}", &rest));
        made.push(permission);
    }
    if body.is_null() {
        return Ok(made);
    }
    let is_there = editor::has_integration(body, &method.path, &method.verb)?;
    if is_managed && is_there {
        return Err(format!(
            "API method '{}' defined multiple times for path '{}'.",
            method.verb, method.path
        ));
    }
    if !is_there {
        let function = target.arn_text();
        let uri = format!(
            "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/{function}/invocations"
        );
        let uri = conditional(target.condition(), json!({ "Fn::Sub": uri }));
        let integration =
            json!({ "type": "aws_proxy", "httpMethod": "POST", "payloadFormatVersion": "2.0", "uri": uri });
        let mut more = Map::from_iter([("responses".to_owned(), json!({}))]);
        if is_default && editor::method_name(&method.verb) == editor::ANY {
            more.insert("isDefaultRoute".into(), true.into());
        }
        editor::integrate(body, &method.path, &method.verb, &integration, &more, target.condition())?;
    }
    if let Some(auth) = properties.get("Auth") {
        secure_http(body, &method, auth, &api_auth)?;
    }
    let names = method.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    let path_parameters: Vec<Value> =
        names.map(|name| json!({ "name": name, "in": "path", "required": true })).collect();
    editor::methods(body, &method.path, Some(&method.verb), &mut |_, definition| {
        for (member, name) in
            [("TimeoutInMillis", "timeoutInMillis"), ("PayloadFormatVersion", "payloadFormatVersion")]
        {
            let integration = definition.get_mut(INTEGRATION).and_then(Value::as_object_mut);
            if let (Some(integration), Some(value)) = (integration, properties.get(member)) {
                integration.insert(name.into(), value.clone());
            }
        }
        if !path_parameters.is_empty() {
            let there =
                definition.remove("parameters").and_then(|all| all.as_array().cloned()).unwrap_or_default();
            let is_new = |name: Option<&Value>| path_parameters.iter().all(|own| own.get("name") != name);
            let mut all: Vec<Value> = there.into_iter().filter(|own| is_new(own.get("name"))).collect();
            all.extend(path_parameters.clone());
            definition.insert("parameters".into(), all.into());
        }
    })?;
    Ok(made)
}

/// Whether the API's default route is this function's: then it may call it anyhow.
fn answers_rest(body: &mut Value, target: &Target) -> Result<bool, String> {
    if body.is_null() || target.alias.is_some() {
        return Ok(false);
    }
    let mut found = false;
    editor::methods(body, "$default", Some(editor::ANY), &mut |_, method| {
        let uri = method.get(INTEGRATION).and_then(|integration| integration.get("uri"));
        let uri = uri.map(|uri| uri.pointer("/Fn::If/1").unwrap_or(uri));
        let text = uri.and_then(|uri| uri.get("Fn::Sub")?.as_str());
        found |= text.is_some_and(|text| text.contains(&target.arn_text()));
    })?;
    Ok(found)
}

fn secure_http(body: &mut Value, method: &Method, auth: &Value, api_auth: &Value) -> Result<(), String> {
    let at = format!("on API method [{}] for path [{}]", method.verb, method.path);
    let name = auth.get("Authorizer").or_else(|| api_auth.get("DefaultAuthorizer")).and_then(Value::as_str);
    let Some(name) = name else {
        return Err("'Auth' section requires either an explicit 'Authorizer' set or a 'DefaultAuthorizer' configured on the \
                    HttpApi."
            .into());
    };
    let authorizer = api_auth.get("Authorizers").and_then(|all| all.get(name));
    let is_iam = name == "AWS_IAM" && api_auth.get("EnableIamAuthorizer") == Some(&Value::Bool(true));
    if name == "NONE" {
        if !is_set(api_auth.get("DefaultAuthorizer")) {
            return Err(format!(
                "Unable to set Authorizer {at} because 'NONE' is only a valid value when a DefaultAuthorizer on the API is \
                 specified."
            ));
        }
    } else if !is_iam && authorizer.is_none() {
        let why = match api_auth.get("Authorizers") {
            Some(_) => "it wasn't defined in the API's Authorizers.",
            None => "the related API does not define any Authorizers.",
        };
        return Err(format!("Unable to set Authorizer [{name}] {at} because {why}"));
    }
    let own = authorizer.and_then(|authorizer| authorizer.get("AuthorizationScopes"));
    let scopes = auth.get("AuthorizationScopes").filter(|scopes| is_set(Some(*scopes))).or(own);
    let scopes = scopes.filter(|_| authorizer.is_some()).cloned().unwrap_or_else(|| json!([]));
    editor::methods(body, &method.path, Some(&method.verb), &mut |_, definition| {
        editor::secure(definition, name, &scopes);
    })
}
