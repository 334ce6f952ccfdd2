//! Which provider, and which URL is opened.

use super::*;

#[test]
fn what_the_server_tells_of_its_providers() {
    let info: ServerInfo = serde_json::from_value(json!({"capabilities": {"openid": {"providers": [{
        "name": "fake", "issuer": "http://idp", "auth_path": "/openid/fake/login", "client_id": "cid", "audience": "",
        "header_type": "Bearer", "userinfo_endpoint": "http://idp/userinfo", "more": 1,
    }, {"name": "bare", "auth_path": "/x"}]}}}))
    .unwrap();
    let found = info.openid_providers().unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].name.as_str(), found[0].auth_path.as_str()), ("fake", "/openid/fake/login"));
    assert_eq!(found[0].issuer.as_deref(), Some("http://idp"));
    assert_eq!(found[0].userinfo_endpoint.as_deref(), Some("http://idp/userinfo"));
    assert_eq!((found[1].header_type.as_deref(), found[1].client_id.as_deref()), (None, None));

    let info: ServerInfo = serde_json::from_value(json!({"capabilities": {"history": {}}})).unwrap();
    let error = refused(info.openid_providers());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.to_string(), "the server has no plugin \"openid\"; it has history");
    for odd in [json!({}), json!({"providers": 1}), json!({"providers": [{"name": "a"}]}), json!({"providers": ["a"]})]
    {
        let info: ServerInfo = serde_json::from_value(json!({"capabilities": {"openid": odd}})).unwrap();
        assert_eq!(refused(info.openid_providers()).kind(), ErrorKind::Decode, "{odd}");
    }
}

#[test]
fn one_is_chosen() {
    let chosen = |names: &[&str], login| begun_at(&session("https://kinto.example/v1"), &providers(names), login);
    let path = |callback: Callback| callback.login_url().split('?').next().unwrap().to_owned();
    assert_eq!(path(chosen(&["a"], Login::new()).unwrap()), "https://kinto.example/v1/openid/a/login");
    let second = chosen(&["a", "b"], Login::new().provider("b")).unwrap();
    assert_eq!(path(second), "https://kinto.example/v1/openid/b/login");

    let error = refused(chosen(&["a", "b"], Login::new()));
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("several OpenID providers: a, b"), "{error}");
    let error = refused(chosen(&["a", "b"], Login::new().provider("c")));
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("no OpenID provider \"c\"; it has a, b"), "{error}");
    for login in [Login::new(), Login::new().provider("a")] {
        assert_eq!(refused(chosen(&[], login.clone())).kind(), ErrorKind::Unsupported);
        let without = begun_at(&session("https://kinto.example/v1"), &json!({}), login);
        assert_eq!(refused(without).kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn the_url_to_open() {
    assert_eq!(
        begun(Login::new()).login_url(),
        "http://localhost:8888/v1/openid/a/login?callback=http%3A%2F%2F127.0.0.1%3A49152%2Fauth%2F\
         0123456789abcdef0123456789abcdef%2F&scope=openid%20email"
    );
    let url = begun(Login::new().scope("openid profile&x").prompt_none()).login_url().to_owned();
    assert!(url.ends_with("%2F&scope=openid%20profile%26x&prompt=none"), "{url}");
    let short = Login::new().begin(1, 5);
    assert!(!format!("{short:?}").contains('5'), "{short:?}");
}

#[test]
fn the_login_stays_at_the_origin_of_the_api() {
    let at = |auth_path: &str| {
        let provider: OpenIdProvider = serde_json::from_value(json!({"name": "a", "auth_path": auth_path})).unwrap();
        provider.login_url(session("https://kinto.example").root(), &[])
    };
    assert_eq!(at("/openid/x%20y/login").unwrap(), "https://kinto.example/openid/x%20y/login");
    for elsewhere in [
        "//evil.example/login",
        "https://evil.example/login",
        "@evil.example/",
        ".evil.example/login",
        ":1/login",
        "/\\evil.example/login",
        "/../login",
        "/a/%2e%2E/login",
        "/login?callback=https://evil.example/",
        "/login#",
        "/lo gin",
        "/login\r\nX: 1",
        "",
        "/",
    ] {
        let error = refused(at(elsewhere));
        assert_eq!(error.kind(), ErrorKind::Decode, "{elsewhere}");
    }
}

#[test]
fn secrets_do_not_go_in_clear_over_a_network() {
    let clear = session("http://kinto.example/v1");
    let error = refused(begun_at(&clear, &providers(&["a"]), Login::new()));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0));
    assert!(error.to_string().contains("in clear, to http://kinto.example/v1"), "{error}");
    let allowed = Session::builder("http://kinto.example/v1").allow_insecure_http().build().unwrap();
    assert!(begun_at(&allowed, &providers(&["a"]), Login::new()).is_ok());
    // And what the user would sign in for in vain.
    for login in [Login::new().scope(" "), Login::new().token_type("Bearer abc"), Login::new().token_type("")] {
        let error = refused(begun_at(&session("http://localhost:1/v1"), &json!({}), login));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
    }
}

#[test]
fn it_is_a_value_like_any_other() {
    fn is_one<T: Send + Sync + std::fmt::Debug + 'static>() {}
    is_one::<BeginLogin>();
    is_one::<Callback>();
    is_one::<Token>();
}
