//! Reading and deleting lists, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::object::JsonMap;
use crate::testing::memory_server::answer::Answer;
use crate::testing::memory_server::conditions::Conditions;
use crate::testing::memory_server::fields::Row;
use crate::testing::memory_server::filter::Query;
use crate::testing::memory_server::store::{List, Store, Stored};

/// How many objects a page may have at most, where nothing else is set.
const MOST: usize = 10_000;

/// One page of a list: where its objects are, and how to go on.
struct Page<'a> {
    rows: Vec<Row<'a>>,
    token: Option<String>,
}

fn live<'a>((id, object): (&'a String, &'a Stored)) -> Row<'a> {
    Row { id, at: object.at, data: Some(&object.data) }
}

fn dead<'a>((id, at): (&'a String, &'a i64)) -> Row<'a> {
    Row { id, at: *at, data: None }
}

impl List {
    fn rows(&self, query: &Query) -> Vec<Row<'_>> {
        if let Some(ids) = query.ids() {
            // A few of many are not looked for among all.
            let live = ids.iter().filter_map(|id| self.objects.get_key_value(*id)).map(live);
            let dead = ids.iter().filter_map(|id| self.tombstones.get_key_value(*id)).map(dead);
            let dead = dead.filter(|_| query.tombstones);
            return live.chain(dead).filter(|row| query.matches(row)).collect();
        }
        let live = self.objects.iter().map(live);
        let dead = self.tombstones.iter().map(dead).filter(|_| query.tombstones);
        live.chain(dead).filter(|row| query.matches(row)).collect()
    }

    fn page(&self, query: &Query, page_size: Option<usize>) -> Result<Page<'_>, Answer> {
        let most = page_size.unwrap_or(MOST);
        let limit = query.limit.map_or(most, |limit| limit.min(most));
        let mut rows = self.rows(query);
        if let Some(token) = &query.token {
            let last =
                Last::parse(token).ok_or_else(|| Answer::invalid("querystring", None, "_token has invalid content"))?;
            rows.retain(|row| query.order(row, &last.row()).is_gt());
        }
        let more = rows.len() > limit;
        if more {
            rows.select_nth_unstable_by(limit, |a, b| query.order(a, b));
            rows.truncate(limit);
        }
        rows.sort_by(|a, b| query.order(a, b));
        let token = rows.last().filter(|_| more).map(|row| Last::of(row, query).token());
        Ok(Page { rows, token })
    }
}

/// The last object of a page, in what the next one is found by.
struct Last {
    id: String,
    at: i64,
    data: JsonMap,
}

impl Last {
    fn of(row: &Row<'_>, query: &Query) -> Self {
        let keys: Vec<String> = query.sort.iter().map(|(name, _)| name.clone()).collect();
        let Value::Object(mut data) = row.shown(Some(&keys)) else { return Self::nothing() };
        data.retain(|name, _| name != "id" && name != "last_modified");
        Self { id: row.id.to_owned(), at: row.at, data }
    }

    fn nothing() -> Self {
        Self { id: String::new(), at: 0, data: JsonMap::new() }
    }

    fn row(&self) -> Row<'_> {
        Row { id: &self.id, at: self.at, data: Some(&self.data) }
    }

    fn token(&self) -> String {
        STANDARD.encode(json!({"id": self.id, "last_modified": self.at, "fields": self.data}).to_string())
    }

    fn parse(token: &str) -> Option<Self> {
        let mut last: Value = serde_json::from_slice(&STANDARD.decode(token).ok()?).ok()?;
        let Value::Object(data) = last["fields"].take() else { return None };
        Some(Self { id: last["id"].as_str()?.to_owned(), at: last["last_modified"].as_i64()?, data })
    }
}

/// What a list is asked with.
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    /// The address of the list, as whoever asks has it.
    pub(super) url: String,
    pub(super) query: Query,
    pub(super) conditions: Conditions,
    pub(super) page_size: Option<usize>,
}

impl Asked<'_> {
    fn next_page(&self, token: &str) -> String {
        let mut parameters = self.query.kept.clone();
        parameters.extend(self.query.limit.map(|limit| format!("_limit={limit}")));
        parameters.push(format!("_token={}", utf8_percent_encode(token, NON_ALPHANUMERIC)));
        format!("{}?{}", self.url, parameters.join("&"))
    }
}

impl Store {
    /// GET and HEAD of a list.
    pub(super) fn read_list(&mut self, asked: &Asked<'_>, counted: bool) -> Result<Answer, Answer> {
        let list = self.list(asked.path);
        if !asked.conditions.hold(list.at) {
            return Err(Answer::precondition_failed(list.at, None));
        }
        if asked.conditions.is_known(list.at) {
            return Err(Answer::not_modified(list.at));
        }
        let page = list.page(&asked.query, asked.page_size)?;
        let shown = |row: &Row<'_>| row.shown(asked.query.fields.as_deref());
        let data: Vec<Value> = if counted { Vec::new() } else { page.rows.iter().map(shown).collect() };
        let mut answer = Answer::new(200, json!({"data": data})).at(list.at);
        if let Some(token) = page.token {
            answer = answer.header("Next-Page", asked.next_page(&token));
        }
        if counted {
            let total = list.rows(&asked.query).iter().filter(|row| row.is_counted()).count().to_string();
            answer = answer.header("Total-Objects", total.as_str()).header("Total-Records", total);
        }
        Ok(answer)
    }

    /// DELETE of a list.
    pub(super) fn delete_list(&mut self, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let list = self.list(asked.path);
        if !asked.conditions.hold(list.at) {
            return Err(Answer::precondition_failed(list.at, None));
        }
        let page = list.page(&asked.query, asked.page_size)?;
        let ids: Vec<String> = page.rows.iter().filter(|row| row.data.is_some()).map(|row| row.id.to_owned()).collect();
        let token = page.token;
        let tombstone = |id: String| {
            let at = self.delete(asked.path, &id, None);
            json!({"id": id, "last_modified": at, "deleted": true})
        };
        let data: Vec<Value> = ids.into_iter().map(tombstone).collect();
        let answer = Answer::new(200, json!({"data": data})).at(self.list(asked.path).at);
        Ok(match token {
            Some(token) => answer.header("Next-Page", asked.next_page(&token)),
            None => answer,
        })
    }
}
