//! Where a template's form of a setting differs from the API's in more than names.

use serde_json::{Map, Value, json};

/// Takes a member out of an object.
fn take(from: &mut Map<String, Value>, name: &str) -> Option<Value> {
    from.remove(name).filter(|value| !value.is_null())
}

/// Moves a member, under another name, into an object inside; none is made for nothing.
fn sink(from: &mut Map<String, Value>, name: &str, into: &str, as_name: &str) {
    let Some(value) = take(from, name) else { return };
    if let Value::Object(inner) = from.entry(into).or_insert_with(|| json!({})) {
        inner.insert(as_name.to_owned(), value);
    }
}

/// Each element of a list that is an object.
fn each(list: Option<&mut Value>, mut change: impl FnMut(&mut Map<String, Value>)) {
    for element in list.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(element) = element {
            change(element);
        }
    }
}

/// Conditions that stand side by side become a filter: alone, or joined by `And`.
fn filter(from: &mut Map<String, Value>, names: &[&str]) -> Option<Value> {
    let mut conditions = Map::new();
    for name in names {
        if let Some(value) = take(from, name) {
            conditions.insert((*name).to_owned(), value);
        }
    }
    let tags = match take(from, "TagFilters") {
        Some(Value::Array(tags)) => tags,
        _ => Vec::new(),
    };
    match (conditions.len() + tags.len(), tags.len()) {
        (0, _) => None,
        (1, 0) => Some(Value::Object(conditions)),
        (1, _) => tags.into_iter().next().map(|tag| json!({ "Tag": tag })),
        (_, count) => {
            if count > 0 {
                conditions.insert("Tags".into(), tags.into());
            }
            Some(json!({ "And": conditions }))
        }
    }
}

/// Rules of a life cycle.
pub(super) fn lifecycle(mut set: Value) -> Value {
    each(set.get_mut("Rules"), |rule| {
        let found = filter(rule, &["Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan"]);
        // Without any condition it is for all objects.
        rule.insert("Filter".into(), found.unwrap_or_else(|| json!({ "Prefix": "" })));
        sink(rule, "ExpirationDate", "Expiration", "Date");
        sink(rule, "ExpirationInDays", "Expiration", "Days");
        sink(rule, "ExpiredObjectDeleteMarker", "Expiration", "ExpiredObjectDeleteMarker");
        sink(rule, "NoncurrentVersionExpirationInDays", "NoncurrentVersionExpiration", "NoncurrentDays");
        for (one, many) in
            [("Transition", "Transitions"), ("NoncurrentVersionTransition", "NoncurrentVersionTransitions")]
        {
            if let Some(transition) = take(rule, one)
                && let Value::Array(all) = rule.entry(many).or_insert_with(|| json!([]))
            {
                all.push(transition);
            }
        }
    });
    if let Value::Object(set) = &mut set {
        set.remove("TransitionDefaultMinimumObjectSize");
    }
    set
}

/// Who is told what: each configuration of a template has one event.
pub(super) fn notification(mut set: Value) -> Value {
    for list in ["LambdaConfigurations", "QueueConfigurations", "TopicConfigurations"] {
        each(set.get_mut(list), |one| {
            if let Some(event) = take(one, "Event") {
                one.insert("Events".into(), json!([event]));
            }
        });
    }
    if let Value::Object(set) = &mut set
        && let Some(bus) = take(set, "EventBridgeConfiguration")
    {
        let off =
            bus.get("EventBridgeEnabled").is_some_and(|on| *on == json!(false) || *on == json!("false"));
        if !off {
            set.insert("EventBridgeConfiguration".into(), json!({}));
        }
    }
    set
}

/// A website: documents are named by their keys alone.
pub(super) fn website(mut set: Value) -> Value {
    if let Value::Object(set) = &mut set {
        for (document, member) in [("ErrorDocument", "Key"), ("IndexDocument", "Suffix")] {
            if let Some(name) = take(set, document) {
                set.insert(document.into(), json!({ member: name }));
            }
        }
    }
    set
}

/// Where accesses are written: into the bucket itself, unless it says another.
pub(super) fn logging(mut set: Value, bucket: &str) -> Value {
    if let Value::Object(set) = &mut set {
        set.entry("DestinationBucketName").or_insert_with(|| bucket.into());
        set.entry("LogFilePrefix").or_insert_with(|| "".into());
    }
    json!({ "LoggingEnabled": set })
}

/// Metrics, analytics and tierings: conditions are a filter.
pub(super) fn filtered(mut set: Value) -> Value {
    if let Value::Object(set) = &mut set {
        if let Some(found) = filter(set, &["Prefix", "AccessPointArn"]) {
            set.insert("Filter".into(), found);
        }
        if let Some(export) = set.get_mut("StorageClassAnalysis").and_then(|of| of.get_mut("DataExport")) {
            destination(export);
        }
    }
    set
}

/// An inventory.
pub(super) fn inventory(mut set: Value) -> Value {
    destination(&mut set);
    if let Value::Object(set) = &mut set {
        sink(set, "Prefix", "Filter", "Prefix");
        sink(set, "ScheduleFrequency", "Schedule", "Frequency");
        if let Some(on) = take(set, "Enabled") {
            set.insert("IsEnabled".into(), on);
        }
    }
    set
}

/// A destination is a bucket; an inventory's knows its account by another name.
fn destination(of: &mut Value) {
    let inventory = of.get("Enabled").is_some();
    if let Some(to) = of.get_mut("Destination") {
        if let Value::Object(to) = to
            && inventory
            && let Some(account) = take(to, "BucketAccountId")
        {
            to.insert("AccountId".into(), account);
        }
        *to = json!({ "S3BucketDestination": to.take() });
    }
}

/// `BucketOwnerFullControl` is `bucket-owner-full-control`.
pub(super) fn canned(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_become_filters() {
        let filter_of = |properties: Value| filtered(properties)["Filter"].clone();
        assert_eq!(filter_of(json!({})), Value::Null);
        assert_eq!(filter_of(json!({"Prefix": "a/"})), json!({"Prefix": "a/"}));
        let tag = json!({"Key": "k", "Value": "v"});
        assert_eq!(filter_of(json!({"TagFilters": [tag]})), json!({"Tag": tag}));
        assert_eq!(filter_of(json!({"TagFilters": [tag, tag]})), json!({"And": {"Tags": [tag, tag]}}));
        let both = json!({"And": {"Prefix": "a", "Tags": [tag]}});
        assert_eq!(filter_of(json!({"Prefix": "a", "TagFilters": [tag]})), both);
    }

    #[test]
    fn lists_are_called_by_their_names() {
        for (of, name) in
            [("Private", "private"), ("AwsExecRead", "aws-exec-read"), ("PublicRead", "public-read")]
        {
            assert_eq!(canned(of), name);
        }
    }
}
