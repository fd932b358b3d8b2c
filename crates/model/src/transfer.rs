//! What a network takes over from another asset's model.
//!
//! A plant has many assets of one kind with other tags. What a network knows of time and of the ways of machines lies in
//! its trunk, which no tag has a part of; only the first and the last map are of tags. So training may begin with the
//! trunk of a model that has learned already. The tags that both assets have by name and kind keep their part of the
//! maps. Each other tag takes that of a tag that is left over and wanders about as much, so that the trunk is shown, and
//! asked for, what it is used to: in a trial with maps drawn anew it learned more slowly than from scratch. What then is
//! left has new maps.
//!
//! What it is worth stands in `docs/model.md`; `examples/transfer.rs` measures it.

use std::{
    collections::HashMap,
    mem::{Discriminant, discriminant},
};

use andon_plant::TagName;
use candle_core::{Device, Tensor, Var};

use crate::{
    Autoencoder,
    architectures::{Architecture, NetworkKind},
    encode::Features,
    normalize::{Normalisation, Scale},
    settings::ModelSettings,
    solve::AUTOREGRESSIVE,
    train::TrainError,
};

/// A model can't be what another begins with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// It is another kind of network.
    #[error(
        "the model to begin with is of kind {}, {} is to be trained; set `kind` to the model's, or train from scratch",
        found.name(), expected.name()
    )]
    Kind {
        /// What is to be trained.
        expected: NetworkKind,
        /// The model's.
        found: NetworkKind,
    },
    /// It is linear.
    #[error("a model of kind {} is solved in one go and has nothing to begin with; train it from scratch", kind.name())]
    Linear {
        /// What is to be trained.
        kind: NetworkKind,
    },
    /// It has other parts or sizes.
    #[error(
        "the model to begin with has architecture.{key} {found}, {expected} is to be trained; \
         set it to the model's, or train from scratch"
    )]
    Architecture {
        /// The first part or size that differs.
        key: &'static str,
        /// What is to be trained.
        expected: String,
        /// The model's.
        found: String,
    },
    /// Its trunk is sized for another window or another number of tags, as a baseline's is.
    #[error(
        "weight `{name}` of the model to begin with has shape {found:?}, this asset's has {expected:?}: the size of this \
         kind of network follows from the window's rows and the number of tags; begin with a model that has as many of \
         both, or train from scratch"
    )]
    Size {
        /// The weight.
        name: String,
        /// What is to be trained.
        expected: Vec<usize>,
        /// The model's.
        found: Vec<usize>,
    },
}

/// Whether a network as `settings` say can begin with `source`.
pub(crate) fn check(source: &Autoencoder, settings: &ModelSettings) -> Result<(), TransferError> {
    let manifest = source.manifest();
    if settings.kind.is_linear() {
        return Err(TransferError::Linear { kind: settings.kind });
    }
    if manifest.network != settings.kind {
        return Err(TransferError::Kind { expected: settings.kind, found: manifest.network });
    }
    let (expected, found) = (parts(&settings.architecture), parts(&manifest.architecture));
    match expected.into_iter().zip(found).find(|(expected, found)| expected != found) {
        Some(((key, expected), (_, found))) => Err(TransferError::Architecture { key, expected, found }),
        None => Ok(()),
    }
}

/// An architecture's keys and values, but for dropout, which is no part of what was learned.
fn parts(a: &Architecture) -> [(&'static str, String); 12] {
    let Architecture {
        embed,
        filters,
        kernels,
        dilations,
        heads,
        code,
        dropout: _,
        padding,
        batch_norm,
        global,
        skip,
        identity,
        autoregressive,
    } = a;
    [
        ("embed", embed.to_string()),
        ("filters", filters.to_string()),
        ("kernels", format!("{kernels:?}")),
        ("dilations", format!("{dilations:?}")),
        ("heads", heads.to_string()),
        ("code", code.to_string()),
        ("padding", format!("{padding:?}")),
        ("batch_norm", batch_norm.to_string()),
        ("global", global.to_string()),
        ("skip", skip.to_string()),
        ("identity", identity.to_string()),
        ("autoregressive", autoregressive.to_string()),
    ]
}

/// The weights that training begins with.
pub(crate) struct Start {
    /// The learned ones, by name.
    learned: HashMap<String, Tensor>,
    /// How many columns they were learned of.
    known: usize,
    /// For each column of the network to be trained, the one of those whose maps it takes.
    counterparts: Vec<Option<usize>>,
}

impl Start {
    /// What `source` has learned, for tags of these scales.
    pub(crate) fn new(
        source: &Autoencoder,
        normalisation: &Normalisation,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let learned = candle_core::safetensors::load_buffer(source.weights(), device)?;
        let known = columns(&source.manifest().normalisation);
        Ok(Self { learned, known: known.len(), counterparts: counterparts(&columns(normalisation), &known) })
    }

    /// Puts what was learned into the fresh weight `name`.
    pub(crate) fn put(&self, name: &str, var: &Var) -> Result<(), TrainError> {
        let Some(learned) = self.learned.get(name) else { return Ok(()) };
        let value = match name {
            "embedding.weight" | "output.bias" => self.mixed(var, learned, 0)?,
            "output.weight" => self.mixed(var, learned, 1)?,
            AUTOREGRESSIVE => return Ok(()),
            _ if learned.shape() == var.shape() => learned.clone(),
            _ => {
                let (expected, found) = (var.dims().to_vec(), learned.dims().to_vec());
                return Err(TransferError::Size { name: name.to_owned(), expected, found }.into());
            }
        };
        Ok(var.set(&value)?)
    }

    /// `fresh` with what `learned` has along `dim` of the columns' counterparts. Along it lie one number a column, once or
    /// several times over.
    fn mixed(&self, fresh: &Tensor, learned: &Tensor, dim: usize) -> candle_core::Result<Tensor> {
        let end = fresh.dim(dim)?;
        let from = |ix: usize| {
            let (time, column) = (ix / self.counterparts.len(), ix % self.counterparts.len());
            self.counterparts[column].map_or(ix, |at| end + time * self.known + at) as u32
        };
        let from: Vec<u32> = (0..end).map(from).collect();
        let from = Tensor::from_vec(from, end, fresh.device())?;
        Tensor::cat(&[&fresh.detach(), learned], dim)?.index_select(&from, dim)
    }
}

/// One of a network's columns: whose it is, what it tells of the tag, of a state which one, and how it wanders.
struct Column<'a> {
    tag: &'a TagName,
    kind: Discriminant<Features>,
    state: Option<i64>,
    drift: f64,
}

fn columns(normalisation: &Normalisation) -> Vec<Column<'_>> {
    let of = |scale: &Scale| -> Vec<Option<i64>> {
        match &scale.features {
            Features::States { states, .. } => (0..scale.width()).map(|ix| states.get(ix).copied()).collect(),
            _ => vec![None],
        }
    };
    let shown = normalisation.shown();
    let each = shown.flat_map(|scale| of(scale).into_iter().map(move |state| (scale, state)));
    each.map(|(scale, state)| Column {
        tag: &scale.tag,
        kind: discriminant(&scale.features),
        state,
        drift: scale.drift,
    })
    .collect()
}

/// Which of the `known` columns each of `columns` takes its maps from: the same of the tag of that name; or else, of those of
/// its kind that are left, the one that wanders most like it. None where none is left.
fn counterparts(columns: &[Column], known: &[Column]) -> Vec<Option<usize>> {
    let named = |c: &Column, other: &Column| (c.tag, c.kind, c.state) == (other.tag, other.kind, other.state);
    let same = |column: &Column| known.iter().position(|other| named(column, other));
    let mut found: Vec<Option<usize>> = columns.iter().map(same).collect();
    let mut left: Vec<usize> = (0..known.len()).filter(|at| !found.contains(&Some(*at))).collect();
    for (column, found) in columns.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
        let apart = |at: usize| (column.drift - known[at].drift).abs();
        let kin = left.iter().copied().filter(|at| known[*at].kind == column.kind);
        *found = kin.min_by(|a, b| apart(*a).total_cmp(&apart(*b)));
        left.retain(|at| Some(*at) != *found);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ops::ControlFlow};

    use andon_plant::{Tag, TagKind};
    use candle_core::DType;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        Series, architectures,
        layers::Vars,
        series::tests::{series_of, tag},
        train::{train, train_from},
    };

    const ROWS: usize = 10;

    fn history(tags: usize) -> Series {
        let value = |s: usize, tag: usize| ((s * (tag + 1)) as f64 / 7.0).sin() + tag as f64;
        series_of((0..60).map(|s| (0..tags).map(|tag| value(s, tag)).collect()))
    }

    fn quick(kind: NetworkKind) -> ModelSettings {
        let mut settings = ModelSettings { kind, ..ModelSettings::default() };
        settings.architecture = Architecture { autoregressive: 1, batch_norm: true, ..Architecture::default() };
        (settings.training.epochs, settings.training.windows) = (1, 32);
        settings
    }

    fn source(kind: NetworkKind) -> Autoencoder {
        let tags = ["A", "B", "C"].map(tag);
        train(&[history(3)], &tags, ROWS, &quick(kind), &mut |_| ControlFlow::Continue(())).unwrap()
    }

    fn from(source: &Autoencoder, tags: &[Tag], settings: &ModelSettings) -> Result<Autoencoder, TrainError> {
        train_from(Some(source), &[history(tags.len())], tags, ROWS, settings, &mut |_| ControlFlow::Continue(()))
    }

    /// All weights of a network of `tags` as they are before and after they take over what `source` has learned.
    fn taken(source: &Autoencoder, tags: &[Tag]) -> [BTreeMap<String, Tensor>; 2] {
        let settings = quick(NetworkKind::Multiscale);
        let kind = (settings.scaling, settings.levelling);
        let mut series = history(tags.len());
        for (number, row) in series.rows.iter_mut().enumerate() {
            let switches = row.values.iter_mut().zip(tags).filter(|(_, tag)| tag.kind == TagKind::Boolean);
            switches.for_each(|(value, _)| *value = (number % 2) as f64);
        }
        let normalisation = Normalisation::fit(kind, &[series], tags).unwrap();
        let shape = (ROWS, normalisation.width());
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(3), DType::F32, &Device::Cpu);
        architectures::build(settings.kind, &mut vars, &settings.architecture, shape).unwrap();
        let (mut all, remembered) = vars.made();
        all.extend(remembered);
        let copy = || all.iter().map(|(name, var)| (name.clone(), var.as_tensor().copy().unwrap())).collect();
        let before = copy();
        let start = Start::new(source, &normalisation, &Device::Cpu).unwrap();
        all.iter().for_each(|(name, var)| start.put(name, var).unwrap());
        [before, copy()]
    }

    fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
        tensor.to_vec2().unwrap()
    }

    #[test]
    fn the_trunk_is_taken_and_each_tag_has_the_maps_of_its_counterpart() {
        let source = source(NetworkKind::Multiscale);
        let learned = candle_core::safetensors::load_buffer(source.weights(), &Device::Cpu).unwrap();
        let mut switch = tag("A");
        switch.kind = TagKind::Boolean;
        let [before, after] = taken(&source, &[tag("C"), switch, tag("D"), tag("B"), tag("E")]);
        let (mut trunk, mut fresh) = (0, 0);
        for (name, now) in &after {
            match name.as_str() {
                "embedding.weight" => {
                    let (before, learned) = (rows(&before[name]), rows(&learned[name]));
                    let values = [&learned[2], &before[1], &before[2], &learned[0], &learned[1], &before[5]];
                    let visibility = [&learned[5], &before[7], &before[8], &learned[3], &learned[4], &before[11]];
                    assert_eq!(rows(now).iter().collect::<Vec<_>>(), [values, visibility].concat());
                }
                "output.weight" => {
                    let columns = |tensor: &Tensor| rows(&tensor.t().unwrap());
                    let (before, learned) = (columns(&before[name]), columns(&learned[name]));
                    assert_eq!(
                        columns(now),
                        [&learned[2], &before[1], &before[2], &learned[0], &learned[1], &before[5]].map(Clone::clone)
                    );
                }
                "output.bias" => {
                    let flat = |tensor: &Tensor| tensor.to_vec1::<f32>().unwrap();
                    let learned = flat(&learned[name]);
                    assert_eq!(flat(now), [learned[2], 0.0, 0.0, learned[0], learned[1], 0.0]);
                }
                "autoregressive.weight" => {
                    assert_eq!(rows(now), rows(&before[name]));
                    fresh += 1;
                }
                _ => {
                    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    assert_eq!(flat(now), flat(&learned[name]), "{name}");
                    trunk += usize::from(flat(now) != flat(&before[name]));
                }
            }
        }
        assert_eq!((trunk, fresh, after.len()), (23, 1, 27));
    }

    #[test]
    fn a_tag_takes_after_its_namesake_or_else_after_one_that_wanders_like_it() {
        let scale = |name: &str, drift: f64| {
            let (tag, constant, features) = (tag(name).name, false, Features::Value);
            Scale { tag, offset: 0.0, span: 1.0, drift, constant, features }
        };
        let of = |scales: &[Scale]| {
            let (scaling, levelling) = Default::default();
            Normalisation { scaling, levelling, scales: scales.to_vec() }
        };
        let known = of(&[scale("A", 0.9), scale("B", 0.0), scale("C", 0.2), scale("D", 0.7)]);
        let check = |tags: &[Scale], want: &[Option<usize>]| {
            assert_eq!(counterparts(&columns(&of(tags)), &columns(&known)), want);
        };
        check(&[scale("D", 0.1), scale("A", 0.0)], &[Some(3), Some(0)]);
        check(&[scale("X", 0.15), scale("Y", 0.85), scale("Z", 0.0)], &[Some(2), Some(0), Some(1)]);
        let more = [scale("V", 0.7), scale("D", 0.7), scale("W", 0.0), scale("X", 0.15), scale("Y", 0.5)];
        check(&more, &[Some(0), Some(3), Some(1), Some(2), None]);
    }

    #[test]
    fn training_goes_on_from_there_with_another_number_of_tags() {
        let source = source(NetworkKind::Multiscale);
        for names in [&["A"][..], &["X", "Y", "A", "B", "Z"]] {
            let tags: Vec<Tag> = names.iter().map(|name| tag(name)).collect();
            let settings = quick(NetworkKind::Multiscale);
            let model = from(&source, &tags, &settings).unwrap();
            assert_eq!(model.manifest().tags.len(), names.len());
            let fresh = train(&[history(names.len())], &tags, ROWS, &settings, &mut |_| ControlFlow::Continue(()));
            assert_ne!(model.manifest().weights_sha256, fresh.unwrap().manifest().weights_sha256);
        }
    }

    #[test]
    fn a_model_that_does_not_fit_is_refused_with_what_differs_and_the_mend() {
        let multiscale = source(NetworkKind::Multiscale);
        let tags = ["A", "X"].map(tag);
        let said = |source: &Autoencoder, settings| from(source, &tags, &settings).unwrap_err().to_string();
        assert_eq!(
            said(&multiscale, quick(NetworkKind::Lstm)),
            "the model to begin with is of kind multiscale, lstm is to be trained; set `kind` to the model's, or train \
             from scratch"
        );
        let mut other = quick(NetworkKind::Multiscale);
        other.architecture.kernels = vec![3, 9];
        assert_eq!(
            said(&multiscale, other),
            "the model to begin with has architecture.kernels [3, 5, 7], [3, 9] is to be trained; set it to the \
             model's, or train from scratch"
        );
        for kind in [NetworkKind::Dense, NetworkKind::Lstm, NetworkKind::Vae] {
            let source = source(kind);
            let many: Vec<Tag> = (0..40).map(|ix| tag(&format!("X{ix}"))).collect();
            let said = from(&source, &many, &quick(kind)).unwrap_err().to_string();
            assert!(said.contains("begin with a model that has as many of both"), "{said}");
            from(&source, &["A", "X", "Y"].map(tag), &quick(kind)).unwrap();
        }
    }
}
