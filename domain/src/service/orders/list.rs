//! Orders by the page, newest first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Order, Orders,
    record::{self, Stored, Whose},
};
use crate::{
    error::Refusal,
    service::{
        asker::Asker,
        orders::OrderStatus,
        page::{LIMIT_MAX, NUMBER_MAX, Page, Pagination},
    },
    store::{Key, Scan, StoreError},
};

/// Entries read at once on the way to a page.
const STRIDE: usize = 1_000;

/// Which orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderQuery {
    /// Which page; default the first.
    #[schemars(range(min = 1, max = NUMBER_MAX))]
    pub page: Option<u64>,
    /// How many a page; default 20.
    #[schemars(range(min = 1, max = LIMIT_MAX))]
    pub limit: Option<u64>,
    /// Only those in this status.
    pub status: Option<OrderStatus>,
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
        let page = Page::of(query.page, query.limit)?;
        let whose = match by.user() {
            Some(user) if !by.is_staff() => Whose::Of(user),
            _ => Whose::All,
        };
        let total = whose.count(&*self.store, query.status).await?;
        let mut items = Vec::new();
        // What lies behind the end is not looked for.
        if page.offset() < total {
            for id in self.ids(whose.list(query.status), page).await? {
                let record = self.store.get(record::key(id)).await?;
                let stored = record.as_ref().map(Stored::read).transpose()?;
                items.extend(stored.map(|stored| stored.order));
            }
        }
        Ok(OrderPage { items, pagination: page.of_total(total) })
    }

    /// The ids of a page of a list.
    async fn ids(&self, list: Key, page: Page) -> Result<Vec<super::ObjectId>, StoreError> {
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let mut skip = page.offset();
        let mut above: Option<Key> = None;
        loop {
            let stride = usize::try_from(skip).map_or(STRIDE, |skip| skip.min(STRIDE));
            let (wanted, is_last) = if stride == 0 { (limit, true) } else { (stride, false) };
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
