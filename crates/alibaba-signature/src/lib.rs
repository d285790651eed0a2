//! Alibaba Cloud's request signatures, made and verified.
//!
//! Four are in use, and which one a request has depends on whom it is for:
//!
//! * [`acs3`]: `ACS3-HMAC-SHA256`, what every current SDK signs with, for RPC services (RAM, STS, …) and for REST ones
//!   (PAI, MaxCompute's OpenAPI, …, which Alibaba calls ROA) alike;
//! * [`rpc`]: the older signature of RPC services, HMAC-SHA1 in the query, which the official credentials libraries
//!   still use for `AssumeRole`;
//! * [`roa`]: the older one of REST services, HMAC-SHA1 in a header, of SDKs before the current ones;
//! * [`odps`]: MaxCompute's own, for its data plane.
//!
//! Nothing here sends anything or reads a clock: the caller brings method, path, query, headers, body, instant and
//! nonce, and gets text. A query is always given decoded, as pairs, and is encoded here in the one way in which it is
//! signed ([`canonical_query`]), which is also a right way to send it. Verifying works the other way round: decode what
//! came with [`parse_query`], sign again, compare. That is what servers do, and why it does not matter that Python's
//! SDK sends a space as `+` and others as `%20`.
//!
//! ```
//! use alibaba_signature::{Credentials, acs3};
//!
//! let credentials = Credentials::new("LTAI…", "secret");
//! let call = acs3::Call {
//!     method: "POST",
//!     host: "ram.aliyuncs.com",
//!     path: "/",
//!     query: &[("UserName".to_owned(), "alice".to_owned())],
//!     content_type: None,
//!     body: b"",
//!     action: "GetUser",
//!     version: "2015-05-01",
//! };
//! let at = "2026-11-22T04:52:53Z".parse().unwrap();
//! let headers = acs3::sign(&call, &credentials, at, "082aa30d211a08f35af2b151a5984957");
//! assert!(headers.iter().any(|(name, _)| name == "authorization"));
//! ```

pub mod acs3;
mod credentials;
mod digest;
mod encoding;
pub mod odps;
mod request;
pub mod roa;
pub mod rpc;

pub use credentials::Credentials;
pub use digest::sha256_hex;
pub use encoding::{canonical_query, parse_query, percent_encode};
