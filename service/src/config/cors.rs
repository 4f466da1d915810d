use http::HeaderValue;
use url::Url;

use super::{Default, Production, Shape, Variable, source::Source};

pub(super) const ORIGINS: Variable = Variable {
    name: "ULTRA_HTTP_CORS_ORIGINS",
    concern: "http",
    secret: false,
    shape: Shape::Pattern(r"^(\*|https?://[^/,\s]+(\s*,\s*https?://[^/,\s]+)*)$"),
    default: Default::Unset("none: pages of other origins cannot call"),
    production: Production::AsElsewhere,
    example: "https://app.example.com,https://admin.example.com",
    description: "The origins whose pages may call from a browser, separated by commas, or * for all.",
};

pub(super) const CREDENTIALS: Variable = Variable {
    name: "ULTRA_HTTP_CORS_CREDENTIALS",
    concern: "http",
    secret: false,
    shape: Shape::Switch,
    default: Default::Value("false"),
    production: Production::AsElsewhere,
    example: "false",
    description: "Whether these pages may send cookies and the like. Never with the origin *, which browsers refuse.",
};

/// Which pages of other origins may call from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// `ULTRA_HTTP_CORS_ORIGINS`.
    pub origins: Origins,
    /// `ULTRA_HTTP_CORS_CREDENTIALS`.
    pub credentials: bool,
}

/// Origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// All there are.
    Any,
    /// These, as browsers write them in a header.
    These(Vec<HeaderValue>),
}

impl Cors {
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let given = source.is_set(&ORIGINS);
        let origins = source.parse(&ORIGINS, parse);
        let credentials = source.switch(&CREDENTIALS);
        if credentials == Some(true) && !given {
            source.invalid(
                &CREDENTIALS,
                "has no effect without ULTRA_HTTP_CORS_ORIGINS; name the origins too, or remove it",
            );
        }
        if credentials == Some(true) && origins == Some(Origins::Any) {
            source.invalid(
                &ORIGINS,
                "would let every page use its visitors' credentials, which browsers refuse; name the origins, or \
                 remove ULTRA_HTTP_CORS_CREDENTIALS",
            );
        }
        Some(Self {
            origins: origins?,
            credentials: credentials?,
        })
    }
}

fn parse(text: &str) -> Result<Origins, String> {
    if text.trim() == "*" {
        return Ok(Origins::Any);
    }
    let origins = text
        .split(',')
        .map(|text| origin(text.trim()))
        .collect::<Result<_, _>>()?;
    Ok(Origins::These(origins))
}

/// Browsers compare an origin by its bytes, so that one with a path, a default port or capitals would never match.
fn origin(text: &str) -> Result<HeaderValue, String> {
    const SHAPE: &str =
        "holds something that is no origin; write scheme and host, such as https://app.example.com";
    let url = Url::parse(text).map_err(|_| SHAPE)?;
    let origin = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(SHAPE.to_owned());
    }
    if origin != text {
        return Err(format!(
            "holds something that is no origin; a browser would write {origin}"
        ));
    }
    HeaderValue::from_str(&origin).map_err(|_| SHAPE.to_owned())
}
