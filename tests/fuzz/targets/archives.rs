//! Exports as files: whoever wrote them, they are read or refused, and what was written is exported as it is.

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{ErrorKind, ExportLine, ExportSoFar, Import, Imported, Result, bucket};

use super::bench;

/// More chunks than this nothing here has.
const MOST_CHUNKS: usize = 1_000;

pub(super) fn run(bytes: &[u8]) {
    lines(bytes);
    resume(bytes);
    let server = MemoryServer::new();
    let imported = import(&server, Import::new().into_bucket("b").permissions().keep_timestamps(), bytes);
    for strict in [false, true] {
        // Whatever is there now.
        let other = Import::new().claim_files().rename_collection("c", "d").delete_extra();
        let other = if strict { other } else { other.partial().dry_run() };
        if let Err(error) = import(&server, other, bytes) {
            bench::look_at_line(&error);
        }
    }
    match imported {
        Ok(imported) => {
            bench::look_for_control(&imported.to_string());
            imported.failures.iter().filter_map(|failure| failure.error.as_ref()).for_each(bench::look_at_line);
            export(&server);
        }
        Err(error) => bench::look_at_line(&error),
    }
}

fn import(server: &MemoryServer, mut import: Import, bytes: &[u8]) -> Result<Imported> {
    let mut left = bytes;
    let mut chunks = 0;
    while !left.is_empty() {
        let taken = import.take(left)?;
        assert!(taken > 0 || import.is_full(), "nothing is taken");
        left = &left[taken..];
        if import.is_full() {
            chunks += 1;
            assert!(chunks < MOST_CHUNKS, "endless");
            server.send(&mut import)?;
        }
    }
    import.end()?;
    server.send(&mut import)?;
    Ok(import.into_imported())
}

/// What is there is exported, and an import of that finds nothing to write.
fn export(server: &MemoryServer) {
    let mut export = bucket("b").export().record_permissions().page_size(2);
    let mut whole = Vec::new();
    loop {
        match server.send(&mut export) {
            Ok(Some(lines)) => whole.extend_from_slice(&lines),
            Ok(None) => break,
            // The bucket need not be there: an export may hold nothing.
            Err(error) if error.is_not_found() || error.is_forbidden() => return,
            // It is told, and not written wrongly.
            Err(error) if error.kind() == ErrorKind::Input => return bench::look_at_line(&error),
            Err(error) => panic!("{error}"),
        }
    }
    let again = import(server, Import::new().permissions().keep_timestamps().delete_extra().dry_run(), &whole);
    let again = again.expect("an export can be imported");
    assert_eq!(again.changed(), 0, "{again}: {}", String::from_utf8_lossy(&whole));
}

/// Each line by itself: what is understood is written, and understood again as the same.
fn lines(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        match ExportLine::parse(line) {
            Ok(line) => {
                let Ok(written) = line.to_bytes() else { continue };
                let written = String::from_utf8(written).expect("UTF-8");
                assert_eq!(ExportLine::parse(&written).expect("what was written"), line);
                assert_eq!(written.matches('\n').count(), 1, "one line");
            }
            Err(error) => bench::look_at_line(&error),
        }
    }
}

/// What an interrupted export has left is whole lines, and nothing else is cut off.
fn resume(bytes: &[u8]) {
    for size in [1, 1_000] {
        let mut so_far = ExportSoFar::new();
        if let Err(error) = bytes.chunks(size).try_for_each(|piece| so_far.take(piece)) {
            bench::look_at_line(&error);
            continue;
        }
        let kept = usize::try_from(so_far.kept()).expect("not more than there is");
        assert!(bytes[..kept].is_empty() || bytes[kept - 1] == b'\n', "whole lines are kept");
        assert!(!bytes[kept..].contains(&b'\n'), "what is kept ends with the last whole line");
        if let Err(error) = bucket("b").export().resume(&so_far) {
            bench::look_at_line(&error);
        }
    }
}
