//! What a kernel is, and how candle calls it.

use candle_core::{CpuStorage, CustomOp1, CustomOp3, DType, Error, Layout, Result, Shape, Storage, Tensor, WithDType};

use super::real::Real;

/// A function of `N` tensors with its derivative, over their numbers, row-major.
pub(crate) trait Kernel<const N: usize>: Send + Sync + 'static {
    /// What errors call it.
    const NAME: &'static str;

    /// The result's dimensions.
    fn shape(&self) -> Vec<usize>;

    /// The result.
    fn forward<T: Real>(&self, args: [&[T]; N]) -> Vec<T>;

    /// The gradients by the arguments, given the one by the result; `None` where nobody asks for one.
    fn backward<T: Real>(&self, args: [&[T]; N], result: &[T], gradient: &[T]) -> [Option<Vec<T>>; N];
}

/// Whether kernels can compute on `x`; plain operations do elsewhere.
pub(crate) fn fit(x: &Tensor) -> bool {
    x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// `kernel` of one tensor.
pub(crate) fn apply<K: Kernel<1>>(kernel: K, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Op(kernel))
}

/// `kernel` of three tensors.
pub(crate) fn apply_three<K: Kernel<3>>(kernel: K, x: &Tensor, y: &Tensor, z: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&y.contiguous()?, &z.contiguous()?, Op(kernel))
}

struct Op<K>(K);

impl<K> Op<K> {
    fn forward<const N: usize>(&self, args: [(&CpuStorage, &Layout); N]) -> Result<(CpuStorage, Shape)>
    where
        K: Kernel<N>,
    {
        let storage = match args.first() {
            Some((CpuStorage::F32(_), _)) => f32::to_cpu_storage_owned(self.0.forward::<f32>(slices(args)?)),
            _ => f64::to_cpu_storage_owned(self.0.forward::<f64>(slices(args)?)),
        };
        Ok((storage, self.0.shape().into()))
    }

    fn backward<const N: usize>(
        &self,
        args: [&Tensor; N],
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; N]>
    where
        K: Kernel<N>,
    {
        match gradient.dtype() {
            DType::F32 => self.backward_in::<f32, N>(args, result, gradient),
            _ => self.backward_in::<f64, N>(args, result, gradient),
        }
    }

    fn backward_in<T: Real, const N: usize>(
        &self,
        args: [&Tensor; N],
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; N]>
    where
        K: Kernel<N>,
    {
        let gradient = gradient.contiguous()?;
        let held = args.map(Tensor::storage_and_layout);
        let (result, gradient) = (result.storage_and_layout(), gradient.storage_and_layout());
        let mut on_cpu = Vec::with_capacity(N);
        for (storage, layout) in &held {
            on_cpu.push((cpu(storage)?, *layout));
        }
        let on_cpu = on_cpu.try_into().map_err(|_| Error::msg(K::NAME))?;
        let result = slice((cpu(&result.0)?, result.1))?;
        let gradient = slice((cpu(&gradient.0)?, gradient.1))?;
        let gradients = self.0.backward::<T>(slices(on_cpu)?, result, gradient);
        let mut tensors = args.map(|_| None);
        for ((tensor, gradient), arg) in tensors.iter_mut().zip(gradients).zip(args) {
            *tensor = gradient.map(|numbers| Tensor::from_vec(numbers, arg.shape(), arg.device())).transpose()?;
        }
        Ok(tensors)
    }
}

fn cpu(storage: &Storage) -> Result<&CpuStorage> {
    match storage {
        Storage::Cpu(storage) => Ok(storage),
        _ => Err(Error::msg("a kernel computes on the CPU only")),
    }
}

fn slices<'a, T: Real, const N: usize>(args: [(&'a CpuStorage, &Layout); N]) -> Result<[&'a [T]; N]> {
    let mut slices: [&[T]; N] = [&[]; N];
    for (to, arg) in slices.iter_mut().zip(args) {
        *to = slice(arg)?;
    }
    Ok(slices)
}

/// What `look` sees in the numbers of `x`.
pub(crate) fn read<T: Real, R>(x: &Tensor, look: impl FnOnce(&[T]) -> R) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    Ok(look(slice((cpu(&storage)?, layout))?))
}

/// The numbers of a contiguous tensor.
pub(crate) fn slice<'a, T: Real>((storage, layout): (&'a CpuStorage, &Layout)) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&T::cpu_storage_as_slice(storage)?[from..to]),
        None => Err(Error::msg("a kernel takes contiguous tensors only")),
    }
}

impl<K: Kernel<1>> CustomOp1 for Op<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward([(s, l)])
    }

    fn bwd(&self, x: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [x] = self.backward([x], result, gradient)?;
        Ok(x)
    }
}

impl<K: Kernel<3>> CustomOp3 for Op<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward([(s1, l1), (s2, l2), (s3, l3)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        z: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [x, y, z] = self.backward([x, y, z], result, gradient)?;
        Ok((x, y, z))
    }
}
