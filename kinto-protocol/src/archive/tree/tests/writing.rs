//! Whatever JSON can say comes back out of the text that is written.

use serde_json::{Value, json};

use super::{again, with};
use crate::archive::tree::YamlTree;
use crate::{ErrorKind, JsonMap};

/// Texts that some reader of YAML takes for something else.
#[rustfmt::skip]
const NASTY: &[&str] = &[
    "", " ", "  ", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "yes", "Yes", "YES", "no", "No",
    "on", "On", "off", "OFF", "y", "Y", "n", "N", "0", "-0", "+1", "1.", ".5", "1e3", "1E3", "1e+3", "1_000", "_1",
    "0o17", "017", "0x1F", "0b11", "-0x1F", "12:30:45", "1:2", "190:20:30.15", "2020-01-01", "2020-01-01T00:00:00Z",
    "2020-1-1 0:0:0", ".inf", "-.inf", "+.INF", ".nan", ".NaN", "inf", "nan", "Infinity", "=", "<<", "-", "--", "---",
    "- a", "-a", "...", "?", "? a", "?a", ":", ": a", ":a", "a:", "a: b", "a :b", "a:b", "http://x:80/y", "a #b",
    "a#b", "#a", "&a", "*a", "!a", "!!str a", "|", "|-", ">", "> a", "%YAML 1.2", "@a", "`a", "'", "''", "'a'", "\"",
    "\"a\"", "\\", "\\n", "a\\", "[", "[a]", "]", "{", "{a}", "}", "{}", "[]", ",", "a, b", " a", "a ", "\ta", "a\t",
    "a\tb", "\n", "\na", "a\n", "a\n\n", "a\nb", "a\r\nb", "a\rb", "a\n  b\n c", "\u{0}", "\u{7}", "\u{1b}", "\u{7f}",
    "\u{80}", "\u{85}", "a\u{85}b", "\u{a0}", "\u{ad}", "\u{2028}", "\u{2029}", "\u{200b}", "\u{feff}", "\u{feff}a",
    "\u{fffd}", "\u{fffe}", "\u{ffff}", "\u{10ffff}", "😀", "é", "e\u{301}", "日本語", "\u{202e}abc", "a\u{0}b",
    "123456789012345678901234567890", "1.7976931348623157e400", "$a", "a=b", "/", "/a b", "account:alexis", "a  b",
    "system.Everyone", "aaaaaaaa-1e3f-4000", "e3", "x", "null ", "Y: n", "0.", "+", ".", "..", "1__0", "0o", "0x",
    "0b",
];

#[test]
fn nasty_texts_stay_texts() {
    for text in NASTY {
        // As a value, a name, in a list and in what that is in.
        let tree =
            with(&json!({"v": text, *text: 1, "l": [text, [text, [text]], {*text: text}], "m": {*text: {*text: []}}}));
        assert_eq!(again(&tree), tree, "{text:?}\n{tree}");
    }
    let all = with(&Value::Object(NASTY.iter().map(|text| ((*text).to_owned(), json!(text))).collect()));
    assert_eq!(again(&all), all);
}

#[test]
fn only_what_nobody_misreads_stands_without_quotes() {
    for text in ["account:alexis", "system.Everyone", "/buckets/b/groups/g", "Buy milk", "a:b", "e3", "nothing"] {
        assert!(with(&json!({"v": text})).to_string().contains(&format!("            v: {text}\n")), "{text}");
    }
    for text in ["yes", "N", "null", "1", "2020-01-01", "-a", "a: b", "a:", "a ", "a#b", "é", "_1", "", "~", "=", ".5"]
    {
        assert!(with(&json!({"v": text})).to_string().contains(&format!("            v: \"{text}\"\n")), "{text}");
    }
}

#[test]
fn long_names_and_lines() {
    for length in [499, 500, 501, 1023, 1024, 1025, 5000] {
        let (plain, quoted) = ("n".repeat(length), "é\"".repeat(length));
        let tree = with(&json!({&plain: {&quoted: [{&plain: &quoted}, {&quoted: {}}, [&plain]]}, &quoted: &plain}));
        assert_eq!(again(&tree), tree, "{length}");
    }
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % most
    }

    fn text(&mut self) -> String {
        const ODD: [char; 24] = [
            '\n', '\r', '\t', ' ', ' ', ':', '#', '-', '"', '\'', '\\', '&', '*', '!', '{', ']', ',', '%', 'é', '😀',
            '\u{85}', '\u{2028}', '\0', '0',
        ];
        match self.below(3) {
            0 => NASTY[self.below(NASTY.len())].to_owned(),
            1 => (0..self.below(9)).map(|_| ODD[self.below(ODD.len())]).collect(),
            _ => (0..self.below(30)).map(|_| char::from_u32(self.below(0x3000) as u32).unwrap_or('x')).collect(),
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => json!(self.text()),
            1 => json!(f64::from_bits(self.0.rotate_left(17)).clamp(-1e300, 1e300)),
            2 => json!(self.0.rotate_left(13) as i64),
            3 => [Value::Null, true.into(), false.into()][self.below(3)].clone(),
            4 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.map(depth - 1),
        }
    }

    fn map(&mut self, depth: usize) -> Value {
        (0..self.below(4)).map(|_| (self.text(), self.value(depth))).collect::<JsonMap>().into()
    }
}

#[test]
fn whatever_json_can_say_comes_back() {
    let mut dice = Dice(1);
    for round in 0..3_000 {
        let mut data = dice.map(4);
        data.as_object_mut().unwrap().retain(|name, _| name != "id");
        let tree = with(&data);
        assert_eq!(again(&tree), tree, "{round}\n{tree}");
    }
}

#[test]
fn nothing_makes_it_panic() {
    let mut dice = Dice(7);
    let text = format!("# a\n{}&a [*a, {{x: |\n y}}]\n...\n--- !!set\n? b\n: - c\n", with(&dice.map(3)));
    let chars: Vec<char> = text.chars().collect();
    for _ in 0..3_000 {
        let mut broken = chars.clone();
        for _ in 0..=dice.below(4) {
            let at = dice.below(broken.len().max(1));
            match dice.below(3) {
                0 => drop(broken.drain(at..broken.len().min(at + 1))),
                1 => broken.truncate(at.max(1)),
                _ => broken.insert(at.min(broken.len()), text.chars().nth(dice.below(chars.len())).unwrap()),
            }
        }
        let broken: String = broken.into_iter().collect();
        if let Err(error) = YamlTree::parse(&broken) {
            assert_eq!(error.kind(), ErrorKind::Input, "{broken}");
        }
    }
}
