//! The data of a Secret with an access key: under the names that each cloud's SDKs read, and as the file that they read.

use std::collections::BTreeMap;

use serde_json::json;

use crate::model::Provider;

/// The names of id, secret half, region and file.
type Names = [&'static str; 4];

const AWS: Names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "credentials"];
const ALIBABA: Names =
    ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_REGION_ID", "config.json"];

/// The names under which a key of that cloud stands in its Secret.
pub(super) fn names(provider: Provider) -> Names {
    match provider {
        Provider::Aws => AWS,
        Provider::Alibaba => ALIBABA,
    }
}

/// The data of a Secret that holds this key.
pub(super) fn data(provider: Provider, id: &str, half: &str, region: &str) -> BTreeMap<&'static str, String> {
    let values = [id.to_owned(), half.to_owned(), region.to_owned(), file(provider, id, half, region)];
    names(provider).into_iter().zip(values).collect()
}

/// The key's id, if all of the data agrees on it; `text` reads one of the data.
pub(super) fn id_in<'t>(text: impl Fn(&str) -> Option<&'t str>) -> Option<&'t str> {
    let provider = if text(ALIBABA[0]).is_some() { Provider::Alibaba } else { Provider::Aws };
    let [id, half, region, name] = names(provider);
    let (id, half, region) = (text(id)?, text(half)?, text(region)?);
    (text(name)? == file(provider, id, half, region)).then_some(id)
}

/// The file that `AWS_SHARED_CREDENTIALS_FILE` may point to; on Alibaba Cloud the profile of its command line.
fn file(provider: Provider, id: &str, half: &str, region: &str) -> String {
    match provider {
        Provider::Aws => {
            format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {half}\nregion = {region}\n")
        }
        Provider::Alibaba => {
            let profile = json!({
                "name": "default", "mode": "AK", "access_key_id": id, "access_key_secret": half, "region_id": region,
                "output_format": "json", "language": "en",
            });
            json!({"current": "default", "profiles": [profile]}).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_what_was_written_for_either_cloud() {
        for provider in [Provider::Aws, Provider::Alibaba] {
            let mut written = data(provider, "LTAI1", "s3cr3t", "cn-shanghai");
            assert_eq!(id_in(|name| written.get(name).map(String::as_str)), Some("LTAI1"));
            for name in names(provider) {
                let whole = written.insert(name, "other".to_owned());
                assert_eq!(id_in(|name| written.get(name).map(String::as_str)), None, "{name}");
                written.extend(whole.map(|whole| (name, whole)));
            }
        }
    }
}
