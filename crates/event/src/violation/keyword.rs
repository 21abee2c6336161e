//! The keywords of JSON Schema by which an event may be refused.

macro_rules! keywords {
    ($($variant:ident => $text:literal,)*) => {
        /// A keyword of JSON Schema 2020-12 that a value can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Keyword {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl Keyword {
            /// Every keyword.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As schemas spell it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The word of the API: `schema.` and the keyword.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("schema.", $text),)*
                }
            }
        }
    };
}

keywords! {
    Type => "type",
    Enum => "enum",
    Const => "const",
    MultipleOf => "multipleOf",
    Maximum => "maximum",
    ExclusiveMaximum => "exclusiveMaximum",
    Minimum => "minimum",
    ExclusiveMinimum => "exclusiveMinimum",
    MaxLength => "maxLength",
    MinLength => "minLength",
    Pattern => "pattern",
    Format => "format",
    MaxItems => "maxItems",
    MinItems => "minItems",
    UniqueItems => "uniqueItems",
    Contains => "contains",
    MinContains => "minContains",
    MaxContains => "maxContains",
    Items => "items",
    PrefixItems => "prefixItems",
    UnevaluatedItems => "unevaluatedItems",
    MaxProperties => "maxProperties",
    MinProperties => "minProperties",
    Required => "required",
    DependentRequired => "dependentRequired",
    DependentSchemas => "dependentSchemas",
    PropertyNames => "propertyNames",
    AdditionalProperties => "additionalProperties",
    PatternProperties => "patternProperties",
    Properties => "properties",
    UnevaluatedProperties => "unevaluatedProperties",
    AnyOf => "anyOf",
    OneOf => "oneOf",
    AllOf => "allOf",
    Not => "not",
    If => "if",
}
