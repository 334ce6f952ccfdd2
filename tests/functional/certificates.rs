//! Certificates for the key of a real server, down from a root: what it signs is verified with them, or not.

use std::time::{Duration, SystemTime};

use kinto_protocol::{ContentSignature, ErrorKind, JsonMap, LocalCopy, Verification, Verifier};
use kinto_tests::{Answer, Stub};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Purpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, NameConstraints, PKCS_ECDSA_P384_SHA384, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;

use crate::canned::between;
use crate::context::{Kinto, refused};
use crate::driver::{Driver, Setup};
use crate::reviews::{Reviewed, reviewed};
use crate::verified::{public_key, published};

const NAME: &str = "signer.example";

/// The key that a server signs with, as far as it is known.
struct ServersKey(Vec<u8>);

impl ServersKey {
    fn of<D>(kinto: &Kinto<D>) -> Self {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(public_key(kinto).as_bytes()).unwrap();
        // Two numbers of 48 bytes, and what says that there are two.
        Self(key[key.len() - 97..].to_vec())
    }
}

impl PublicKeyData for ServersKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P384_SHA384
    }
}

type Change = fn(&mut CertificateParams);

/// Three certificates, each of them changed in some way before it is signed.
#[derive(Clone, Copy)]
struct Plan {
    leaf: Change,
    intermediate: Change,
    root: Change,
}

const GOOD: Plan = Plan { leaf: |_| {}, intermediate: |_| {}, root: |_| {} };

/// Those certificates, in PEM.
struct Chain {
    leaf: String,
    intermediate: String,
    root: String,
}

impl Chain {
    fn pem(&self) -> String {
        [&*self.leaf, &self.intermediate, &self.root].concat()
    }
}

fn params(name: &str, is_authority: bool, change: Change) -> CertificateParams {
    let names = if is_authority { Vec::new() } else { vec![name.to_owned()] };
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2200, 1, 1));
    params.is_ca = if is_authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params.extended_key_usages = vec![Purpose::CodeSigning];
    change(&mut params);
    params
}

fn chain(key: &impl PublicKeyData, plan: Plan) -> Chain {
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let root = params("root", true, plan.root);
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let root = Issuer::new(root, root_key);
    // Of the curve P-256.
    let intermediate_key = KeyPair::generate().unwrap();
    let intermediate = params("intermediate", true, plan.intermediate);
    let intermediate_pem = intermediate.signed_by(&intermediate_key, &root).unwrap().pem();
    let intermediate = Issuer::new(intermediate, intermediate_key);
    let leaf = params(NAME, false, plan.leaf).signed_by(key, &intermediate).unwrap().pem();
    Chain { leaf, intermediate: intermediate_pem, root: root_pem }
}

/// What a published collection is verified by: its signed text, and the signature.
struct Signed(String, ContentSignature);

impl Signed {
    fn of<D: Driver>(kinto: &Kinto<D>, it: &Reviewed<D>) -> Self {
        let copy = LocalCopy::from(kinto.anonymous.send(published(it).changeset()).unwrap());
        Self(copy.signed_text(), copy.signatures().remove(0))
    }

    fn verify(&self, verifier: &Verifier, pem: &str) -> kinto_protocol::Result<()> {
        verifier.verify(self.0.as_bytes(), &self.1, Some(pem.as_bytes()), SystemTime::now())
    }
}

/// The verifier that trusts the root of these certificates: its SHA-256 is told to those who trust another.
fn trusting(signed: &Signed, pem: &str) -> Verifier {
    let error = refused(signed.verify(&Verifier::with_root(&"00".repeat(32)).unwrap(), pem)).to_string();
    let (why, sha256) = error.rsplit_once(' ').unwrap();
    assert_eq!(why, "the certificates of the signer lead to another root, whose SHA-256 is");
    Verifier::with_root(sha256).unwrap()
}

pub(crate) fn from_the_servers_key_to_the_root<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let (signed, chain) = (Signed::of(kinto, &it), chain(&ServersKey::of(kinto), GOOD));
    let verifier = trusting(&signed, &chain.pem());
    signed.verify(&verifier, &chain.pem()).unwrap();
    let named = verifier.clone().signer_name(NAME).unwrap();
    signed.verify(&named, &format!("For people:\n{}", chain.pem().replace('\n', "\r\n"))).unwrap();
    let why = refused(named.verify(b"{}", &signed.1, Some(chain.pem().as_bytes()), SystemTime::now())).to_string();
    assert!(why.starts_with("the signature is not one of these records"), "{why}");
    // Without one in between.
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let root = params("root", true, |_| {});
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let leaf = params(NAME, false, |_| {}).signed_by(&ServersKey::of(kinto), &Issuer::new(root, root_key)).unwrap();
    let short = leaf.pem() + &root_pem;
    signed.verify(&trusting(&signed, &short), &short).unwrap();
}

/// What certificates are refused for, in so many words.
const REFUSED: [(&str, Plan); 16] = [
    ("a certificate of the signer expired on Mon, 01 Jan 2001 00:00:00 GMT", Plan { leaf: past, ..GOOD }),
    ("a certificate of the signer expired on Mon, 01 Jan 2001 00:00:00 GMT", Plan { intermediate: past, ..GOOD }),
    ("a certificate of the signer expired on Mon, 01 Jan 2001 00:00:00 GMT", Plan { root: past, ..GOOD }),
    ("a certificate of the signer is not valid before Tue, 01 Jan 2199 00:00:00 GMT", Plan { leaf: future, ..GOOD }),
    (
        "a certificate of the signer is not valid before Tue, 01 Jan 2199 00:00:00 GMT",
        Plan { intermediate: future, ..GOOD },
    ),
    ("a certificate of the signer is not valid before Tue, 01 Jan 2199 00:00:00 GMT", Plan { root: future, ..GOOD }),
    ("a certificate of the signer is not one for signing code", Plan { leaf: for_servers, ..GOOD }),
    ("a certificate of the signer is not one for signing code", Plan { leaf: for_nothing, ..GOOD }),
    ("a certificate of the signer is not one for signing code", Plan { intermediate: for_servers, ..GOOD }),
    ("a certificate of the signer is not one for signing code", Plan { root: for_servers, ..GOOD }),
    (
        "a certificate of the signer was issued by one that is not an authority's",
        Plan { intermediate: no_authority, ..GOOD },
    ),
    ("a certificate of the signer was issued by one that is not an authority's", Plan { root: no_authority, ..GOOD }),
    ("the certificates of the signer cannot be used: PathLenConstraintViolated", Plan { root: of_leaves, ..GOOD }),
    (
        "a certificate of the signer has a name that its issuer may give to nobody",
        Plan { intermediate: for_other_names, ..GOOD },
    ),
    (
        "the certificate of the signer is not for signer.example, but for other.example",
        Plan { leaf: of_another, ..GOOD },
    ),
    ("the certificate of the signer is not for signer.example, but for nobody", Plan { leaf: of_nobody, ..GOOD }),
];

fn past(it: &mut CertificateParams) {
    it.not_after = date_time_ymd(2001, 1, 1);
}

fn future(it: &mut CertificateParams) {
    it.not_before = date_time_ymd(2199, 1, 1);
}

fn for_servers(it: &mut CertificateParams) {
    it.extended_key_usages = vec![Purpose::ServerAuth];
}

fn for_nothing(it: &mut CertificateParams) {
    it.extended_key_usages.clear();
}

fn no_authority(it: &mut CertificateParams) {
    it.is_ca = IsCa::ExplicitNoCa;
}

fn of_leaves(it: &mut CertificateParams) {
    it.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
}

fn for_other_names(it: &mut CertificateParams) {
    let permitted_subtrees = vec![GeneralSubtree::DnsName(".other.example".to_owned())];
    it.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
}

fn of_another(it: &mut CertificateParams) {
    it.subject_alt_names = params("other.example", false, |_| {}).subject_alt_names;
}

fn of_nobody(it: &mut CertificateParams) {
    it.subject_alt_names.clear();
}

pub(crate) fn refused_with_a_line_each<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let (signed, key) = (Signed::of(kinto, &it), ServersKey::of(kinto));
    let refuse = |pem: &str, root: &str, why: &str| {
        let verifier = trusting(&signed, root).signer_name(NAME).unwrap();
        let error = refused(signed.verify(&verifier, pem));
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Signature, false));
        assert!(error.to_string().starts_with(why), "{error}, and not: {why}");
    };
    let good = chain(&key, GOOD);
    let whole = [&*good.root, &good.root].concat();
    signed.verify(&trusting(&signed, &whole), &good.pem()).unwrap();
    for (why, plan) in REFUSED {
        let chain = chain(&key, plan);
        refuse(&chain.pem(), &[&*chain.root, &chain.root].concat(), why);
    }

    // Each of them good, but not these together.
    let other = chain(&key, GOOD);
    let out_of_order = "the certificates of the signer are not in order, from the signer's to the root";
    let wrong_signature = "a certificate of the signer does not have the signature of the next one";
    let self_signed = {
        let own = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        params(NAME, false, |_| {}).self_signed(&own).unwrap().pem()
    };
    for (pem, why) in [
        ([&*good.leaf, &other.intermediate, &good.root].concat(), wrong_signature),
        ([&*good.leaf, &good.intermediate, &other.root, &good.root].concat(), "a certificate of the signer "),
        (other.pem(), "the certificates of the signer lead to another root, whose SHA-256 is "),
        ([&*good.intermediate, &good.leaf, &good.root].concat(), out_of_order),
        ([&*good.root, &good.intermediate, &good.leaf].concat(), out_of_order),
        ([&*good.leaf, &good.root, &good.intermediate].concat(), out_of_order),
        ([&*self_signed, &good.root].concat(), "a certificate of the signer was not issued by the next one"),
        ([&*self_signed, &good.intermediate, &good.root].concat(), "a certificate of the signer was not issued"),
        (self_signed, "the certificate of the signer comes without that of who has issued it"),
        (good.leaf.clone(), "the certificate of the signer comes without that of who has issued it"),
        (good.pem().replace("END", "EN"), "the certificates of the signer cannot be read"),
        (
            "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n".into(),
            "the certificates of the signer cannot be read",
        ),
        ("garbage".into(), "the certificates of the signer cannot be read"),
    ] {
        refuse(&pem, &whole, why);
    }
    // Certificates of somebody else, whom the same root trusts, and of another kind of key.
    let strangers = chain(&KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(), GOOD);
    refuse(
        &strangers.pem(),
        &[&*strangers.root, &strangers.root].concat(),
        "the signature is not one of these records",
    );
    let of_p256 = chain(&KeyPair::generate().unwrap(), GOOD);
    let why = "the key in the certificate of the signer is not one of the curve P-384";
    refuse(&of_p256.pem(), &[&*of_p256.root, &of_p256.root].concat(), why);
}

/// A server that says where the certificates are, which is at another: through all of it, as in production.
pub(crate) fn fetched_from_where_the_signature_says<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let (signed, chain) = (Signed::of(kinto, &it), chain(&ServersKey::of(kinto), GOOD));
    let pem = chain.pem();
    let verifier = trusting(&signed, &pem).signer_name(NAME).unwrap();
    let served = pem.clone();
    let certificates = Stub::start(move |_, request| {
        assert!(request.starts_with("GET /v1/chain.pem "), "{request}");
        let length = served.len();
        Answer::Keep(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{served}").into_bytes())
    });
    let x5u = format!("{}/chain.pem", certificates.url());
    let naming = between(&kinto.url, move |_, request, carry_out| {
        let answer = String::from_utf8(carry_out()).unwrap();
        if !request.contains("/changeset?") {
            return Answer::Close(answer.into_bytes());
        }
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["metadata"]["signature"]["x5u"] = x5u.clone().into();
        let Answer::Keep(bytes) = Answer::json(200, &body.to_string()) else { panic!("{body}") };
        Answer::Close(bytes)
    });
    let mut setup = Setup::of(naming.url());
    setup.auth = Some(kinto_protocol::Auth::basic("alice", crate::context::PASSWORD));
    setup.headers = vec![("X-Secret".into(), "s3cr3t".into())];
    let client = D::build(setup).unwrap();
    let get = |now| published(&it).verified_changeset::<JsonMap>(&verifier, now);
    let first = client.send(get(SystemTime::now())).unwrap();
    assert_eq!(first.changes.len(), 1);
    let asked = certificates.requests();
    assert_eq!(asked.len(), 1);
    let asked = asked[0].to_ascii_lowercase();
    assert!(!asked.contains("authorization") && !asked.contains("secret"), "{asked}");
    assert!(naming.requests().iter().any(|it| it.to_ascii_lowercase().contains("authorization")));

    let copy = LocalCopy::from(first);
    it.write(kinto, "b", 2);
    it.publish(kinto);
    let copy = client.send(published(&it).update_copy(&copy, &verifier, SystemTime::now())).unwrap();
    assert_eq!((copy.len(), certificates.requests().len()), (2, 1), "they are kept");
    // Until they are not good any more.
    let in_200_years = SystemTime::now() + Duration::from_secs(200 * 366 * 24 * 3600);
    let error = refused(client.send(get(in_200_years)));
    assert_eq!((error.kind(), certificates.requests().len()), (ErrorKind::Signature, 2));
    assert!(
        error.to_string().contains("a certificate of the signer expired on Wed, 01 Jan 2200 00:00:00 GMT"),
        "{error}"
    );
    let given = client.send(get(in_200_years).verification(Verification::Warn)).unwrap();
    assert_eq!(given.changes.len(), 2);
}
