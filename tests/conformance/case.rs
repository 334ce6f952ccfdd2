//! The recorded cases, as the file tells them.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};

/// One call of the Python client, what it put on the wire, what came back and what came of it.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) area: String,
    /// Whether the Python client is wrong here, and not to be imitated.
    pub(crate) diverges: bool,
    /// The name of the call; several make a `sequence`.
    pub(crate) method: String,
    pub(crate) client: Client,
    pub(crate) steps: Vec<Step>,
    pub(crate) exchanges: Vec<Recorded>,
    /// What was opened in the browser.
    pub(crate) opened: Vec<Value>,
}

/// A call, alone or in a sequence, and what came of it.
pub(crate) struct Step {
    pub(crate) method: String,
    pub(crate) args: Args,
    /// What was changed in a copy of the client before the call.
    pub(crate) on_clone: Option<Args>,
    pub(crate) outcome: Value,
}

/// A request and its answer.
pub(crate) struct Recorded {
    pub(crate) step: usize,
    pub(crate) request: Value,
    pub(crate) response: Value,
}

/// The options of the client.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) auth: Option<Value>,
    pub(crate) bucket: Option<String>,
    pub(crate) collection: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) retry: u32,
    pub(crate) is_dry: bool,
}

/// The arguments of a call, by name.
#[derive(Clone, Default)]
pub(crate) struct Args(Map<String, Value>);

/// All cases, in the order of the file.
pub(crate) fn all() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/wire.json");
    let text = std::fs::read_to_string(path).expect("the recorded cases are next to the test");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the recorded cases are a list in JSON");
    cases.iter().map(Case::read).collect()
}

impl Case {
    fn read(case: &Value) -> Self {
        let (call, outcome) = (&case["call"], &case["outcome"]);
        let steps = match call["args"]["steps"].as_array() {
            Some(steps) => steps.iter().enumerate().map(|(n, step)| Step::read(step, &outcome["steps"][n])).collect(),
            None => vec![Step::read(call, outcome)],
        };
        let exchanges = case["exchanges"].as_array().expect("exchanges are a list");
        Self {
            id: text(&case["id"]),
            area: text(&case["area"]),
            diverges: case.get("diverge").is_some(),
            method: text(&call["method"]),
            client: Client::read(&Args::of(&call["client"])),
            steps,
            exchanges: exchanges.iter().map(Recorded::read).collect(),
            opened: case["browser_opened"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// What was recorded of one step.
    pub(crate) fn recorded(&self, step: usize) -> impl Iterator<Item = &Recorded> {
        self.exchanges.iter().filter(move |exchange| exchange.step == step)
    }

    /// All calls made, those of a sequence, on a clone and in a batch included.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &str> {
        let inside = self.steps.iter().filter_map(|step| step.args.get("operations")?.as_array()).flatten();
        let inside = inside.filter_map(|operation| operation["method"].as_str());
        let steps = self.steps.iter().map(|step| step.method.as_str());
        std::iter::once(self.method.as_str()).chain(steps).chain(inside)
    }
}

impl Step {
    fn read(call: &Value, outcome: &Value) -> Self {
        let args = Args::of(&call["args"]);
        match args.get("then") {
            Some(then) if call["method"] == "clone" => {
                let then = Self::read(then, outcome);
                Self { on_clone: Some(args), ..then }
            }
            _ => Self { method: text(&call["method"]), args, on_clone: None, outcome: outcome.clone() },
        }
    }

    /// The waits between attempts; a request repeated after a lost connection was repeated at once.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        let asked = self.outcome["sleeps"].as_array().into_iter().flatten();
        let asked = asked.map(|wait| Duration::from_secs_f64(wait.as_f64().expect("a wait is a number")));
        let at_once = usize::try_from(self.outcome["connection_retries"].as_u64().unwrap_or(0)).unwrap_or(0);
        asked.chain(std::iter::repeat_n(Duration::ZERO, at_once)).collect()
    }
}

impl Recorded {
    fn read(exchange: &Value) -> Self {
        let step = exchange["step"].as_u64().unwrap_or(0);
        Self {
            step: usize::try_from(step).expect("a small number"),
            request: exchange["request"].clone(),
            response: exchange["response"].clone(),
        }
    }

    /// Whether no answer came.
    pub(crate) fn is_lost(&self) -> bool {
        self.response["dropped"] == true || self.response["delayed"] == true
    }
}

impl Client {
    fn read(options: &Args) -> Self {
        let name = |key, default: Option<&str>| match options.get(key) {
            Some(Value::Null) => None,
            Some(name) => Some(text(name)),
            None => default.map(str::to_owned),
        };
        let server_path = name("server_path", Some("/v1"));
        let headers = options.get("headers").and_then(Value::as_object).into_iter().flatten();
        Self {
            url: format!("http://server.test{}", server_path.unwrap_or_default()),
            auth: options.given("auth").cloned(),
            // The Python client falls back to the personal bucket.
            bucket: name("bucket", Some("default")),
            collection: name("collection", None),
            headers: headers.map(|(name, value)| (name.clone(), text(value))).collect(),
            retry: options.number("retry").unwrap_or(0),
            is_dry: options.is("dry_mode").unwrap_or(false),
        }
    }

    /// The options of a copy.
    pub(crate) fn changed(&self, by: &Args) -> Self {
        let name = |key| by.given(key).map(text);
        Self {
            url: name("server_url").unwrap_or_else(|| self.url.clone()),
            auth: by.given("auth").or(self.auth.as_ref()).cloned(),
            bucket: name("bucket").or_else(|| self.bucket.clone()),
            collection: name("collection").or_else(|| self.collection.clone()),
            retry: by.number("retry").unwrap_or(self.retry),
            ..self.clone()
        }
    }
}

impl Args {
    pub(crate) fn of(value: &Value) -> Self {
        Self(value.as_object().cloned().unwrap_or_default())
    }

    /// An argument, `None` of Python included.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// An argument that is not `None` of Python.
    pub(crate) fn given(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// A name or an id: text, or an integer of Python's written out.
    pub(crate) fn name(&self, name: &str) -> Option<String> {
        self.given(name).map(text)
    }

    pub(crate) fn is(&self, name: &str) -> Option<bool> {
        self.given(name)?.as_bool()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        text(self.given(name)?).parse().ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }
}

/// A text, or whatever else as it is written.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
