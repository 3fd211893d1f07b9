//! From an id to the request that fetches it, and on to the one that a redirect asks for. No I/O.

mod redirect;
mod source;
mod template;
mod text;
mod userinfo;

pub use source::{IntoBody, IntoRequest};
pub use template::encode;

pub(crate) use redirect::{RedirectError, follow, is_redirect};
pub(crate) use source::{MakeRequest, Origin, Prepared, RequestSource, RequestTemplate, check_header};
pub(crate) use template::Template;
pub(crate) use text::Text;
pub(crate) use userinfo::take_userinfo;

/// The longest line of a request's head, in bytes: its first line, or one header with its name. 8 KiB, which is what
/// most servers take.
pub const MAX_REQUEST_LINE: usize = 8 * 1024;
