//! The picture of the command in the README: what stands in it is what the command writes.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use kinto_blocking::{bucket, buckets};
use kinto_tests::{Backend, KintoServer};
use serde_json::json;

use super::{Terminal, within};
use crate::running::Corner;

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kinto.svg");

const COLUMNS: u16 = 96;
/// What one sign takes, in the picture's units.
const WIDTH: f32 = 8.4;
const HEIGHT: f32 = 20.0;
const MARGIN: f32 = 20.0;

/// What is typed, and keys for the question that is asked then.
const SESSION: [(&[&str], Option<&str>, &str); 5] = [
    (&["diff", "prices.ndjson", "/shop/prices"], None, ""),
    (&["sync", "prices.ndjson", "/shop/prices", "--delete", "--save", "plan.json"], None, ""),
    (&["patch", "/shop/prices/eggs", "price:=2.75"], None, "   # a colleague, meanwhile"),
    (&["apply", "plan.json"], Some("y"), ""),
    (&["ls", "/shop/prices", "--sort", "id", "--fields", "id,price,unit"], None, ""),
];

enum Line {
    Typed(String),
    Written(String),
}

/// `KINTO_PICTURE=1` writes it anew.
#[test]
fn it_shows_what_the_command_writes() {
    let drawn = draw(&session());
    if env::var_os("KINTO_PICTURE").is_some() {
        fs::write(PICTURE, &drawn).unwrap();
    }
    let kept = fs::read_to_string(PICTURE).unwrap();
    assert!(kept == drawn, "docs/kinto.svg shows something else: KINTO_PICTURE=1 draws it anew, as\n{drawn}");
}

/// On a server with nothing else on it.
fn session() -> Vec<Line> {
    let server = KintoServer::builder(Backend::Memory).start().unwrap();
    let corner = Corner::of(&server);
    corner.client.send(buckets().create("shop", &json!({}))).unwrap();
    corner.client.send(bucket("shop").collections().create("prices", &json!({}))).unwrap();
    let prices = bucket("shop").collection("prices").records();
    let there = [("eggs", 2.4, "ten"), ("milk", 1.1, "litre"), ("sugar", 0.9, "kilo"), ("tea", 3.2, "bag")];
    for (id, price, unit) in there {
        corner.client.send(prices.create(id, &json!({"price": price, "unit": unit}))).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let wanted = [("eggs", 2.6, "ten"), ("milk", 1.2, "litre"), ("oats", 2.2, "kilo"), ("tea", 3.2, "bag")];
    let wanted = wanted.map(|(id, price, unit)| format!("{}\n", json!({"id": id, "price": price, "unit": unit})));
    fs::write(folder.path().join("prices.ndjson"), wanted.concat()).unwrap();
    SESSION
        .iter()
        .flat_map(|(arguments, keys, remark)| step(&corner, folder.path(), arguments, *keys, remark))
        .collect()
}

fn step(corner: &Corner, folder: &Path, arguments: &[&str], keys: Option<&str>, remark: &str) -> Vec<Line> {
    let mut terminal = Terminal::start(within(folder, corner.command(arguments)).into(), COLUMNS);
    if let Some(keys) = keys {
        terminal.until_text("[y/N]");
        terminal.keys(&format!("{keys}\r"));
    }
    let left = terminal.left();
    let typed = Line::Typed(format!("kinto {}{remark}", arguments.join(" ")));
    let written = left.screen.trim_end().lines().flat_map(|line| {
        // As a terminal does with what is longer than it.
        let signs: Vec<char> = line.trim_end().chars().collect();
        signs.chunks(usize::from(COLUMNS)).map(|row| Line::Written(row.iter().collect())).collect::<Vec<_>>()
    });
    [typed].into_iter().chain(written).collect()
}

fn draw(lines: &[Line]) -> String {
    let height = f32::from(u16::try_from(lines.len()).unwrap()) * HEIGHT + 2.0 * MARGIN;
    let width = f32::from(COLUMNS) * WIDTH + 2.0 * MARGIN;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="14" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace">
<title>The kinto command plans a sync, saves the plan, and applies it without overwriting what somebody else changed</title>
<rect width="100%" height="100%" rx="8" fill="#1d2430"/>
"##
    );
    for (line, number) in lines.iter().zip(1u16..) {
        let (text, fill) = match line {
            Line::Typed(text) => (format!("$ {text}"), "#8fd3ff"),
            Line::Written(text) => (text.clone(), "#e4e9f0"),
        };
        let baseline = MARGIN + f32::from(number) * HEIGHT - 6.0;
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        writeln!(svg, r#"<text x="{MARGIN}" y="{baseline}" fill="{fill}" xml:space="preserve">{text}</text>"#).unwrap();
    }
    svg + "</svg>\n"
}
