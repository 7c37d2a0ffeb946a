//! What a client asks for with `order:create`, and what of it can be said without the store.

use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{super::text, OrderItem};
use crate::{
    error::Refusal,
    service::products::{Cents, ObjectId, STOCK_MAX},
};

/// Lines of one order (contract, section 6).
pub const ITEMS_MAX: usize = 100;

/// Bytes of an address as JSON, and how deep it may be. It is sent on inside of the order, deeper
/// than it came, so the limit on events alone would let in what cannot be sent.
const ADDRESS_BYTES_MAX: usize = 4 << 10;
const ADDRESS_DEPTH_MAX: usize = 8;

/// Characters of a payment method.
const METHOD_MAX: usize = 100;

/// `order:create`. What is required is checked here and not by the types, because the contract has
/// sentences of its own for what is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrder {
    /// 1 to 100 lines. Required.
    #[schemars(with = "Vec<NewItem>", length(min = 1, max = 100))]
    pub items: Option<Vec<NewItem>>,
    /// Where to; any fields, at most 4 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Map<String, Value>>,
    /// How it is paid: `card`, `cash`, … At most 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<String>,
    /// The sum of the lines. Required.
    #[schemars(with = "Cents")]
    pub total: Option<Value>,
    /// The client's name for this order, at most 64 bytes: sent again, it is not ordered again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// A line of [`CreateOrder`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// 24 hexadecimal digits. Required.
    #[schemars(with = "ObjectId")]
    pub product: Option<Value>,
    /// A whole number from 1. Required.
    #[schemars(with = "u64", range(min = 1))]
    pub quantity: Option<Value>,
    /// Of one piece. Required.
    #[schemars(with = "Cents")]
    pub price: Option<Value>,
}

/// A [`CreateOrder`] that is right in itself.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) items: Vec<OrderItem>,
    pub(super) shipping_address: Option<Map<String, Value>>,
    pub(super) payment_method: Option<String>,
    pub(super) total: Cents,
}

impl CreateOrder {
    /// Checks all that can be said without the store. The first fault in the order of the fields is
    /// the one that is told.
    pub(super) fn check(&self) -> Result<Draft, Refusal> {
        let items = self.items.as_deref().ok_or_else(|| missing("items", "items"))?;
        if !(1..=ITEMS_MAX).contains(&items.len()) {
            return Err(refuse("items", format!("expected 1 to {ITEMS_MAX} items")));
        }
        let items = items.iter().enumerate().map(|(index, item)| item.check(index));
        let items = items.collect::<Result<Vec<OrderItem>, Refusal>>()?;
        if let Some(address) = &self.shipping_address {
            check_address(address)?;
        }
        if let Some(method) = &self.payment_method {
            text::check("paymentMethod", method, 1, METHOD_MAX)?;
        }
        let total = total(self.total.as_ref())?;
        match sum(&items) {
            Some(sum) if sum == total => {}
            Some(sum) => {
                return Err(refuse("total", format!("expected {sum}, the sum of the items")));
            }
            None => return Err(refuse("total", "the items cost more than can be counted")),
        }
        let (shipping_address, payment_method) =
            (self.shipping_address.clone(), self.payment_method.clone());
        Ok(Draft { items, shipping_address, payment_method, total })
    }
}

impl NewItem {
    fn check(&self, index: usize) -> Result<OrderItem, Refusal> {
        let at = |field: &str| format!("items.{index}.{field}");
        let product = match given(self.product.as_ref()) {
            None => return Err(missing(&at("product"), "product")),
            Some(Value::String(text)) => ObjectId::parse(text),
            // The sentence for anything else, as mongoose has it.
            Some(_) => ObjectId::parse(""),
        };
        let product = product.map_err(|error| refuse(&at("product"), error))?;
        let quantity = match given(self.quantity.as_ref()) {
            None => return Err(missing(&at("quantity"), "quantity")),
            Some(value) => whole(value).filter(|quantity| (1..=STOCK_MAX).contains(quantity)),
        };
        let quantity = quantity
            .ok_or_else(|| refuse(&at("quantity"), "expected a whole number of at least 1"))?;
        let price = money(&at("price"), "price", self.price.as_ref())?;
        Ok(OrderItem { product, quantity, price })
    }
}

/// A value that is there; `null` counts as left out, as in JavaScript.
fn given(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// A whole number, also where it was written with a fraction of zero.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        // Below 2^53, so whole numbers are exact.
        let fits = number.fract() == 0.0 && (0.0..=STOCK_MAX as f64).contains(&number);
        fits.then_some(number as u64)
    })
}

fn money(path: &str, field: &str, value: Option<&Value>) -> Result<Cents, Refusal> {
    let value = given(value).ok_or_else(|| missing(path, field))?;
    let units = value.as_f64().ok_or_else(|| refuse(path, "expected a number"))?;
    Cents::of_units(units).map_err(|fault| refuse(path, fault))
}

/// The total, compared with the sum in cents: what JavaScript makes of `1.1 * 3` is 3.30.
fn total(value: Option<&Value>) -> Result<Cents, Refusal> {
    /// Far more than the error of adding 100 lines, far less than a cent.
    const NOISE: f64 = 1e-4;
    let value = given(value).ok_or_else(|| missing("total", "total"))?;
    let units = value.as_f64().ok_or_else(|| refuse("total", "expected a number"))?;
    let cents = (units * 100.0).round();
    let near = (units * 100.0 - cents).abs() < NOISE;
    Cents::of_units(if near { cents / 100.0 } else { units })
        .map_err(|fault| refuse("total", fault))
}

fn sum(items: &[OrderItem]) -> Option<Cents> {
    items.iter().try_fold(Cents::default(), |sum, item| sum.plus(item.price.times(item.quantity)?))
}

fn check_address(address: &Map<String, Value>) -> Result<(), Refusal> {
    const PATH: &str = "shippingAddress";
    let json = serde_json::to_string(address).unwrap_or_default();
    if json.len() > ADDRESS_BYTES_MAX {
        return Err(refuse(PATH, format!("expected at most {ADDRESS_BYTES_MAX} bytes")));
    }
    crate::json::check(&json, ADDRESS_DEPTH_MAX).map_err(|fault| refuse(PATH, fault))?;
    if address
        .iter()
        .any(|(name, value)| text::has_control(name) || text::has_control_within(value))
    {
        return Err(refuse(PATH, "control characters are not allowed"));
    }
    Ok(())
}

/// The sentence that mongoose says of a required field.
fn missing(path: &str, field: &str) -> Refusal {
    refuse(path, format!("Path '{field}' is required"))
}

pub(super) fn refuse(path: &str, message: impl Display) -> Refusal {
    Refusal::Invalid { path: path.to_owned(), message: message.to_string() }
}
