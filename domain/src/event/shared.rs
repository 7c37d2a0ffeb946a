//! Shapes that several apps share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer where there is nothing to say but that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub ok: bool,
}

/// The answer to entering or leaving a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub ok: bool,
    /// The room.
    pub room: String,
}

/// Where in a list a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// This page; the first is 1.
    pub current_page: u64,
    /// The next page; null on the last.
    pub next_page: Option<u64>,
    /// The page before; null on the first.
    pub prev_page: Option<u64>,
    /// Whether there is a next page.
    pub has_next: bool,
    /// Whether there is one before.
    pub has_prev: bool,
    /// Pages in all.
    pub total_pages: u64,
    /// Records in all.
    pub total_records: u64,
}

impl Pagination {
    /// Where page `page` (from 1) of `limit` records each is in `total` records. An empty list has
    /// none.
    pub fn of(page: u64, limit: u64, total: u64) -> Self {
        let pages = total.div_ceil(limit.max(1));
        let (next, prev) = (page.saturating_add(1), page.saturating_sub(1).min(pages));
        let (has_next, has_prev) = (page < pages, prev > 0);
        Self {
            current_page: page,
            next_page: has_next.then_some(next),
            prev_page: has_prev.then_some(prev),
            has_next,
            has_prev,
            total_pages: pages,
            total_records: total,
        }
    }
}

/// Defines types of one value each: a word that is always the same, such as an event's own name in
/// its payload. Left out, it is put in.
macro_rules! named {
    ($($name:ident = $word:literal),+ $(,)?) => {$(
        #[doc = concat!("Always `", $word, "`.")]
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[schemars(inline)]
        pub enum $name {
            /// The word.
            #[default]
            #[serde(rename = $word)]
            It,
        }
    )+};
}
pub(super) use named;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_its_neighbours() {
        let of = |page, total| {
            let at = Pagination::of(page, 20, total);
            assert_eq!(
                (at.next_page.is_some(), at.prev_page.is_some()),
                (at.has_next, at.has_prev)
            );
            (at.total_pages, at.prev_page, at.next_page)
        };
        assert_eq!(of(1, 0), (0, None, None));
        assert_eq!(of(1, 20), (1, None, None));
        assert_eq!(of(1, 21), (2, None, Some(2)));
        assert_eq!(of(2, 21), (2, Some(1), None));
        assert_eq!(of(9, 21), (2, Some(2), None), "past the end, the last page is before");
    }
}
