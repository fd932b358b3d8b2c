//! tract's contender: `peer-tract FOLDER BATCH`, the protocol of `worker.py`. One thread, as tract has no other.

use std::{fs, io, path::PathBuf, time::Instant};

use tract_onnx::prelude::*;

const ROWS: usize = 100;

fn main() -> TractResult<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (folder, batch) = (PathBuf::from(&args[0]), args[1].parse::<usize>()?);
    let bytes = fs::read(folder.join("cells.f32"))?;
    let cells: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let width = cells.len() / (64 * ROWS);
    let shape = [batch, ROWS, width];
    let model = tract_onnx::onnx()
        .model_for_path(folder.join("network.onnx"))?
        .with_input_fact(0, f32::fact(shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let input = Tensor::from_shape(&shape, &cells[..batch * ROWS * width])?;
    let call = || model.run(tvec!(input.clone().into()));
    let first = call()?;
    let first: Vec<u8> = first[0].to_plain_array_view::<f32>()?.iter().flat_map(|v| v.to_le_bytes()).collect();
    fs::write(folder.join("tract.f32"), first)?;
    println!("ready");
    for line in io::stdin().lines() {
        let calls: usize = line?.trim().parse()?;
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        for _ in 0..calls {
            std::hint::black_box(call()?);
        }
        println!("{} {}", wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|l| l.split_whitespace().next());
    println!("{}", peak.unwrap_or("0"));
    Ok(())
}

fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}
