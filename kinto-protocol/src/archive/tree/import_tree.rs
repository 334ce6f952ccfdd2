//! A tree, written object by object.

use std::collections::VecDeque;

use crate::archive::import::Import;
use crate::archive::imported::Imported;
use crate::archive::place::Place;
use crate::archive::tree::{Own, YamlTree};
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::object::JsonMap;
use crate::reply::Reply;
use crate::session::Session;

/// Writes what a [`YamlTree`] names: see [`Import::tree`]. The output is an [`Imported`].
#[must_use = "it writes nothing before it is sent"]
#[derive(Debug)]
pub struct ImportTree {
    import: Import,
    buckets: usize,
    left: VecDeque<Branch>,
}

/// An object of a tree.
#[derive(Debug)]
struct Branch {
    place: Place,
    own: Own,
    /// Whether the tree has all the records in it.
    has_records: bool,
}

impl Import {
    /// Writes what a tree names, with the settings of this import, and tells what came of it.
    ///
    /// What a tree does not name stays as it is: fields that the `data` of a bucket, a group or a collection do not have,
    /// permissions without a name of their own, all of an object that has neither. What is not there is created, also a bucket
    /// or a collection that is only named as the place of others. A record that has `data` is to be as these are, in all its
    /// fields.
    ///
    /// With [`delete_extra`](Self::delete_extra), records are deleted that the tree does not have, of those collections that
    /// have `records` in it, be they empty. No group, collection or bucket is deleted, as a tree need not have them all.
    ///
    /// A [renamed](Self::into_bucket) bucket must be the only one of its tree.
    ///
    /// ```
    /// use kinto_protocol::{Import, YamlTree};
    ///
    /// let tree = YamlTree::parse("buckets: {blog: {collections: {posts: {data: {sort: title}}}}}")?;
    /// let import = Import::new().permissions().dry_run().tree(tree);
    /// # let _ = import; // println!("{}", client.send(import)?);
    /// # Ok::<(), kinto_protocol::Error>(())
    /// ```
    pub fn tree(self, tree: YamlTree) -> ImportTree {
        ImportTree { import: self, buckets: tree.buckets.len(), left: tree.into_branches() }
    }
}

impl YamlTree {
    /// Its objects, in an order in which they can be created.
    fn into_branches(self) -> VecDeque<Branch> {
        let mut branches = VecDeque::new();
        for (id, bucket) in self.buckets {
            let place = Place::bucket(&id);
            let member = |place, own| Branch { place, own, has_records: false };
            branches.push_back(member(place.clone(), bucket.own));
            branches.extend(bucket.groups.into_iter().flatten().map(|(id, own)| member(place.group(&id), own)));
            for (id, collection) in bucket.collections.into_iter().flatten() {
                let place = place.collection(&id);
                let has_records = collection.records.is_some();
                branches.push_back(Branch { place: place.clone(), own: collection.own, has_records });
                let mut records: Vec<_> = collection.records.into_iter().flatten().collect();
                // Where timestamps are kept, older ones come first.
                records.sort_by_key(|(_, own)| own.data.as_ref().and_then(last_modified));
                branches.extend(records.into_iter().map(|(id, own)| member(place.record(&id), own)));
            }
        }
        branches
    }
}

fn last_modified(data: &JsonMap) -> Option<i64> {
    data.get("last_modified")?.as_i64()
}

impl ImportTree {
    /// Gives the import as much as it takes at a time.
    fn fill(&mut self) {
        while !self.import.is_full() {
            let Some(Branch { place, own, has_records }) = self.left.pop_front() else {
                self.import.has_all();
                return;
            };
            if has_records {
                self.import.has_list_in(&place);
            }
            self.import.want(&place, own);
        }
    }

    fn go_on(&mut self, session: &Session, mut turn: Turn<()>) -> Result<Turn<Imported>> {
        loop {
            match turn {
                Turn::Ask(ask) => return Ok(Turn::Ask(ask)),
                Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
                Turn::Done(()) if self.import.is_over() => {
                    return Ok(Turn::Done(std::mem::take(&mut self.import).into_imported()));
                }
                Turn::Done(()) => self.fill(),
            }
            turn = match (&mut self.import).start(session)? {
                // Each hundred objects have their time.
                Turn::Ask(ask) => Turn::Ask(ask.anew()),
                turn => turn,
            };
        }
    }
}

impl Flow for ImportTree {
    type Output = Imported;

    fn start(&mut self, session: &Session) -> Result<Turn<Imported>> {
        if self.import.has_lines() {
            return Err(Error::input("this import has begun with the lines of an export").hint("one for each"));
        }
        if self.buckets > 1 && self.import.renames_bucket() {
            let why = format!("the tree has {} buckets, and all would go into one", self.buckets);
            return Err(Error::input(why).hint("import them one by one"));
        }
        self.go_on(session, Turn::Done(()))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Imported>> {
        let turn = (&mut self.import).resume(session, reply)?;
        self.go_on(session, turn)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Imported>> {
        let turn = (&mut self.import).fail(session, error)?;
        self.go_on(session, turn)
    }
}
