//! The processor's vectors behind one trait, and the choice of a kernel when the program runs.
//!
//! A computation is written once, as a [`Job`] generic over [`Simd`]; [`Kernel::run`] compiles it once for each kernel.

use std::sync::OnceLock;

use super::gemm;

/// Which of the processor's vectors are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust, which the compiler turns into whatever every processor of the kind has.
    Portable,
    /// x86 with AVX2 and FMA: eight numbers at a time.
    Avx2,
    /// x86 with AVX-512F: sixteen numbers at a time.
    Avx512,
}

impl Kernel {
    /// All of them, the widest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// The widest kernel this processor has and that computes as it should here.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        let fit = |kernel: &Self| {
            kernel.is_here() && gemm::agrees_with_portable(*kernel) && worst_exponential(*kernel) < 1e-6
        };
        *BEST.get_or_init(|| Self::ALL.into_iter().find(fit).unwrap_or(Self::Portable))
    }

    /// Whether this processor has it.
    pub fn is_here(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// How many columns its products compute at a time.
    pub(super) fn panel(self) -> usize {
        match self {
            Self::Portable => Portable::PANEL,
            Self::Avx2 => 16,
            Self::Avx512 => 32,
        }
    }

    /// How many rows its products compute at a time.
    pub(super) fn tile(self) -> usize {
        match self {
            Self::Portable => Portable::TILE,
            Self::Avx2 => 6,
            Self::Avx512 => 10,
        }
    }

    /// Runs `job` with these vectors.
    ///
    /// # Safety
    /// [`Self::is_here`] holds, and the job's own conditions do.
    #[inline]
    pub(super) unsafe fn run<J: Job>(self, job: J) -> J::Output {
        // SAFETY: the caller answers for the processor and for the job.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => x86::avx2(job),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => x86::avx512(job),
                _ => job.run::<Portable>(),
            }
        }
    }
}

/// A computation on vectors. Its `run` must be `#[inline(always)]`, or it would be compiled without the kernel's
/// instructions.
pub(super) trait Job {
    /// What it gives.
    type Output;

    /// Computes it.
    ///
    /// # Safety
    /// The processor has the vectors of `S`; what else must hold, the job says.
    unsafe fn run<S: Simd>(self) -> Self::Output;
}

/// Vectors of [`LANES`](Self::LANES) numbers.
///
/// # Safety
/// Every method asks that the processor has them; `load` and `store` that as many numbers lie at the pointer.
pub(super) trait Simd: Copy {
    /// A vector.
    type Vector: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Columns of a product's tile: two vectors.
    const PANEL: usize = 2 * Self::LANES;
    /// Rows of a product's tile: as many as the registers hold.
    const TILE: usize;

    unsafe fn splat(x: f32) -> Self::Vector;
    unsafe fn load(from: *const f32) -> Self::Vector;
    unsafe fn store(to: *mut f32, x: Self::Vector);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a * b + c.
    unsafe fn fma(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// 2^n, where n was added to [`ROUND`].
    unsafe fn power(n: Self::Vector) -> Self::Vector;
    /// Asks for the cache line at `at`, which may lie anywhere.
    unsafe fn prefetch(at: *const f32);
    /// Runs `job` as a function of its own: what the caller keeps in registers does not drive out the job's sums.
    unsafe fn apart<J: Job>(job: J) -> J::Output;

    /// The sum of the numbers.
    unsafe fn sum(x: Self::Vector) -> f32;
    /// The largest of the numbers.
    unsafe fn largest(x: Self::Vector) -> f32;
}

/// Added to a number below 2^22, it leaves no bits for the fraction: the sum is rounded, and its low bits are the integer.
const ROUND: f32 = 12_582_912.0;

/// e^x for x <= 0 with a relative error below 2e-7; below -87 it stays at e^-87.
///
/// x = n ln 2 + r, and e^r is the polynomial of Cephes' `expf`.
///
/// # Safety
/// The processor has the vectors of `S`.
#[inline(always)]
pub(super) unsafe fn exp<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: the caller answers for the processor.
    unsafe {
        let x = S::max(x, S::splat(-87.0));
        let shifted = S::fma(x, S::splat(std::f32::consts::LOG2_E), S::splat(ROUND));
        let n = S::sub(shifted, S::splat(ROUND));
        let r = S::fma(n, S::splat(-0.693_359_4), x);
        let r = S::fma(n, S::splat(2.121_944_4e-4), r);
        let mut p = S::splat(1.987_569_1e-4);
        for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = S::fma(p, r, S::splat(coefficient));
        }
        let p = S::fma(S::mul(r, r), p, S::add(r, S::splat(1.0)));
        S::mul(p, S::power(shifted))
    }
}

/// The largest relative error of [`exp`] in a kernel that is here, from -86 to 0.
fn worst_exponential(kernel: Kernel) -> f64 {
    let mut numbers: [f32; 1024] = std::array::from_fn(|ix| ix as f32 * (-86.0 / 1023.0));
    let exact = numbers.map(|x| f64::from(x).exp());
    // SAFETY: the caller says that the kernel is here.
    unsafe { kernel.run(Exponentials(&mut numbers)) };
    let errors = numbers.iter().zip(exact).map(|(got, want)| (f64::from(*got) - want).abs() / want);
    // A NaN is the largest.
    errors.fold(0.0, |worst, error| if error <= worst { worst } else { error })
}

/// Turns each number into its exponential.
struct Exponentials<'a>(&'a mut [f32; 1024]);

impl Job for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for at in (0..self.0.len()).step_by(S::LANES) {
            // SAFETY: the lanes divide the length; the caller answers for the processor.
            unsafe {
                let x = self.0.as_mut_ptr().add(at);
                S::store(x, exp::<S>(S::load(x)));
            }
        }
    }
}

/// Plain Rust.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Portable {
    #[inline(always)]
    fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
        std::array::from_fn(|lane| f(a[lane], b[lane]))
    }

    /// Folds the upper half into the lower until one number is left.
    #[inline(always)]
    fn fold(mut x: [f32; 8], with: impl Fn(f32, f32) -> f32) -> f32 {
        for half in [4, 2, 1] {
            (0..half).for_each(|lane| x[lane] = with(x[lane], x[lane + half]));
        }
        x[0]
    }
}

impl Simd for Portable {
    type Vector = [f32; 8];
    const LANES: usize = 8;
    const TILE: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 8] {
        [x; 8]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 8] {
        // SAFETY: the caller says that eight numbers lie there.
        unsafe { from.cast::<[f32; 8]>().read() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: [f32; 8]) {
        // SAFETY: the caller says that there is room for eight numbers.
        unsafe { to.cast::<[f32; 8]>().write(x) }
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn max(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn fma(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    unsafe fn power(n: [f32; 8]) -> [f32; 8] {
        n.map(|n| f32::from_bits((n.to_bits() << 23).wrapping_add(127 << 23)))
    }

    #[inline(always)]
    unsafe fn sum(x: [f32; 8]) -> f32 {
        Self::fold(x, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn largest(x: [f32; 8]) -> f32 {
        Self::fold(x, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}

    #[inline(never)]
    unsafe fn apart<J: Job>(job: J) -> J::Output {
        // SAFETY: the caller answers for the job.
        unsafe { job.run::<Self>() }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::*;

    use super::{Job, Simd};

    #[target_feature(enable = "avx2,fma")]
    #[inline(never)]
    pub(super) unsafe fn avx2<J: Job>(job: J) -> J::Output {
        // SAFETY: the caller says that the processor has AVX2 and FMA, and answers for the job.
        unsafe { job.run::<Avx2>() }
    }

    #[target_feature(enable = "avx512f")]
    #[inline(never)]
    pub(super) unsafe fn avx512<J: Job>(job: J) -> J::Output {
        // SAFETY: the caller says that the processor has AVX-512F, and answers for the job.
        unsafe { job.run::<Avx512>() }
    }

    /// Implements [`Simd`] with one instruction a method.
    macro_rules! simd {
        ($name:ident, $vector:ty, $run:ident, lanes: $lanes:literal, tile: $tile:literal,
         $splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident $max:ident $fma:ident,
         power: $shift:ident $plus:ident $integers:ident $to_integers:ident $to_floats:ident,
         all: $total:ident $largest:ident) => {
            #[derive(Clone, Copy)]
            pub(in crate::engine) struct $name;

            // SAFETY (of each method): the caller says that the processor has the instruction, and what lies at pointers.
            impl Simd for $name {
                type Vector = $vector;
                const LANES: usize = $lanes;
                const TILE: usize = $tile;

                #[inline(always)]
                unsafe fn splat(x: f32) -> $vector {
                    unsafe { $splat(x) }
                }
                #[inline(always)]
                unsafe fn load(from: *const f32) -> $vector {
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(to: *mut f32, x: $vector) {
                    unsafe { $store(to, x) }
                }
                #[inline(always)]
                unsafe fn add(a: $vector, b: $vector) -> $vector {
                    unsafe { $add(a, b) }
                }
                #[inline(always)]
                unsafe fn sub(a: $vector, b: $vector) -> $vector {
                    unsafe { $sub(a, b) }
                }
                #[inline(always)]
                unsafe fn mul(a: $vector, b: $vector) -> $vector {
                    unsafe { $mul(a, b) }
                }
                #[inline(always)]
                unsafe fn max(a: $vector, b: $vector) -> $vector {
                    unsafe { $max(a, b) }
                }
                #[inline(always)]
                unsafe fn fma(a: $vector, b: $vector, c: $vector) -> $vector {
                    unsafe { $fma(a, b, c) }
                }
                #[inline(always)]
                unsafe fn power(n: $vector) -> $vector {
                    unsafe { $to_floats($plus($shift::<23>($to_integers(n)), $integers(127 << 23))) }
                }
                #[inline(always)]
                unsafe fn sum(x: $vector) -> f32 {
                    unsafe { $total(x) }
                }
                #[inline(always)]
                unsafe fn largest(x: $vector) -> f32 {
                    unsafe { $largest(x) }
                }
                #[inline(always)]
                unsafe fn prefetch(at: *const f32) {
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
                }
                #[inline(always)]
                unsafe fn apart<J: Job>(job: J) -> J::Output {
                    unsafe { $run(job) }
                }
            }
        };
    }

    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn total8(x: __m256) -> f32 {
        // SAFETY: the caller says so.
        unsafe {
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        }
    }

    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn largest8(x: __m256) -> f32 {
        // SAFETY: the caller says so.
        unsafe {
            let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)))
        }
    }

    simd!(
        Avx2, __m256, avx2, lanes: 8, tile: 6,
        _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_max_ps _mm256_fmadd_ps,
        power: _mm256_slli_epi32 _mm256_add_epi32 _mm256_set1_epi32 _mm256_castps_si256 _mm256_castsi256_ps,
        all: total8 largest8
    );
    simd!(
        Avx512, __m512, avx512, lanes: 16, tile: 10,
        _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_max_ps _mm512_fmadd_ps,
        power: _mm512_slli_epi32 _mm512_add_epi32 _mm512_set1_epi32 _mm512_castps_si512 _mm512_castsi512_ps,
        all: _mm512_reduce_add_ps _mm512_reduce_max_ps
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_exact_to_a_few_units_in_the_last_place() {
        for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_here()) {
            let worst = worst_exponential(kernel);
            assert!(worst < 2e-7, "{kernel:?}: {worst}");
        }
    }
}
