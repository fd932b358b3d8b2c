//! The contract's variables as nodes. A NodeId is the browse path below `Objects/Andon`, so `Mixer/Score` is both.

use std::collections::HashMap;

use andon_plant::{AssetName, SourceName, TagKey, Timestamp};
use opcua::{
    server::address_space::{AddressSpace, ObjectBuilder, VariableBuilder},
    types::{
        DataTypeId, DataValue, ExtensionObject, NodeId, ObjectId, ObjectTypeId, QualifiedName, Range, ReferenceTypeId,
        StatusCode, VariableTypeId, Variant,
    },
};

use crate::{
    history::Series,
    settings::AssetNodes,
    units::engineering_units,
    value::date_time,
    variables::{self, Kind, Variable},
};

/// The NodeId of the root object; it is the one node whose id is no path below itself.
pub(crate) const ROOT: &str = "Andon";
const SOURCES: &str = "Sources";
const AREAS: &str = "Areas";

/// Names below the root that are not assets.
pub(crate) const RESERVED: [&str; 4] = [ROOT, SOURCES, AREAS, "Metrics"];

/// Adds every node of the plant to `space` and returns which variables have a history.
pub(crate) fn build(
    space: &mut AddressSpace,
    namespace: u16,
    assets: &[AssetNodes],
    sources: &[SourceName],
    now: Timestamp,
) -> HashMap<String, Series> {
    let mut builder = Builder { space, namespace, now, series: HashMap::new() };
    builder.node(ROOT, "Andon", ObjectTypeId::FolderType, ObjectId::ObjectsFolder.into(), ReferenceTypeId::Organizes);
    for asset in assets {
        builder.asset(asset);
    }
    builder.folder(ROOT, SOURCES, SOURCES);
    for source in sources {
        let path = format!("{SOURCES}/{source}");
        builder.object(SOURCES, &path, source);
        builder.variables(&path, variables::of_source());
    }
    builder.series
}

struct Builder<'a> {
    space: &'a mut AddressSpace,
    namespace: u16,
    now: Timestamp,
    series: HashMap<String, Series>,
}

impl Builder<'_> {
    fn asset(&mut self, asset: &AssetNodes) {
        let path = asset.name.to_string();
        self.object(ROOT, &path, &path);
        self.variables(&path, variables::of_asset());
        self.series.insert(format!("{path}/Score"), Series::Score(asset.name.clone()));
        self.series.insert(format!("{path}/Threshold"), Series::Threshold(asset.name.clone()));
        self.tags(&path, asset);
        let alarms = format!("{path}/Alarms");
        self.folder(&path, &alarms, "Alarms");
        for condition in variables::conditions(&asset.tags) {
            let condition = condition.to_string();
            let at = format!("{alarms}/{condition}");
            self.object(&alarms, &at, &condition);
            self.variables(&at, variables::of_condition());
        }
        self.area(&asset.name, &asset.area);
    }

    fn tags(&mut self, path: &str, asset: &AssetNodes) {
        let tags = format!("{path}/Tags");
        self.folder(path, &tags, "Tags");
        for tag in &asset.tags {
            let at = format!("{tags}/{}", tag.name);
            self.object(&tags, &at, &tag.name);
            self.variables(&at, variables::of_tag(tag));
            let key = TagKey { asset: asset.name.clone(), tag: tag.name.clone() };
            self.series.insert(format!("{at}/Value"), Series::Value(key.clone()));
            self.series.insert(format!("{at}/Expected"), Series::Expected(key));
        }
    }

    /// Lets the folders of `area` organise the asset as well; the asset's own NodeIds stay as they are.
    fn area(&mut self, asset: &AssetName, area: &[String]) {
        if area.is_empty() {
            return;
        }
        let mut at = AREAS.to_owned();
        self.folder(ROOT, AREAS, AREAS);
        for name in area {
            let below = format!("{at}/{name}");
            self.folder(&at, &below, name);
            at = below;
        }
        let (folder, asset) = (self.id(&at), self.id(asset));
        self.space.insert_reference(&folder, &asset, ReferenceTypeId::Organizes);
    }

    fn id(&self, path: &str) -> NodeId {
        NodeId::new(self.namespace, path)
    }

    /// A folder, unless it is there already: several assets may share an area.
    fn folder(&mut self, parent: &str, path: &str, name: &str) {
        if !self.space.node_exists(&self.id(path)) {
            self.node(path, name, ObjectTypeId::FolderType, self.id(parent), ReferenceTypeId::Organizes);
        }
    }

    fn object(&mut self, parent: &str, path: &str, name: &str) {
        self.node(path, name, ObjectTypeId::BaseObjectType, self.id(parent), ReferenceTypeId::HasComponent);
    }

    fn node(&mut self, path: &str, name: &str, of_type: ObjectTypeId, parent: NodeId, reference: ReferenceTypeId) {
        let builder = ObjectBuilder::new(&self.id(path), QualifiedName::new(self.namespace, name), name)
            .has_type_definition(of_type);
        match reference {
            ReferenceTypeId::HasComponent => builder.component_of(parent),
            _ => builder.organized_by(parent),
        }
        .insert(self.space);
    }

    fn variables(&mut self, parent: &str, variables: Vec<Variable>) {
        for variable in variables {
            self.variable(parent, &variable);
        }
    }

    fn variable(&mut self, parent: &str, variable: &Variable) {
        let path = format!("{parent}/{}", variable.name);
        let name = QualifiedName::new(self.namespace, variable.name);
        let builder = VariableBuilder::new(&self.id(&path), name, variable.name)
            .description(variable.description)
            .data_type(data_type(&variable.kind))
            .value_rank(-1)
            .minimum_sampling_interval(0.0)
            .historizing(variable.historizing)
            .has_type_definition(type_definition(&variable.kind))
            .component_of(self.id(parent));
        let builder = if variable.historizing { builder.history_readable() } else { builder };
        builder.insert(self.space);
        let unknown = self.unknown();
        if let Some(opcua::server::address_space::NodeType::Variable(node)) = self.space.find_mut(&self.id(&path)) {
            node.set_data_value(unknown);
        }
        if let Kind::Analog { unit, range } = &variable.kind {
            let unit = ExtensionObject::from_message(engineering_units(unit));
            self.property(&path, "EngineeringUnits", DataTypeId::EUInformation, unit);
            if let Some((low, high)) = *range {
                let range = ExtensionObject::from_message(Range { low, high });
                self.property(&path, "EURange", DataTypeId::Range, range);
            }
        }
    }

    fn property(&mut self, owner: &str, name: &str, data_type: DataTypeId, value: ExtensionObject) {
        VariableBuilder::new(&self.id(&format!("{owner}/{name}")), name, name)
            .data_type(data_type)
            .value_rank(-1)
            .value(Variant::from(value))
            .has_type_definition(VariableTypeId::PropertyType)
            .property_of(self.id(owner))
            .insert(self.space);
    }

    /// What a variable reads before there is anything to say.
    fn unknown(&self) -> DataValue {
        DataValue {
            value: Some(Variant::Empty),
            status: Some(StatusCode::BadWaitingForInitialData),
            server_timestamp: Some(date_time(self.now)),
            ..DataValue::null()
        }
    }
}

fn data_type(kind: &Kind) -> DataTypeId {
    match kind {
        Kind::Analog { .. } => DataTypeId::Double,
        Kind::Flag => DataTypeId::Boolean,
        Kind::Text => DataTypeId::String,
        Kind::Count => DataTypeId::UInt32,
        Kind::Severity => DataTypeId::UInt16,
        Kind::Enumeration => DataTypeId::Int32,
        Kind::Time => DataTypeId::UtcTime,
    }
}

fn type_definition(kind: &Kind) -> VariableTypeId {
    match kind {
        Kind::Analog { range: Some(_), .. } => VariableTypeId::AnalogUnitRangeType,
        Kind::Analog { range: None, .. } => VariableTypeId::AnalogUnitType,
        _ => VariableTypeId::BaseDataVariableType,
    }
}
