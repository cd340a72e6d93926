//! Names and logical ids, as the framework gives them.

/// The name of a function, layer, authorizer in a logical id: `sales-lambda` is `SalesDashlambda`.
pub(super) fn normalized(name: &str) -> String {
    upper_first(&name.replace('-', "Dash").replace('_', "Underscore"))
}

/// Letters and digits only, the first one large: queues, topics, buckets, streams, rules.
pub(super) fn alphanumeric(name: &str) -> String {
    upper_first(&name.chars().filter(char::is_ascii_alphanumeric).collect::<String>())
}

/// The first letter large.
pub(super) fn upper_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The function's resource.
pub(super) fn function(name: &str) -> String {
    format!("{}LambdaFunction", normalized(name))
}

/// The function's log group.
pub(super) fn log_group(name: &str) -> String {
    format!("{}LogGroup", normalized(name))
}

/// A path in logical ids: `POST /users/{id}/my-posts` is `PostUsersIdVarMyDashposts`.
pub(super) fn path(path: &str) -> String {
    path.split('/').map(path_part).collect()
}

fn path_part(part: &str) -> String {
    let capital = upper_first(&part.to_lowercase());
    let mut text = capital.replace('-', "Dash");
    if let (Some(open), Some(close)) = (text.find('{'), text.rfind('}'))
        && open < close
    {
        let (before, inner, after) = (
            text.get(..open).unwrap_or_default(),
            text.get(open + 1..close).unwrap_or_default(),
            text.get(close + 1..).unwrap_or_default(),
        );
        text = format!("{before}{inner}Var{after}");
    }
    alphanumeric(&text)
}

/// A route of an HTTP API.
pub(super) fn http_route(key: &str) -> String {
    if key == "*" { "HttpApiRouteDefault".to_owned() } else { format!("HttpApiRoute{}", path(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_framework_names_them() {
        assert_eq!(function("stock-increase-lambda"), "StockDashincreaseDashlambdaLambdaFunction");
        assert_eq!(normalized("my_fn"), "MyUnderscorefn");
        assert_eq!(http_route("POST /"), "HttpApiRoutePost");
        assert_eq!(http_route("POST /product/donut"), "HttpApiRoutePostProductDonut");
        assert_eq!(http_route("GET /users/{userId}/my-posts"), "HttpApiRouteGetUsersUseridVarMyDashposts");
        assert_eq!(http_route("ANY /{proxy+}"), "HttpApiRouteAnyProxyVar");
        assert_eq!(http_route("*"), "HttpApiRouteDefault");
    }
}
