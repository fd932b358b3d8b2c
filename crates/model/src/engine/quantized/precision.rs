//! In how many digits a network's hidden layers are computed.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// How exactly a network's hidden layers are computed when it serves. Its first and its last layer are computed in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As it was trained.
    #[default]
    F32,
    /// Products of numbers of eight binary digits, twice as many at a time (AVX512-BF16).
    Bf16,
    /// Products of whole numbers up to 127, four times as many at a time (AVX512-VNNI).
    Int8,
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

impl Precision {
    /// Whether this processor has it and computes as it should here.
    pub fn is_here(self) -> bool {
        static AGREES: [OnceLock<bool>; 2] = [OnceLock::new(), OnceLock::new()];
        let Some(digits) = self.fewer() else { return true };
        *AGREES[digits as usize].get_or_init(|| digits.has_processor() && super::agrees(digits))
    }

    /// The digits, where they are fewer than f32's.
    pub(in crate::engine) fn fewer(self) -> Option<Digits> {
        match self {
            Self::F32 => None,
            Self::Bf16 => Some(Digits::Bf16),
            Self::Int8 => Some(Digits::Int8),
        }
    }
}

/// What a word holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Digits {
    /// Two numbers.
    Bf16,
    /// Four.
    Int8,
}

impl Digits {
    fn has_processor(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            wide && match self {
                Self::Bf16 => is_x86_feature_detected!("avx512bf16"),
                Self::Int8 => is_x86_feature_detected!("avx512vnni"),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Numbers in a word.
    pub(super) fn in_word(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }

    /// By how much a column of weights is scaled.
    pub(super) fn scale(self, column: impl Iterator<Item = f32>) -> f32 {
        let largest = column.fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
        if self == Self::Int8 && largest > 0.0 { largest / 127.0 } else { 1.0 }
    }

    /// Some scaled weights as a word.
    pub(super) fn word(self, weights: impl Iterator<Item = f32>) -> u32 {
        let bits = |weight: f32| match self {
            Self::Bf16 => {
                let bits = weight.to_bits();
                (bits + 0x7fff + (bits >> 16 & 1)) >> 16
            }
            Self::Int8 => u32::from(weight.round() as i8 as u8),
        };
        let width = 32 / self.in_word();
        weights.enumerate().fold(0, |word, (ix, weight)| word | bits(weight) << (ix * width))
    }
}
