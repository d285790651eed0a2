//! Policies that Alibaba Cloud itself keeps: the ones that tenants and the operator have to do with.

/// A system policy.
pub struct SystemPolicy {
    pub name: &'static str,
    pub description: &'static str,
    pub document: &'static str,
}

pub fn find(name: &str) -> Option<&'static SystemPolicy> {
    ALL.iter().find(|policy| policy.name == name)
}

macro_rules! allow {
    ($actions:literal) => {
        concat!(r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"#, $actions, r#","Resource":"*"}]}"#)
    };
}

const fn policy(name: &'static str, description: &'static str, document: &'static str) -> SystemPolicy {
    SystemPolicy { name, description, document }
}

/// The documents are the real ones' meaning for the services that are played here.
pub const ALL: &[SystemPolicy] = &[
    policy("AdministratorAccess", "Provides full access to Alibaba Cloud services and resources.", allow!(r#""*""#)),
    policy("AliyunMaxComputeFullAccess", "Full access to MaxCompute.", allow!(r#""odps:*""#)),
    policy(
        "AliyunMaxComputeReadOnlyAccess",
        "Read-only access to MaxCompute.",
        allow!(r#"["odps:Get*","odps:List*"]"#),
    ),
    policy("AliyunOSSFullAccess", "Full access to OSS.", allow!(r#""oss:*""#)),
    policy("AliyunOSSReadOnlyAccess", "Read-only access to OSS.", allow!(r#"["oss:Get*","oss:List*"]"#)),
    policy("AliyunPAIDSWFullAccess", "Full access to PAI-DSW.", allow!(r#""paidsw:*""#)),
    policy(
        "AliyunPAIFullAccess",
        "Full access to PAI.",
        allow!(
            r#"["pai:*","paidsw:*","paidlc:*","paiworkspace:*","paiimage:*","paidataset:*","paimodel:*","paicodesource:*","paiexperiment:*","paiflow:*","paijob:*","eas:*"]"#
        ),
    ),
    policy(
        "AliyunPAIReadOnlyAccess",
        "Read-only access to PAI.",
        allow!(
            r#"["pai:Get*","pai:List*","paidsw:Get*","paidsw:List*","paidlc:Get*","paidlc:List*","paiworkspace:Get*","paiworkspace:List*","paiimage:Get*","paiimage:List*","paidataset:Get*","paidataset:List*","paimodel:Get*","paimodel:List*"]"#
        ),
    ),
    policy(
        "AliyunBSSReadOnlyAccess",
        "Read-only access to billing.",
        allow!(r#"["bss:Describe*","bss:Get*","bss:List*","bss:Query*"]"#),
    ),
    policy(
        "AliyunContainerRegistryReadOnlyAccess",
        "Read-only access to Container Registry.",
        allow!(r#"["cr:Get*","cr:List*","cr:Pull*"]"#),
    ),
    policy(
        "AliyunCSReadOnlyAccess",
        "Read-only access to Container Service.",
        allow!(r#"["cs:Check*","cs:Describe*","cs:Get*","cs:List*"]"#),
    ),
    policy("AliyunECSFullAccess", "Full access to ECS.", allow!(r#""ecs:*""#)),
    policy("AliyunECSReadOnlyAccess", "Read-only access to ECS.", allow!(r#"["ecs:Describe*","ecs:List*"]"#)),
    policy("AliyunLogFullAccess", "Full access to Log Service.", allow!(r#""log:*""#)),
    policy(
        "AliyunLogReadOnlyAccess",
        "Read-only access to Log Service.",
        allow!(r#"["log:Get*","log:List*","log:Query*"]"#),
    ),
    policy("AliyunPAIDLCFullAccess", "Full access to PAI-DLC.", allow!(r#""paidlc:*""#)),
    policy("AliyunPAIEASFullAccess", "Full access to PAI-EAS.", allow!(r#""eas:*""#)),
    policy("AliyunVPCReadOnlyAccess", "Read-only access to VPC.", allow!(r#"["vpc:Describe*","vpc:List*"]"#)),
    policy("AliyunRAMFullAccess", "Full access to RAM.", allow!(r#""ram:*""#)),
    policy("AliyunRAMReadOnlyAccess", "Read-only access to RAM.", allow!(r#"["ram:Get*","ram:List*"]"#)),
    policy("AliyunSTSAssumeRoleAccess", "Access to STS AssumeRole.", allow!(r#""sts:AssumeRole""#)),
    policy(
        "ReadOnlyAccess",
        "Provides read-only access to Alibaba Cloud services and resources.",
        allow!(r#"["*:Describe*","*:Get*","*:List*","*:Query*","*:BatchGet*"]"#),
    ),
];
