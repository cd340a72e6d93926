//! Uploads from a browser's form: `POST` of `multipart/form-data` to a bucket.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html>

pub(crate) mod form;
pub(crate) mod policy;
pub(crate) mod signature;
