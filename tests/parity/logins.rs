//! How signing in begins: the browser and the listener are each front-end's own.

use kinto_protocol::Login;

use crate::answers::{has, json};
use crate::driver::Driver;
use crate::scenario::{Scenario, Told, scenario};

const ONE: &str = r#"{"capabilities":{"openid":{"providers":[{"name":"a","auth_path":"/openid/a/login"}]}}}"#;
const TWO: &str = r#"{"capabilities":{"openid":{"providers":[{"name":"a","auth_path":"/openid/a/login"},{"name":"b","auth_path":"/openid/b/login"}]}}}"#;
const ELSEWHERE: &str = r#"{"capabilities":{"openid":{"providers":[{"name":"a","auth_path":"//evil.example/"}]}}}"#;

/// What the browser is to open, but for the port that the server of the scenario has.
fn begin<D: Driver>(client: &D, told: &mut Told, login: Login) {
    let begun = client.send(login.begin(49152, 7));
    told.of(begun.map(|callback| callback.login_url().split_once("/v1/").map(|(_, rest)| rest.to_owned())));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(
            "a login begins",
            [BeginLogin, begin],
            [json(503, "{}"), json(200, ONE), json(200, TWO), json(200, TWO)],
            |client, told| {
                begin(client, told, Login::new());
                begin(client, told, Login::new().provider("b").scope("openid").prompt_none());
                begin(client, told, Login::new());
            }
        )
        .shows("openid/a/login?callback=http%3A%2F%2F127.0.0.1%3A49152%2Fauth%2F00000000000000000000000000000007%2F&scope=openid%20email")
        .shows("openid/b/login?callback=")
        .shows("&scope=openid&prompt=none")
        .shows("several OpenID providers: a, b"),
        scenario!(
            "a login where there is none, or none to be understood",
            [BeginLogin, begin],
            [has(&["history"]), json(200, ELSEWHERE), json(401, "{}"), json(200, "{}")],
            |client, told| {
                begin(client, told, Login::new());
                begin(client, told, Login::new());
                begin(client, told, Login::new());
                begin(client, told, Login::new());
                begin(client, told, Login::new().scope(""));
            }
        )
        .shows("; it has history")
        .shows("is not at a path below the API root")
        .shows("401")
        .shows("the scope of the login is empty"),
    ]
}
