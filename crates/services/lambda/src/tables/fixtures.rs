//! Rows as they stand on disks. Never change one: a new form gets its own.

use std::{collections::BTreeMap, fmt::Debug};

use moln_kernel::RecursiveLoop;
use serde::{Serialize, de::DeserializeOwned};

use super::*;

/// These bytes are this row, today and later; and this row is written in these bytes.
fn stays<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &str, row: &T) {
    let bytes = [b"\x01", json.as_bytes()].concat();
    assert_eq!(&decode::<T>(&bytes).unwrap(), row);
    assert_eq!(String::from_utf8_lossy(&encode(row).unwrap()), String::from_utf8_lossy(&bytes));
}

/// These bytes, from before some members were there, are this row.
fn reads<T: DeserializeOwned + PartialEq + Debug>(json: &str, row: &T) {
    assert_eq!(&decode::<T>(&[b"\x01", json.as_bytes()].concat()).unwrap(), row);
}

#[test]
fn version_1_of_functions_stays_readable() {
    stays(
        r#"{"id":"i","created":1,"next_version":3,"reserved":0,"recursion":"Allow","tags":{"a":"b"}}"#,
        &FunctionRow {
            id: "i".into(),
            created: 1,
            next_version: 3,
            reserved: Some(0),
            recursion: RecursiveLoop::Allow,
            tags: BTreeMap::from([("a".into(), "b".into())]),
        },
    );
    reads(
        r#"{"id":"i","created":1,"next_version":3}"#,
        &FunctionRow { id: "i".into(), created: 1, next_version: 3, ..FunctionRow::default() },
    );
}

#[test]
fn version_1_of_versions_stays_readable() {
    let least = VersionRow {
        revision_id: "r".into(),
        modified: 5,
        role: "arn:r".into(),
        runtime: "python3.12".into(),
        code: CodeRow { sha256: "ab".into(), size: 9, origin: CodeOrigin::Zip },
        timeout: 3,
        memory_mb: 128,
        tmp_mb: 512,
        architecture: "x86_64".into(),
        logging: LoggingRow { group: "/aws/lambda/f".into(), ..LoggingRow::default() },
        ..VersionRow::default()
    };
    reads(
        r#"{"number":0,"revision_id":"r","modified":5,"role":"arn:r","runtime":"python3.12","code":{"sha256":"ab","size":9},"timeout":3,"memory_mb":128,"tmp_mb":512,"architecture":"x86_64","logging":{"group":"/aws/lambda/f"}}"#,
        &least,
    );
    stays(
        r#"{"number":2,"revision_id":"r","generation":"g","modified":5,"description":"d","role":"arn:r","runtime":"python3.12","handler":"index.handler","code":{"sha256":"ab","size":9,"origin":"Zip"},"timeout":3,"memory_mb":128,"tmp_mb":512,"architecture":"x86_64","environment":{"A":"B"},"layers":[{"arn":"arn:l:1","code":{"sha256":"cd","size":7,"origin":{"Directory":"/srv/layer"}}}],"dead_letter":"arn:q","tracing":true,"kms_key":"arn:k","logging":{"json":true,"application_level":"INFO","system_level":"WARN","group":"/aws/lambda/f"},"vpc":{"subnets":["s"],"security_groups":["g"],"ipv6":true},"file_systems":[{"arn":"arn:e","path":"/mnt/a"}],"snap_start":true,"update_runtime_on":"Manual","runtime_version":"arn:v","state":"Active","state_reason":["Idle","words"],"last_update":"Failed","last_update_reason":["InternalError","words"]}"#,
        &VersionRow {
            number: 2,
            generation: "g".into(),
            description: "d".into(),
            handler: "index.handler".into(),
            environment: Some(BTreeMap::from([("A".into(), "B".into())])),
            layers: vec![LayerUse {
                arn: "arn:l:1".into(),
                code: CodeRow {
                    sha256: "cd".into(),
                    size: 7,
                    origin: CodeOrigin::Directory("/srv/layer".into()),
                },
            }],
            dead_letter: Some("arn:q".into()),
            tracing: true,
            kms_key: Some("arn:k".into()),
            logging: LoggingRow {
                json: true,
                application_level: Some("INFO".into()),
                system_level: Some("WARN".into()),
                group: "/aws/lambda/f".into(),
            },
            vpc: Some(VpcRow { subnets: vec!["s".into()], security_groups: vec!["g".into()], ipv6: true }),
            file_systems: vec![FileSystem { arn: "arn:e".into(), path: "/mnt/a".into() }],
            snap_start: true,
            update_runtime_on: UpdateRuntimeOn::Manual,
            runtime_version: Some("arn:v".into()),
            state: State::Active,
            state_reason: Some(("Idle".into(), "words".into())),
            last_update: LastUpdate::Failed,
            last_update_reason: Some(("InternalError".into(), "words".into())),
            ..least
        },
    );
}

#[test]
fn version_1_of_aliases_and_layers_stays_readable() {
    stays(
        r#"{"version":"1","description":"d","weights":{"2":0.25},"revision_id":"r"}"#,
        &AliasRow {
            version: "1".into(),
            description: Some("d".into()),
            weights: BTreeMap::from([("2".into(), 0.25)]),
            revision_id: "r".into(),
        },
    );
    stays(r#"{"next_version":4}"#, &LayerRow { next_version: 4 });
    stays(
        r#"{"created":1,"code":{"sha256":"ab","size":9,"origin":"Zip"},"description":"d","runtimes":["python3.12"],"architectures":["arm64"],"license":"MIT","policy":{"revision_id":"r","statements":[{"sid":"s","action":"lambda:GetLayerVersion","principal":"*","organization":"o-1"}]}}"#,
        &LayerVersionRow {
            created: 1,
            code: CodeRow { sha256: "ab".into(), size: 9, origin: CodeOrigin::Zip },
            description: "d".into(),
            runtimes: Some(vec!["python3.12".into()]),
            architectures: Some(vec!["arm64".into()]),
            license: Some("MIT".into()),
            policy: PolicyRow {
                revision_id: "r".into(),
                statements: vec![Statement {
                    sid: "s".into(),
                    action: "lambda:GetLayerVersion".into(),
                    principal: "*".into(),
                    organization: Some("o-1".into()),
                    ..Statement::default()
                }],
            },
            token: None,
        },
    );
    reads(
        r#"{"created":1,"code":{"sha256":"ab","size":9}}"#,
        &LayerVersionRow {
            created: 1,
            code: CodeRow { sha256: "ab".into(), size: 9, origin: CodeOrigin::Zip },
            ..LayerVersionRow::default()
        },
    );
}

#[test]
fn version_1_of_settings_stays_readable() {
    stays(
        r#"{"revision_id":"r","statements":[{"sid":"s","action":"lambda:InvokeFunctionUrl","principal":"s3.amazonaws.com","source_arn":"arn:b","source_account":"000000000000","event_source_token":"t","url_auth_type":"NONE","invoked_via_url":true}]}"#,
        &PolicyRow {
            revision_id: "r".into(),
            statements: vec![Statement {
                sid: "s".into(),
                action: "lambda:InvokeFunctionUrl".into(),
                principal: "s3.amazonaws.com".into(),
                source_arn: Some("arn:b".into()),
                source_account: Some("000000000000".into()),
                event_source_token: Some("t".into()),
                organization: None,
                url_auth_type: Some("NONE".into()),
                invoked_via_url: Some(true),
            }],
        },
    );
    stays(
        r#"{"modified":5,"retries":0,"max_age_s":60,"on_success":"arn:a","on_failure":"arn:b"}"#,
        &InvokeConfigRow {
            modified: 5,
            retries: Some(0),
            max_age_s: Some(60),
            on_success: Some("arn:a".into()),
            on_failure: Some("arn:b".into()),
        },
    );
    stays(
        r#"{"id":"u","created":1,"modified":2,"auth_type":"NONE","invoke_mode":"BUFFERED","mode_chosen":true,"cors":{"allow_credentials":true,"allow_headers":["h"],"allow_methods":["GET"],"allow_origins":["*"],"expose_headers":["e"],"max_age":3}}"#,
        &UrlRow {
            id: "u".into(),
            created: 1,
            modified: 2,
            auth_type: "NONE".into(),
            invoke_mode: "BUFFERED".into(),
            mode_chosen: true,
            cors: Some(CorsRow {
                allow_credentials: Some(true),
                allow_headers: Some(vec!["h".into()]),
                allow_methods: Some(vec!["GET".into()]),
                allow_origins: Some(vec!["*".into()]),
                expose_headers: Some(vec!["e".into()]),
                max_age: Some(3),
            }),
        },
    );
    stays(r#"{"requested":2,"modified":5}"#, &ProvisionedRow { requested: 2, modified: 5 });
}

#[test]
fn other_forms_are_refused_with_words() {
    for (bytes, words) in
        [(&b""[..], "empty"), (b"\x02{}", "the form 2, this program knows 1"), (b"\x01{", "cannot be read")]
    {
        let why = decode::<LayerRow>(bytes).unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
    }
}
