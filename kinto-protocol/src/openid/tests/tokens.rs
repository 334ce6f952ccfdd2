//! What the browser brings.

use super::*;

#[test]
fn the_token() {
    // Its base64 has all that is not letters and digits.
    let encoded = encoded(
        br#"{"access_token":"good-token+/=","token_type":"Bearer","expires_in":86400,"id_token":"x.y.z_>>>???~~~","scope":"openid","refresh_token":"r3fresh","other":[1]}"#,
    );
    assert!(encoded.contains('/') && encoded.contains("%2B") && encoded.ends_with("%3D%3D"), "{encoded}");
    let token = back_with(Login::new(), &encoded).unwrap();
    assert_eq!((token.access_token.as_str(), token.token_type.as_str()), ("good-token+/=", "Bearer"));
    assert_eq!(token.expires_in, Some(Duration::from_secs(86400)));
    assert!(token.id_token.as_deref().unwrap().starts_with("x.y.z"));
    assert_eq!((token.scope.as_deref(), token.refresh_token.as_deref()), (Some("openid"), Some("r3fresh")));
    assert_eq!(token.auth(), Auth::bearer("good-token+/="));
    let shown = format!("{token:?}");
    for secret in ["good-token", "x.y.z", "r3fresh"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    // However it was encoded on the way.
    for same in [encoded.replace('/', "%2f"), encoded.replace("%2B", "+"), encoded.replace("%3D", "=")] {
        assert_eq!(back_with(Login::new(), &same).unwrap(), token);
    }
    assert_eq!(back_with(Login::new(), &encoded.replace("%3D", "")).unwrap(), token);
}

#[test]
fn tokens_that_say_less() {
    let bare = answered(&json!({"access_token": "t"})).unwrap();
    assert_eq!((bare.auth(), bare.expires_in, bare.id_token), (Auth::bearer("t"), None, None));
    let of_type = answered(&json!({"access_token": "t", "token_type": "bearer"})).unwrap();
    assert_eq!(of_type.auth(), Auth::token("bearer", "t"));
    let answer = json!({"access_token": "t", "token_type": "Bearer"}).to_string();
    let ours = back_with(Login::new().token_type("Bearer+OIDC"), &encoded(answer.as_bytes())).unwrap();
    assert_eq!(ours.auth(), Auth::token("Bearer+OIDC", "t"));
    let lasting = |seconds: Value| answered(&json!({"access_token": "t", "expires_in": seconds})).unwrap().expires_in;
    assert_eq!(lasting(json!("3600")), Some(Duration::from_secs(3600)));
    assert_eq!(lasting(json!(0.5)), Some(Duration::from_millis(500)));
    for odd in [json!(-1), json!(1e300), json!("soon"), json!("NaN"), json!("inf"), json!([]), json!(null)] {
        assert_eq!(lasting(odd.clone()), None, "{odd}");
    }
}

#[test]
fn what_the_provider_says_when_it_refuses() {
    let line = |result: Result<Token>| {
        let error = refused(result);
        assert_eq!(error.kind(), ErrorKind::Login);
        assert!(!error.is_retryable());
        error.to_string().strip_prefix("the identity provider did not sign the user in: ").unwrap().to_owned()
    };
    let json = |answer: Value| line(answered(&answer));
    assert_eq!(
        json(json!({"error": "invalid_grant", "error_description": "The code\nis too old"})),
        "The code\\nis too old (invalid_grant)"
    );
    assert_eq!(json(json!({"error": "invalid_client"})), "invalid_client");
    assert_eq!(json(json!({"error": {"code": "x1", "message": "No such client"}})), "No such client (x1)");
    assert_eq!(json(json!({"error": null})), "it gave no reason");
    assert_eq!(json(json!({"error": 5, "error_description": ""})), "it gave no reason");
    // With which the provider sends the browser back, and the server passes on as it is.
    let form = |text: &str| line(back_with(Login::new(), text));
    assert_eq!(
        form("error=access_denied&error_description=Nope%2C+th%C3%A9+user+says+no"),
        "Nope, thé user says no (access_denied)"
    );
    assert_eq!(form("error=server_error"), "server_error");
    assert_eq!(form("error="), "it gave no reason");
    assert_eq!(form("error=%FF&error_description"), "\u{fffd}");
    let hinted = form("error=login_required");
    assert_eq!(hinted, "login_required (the user has to be asked: log in without prompt_none())");
    assert!(form(&format!("error={}", "x".repeat(5000))).len() < 1000);
}

#[test]
fn what_is_no_token_is_an_error_that_does_not_show_it() {
    let s3cr3t = |bytes: &[u8]| encoded(bytes);
    for (text, why) in [
        (String::new(), "is not JSON"),
        (s3cr3t(b"<html><body>s3cr3t is broken</body></html>"), "is not JSON"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t"), "is not JSON"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t\xff\"}"), "is not JSON"),
        (s3cr3t(b"\xff\xfe"), "is not JSON"),
        (s3cr3t(b"[\"s3cr3t\"]"), "is not an object"),
        (s3cr3t(b"\"s3cr3t\""), "is not an object"),
        (s3cr3t(b"{}"), "holds no access_token"),
        (s3cr3t(b"{\"access_token\": null, \"id_token\": \"s3cr3t\"}"), "holds no access_token"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t s3cr3t\"}"), "the token holds spaces"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t\\r\\nX: 1\"}"), "the token holds spaces"),
        (s3cr3t(b"{\"access_token\": \"\"}"), "the token is empty"),
        (s3cr3t(b"{\"access_token\": \"s3cr3t\", \"token_type\": \"a b\"}"), "the type of the token"),
        ("s3cr3t!".into(), "is not in base64"),
        ("%FF%00s3cr3t".into(), "is not in base64"),
        ("%".into(), "is not in base64"),
        ("eyJh-_".into(), "is not in base64"),
        ("favicon.ico".into(), "is not in base64"),
    ] {
        let error = refused(back_with(Login::new(), &text));
        assert_eq!(error.kind(), ErrorKind::Decode, "{text}");
        let line = error.to_string();
        assert!(line.starts_with("the answer of the identity provider ") && line.contains(why), "{line}");
        assert!(!format!("{line} {error:?} {:?}", error.cause()).contains("s3cr3t"), "{line}");
    }
}
