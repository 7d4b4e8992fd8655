//! The inputs of the API, each declared once: the declaration generates the struct, its reader and
//! its schema.

use domain::values::{Limit, Patch, Sort};
use serde_json::{Map, Value};
use utoipa::openapi::{
    ObjectBuilder, Ref, RefOr, Schema, Type,
    schema::{AdditionalProperties, ArrayBuilder},
};

use super::{
    reader::{Fields, Input, Wrong},
    wire::{WireValue, or_null},
};

/// Declares an input: a struct of [`Field`]s, each with a comment that becomes its description and,
/// where the example of its type does not fit, an example.
macro_rules! input {
    ($(#[doc = $about:literal])+ $visibility:vis struct $name:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty $(= $example:literal)?,)+
    }) => {
        $(#[doc = $about])+
        $visibility struct $name {
            $($(#[doc = $doc])+ pub(crate) $field: $type,)+
        }

        impl $crate::dto::Input for $name {
            fn read(
                fields: &mut $crate::dto::Fields<'_>,
            ) -> Result<Self, $crate::dto::Wrong> {
                $(let $field = <$type as $crate::dto::Field>::take(fields, stringify!($field));)+
                Ok(Self { $($field: $field?,)+ })
            }
        }

        impl $crate::dto::Described for $name {
            const NAME: &'static str = stringify!($name);
            const ABOUT: &'static str = concat!($($about,)+);

            fn properties() -> Vec<$crate::dto::Property> {
                vec![$($crate::dto::Property::of::<$type>(
                    stringify!($field),
                    concat!($($doc,)+),
                    [$($example)?].first().copied(),
                ),)+]
            }
        }
    };
}

pub(crate) use input;

/// The declaration of an [`Input`], for the OpenAPI document.
pub(crate) trait Described: Input {
    /// Its name in the document.
    const NAME: &'static str;
    /// Its description.
    const ABOUT: &'static str;

    /// Its fields.
    fn properties() -> Vec<Property>;

    /// Its schema as a body.
    fn schema() -> Schema {
        let mut schema = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(Self::ABOUT.trim()))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        for property in Self::properties() {
            schema = schema.property(property.name, property.in_body);
            if property.is_required {
                schema = schema.required(property.name);
            }
        }
        Schema::Object(schema.examples([Self::example()]).build())
    }

    /// An example of the whole.
    fn example() -> Value {
        let fields = Self::properties().into_iter();
        let fields = fields.map(|property| (property.name.to_owned(), property.example));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

/// A field, for the OpenAPI document.
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) is_required: bool,
    /// Its schema in a body.
    pub(crate) in_body: RefOr<Schema>,
    /// Its schema as a parameter of a query.
    pub(crate) in_query: RefOr<Schema>,
    pub(crate) example: Value,
    /// The name and the schema of what is in it, if that has a name of its own in the document.
    pub(crate) refers_to: Option<(&'static str, Schema)>,
}

impl Property {
    pub(crate) fn of<T: Field>(
        name: &'static str,
        about: &'static str,
        example: Option<&str>,
    ) -> Self {
        let about = about.trim();
        let example = example.map_or_else(T::example, Value::from);
        let described = |schema| match schema {
            RefOr::T(Schema::Object(mut object)) => {
                object.description = Some(about.to_owned());
                object.examples = vec![example.clone()];
                RefOr::T(Schema::Object(object))
            }
            RefOr::Ref(mut reference) => {
                about.clone_into(&mut reference.description);
                RefOr::Ref(reference)
            }
            list @ RefOr::T(_) => list,
        };
        Self {
            name,
            about,
            is_required: T::IS_REQUIRED,
            in_body: described(T::in_body()),
            in_query: described(T::in_query()),
            example,
            refers_to: T::refers_to(),
        }
    }
}

/// The types of fields: a value, an optional value, or a list of objects.
pub(crate) trait Field: Sized {
    /// Whether the field is required.
    const IS_REQUIRED: bool;

    /// Reads the field of this name.
    fn take(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, Wrong>;

    /// Its schema in a body.
    fn in_body() -> RefOr<Schema>;

    /// Its schema as a parameter of a query.
    fn in_query() -> RefOr<Schema> {
        Self::in_body()
    }

    /// An example of it.
    fn example() -> Value;

    /// The name and the schema of what is in it, if that has a name of its own in the document.
    fn refers_to() -> Option<(&'static str, Schema)> {
        None
    }
}

impl<T: WireValue> Field for T {
    const IS_REQUIRED: bool = true;

    fn take(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, Wrong> {
        fields.required(name)
    }

    fn in_body() -> RefOr<Schema> {
        T::COMPONENT.map_or_else(
            || RefOr::T(Schema::Object(T::schema())),
            |name| Ref::from_schema_name(name).into(),
        )
    }

    fn example() -> Value {
        T::schema().examples.into_iter().next().unwrap_or_default()
    }

    fn refers_to() -> Option<(&'static str, Schema)> {
        T::COMPONENT.map(|name| (name, Schema::Object(T::schema())))
    }
}

impl<T: WireValue> Field for Option<T> {
    const IS_REQUIRED: bool = false;

    fn take(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, Wrong> {
        fields.optional(name)
    }

    fn in_body() -> RefOr<Schema> {
        RefOr::T(Schema::Object(or_null(T::schema())))
    }

    fn in_query() -> RefOr<Schema> {
        T::in_body()
    }

    fn example() -> Value {
        T::example()
    }
}

/// A list of `MIN` to `MAX` objects.
pub(crate) struct List<T, const MIN: usize, const MAX: usize>(pub(crate) Vec<T>);

impl<T: Described, const MIN: usize, const MAX: usize> Field for List<T, MIN, MAX> {
    const IS_REQUIRED: bool = true;

    fn take(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, Wrong> {
        fields.objects(name, (MIN, MAX)).map(Self)
    }

    fn in_body() -> RefOr<Schema> {
        let list = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::NAME))
            .min_items(Some(MIN))
            .max_items(Some(MAX));
        RefOr::T(Schema::Array(list.build()))
    }

    fn example() -> Value {
        Value::Array(vec![T::example()])
    }

    fn refers_to() -> Option<(&'static str, Schema)> {
        Some((T::NAME, T::schema()))
    }
}

/// A list of `MIN` to `MAX` values.
pub(crate) struct Values<T, const MIN: usize, const MAX: usize>(pub(crate) Vec<T>);

impl<T: WireValue, const MIN: usize, const MAX: usize> Field for Values<T, MIN, MAX> {
    const IS_REQUIRED: bool = true;

    fn take(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, Wrong> {
        fields.values(name, (MIN, MAX)).map(Self)
    }

    fn in_body() -> RefOr<Schema> {
        let list = ArrayBuilder::new()
            .items(T::schema())
            .min_items(Some(MIN))
            .max_items(Some(MAX));
        RefOr::T(Schema::Array(list.build()))
    }

    fn example() -> Value {
        Value::Array(vec![T::example()])
    }
}

impl<T: WireValue> Field for Patch<T> {
    const IS_REQUIRED: bool = false;

    fn take(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, Wrong> {
        fields.patch(name)
    }

    fn in_body() -> RefOr<Schema> {
        <Option<T> as Field>::in_body()
    }

    fn example() -> Value {
        T::example()
    }
}

/// A field that always has a value, in a change that may leave it as it is.
pub(crate) struct Replaced<T>(pub(crate) Option<T>);

impl<T: WireValue> Field for Replaced<T> {
    const IS_REQUIRED: bool = false;

    fn take(fields: &mut Fields<'_>, name: &'static str) -> Result<Self, Wrong> {
        fields.replaced(name).map(Self)
    }

    fn in_body() -> RefOr<Schema> {
        T::in_body()
    }

    fn example() -> Value {
        T::example()
    }
}

/// What says which entries of a list are asked for, and what the list can be sorted by.
pub(crate) trait Sorted: Described {
    /// What the list can be sorted by.
    type By: Copy;
    /// The sequence when none is asked for.
    const DEFAULT: Sort<Self::By>;
    /// What is said of the parameter.
    const ABOUT: &'static str;
    const EXAMPLE: &'static str;
}

/// Which entries of a list are asked for, and in which sequence.
pub(crate) struct InSequence<P: Sorted> {
    pub(crate) parameters: P,
    pub(crate) sort: Sort<P::By>,
}

impl<P: Sorted> Input for InSequence<P>
where
    Sort<P::By>: WireValue,
{
    fn read(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let parameters = P::read(fields);
        let sort = fields.optional("sort");
        Ok(Self {
            parameters: parameters?,
            sort: sort?.unwrap_or(P::DEFAULT),
        })
    }
}

impl<P: Sorted> Described for InSequence<P>
where
    Sort<P::By>: WireValue,
{
    const NAME: &'static str = P::NAME;
    const ABOUT: &'static str = <P as Described>::ABOUT;

    fn properties() -> Vec<Property> {
        let mut properties = P::properties();
        let (about, example) = (<P as Sorted>::ABOUT, Some(P::EXAMPLE));
        properties.push(Property::of::<Option<Sort<P::By>>>("sort", about, example));
        properties
    }
}

/// Every entry of a list is asked for.
pub(crate) struct Everything;

impl Input for Everything {
    fn read(_: &mut Fields<'_>) -> Result<Self, Wrong> {
        Ok(Self)
    }
}

impl Described for Everything {
    const NAME: &'static str = "Everything";
    const ABOUT: &'static str = "Every entry of a list is asked for.";

    fn properties() -> Vec<Property> {
        Vec::new()
    }
}

input! {
    /// Which page of a list is asked for.
    pub(crate) struct PageParameters {
        /// The most entries in the page; 20 by default.
        limit: Option<Limit>,
        /// The `next_cursor` of the page before. It belongs to this list, with these parameters.
        cursor: Option<String>,
    }
}

/// What a list takes, and which page of it is asked for.
pub(crate) struct Paged<P> {
    pub(crate) parameters: P,
    pub(crate) page: PageParameters,
}

impl<P: Described> Input for Paged<P> {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let parameters = P::read(fields);
        let page = PageParameters::read(fields);
        Ok(Self {
            parameters: parameters?,
            page: page?,
        })
    }
}

impl<P: Described> Described for Paged<P> {
    const NAME: &'static str = P::NAME;
    const ABOUT: &'static str = P::ABOUT;

    fn properties() -> Vec<Property> {
        let mut properties = P::properties();
        properties.extend(PageParameters::properties());
        properties
    }
}
