//! A Kinto server to try things on, with an account, until Enter is pressed.
//!
//! ```text
//! cargo run --example serve
//! ```

use std::error::Error;
use std::io;

use kinto_examples::{place, say, title};

fn main() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    title("A server is there");
    say(&format!("URL:     {}", place.url));
    say("account: alexis, with the password p4ssw0rd; anybody may have another one");
    say("");
    say("For the command kinto, and for programs that take its options:");
    say(&format!("export KINTO_SERVER={} KINTO_AUTH=alexis:p4ssw0rd", place.url));
    title("Enter ends it, and forgets all that is on it");
    // Also the end of what is no terminal: nobody is there to press it.
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}
