//! Files that their senders signed: by another program, in both forms, whole and in pieces; and those that were not.

use super::harness::cli::Saphan;
use super::harness::{Gateway, ROUND, header, sample};
use data_encoding::BASE64URL_NOPAD;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::Private;
use reqwest::{Method, Response};
use saphan::domain::ids::{ClientId, SubmissionId};
use saphan::domain::principal::Principal;
use saphan::vault::{DetachedJws, FileSigner};
use serde_json::Value;
use std::path::Path;

const OPERATOR: Principal = Principal::Operator;
const SIGNATURE: &str = "x-jws-signature";
const TO_DOLE: &str = "/v1/submissions?mapping=dole/enrolments&round=2026-06-10";

/// A gateway whose client `dole` has a key of its own.
struct Signing {
    gateway: Gateway,
    dole: ClientId,
    pair: EcKey<Private>,
    kid: String,
}

fn pair() -> EcKey<Private> {
    EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap()
}

fn signed(pair: &EcKey<Private>, bytes: &[u8]) -> String {
    let signer = FileSigner::parse(&pair.private_key_to_pem().unwrap()).unwrap();
    let mut stream = signer.begin();
    stream.update(bytes);
    signer.sign(stream).unwrap()
}

async fn code(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json::<Value>().await.unwrap()["code"].clone())
}

impl Signing {
    async fn start() -> Self {
        let gateway = Gateway::start();
        gateway.send_register().await;
        let clients = gateway.app.clients(&OPERATOR).await.unwrap();
        let dole = clients.into_iter().find(|client| client.name == "dole").unwrap().id;
        let pair = pair();
        let public = String::from_utf8(pair.public_key_to_pem().unwrap()).unwrap();
        let kid = gateway.app.add_client_key(&OPERATOR, &dole, &public).await.unwrap();
        Signing { gateway, dole, pair, kid }
    }

    async fn send(&self, signature: Option<&str>, file: Vec<u8>) -> Response {
        let mut request = self.gateway.by("dole", Method::POST, TO_DOLE).body(file);
        if let Some(signature) = signature {
            request = request.header(SIGNATURE, signature);
        }
        request.send().await.unwrap()
    }

    async fn must_sign(&self, must: bool) {
        self.gateway.app.ask_for_signatures(&OPERATOR, &self.dole, must).await.unwrap();
    }

    async fn submissions(&self) -> usize {
        let seen = self.gateway.by("dole", Method::GET, "/v1/submissions").send().await.unwrap();
        seen.json::<Value>().await.unwrap()["submissions"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_signed_file_is_taken_and_everything_about_it_names_the_key() {
    let signing = Signing::start().await;
    let file = sample("dole.json");
    let sent = signing.send(Some(&signed(&signing.pair, &file)), file).await;
    assert_eq!(sent.status(), 201);
    let sent: Value = sent.json().await.unwrap();
    let kid = Value::from(signing.kid.as_str());
    assert_eq!(sent["signed_by"], kid);
    let path = format!("/v1/submissions/{}", sent["id"].as_str().unwrap());
    let gateway = &signing.gateway;
    let seen: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["signed_by"], kid);
    let receipt = gateway.by("dole", Method::GET, &format!("{path}/receipt.jws")).send().await.unwrap();
    let receipt = receipt.text().await.unwrap();
    let claims = BASE64URL_NOPAD.decode(receipt.split('.').nth(1).unwrap().as_bytes()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["signed_by"], kid);
    let stored =
        gateway.app.submission(&OPERATOR, &SubmissionId::parse(sent["id"].as_str().unwrap()).unwrap()).await.unwrap();
    assert_eq!(stored.signed_by.as_deref(), Some(&*signing.kid));
    assert!(stored.signature.is_some());
    // Under one key a signed and an unsigned file are two statements.
    let keyed =
        |file: Vec<u8>| signing.gateway.by("dole", Method::POST, TO_DOLE).header("idempotency-key", "k").body(file);
    assert_eq!(keyed(sample("dole.json")).send().await.unwrap().status(), 201);
    let signature = signed(&signing.pair, &sample("dole.json"));
    let again = keyed(sample("dole.json")).header(SIGNATURE, signature).send().await.unwrap();
    assert_eq!(code(again).await, (409, "idempotency-key-reused".into()));
    // Without one it is taken as before, and says so.
    let plain: Value = signing.send(None, b"[]".to_vec()).await.json().await.unwrap();
    assert!(plain.get("signed_by").is_none(), "{plain}");
}

#[tokio::test]
async fn a_wrong_signature_leaves_nothing_behind() {
    let signing = Signing::start().await;
    let file = sample("dole.json");
    let good = signed(&signing.pair, &file);
    let (kept, before) = (signing.gateway.kept(), signing.submissions().await);
    let head = good.split("..").next().unwrap();
    let stranger = pair();
    let header =
        format!(r#"{{"alg":"ES256","typ":"saphan-file+jws","kid":"{}","b64":false,"crit":["b64"]}}"#, signing.kid);
    let claimed = format!(
        "{}..{}",
        BASE64URL_NOPAD.encode(header.as_bytes()),
        signed(&stranger, &file).rsplit("..").next().unwrap()
    );
    let of_other_bytes = signed(&signing.pair, b"{}");
    let unsigned = format!("{}..", BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#));
    for (signature, why) in [
        (of_other_bytes.as_str(), "over other bytes"),
        (&signed(&stranger, &file), "by a key that is not registered"),
        (&claimed, "by another key under this one's name"),
        (&unsigned, "alg none"),
        (head, "no signature at all"),
        (&format!("{good}, {good}"), "two of them"),
    ] {
        let refused = signing.send(Some(signature), file.clone()).await;
        assert_eq!(code(refused).await, (422, "signature-invalid".into()), "{why}");
    }
    let twice = signing.gateway.by("dole", Method::POST, TO_DOLE).header(SIGNATURE, &good).header(SIGNATURE, &good);
    assert_eq!(code(twice.body(file.clone()).send().await.unwrap()).await, (422, "signature-invalid".into()));
    // Another client's key is a stranger's to this one.
    let by_obec = signing.gateway.by("obec", Method::POST, "/v1/submissions?mapping=obec/enrolments&round=2026-06-10");
    let refused = by_obec.header(SIGNATURE, &good).body(file.clone()).send().await.unwrap();
    assert_eq!(code(refused).await, (422, "signature-invalid".into()));
    // A key that was taken away signs no more.
    signing.gateway.app.remove_client_key(&OPERATOR, &signing.dole, &signing.kid).await.unwrap();
    assert_eq!(code(signing.send(Some(&good), file).await).await, (422, "signature-invalid".into()));
    assert_eq!((signing.gateway.kept(), signing.submissions().await), (kept, before));
}

#[tokio::test]
async fn who_must_sign_is_refused_what_is_unsigned_at_every_gateway_and_by_every_way() {
    let signing = Signing::start().await;
    let beside = signing.gateway.beside();
    signing.must_sign(true).await;
    let (kept, file) = (signing.gateway.kept(), sample("dole.json"));
    assert_eq!(code(signing.send(None, file.clone()).await).await, (422, "signature-invalid".into()));
    let there = beside.by_one_of(&signing.gateway, "dole", Method::POST, TO_DOLE).body(file.clone());
    let there = there.header("accept-language", "en").send().await.unwrap();
    let told: Value = there.json().await.unwrap();
    assert!(told["detail"].as_str().unwrap().contains("X-JWS-Signature"), "{told}");
    let upload = signing.gateway.by("dole", Method::POST, "/v1/uploads?mapping=dole/enrolments&round=2026-06-10");
    let upload = upload.header("upload-length", file.len().to_string()).send().await.unwrap();
    assert_eq!(code(upload).await, (422, "signature-invalid".into()));
    assert_eq!(signing.gateway.kept(), kept);
    // One that was opened before they had to be signed does not come in unsigned either.
    signing.must_sign(false).await;
    let opened = signing.gateway.by("dole", Method::POST, "/v1/uploads?mapping=dole/enrolments&round=2026-06-10");
    let opened = opened.header("upload-length", file.len().to_string()).send().await.unwrap();
    signing.must_sign(true).await;
    let path = header(&opened, "location").to_owned();
    let whole = signing.gateway.by("dole", Method::PATCH, &path).header("upload-offset", "0");
    let whole =
        whole.header("content-type", "application/offset+octet-stream").body(file.clone()).send().await.unwrap();
    assert_eq!(code(whole).await, (422, "signature-invalid".into()));
    let acts = signing.gateway.another_store().await.journal(0, 1_000).await.unwrap();
    assert!(acts.iter().any(|one| one.entry.act == "submission.unsigned"));
    assert_eq!(signing.send(Some(&signed(&signing.pair, &file)), file.clone()).await.status(), 201);
    signing.must_sign(false).await;
    assert_eq!(signing.send(None, file).await.status(), 201);
    // Who has no key could send nothing at all.
    signing.gateway.app.remove_client_key(&OPERATOR, &signing.dole, &signing.kid).await.unwrap();
    let asked = signing.gateway.app.ask_for_signatures(&OPERATOR, &signing.dole, true).await;
    assert!(asked.unwrap_err().to_string().contains("saphan client key add"));
}

#[tokio::test]
async fn an_upload_in_pieces_is_checked_when_it_is_whole() {
    let signing = Signing::start().await;
    let (gateway, file) = (&signing.gateway, sample("dole.json"));
    for (bytes, status) in [(&file[..], 204), (b"{}".as_slice(), 422)] {
        let opened = gateway.by("dole", Method::POST, "/v1/uploads?mapping=dole/enrolments&round=2026-06-10");
        let opened = opened.header("upload-length", file.len().to_string());
        let opened = opened.header(SIGNATURE, signed(&signing.pair, bytes)).send().await.unwrap();
        assert_eq!(opened.status(), 201);
        let (path, half) = (header(&opened, "location").to_owned(), file.len() / 2);
        let mut last = None;
        for (offset, piece) in [(0, &file[..half]), (half, &file[half..])] {
            let request = gateway.by("dole", Method::PATCH, &path).header("upload-offset", offset.to_string());
            let request = request.header("content-type", "application/offset+octet-stream").body(piece.to_vec());
            last = Some(request.send().await.unwrap());
        }
        let last = last.unwrap();
        assert_eq!(last.status().as_u16(), status);
        if status == 204 {
            let path = format!("/v1/submissions/{}", header(&last, "saphan-submission"));
            let seen: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
            assert_eq!(seen["signed_by"], signing.kid.as_str());
        } else {
            let gone = gateway.by("dole", Method::GET, &path).send().await.unwrap();
            assert_eq!(gone.status(), 404, "its bytes are nobody's and are not kept");
        }
    }
}

/// Signs by another program (joserfc): with the payload as it is, and in base64url.
const SIGNER: &str = r#"
import sys
from joserfc import jws
from joserfc.jwk import ECKey
key_path, file_path, kid, form = sys.argv[1:]
key = ECKey.import_key(open(key_path).read())
payload = open(file_path, "rb").read()
header = {"alg": "ES256", "typ": "saphan-file+jws", "kid": kid}
if form == "plain":
    header |= {"b64": False, "crit": ["b64"]}
print(jws.detach_content(jws.serialize_compact(header, payload, key, algorithms=["ES256"])))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_signed_is_understood_in_both_forms() {
    let signing = Signing::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (key, path) = (folder.path().join("key.pem"), folder.path().join("dole.json"));
    let pkey = openssl::pkey::PKey::from_ec_key(signing.pair.clone()).unwrap();
    std::fs::write(&key, pkey.private_key_to_pem_pkcs8().unwrap()).unwrap();
    std::fs::write(&path, sample("dole.json")).unwrap();
    for form in ["plain", "encoded"] {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/clients/bin/python");
        let (key, path, kid) = (key.clone(), path.clone(), signing.kid.clone());
        let run = move || {
            let mut command = std::process::Command::new(python);
            command.args(["-c", SIGNER]).arg(key).arg(path).args([&kid, form]).output().unwrap()
        };
        let ran = tokio::task::spawn_blocking(run).await.unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert!(DetachedJws::parse(text.trim()).is_some(), "{text}");
        let sent = signing.send(Some(text.trim()), sample("dole.json")).await;
        assert_eq!(sent.status(), 201, "{form}: {}", sent.text().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_signs_what_it_sends() {
    let signing = Signing::start().await;
    signing.must_sign(true).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, path) = (folder.path().join("key.pem"), folder.path().join("dole.json"));
    std::fs::write(&key, signing.pair.private_key_to_pem().unwrap()).unwrap();
    std::fs::write(&path, sample("dole.json")).unwrap();
    let token = signing.gateway.by("dole", Method::GET, "/").build().unwrap();
    let token = token.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let url = signing.gateway.url.clone();
    let run = move |key: Option<&Path>| {
        let cli = Saphan::new(folder.path());
        let mut command = cli.command(&["submit", "--json", "--mapping", "dole/enrolments", "--round", ROUND]);
        command.args(["--server", &url]).env("SAPHAN_TOKEN", &token).env("no_proxy", "*");
        if let Some(key) = key {
            command.arg("--sign").arg(key);
        }
        let ran = command.arg(&path).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let all = tokio::task::spawn_blocking(move || {
        let public = key.with_extension("pub");
        std::fs::write(&public, b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n").unwrap();
        [run(Some(&key)), run(None), run(Some(&public))]
    });
    let [good, unsigned, no_key] = all.await.unwrap();
    assert!(matches!(good.0, Some(0 | 2)), "{good:?}");
    assert_eq!(unsigned.0, Some(1));
    assert!(unsigned.1.contains("X-JWS-Signature"), "{unsigned:?}");
    assert!(no_key.0 == Some(1) && no_key.1.contains("prime256v1"), "{no_key:?}");
}
