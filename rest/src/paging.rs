//! Lists in pages: `page` and `limit` of a query (contract, section 4).

use crier_domain::service::page::{LIMIT_MAX, NUMBER_MAX, Page, Pagination};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::ApiError;

/// The query of a plain list.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Which page; default the first.
    #[schemars(range(min = 1, max = NUMBER_MAX))]
    page: Option<u64>,
    /// How many a page; default 20.
    #[schemars(range(min = 1, max = LIMIT_MAX))]
    limit: Option<u64>,
}

impl PageQuery {
    /// The page.
    ///
    /// # Errors
    ///
    /// 422 naming `page` or `limit`.
    pub(crate) fn page(self) -> Result<Page, ApiError> {
        Ok(Page::of(self.page, self.limit)?)
    }
}

/// The page of a list that is all there.
pub(crate) fn cut<T>(page: Page, list: Vec<T>) -> (Vec<T>, Pagination) {
    let pagination = page.of_total(u64::try_from(list.len()).unwrap_or(u64::MAX));
    let narrow = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let items = list.into_iter().skip(narrow(page.offset())).take(narrow(page.limit()));
    (items.collect(), pagination)
}
