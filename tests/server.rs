//! The servers that all other tests rely on: they answer, keep apart, and leave nothing behind.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use kinto_tests::{Backend, KintoServer, StartError};

type Outcome = Result<(), Box<dyn Error>>;

/// Set for a test that was started by itself, in a process of its own; the value says what that
/// process is to do.
const ROLE: &str = "KINTO_TESTS_ROLE";

/// Before what such a process prints for the other one to read: the test runner prints lines as
/// well.
const MARK: &str = "child says: ";

/// The whole answer to a GET of an address below the server's root.
fn get(url: &str, path: &str) -> io::Result<String> {
    let (host, root) = url.trim_start_matches("http://").split_once('/').ok_or(io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{root}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The whole answer to a PUT of `{}` below the server's root, or what of it there was before the connection ended.
fn put(url: &str, path: &str) -> io::Result<String> {
    let (host, root) = url.trim_start_matches("http://").split_once('/').ok_or(io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect(host)?;
    let head = format!("PUT /{root}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{{}}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A server on which nobody has to say who they are.
fn start_for_everyone(backend: Backend) -> Result<KintoServer, StartError> {
    KintoServer::builder(backend)
        .setting("kinto.bucket_create_principals", "system.Everyone")
        .setting("kinto.bucket_write_principals", "system.Everyone")
        .start()
}

/// The server's folder.
fn folder(server: &KintoServer) -> Result<PathBuf, Box<dyn Error>> {
    let log = server.log().ok_or("the server is not ours")?;
    Ok(log.parent().ok_or("the log is in no folder")?.to_owned())
}

/// This very test, to be run by another process with that role.
fn again(test: &str, role: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    Ok(command)
}

/// Whether this is the other process.
fn is_again() -> bool {
    env::var_os(ROLE).is_some()
}

/// What the other process says, from one line of what it prints.
fn said(line: &str) -> Option<&str> {
    line.split_once(MARK).map(|(_, text)| text)
}

#[test]
fn a_server_answers() -> Outcome {
    let server = KintoServer::shared(Backend::Memory).ok_or("there is always one")?;
    let answer = get(server.url(), "/")?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(r#""project_name":"kinto""#), "{answer}");
    for capability in ["accounts", "attachments", "default_bucket", "flush_endpoint", "history", "permissions_endpoint"]
    {
        assert!(answer.contains(&format!(r#""{capability}":{{"#)), "no {capability} in {answer}");
    }
    assert!(std::ptr::eq(server, KintoServer::shared(Backend::Memory).ok_or("there is always one")?));
    Ok(())
}

#[test]
fn a_server_with_postgresql_answers() -> Outcome {
    let Some(server) = KintoServer::shared(Backend::Postgresql) else {
        return Ok(());
    };
    let answer = get(server.url(), "/__heartbeat__")?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for part in ["storage", "cache", "permission"] {
        assert!(answer.contains(&format!(r#""{part}":true"#)), "{answer}");
    }
    Ok(())
}

#[test]
fn a_server_with_signatures_answers() -> Outcome {
    let server = KintoServer::shared(Backend::Signer).ok_or("there is always one")?;
    let answer = get(server.url(), "/")?;
    assert!(answer.contains(r#""project_version":"16.3.0""#), "{answer}");
    for capability in ["signer", "changes", "history"] {
        assert!(answer.contains(&format!(r#""{capability}":{{"#)), "no {capability} in {answer}");
    }
    // Each with a key of its own.
    let other = KintoServer::start(Backend::Signer)?;
    let key = |server: &KintoServer| Ok::<_, Box<dyn Error>>(fs::read_to_string(folder(server)?.join("ec.pem"))?);
    let (one, two) = (key(server)?, key(&other)?);
    assert!(one.contains("PRIVATE KEY") && one != two);
    Ok(())
}

#[test]
fn a_server_with_signatures_and_postgresql_answers() -> Outcome {
    let Some(server) = KintoServer::shared(Backend::SignerPostgresql) else {
        return Ok(());
    };
    assert!(get(server.url(), "/")?.contains(r#""signer":{"#));
    let answer = get(server.url(), "/__heartbeat__")?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

#[test]
fn settings_reach_the_server() -> Outcome {
    let server = KintoServer::builder(Backend::Memory)
        .setting("kinto.project_name", "first")
        .setting("kinto.project_name", "second")
        .setting("kinto.batch_max_requests", "7")
        .setting("kinto.includes", "kinto.plugins.accounts\nkinto.plugins.history")
        .start()?;
    let answer = get(server.url(), "/")?;
    assert!(answer.contains(r#""project_name":"second""#), "{answer}");
    assert!(answer.contains(r#""batch_max_requests":7"#), "{answer}");
    assert!(answer.contains(r#""history":{"#), "{answer}");
    assert!(!answer.contains("flush_endpoint"), "{answer}");
    Ok(())
}

#[test]
fn a_wrong_setting_is_reported_with_the_log() -> Outcome {
    let result = KintoServer::builder(Backend::Memory).setting("kinto.includes", "no_such_plugin").start();
    let Err(error @ StartError::Server { .. }) = result else {
        return Err(format!("{result:?}").into());
    };
    assert!(error.to_string().contains("no_such_plugin"), "{error}");
    Ok(())
}

#[test]
fn a_server_past_its_end_of_service_starts() -> Outcome {
    let server = KintoServer::builder(Backend::Memory).setting("kinto.eos", "2020-01-01").start()?;
    let answer = get(server.url(), "/")?;
    assert!(answer.starts_with("HTTP/1.1 410"), "{answer}");
    Ok(())
}

#[test]
fn two_at_once_keep_apart_and_leave_nothing() -> Outcome {
    let start = |name: &'static str| {
        thread::spawn(move || KintoServer::builder(Backend::Memory).setting("kinto.project_name", name).start())
    };
    let (one, two) = (start("one"), start("two"));
    let (one, two) = (one.join().expect("no panic")?, two.join().expect("no panic")?);
    assert_ne!(one.url(), two.url());
    assert_ne!(folder(&one)?, folder(&two)?);
    assert!(get(one.url(), "/")?.contains(r#""project_name":"one""#));

    let (url, path) = (one.url().to_owned(), folder(&one)?);
    assert!(path.is_dir());
    one.stop();
    assert!(get(&url, "/").is_err(), "{url} still answers");
    assert!(!path.exists(), "{} is still there", path.display());

    assert!(get(two.url(), "/")?.contains(r#""project_name":"two""#));
    let path = folder(&two)?;
    drop(two);
    assert!(!path.exists(), "{} is still there", path.display());
    Ok(())
}

#[test]
fn what_was_answered_outlives_a_killed_server() -> Outcome {
    if Backend::Postgresql.available().is_err() {
        // The test of a server with PostgreSQL says it.
        return Ok(());
    }
    let server = start_for_everyone(Backend::Postgresql)?;
    let url = server.url();
    for path in ["/buckets/a", "/buckets/a/collections/c", "/buckets/b", "/buckets/b/collections/c"] {
        assert!(put(url, path)?.starts_with("HTTP/1.1 201"));
    }
    // Writes one record after the other until the server is gone. Each into a bucket of its own: of two writes
    // into the same one within a millisecond, the history keeps one and refuses the other with 409.
    let write = |bucket: &str, busy: Sender<()>| {
        let (mut written, mut busy) = (Vec::new(), Some(busy));
        for number in 0..1_000 {
            let path = format!("/buckets/{bucket}/collections/c/records/r{number}");
            match put(url, &path) {
                Ok(answer) if answer.starts_with("HTTP/1.1 201") => written.push(path),
                // Killed in the middle of this one, or before.
                answer => {
                    assert!(answer.as_ref().is_ok_and(String::is_empty) || answer.is_err(), "{answer:?}");
                    break;
                }
            }
            if number == 5 {
                drop(busy.take());
            }
        }
        written
    };
    let (busy, all_busy) = mpsc::channel();
    let written = thread::scope(|scope| {
        let writers = [("a", busy.clone()), ("b", busy)];
        let writers = writers.map(|(bucket, busy)| scope.spawn(move || write(bucket, busy)));
        // Ends when each has dropped its end of the channel.
        assert_eq!(all_busy.into_iter().count(), 0);
        server.kill()?;
        Ok::<_, StartError>(writers.map(|writer| writer.join().expect("no panic")).concat())
    })?;
    assert_eq!(get(url, "/").expect_err("it is dead").kind(), io::ErrorKind::ConnectionRefused);
    server.restart()?;
    assert!(written.len() >= 12);
    for path in written {
        assert!(get(url, &path)?.starts_with("HTTP/1.1 200"), "{path} is lost");
    }
    // One that is dead when it is dropped leaves no more behind than others. To kill it again is no harm.
    let folder = folder(&server)?;
    server.kill()?;
    server.kill()?;
    drop(server);
    assert!(!folder.exists(), "{} is still there", folder.display());
    Ok(())
}

#[test]
fn a_killed_process_takes_its_server_along() -> Outcome {
    killed("a_killed_process_takes_its_server_along", Backend::Memory)
}

#[test]
fn a_killed_process_takes_its_postgresql_along() -> Outcome {
    match Backend::Postgresql.available() {
        Ok(()) => killed("a_killed_process_takes_its_postgresql_along", Backend::Postgresql),
        // The test of a server with PostgreSQL says it.
        Err(_) => Ok(()),
    }
}

/// Starts a server in another process and kills that.
fn killed(test: &str, backend: Backend) -> Outcome {
    if is_again() {
        let server = start_for_everyone(backend)?;
        if backend == Backend::Memory {
            // The second process of a server is no less taken along than the first one, of whose memory it has nothing.
            assert!(put(server.url(), "/buckets/b")?.starts_with("HTTP/1.1 201"));
            server.restart()?;
            assert!(put(server.url(), "/buckets/b")?.starts_with("HTTP/1.1 201"));
        }
        println!("{MARK}{} {}", server.url(), folder(&server)?.display());
        // Until killed; not for ever, should the other process be gone.
        thread::sleep(Duration::from_secs(120));
        return Ok(());
    }
    let mut child = again(test, "hold a server")?.stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
    let line = lines.map_while(Result::ok).find(|line| line.contains(MARK)).ok_or("the child started no server")?;
    let (url, path) = said(&line).and_then(|text| text.split_once(' ')).ok_or("the child said something else")?;
    let path = Path::new(path);
    assert!(get(url, "/")?.starts_with("HTTP/1.1 200"));
    assert!(path.is_dir());

    // SIGKILL: nothing in that process gets to run any more.
    child.kill()?;
    child.wait()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while path.exists() {
        assert!(Instant::now() < deadline, "{} is still there", path.display());
        thread::sleep(Duration::from_millis(20));
    }
    assert!(get(url, "/").is_err(), "{url} still answers");
    Ok(())
}

#[test]
fn missing_python_is_explained() -> Outcome {
    if is_again() {
        let error = KintoServer::start(Backend::Memory).expect_err("there is no Python");
        println!("{MARK}{error}");
        return Ok(());
    }
    let output = again("missing_python_is_explained", "fail")?.env("KINTO_PYTHON", "/nonexistent/python").output()?;
    let output = String::from_utf8(output.stdout)?;
    let message = output.lines().find_map(said).ok_or_else(|| output.clone())?;
    for part in ["Python 3.10 or newer", "KINTO_PYTHON names /nonexistent/python, which does not exist", "apt install"]
    {
        assert!(message.contains(part), "{message}");
    }
    Ok(())
}

#[test]
fn a_server_that_runs_already_can_be_used() -> Outcome {
    if is_again() {
        let server = KintoServer::shared(Backend::Memory).ok_or("there is always one")?;
        println!("{MARK}{} {:?} {}", server.url(), server.log(), server.kill().is_err());
        return Ok(());
    }
    let output = again("a_server_that_runs_already_can_be_used", "wrap")?
        .env("KINTO_SERVER_URL", "http://192.0.2.1:8888/v1/")
        .output()?;
    let output = String::from_utf8(output.stdout)?;
    assert_eq!(output.lines().find_map(said), Some("http://192.0.2.1:8888/v1 None true"), "{output}");
    Ok(())
}

#[test]
fn missing_postgresql_is_said_once() -> Outcome {
    if is_again() {
        assert!(KintoServer::shared(Backend::Postgresql).is_none());
        assert!(KintoServer::shared(Backend::Postgresql).is_none());
        return Ok(());
    }
    // Its usual folders cannot be hidden from the other process: only where there is none does this
    // tell anything.
    if Backend::Postgresql.available().is_ok() {
        return Ok(());
    }
    let output = again("missing_postgresql_is_said_once", "look")?.output()?;
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(said.lines().filter(|line| line.contains("apt install postgresql")).count(), 1, "{said}");
    Ok(())
}

#[test]
fn the_lists_of_requirements_name_no_place() -> Outcome {
    for name in ["requirements.txt", "requirements-signer.txt"] {
        let list = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("support").join(name))?;
        let lines: Vec<&str> = list.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        for line in &lines {
            assert!(!line.contains("://") && !line.contains(" @ ") && !line.starts_with('-'), "{line}");
        }
        // Every entry goes on in a line with its hash.
        for pair in lines.windows(2).filter(|pair| pair[0].contains("==")) {
            assert!(pair[0].ends_with('\\') && pair[1].trim_start().starts_with("--hash=sha256:"), "{}", pair[0]);
        }
    }
    Ok(())
}
