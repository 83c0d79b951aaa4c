//! What comes of the qualified dealings: the key's public part, which everyone
//! computes alike, and each receiver's share.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::group::{Group, SecretScalar};

use super::{Dealing, Terms};
use crate::feldman::evaluate;
use crate::shamir::{Share, lagrange_at_zero};
use crate::{Error, Index, Part, Point, PublicShares};

/// The public part of a key that was made or passed on. Public.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome<G: Group> {
    public: PublicShares<G>,
    /// The dealers whose dealings count, in ascending order, and the weight of
    /// each.
    weights: Vec<(Index, G::Scalar)>,
}

impl<G: Group> Outcome<G> {
    /// A fresh key: the sum of what all `dealings` deal. They were
    /// [verified](Dealing::verify), and their dealers are not disqualified. At
    /// least `needed` of them: more than may be corrupted, so that one secret in
    /// the sum is unknown to the adversary.
    ///
    /// # Errors
    /// [`Error::TooFewDealings`]; [`Error::DuplicateIndex`] naming a dealer;
    /// [`Error::DealingThreshold`] and [`Error::DealingReceivers`];
    /// [`Error::Malformed`] when the key or a share comes out as zero, which
    /// nobody can bring about.
    pub fn fresh<'a>(
        terms: &Terms,
        dealings: impl IntoIterator<Item = &'a Dealing<G>>,
        needed: u16,
    ) -> Result<Self, Error> {
        let dealings = in_order(terms, dealings)?;
        // A sum of nothing is no key.
        chosen(&dealings, needed.max(1))?;
        let mut sums = Vec::with_capacity(usize::from(terms.threshold()));
        for power in 0..usize::from(terms.threshold()) {
            let elements = coefficients(&dealings, power);
            sums.push(elements.fold(G::Element::default(), |sum, element| sum + element));
        }
        let weights = dealings.iter().map(|dealing| (dealing.dealer(), G::Scalar::from(1))).collect();
        Self::new(terms, &sums, weights)
    }

    /// The key `old`, passed on by exactly its threshold of the `dealings`, those
    /// of the lowest indices. They were [verified](Dealing::verify) against the
    /// old public shares, and their dealers are not disqualified.
    ///
    /// # Errors
    /// As [`Self::fresh`]; [`Error::UnknownIndex`] and [`Error::ConstantRefused`]
    /// naming a dealer that holds no share, or did not deal it;
    /// [`Error::PublicKeyChanged`] when another key comes out all the same, because
    /// the parts of `old` do not belong together.
    pub fn reshared<'a>(
        terms: &Terms,
        dealings: impl IntoIterator<Item = &'a Dealing<G>>,
        old: &PublicShares<G>,
    ) -> Result<Self, Error> {
        let dealings = in_order(terms, dealings)?;
        let dealings = chosen(&dealings, old.threshold())?;
        let mut dealers = Vec::with_capacity(dealings.len());
        for dealing in dealings {
            if dealing.commitment().public_key() != old.get(dealing.dealer())? {
                return Err(Error::ConstantRefused(dealing.dealer()));
            }
            dealers.push(dealing.dealer());
        }
        let weights = lagrange_at_zero::<G>(&dealers)?;
        let mut sums = Vec::with_capacity(usize::from(terms.threshold()));
        for power in 0..usize::from(terms.threshold()) {
            let elements = coefficients(dealings, power).collect::<Vec<_>>();
            sums.push(G::multi_mul_vartime(&weights, &elements));
        }
        let outcome = Self::new(terms, &sums, dealers.into_iter().zip(weights).collect())?;
        if outcome.public.public_key() == old.public_key() {
            Ok(outcome)
        } else {
            Err(Error::PublicKeyChanged)
        }
    }

    /// From the commitment to the polynomial of the whole key.
    fn new(terms: &Terms, sums: &[G::Element], weights: Vec<(Index, G::Scalar)>) -> Result<Self, Error> {
        let point = |element| {
            Point::new(element).map_err(|reason| Error::Malformed { part: Part::PublicKey, reason })
        };
        let public_shares = terms
            .receivers()
            .iter()
            .map(|(index, _)| Ok((*index, point(evaluate::<G>(sums, *index))?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let public_key = point(sums.first().copied().unwrap_or_default())?;
        Ok(Self { public: PublicShares::new(terms.threshold(), public_key, public_shares)?, weights })
    }

    /// The public part of the key, for everyone to keep.
    pub fn public(&self) -> &PublicShares<G> {
        &self.public
    }

    /// The dealers whose dealings count, in ascending order: the ones whose
    /// shares [`Self::combine`] needs.
    pub fn dealers(&self) -> impl Iterator<Item = Index> {
        self.weights.iter().map(|(dealer, _)| *dealer)
    }

    /// A receiver's share of the key, from the shares that it
    /// [opened](Dealing::open), each with its dealer. Shares of dealers that do
    /// not count are passed over.
    ///
    /// # Errors
    /// [`Error::UnknownIndex`]; [`Error::MissingShare`] naming a dealer whose share
    /// is not there; [`Error::ShareRefused`] when the result does not fit the
    /// receiver's public share, because the opened shares are of other dealings.
    pub fn combine<'a>(
        &self,
        receiver: Index,
        opened: impl IntoIterator<Item = (Index, &'a SecretScalar<G>)>,
    ) -> Result<Share<G>, Error> {
        let public = self.public.get(receiver)?;
        let mut opened = opened.into_iter().collect::<Vec<_>>();
        opened.sort_by_key(|(dealer, _)| *dealer);
        let mut value = SecretScalar::new(G::Scalar::default());
        for (dealer, weight) in &self.weights {
            let share = opened
                .binary_search_by_key(dealer, |(dealer, _)| *dealer)
                .ok()
                .and_then(|place| opened.get(place))
                .map(|(_, share)| share)
                .ok_or(Error::MissingShare(*dealer))?;
            value = SecretScalar::new(*value.expose() + *share.expose() * *weight);
        }
        if value.mul_generator() == *public.element() {
            Ok(Share { index: receiver, value })
        } else {
            Err(Error::ShareRefused(receiver))
        }
    }
}

impl<G: Group> fmt::Debug for Outcome<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dealers = self.dealers().collect::<Vec<_>>();
        f.debug_struct("Outcome").field("public", &self.public).field("dealers", &dealers).finish()
    }
}

/// The dealings in ascending order of their dealers.
///
/// # Errors
/// [`Error::DuplicateIndex`], [`Error::DealingThreshold`] or
/// [`Error::DealingReceivers`].
fn in_order<'a, G: Group>(
    terms: &Terms,
    dealings: impl IntoIterator<Item = &'a Dealing<G>>,
) -> Result<Vec<&'a Dealing<G>>, Error> {
    let mut dealings = dealings.into_iter().collect::<Vec<_>>();
    dealings.sort_by_key(|dealing| dealing.dealer());
    for dealing in &dealings {
        dealing.fits(terms)?;
    }
    for (dealing, next) in dealings.iter().zip(dealings.iter().skip(1)) {
        if dealing.dealer() == next.dealer() {
            return Err(Error::DuplicateIndex(next.dealer()));
        }
    }
    Ok(dealings)
}

/// The first `needed` of the dealings.
///
/// # Errors
/// [`Error::TooFewDealings`].
fn chosen<'a, 'b, G: Group>(
    dealings: &'b [&'a Dealing<G>],
    needed: u16,
) -> Result<&'b [&'a Dealing<G>], Error> {
    dealings
        .get(..needed.into())
        .ok_or(Error::TooFewDealings { needed: needed.into(), given: dealings.len() })
}

/// What the dealings commit to at this power, in their order.
fn coefficients<G: Group>(dealings: &[&Dealing<G>], power: usize) -> impl Iterator<Item = G::Element> {
    dealings
        .iter()
        .filter_map(move |dealing| dealing.commitment().points().get(power))
        .map(|point| *point.element())
}
