//! Where each service answers: Alibaba Cloud's own endpoint by region, or the one that the CloudAccount names.

/// A service, as far as we call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Users, groups, policies, keys.
    Ram,
    /// The same users, with tags, and the account as a whole.
    Ims,
    /// Who one is, and temporary keys.
    Sts,
    /// MaxCompute's data plane.
    Odps,
    /// PAI's workspaces.
    Pai,
    /// PAI's notebooks.
    Dsw,
}

impl Service {
    /// The version of its API.
    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Ram => "2015-05-01",
            Self::Ims => "2019-08-15",
            Self::Sts => "2015-04-01",
            // Its requests carry none.
            Self::Odps => "",
            Self::Pai => "2021-02-04",
            Self::Dsw => "2022-01-01",
        }
    }

    /// What calls are counted under.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ram => "ram",
            Self::Ims => "ims",
            Self::Sts => "sts",
            Self::Odps => "odps",
            Self::Pai => "pai",
            Self::Dsw => "dsw",
        }
    }

    /// The prefix of its actions in policies: IMS's are authorized as RAM's
    /// (IMS documentation, "RAM authorization").
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Ram | Self::Ims => "ram",
            Self::Sts => "sts",
            Self::Odps => "odps",
            Self::Pai => "paiworkspace",
            Self::Dsw => "paidsw",
        }
    }

    /// Its public host: RAM and IMS are central, the others answer by region, PAI not in all.
    fn host(self, region: &str) -> String {
        match self {
            Self::Ram => "ram.aliyuncs.com".to_owned(),
            Self::Ims => "ims.aliyuncs.com".to_owned(),
            Self::Sts => format!("sts.{region}.aliyuncs.com"),
            Self::Odps => format!("service.{region}.maxcompute.aliyun.com"),
            Self::Pai => format!("aiworkspace.{region}.aliyuncs.com"),
            Self::Dsw => format!("pai-dsw.{region}.aliyuncs.com"),
        }
    }
}

/// The endpoints of one account.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    region: String,
    instead: Option<String>,
}

impl Endpoints {
    /// `instead`: an endpoint for every service, in place of Alibaba Cloud's own.
    pub(super) fn new(region: impl Into<String>, instead: Option<&str>) -> Self {
        Self { region: region.into(), instead: instead.map(|url| url.trim_end_matches('/').to_owned()) }
    }

    /// The URL of a service, without a path, and the value of its `Host` header; in the account's own region where no other
    /// is named.
    pub(super) fn of(&self, service: Service, region: Option<&str>) -> (String, String) {
        let region = region.unwrap_or(&self.region);
        let url = self.instead.clone().unwrap_or_else(|| format!("https://{}", service.host(region)));
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).to_owned();
        (url, host)
    }

    /// The account's own region.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Whether calls go to Alibaba Cloud's own endpoints.
    pub(super) fn are_own(&self) -> bool {
        self.instead.is_none()
    }

    /// Where calls go, if not to Alibaba Cloud's own endpoints.
    pub(super) fn place(&self) -> &str {
        self.instead.as_deref().unwrap_or("Alibaba Cloud")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_answer_by_region_unless_the_account_says_where() {
        let own = Endpoints::new("cn-shanghai", None);
        assert_eq!(own.of(Service::Sts, None).0, "https://sts.cn-shanghai.aliyuncs.com");
        assert_eq!(own.of(Service::Ram, None), ("https://ram.aliyuncs.com".to_owned(), "ram.aliyuncs.com".to_owned()));
        assert_eq!(own.of(Service::Pai, Some("cn-beijing")).1, "aiworkspace.cn-beijing.aliyuncs.com");
        let named = Endpoints::new("cn-shanghai", Some("http://127.0.0.1:4600/"));
        assert_eq!(named.of(Service::Ims, None), ("http://127.0.0.1:4600".to_owned(), "127.0.0.1:4600".to_owned()));
    }
}
