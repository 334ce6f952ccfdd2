//! The logic of the examples, without a server: as their authors would test it, with what this library has for that.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

/// The examples, whose `main` is not run here.
macro_rules! examples {
    ($($name:ident = $path:literal)*) => {
        $(#[allow(dead_code, reason = "its main is not run here")]
        #[path = $path]
        mod $name;)*
    };
}

examples! {
    backport = "../../examples/backport.rs"
    dump_edit_load = "../../examples/dump_edit_load.rs"
    follow = "../../examples/follow.rs"
    ingest = "../../examples/ingest.rs"
    pour = "../../examples/pour.rs"
    prepare = "../../examples/prepare.rs"
    publish_files = "../../examples/publish_files.rs"
    quickstart = "../../examples/quickstart.rs"
    quickstart_async = "../../examples/quickstart_async.rs"
    read_all = "../../examples/read_all.rs"
}

mod by_model;
mod by_recording;
mod by_script;
