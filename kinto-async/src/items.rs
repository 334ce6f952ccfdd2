//! Lists as streams.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use kinto_protocol::{List, ListItem, Listing, Pages, Result};

use crate::client::Client;

impl Client {
    /// Reads a list page by page, in the memory of one page.
    ///
    /// When the future of its next page is dropped, the stream still has it under way and loses nothing; when the stream
    /// is dropped, it is over.
    ///
    /// ```
    /// # use kinto_async::{Client, bucket};
    /// # use futures_util::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// let mut pages = client.pages(bucket("blog").collection("posts").records().list().page_size(2));
    /// while let Some(page) = pages.next().await {
    ///     println!("{} more", page?.items.len()); // 2 more, 1 more
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages<I: ListItem + 'static>(&self, list: List<I>) -> PageStream<I> {
        PageStream { client: self.clone(), state: State::Between(list.pages()) }
    }

    /// Reads a list object by object, in the memory of one page.
    ///
    /// When the future of its next object is dropped, the stream loses nothing; when the stream is dropped, it is over.
    ///
    /// ```
    /// # use kinto_async::{Client, bucket};
    /// # use futures_util::StreamExt;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kinto_async::Error> {
    /// # let server = kinto_tests::blog();
    /// # let client = Client::builder(server.url()).build()?;
    /// let mut posts = client.items(bucket("blog").collection("posts").records().list().sort("title"));
    /// while let Some(post) = posts.next().await {
    ///     println!("{}", post?.data["title"]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn items<I: ListItem + 'static>(&self, list: List<I>) -> ItemStream<I> {
        ItemStream { pages: self.pages(list), page: Vec::new().into_iter() }
    }
}

/// The pages of a list, see [`Client::pages`]. After an error it ends.
///
/// To go on after an error or a dropped future, keep a cursor and send it: `client.send(&mut list.pages())`.
#[must_use]
pub struct PageStream<I> {
    client: Client,
    state: State<I>,
}

type Asked<I> = (Pages<I>, Result<Option<Listing<I>>>);

enum State<I> {
    Between(Pages<I>),
    Asking(Pin<Box<dyn Future<Output = Asked<I>> + Send>>),
    Over,
}

impl<I: ListItem + 'static> Stream for PageStream<I> {
    type Item = Result<Listing<I>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Between(mut pages) => {
                    let client = self.client.clone();
                    self.state = State::Asking(Box::pin(async move {
                        let page = client.send(&mut pages).await;
                        (pages, page)
                    }));
                }
                State::Asking(mut asking) => match asking.as_mut().poll(context) {
                    Poll::Pending => {
                        self.state = State::Asking(asking);
                        return Poll::Pending;
                    }
                    Poll::Ready((pages, page)) => {
                        if matches!(page, Ok(Some(_))) {
                            self.state = State::Between(pages);
                        }
                        return Poll::Ready(page.transpose());
                    }
                },
                State::Over => return Poll::Ready(None),
            }
        }
    }
}

// Nothing in it is pinned in place.
impl<I> Unpin for PageStream<I> {}

impl<I> fmt::Debug for PageStream<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageStream").field("client", &self.client).finish_non_exhaustive()
    }
}

/// The objects of a list, see [`Client::items`]. After an error it ends.
#[must_use]
pub struct ItemStream<I> {
    pages: PageStream<I>,
    page: std::vec::IntoIter<I>,
}

impl<I: ListItem + 'static> Stream for ItemStream<I> {
    type Item = Result<I>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.page.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(Pin::new(&mut self.pages).poll_next(context)) {
                Some(Ok(page)) => self.page = page.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<I> Unpin for ItemStream<I> {}

impl<I> fmt::Debug for ItemStream<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").field("pages", &self.pages).finish_non_exhaustive()
    }
}
