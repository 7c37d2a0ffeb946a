//! Pages of a list, as every list of the contract has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Refusal;

/// Items of a page where nothing else is asked for.
pub const LIMIT: u64 = 20;

/// Items of a page at most.
pub const LIMIT_MAX: u64 = 100;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    number: u64,
    limit: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self { number: 1, limit: LIMIT }
    }
}

impl Page {
    /// The page of this number, the first one being 1, with so many items; [`LIMIT`] where left out.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] at `page` or `limit`.
    pub fn of(number: Option<u64>, limit: Option<u64>) -> Result<Self, Refusal> {
        let refuse = |path: &str, message: String| Refusal::Invalid { path: path.into(), message };
        // So that every offset is a number that the store can count to.
        const NUMBER_MAX: u64 = 1 << 40;
        let page = Self { number: number.unwrap_or(1), limit: limit.unwrap_or(LIMIT) };
        if !(1..=NUMBER_MAX).contains(&page.number) {
            return Err(refuse("page", "expected a whole number from 1".to_owned()));
        }
        if !(1..=LIMIT_MAX).contains(&page.limit) {
            return Err(refuse("limit", format!("expected a whole number from 1 to {LIMIT_MAX}")));
        }
        Ok(page)
    }

    /// How many items come before it.
    pub fn offset(self) -> u64 {
        (self.number - 1).saturating_mul(self.limit)
    }

    /// How many items it has at most.
    pub fn limit(self) -> u64 {
        self.limit
    }
}

/// Where a page stands in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// From 1.
    pub current_page: u64,
    /// The one after it; null where there is none.
    pub next_page: Option<u64>,
    /// The one before it; null where there is none.
    pub prev_page: Option<u64>,
    /// Whether there is one after it.
    pub has_next: bool,
    /// Whether there is one before it.
    pub has_prev: bool,
    /// How many pages there are; 0 of an empty list.
    pub total_pages: u64,
    /// How many items there are.
    pub total_records: u64,
}

impl Pagination {
    /// Of a page in a list of so many items.
    pub fn of(page: Page, total: u64) -> Self {
        let pages = total.div_ceil(page.limit);
        let next_page = (page.number < pages).then(|| page.number + 1);
        // Behind the end, the one before is the last that there is.
        let prev_page = Some((page.number - 1).min(pages)).filter(|prev| *prev > 0);
        Self {
            current_page: page.number,
            next_page,
            prev_page,
            has_next: next_page.is_some(),
            has_prev: prev_page.is_some(),
            total_pages: pages,
            total_records: total,
        }
    }
}

/// A page and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// Where it stands.
    pub pagination: Pagination,
}

impl<T> Listed<T> {
    /// The same page of other items.
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Listed<U> {
        Listed { items: self.items.into_iter().map(to).collect(), pagination: self.pagination }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_its_neighbours() {
        for (page, total, (prev, next, pages)) in [
            (1, 0, (None, None, 0)),
            (1, 20, (None, None, 1)),
            (1, 21, (None, Some(2), 2)),
            (2, 21, (Some(1), None, 2)),
            (9, 21, (Some(2), None, 2)),
            (9, 0, (None, None, 0)),
        ] {
            let shown = Pagination::of(Page::of(Some(page), None).unwrap(), total);
            let got = (shown.prev_page, shown.next_page, shown.total_pages);
            assert_eq!(got, (prev, next, pages), "page {page} of {total}");
            assert_eq!((shown.has_prev, shown.has_next), (prev.is_some(), next.is_some()));
        }
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (page, limit, path) in
            [(0, 20, "page"), (u64::MAX, 20, "page"), (1, 0, "limit"), (1, 101, "limit")]
        {
            let refused = Page::of(Some(page), Some(limit));
            assert!(matches!(refused, Err(Refusal::Invalid { path: p, .. }) if p == path));
        }
    }
}
