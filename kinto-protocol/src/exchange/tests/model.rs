//! A small model of the server, for what takes many requests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::{Plan, Wanted};

/// The records of one collection, and what the server does with them.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) records: BTreeMap<String, Record>,
    /// What is in other lists.
    pub(super) others: BTreeMap<String, BTreeMap<String, Record>>,
    pub(super) clock: i64,
    /// What was asked for, batches taken apart.
    pub(super) asked: Vec<String>,
    /// Breaks off before this request, counted from now.
    pub(super) breaks: Option<usize>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Record {
    pub(super) at: i64,
    pub(super) data: JsonMap,
    pub(super) permissions: BTreeMap<String, Vec<String>>,
}

pub(super) const LIST: &str = "/buckets/b/collections/c/records";

impl Model {
    pub(super) fn of(records: &[(&str, Value)]) -> Self {
        let mut model = Self { clock: 100, ..Self::default() };
        for (id, data) in records {
            model.put(id, data);
        }
        model
    }

    /// Somebody writes this.
    pub(super) fn put(&mut self, id: &str, data: &Value) {
        self.clock += 1;
        let permissions = BTreeMap::from([("write".to_owned(), vec!["me".to_owned()])]);
        self.records.insert(id.to_owned(), Record { at: self.clock, data: map(data), permissions });
    }

    pub(super) fn data(&self) -> BTreeMap<String, Value> {
        self.records.iter().map(|(id, record)| (id.clone(), record.data.clone().into())).collect()
    }

    fn shown(id: &str, record: &Record) -> Value {
        let mut data = record.data.clone();
        data.insert("id".into(), id.into());
        data.insert("last_modified".into(), record.at.into());
        data.into()
    }

    pub(super) fn answer(&mut self, request: &Request) -> Outcome {
        if self.breaks == Some(0) {
            return Err(TransportError::new(FailureKind::Interrupted, "test"));
        }
        self.breaks = self.breaks.map(|left| left - 1);
        let path = request.uri().path().strip_prefix("/v1").unwrap();
        if path == "/" {
            return answer(200, &[], r#"{"settings":{"batch_max_requests":3}}"#);
        }
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if path != "/batch" {
            let query = request.uri().query().unwrap_or_default();
            let (status, headers, body) = self.one(request.method().as_str(), path, query, &header, request.body());
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            return answer(status, &headers, &body.to_string());
        }
        let batch: Value = serde_json::from_slice(request.body()).unwrap();
        let entries = batch["requests"].as_array().unwrap().iter().map(|entry| {
            let header = |name: &str| {
                let headers = entry["headers"].as_object()?;
                headers.iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.as_str()))?
            };
            let header = |name: &str| header(name).map(str::to_owned);
            let body = entry.get("body").map_or_else(Vec::new, |body| body.to_string().into_bytes());
            let (method, path) = (entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap());
            let (status, headers, body) = self.one(method, path, "", &header, &body);
            let headers: JsonMap = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            json!({"status": status, "path": path, "headers": headers, "body": body})
        });
        let entries: Vec<Value> = entries.collect();
        answer(200, &[], &json!({"responses": entries}).to_string())
    }

    fn one(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> (u16, Vec<(&'static str, String)>, Value) {
        self.asked.push(format!("{method} {}", path.rsplit('/').next().unwrap()));
        let is_list = path.split('/').count().is_multiple_of(2);
        let (list, id) = if is_list { (path, "") } else { path.rsplit_once('/').unwrap() };
        if list == LIST {
            return self.of_list(method, list, id, query, header, body);
        }
        let mut records = self.others.remove(list).unwrap_or_default();
        std::mem::swap(&mut self.records, &mut records);
        let answer = self.of_list(method, list, id, query, header, body);
        std::mem::swap(&mut self.records, &mut records);
        self.others.insert(list.to_owned(), records);
        answer
    }

    fn of_list(
        &mut self,
        method: &str,
        list: &str,
        id: &str,
        query: &str,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> (u16, Vec<(&'static str, String)>, Value) {
        if id.is_empty() {
            // Two a page.
            let from: usize = query.split("_token=").nth(1).map_or(0, |token| token.parse().unwrap());
            let mut records: Vec<_> = self.records.iter().collect();
            if query.contains("_sort=last_modified") {
                records.sort_by_key(|(_, record)| record.at);
            }
            let data: Vec<Value> =
                records.into_iter().skip(from).take(2).map(|(id, record)| Self::shown(id, record)).collect();
            let mut headers = vec![("ETag", format!("\"{}\"", self.clock))];
            if from + 2 < self.records.len() {
                headers.push(("Next-Page", format!("http://localhost:1/v1{list}?_token={}", from + 2)));
            }
            return (200, headers, json!({"data": data}));
        }
        let id = id.to_owned();
        let there = self.records.get(&id).cloned();
        let missing = || (404, vec![], json!({"errno": 110}));
        let failed = || {
            let existing = there.as_ref().map(|record| Self::shown(&id, record));
            let details = existing.map_or_else(|| json!({}), |existing| json!({"existing": existing}));
            (412, vec![], json!({"errno": 114, "details": details}))
        };
        let matches = header("if-match")
            .is_none_or(|tag| there.as_ref().is_some_and(|record| tag == "*" || tag == format!("\"{}\"", record.at)));
        let absent = header("if-none-match").is_none() || there.is_none();
        match (method, &there) {
            ("GET", Some(record)) => {
                (200, vec![], json!({"data": Self::shown(&id, record), "permissions": record.permissions}))
            }
            ("GET" | "DELETE" | "PATCH", None) => missing(),
            _ if !matches || !absent => failed(),
            ("DELETE", Some(_)) => {
                self.records.remove(&id);
                self.clock += 1;
                (200, vec![], json!({"data": {"id": id, "last_modified": self.clock, "deleted": true}}))
            }
            ("PUT" | "PATCH", _) => {
                let body: Value = serde_json::from_slice(body).unwrap();
                let mut record = there.clone().unwrap_or_else(|| Record {
                    at: 0,
                    data: JsonMap::new(),
                    permissions: BTreeMap::from([("write".to_owned(), vec!["me".to_owned()])]),
                });
                let mut forced = None;
                if let Some(data) = body.get("data") {
                    let mut data = map(data);
                    forced = data.remove("last_modified").and_then(|at| at.as_i64());
                    if method == "PUT" {
                        record.data.clear();
                    }
                    record.data.extend(data);
                }
                for (name, whom) in body.get("permissions").and_then(Value::as_object).into_iter().flatten() {
                    let mut whom: Vec<String> = serde_json::from_value(whom.clone()).unwrap();
                    if name == "write" && !whom.contains(&"me".to_owned()) {
                        whom.push("me".into());
                    }
                    record.permissions.insert(name.clone(), whom);
                }
                record.permissions.retain(|_, whom| !whom.is_empty());
                let newer = forced.filter(|at| there.as_ref().is_none_or(|there| *at > there.at));
                record.at = newer.unwrap_or(self.clock + 1);
                self.clock = self.clock.max(record.at);
                let shown = Self::shown(&id, &record);
                let permissions = record.permissions.clone();
                self.records.insert(id, record);
                (if there.is_some() { 200 } else { 201 }, vec![], json!({"data": shown, "permissions": permissions}))
            }
            _ => panic!("{method} {list}/{id}"),
        }
    }

    pub(super) fn send<F: Flow>(&mut self, flow: F) -> Result<F::Output> {
        let policy = Policy { attempts: 1, ..Policy::default() };
        let session = Session::builder("http://localhost:1/v1").policy(policy).seed(7).build().unwrap();
        let (mut exchange, mut now) = (session.exchange(flow), Moment::default());
        loop {
            match exchange.next(now) {
                Step::Send(request, _) => {
                    now = now.after(Duration::from_millis(10));
                    exchange.handle(self.answer(&request), now);
                }
                Step::Wait(wait) => now = now.after(wait),
                Step::Done(result) => return result,
            }
        }
    }

    pub(super) fn plan<W: Into<Wanted>>(&mut self, wanted: impl IntoIterator<Item = W, IntoIter: Send>) -> Plan {
        self.send(records().sync(wanted)).unwrap()
    }
}

pub(super) fn map(value: &Value) -> JsonMap {
    value.as_object().unwrap().clone()
}

/// Random numbers that are the same each time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.roll(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.roll(3)),
            2 => json!(self.roll(2) as f64 / 2.0),
            3 => json!(["", "x", "é\n", "1"][self.roll(4) as usize]),
            4 => json!(self.roll(2) == 0),
            5 => (0..self.roll(3)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(self.fields(depth - 1)),
        }
    }

    pub(super) fn fields(&mut self, depth: u32) -> JsonMap {
        (0..self.roll(4)).map(|_| (["a", "b", "c"][self.roll(3) as usize].to_owned(), self.value(depth))).collect()
    }

    pub(super) fn collection(&mut self) -> BTreeMap<String, Value> {
        let ids: Vec<String> = (0..12).map(|n| format!("r{n}")).collect();
        let ids: Vec<String> = ids.into_iter().filter(|_| self.roll(2) == 0).collect();
        ids.into_iter().map(|id| (id, Value::Object(self.fields(2)))).collect()
    }
}
