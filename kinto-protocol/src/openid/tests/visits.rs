//! Whoever comes to the port, and in which pieces.

use super::*;

#[test]
fn what_others_ask_for_does_not_end_the_login() {
    let callback = begun(Login::new());
    let token = encoded(b"{\"access_token\": \"t\"}");
    let host = format!("Host: 127.0.0.1:{PORT}\r\n");
    let wrong = PATH.replace("f/", "e/");
    for (request, expected) in [
        (get("/favicon.ico"), "404"),
        (get("/"), "404"),
        (get(&PATH[..PATH.len() - 1]), "404"),
        (get(&format!("{wrong}{token}")), "404"),
        (get(&format!("/auth/{token}")), "404"),
        (get(&format!("/x/..{PATH}{token}")), "404"),
        (get(&format!("http://127.0.0.1:{PORT}{PATH}{token}")), "404"),
        (format!("POST {PATH}{token} HTTP/1.1\r\n{host}\r\n"), "405"),
        (format!("HEAD {PATH}{token} HTTP/1.1\r\n{host}\r\n"), "405"),
        // Names that somebody has made lead here.
        (format!("GET {PATH}{token} HTTP/1.1\r\nHost: evil.example:{PORT}\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.0\r\n\r\n"), "421"),
        (format!("GET {PATH}{token} HTTP/1.1\r\n{host}Host: evil.example\r\n\r\n"), "421"),
        ("GET\r\n\r\n".into(), "400"),
        ("\u{16}\u{3}\u{1}\r\n".into(), "400"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)), "431"),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(65)), "431"),
    ] {
        let answer = heard(&callback, &request);
        assert_eq!(status(&answer), expected, "{request}");
    }
    assert!(matches!(heard(&callback, &get(&format!("{PATH}{token}"))), Heard::Done(_, Ok(_))), "it is waited for");
    // A large one is none too many.
    let large = json!({"access_token": "t".repeat(40_000)}).to_string();
    let Heard::Done(_, Ok(large)) = heard(&callback, &get(&format!("{PATH}{}", encoded(large.as_bytes())))) else {
        panic!("a token of 40,000 bytes")
    };
    assert_eq!(large.access_token.len(), 40_000);
}

#[test]
fn the_page_tells_nobody_anything() {
    let callback = begun(Login::new());
    let Heard::Done(answer, _) = heard(&callback, &get(&format!("{PATH}{}", encoded(b"{\"access_token\":\"t\"}"))))
    else {
        panic!("not done")
    };
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for header in [
        "Content-Type: text/html; charset=utf-8",
        &format!("Content-Length: {}", body.len()),
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "Connection: close",
    ] {
        assert!(head.contains(&format!("\r\n{header}\r\n")) || head.ends_with(header), "{header} is not in {head}");
    }
    assert!(body.contains("You can close this window") && !body.contains("<script"), "{body}");
    let Heard::Answer(answer) = heard(&callback, &get("/").replace("GET", "PUT")) else { panic!() };
    assert!(String::from_utf8(answer).unwrap().contains("\r\nAllow: GET\r\n"));
}

#[test]
fn in_as_many_pieces_as_it_comes() {
    let callback = begun(Login::new());
    let request = get(&format!("{PATH}{}", encoded(b"{\"access_token\":\"t\"}")));
    let mut visit = callback.visit();
    let (last, others) = request.as_bytes().split_last().unwrap();
    for byte in others {
        assert!(matches!(visit.take(&[*byte]), Heard::More));
    }
    assert!(matches!(visit.take(&[*last]), Heard::Done(_, Ok(_))));
    // One that never ends does, and another is not kept from being heard.
    let mut endless = callback.visit();
    let mut taken = 0;
    while taken < 100 && matches!(endless.take(&[b'x'; 1000]), Heard::More) {
        taken += 1;
    }
    assert_eq!(taken, 65);
    assert!(matches!(endless.take(b"\n"), Heard::Answer(_)), "and stays ended");
    assert!(matches!(callback.visit().take(b""), Heard::More));
}

#[test]
fn nothing_that_comes_is_a_panic() {
    let callback = begun(Login::new());
    let mut dice = 7_u64;
    let mut roll = move |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).unwrap() % below
    };
    let token = encoded(b"{\"access_token\":\"t\",\"expires_in\":\"9\",\"error\":{\"code\":1}}");
    let seeds =
        [get(&format!("{PATH}{token}")), get(&format!("{PATH}error=a&error_description=%E2%82%AC+b")), get("/")];
    for _ in 0..20_000 {
        let mut bytes = seeds[roll(seeds.len())].clone().into_bytes();
        for _ in 0..roll(6) {
            let at = roll(bytes.len());
            match roll(4) {
                0 => bytes[at] = u8::try_from(roll(256)).unwrap(),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, b"%/=+&\r\n\0"[roll(8)]),
                _ => bytes.extend_from_within(at..),
            }
        }
        let mut visit = callback.visit();
        for piece in bytes.chunks(1 + roll(200)) {
            let _ = format!("{:?}", visit.take(piece));
        }
        // Behind the path, where random bytes seldom get.
        let _ = Token::read(&String::from_utf8_lossy(&bytes), None);
        let noise: Vec<u8> = (0..roll(60)).map(|_| u8::try_from(roll(256)).unwrap()).collect();
        let _ = Token::read(&encoded(&noise), Some("Bearer"));
        let _ = callback.visit().take(&noise);
    }
}

#[test]
fn errors_of_the_machine_and_of_the_clock() {
    let callback = begun(Login::new().timeout(Duration::from_secs(90)));
    assert_eq!(callback.timeout(), Duration::from_secs(90));
    let error = callback.too_late();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Deadline, true));
    assert!(error.to_string().starts_with("nobody has signed in within 90 s"), "{error}");
    let error = callback.not_opened("no display");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Other, "the browser was not opened: no display")
    );
    assert!(error.cause().is_some());
    let error = Login::__unheard("address in use".into());
    assert!(error.to_string().ends_with(": address in use"), "{error}");
    assert!(!format!("{callback:?} {:?}", callback.visit()).contains("0123456789abcdef"));
}
