//! Members that many outputs share, which generated types have each for itself.

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
