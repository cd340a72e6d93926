//! Members that many inputs and outputs share, which generated types have each for itself.

/// What a put and an upload in parts say of their object. `$encoding` is the content encoding without its framing.
macro_rules! description {
    ($input:expr, $encoding:expr, $metadata:expr) => {
        $crate::api::objects::describe::Description {
            headers: vec![
                ("cache-control", $input.cache_control.as_deref()),
                ("content-disposition", $input.content_disposition.as_deref()),
                ("content-encoding", $encoding),
                ("content-language", $input.content_language.as_deref()),
                ("content-type", $input.content_type.as_deref()),
                ("expires", $input.expires.as_deref()),
            ],
            metadata: $metadata,
            storage_class: $input.storage_class.as_deref(),
            redirect: $input.website_redirect_location.as_deref(),
            encryption: $input.server_side_encryption.as_deref(),
            kms_key: $input.ssekms_key_id.as_deref(),
            kms_context: $input.ssekms_encryption_context.as_deref(),
            bucket_key: $input.bucket_key_enabled,
            customer: $crate::content::cipher::KeyHeaders {
                algorithm: $input.sse_customer_algorithm.as_deref(),
                key: $input.sse_customer_key.as_deref(),
                md5: $input.sse_customer_key_md5.as_deref(),
            },
            tagging: $input.tagging.as_deref(),
            lock_mode: $input.object_lock_mode.as_deref(),
            lock_until: $input.object_lock_retain_until_date,
            legal_hold: $input.object_lock_legal_hold_status.as_deref(),
            acl: $crate::acl::Wish {
                canned: $input.acl.as_deref(),
                full_control: $input.grant_full_control.as_deref(),
                read: $input.grant_read.as_deref(),
                read_acp: $input.grant_read_acp.as_deref(),
                write: None,
                write_acp: $input.grant_write_acp.as_deref(),
            },
        }
    };
}

/// Fills the checksum members of an output.
macro_rules! tell_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = &$checksum {
            let value = Some(checksum.value.clone());
            match checksum.algorithm.as_str() {
                "CRC32" => $output.checksum_crc32 = value,
                "CRC32C" => $output.checksum_crc32_c = value,
                "CRC64NVME" => $output.checksum_crc64_nvme = value,
                "SHA1" => $output.checksum_sha1 = value,
                _ => $output.checksum_sha256 = value,
            }
            $output.checksum_type = Some(checksum.kind.clone());
        }
    };
}

/// Fills the encryption members of an output.
macro_rules! tell_encryption {
    ($output:expr, $encryption:expr) => {
        match &$encryption {
            $crate::tables::object::EncryptionRow::Aes256 => {
                $output.server_side_encryption = Some("AES256".into());
            }
            $crate::tables::object::EncryptionRow::Kms { algorithm, key, bucket_key, .. } => {
                $output.server_side_encryption = Some(algorithm.clone());
                $output.ssekms_key_id.clone_from(key);
                $output.bucket_key_enabled = bucket_key.then_some(true);
            }
            $crate::tables::object::EncryptionRow::Customer { key_md5, .. } => {
                $output.sse_customer_algorithm = Some("AES256".into());
                $output.sse_customer_key_md5 = Some(key_md5.clone());
            }
        }
    };
}
