//! An export, gathered into a tree.

use bytes::Bytes;

use crate::archive::export::Export;
use crate::archive::export_so_far::parse;
use crate::archive::line::ExportLine;
use crate::archive::tree::YamlTree;
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::reply::Reply;
use crate::session::Session;

/// Reads a bucket or a collection with all that is in it: see [`Export::into_tree`]. The output is a [`YamlTree`].
#[must_use = "it reads nothing before it is sent"]
#[derive(Debug)]
pub struct ExportTree {
    export: Export,
    tree: YamlTree,
}

impl Export {
    /// The same as one value, in the memory that this takes.
    ///
    /// Of a record whose permissions were not read, and of what the caller may not see, it says nothing. That of a collection
    /// names the bucket that this is in, and says nothing of it.
    ///
    /// ```
    /// use kinto_protocol::bucket;
    ///
    /// let export = bucket("blog").export().into_tree();
    /// # let _ = export; // let text = client.send(export)?.to_string();
    /// ```
    pub fn into_tree(mut self) -> ExportTree {
        self.is_kept = true;
        ExportTree { export: self, tree: YamlTree::default() }
    }
}

impl ExportTree {
    /// Takes what was read, until something is to be asked or nothing more comes.
    fn go_on(&mut self, session: &Session, mut turn: Turn<Option<Bytes>>) -> Result<Turn<YamlTree>> {
        loop {
            let lines = match turn {
                Turn::Ask(ask) => return Ok(Turn::Ask(ask)),
                Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
                Turn::Done(None) => return Ok(Turn::Done(std::mem::take(&mut self.tree))),
                Turn::Done(Some(lines)) => lines,
            };
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                if let ExportLine::Object(object) = parse(line)? {
                    self.tree.take(object)?;
                }
            }
            turn = match (&mut self.export).start(session)? {
                // Each piece has its time.
                Turn::Ask(ask) => Turn::Ask(ask.anew()),
                turn => turn,
            };
        }
    }
}

impl Flow for ExportTree {
    type Output = YamlTree;

    fn start(&mut self, session: &Session) -> Result<Turn<YamlTree>> {
        if !self.export.is_whole() {
            let error =
                Error::input("what an interrupted export has left does not come again, and its tree would lack it");
            return Err(error.hint("begin anew"));
        }
        let turn = (&mut self.export).start(session)?;
        self.go_on(session, turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<YamlTree>> {
        let turn = (&mut self.export).resume(session, reply)?;
        self.go_on(session, turn)
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        (&mut self.export).meanwhile(session)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<YamlTree>> {
        let turn = (&mut self.export).fail(session, error)?;
        self.go_on(session, turn)
    }
}
