//! Orders by the page, newest first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Order, Orders,
    record::{self, Stored, Whose},
};
use crate::{
    error::Refusal,
    service::{asker::Asker, orders::OrderStatus},
    store::{Key, Scan, StoreError},
};

/// Orders of one page.
pub const PAGE_MAX: u32 = 100;
const PAGE_DEFAULT: u32 = 20;

/// Entries read at once on the way to a page.
const STRIDE: usize = 1_000;

/// Which orders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrderQuery {
    /// From 1. Default 1.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub page: u32,
    /// 1 to 100. Default 20.
    #[schemars(range(min = 1, max = PAGE_MAX))]
    pub limit: u32,
    /// Only those in this status.
    pub status: Option<OrderStatus>,
}

impl Default for OrderQuery {
    fn default() -> Self {
        Self { page: 1, limit: PAGE_DEFAULT, status: None }
    }
}

/// A page.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OrderPage {
    /// The orders, newest first.
    pub items: Vec<Order>,
    /// Where the page is among the others.
    pub pagination: Pagination,
}

/// Where a page is (contract, section 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// From 1.
    pub current_page: u32,
    /// The one after it, if there is one.
    pub next_page: Option<u32>,
    /// The one before it, if there is one.
    pub prev_page: Option<u32>,
    /// Whether there is one after it.
    pub has_next: bool,
    /// Whether there is one before it.
    pub has_prev: bool,
    /// How many there are.
    pub total_pages: u32,
    /// How many records all of them have.
    pub total_records: u64,
}

impl Pagination {
    /// Page `page` (from 1) of `limit` (from 1) records each.
    pub fn new(page: u32, limit: u32, total_records: u64) -> Self {
        let pages = total_records.div_ceil(u64::from(limit.max(1)));
        let total_pages = u32::try_from(pages).unwrap_or(u32::MAX);
        let next_page = (page < total_pages).then(|| page + 1);
        let prev_page = page.checked_sub(1).filter(|prev| *prev > 0);
        Self {
            current_page: page,
            next_page,
            prev_page,
            has_next: next_page.is_some(),
            has_prev: prev_page.is_some(),
            total_pages,
            total_records,
        }
    }
}

impl Orders {
    /// A page of one's own orders; of everybody's for the staff.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] for a page or a limit out of range; the store's.
    pub async fn list(&self, by: Asker<'_>, query: &OrderQuery) -> Result<OrderPage, Refusal> {
        let refuse = |path: &str, message: String| Refusal::Invalid { path: path.into(), message };
        if query.page == 0 {
            return Err(refuse("page", "expected at least 1".to_owned()));
        }
        if !(1..=PAGE_MAX).contains(&query.limit) {
            return Err(refuse("limit", format!("expected 1 to {PAGE_MAX}")));
        }
        let whose = match by.user() {
            Some(user) if !by.is_staff() => Whose::Of(user),
            _ => Whose::All,
        };
        let total = whose.count(&*self.store, query.status).await?;
        let skip = u64::from(query.page - 1) * u64::from(query.limit);
        let mut items = Vec::new();
        // What lies behind the end is not looked for.
        if skip < total {
            for id in self.ids(whose.list(query.status), skip, query.limit).await? {
                let record = self.store.get(record::key(id)).await?;
                let stored = record.as_ref().map(Stored::read).transpose()?;
                items.extend(stored.map(|stored| stored.order));
            }
        }
        Ok(OrderPage { items, pagination: Pagination::new(query.page, query.limit, total) })
    }

    /// The ids of a list behind the first `skip`.
    async fn ids(
        &self,
        list: Key,
        mut skip: u64,
        limit: u32,
    ) -> Result<Vec<super::ObjectId>, StoreError> {
        let mut above: Option<Key> = None;
        loop {
            let stride = usize::try_from(skip).map_or(STRIDE, |skip| skip.min(STRIDE));
            let (wanted, is_last) =
                if stride == 0 { (limit as usize, true) } else { (stride, false) };
            let scan = Scan { above: above.take(), ..Scan::of(list.clone(), wanted) };
            let found = self.store.scan(scan).await?;
            if is_last {
                return Ok(found.iter().filter_map(|(key, _)| id_in(&list, key)).collect());
            }
            let Some((last, _)) = found.last() else {
                return Ok(Vec::new());
            };
            above = Some(last.clone());
            skip = skip.saturating_sub(stride as u64);
        }
    }
}

fn id_in(list: &Key, key: &Key) -> Option<super::ObjectId> {
    let mut parts = key.after(list);
    parts.descending()?;
    super::ObjectId::parse(&parts.text()?).ok()
}
