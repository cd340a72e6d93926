//! A small model, generated; and the trimming of a large one.

// All of this is test code, also what stands outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use moln_codegen::{
    emit::{Input, generate},
    load,
    model::Model,
    models_directory,
    overlay::Overlay,
    scan,
    support::{Support, table},
    trim,
};

const MODEL: &str = r#"{
    "metadata": {
        "apiVersion": "2020-01-01", "endpointPrefix": "pond", "jsonVersion": "1.0", "protocol": "json",
        "serviceId": "Pond", "targetPrefix": "Pond", "documentation": "falls away"
    },
    "operations": {
        "ThrowStone": {
            "name": "ThrowStone", "http": {"method": "POST", "requestUri": "/"}, "documentation": "<p>falls away</p>",
            "input": {"shape": "ThrowStoneRequest"}, "output": {"shape": "Ripple"}, "errors": [{"shape": "Frozen"}]
        },
        "Drain": {"http": {"method": "DELETE", "requestUri": "/pond/{Name}", "responseCode": 204},
            "input": {"shape": "ThrowStoneRequest"}},
        "Look": {"http": {"method": "POST", "requestUri": "/"}}
    },
    "shapes": {
        "ThrowStoneRequest": {
            "type": "structure", "required": ["Name"],
            "members": {
                "Name": {"shape": "Name", "location": "uri", "locationName": "Name"},
                "Type": {"shape": "Kind"},
                "Sizes": {"shape": "Sizes"},
                "StringValues": {"shape": "Texts", "flattened": true}
            }
        },
        "Ripple": {
            "type": "structure", "required": ["Next", "Count"],
            "members": {"Next": {"shape": "Ripple"}, "Count": {"shape": "Count"}, "Choice": {"shape": "Choice"}}
        },
        "Choice": {"type": "structure", "union": true, "members": {"Left": {"shape": "Count"}, "Right": {"shape": "Ripple"}}},
        "Name": {"type": "string", "min": 1, "max": 80, "pattern": "[a-z\"]+"},
        "Kind": {"type": "string", "enum": ["Flat", "Round"]},
        "Count": {"type": "integer"},
        "Sizes": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Texts"}},
        "Texts": {"type": "list", "member": {"shape": "Plain"}},
        "Plain": {"type": "string"},
        "Frozen": {"type": "structure", "exception": true, "members": {"message": {"shape": "Plain"}}}
    }
}"#;

const EXTRA: &str = r#"{
    "errorNamespace": "com.amazonaws.pond", "protocols": ["query"],
    "query": {"ThrowStoneRequest.StringValues": ["StringValue", "StringValues"]},
    "errors": {"Frozen": {"code": "Pond.Frozen", "httpStatusCode": 403}}
}"#;

fn model() -> (Model, Overlay) {
    let (mut model, overlay): (Model, Overlay) =
        (serde_json::from_str(MODEL).unwrap(), serde_json::from_str(EXTRA).unwrap());
    overlay.apply(&mut model).unwrap();
    (model, overlay)
}

fn code() -> String {
    let (model, overlay) = model();
    let implemented = BTreeSet::from(["throw_stone".to_owned()]);
    generate(&Input {
        model: &model,
        trait_name: "Pond".to_owned(),
        error_namespace: overlay.error_namespace,
        implemented,
    })
    .unwrap()
}

#[test]
fn holds_what_it_promises() {
    let code = code();
    for line in [
        // Required members are plain, others optional; structures that hold themselves are boxed and optional.
        "pub struct ThrowStoneRequest {\n    pub name: ::std::string::String,\n    pub r#type: ::core::option::Option<::std::string::String>,",
        "pub sizes: ::core::option::Option<::std::collections::BTreeMap<::std::string::String, ::std::vec::Vec<::std::string::String>>>,",
        "pub next: ::core::option::Option<::std::boxed::Box<Ripple>>,\n    pub count: i32,",
        "pub enum Choice {\n    #[default]\n    Unset,\n    Left(i32),\n    Right(::std::boxed::Box<Ripple>),\n}",
        // Schemas hold the constraints and the names.
        r#"static NAME__PATTERN: Pattern = Pattern::new("[a-z\"]+");"#,
        "traits: Traits { pattern: Some(&NAME__PATTERN), min: Some(1), max: Some(80), ..Traits::NONE }",
        r#"enum_values: &["Flat", "Round"]"#,
        r#"Member { required: true, location: Location::Uri, ..Member::new("Name", &self::NAME) }"#,
        r#"query: Some("StringValue"), query_aliases: &["StringValues"], flattened: true"#,
        r#"ErrorTraits { code: Some("Pond.Frozen"), status: 403, sender: true }"#,
        // The model, its operations sorted, and which are built.
        r#"error_namespace: "com.amazonaws.pond""#,
        "protocols: &[::moln_wire::Protocol::Json10, ::moln_wire::Protocol::Query]",
        r#"method: "DELETE", uri: "/pond/{Name}", status: 204, input: &schemas::THROW_STONE_REQUEST, ..::moln_wire::Operation::new("Drain")"#,
        r#"result_wrapper: true, implemented: true, ..::moln_wire::Operation::new("ThrowStone")"#,
        // The trait and its dispatch.
        "pub trait Pond: ::moln_wire::Hooks {",
        "fn look(&self, ctx: &::moln_wire::Context) -> impl",
        "1 => { ::moln_wire::answer(async move { service.look(&ctx).await }) }",
        "pub fn frozen(message: impl",
    ] {
        assert!(code.contains(line), "no {line}\n{code}");
    }
    assert!(!code.contains("STRING: Schema"), "scalars without traits are shared");
}

#[test]
fn broken_models_are_refused() {
    let mut broken = model().0;
    broken.shapes.0.retain(|(name, _)| name != "Kind");
    let input = Input {
        model: &broken,
        trait_name: "Pond".to_owned(),
        error_namespace: None,
        implemented: BTreeSet::new(),
    };
    assert!(generate(&input).unwrap_err().0.contains("the shape Kind"));

    let overlay: Overlay = serde_json::from_str(r#"{"query": {"ThrowStoneRequest.Nope": ["x"]}}"#).unwrap();
    assert!(overlay.apply(&mut broken).unwrap_err().0.contains("ThrowStoneRequest.Nope"));
    assert!(serde_json::from_str::<Overlay>(r#"{"unknown": 1}"#).is_err());
}

#[test]
fn trimming_keeps_facts_and_is_the_same_twice() {
    let model: Model = serde_json::from_str(MODEL).unwrap();
    let text = trim::text(&model).unwrap();
    assert!(!text.contains("falls away"));
    assert!(text.contains(r#""Name": {"type":"string","pattern":"[a-z\"]+","min":1,"max":80}"#), "{text}");
    let again: Model = serde_json::from_str(&text).unwrap();
    assert_eq!(trim::text(&again).unwrap(), text);
}

#[test]
fn committed_models_are_trimmed_and_generate_little() {
    let models = models_directory(&PathBuf::from(env!("CARGO_MANIFEST_DIR"))).unwrap();
    for name in trim::present(&models).unwrap() {
        let path = models.join(format!("{name}.json"));
        let committed = fs::read_to_string(&path).unwrap();
        let model: Model = serde_json::from_str(&committed).unwrap();
        assert_eq!(trim::text(&model).unwrap(), committed, "{name}.json is not as the refresh writes it");

        let (model, overlay) = load(&models, &name).unwrap();
        let shapes = model.shapes.0.len() + model.operations.0.len();
        let members: usize = model.shapes.0.iter().map(|(_, shape)| shape.members.0.len()).sum();
        let error_namespace = overlay.error_namespace;
        let input = Input {
            model: &model,
            trait_name: "Any".to_owned(),
            error_namespace,
            implemented: BTreeSet::new(),
        };
        let lines = generate(&input).unwrap().lines().count();
        assert!(
            lines < shapes * 12 + members * 6,
            "{name}: {lines} lines for {shapes} shapes, {members} members"
        );
    }
}

#[test]
fn support_is_told_from_the_sources() {
    let source = "impl Pond for Ours { async fn throw_stone(&self) {} }";
    assert_eq!(scan::methods(source, "Pond"), BTreeSet::from(["throw_stone".to_owned()]));
    let support = Support {
        service_id: "Pond".to_owned(),
        built: vec!["ThrowStone".to_owned()],
        missing: vec!["Drain".to_owned(), "Look".to_owned()],
    };
    assert!(table(&[support]).ends_with("| Pond | 1 of 3 | Drain, Look |\n"));
    let many: Vec<String> = (0..7).map(|number| format!("Do{number}")).collect();
    let sea = Support { service_id: "Sea".into(), built: Vec::new(), missing: many };
    let table = table(&[sea]);
    assert!(table.contains("| Sea | 0 of 7 | 7, listed below |\n"), "{table}");
    assert!(table.contains("\n- Sea: Do0, Do1, Do2, Do3, Do4, Do5, Do6\n"), "{table}");
}
