//! The groups in which keys are held together, by name, for whoever learns only
//! from a message which group a key is in.

use core::fmt;

/// A group in which a key can be held together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupName {
    /// For oblivious functions and decryption.
    Ristretto255,
    /// For signatures, with public keys in G2.
    Bls12381G2,
    /// For oblivious functions whose output a circuit checks.
    BabyJubJub,
}

impl GroupName {
    /// All of them, by ascending code.
    pub const ALL: [Self; 3] = [Self::Ristretto255, Self::Bls12381G2, Self::BabyJubJub];

    /// The group's number in messages and on disk. Never changed, never reused.
    pub fn code(self) -> u8 {
        match self {
            Self::Ristretto255 => 0,
            Self::Bls12381G2 => 1,
            Self::BabyJubJub => 2,
        }
    }

    /// The group with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.code() == code)
    }
}

/// The group's name as people write it.
impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ristretto255 => "ristretto255",
            Self::Bls12381G2 => "BLS12-381 G2",
            Self::BabyJubJub => "Baby Jubjub",
        })
    }
}

/// Evaluates an expression in which a name stands for the
/// [`Group`](allod_crypto::group::Group) that a [`GroupName`] names:
/// `in_group!(name, G => decode::<G>(bytes))`.
#[macro_export]
macro_rules! in_group {
    ($name:expr, $group:ident => $do:expr) => {
        match $name {
            $crate::GroupName::Ristretto255 => {
                type $group = $crate::groups::Ristretto255;
                $do
            }
            $crate::GroupName::Bls12381G2 => {
                type $group = $crate::groups::Bls12381G2;
                $do
            }
            $crate::GroupName::BabyJubJub => {
                type $group = $crate::groups::BabyJubJub;
                $do
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use allod_crypto::group::Group;

    use super::*;

    fn element_len<G: Group>() -> usize {
        G::ELEMENT_LEN
    }

    #[test]
    fn every_group_has_a_number_and_a_name_of_its_own() {
        for group in GroupName::ALL {
            assert_eq!(GroupName::from_code(group.code()), Some(group));
            assert!(!group.to_string().is_empty());
        }
        assert_eq!(GroupName::from_code(3), None);
    }

    #[test]
    fn a_name_leads_to_its_group() {
        let lens = GroupName::ALL.map(|group| in_group!(group, G => element_len::<G>()));
        assert_eq!(lens, [32, 96, 32]);
    }
}
