//! How many calls a second each API allows an account, whoever calls it.
//!
//! Source: the services' pages "API rate quotas". An API that they do not show is taken as its kind.

use super::call::Call;
use super::endpoints::Service;

/// Calls that put two things together or apart, the narrow points of RAM.
const EDGES: [&str; 6] = ["AddUserTo", "RemoveUserFrom", "Attach", "Detach", "TagResources", "UntagResources"];

/// Calls a second that are documented to be allowed; none where no figure is published.
pub(super) fn documented(call: &Call) -> Option<f64> {
    let begins = |heads: &[&str]| heads.iter().any(|head| call.action.starts_with(head));
    Some(match call.service {
        Service::Ram if begins(&EDGES) => 10.0,
        Service::Ram if begins(&["Get", "List"]) => 100.0,
        Service::Ram => 20.0,
        Service::Ims if begins(&["Get", "List"]) => 350.0,
        Service::Ims => 150.0,
        Service::Sts => 100.0,
        Service::Odps | Service::Pai | Service::Dsw => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_has_its_own_rate() {
        assert_eq!(documented(&Call::ram("AttachPolicyToUser")), Some(10.0));
        assert_eq!(documented(&Call::ram("CreateAccessKey")), Some(20.0));
        assert_eq!(documented(&Call::ram("ListPolicies")), Some(100.0));
        assert_eq!(documented(&Call::ims("CreateUser")), Some(150.0));
        assert_eq!(documented(&Call::sts("AssumeRole")), Some(100.0));
    }
}
