//! Amazon S3: buckets and objects.

moln_wire::api!(pub mod model);
