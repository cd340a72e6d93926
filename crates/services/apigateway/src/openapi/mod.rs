//! `OpenAPI` 3 documents with API Gateway's extensions: APIs from them, and they from APIs.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html>

mod export;
mod import;
mod security;
mod yaml;

/// The extension of an operation that holds its integration.
const INTEGRATION: &str = "x-amazon-apigateway-integration";
/// The extension of components that hold integrations under names.
const INTEGRATIONS: &str = "x-amazon-apigateway-integrations";
/// The method that stands for any.
const ANY: &str = "x-amazon-apigateway-any-method";
/// The extension of a document that holds CORS.
const CORS: &str = "x-amazon-apigateway-cors";
/// The extension of a security scheme that holds an authorizer.
const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
/// The extension of a security scheme that says how callers sign.
const AUTHTYPE: &str = "x-amazon-apigateway-authtype";
/// The extension of a tag that holds its value.
const TAG_VALUE: &str = "x-amazon-apigateway-tag-value";
/// Methods of a path, and the keys they make.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
    (ANY, "ANY"),
];
