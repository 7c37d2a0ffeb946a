//! Pages of a list, as every list of the contract has them.

use crate::error::Refusal;

pub use crate::event::Pagination;

/// Items of a page where nothing else is asked for.
pub const LIMIT: u64 = 20;

/// Items of a page at most.
pub const LIMIT_MAX: u64 = 100;

/// The highest page that can be asked for, so that every offset is a number that the store can count to.
pub const NUMBER_MAX: u64 = 1 << 40;

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
        let page = Self { number: number.unwrap_or(1), limit: limit.unwrap_or(LIMIT) };
        if !(1..=NUMBER_MAX).contains(&page.number) {
            return Err(refuse("page", format!("expected a whole number from 1 to {NUMBER_MAX}")));
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

    /// Where it stands in a list of so many items.
    pub fn of_total(self, total: u64) -> Pagination {
        Pagination::of(self.number, self.limit, total)
    }

    /// How many items it has at most.
    pub fn limit(self) -> u64 {
        self.limit
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
    fn what_is_no_page_is_refused() {
        for (page, limit, path) in
            [(0, 20, "page"), (u64::MAX, 20, "page"), (1, 0, "limit"), (1, 101, "limit")]
        {
            let refused = Page::of(Some(page), Some(limit));
            assert!(matches!(refused, Err(Refusal::Invalid { path: p, .. }) if p == path));
        }
    }
}
