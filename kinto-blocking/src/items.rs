//! Lists as iterators.

use std::fmt;

use kinto_protocol::{List, ListItem, Listing, Pages, Result};

use crate::client::Client;

impl Client {
    /// Reads a list page by page, in the memory of one page. Each is asked for when the iterator is.
    ///
    /// ```
    /// # use kinto_blocking::{Client, bucket};
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// for page in client.pages(bucket("blog").collection("posts").records().list().page_size(2)) {
    ///     println!("{} more", page?.items.len()); // 2 more, 1 more
    /// }
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    pub fn pages<I: ListItem>(&self, list: List<I>) -> PageIter<I> {
        PageIter { client: self.clone(), pages: list.pages(), failed: false }
    }

    /// Reads a list object by object, in the memory of one page, to its end or to an error.
    ///
    /// ```
    /// # use kinto_blocking::{Client, bucket};
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// for post in client.items(bucket("blog").collection("posts").records().list().sort("title")) {
    ///     println!("{}", post?.data["title"]);
    /// }
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    pub fn items<I: ListItem>(&self, list: List<I>) -> ItemIter<I> {
        ItemIter { pages: self.pages(list), page: Vec::new().into_iter() }
    }
}

/// The pages of a list, see [`Client::pages`].
///
/// After an error the iterator ends; [`into_pages`](Self::into_pages) gives the cursor to go on with, which asks for
/// the page that failed.
#[must_use]
pub struct PageIter<I> {
    client: Client,
    pages: Pages<I>,
    failed: bool,
}

impl<I> PageIter<I> {
    /// The cursor, where it stands: sent as `&mut`, it gives the page that comes next, or the one that failed once more.
    #[must_use]
    pub fn into_pages(self) -> Pages<I> {
        self.pages
    }
}

impl<I: ListItem> Iterator for PageIter<I> {
    type Item = Result<Listing<I>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let page = self.client.send(&mut self.pages).transpose();
        self.failed = matches!(page, Some(Err(_)));
        page
    }
}

impl<I> fmt::Debug for PageIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageIter").field("pages", &self.pages).finish_non_exhaustive()
    }
}

/// The objects of a list, see [`Client::items`]. After an error it ends.
#[must_use]
pub struct ItemIter<I> {
    pages: PageIter<I>,
    page: std::vec::IntoIter<I>,
}

impl<I: ListItem> Iterator for ItemIter<I> {
    type Item = Result<I>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.page.next() {
                return Some(Ok(item));
            }
            match self.pages.next()? {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<I> fmt::Debug for ItemIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemIter").field("pages", &self.pages).finish_non_exhaustive()
    }
}
