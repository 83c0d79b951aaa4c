//! Shamir's secret sharing (A. Shamir, "How to share a secret", 1979) over the
//! scalars of a group.
//!
//! The secret is the value at zero of a random polynomial of degree t - 1; the
//! share of index i is its value at i. Any t shares give the secret back, fewer
//! say nothing about it. The same weights combine elements "in the exponent":
//! t elements `share_i * P` give `secret * P`.

use alloc::vec::Vec;

use allod_crypto::group::{Group, SecretScalar};
use allod_crypto::{CryptoRng, Zeroizing};

use crate::{Error, Index};

/// One holder's share. Its value is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share<G: Group> {
    /// The holder's place on the polynomial.
    pub index: Index,
    /// The polynomial's value there.
    pub value: SecretScalar<G>,
}

/// A random polynomial whose value at zero is the secret.
#[derive(Debug)]
pub struct Polynomial<G: Group> {
    /// From the constant term up; never empty.
    coefficients: Vec<SecretScalar<G>>,
}

impl<G: Group> Polynomial<G> {
    /// A random polynomial with `threshold` coefficients through `secret`.
    ///
    /// # Errors
    /// [`Error::ThresholdOutOfRange`] when `threshold` is zero.
    pub fn random(secret: &SecretScalar<G>, threshold: u16, rng: &mut impl CryptoRng) -> Result<Self, Error> {
        if threshold == 0 {
            return Err(Error::ThresholdOutOfRange { threshold, shares: 0 });
        }
        let mut coefficients = Vec::with_capacity(usize::from(threshold));
        coefficients.push(secret.clone());
        coefficients.extend((1..threshold).map(|_| SecretScalar::random(rng)));
        Ok(Self { coefficients })
    }

    /// The share of `index`.
    pub fn share(&self, index: Index) -> Share<G> {
        let x = index.to_scalar::<G>();
        // One place for all intermediate values, wiped at the end.
        let mut value = Zeroizing::new(G::Scalar::default());
        for coefficient in self.coefficients.iter().rev() {
            *value = *value * x + *coefficient.expose();
        }
        let value = SecretScalar::new(*value);
        Share { index, value }
    }

    /// The coefficients from the constant term up.
    pub fn coefficients(&self) -> &[SecretScalar<G>] {
        &self.coefficients
    }
}

/// Splits `secret` into shares of the indices 1 to `shares`, any `threshold` of
/// which give it back.
///
/// # Errors
/// [`Error::ThresholdOutOfRange`] unless 1 <= `threshold` <= `shares`.
pub fn split<G: Group>(
    secret: &SecretScalar<G>,
    threshold: u16,
    shares: u16,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Share<G>>, Error> {
    if threshold == 0 || threshold > shares {
        return Err(Error::ThresholdOutOfRange { threshold, shares });
    }
    let polynomial = Polynomial::random(secret, threshold, rng)?;
    Ok(Index::first(shares).map(|index| polynomial.share(index)).collect())
}

/// The Lagrange coefficients at zero for shares of these indices, in their
/// order: the secret is the sum of coefficient times share. Public.
///
/// # Errors
/// [`Error::DuplicateIndex`].
pub fn lagrange_at_zero<G: Group>(indices: &[Index]) -> Result<Vec<G::Scalar>, Error> {
    let points = indices.iter().map(|index| index.to_scalar::<G>()).collect::<Vec<_>>();
    let mut numerators = Vec::with_capacity(points.len());
    let mut denominators = Vec::with_capacity(points.len());
    for (i, own) in points.iter().enumerate() {
        let mut numerator = G::Scalar::from(1);
        // The product of all x_j / (x_j - x_i), j other than i.
        let mut denominator = G::Scalar::from(1);
        for (j, other) in points.iter().enumerate() {
            if i != j {
                numerator = numerator * *other;
                denominator = denominator * (*other - *own);
            }
        }
        numerators.push(numerator);
        denominators.push(denominator);
    }
    // Two equal indices make their denominators zero, and only they do.
    let zero = G::Scalar::default();
    if let Some((index, _)) = indices.iter().zip(&denominators).find(|(_, d)| **d == zero) {
        return Err(Error::DuplicateIndex(*index));
    }
    G::invert_batch(&mut denominators);
    Ok(numerators.into_iter().zip(denominators).map(|(n, d)| n * d).collect())
}

/// The secret behind `shares`, of which the first `threshold` are used. Shares
/// of different dealings give a wrong secret unnoticed; see
/// [`feldman`](crate::feldman) for shares that can be checked.
///
/// # Errors
/// [`Error::TooFewShares`] and [`Error::DuplicateIndex`], the latter for all
/// shares given.
pub fn combine<G: Group>(threshold: u16, shares: &[Share<G>]) -> Result<SecretScalar<G>, Error> {
    let indices = shares.iter().map(|share| share.index).collect::<Vec<_>>();
    let weights = weights::<G>(threshold, &indices)?;
    Ok(shares.iter().zip(weights).fold(SecretScalar::new(G::Scalar::default()), |sum, (share, weight)| {
        SecretScalar::new(*sum.expose() + *share.value.expose() * weight)
    }))
}

/// The secret times P, from pairs of an index and that share times P, of which
/// the first `threshold` are used. For public data: takes variable time.
///
/// # Errors
/// As [`combine`].
pub fn combine_elements<G: Group>(
    threshold: u16,
    elements: &[(Index, G::Element)],
) -> Result<G::Element, Error> {
    let indices = elements.iter().map(|(index, _)| *index).collect::<Vec<_>>();
    let weights = weights::<G>(threshold, &indices)?;
    let elements = elements.iter().map(|(_, element)| *element).collect::<Vec<_>>();
    Ok(G::multi_mul_vartime(&weights, &elements))
}

/// The Lagrange coefficients of the first `threshold` indices, after a look at
/// all of them for duplicates.
fn weights<G: Group>(threshold: u16, indices: &[Index]) -> Result<Vec<G::Scalar>, Error> {
    let needed = usize::from(threshold);
    if threshold == 0 {
        return Err(Error::ThresholdOutOfRange { threshold, shares: 0 });
    }
    refuse_duplicates(indices)?;
    let chosen = indices.get(..needed).ok_or(Error::TooFewShares { needed, given: indices.len() })?;
    lagrange_at_zero::<G>(chosen)
}

/// # Errors
/// [`Error::DuplicateIndex`].
fn refuse_duplicates(indices: &[Index]) -> Result<(), Error> {
    let mut sorted = indices.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[Index]>::first) {
        Some(index) => Err(Error::DuplicateIndex(*index)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
