//! The processor that trains and infers.

use candle_core::Device;

/// The first CUDA device where the `cuda` feature is on and one is there; the CPU otherwise, and the log says so.
#[cfg(feature = "cuda")]
pub(crate) fn pick() -> Device {
    match Device::new_cuda(0) {
        Ok(device) => device,
        Err(error) => {
            tracing::warn!(%error, "no CUDA device can be used; training and inference go on with the CPU");
            Device::Cpu
        }
    }
}

/// The CPU: the crate was built without the `cuda` feature.
#[cfg(not(feature = "cuda"))]
pub(crate) fn pick() -> Device {
    Device::Cpu
}
