//! Who plays each scenario, on which server.

/// Makes a test of each scenario, for both front-ends on both backends; for one of them on Kinto 16, unless it is about
/// something that only `newer` versions do. By default each front-end and each backend plays each scenario; the other two
/// pairs of them do with `--include-ignored`.
macro_rules! scenarios {
    ($($topic:ident { $($name:ident,)* })*) => {
        scenarios! { kinto16_blocking: kinto_blocking on Signer; $($topic { $($name,)* })* }
        scenarios! { memory_blocking: kinto_blocking on Memory; $($topic { $($name,)* })* }
        scenarios! { #[ignore = "one of the other pairs"] memory_async: kinto_async on Memory; $($topic { $($name,)* })* }
        scenarios! {
            #[ignore = "one of the other pairs"]
            postgresql_blocking: kinto_blocking on Postgresql; $($topic { $($name,)* })*
        }
        scenarios! { postgresql_async: kinto_async on Postgresql; $($topic { $($name,)* })* }
    };
    (newer: $($topic:ident { $($name:ident,)* })*) => {
        scenarios! { newer_memory_blocking: kinto_blocking on Memory; $($topic { $($name,)* })* }
        scenarios! { #[ignore = "one of the other pairs"] newer_memory_async: kinto_async on Memory; $($topic { $($name,)* })* }
        scenarios! {
            #[ignore = "one of the other pairs"]
            newer_postgresql_blocking: kinto_blocking on Postgresql; $($topic { $($name,)* })*
        }
        scenarios! { newer_postgresql_async: kinto_async on Postgresql; $($topic { $($name,)* })* }
    };
    (alone: $($topic:ident { $($name:ident,)* })*) => {
        scenarios! { alone_blocking: kinto_blocking on Memory; $($topic { $($name,)* })* }
        scenarios! { alone_async: kinto_async on Memory; $($topic { $($name,)* })* }
    };
    (signer: $($topic:ident { $($name:ident,)* })*) => {
        scenarios! { signer_blocking: kinto_blocking on Signer; $($topic { $($name,)* })* }
        scenarios! { signer_async: kinto_async on Signer; $($topic { $($name,)* })* }
    };
    (signer_postgresql: $($topic:ident { $($name:ident,)* })*) => {
        scenarios! { signer_postgresql_blocking: kinto_blocking on SignerPostgresql; $($topic { $($name,)* })* }
        scenarios! { signer_postgresql_async: kinto_async on SignerPostgresql; $($topic { $($name,)* })* }
    };
    (model: $($topic:ident { $($name:ident,)* })*) => {
        scenarios! { blocking: kinto_blocking on the model; $($topic { $($name,)* })* }
        scenarios! { async_: kinto_async on the model; $($topic { $($name,)* })* }
    };
    ($module:ident: $front_end:ident on the model; $($topic:ident { $($name:ident,)* })*) => {
        mod $module {
            $(mod $topic {
                $(#[test]
                fn $name() {
                    crate::model::run::<$front_end::Client>(crate::$topic::$name);
                })*
            })*
        }
    };
    ($(#[$ignore:meta])? $module:ident: $front_end:ident on $backend:ident; $($topic:ident { $($name:ident,)* })*) => {
        scenarios! { @each $module; [$(#[$ignore])?]; $front_end; $backend; $($topic { $($name,)* })* }
    };
    (@each $module:ident; $ignore:tt; $front_end:ident; $backend:ident; $($topic:ident { $($name:ident,)* })*) => {
        mod $module {
            $(mod $topic {
                $(scenarios! { @one $ignore $name, $topic, $front_end, $backend })*
            })*
        }
    };
    (@one [$(#[$ignore:meta])?] $name:ident, $topic:ident, $front_end:ident, $backend:ident) => {
        #[test]
        $(#[$ignore])?
        fn $name() {
            crate::context::run::<$front_end::Client>(kinto_tests::Backend::$backend, crate::$topic::$name);
        }
    };
}
