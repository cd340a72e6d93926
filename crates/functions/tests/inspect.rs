//! What zips of code are refused for, and with which of AWS's words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // these are tests

mod zips;

use std::io::{Cursor, Write};

use moln_functions::code::{BadZip, Facts, MAX_UNZIPPED, inspect};
use zips::{Entry, file, link, program, with_mode, zip};

fn look(bytes: &[u8]) -> Result<Facts, BadZip> {
    inspect(Cursor::new(bytes))
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let bad = look(bytes).expect_err("a bad zip was taken");
    assert_eq!(
        bad.message(),
        Some("Could not unzip uploaded file. Please check your file, then try to upload again."),
        "{bad}"
    );
    assert!(bad.to_string().contains(why), "{bad}");
}

#[test]
fn an_honest_zip_is_measured() {
    let bytes = zip(&[
        file("index.js", b"exports"),
        file("lib/", b""),
        program("lib/run", b"#!/bin/sh"),
        link("run", "lib/run"),
    ]);
    assert_eq!(look(&bytes).unwrap(), Facts { entries: 4, unzipped_bytes: 16 });
}

#[test]
fn other_writers_zips_are_understood() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    writer.start_file("deflated.txt", options).unwrap();
    writer.write_all(&vec![b'x'; 100_000]).unwrap();
    writer.start_file("large.txt", options.large_file(true)).unwrap();
    writer.write_all(b"zip64").unwrap();
    writer.add_directory("empty", options).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert_eq!(look(&bytes).unwrap(), Facts { entries: 3, unzipped_bytes: 100_005 });
    let zip64 = Entry { zip64: true, ..file("a", b"abc") };
    assert_eq!(look(&zip(&[zip64])).unwrap().unzipped_bytes, 3);
}

#[test]
fn what_is_no_zip_is_refused() {
    refused(b"", "");
    refused(b"not a zip at all", "");
    let whole = zip(&[file("index.js", b"exports.handler = async () => 1;")]);
    for end in [10, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..end], "");
    }
    let mut torn = whole.clone();
    torn[45] ^= 0xff;
    refused(&torn, "");
    assert_eq!(look(&zip(&[])).unwrap_err().message(), Some("Uploaded file must be a non-empty zip"));
}

#[test]
fn names_that_leave_the_directory_are_refused() {
    for name in ["../x", "a/../../x", "/etc/passwd", "a/..", "..", "a\0b"] {
        refused(&zip(&[file("ok", b""), file(name, b"x")]), "leaves the directory");
    }
    refused(&zip(&[file(&"n".repeat(300), b"x")]), "too long");
    refused(&zip(&[file(&"n/".repeat(2_000), b"")]), "too long");
    // These stay inside.
    for name in ["./a", "a//b", "a/./b", "a..b", "..a", "a\\..\\b"] {
        look(&zip(&[file(name, b"x")])).unwrap_or_else(|bad| panic!("{name}: {bad}"));
    }
}

#[test]
fn links_that_leave_the_directory_are_refused() {
    for (name, target) in [
        ("x", "../y"),
        ("a/x", "../../y"),
        ("x", "/etc/passwd"),
        ("x", "/opt/../etc/passwd"),
        ("x", "/optional"),
        ("x", "a/../../y"),
        ("x", "a/.."),
        ("x", ""),
        ("x", "a\0"),
    ] {
        refused(&zip(&[link(name, target)]), "symbolic link");
    }
    refused(&zip(&[link("x", &"a/".repeat(600))]), "symbolic link");
    for (name, target) in
        [("x", "y"), ("a/x", "../y"), ("a/b/x", "./../../y/z"), ("x", "/opt/lib/y"), ("x", "/var/task/y")]
    {
        look(&zip(&[link(name, target)])).unwrap_or_else(|bad| panic!("{name} → {target}: {bad}"));
    }
}

#[test]
fn nothing_is_written_through_a_link_or_below_a_file() {
    refused(&zip(&[link("d", "elsewhere"), file("d/x", b"x")]), "no directory");
    refused(&zip(&[file("d/x", b"x"), link("d", "elsewhere")]), "no directory");
    refused(&zip(&[file("d", b"x"), file("d/x/y", b"x")]), "no directory");
    refused(&zip(&[file("d", b"x"), file("d/", b"")]), "twice");
    refused(&zip(&[file("d", b"x"), link("d", "e")]), "twice");
}

#[test]
fn devices_and_the_like_are_refused() {
    for kind in [0o020_000, 0o060_000, 0o010_000, 0o140_000] {
        refused(&zip(&[with_mode("node", kind | 0o666)]), "device, pipe or socket");
    }
}

#[test]
fn of_several_files_with_one_name_the_last_counts() {
    let facts = look(&zip(&[file("a", b"first"), file("a", b"2")])).unwrap();
    assert_eq!(facts, Facts { entries: 1, unzipped_bytes: 1 });
}

#[test]
fn encrypted_and_unknown_methods_are_refused() {
    refused(&zip(&[Entry { flags: 1, ..file("a", b"secret") }]), "encrypted");
    refused(&zip(&[Entry { method: 12, ..file("a", b"bzip2?") }]), "ompression");
}

#[test]
fn lies_about_size_and_checksum_are_found() {
    refused(&zip(&[Entry { claimed_crc: Some(1), ..file("a", b"abc") }]), "");
    refused(&zip(&[Entry { claimed_size: Some(2), ..file("a", b"abc") }]), "");
    refused(&zip(&[Entry { claimed_size: Some(9), ..file("a", b"abc") }]), "");
}

#[test]
fn bombs_are_refused_by_what_they_declare_and_by_what_comes_out() {
    let too_large = "Unzipped size must be smaller than 262144000 bytes";
    let declared = zip(&[Entry { claimed_size: Some(MAX_UNZIPPED + 1), zip64: true, ..file("a", b"abc") }]);
    assert_eq!(look(&declared).unwrap_err().message(), Some(too_large));
    let many: Vec<Entry> = (0..3)
        .map(|n| Entry { claimed_size: Some(MAX_UNZIPPED / 2), ..file(&format!("{n}"), b"abc") })
        .collect();
    assert_eq!(look(&zip(&many)).unwrap_err().message(), Some(too_large));

    // A real one: 260 MB of zeros in 260 kB.
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    writer.start_file("zeros", options).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..260 {
        writer.write_all(&block).unwrap();
    }
    let mut bytes = writer.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20);
    assert_eq!(look(&bytes).unwrap_err().message(), Some(too_large));
    // It says that it is small: no more than that comes out of it.
    let at = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[at + 24..at + 28].copy_from_slice(&100_u32.to_le_bytes());
    refused(&bytes, "");
}

#[test]
fn too_many_entries_are_refused_before_they_are_read() {
    let mut bytes = zip(&[file("a", b"abc")]);
    let end = bytes.len() - 22;
    bytes[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
    refused(&bytes, "");
}

#[test]
fn any_damage_is_an_error_and_never_a_panic() {
    let whole = zip(&[
        file("index.js", b"exports"),
        program("bin/run", b"#!"),
        link("l", "bin/run"),
        file("d/", b""),
    ]);
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut torn = whole.clone();
            torn[at] = value;
            let _ = look(&torn);
        }
    }
}
