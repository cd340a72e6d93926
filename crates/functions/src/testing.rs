//! What this crate's own tests share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use moln_kernel::{
    AccountId, ManualClock, Region, Timestamp,
    ports::{LogLine, LogTarget, WriteLogs},
};

use crate::{
    Code, LogFormat, Logging, Revision,
    capture::{Log, LogFacts},
};

/// 2023-11-14T22:13:20Z
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A function that nothing runs.
pub(crate) fn revision() -> Revision {
    Revision {
        id: "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST:1".into(),
        account: AccountId::new("000000000000"),
        region: Region::new("us-east-1"),
        function: "f".into(),
        version: "$LATEST".into(),
        role: "arn:aws:iam::000000000000:role/r".into(),
        runtime: "python3.12".parse().unwrap(),
        runtime_version: "arn:aws:lambda:eu-north-1::runtime:0f".into(),
        handler: "index.handler".into(),
        code: Code::Zip { sha256: "0".repeat(64) },
        layers: Vec::new(),
        environment: BTreeMap::new(),
        memory_mb: 128,
        timeout: Duration::from_secs(3),
        tmp_mb: 512,
        logging: Logging {
            format: LogFormat::Text,
            application_level: None,
            system_level: None,
            group: "/aws/lambda/f".into(),
        },
        tracing: false,
        provisioned: false,
    }
}

/// Keeps lines; takes none while it is full.
#[derive(Default)]
pub(crate) struct Lines {
    kept: Mutex<Vec<String>>,
    pub(crate) full: std::sync::atomic::AtomicBool,
}

impl Lines {
    pub(crate) fn all(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }
}

impl WriteLogs for Lines {
    fn write(&self, _: &LogTarget, lines: Vec<LogLine>) -> bool {
        if self.full.load(std::sync::atomic::Ordering::Relaxed) {
            return false;
        }
        // Every message has its line end.
        let texts = lines.iter().map(|line| line.message.strip_suffix(b"\n").unwrap());
        let texts = texts.map(|text| String::from_utf8_lossy(text).into_owned());
        self.kept.lock().unwrap().extend(texts);
        true
    }
}

/// A log that keeps what it takes.
pub(crate) fn log(logging: Logging) -> (Arc<Log>, Arc<Lines>) {
    let lines = Arc::new(Lines::default());
    let revision = revision();
    let target = LogTarget {
        account: revision.account,
        region: revision.region,
        group: Arc::clone(&logging.group),
        stream: "2023/11/14/[$LATEST]0".into(),
    };
    let facts = LogFacts { target, logging, provisioned: false };
    let log = Log::new(facts, Arc::clone(&lines) as Arc<dyn WriteLogs>, Arc::new(ManualClock::new(NOW)));
    (Arc::new(log), lines)
}
