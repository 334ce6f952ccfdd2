//! Kinto's settings file.

use std::fmt::Write as _;

use crate::Backend;

/// The settings of `[app:main]` whatever the backend.
const COMMON: &[(&str, &str)] = &[
    ("use", "egg:kinto"),
    ("kinto.userid_hmac_secret", "0d6f1c5be2a94738b1f08c7e53da9624"),
    ("kinto.default_bucket_hmac_secret", "5e1b7f60c3d8429a9f24e6b80a7d13c5"),
    (
        "kinto.includes",
        "kinto.plugins.flush\n\
         kinto.plugins.accounts\n\
         kinto.plugins.default_bucket\n\
         kinto.plugins.history\n\
         kinto.plugins.admin\n\
         kinto_attachment",
    ),
    ("kinto.paginate_by", "100"),
    ("kinto.flush_endpoint_enabled", "true"),
    ("multiauth.policies", "account"),
    ("multiauth.policy.account.use", "kinto.plugins.accounts.AccountsPolicy"),
    ("kinto.account_create_principals", "system.Everyone"),
    ("kinto.account_write_principals", "account:admin"),
    ("kinto.bucket_create_principals", "system.Authenticated"),
    ("kinto.experimental_permissions_endpoint", "true"),
    ("kinto.experimental_collection_schema_validation", "true"),
    ("kinto.attachment.base_path", "%(here)s/attachments"),
];

/// Those that a server with signatures adds or replaces. The server signs by itself, with a key that its supervisor makes.
const SIGNER: &[(&str, &str)] = &[
    (
        "kinto.includes",
        "kinto.plugins.flush\n\
         kinto.plugins.accounts\n\
         kinto.plugins.default_bucket\n\
         kinto.plugins.history\n\
         kinto.plugins.admin\n\
         kinto_changes\n\
         kinto_signer",
    ),
    ("kinto.signer.resources", "/buckets/main-workspace -> /buckets/main-preview -> /buckets/main"),
    ("kinto.signer.to_review_enabled", "true"),
    ("kinto.signer.group_check_enabled", "true"),
    ("kinto.signer.signer_backend", "kinto_signer.signer.local_ecdsa"),
    ("kinto.signer.ecdsa.private_key", "%(here)s/ec.pem"),
    ("kinto.changes.resources", "/buckets/main\n/buckets/main-preview"),
    ("kinto.http_scheme", "http"),
];

/// The id and the secret by which a server is known to identity providers.
pub const OPENID_CLIENT: (&str, &str) = ("kinto-tests", "kinto-tests-secret");

/// What the policy of each identity provider is set to.
const OPENID: &[(&str, &str)] = &[
    ("use", "kinto.plugins.openid.OpenIDConnectPolicy"),
    ("client_id", OPENID_CLIENT.0),
    ("client_secret", OPENID_CLIENT.1),
    ("userid_field", "email"),
];

/// Warnings and errors go to stderr, which is the log file.
const LOGGING: &str = "\
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARN
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(asctime)s %(levelname)-5.5s %(message)s
";

/// The file for a server that listens on `port`, with its database on `database_port`, where the users of these identity
/// providers (names and URLs) can sign in, `own` settings taking precedence; those of `listener` are of what listens.
pub(crate) fn render(
    backend: Backend,
    port: u16,
    database_port: u16,
    openid: &[(String, String)],
    own: &[(String, String)],
    listener: &[(String, String)],
) -> String {
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| {
        // A name may stand in a section only once.
        match settings.iter_mut().find(|(present, _)| present == name) {
            Some((_, present)) => value.clone_into(present),
            None => settings.push((name.to_owned(), value.to_owned())),
        }
    };

    for (name, value) in COMMON {
        set(name, value);
    }
    set("kinto.attachment.base_url", &format!("http://127.0.0.1:{port}/attachments/"));
    let module = if backend.is_postgresql() { "postgresql" } else { "memory" };
    for part in ["storage", "cache", "permission"] {
        set(&format!("kinto.{part}_backend"), &format!("kinto.core.{part}.{module}"));
        if backend.is_postgresql() {
            // The driver must be named: SQLAlchemy 2.1 picks another one by itself.
            let url = format!("postgresql+psycopg2://postgres@127.0.0.1:{database_port}/kinto");
            set(&format!("kinto.{part}_url"), &url);
        }
    }
    if backend.is_signer() {
        for (name, value) in SIGNER {
            set(name, value);
        }
        set("kinto.http_host", &format!("127.0.0.1:{port}"));
    }
    if !openid.is_empty() {
        // A value is set as a whole.
        let kind = if backend.is_signer() { SIGNER } else { COMMON };
        let includes = kind.iter().find(|(name, _)| *name == "kinto.includes").map_or("", |(_, value)| value);
        set("kinto.includes", &format!("{includes}\nkinto.plugins.openid"));
        let names: Vec<&str> = openid.iter().map(|(name, _)| name.as_str()).collect();
        set("multiauth.policies", &format!("account {}", names.join(" ")));
    }
    for (provider, issuer) in openid {
        set(&format!("multiauth.policy.{provider}.issuer"), issuer);
        for (name, value) in OPENID {
            set(&format!("multiauth.policy.{provider}.{name}"), value);
        }
    }
    for (name, value) in own {
        set(name, value);
    }
    // Last, as it must not be replaced: by this file the server is told from any other that might
    // hold its port.
    set("kinto.version_json_path", "%(here)s/version.json");

    let mut ini = String::from("[app:main]\n");
    for (name, value) in settings {
        // An indented line continues the value.
        let _ = writeln!(ini, "{name} = {}", value.replace('\n', "\n    "));
    }
    let _ = writeln!(ini, "[server:main]\nuse = egg:waitress#main\nhost = 127.0.0.1\nport = {port}");
    for (name, value) in listener {
        let _ = writeln!(ini, "{name} = {value}");
    }
    ini.push_str(LOGGING);
    ini
}
