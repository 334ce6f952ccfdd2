//! What the crates offer, item by item, is what stands in the `public-api.txt` of each: whoever changes it sees so.
//!
//! With `RENEW=1` in the environment the files are written anew.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The methods of traits that are said to be implemented anyway.
const IMPLIED: [&str; 8] = ["clone", "cmp", "deserialize", "eq", "fmt", "hash", "partial_cmp", "serialize"];

fn describe(workspace: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["doc", "--quiet", "--locked", "--workspace", "--no-deps", "--all-features"]).current_dir(workspace);
    cargo.env("RUSTDOC", workspace.join("tests/public_api/rustdoc-json"));
    cargo.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    // What cargo says of this test is not for what it builds: some of that would be built anew.
    for (name, _) in env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("CARGO_PKG_") || shown.starts_with("CARGO_MANIFEST") {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether somebody may rely on it, and it is not said by another line.
fn says_something(item: &str) -> bool {
    let implied = |name: &&str| item.contains(&format!("::{name}(")) || item.contains(&format!("::{name}<"));
    if item.starts_with("pub fn ") && IMPLIED.iter().any(implied) {
        return false;
    }
    let Some((of, to)) = item.strip_prefix("impl").and_then(|rest| rest.split_once(" for ")) else { return true };
    match of.rsplit_once("core::marker::") {
        // Where nothing is said, a type is all of these.
        Some((not, "Send" | "Sync" | "Unpin")) => not.ends_with('!') || to.contains(" where "),
        Some((_, "Copy")) => true,
        // Others are the compiler's own, and more with time.
        Some((_, name)) if !name.contains(' ') => false,
        _ => !of.contains("core::panic::unwind_safe::"),
    }
}

#[test]
fn what_the_crates_offer_is_what_their_lists_say() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    describe(workspace);
    for name in ["kinto-protocol", "kinto-blocking", "kinto-async"] {
        let described = target.join("doc").join(name.replace('-', "_")).with_extension("json");
        let offered = match public_api::Builder::from_rustdoc_json(described).omit_blanket_impls(true).build() {
            Err(public_api::Error::SerdeJsonError(error)) if env::var_os("CI").is_none() => {
                eprintln!(
                    "what {name} offers was not compared: this rustdoc writes what `public-api` cannot read: {error}"
                );
                return;
            }
            offered => offered.unwrap(),
        };
        let offered: Vec<_> = offered.items().map(ToString::to_string).filter(|item| says_something(item)).collect();
        assert!(offered.len() > 50, "{name}: {}", offered.len());
        let list = workspace.join(name).join("public-api.txt");
        if env::var_os("RENEW").is_some() {
            fs::write(&list, offered.join("\n") + "\n").unwrap();
        }
        let listed = fs::read_to_string(&list).unwrap();
        let (listed, offered): (BTreeSet<_>, BTreeSet<_>) =
            (listed.lines().collect(), offered.iter().map(|item| &**item).collect());
        let gone: Vec<_> = listed.difference(&offered).collect();
        let new: Vec<_> = offered.difference(&listed).collect();
        assert!(gone.is_empty() && new.is_empty(), "{name}: gone: {gone:#?}, new: {new:#?}; see CONTRIBUTING.md");
    }
}
