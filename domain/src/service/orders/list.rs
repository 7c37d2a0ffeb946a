//! Orders by the page, newest first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Order, Orders,
    record::{self, Stored, Whose},
};
use crate::{
    error::Refusal,
    service::{asker::Asker, orders::OrderStatus, page::Pagination},
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
        Ok(OrderPage {
            items,
            pagination: Pagination::of(query.page.into(), query.limit.into(), total),
        })
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
