//! Lists, a page at a time.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use crate::cloud::{Call, Outcome};
use crate::refusal::Refusal;

/// The answer `{List: {Item: […]}, IsTruncated, Marker}` with the page that `Marker` and `MaxItems` ask for. `items`
/// are sorted by their keys; a marker is the key of the last one that was given.
pub fn page(call: &Call<'_>, list: &str, item: &str, items: Vec<(String, Value)>, most: i64, default: i64) -> Outcome {
    let size = call.parameters.number("MaxItems")?.unwrap_or(default);
    if !(1..=most).contains(&size) {
        return Err(Refusal::range("MaxItems", 1, most));
    }
    let size = usize::try_from(size).unwrap_or(1).min(call.cloud.settings.page.max(1));
    let after = match call.parameters.text("Marker") {
        None => None,
        Some(marker) => {
            let decoded = BASE64.decode(marker.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(decoded.ok_or_else(|| Refusal::invalid("Marker"))?)
        }
    };
    let mut rest = items.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).peekable();
    let (mut given, mut last) = (Vec::new(), String::new());
    while let Some((key, value)) = rest.next_if(|_| given.len() < size) {
        given.push(value);
        last = key;
    }
    let truncated = rest.peek().is_some();
    let mut answer = Map::new();
    answer.insert(list.to_owned(), json!({item: given}));
    answer.insert("IsTruncated".to_owned(), truncated.into());
    if truncated {
        answer.insert("Marker".to_owned(), BASE64.encode(last.as_bytes()).into());
    }
    Ok(Value::Object(answer))
}
