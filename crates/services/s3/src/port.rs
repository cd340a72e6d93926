//! Objects, as other services read and write them.

use std::collections::BTreeMap;

use bytes::Bytes;
use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    ports::{ObjectContent, ObjectReading, Objects},
};
use moln_wire::ByteStream;

use crate::{
    Buckets,
    model::{GetObjectRequest, PutObjectRequest},
};

/// Bytes of an object that is written whole.
const WHOLE: usize = 16 << 20;

struct Content(ByteStream);

impl ObjectContent for Content {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, ApiError>> {
        Box::pin(async move { self.0.next().await.transpose() })
    }
}

impl Objects for Buckets {
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        bucket: &'a str,
        key: &'a str,
        version_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<ObjectReading, ApiError>> {
        let input = GetObjectRequest {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: version_id.map(str::to_owned),
            ..GetObjectRequest::default()
        };
        Box::pin(async move {
            let read = self.get(ctx, &input)?;
            Ok(ObjectReading {
                size: read.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default(),
                version_id: read.version_id,
                etag: read.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
                content_type: read.content_type,
                content: Box::new(Content(read.body.unwrap_or_default())),
            })
        })
    }

    fn write<'a>(
        &'a self,
        ctx: &'a Context,
        bucket: &'a str,
        key: &'a str,
        content: Bytes,
        content_type: Option<&'a str>,
        metadata: BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Option<String>, ApiError>> {
        Box::pin(async move {
            if content.len() > WHOLE {
                return Err(crate::errors::other(
                    400,
                    "EntityTooLarge",
                    "Your proposed upload exceeds the maximum allowed size",
                ));
            }
            let input = PutObjectRequest {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                body: Some(content.into()),
                content_type: content_type.map(str::to_owned),
                metadata: (!metadata.is_empty()).then_some(metadata),
                ..PutObjectRequest::default()
            };
            Ok(self.put(ctx, input).await?.version_id)
        })
    }
}
