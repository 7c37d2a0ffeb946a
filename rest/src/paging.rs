//! Lists in pages: `page` and `limit` in, `pagination` out (contract, section 7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that `limit` may be.
const LIMIT_MAX: u32 = 100;

/// The last page that may be asked for.
const PAGE_MAX: u32 = 1_000_000;

/// A page's number, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u32")]
#[schemars(inline)]
pub(crate) struct Page(#[schemars(range(min = 1, max = PAGE_MAX))] u32);

/// How many a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u32")]
#[schemars(inline)]
pub(crate) struct Limit(#[schemars(range(min = 1, max = LIMIT_MAX))] u32);

/// The query of a plain list; lists with more parameters have these two as fields.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Which page; default the first.
    #[serde(default)]
    pub(crate) page: Page,
    /// How many a page; default 20.
    #[serde(default)]
    pub(crate) limit: Limit,
}

/// Where a page stands in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pagination {
    current_page: u64,
    next_page: Option<u64>,
    prev_page: Option<u64>,
    has_next: bool,
    has_prev: bool,
    total_pages: u64,
    total_records: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self(1)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl TryFrom<u32> for Page {
    type Error = String;

    fn try_from(page: u32) -> Result<Self, String> {
        let legal = (1..=PAGE_MAX).contains(&page);
        legal.then_some(Self(page)).ok_or_else(|| format!("expected 1 to {PAGE_MAX}"))
    }
}

impl TryFrom<u32> for Limit {
    type Error = String;

    fn try_from(limit: u32) -> Result<Self, String> {
        let legal = (1..=LIMIT_MAX).contains(&limit);
        legal.then_some(Self(limit)).ok_or_else(|| format!("expected 1 to {LIMIT_MAX}"))
    }
}

impl Page {
    /// The number.
    pub(crate) fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Limit {
    /// The number.
    pub(crate) fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl PageQuery {
    /// How many of the list come before the page.
    pub(crate) fn skipped(self) -> usize {
        (self.page.get() - 1).saturating_mul(self.limit.get())
    }

    /// Where the page stands in a list of so many.
    pub(crate) fn pagination(self, total: usize) -> Pagination {
        let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let page = wide(self.page.get());
        let pages = wide(total.div_ceil(self.limit.get()));
        let (has_next, has_prev) = (page < pages, page > 1);
        Pagination {
            current_page: page,
            next_page: has_next.then_some(page + 1),
            prev_page: has_prev.then(|| page - 1),
            has_next,
            has_prev,
            total_pages: pages,
            total_records: wide(total),
        }
    }

    /// The page of a list that is all there.
    pub(crate) fn cut<T>(self, list: Vec<T>) -> (Vec<T>, Pagination) {
        let pagination = self.pagination(list.len());
        (list.into_iter().skip(self.skipped()).take(self.limit.get()).collect(), pagination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query;

    #[test]
    fn a_list_is_cut_into_pages() {
        let page = |query: &str| {
            let query: PageQuery = query::parse(Some(query)).unwrap();
            let (items, pagination) = query.cut((1..=45).collect::<Vec<_>>());
            (items.first().copied(), items.len(), serde_json::to_value(pagination).unwrap())
        };
        let shown = |current: u64, next: Option<u64>, prev: Option<u64>| {
            serde_json::json!({
                "currentPage": current, "nextPage": next, "prevPage": prev,
                "hasNext": next.is_some(), "hasPrev": prev.is_some(),
                "totalPages": 3, "totalRecords": 45,
            })
        };
        assert_eq!(page(""), (Some(1), 20, shown(1, Some(2), None)));
        assert_eq!(page("page=3&limit=20"), (Some(41), 5, shown(3, None, Some(2))));
        assert_eq!(page("page=9&limit=20"), (None, 0, shown(9, None, Some(8))));
        for bad in ["page=0", "limit=0", "limit=101", "page=1000001", "page=4294967297"] {
            assert!(query::parse::<PageQuery>(Some(bad)).is_err(), "{bad}");
        }
    }
}
