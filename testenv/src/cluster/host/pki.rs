//! The certificates of one control plane, made in milliseconds and kept in its folder.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::Error;

/// Under this name clients check the API server, by whatever address they reach it.
pub(super) const SERVER_NAME: &str = "kubernetes.default.svc";

/// The API server's own Service, the first address of the Service network.
pub(super) const SERVICE_ADDRESS: &str = "10.96.0.1";

/// The authority of one control plane and the folder of its files.
pub(super) struct Pki {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Pki {
    /// Makes the authority, the API server's certificates and the key that signs ServiceAccount tokens.
    pub(super) fn create(folder: PathBuf) -> Result<Self, Error> {
        let mut parameters = named("kubernetes-ca", None);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
        let pki = Self { folder, authority };
        pki.write("ca.crt", &pki.authority.pem())?;
        let server = pki.serving(
            "kube-apiserver",
            &["localhost", "127.0.0.1", SERVER_NAME, SERVICE_ADDRESS],
        )?;
        pki.write_identity("apiserver", &server)?;
        // Kubelets let members of this group read logs, execute and forward ports.
        let kubelet_client = pki.client("kube-apiserver-kubelet-client", Some("system:masters"))?;
        pki.write_identity("apiserver-kubelet-client", &kubelet_client)?;
        let tokens = KeyPair::generate()?;
        pki.write("sa.key", &tokens.serialize_pem())?;
        pki.write("sa.pub", &tokens.public_key_pem())?;
        Ok(pki)
    }

    /// An identity for a client: `user`, member of `group`.
    pub(super) fn client(&self, user: &str, group: Option<&str>) -> Result<Identity, Error> {
        let mut parameters = named(user, group);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(parameters)
    }

    /// An identity for a server with these names and addresses.
    pub(super) fn serving(&self, name: &str, addresses: &[&str]) -> Result<Identity, Error> {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(addresses)?;
        parameters.distinguished_name = named(name, None).distinguished_name;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(parameters)
    }

    fn issue(&self, mut parameters: CertificateParams) -> Result<Identity, Error> {
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.authority)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    fn write_identity(&self, name: &str, identity: &Identity) -> Result<(), Error> {
        self.write(&format!("{name}.crt"), &identity.certificate)?;
        self.write(&format!("{name}.key"), &identity.key)
    }

    /// Writes a file that only its owner can read into the folder.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.file(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(Error::at("write", &path))
    }

    /// Where the file `name` is.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The authority's certificate, as PEM.
    pub(super) fn authority(&self) -> String {
        self.authority.pem()
    }
}

fn named(name: &str, group: Option<&str>) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, group);
    }
    parameters
}

impl From<rcgen::Error> for Error {
    fn from(error: rcgen::Error) -> Self {
        Self::io("make the cluster's certificates", std::io::Error::other(error))
    }
}
