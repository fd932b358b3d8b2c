//! The engine against candle.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::sync::Arc;

use andon_model::{
    Architecture, Engine, Padding,
    engine::{EngineError, Kernel, Output, Precision, Stream, Workspace, reference::Reference},
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The kernels this processor has; says aloud which it has not.
fn kernels() -> Vec<Kernel> {
    let (here, missing): (Vec<_>, Vec<_>) = Kernel::ALL.into_iter().partition(|kernel| kernel.is_here());
    for kernel in missing {
        eprintln!("SKIPPED: this processor can't run the {kernel:?} kernel, so it was not tested");
    }
    here
}

/// Rows of cells of which a share is hidden.
fn cells(rows: usize, tags: usize, hidden: f64, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cells = Vec::new();
    for _ in 0..rows {
        let visible: Vec<f32> = (0..tags).map(|_| if rng.random_bool(hidden) { 0.0 } else { 1.0 }).collect();
        cells.extend(visible.iter().map(|v| v * rng.random_range(-3.0..3.0)));
        cells.extend(visible);
    }
    cells
}

fn engine(architecture: &Architecture, shape: (usize, usize), kernel: Kernel) -> (Reference, Arc<Engine>) {
    let reference = Reference::new(architecture, shape, 11);
    let engine = Engine::new(architecture, shape, reference.weights(), kernel).unwrap();
    (reference, Arc::new(engine))
}

#[track_caller]
fn assert_close(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (ix, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 1e-4 * want.abs().max(1.0), "{what}[{ix}]: {got} against candle's {want}");
    }
}

/// Some windows, in each kernel, by one thread and by two.
fn check_windows(architecture: &Architecture, (windows, rows, tags): (usize, usize, usize), hidden: f64) {
    for kernel in kernels() {
        let (reference, engine) = engine(architecture, (rows, tags), kernel);
        let cells = cells(windows * rows, tags, hidden, 12);
        let want = reference.forward(&cells, (windows, rows, tags));
        for threads in [1, 2] {
            let mut workspace = Workspace::new(Arc::clone(&engine), threads);
            let together = workspace.windows(&cells).to_vec();
            for (ix, answer) in together.iter().enumerate() {
                assert_close("expected", &answer.expected, &want.expected[ix * rows * tags..(ix + 1) * rows * tags]);
                assert_close("code", &answer.code, part(&want.code, windows, ix));
                assert_close("attention", &answer.attention, part(&want.attention, windows, ix));
                let alone = workspace.window(&cells[ix * rows * 2 * tags..(ix + 1) * rows * 2 * tags]);
                assert_eq!(alone, answer, "one window alone and among others");
            }
        }
    }
}

fn part(all: &[f32], parts: usize, ix: usize) -> &[f32] {
    let size = all.len() / parts;
    &all[ix * size..(ix + 1) * size]
}

/// A stream that is pushed so many rows at a time, in each kernel.
fn check_stream(architecture: &Architecture, (rows, tags): (usize, usize), pushes: &[usize], hidden: f64) {
    let total: usize = pushes.iter().sum();
    for kernel in kernels() {
        let (reference, engine) = engine(architecture, (rows, tags), kernel);
        let cells = cells(total, tags, hidden, 13);
        for threads in [1, 2] {
            let mut stream = Stream::with_threads(Arc::clone(&engine), threads).unwrap();
            let mut seen = 0;
            for push in pushes {
                let answer = stream.push(&cells[seen * 2 * tags..(seen + push) * 2 * tags]).clone();
                seen += push;
                check_newest(&reference, &cells[..seen * 2 * tags], (seen, rows, tags), &answer);
            }
            stream.reset();
            let again = stream.push(&cells[..pushes[0] * 2 * tags]).clone();
            check_newest(&reference, &cells[..pushes[0] * 2 * tags], (pushes[0], rows, tags), &again);
        }
    }
}

fn check_newest(reference: &Reference, cells: &[f32], (seen, rows, tags): (usize, usize, usize), answer: &Output) {
    let want = reference.forward(cells, (1, seen, tags));
    assert_close("expected", &answer.expected, &want.expected[(seen - 1) * tags..]);
    assert_close("code", &answer.code, &want.code);
    if answer.attention.is_empty() {
        assert!(want.attention.is_empty());
        return;
    }
    let inside = seen.min(rows);
    assert!(answer.attention[..rows - inside].iter().all(|weight| *weight == 0.0));
    assert_close("attention", &answer.attention[rows - inside..], &want.attention[seen - inside..]);
}

/// Every part on, small, no width a multiple of a vector's.
fn small(padding: Padding) -> Architecture {
    Architecture {
        embed: 5,
        filters: 6,
        kernels: vec![1, 3],
        dilations: vec![1, 2],
        heads: 3,
        code: 7,
        padding,
        autoregressive: 2,
        ..Architecture::paper()
    }
}

/// Both architectures of `padding`, and each with one part left out.
fn architectures(padding: Padding) -> Vec<Architecture> {
    let whole = small(padding);
    vec![
        Architecture { kernels: vec![3], ..whole.clone() },
        Architecture { dilations: vec![], ..whole.clone() },
        Architecture { heads: 0, ..whole.clone() },
        Architecture { code: 0, global: false, ..whole.clone() },
        Architecture { code: 0, global: false, skip: false, ..whole.clone() },
        Architecture { code: 0, global: false, heads: 0, ..whole.clone() },
        Architecture { code: 0, global: false, heads: 0, skip: false, dilations: vec![], ..whole.clone() },
        Architecture { batch_norm: false, ..whole.clone() },
        Architecture { global: false, ..whole.clone() },
        Architecture { skip: false, ..whole.clone() },
        Architecture { skip: false, code: 30, ..whole.clone() },
        Architecture { identity: false, ..whole.clone() },
        Architecture { autoregressive: 0, ..whole.clone() },
        Architecture { padding, ..Architecture::default() },
        whole,
    ]
}

#[test]
fn windows_equal_candle_s_in_every_architecture() {
    for padding in [Padding::Causal, Padding::Past, Padding::Centred] {
        for architecture in architectures(padding) {
            check_windows(&architecture, (2, 13, 3), 0.2);
        }
    }
}

#[test]
fn streams_equal_candle_s_in_every_architecture() {
    for architecture in [Padding::Causal, Padding::Past].into_iter().flat_map(architectures) {
        check_stream(&architecture, (7, 3), &[1, 2, 10, 1, 3], 0.2);
    }
}

#[test]
fn the_paper_s_sizes_equal_candle_s() {
    let paper = Architecture::paper();
    check_windows(&paper, (1, 100, 50), 0.1);
    let streaming = Architecture { padding: Padding::Causal, skip: false, identity: false, ..paper };
    check_windows(&streaming, (1, 100, 50), 0.1);
    check_stream(&streaming, (100, 50), &[1, 50, 60, 1, 10], 0.1);
}

#[test]
fn a_long_stream_equals_candle_s() {
    let architecture = Architecture { skip: false, ..small(Padding::Causal) };
    let pushes: Vec<usize> = (0..60).map(|ix| [1, 1, 10, 1, 70, 3][ix % 6]).collect();
    let rows = 20;
    for kernel in kernels() {
        let (reference, engine) = engine(&architecture, (rows, 3), kernel);
        let cells = cells(pushes.iter().sum(), 3, 0.1, 14);
        let want = reference.forward(&cells, (1, cells.len() / 6, 3));
        let mut stream = Stream::new(engine).unwrap();
        let mut seen = 0;
        for push in pushes.iter().copied() {
            let answer = stream.push(&cells[seen * 6..(seen + push) * 6]);
            seen += push;
            assert_close("expected", &answer.expected, &want.expected[(seen - 1) * 3..seen * 3]);
        }
        assert_close("code", &stream.newest().code, &want.code);
    }
}

#[test]
fn repeated_runs_are_equal_to_the_bit_and_forget_what_was_before() {
    let architecture = Architecture { padding: Padding::Causal, ..Architecture::paper() };
    let (_, engine) = engine(&architecture, (40, 9), Kernel::best());
    let (one, other) = (cells(40, 9, 0.1, 15), cells(40, 9, 0.1, 16));
    for threads in [1, 2] {
        let mut workspace = Workspace::new(Arc::clone(&engine), threads);
        let first = workspace.window(&one).clone();
        assert_ne!(&first, workspace.window(&other));
        assert_eq!(&first, workspace.window(&one));
        assert_eq!(&first, Workspace::new(Arc::clone(&engine), 3 - threads).window(&one));
    }
}

#[test]
fn the_wider_kernels_equal_the_portable_one() {
    let shape = (30, 11);
    let reference = Reference::new(&Architecture::paper(), shape, 17);
    let cells = cells(30, 11, 0.1, 18);
    let answer = |kernel| {
        let engine = Engine::new(&Architecture::paper(), shape, reference.weights(), kernel).unwrap();
        Workspace::new(Arc::new(engine), 1).window(&cells).clone()
    };
    let want = answer(Kernel::Portable);
    for kernel in kernels() {
        let got = answer(kernel);
        assert_close("expected", &got.expected, &want.expected);
        assert_close("attention", &got.attention, &want.attention);
    }
}

/// The root mean square of the differences, in units of that of `want`.
fn difference(got: &[f32], want: &[f32]) -> f32 {
    let energy = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| x * x).sum::<f32>();
    let changed = energy(&mut got.iter().zip(want).map(|(got, want)| got - want));
    (changed / energy(&mut want.iter().copied())).sqrt()
}

/// The precisions below f32 that this processor has, each with what it may change; says aloud which it has not.
fn precisions() -> impl Iterator<Item = (Precision, f32)> {
    [(Precision::Bf16, 0.01), (Precision::Int8, 0.03)].into_iter().filter(|(precision, _)| {
        if !precision.is_here() {
            eprintln!("SKIPPED: this processor has no {precision}, so it was not tested");
        }
        precision.is_here()
    })
}

#[test]
fn fewer_digits_change_little_whatever_is_computed_together() {
    let causal = Architecture { padding: Padding::Causal, ..Architecture::paper() };
    for architecture in [Architecture::paper(), causal].into_iter().chain(architectures(Padding::Past)) {
        let shape = (20, 5);
        let reference = Reference::new(&architecture, shape, 19);
        let cells = cells(2 * 20, 5, 0.1, 20);
        let engine = |precision| {
            let how = (Kernel::best(), precision);
            Arc::new(Engine::with_precision(&architecture, shape, reference.weights(), how).unwrap())
        };
        let exact = Workspace::new(engine(Precision::F32), 1).windows(&cells).to_vec();
        for (precision, most) in precisions() {
            let engine = engine(precision);
            assert_eq!(engine.precision(), precision);
            let answers = Workspace::new(Arc::clone(&engine), 2).windows(&cells).to_vec();
            for (answer, exact) in answers.iter().zip(&exact) {
                let changed = difference(&answer.expected, &exact.expected);
                assert!(changed > 0.0 && changed < most, "{precision} changes {changed} of {architecture:?}");
            }
            assert_eq!(Workspace::new(Arc::clone(&engine), 1).window(&cells[200..]), &answers[1]);
            if let Ok(mut stream) = Stream::new(engine) {
                let together = stream.push(&cells).clone();
                stream.reset();
                cells.chunks(3 * 10).for_each(|rows| drop(stream.push(rows).clone()));
                assert_close("expected", &stream.newest().expected, &together.expected);
            }
        }
    }
}

#[test]
fn where_a_precision_is_not_here_the_engine_is_exact() {
    let (_, exact) = engine(&small(Padding::Causal), (9, 3), Kernel::Portable);
    let reference = Reference::new(&small(Padding::Causal), (9, 3), 11);
    let how = (Kernel::Portable, Precision::Int8);
    let engine = Engine::with_precision(&small(Padding::Causal), (9, 3), reference.weights(), how).unwrap();
    assert_eq!(engine.precision(), Precision::F32);
    let cells = cells(9, 3, 0.1, 21);
    assert_eq!(Workspace::new(engine.into(), 1).window(&cells), Workspace::new(exact, 1).window(&cells));
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let architecture = small(Padding::Causal);
    let reference = Reference::new(&architecture, (9, 3), 1);
    let mut weights = reference.weights().clone();
    let refused = |weights: &_, architecture: &Architecture| {
        let error = Engine::new(architecture, (9, 3), weights, Kernel::Portable).unwrap_err();
        error.to_string()
    };
    weights.insert("output.bias".to_owned(), vec![0.0; 2]);
    assert!(refused(&weights, &architecture).contains("`output.bias` has 2 numbers, the architecture asks for 3"));
    weights.remove("output.bias");
    assert!(refused(&weights, &architecture).contains("no weight `output.bias`"));
    assert!(refused(&weights, &Architecture { embed: 0, ..architecture }).contains("embed"));
}

#[test]
fn a_network_that_sees_the_future_does_not_stream() {
    let (_, engine) = engine(&small(Padding::Centred), (9, 3), Kernel::Portable);
    assert!(matches!(Stream::new(engine), Err(EngineError::Centred)));
}

fn any_architecture() -> impl Strategy<Value = Architecture> {
    let widths = (1..40usize, 1..24usize, prop::sample::subsequence(vec![1, 3, 5, 7], 1..=4), 0..4usize);
    let dilations = prop::sample::subsequence(vec![1, 2, 4, 8], 0..=4);
    let padding = prop::sample::select(vec![Padding::Causal, Padding::Past, Padding::Centred]);
    let parts = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), padding);
    (widths, dilations, 0..40usize, 0..4usize, parts).prop_map(|(widths, dilations, code, autoregressive, parts)| {
        let (embed, filters, kernels, heads) = widths;
        let (batch_norm, global, skip, identity, padding) = parts;
        let mut architecture = Architecture {
            embed,
            filters,
            kernels,
            dilations,
            code,
            padding,
            batch_norm,
            global: global && code > 0,
            skip,
            identity,
            autoregressive,
            ..Architecture::paper()
        };
        let branches =
            if architecture.dilations.is_empty() { architecture.kernels.len() } else { architecture.dilations.len() };
        architecture.heads = [0, 1, branches, branches * filters][heads];
        architecture
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_window_equals_candle_s(
        architecture in any_architecture(), shape in (1..4usize, 1..40usize, 1..40usize), hidden in 0.0..1.0,
    ) {
        check_windows(&architecture, shape, hidden);
    }

    #[test]
    fn any_stream_equals_candle_s(
        architecture in any_architecture(), shape in (1..40usize, 1..20usize),
        pushes in prop::collection::vec(1..30usize, 1..6), hidden in 0.0..1.0,
    ) {
        let padding = if architecture.padding == Padding::Centred { Padding::Causal } else { architecture.padding };
        check_stream(&Architecture { padding, ..architecture }, shape, &pushes, hidden);
    }
}
