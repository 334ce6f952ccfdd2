//! Names of files: those that are sent, and those that are made of what came.

use crate::error::{Error, Result};

/// The longest name that is made, in bytes: file systems allow 255, and a file under way needs a few more.
const LONGEST: usize = 200;
/// The longest ending that is kept where a name is cut.
const LONGEST_ENDING: usize = 20;

/// What a server takes unless it is configured otherwise.
const USUAL: [&str; 26] = [
    "pdf", "rtf", "odf", "ods", "gnumeric", "abw", "doc", "docx", "xls", "xlsx", "txt", "jpg", "jpe", "jpeg", "png",
    "gif", "svg", "bmp", "tiff", "csv", "ini", "json", "plist", "xml", "yaml", "yml",
];

/// Whether a file can be sent under this name.
pub(crate) fn check(name: &str, any_extension: bool) -> Result<()> {
    let shown = name.chars().take(60).flat_map(char::escape_debug).collect::<String>();
    let wrong = |why: &str| Err(Error::input(format!("a file cannot be named \"{shown}\": {why}")));
    if name.trim().is_empty() {
        return wrong("it has to have a name");
    }
    if name.contains(['/', '\\']) {
        return wrong("that is a path");
    }
    if name.chars().any(char::is_control) {
        return wrong("it holds control characters");
    }
    let ending = extension(name).to_ascii_lowercase();
    if !any_extension && !USUAL.contains(&ending.as_str()) {
        let error = Error::input(format!(
            "a server that is not configured otherwise refuses files like \"{shown}\", and deletes the one that is there"
        ));
        return Err(error.hint("if this server takes them, say so with any_extension()"));
    }
    Ok(())
}

/// What comes after the last dot, as the server counts: dots at the beginning are none.
fn extension(name: &str) -> &str {
    name.trim_start_matches('.').rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// A name that leads nowhere but into the folder that it is used in.
pub(crate) fn safe(name: &str) -> String {
    let plain = |c: char| {
        let reserved = matches!(c, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\u{7f}');
        // Marks that turn the direction of what is shown make `gpj.exe` look like `exe.jpg`.
        let turning = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || reserved || turning { '_' } else { c }
    };
    let mut safe: String = name.chars().map(plain).collect();
    // Some systems drop them, and then it is another name.
    safe.truncate(safe.trim_end_matches(['.', ' ']).len());
    let shown = safe.trim_start_matches(['.', ' ']).len();
    if shown < safe.len() {
        safe.replace_range(..safe.len() - shown, "_");
    }
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    cut(&mut safe);
    if safe.is_empty() { "attachment".to_owned() } else { safe }
}

/// Whether some systems take it for something else than a file, whatever its ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |stem: &str| {
        let digits = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
        digits.is_some_and(|rest| {
            matches!(rest, "¹" | "²" | "³") || (rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
        })
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" | "clock$") || numbered(&stem)
}

/// Cuts what is too long, in front of its ending.
fn cut(name: &mut String) {
    if name.len() <= LONGEST {
        return;
    }
    let ending = extension(name);
    let ending = if ending.is_empty() || ending.len() > LONGEST_ENDING { String::new() } else { format!(".{ending}") };
    let mut end = LONGEST - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name.truncate(name.trim_end_matches(['.', ' ']).len());
    name.push_str(&ending);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_would_refuse_is_not_sent() {
        for name in ["a.txt", "a.b.JPG", "é.json", "a b.pdf", "..txt.csv", "a\".txt"] {
            assert!(check(name, false).is_ok(), "{name}");
        }
        for name in ["a.exe", "a", "a.", ".txt", "..txt", "a.tar.gz", "a.jpg.sh"] {
            let error = check(name, false).unwrap_err().to_string();
            assert!(error.contains("any_extension()"), "{name}: {error}");
            assert!(check(name, true).is_ok(), "{name}");
        }
        for name in ["", "  ", "a/b.txt", "a\\b.txt", "/etc/x.txt", "a\r\nb.txt", "a\0.txt", "a\u{1b}.txt"] {
            assert!(check(name, true).is_err(), "{name}");
        }
    }

    #[test]
    fn names_stay_where_they_are() {
        for (name, expected) in [
            ("a.txt", "a.txt"),
            ("Fïlé nöm.txt", "Fïlé nöm.txt"),
            ("../../x", "__.._x"),
            ("/etc/passwd", "_etc_passwd"),
            ("C:\\x\\y.txt", "C__x_y.txt"),
            ("..", "attachment"),
            (".", "attachment"),
            ("", "attachment"),
            (" . . ", "attachment"),
            (".bashrc", "_bashrc"),
            ("a\0b\nc\u{1b}d.txt", "a_b_c_d.txt"),
            ("nul", "_nul"),
            ("COM1.txt", "_COM1.txt"),
            ("com10.txt", "com10.txt"),
            ("aux .txt", "_aux .txt"),
            ("a. . .", "a"),
            ("x?.txt", "x_.txt"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
    }

    #[test]
    fn long_names_keep_their_ending() {
        let name = safe(&format!("{}.json", "é".repeat(300)));
        assert!(name.len() <= LONGEST && name.ends_with("é.json"), "{name}");
        assert!(safe(&"x".repeat(5000)).len() <= LONGEST);
        assert!(safe(&format!("x.{}", "y".repeat(5000))).len() <= LONGEST);
        assert!(safe(&format!("{}.txt", "con".repeat(300))).len() <= LONGEST);
    }

    #[test]
    fn no_name_leads_out_of_a_folder() {
        // All names of up to four of these.
        let parts = ["..", ".", "/", "\\", "a", "\0", " ", "con", ":", "\u{202e}"];
        let mut names = vec![String::new()];
        for _ in 0..4 {
            names = names
                .iter()
                .flat_map(|name| parts.iter().map(move |part| format!("{name}{part}")))
                .chain([String::new()])
                .collect();
            for name in &names {
                let made = safe(name);
                let path = std::path::Path::new(&made);
                assert_eq!(path.components().count(), 1, "{name:?} {made:?}");
                assert!(matches!(path.components().next(), Some(std::path::Component::Normal(_))), "{name:?}");
                assert!(!made.contains(['/', '\\', '\0', ':']) && !made.starts_with('.'), "{name:?}");
                assert_eq!(safe(&made), made, "{name:?}");
            }
        }
    }
}
