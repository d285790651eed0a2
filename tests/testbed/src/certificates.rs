//! The control plane's own certificate authority, its serving certificate and the key that signs service-account tokens.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::layout::RunDirectory;

/// A certificate as people upload it to their IAM user, in PEM form.
///
/// # Panics
/// When it cannot be generated.
#[must_use]
pub fn somebodys() -> String {
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(Vec::new()).expect("parameters");
    parameters.self_signed(&key).expect("a certificate").pem()
}

/// Files in PEM form.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub ca_certificate: PathBuf,
    pub serving_certificate: PathBuf,
    pub serving_key: PathBuf,
    pub service_account_key: PathBuf,
    pub service_account_public_key: PathBuf,
}

impl Certificates {
    pub(crate) fn make(directory: &RunDirectory) -> Self {
        Self::generate(directory).expect("keys and certificates can be generated")
    }

    fn generate(directory: &RunDirectory) -> Result<Self, rcgen::Error> {
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "tenantry-test-ca");
        ca.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let ca_key = KeyPair::generate()?;
        let ca_certificate = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut serving = CertificateParams::new(names)?;
        serving.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let serving_key = KeyPair::generate()?;
        let serving_certificate = serving.signed_by(&serving_key, &issuer)?.pem();

        let service_account_key = KeyPair::generate()?;
        Ok(Self {
            ca_certificate: directory.write("ca.crt", ca_certificate),
            serving_certificate: directory.write("apiserver.crt", serving_certificate),
            serving_key: directory.write("apiserver.key", serving_key.serialize_pem()),
            service_account_key: directory.write("service-account.key", service_account_key.serialize_pem()),
            service_account_public_key: directory.write("service-account.pub", service_account_key.public_key_pem()),
        })
    }
}
