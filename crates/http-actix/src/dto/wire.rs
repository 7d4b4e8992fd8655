//! Domain values on the wire: for each, its JSON type, the domain's own constructor, and a schema
//! with the domain's own limits. Bodies and queries are made of them.

use domain::{
    catalog::{Period, ProductId, ProductSort},
    customers::{CustomerId, CustomerSort},
    identity::{AccountId, ApiKeyId, KeyLife, Password, Permission, Role, SessionId, ShopRole},
    orders::{OrderId, OrderSort, OrderStatus},
    stock::{LedgerReason, MovementReason, StockDelta, StockLevel},
    values::{
        Description, Email, Limit, Name, Note, Price, Quantity, SearchTerms, Sku, Sort, ValueError,
    },
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use utoipa::openapi::{
    KnownFormat, Object, ObjectBuilder, SchemaFormat, Type,
    extensions::Extensions,
    schema::{SchemaType, SchemaType::Array},
};
use uuid::Uuid;

/// A JSON type, which a query writes without quotes.
pub(crate) trait Primitive: Sized {
    /// What to send instead of what is not of this type.
    const EXPECTED: &'static str;

    /// Reads the raw text of a JSON value.
    fn from_json(raw: &RawValue) -> Option<Self>;

    /// Reads a parameter of a query.
    fn from_text(text: String) -> Option<Self>;
}

impl Primitive for String {
    const EXPECTED: &'static str = "a string";

    fn from_json(raw: &RawValue) -> Option<Self> {
        read(raw)
    }

    fn from_text(text: String) -> Option<Self> {
        Some(text)
    }
}

impl Primitive for i64 {
    const EXPECTED: &'static str = "a whole number";

    /// In JSON Schema 2.0 and 2e0 are whole numbers as well (2020-12, section 6.1.1 of the
    /// validation vocabulary).
    fn from_json(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        read(raw).or_else(|| {
            // What a decimal cannot hold exactly is refused, not rounded.
            let mantissa = text.split(['e', 'E']).next()?;
            let exact = Decimal::from_str_exact(mantissa).ok()?;
            let number = if mantissa == text {
                exact
            } else {
                Decimal::from_scientific(text).ok()?
            };
            number.is_integer().then(|| number.to_i64()).flatten()
        })
    }

    fn from_text(text: String) -> Option<Self> {
        text.parse().ok()
    }
}

impl Primitive for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_json(raw: &RawValue) -> Option<Self> {
        read(raw)
    }

    fn from_text(text: String) -> Option<Self> {
        text.parse().ok()
    }
}

/// An amount of money, exactly as it was written: as a string or as a number.
pub(crate) struct Amount(String);

impl Primitive for Amount {
    const EXPECTED: &'static str = "a string such as \"19.90\", or a number";

    fn from_json(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if is_number {
            Some(Self(text.to_owned()))
        } else {
            read(raw).map(Self)
        }
    }

    fn from_text(text: String) -> Option<Self> {
        Some(Self(text))
    }
}

fn read<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// A value that callers send.
pub(crate) trait WireValue: Sized {
    /// How it is written.
    type Primitive: Primitive;

    /// Makes it of what was written.
    fn parse(written: Self::Primitive) -> Result<Self, ValueError>;

    /// What may be written, with an example.
    fn schema() -> Object;

    /// Its name in the document of the API, when it has one of its own there.
    const COMPONENT: Option<&'static str> = None;
}

/// Declares the wire form of a value: its JSON type, its constructor and its schema.
macro_rules! wire {
    ($value:ty: $primitive:ty, $parse:expr, $schema:expr $(, $component:literal)?) => {
        impl WireValue for $value {
            type Primitive = $primitive;

            fn parse(written: $primitive) -> Result<Self, ValueError> {
                $parse(written)
            }

            fn schema() -> Object {
                $schema.build()
            }

            $(const COMPONENT: Option<&'static str> = Some($component);)?
        }
    };
}

wire!(Name: String, |text: String| Self::parse(&text), name("Ana Souza"));
wire!(Description: String, |text: String| Self::parse(&text), string()
    .max_length(Some(Self::MAX_CHARACTERS))
    .pattern(Some(r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"))
    .examples([json!("Torra média, notas de caramelo e castanha. Em grãos.")]));
wire!(Note: String, |text: String| Self::parse(&text), string()
    .max_length(Some(Self::MAX_CHARACTERS))
    .pattern(Some(format!("^{LINES}*[^{CONTROL}{SPACE}]{LINES}*$")))
    .examples([json!("Pago por Pix.")]));
wire!(Sku: String, |text: String| Self::parse(&text), string()
    .min_length(Some(1))
    .max_length(Some(Self::MAX_CHARACTERS))
    .pattern(Some("^[!-~]+$"))
    .examples([json!("CAFE-CERRADO-250")]));
wire!(SearchTerms: String, |text: String| Self::parse(&text), string()
    .max_length(Some(Name::MAX_CHARACTERS))
    .pattern(Some(search()))
    .examples([json!("cafe cerado")]));
wire!(OffsetDateTime: String, |text: String| read_moment(&text), string()
    .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
    .examples([json!("2026-01-01T00:00:00Z")]));
wire!(Sort<OrderSort>: String, |text: String| sort(&text, &ORDERS), sorts(&ORDERS));
wire!(Sort<ProductSort>: String, |text: String| sort(&text, &PRODUCTS), sorts(&PRODUCTS));
wire!(Sort<CustomerSort>: String, |text: String| sort(&text, &CUSTOMERS), sorts(&CUSTOMERS));
wire!(Email: String, |text: String| Self::parse(&text), string()
    .format(Some(SchemaFormat::Custom("idn-email".to_owned())))
    .max_length(Some(Self::MAX_BYTES))
    .examples([json!("ana@example.com")]));
wire!(Password: String, Self::parse, string()
    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
    .min_length(Some(Self::MIN_CHARACTERS))
    .max_length(Some(Self::MAX_BYTES))
    .examples([json!("correct horse battery")]));
wire!(Price: Amount, |Amount(text)| Self::parse(&text), ObjectBuilder::new()
    .schema_type(SchemaType::from_iter([Type::String, Type::Number]))
    .pattern(Some(r"^(-0+(\.0{1,2})?|0*[0-9]{1,10}(\.[0-9]{1,2})?)$"))
    .minimum(Some(0))
    .maximum(Some(9_999_999_999.99))
    .multiple_of(Some(0.01))
    .examples([json!("19.90")]));
wire!(Quantity: i64, Self::parse, integer(1, Self::MAX_ASKED.into()).examples([json!(2)]));
wire!(StockLevel: i64, Self::parse, integer(0, Self::MAX_COUNTED).examples([json!(240)]));
wire!(StockDelta: i64, Self::parse, integer(-Self::MAX, Self::MAX)
    .extensions(Some(Extensions::from_iter([("not", json!({"const": 0}))])))
    .examples([json!(24)]));
wire!(MovementReason: String, |text: String| movement_reason(&text), string()
    .enum_values(Some(Self::ALL.map(|reason| LedgerReason::from(reason).as_str())))
    .examples([json!("receipt")]));
wire!(Limit: i64, Self::parse, integer(1, Self::MAX.entries().into()).examples([json!(10)]));
wire!(Period: i64, Self::parse, integer(1, Self::MAX_DAYS.into()).examples([json!(30)]));
wire!(OrderStatus: String, |text: String| text.parse(), string()
    .description(Some("How far an order has come."))
    .enum_values(Some(Self::ALL.map(Self::as_str)))
    .examples([json!("paid")]), "OrderStatus");
// The examples are what `balcao seed` loads.
wire!(ProductId: String, |text: String| text.parse(), id("019b76da-a814-7000-8000-000000000014"));
wire!(CustomerId: String, |text: String| text.parse(), id("019b76da-a800-7000-8000-000000000000"));
wire!(OrderId: String, |text: String| text.parse(), id("019b76da-a864-7000-8000-000000000064"));
wire!(AccountId: String, |text: String| text.parse(), id("0192f0c1-2a3b-7c4d-8e5f-60718293a4b9"));
wire!(SessionId: String, |text: String| text.parse(), id("0192f0c1-2a3b-7c4d-8e5f-60718293a4ba"));
wire!(ApiKeyId: String, |text: String| text.parse(), id("0192f0c1-2a3b-7c4d-8e5f-60718293a4bb"));
wire!(KeyLife: i64, Self::parse, integer(1, Self::MAX_DAYS.into()).examples([json!(90)]));
wire!(Scope: String, |text: String| scope(&text), string()
    .enum_values(Some(grantable().map(Permission::as_str)))
    .examples([json!("orders:write")]));
wire!(Role: String, |text: String| text.parse(), roles(&Self::ALL).examples([json!("staff")]));
wire!(ShopRole: String, |text: String| shop_role(&text),
    roles(&Self::ALL.map(Role::from)).examples([json!("staff")]));
wire!(bool: Self, Ok, ObjectBuilder::new()
    .schema_type(Type::Boolean)
    .examples([json!(true)]));
wire!(Uuid: String, |text: String| text.parse::<CustomerId>().map(CustomerId::as_uuid),
    id("0192f0c1-2a3b-7c4d-8e5f-60718293a4b7"));
// For what is not checked any further.
wire!(String: Self, Ok, string());

pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(crate) fn integer(min: i64, max: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(min))
        .maximum(Some(max))
}

/// An id in the one form in which it is read.
fn id(example: &str) -> ObjectBuilder {
    string()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .examples([json!(example)])
}

/// Unicode's property `White_Space`, in a class of characters.
const SPACE: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// Unicode's category Cc, control characters, in a class of characters.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";

/// A character of text that has lines.
const LINES: &str = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]";

/// One to ten words.
fn search() -> String {
    let word = format!("[^{CONTROL}{SPACE}]+");
    let more = SearchTerms::MAX_WORDS - 1;
    format!("^[{SPACE}]*{word}([ ]+{word}){{0,{more}}}[{SPACE}]*$")
}

/// A moment as it is written.
pub(crate) fn moment(moment: OffsetDateTime) -> String {
    // Only a year outside of 0 to 9999 cannot be written.
    moment.format(&Rfc3339).unwrap_or_default()
}

/// A moment, in UTC.
pub(crate) fn read_moment(text: &str) -> Result<OffsetDateTime, ValueError> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|moment| moment.checked_to_offset(UtcOffset::UTC))
        .ok_or(ValueError::Malformed {
            expected: "a date and a time with an offset (RFC 3339), such as 2026-01-01T00:00:00Z",
        })
}

fn movement_reason(text: &str) -> Result<MovementReason, ValueError> {
    let named = |reason: &MovementReason| LedgerReason::from(*reason).as_str() == text;
    let known = MovementReason::ALL.into_iter().find(named);
    known.ok_or(ValueError::Malformed {
        expected: "receipt, adjustment, return or loss",
    })
}

/// What a kind of list can be sorted by, and what to send instead of anything else.
struct Sorts<K: 'static> {
    names: &'static [(&'static str, K)],
    expected: &'static str,
}

const ORDERS: Sorts<OrderSort> = Sorts {
    names: &[("data_order", OrderSort::PlacedAt)],
    expected: "data_order or -data_order",
};

const PRODUCTS: Sorts<ProductSort> = Sorts {
    names: &[
        ("created_at", ProductSort::CreatedAt),
        ("nome", ProductSort::Name),
        ("preco", ProductSort::Price),
    ],
    expected: "one of created_at, nome, preco, or one of them with - before it",
};

const CUSTOMERS: Sorts<CustomerSort> = Sorts {
    names: &[
        ("created_at", CustomerSort::CreatedAt),
        ("nome", CustomerSort::Name),
    ],
    expected: "created_at or nome, or one of them with - before it",
};

fn sort<K: Copy>(text: &str, sorts: &Sorts<K>) -> Result<Sort<K>, ValueError> {
    let name = text.strip_prefix('-');
    let (_, by) = sorts
        .names
        .iter()
        .find(|(known, _)| *known == name.unwrap_or(text))
        .ok_or(ValueError::Malformed {
            expected: sorts.expected,
        })?;
    Ok(Sort {
        by: *by,
        is_descending: name.is_some(),
    })
}

fn sorts<K>(sorts: &Sorts<K>) -> ObjectBuilder {
    let names = sorts.names.iter().map(|(name, _)| *name);
    let all = names.flat_map(|name| [name.to_owned(), format!("-{name}")]);
    let all: Vec<_> = all.collect();
    let first = all.first().cloned();
    string().enum_values(Some(all)).examples([json!(first)])
}

/// One line of 1 to 200 characters, not counting the white space around it.
fn name(example: &str) -> ObjectBuilder {
    let ink = format!("[^{CONTROL}{SPACE}]");
    let between = Name::MAX_CHARACTERS - 2;
    let pattern = format!("^[{SPACE}]*{ink}([^{CONTROL}]{{0,{between}}}{ink})?[{SPACE}]*$");
    string().pattern(Some(pattern)).examples([json!(example)])
}

/// A permission that an API key may have.
pub(crate) struct Scope(pub(crate) Permission);

fn grantable() -> impl Iterator<Item = Permission> {
    Permission::ALL
        .into_iter()
        .filter(|permission| *permission != Permission::NEVER_GRANTED)
}

fn scope(text: &str) -> Result<Scope, ValueError> {
    let named = grantable().find(|permission| permission.as_str() == text);
    named.map(Scope).ok_or(ValueError::Malformed {
        expected: "a permission that an API key may have, such as orders:write",
    })
}

fn shop_role(text: &str) -> Result<ShopRole, ValueError> {
    let named = |role: &ShopRole| Role::from(*role).as_str() == text;
    let known = ShopRole::ALL.into_iter().find(named);
    known.ok_or(ValueError::Malformed {
        expected: "admin or staff",
    })
}

fn roles(roles: &[Role]) -> ObjectBuilder {
    string().enum_values(Some(roles.iter().map(|role| role.as_str())))
}

/// The role of an account.
pub(crate) fn own_role() -> Object {
    roles(&Role::ALL).build()
}

/// The role of who did something; `null` when it is not known.
pub(crate) fn role() -> Object {
    or_null(own_role())
}

/// The same schema, of a value that may be `null`.
pub(crate) fn or_null(mut schema: Object) -> Object {
    let types = match schema.schema_type {
        SchemaType::Type(one) => vec![one],
        Array(many) => many,
        SchemaType::AnyValue => return schema,
    };
    schema.schema_type = types.into_iter().chain([Type::Null]).collect();
    if let Some(values) = &mut schema.enum_values {
        values.push(Value::Null);
    }
    schema
}
