//! What a trained autoencoder must be able to do.

#![expect(clippy::unwrap_used, reason = "a test's helpers may panic as its tests do")]

use std::{ops::ControlFlow, path::Path};

use andon_model::{
    Autoencoder, LoadError, ModelSettings, NetworkKind, Progress, Series, TrainError, engine::Precision, train,
};
use andon_plant::{Fill, Range, Reconstruct, Tag, TagKind, TagName, Timestamp, Window, windower::Row};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const ROWS: usize = 40;

fn tags(names: &[&str]) -> Vec<Tag> {
    names.iter().map(|name| Tag::analog(TagName::new(name).unwrap())).collect()
}

fn names(tags: &[Tag]) -> Vec<TagName> {
    tags.iter().map(|tag| tag.name.clone()).collect()
}

/// Five tags of a plant with two hidden causes, a cycle and a sluggish noise, and noise of a twentieth on each.
fn plant(count: usize, seed: u64) -> Series {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut noise = move || -> f64 { StandardNormal.sample(&mut rng) };
    let mut sluggish = 0.0;
    let rows = (0..count).map(|t| {
        sluggish = 0.97 * sluggish + 0.24 * noise();
        let cycle = (t as f64 / 8.0).sin();
        let values = vec![
            20.0 + 5.0 * (cycle + 0.05 * noise()),
            0.8 * cycle + 0.6 * sluggish + 0.05 * noise(),
            1000.0 + 100.0 * (sluggish + 0.05 * noise()),
            cycle - sluggish + 0.05 * noise(),
            if cycle > 0.0 { 1.0 } else { 0.0 },
        ];
        row(t, values)
    });
    Series { rows: rows.collect() }
}

fn plant_tags() -> Vec<Tag> {
    let mut tags = tags(&["Temperature", "Flow", "Pressure", "Level", "Running"]);
    tags[4].kind = TagKind::Boolean;
    tags
}

fn row(t: usize, values: Vec<f64>) -> Row {
    let fill = vec![Fill::Measured; values.len()];
    Row { time: Timestamp::from_secs(t as i64), values, fill }
}

fn quick(seed: u64, epochs: usize) -> ModelSettings {
    let mut settings = ModelSettings::default();
    settings.training.seed = seed;
    settings.training.epochs = epochs;
    settings.training.windows = 192;
    settings
}

fn learn(series: &Series, tags: &[Tag], settings: &ModelSettings) -> (Result<Autoencoder, TrainError>, Vec<Progress>) {
    let mut seen = Vec::new();
    let model = train(std::slice::from_ref(series), tags, ROWS, settings, &mut |p| {
        seen.push(*p);
        ControlFlow::Continue(())
    });
    (model, seen)
}

fn window(rows: &[Row]) -> Window {
    Window {
        time: rows[rows.len() - 1].time,
        rows: rows.len(),
        tags: rows[0].values.len(),
        values: rows.iter().flat_map(|r| r.values.clone()).collect(),
        fill: rows.iter().flat_map(|r| r.fill.clone()).collect(),
    }
}

/// What was expected of the newest row of each window of `series`, with that row's values.
fn newest(model: &mut Autoencoder, series: &Series) -> Vec<(Vec<f64>, Vec<f64>)> {
    let windows: Vec<Window> = series.rows.windows(ROWS).map(window).collect();
    let answers = model.reconstruct_all(&windows).unwrap();
    let last = |values: &[f64], tags: usize| values[(ROWS - 1) * tags..].to_vec();
    windows.iter().zip(answers).map(|(w, r)| (last(&w.values, w.tags), last(&r.expected, w.tags))).collect()
}

fn r2(pairs: &[(Vec<f64>, Vec<f64>)], tag: usize) -> f64 {
    let mean = pairs.iter().map(|(v, _)| v[tag]).sum::<f64>() / pairs.len() as f64;
    let total: f64 = pairs.iter().map(|(v, _)| (v[tag] - mean).powi(2)).sum();
    1.0 - pairs.iter().map(|(v, e)| (v[tag] - e[tag]).powi(2)).sum::<f64>() / total
}

#[test]
fn it_learns_normal_operation_and_reconstructs_what_it_has_not_learned_from() {
    let (model, progress) = learn(&plant(1_500, 1), &plant_tags(), &quick(7, 12));
    let mut model = model.unwrap();
    let (first, last) = (progress[0], progress[progress.len() - 1]);
    assert!(last.training_loss < 0.5 * first.training_loss, "{first:?} {last:?}");
    assert!(last.validation_loss < first.validation_loss, "{first:?} {last:?}");
    let pairs = newest(&mut model, &plant(600, 2));
    let scores: Vec<f64> = (0..5).map(|tag| r2(&pairs, tag)).collect();
    println!("R2 of the newest row: {scores:.3?}");
    assert!(scores.iter().sum::<f64>() / 5.0 > 0.8, "{scores:?}");
}

#[test]
fn most_of_a_fault_on_one_tag_stays_in_the_residual_at_an_r2_no_worse_than_var_s() {
    let learned = |kind| {
        let mut settings = ModelSettings { kind, ..ModelSettings::default() };
        settings.training.seed = 7;
        learn(&plant(1_500, 1), &plant_tags(), &settings).0.unwrap()
    };
    let (mut model, mut var) = (learned(NetworkKind::Multiscale), learned(NetworkKind::Var));
    let fresh = plant(600, 2);
    let (pairs, theirs) = (newest(&mut model, &fresh), newest(&mut var, &fresh));
    let both: Vec<(f64, f64)> = (0..4).map(|tag| (r2(&pairs, tag), r2(&theirs, tag))).collect();
    println!("R2 of the newest row, ours and VAR's: {both:.3?}");
    assert!(both.iter().all(|(ours, theirs)| *ours >= theirs - 0.005), "{both:?}");
    assert!(both.iter().map(|(ours, theirs)| ours - theirs).sum::<f64>() / 4.0 >= -0.001, "{both:?}");
    let normal = plant(400, 3);
    let mut shares = Vec::new();
    for (tag, size) in [(0, 15.0), (1, 3.0), (2, 300.0), (3, 4.0)] {
        let mut faulty = normal.clone();
        faulty.rows[200..220].iter_mut().for_each(|row| row.values[tag] += size);
        let (clean, broken) = (newest(&mut model, &normal), newest(&mut model, &faulty));
        let during = 200 + 1 - ROWS..220 + 1 - ROWS;
        let left: f64 = during
            .map(|ix| {
                let residual = |(value, expected): &(Vec<f64>, Vec<f64>)| value[tag] - expected[tag];
                (residual(&broken[ix]) - residual(&clean[ix])).powi(2)
            })
            .sum();
        let share = left / (20.0 * f64::powi(size, 2));
        println!("tag {tag}: {:.0} % of the fault's energy is left", share * 100.0);
        shares.push(share);
    }
    assert!(shares.iter().all(|share| *share >= 0.7), "{shares:?}");
}

#[test]
fn a_seed_gives_the_same_weights_bit_for_bit_and_another_seed_others() {
    let series = plant(200, 1);
    let sha = |seed| learn(&series, &plant_tags(), &quick(seed, 1)).0.unwrap().manifest().weights_sha256.clone();
    let first = sha(1);
    assert_eq!(first, sha(1));
    assert_ne!(first, sha(2));
}

#[test]
fn a_constant_tag_is_left_out_listed_and_expected_to_stand_still() {
    let mut series = plant(300, 1);
    let tags = tags(&["A", "B", "Constant"]);
    series.rows.iter_mut().for_each(|row| *row = self::row(0, vec![row.values[0], row.values[1], 500.0]));
    let mut model = learn(&series, &tags, &quick(1, 3)).0.unwrap();
    assert!(model.manifest().normalisation.constant().eq([&tags[2].name]));
    let usual = newest(&mut model, &series);
    series.rows.iter_mut().for_each(|row| row.values[2] = 1e9);
    for ((_, usual), (_, expected)) in usual.iter().zip(newest(&mut model, &series)) {
        assert_eq!(*usual, expected, "a tag that is left out is not shown either");
        assert_eq!(expected[2], 500.0);
    }
}

/// A machine that fills, works and empties in turn: its step, a counter of pieces that wraps at 1000 while it works, and a flow.
fn machine(count: usize) -> (Series, Vec<Tag>) {
    let mut pieces = 0;
    let rows = (0..count).map(|t| {
        let step = [3.0, 20.0, 7.0][t / 6 % 3];
        pieces += if step == 20.0 { 4 } else { 0 };
        row(t, vec![step, f64::from(pieces % 1000), if step == 3.0 { 5.0 } else { 0.1 * (t % 5) as f64 }])
    });
    let series = Series { rows: rows.collect() };
    let mut tags = tags(&["Step", "Pieces", "Flow"]);
    (tags[0].kind, tags[1].kind) = (TagKind::Enum, TagKind::Counter);
    tags[1].range = Range::new(0.0, 999.0).ok();
    (series, tags)
}

#[test]
fn a_step_and_a_counter_are_learned_and_their_faults_show() {
    let (series, tags) = machine(1_200);
    let mut model = learn(&series, &tags, &quick(3, 8)).0.unwrap();
    let residuals = |model: &mut Autoencoder, series: &Series, tag: usize| -> Vec<f64> {
        newest(model, series).iter().map(|(value, expected)| (value[tag] - expected[tag]).abs()).collect()
    };
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let (normal, _) = machine(500);
    let usual = [0, 1].map(|tag| mean(&residuals(&mut model, &normal, tag)));
    let mut faulty = normal.clone();
    let working: Vec<usize> = (200..400).filter(|t| t / 6 % 3 == 1).collect();
    working.iter().for_each(|t| faulty.rows[*t].values[0] = 99.0);
    let strange: Vec<f64> = residuals(&mut model, &faulty, 0);
    let strange = mean(&working.iter().map(|t| strange[t + 1 - ROWS]).collect::<Vec<_>>());
    let mut faulty = normal.clone();
    (300..500).for_each(|t| faulty.rows[t].values[1] = faulty.rows[300].values[1]);
    let stuck = residuals(&mut model, &faulty, 1);
    let stuck = mean(&working.iter().filter(|t| **t > 300).map(|t| stuck[t + 1 - ROWS]).collect::<Vec<_>>());
    println!("usual residuals {usual:.3?}; a strange step {strange:.3}, a stuck counter {stuck:.3}");
    assert_eq!(strange, 1.0);
    assert!(usual[0] < 0.4 && usual[1] < 1.5 && stuck > 2.0 * usual[1], "{usual:?} {stuck}");
}

#[test]
fn a_training_that_was_killed_goes_on_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let series = plant(200, 1);
    let mut settings = quick(1, 4);
    settings.training.windows = 32;
    settings.architecture.batch_norm = true;
    let whole = learn(&series, &plant_tags(), &settings).0.unwrap();
    settings.training.checkpoint = Some(dir.path().join("checkpoint.safetensors"));
    let until = |last: usize, settings: &ModelSettings| {
        let mut epochs = Vec::new();
        let model = train(std::slice::from_ref(&series), &plant_tags(), ROWS, settings, &mut |p| {
            epochs.push(p.epoch);
            if p.epoch == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (epochs, model)
    };
    assert!(matches!(until(2, &settings), (_, Err(TrainError::Cancelled { epoch: 2 }))));
    let (epochs, model) = until(9, &settings);
    assert_eq!(epochs, [3, 4]);
    assert_eq!(model.unwrap().manifest(), whole.manifest());
    let (epochs, model) = until(9, &settings);
    assert!(epochs.is_empty(), "it was done");
    assert_eq!(model.unwrap().manifest(), whole.manifest());
    settings.training.seed = 2;
    assert_eq!(until(1, &settings).0, [1], "another training's checkpoint is passed over");
}

#[test]
fn without_validation_all_rows_train_for_all_epochs() {
    let mut settings = quick(1, 2);
    settings.training.validation = 0.0;
    let (model, progress) = learn(&plant(60, 1), &plant_tags(), &settings);
    assert_eq!(model.unwrap().manifest().epochs, 2);
    assert!(progress.iter().all(|p| p.validation_loss == p.training_loss));
}

#[test]
fn imputed_cells_change_nothing_of_what_is_learned_or_answered() {
    let mut series = plant(200, 1);
    series.rows[50..60].iter_mut().for_each(|row| row.fill[2] = Fill::Interpolated);
    let mut other = series.clone();
    other.rows[50..60].iter_mut().for_each(|row| row.values[2] = -1e6);
    let model = |s: &Series| learn(s, &plant_tags(), &quick(1, 1)).0.unwrap();
    let (mut one, two) = (model(&series), model(&other));
    assert_eq!(one.manifest().weights_sha256, two.manifest().weights_sha256);
    let mut answers = [&series, &other].map(|s| one.reconstruct(&window(&s.rows[30..70])).unwrap());
    assert_eq!(answers[0], answers[1]);
    answers[0].expected.retain(|e| !e.is_finite());
    assert!(answers[0].expected.is_empty());
}

#[test]
fn a_saved_model_answers_the_same_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let series = plant(200, 1);
    let mut model = learn(&series, &plant_tags(), &quick(1, 2)).0.unwrap();
    model.save_weights(&path).unwrap();
    let json = serde_json::to_string_pretty(model.manifest()).unwrap();
    let manifest = serde_json::from_str(&json).unwrap();
    let mut loaded = Autoencoder::load(manifest, &path, &names(&plant_tags())).unwrap();
    assert_eq!(loaded.manifest(), model.manifest());
    let window = window(&series.rows[100..140]);
    let answer = model.reconstruct(&window).unwrap();
    assert_eq!(answer, loaded.reconstruct(&window).unwrap());
    assert_eq!(answer.code.map(|code| code.len()), Some(model.manifest().architecture.code));
}

#[test]
fn the_baselines_learn_and_answer_the_same_when_loaded() {
    let series = plant(300, 1);
    for kind in [NetworkKind::Dense, NetworkKind::Lstm, NetworkKind::Vae] {
        let mut settings = ModelSettings { kind, ..quick(1, 4) };
        settings.training.windows = 96;
        let (model, progress) = learn(&series, &plant_tags(), &settings);
        let mut model = model.unwrap();
        let (first, last) = (progress[0].training_loss, progress[3].training_loss);
        assert!(last < 0.9 * first, "{kind:?}: {first} became {last}");
        let (manifest, bytes) = (model.manifest().clone(), model.weights().to_vec());
        let mut loaded = Autoencoder::from_bytes(manifest, bytes, Path::new("it"), &names(&plant_tags())).unwrap();
        let window = window(&series.rows[100..140]);
        assert_eq!(model.reconstruct(&window).unwrap(), loaded.reconstruct(&window).unwrap());
        assert_eq!(model.name(), kind.name());
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_what_differs_and_the_mend() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let model = learn(&plant(200, 1), &plant_tags(), &quick(1, 1)).0.unwrap();
    model.save_weights(&path).unwrap();
    let good = model.manifest().clone();
    let own = names(&plant_tags());
    let said = |manifest, tags: &[TagName]| Autoencoder::load(manifest, &path, tags).unwrap_err().to_string();

    let mut swapped = own.clone();
    swapped.swap(0, 1);
    assert_eq!(
        said(good.clone(), &swapped),
        "the model was trained on other tags: the order differs, tag number 1 is `Temperature` in the model and `Flow` \
         here; name the tags as in training, or train the model anew"
    );
    assert!(said(good.clone(), &own[..4]).contains("it needs `Running`, which is not there"));
    let mut other = good.clone();
    other.format = 99;
    assert_eq!(said(other, &own), "the model's format is 99, this program reads 2; train the model anew");
    let mut other = good.clone();
    other.architecture.embed = 7;
    assert!(said(other, &own).contains("weight `embedding.weight` has shape [12, 16]"));
    std::fs::write(&path, b"something else").unwrap();
    assert!(matches!(Autoencoder::load(good, &path, &own), Err(LoadError::Checksum { .. })));
}

#[test]
fn data_that_can_t_be_learned_is_refused_with_the_remedy() {
    let said = |series: &Series, tags: &[Tag]| learn(series, tags, &quick(1, 1)).0.unwrap_err().to_string();
    assert_eq!(
        said(&plant(59, 1), &plant_tags()),
        "the longest stretch without a gap has 59 rows, training needs 60; collect more history, or make the window shorter"
    );
    let mut missing = plant(100, 1);
    missing.rows.iter_mut().for_each(|row| row.fill[1] = Fill::Missing);
    assert!(said(&missing, &plant_tags()).starts_with("tag `Flow` was never measured"));
    let still = Series { rows: (0..100).map(|t| row(t, vec![3.0, 4.0])).collect() };
    assert!(said(&still, &tags(&["A", "B"])).starts_with("all 2 tags stand still"));
    assert!(said(&still, &tags(&["A"])).contains("a training row has 2 values, there are 1 tags"));
}

#[test]
fn an_exploding_loss_is_an_error_with_its_epoch() {
    let mut settings = quick(1, 3);
    settings.training.learning_rate = 1e30;
    let error = learn(&plant(200, 1), &plant_tags(), &settings).0.unwrap_err();
    assert!(matches!(error, TrainError::NotANumber { epoch: 1 }), "{error}");
}

#[test]
fn training_can_be_broken_off() {
    let series = plant(200, 1);
    let broken = train(&[series], &plant_tags(), ROWS, &quick(1, 5), &mut |_| ControlFlow::Break(()));
    assert!(matches!(broken, Err(TrainError::Cancelled { epoch: 1 })));
}

#[test]
fn a_window_of_another_shape_or_with_a_hole_is_refused() {
    let series = plant(200, 1);
    let mut model = learn(&series, &plant_tags(), &quick(1, 1)).0.unwrap();
    let short = window(&series.rows[..10]);
    let said = model.reconstruct(&short).unwrap_err().to_string();
    assert_eq!(said, "the model takes windows of 40 rows and 5 tags, got 10 rows and 5 tags");
    let mut hole = window(&series.rows[..ROWS]);
    hole.values[7] = f64::NAN;
    assert_eq!(model.reconstruct(&hole).unwrap_err().to_string(), "row 1 of tag number 2 has no value");
}

#[test]
fn a_lower_precision_is_kept_where_it_is_here_and_changes_next_to_nothing() {
    let served = |series: &Series, tags: &[Tag], settings: &ModelSettings| {
        learn(series, tags, settings).0.unwrap().manifest().precision
    };
    // A network that copies a sine has hardly a residual.
    let mut copies = quick(3, 12);
    copies.architecture.autoregressive = 0;
    (copies.training.mask.share, copies.training.mask.falsified, copies.training.mask.noise) = (0.0, 0.0, 0.0);
    let sine = Series { rows: (0..600).map(|t| row(t, vec![(t as f64 / 9.0).sin()])).collect() };
    for asked in [Precision::Bf16, Precision::Int8] {
        if !asked.is_here() {
            eprintln!("SKIPPED: this processor has no {asked}, so only the way back to f32 was tested");
        }
        let here = if asked.is_here() { asked } else { Precision::F32 };
        assert_eq!(served(&plant(800, 8), &plant_tags(), &ModelSettings { precision: asked, ..quick(3, 4) }), here);
        assert_eq!(
            served(&sine, &tags(&["Sine"]), &ModelSettings { precision: asked, ..copies.clone() }),
            Precision::F32
        );
    }
    let settings = ModelSettings { precision: Precision::Bf16, kind: NetworkKind::Var, ..quick(3, 1) };
    let refused = learn(&sine, &tags(&["Sine"]), &settings).0.unwrap_err().to_string();
    assert_eq!(refused, "network.precision is bf16: it must be f32 where `kind` is not multiscale");
}

#[test]
fn of_principal_components_the_code_s_squared_length_is_t2() {
    let settings = ModelSettings { kind: NetworkKind::Pca, ..ModelSettings::default() };
    let mut model = learn(&plant(1_500, 1), &plant_tags(), &settings).0.unwrap();
    let mut t2 = |series: &Series| -> (f64, usize) {
        let windows: Vec<Window> = series.rows.windows(ROWS).map(window).collect();
        let answers = model.reconstruct_all(&windows).unwrap();
        let lengths = answers.iter().map(|a| a.code.as_ref().unwrap().iter().map(|c| c * c).sum::<f64>());
        (lengths.sum::<f64>() / answers.len() as f64, answers[0].code.as_ref().unwrap().len())
    };
    let normal = plant(600, 2);
    // In normal operation each component adds one to it (Jackson and Mudholkar 1979).
    let (usual, components) = t2(&normal);
    assert!((0.7..1.3).contains(&(usual / components as f64)), "{usual} of {components} components");
    // All tags three times as far from their means: the plane is not left, T2 is nine times as large.
    let mut far = normal;
    let means: Vec<f64> =
        (0..4).map(|tag| far.rows.iter().map(|row| row.values[tag]).sum::<f64>() / far.rows.len() as f64).collect();
    for row in &mut far.rows {
        row.values.iter_mut().zip(&means).for_each(|(value, mean)| *value = mean + 3.0 * (*value - mean));
    }
    assert!(t2(&far).0 > 6.0 * usual);
}

#[test]
fn a_linear_part_that_would_not_fit_into_memory_is_refused() {
    let wide: Vec<f64> = (0..200).map(f64::from).collect();
    let rows = (0..300).map(|t| row(t, wide.iter().map(|v| (v + t as f64).sin()).collect()));
    let (series, mut settings) = (Series { rows: rows.collect() }, quick(3, 1));
    settings.architecture.autoregressive = 50;
    let names: Vec<String> = (0..200).map(|ix| format!("T{ix}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for kind in [NetworkKind::Multiscale, NetworkKind::Var] {
        let refused = learn(&series, &tags(&names), &ModelSettings { kind, ..settings.clone() }).0.unwrap_err();
        assert!(refused.to_string().contains("200 columns of the last 50 rows are 10000 to solve for"), "{refused}");
    }
}

#[test]
fn a_linear_model_is_solved_in_one_go_and_loads_again() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, least) in [(NetworkKind::Var, 0.8), (NetworkKind::Ridge, 0.6), (NetworkKind::Pca, 0.8)] {
        let mut settings = ModelSettings { kind, ..quick(1, 12) };
        settings.architecture.autoregressive = 5;
        let (model, progress) = learn(&plant(1_500, 1), &plant_tags(), &settings);
        let mut model = model.unwrap();
        assert!(progress.len() == 1 && model.manifest().epochs == 1);
        let normal = plant(400, 2);
        let pairs = newest(&mut model, &normal);
        let scores: Vec<f64> = (0..4).map(|tag| r2(&pairs, tag)).collect();
        println!("{}: R2 of the newest row {scores:.3?}", kind.name());
        assert!(scores.iter().sum::<f64>() / 4.0 > least, "{kind:?}: {scores:?}");
        let path = dir.path().join(kind.name());
        model.save_weights(&path).unwrap();
        let mut loaded = Autoencoder::load(model.manifest().clone(), &path, &names(&plant_tags())).unwrap();
        let window = window(&normal.rows[100..140]);
        assert_eq!(model.reconstruct(&window).unwrap(), loaded.reconstruct(&window).unwrap());
        let (alone, whole) = (loaded.expect(&window, None).unwrap(), model.reconstruct(&window).unwrap().newest(5));
        let apart = alone.expected.iter().zip(&whole.expected).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-3, "{alone:?} {whole:?}");
    }
}

#[test]
fn what_streams_is_what_the_network_says_of_the_whole_history() {
    let series = plant(300, 1);
    let mut model = learn(&series, &plant_tags(), &quick(1, 1)).0.unwrap();
    let windows: Vec<Window> = series.rows.windows(ROWS).map(window).collect();
    let by_one: Vec<_> = (0..100).map(|ix| model.expect(&windows[ix], (ix > 0).then_some(1)).unwrap()).collect();
    let by_ten: Vec<_> = (0..10).map(|ix| model.expect(&windows[ix * 10], (ix > 0).then_some(10)).unwrap()).collect();
    for (ten, one) in by_ten.iter().zip(by_one.iter().step_by(10)) {
        let apart = ten.expected.iter().zip(&one.expected).map(|(a, b)| (a - b).abs() / (1.0 + b.abs()));
        assert!(apart.fold(0.0, f64::max) < 1e-5, "{ten:?} {one:?}");
    }
    // Begun anew, it knows of nothing before the window: its first answer is the window's own.
    let anew = model.expect(&windows[50], None).unwrap();
    assert_eq!(anew, model.expect(&windows[50], None).unwrap());
}
