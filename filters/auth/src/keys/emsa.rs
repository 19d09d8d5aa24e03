//! What an RSA signature must recover: the encodings of a message (RFC 8017 section 9).

use sha2::Digest;

/// Whether what was recovered with a modulus of `bits` is the message by EMSA-PSS-VERIFY (section 9.1.2; the steps are its).
/// MGF1 and the salt's length are of the hash (RFC 7518 section 3.5).
pub(super) fn is_pss<D: Digest>(recovered: &[u8], bits: usize, message: &[u8]) -> bool {
    pss::<D>(recovered, bits.saturating_sub(1), message).unwrap_or(false)
}

/// `None` where the recovered is too short or too long for the encoding.
fn pss<D: Digest>(recovered: &[u8], encoded_bits: usize, message: &[u8]) -> Option<bool> {
    let hash_bytes = <D as Digest>::output_size();
    // Section 8.1.2, step 2c: one octet shorter than the modulus where that has one bit more than whole octets.
    let length = encoded_bits.div_ceil(8);
    let (above, encoded) = recovered.split_at_checked(recovered.len().checked_sub(length)?)?;
    // Steps 3 to 5.
    let (trailer, encoded) = encoded.split_last()?;
    let (masked, hash) = encoded.split_at_checked(encoded.len().checked_sub(hash_bytes)?)?;
    // Steps 6 and 9: the bits above the encoding's.
    let unused = !(0xff_u8 >> (8 * length - encoded_bits));
    let mut block: Vec<u8> = masked.iter().zip(mgf1::<D>(hash)).map(|(byte, mask)| byte ^ mask).collect();
    *block.first_mut()? &= !unused;
    // Step 10.
    let (padding, salt) = block.split_at_checked(block.len().checked_sub(hash_bytes)?)?;
    let (one, zeros) = padding.split_last()?;
    // Steps 12 and 13.
    let expected =
        D::new().chain_update([0; 8]).chain_update(D::digest(message)).chain_update(salt).finalize();
    let is_framed = above.iter().chain(zeros).all(|byte| *byte == 0) && *one == 1 && *trailer == 0xbc;
    Some(is_framed && masked.first()? & unused == 0 && *expected == *hash)
}

/// MGF1 (appendix B.2.1), as many octets as are taken.
fn mgf1<D: Digest>(seed: &[u8]) -> impl Iterator<Item = u8> {
    (0_u32..)
        .flat_map(move |counter| D::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize())
}

/// Whether what was recovered is EMSA-PKCS1-v1_5 of the message (section 9.2): the one encoding that there is, compared as a
/// whole.
pub(super) fn is_pkcs1<D: Digest>(recovered: &[u8], info: &[u8], message: &[u8]) -> bool {
    let hash = D::digest(message);
    let Some(filling) = recovered.len().checked_sub(3 + info.len() + hash.len()) else { return false };
    let ones = vec![0xff; filling];
    [&[0, 1], ones.as_slice(), &[0], info, &hash].concat() == recovered
}

/// What stands before the hash in a `DigestInfo` of SHA-256 (section 9.2, note 1).
pub(super) const SHA_256: [u8; 19] = digest_info(1, 32);
/// The same of SHA-384.
pub(super) const SHA_384: [u8; 19] = digest_info(2, 48);
/// The same of SHA-512.
pub(super) const SHA_512: [u8; 19] = digest_info(3, 64);

/// The last arc of the hash's object identifier, and its length.
const fn digest_info(arc: u8, length: u8) -> [u8; 19] {
    let whole = 17 + length;
    [0x30, whole, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, arc, 5, 0, 4, length]
}
