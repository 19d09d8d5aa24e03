//! Envoy's foreign function `verify_signature` (source/extensions/common/wasm/ext/verify_signature.proto).

use prost::Message;
use proxy_wasm::hostcalls;

use crate::SignatureCheck;

#[derive(Message)]
struct VerifySignatureArguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

#[derive(Message)]
struct VerifySignatureResult {
    #[prost(bool, tag = "1")]
    result: bool,
}

/// Asks Envoy. A signature that it cannot even read is an error to it, and so is a key: a known key that fails is a wrong
/// signature.
pub(crate) fn verify(check: &SignatureCheck<'_>) -> Option<bool> {
    let arguments = VerifySignatureArguments {
        hash_function: check.hash.to_owned(),
        public_key: check.public_key.to_vec(),
        signature: check.signature.to_vec(),
        text: check.message.to_vec(),
    };
    let answer =
        hostcalls::call_foreign_function("verify_signature", Some(&arguments.encode_to_vec())).ok()??;
    VerifySignatureResult::decode(answer.as_slice()).ok().map(|answer| answer.result)
}
