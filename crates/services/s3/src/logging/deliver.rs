//! Makes objects of records, a few minutes after the first of them.

use std::sync::Arc;

use moln_fabric::worker::{Worker, WorkerError, WorkerState};
use moln_kernel::{ApiError, Context, Endpoint, Principal, Region, Timestamp, clock::BoxFuture};
use moln_policy::{Decision, Keys, Request, Who};
use moln_store::Scan;
use moln_wire::ByteStream;

use super::keys;
use crate::{
    Buckets, acl,
    api::objects::{describe::Description, puts::Storing},
    bucket::Bucket,
    content::{checksum::Algorithm, claims::Claims, receive::Source},
    errors, limits,
    model::{AccessControlPolicy, BucketLoggingStatus, Grant},
    notification::Event,
    objects::conditions::WriteConditions,
    policy::Policy,
    tables::{
        configuration::{self, Kind},
        log::{LOGS, LogRow},
    },
};

/// Who delivers.
const SERVICE: &str = "logging.s3.amazonaws.com";
/// Records of an object: they are removed in the commit that makes it.
const RECORDS: usize = 1_500;

/// A record's place among all that wait.
type Place = (String, String, u64, u64);

/// The worker.
pub(crate) struct LogDelivery {
    buckets: Arc<Buckets>,
    /// When what waits is delivered; `None`: nothing does.
    due: Option<Timestamp>,
}

impl LogDelivery {
    /// What an earlier process left is delivered at once.
    pub(crate) fn new(buckets: Arc<Buckets>) -> Self {
        Self { buckets, due: Some(Timestamp(0)) }
    }

    /// Makes one object. `false`: nothing waits.
    async fn deliver(&self, now: Timestamp) -> Result<bool, ApiError> {
        let unreadable = |why| errors::unreadable(&why);
        let scan = Scan { limit: RECORDS, ..Scan::default() };
        let page = LOGS.scan(&*self.buckets.store.snapshot(), &LOGS.all(), scan).map_err(unreadable)?;
        let mut rows = page.rows.into_iter().map(|(place, row, _)| (place, row));
        let Some((place, first)) = rows.next() else { return Ok(false) };
        let same = |other: &Place| (&other.0, &other.1, other.2) == (&place.0, &place.1, place.2);
        let (mut content, mut places) = (format!("{}\n", first.line), vec![place.clone()]);
        for (other, row) in rows.take_while(|(other, _)| same(other)) {
            content.push_str(&row.line);
            content.push('\n');
            places.push(other);
        }
        let key = keys::key(&place.1, now);
        let put = match self.buckets.find(&place.0)? {
            Some(target) if lets_logs_in(&target, &key, &first)? => {
                self.put(&target, &key, content, &first, &places, now).await
            }
            _ => Err(errors::access_denied()),
        };
        match put {
            Ok(()) => {}
            // As on AWS, a target that takes no logs loses them.
            Err(why) if (400..500).contains(&why.status) => {
                let (bucket, target) = (&first.bucket, &place.0);
                tracing::warn!(bucket, target, %why, "the target takes no logs; their records are dropped");
                let mut batch = moln_store::Batch::default();
                for place in &places {
                    LOGS.delete(&mut batch, place);
                }
                self.buckets.store.commit(batch).await.map_err(|why| errors::uncommitted(&why))?;
            }
            Err(why) => return Err(why),
        }
        Ok(true)
    }

    async fn put(
        &self,
        target: &Bucket,
        key: &str,
        content: String,
        first: &LogRow,
        places: &[Place],
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "localhost:4566".into() });
        let (account, region) = (target.row.account.as_str(), Region::new(target.row.region.as_str()));
        let principal = Principal::Arn(SERVICE.into());
        let ctx = Context::internal(account.into(), region, principal, endpoint, now);
        let headers = vec![("content-type", Some("text/plain"))];
        let mut described = Description { headers, ..Description::default() }.check(&ctx, target)?;
        described.acl = self.list(target, &first.bucket)?;
        let storing = Storing {
            key,
            source: Source::Body(ByteStream::from(bytes::Bytes::from(content))),
            claims: Claims::default(),
            algorithm: Algorithm::Crc64Nvme,
            most: limits::UPLOAD,
            conditions: WriteConditions::default(),
            event: Event::CreatedPut,
            operation: "ServerAccessLogs",
        };
        let delivered = |batch: &mut moln_store::Batch| {
            for place in places {
                LOGS.delete(batch, place);
            }
            Ok(())
        };
        self.buckets.store_and(&ctx, target, described, storing, delivered).await.map(drop)
    }

    /// The grants that the logged bucket wants for its log objects, where lists count.
    fn list(&self, target: &Bucket, source: &str) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(source) = self.buckets.find(source)? else { return Ok(None) };
        let set: Option<BucketLoggingStatus> = source.setting(Kind::Logging)?;
        let grants = set.and_then(|set| set.logging_enabled).and_then(|logging| logging.target_grants);
        let Some(grants) = grants.filter(|grants| !grants.is_empty()) else { return Ok(None) };
        if target.ownership()? == acl::ENFORCED {
            return Ok(None);
        }
        let mut list: AccessControlPolicy = acl::private(&target.row.account);
        let wanted =
            grants.into_iter().map(|grant| Grant { grantee: grant.grantee, permission: grant.permission });
        list.grants.get_or_insert_default().extend(wanted);
        Ok(Some(configuration::encode(&list).to_vec()))
    }
}

/// Whether a target lets log objects in: by its policy, or by its list where lists count.
fn lets_logs_in(target: &Bucket, key: &str, record: &LogRow) -> Result<bool, ApiError> {
    if let Some(text) = target.bytes(Kind::Policy) {
        let policy = Policy::parse(&String::from_utf8_lossy(text), &target.name)?;
        let mut keys = Keys::default();
        keys.set("aws:SourceArn", format!("arn:aws:s3:::{}", record.bucket));
        keys.set("aws:SourceAccount", record.account.as_str());
        let resource = format!("arn:aws:s3:::{}/{key}", target.name);
        let (who, action) = (Who::Service(SERVICE), "s3:PutObject");
        match policy.document().judge(&Request { who, action, resource: Some(&resource), keys: &keys }) {
            Decision::Allow => return Ok(true),
            Decision::Deny => return Ok(false),
            Decision::Silent => {}
        }
    }
    let list = Buckets::list_of(target)?;
    let to_logs = |grant: &Grant| {
        let uri = grant.grantee.as_ref().and_then(|grantee| grantee.uri.as_deref());
        uri == Some(acl::LOG_DELIVERY)
            && matches!(grant.permission.as_deref(), Some("WRITE" | "FULL_CONTROL"))
    };
    Ok(target.ownership()? != acl::ENFORCED && list.grants.iter().flatten().any(to_logs))
}

impl Worker for LogDelivery {
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(async move {
            let now = self.buckets.clock.now();
            let Some(due) = self.due else { return Ok(WorkerState::Idle { until: None }) };
            if now < due {
                return Ok(WorkerState::Idle { until: Some(due) });
            }
            if self.deliver(now).await? {
                return Ok(WorkerState::Busy);
            }
            self.due = None;
            Ok(WorkerState::Idle { until: None })
        })
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.buckets.records.notified().await;
            self.due.get_or_insert_with(|| self.buckets.clock.now().after(limits::LOG_DELIVERY));
        })
    }

    fn info(&self) -> String {
        if self.due.is_some() { "records wait to be delivered".into() } else { "nothing to deliver".into() }
    }
}
