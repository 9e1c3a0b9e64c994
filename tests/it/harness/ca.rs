//! A real CA in a folder, by the commands that docs/operations.md gives.

use reqwest::{Certificate, Client, ClientBuilder, Identity};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub struct Ca {
    folder: tempfile::TempDir,
}

fn config() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/ca.cnf")
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let ca = Ca { folder: tempfile::tempdir().unwrap() };
        std::fs::write(ca.path("index.txt"), "").unwrap();
        let subject = format!("/CN={name}");
        let mut arguments =
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -extensions authority \
            -keyout ca.key -out ca.pem -config"
                .split_whitespace()
                .collect::<Vec<_>>();
        let config = config();
        arguments.extend([config.to_str().unwrap(), "-subj", &subject]);
        ca.openssl(&arguments);
        ca
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn shown(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// `name.pem` and `name.key`. `kind`: a section of the configuration.
    pub fn issue(&self, name: &str, kind: &str) {
        self.issue_for(name, kind, &[]);
    }

    /// `from`, `to`: days from now.
    pub fn issue_between(&self, name: &str, kind: &str, from: i64, to: i64) {
        let at = |days: i64| {
            let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
            day.strftime("%Y%m%d%H%M%SZ").to_string()
        };
        self.issue_for(name, kind, &["-startdate", &at(from), "-enddate", &at(to)]);
    }

    fn issue_for(&self, name: &str, kind: &str, dates: &[&str]) {
        let (config, subject) = (config(), format!("/O=Agency/CN={name}"));
        let (key, request, out) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let config = config.to_str().unwrap();
        let pair = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc";
        let asked = [&["-config", config, "-subj", &subject, "-keyout", &key, "-out", &request]];
        self.openssl(&[&pair.split(' ').collect::<Vec<_>>()[..], asked[0]].concat());
        let signed = ["ca", "-batch", "-notext", "-config", config, "-extensions", kind, "-in", &request, "-out", &out];
        self.openssl(&[&signed[..], dates].concat());
    }

    pub fn revoke(&self, name: &str) {
        let (config, certificate) = (config(), format!("{name}.pem"));
        self.openssl(&["ca", "-config", config.to_str().unwrap(), "-revoke", &certificate]);
    }

    /// Writes `crl.pem` anew.
    pub fn list_revoked(&self) {
        let config = config();
        self.openssl(&["ca", "-config", config.to_str().unwrap(), "-gencrl", "-out", "crl.pem.new"]);
        std::fs::rename(self.path("crl.pem.new"), self.path("crl.pem")).unwrap();
    }

    /// Puts one pair in another's place, as a renewal does.
    pub fn put_in_place(&self, from: &str, to: &str) {
        for ending in ["pem", "key"] {
            let (new, old) = (self.path(&format!("{to}.{ending}.new")), self.path(&format!("{to}.{ending}")));
            std::fs::copy(self.path(&format!("{from}.{ending}")), &new).unwrap();
            std::fs::rename(new, old).unwrap();
        }
    }

    /// A client that trusts this CA and shows what `by` issued as `name`; none: nothing.
    pub fn client(&self, shown: Option<(&Ca, &str)>) -> Client {
        self.builder(shown).build().unwrap()
    }

    pub fn builder(&self, shown: Option<(&Ca, &str)>) -> ClientBuilder {
        let ca = Certificate::from_pem(&std::fs::read(self.path("ca.pem")).unwrap()).unwrap();
        let builder = Client::builder().no_proxy().tls_certs_only([ca]).timeout(Duration::from_secs(60));
        match shown {
            Some((by, name)) => {
                let file = |ending: &str| std::fs::read(by.path(&format!("{name}.{ending}"))).unwrap();
                builder.identity(Identity::from_pkcs8_pem(&file("pem"), &file("key")).unwrap())
            }
            None => builder,
        }
    }
}
