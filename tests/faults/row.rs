//! What stands for the rows of the matrix.

/// Who plays a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Player {
    Blocking,
    Async,
    /// The core alone, on a plain socket, with waits that take no time.
    Bare,
}

impl Player {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Async => "async",
            Self::Bare => "bare",
        }
    }
}

/// A scenario, by one of those who play it.
pub(crate) struct Play {
    pub(crate) name: &'static str,
    pub(crate) player: Player,
    pub(crate) play: fn(),
}

/// What a row of the matrix is answered with.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) plays: Vec<Play>,
    /// The one front-end that can be hurt in this way.
    pub(crate) only: Option<Player>,
}

impl Row {
    pub(crate) fn new(id: &'static str) -> Self {
        Self { id, plays: Vec::new(), only: None }
    }

    /// A row that is about one of the front-ends alone.
    pub(crate) fn only(mut self, player: Player) -> Self {
        self.only = Some(player);
        self
    }

    pub(crate) fn by(mut self, name: &'static str, player: Player, play: fn()) -> Self {
        self.plays.push(Play { name, player, play });
        self
    }
}

/// The rows of a topic. A scenario is a function that is generic over the `Driver`; after `wire` those follow that only
/// the two front-ends play, as they are about the wire and not about rules, and after `bare` those of the bare core, whose
/// waits would take too long elsewhere.
///
/// ```text
/// rows! {
///     C06 { reset_before_an_answer, closed_before_an_answer; wire }
///     C03 {; wire connecting_hangs }
///     H10 { asked_to_wait_for_longer_than_there_is; wire; bare asked_to_wait_for_long }
/// }
/// ```
macro_rules! rows {
    ($($id:ident { $($all:ident),* ; wire $($wire:ident),* $(; bare $($bare:ident),+)? })*) => {
        vec![$(
            $crate::row::Row::new(stringify!($id))
                $(
                    .by(stringify!($all), $crate::row::Player::Blocking, $all::<kinto_blocking::Client>)
                    .by(stringify!($all), $crate::row::Player::Async, $all::<kinto_async::Client>)
                    .by(stringify!($all), $crate::row::Player::Bare, $all::<$crate::bare::Bare>)
                )*
                $(
                    .by(stringify!($wire), $crate::row::Player::Blocking, $wire::<kinto_blocking::Client>)
                    .by(stringify!($wire), $crate::row::Player::Async, $wire::<kinto_async::Client>)
                )*
                $($(.by(stringify!($bare), $crate::row::Player::Bare, $bare::<$crate::bare::Bare>))+)?
        ),*]
    };
}
pub(crate) use rows;
