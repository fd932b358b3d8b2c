//! The address space: `Objects/Plant/<Asset>/<Tag>`.

use andon_plant::{AssetName, Tag, TagKind};
use opcua::{
    server::address_space::{AddressSpace, NodeType, ObjectBuilder, VariableBuilder},
    types::{
        DataTypeId, DataValue, ExtensionObject, LocalizedText, NodeId, ObjectId, ObjectTypeId, QualifiedName, Range,
        StatusCode, VariableTypeId, Variant,
    },
};

use super::{ServedAsset, data_value, units};

/// The index of the tags' namespace: 0 is the standard's, 1 the server's own.
pub(super) const NAMESPACE_INDEX: u16 = 2;

/// The NodeIds of an asset's tags.
pub(super) fn tag_ids(asset: &ServedAsset) -> Vec<NodeId> {
    asset.tags.iter().map(|tag| node_id(&tag_path(&asset.name, tag))).collect()
}

fn tag_path(asset: &AssetName, tag: &Tag) -> String {
    format!("{asset}.{}", tag.name)
}

fn node_id(path: &str) -> NodeId {
    NodeId::new(NAMESPACE_INDEX, path)
}

/// Adds every node.
pub(super) fn add_all(space: &mut AddressSpace, assets: &[ServedAsset]) {
    // A number, so that an asset may be called Plant.
    let plant = NodeId::new(NAMESPACE_INDEX, 1);
    ObjectBuilder::new(&plant, name("Plant"), "Plant").is_folder().organized_by(ObjectId::ObjectsFolder).insert(space);
    for asset in assets {
        let id = node_id(&asset.name);
        ObjectBuilder::new(&id, name(&asset.name), asset.name.as_str())
            .has_type_definition(ObjectTypeId::BaseObjectType)
            .organized_by(plant.clone())
            .insert(space);
        for (ix, tag) in asset.tags.iter().enumerate() {
            let enum_strings = asset.enum_strings.iter().find(|(of, _)| *of == ix).map(|(_, names)| names.as_slice());
            add_tag(space, &asset.name, tag, enum_strings);
        }
    }
}

fn add_tag(space: &mut AddressSpace, asset: &AssetName, tag: &Tag, enum_strings: Option<&[&'static str]>) {
    let path = tag_path(asset, tag);
    let id = node_id(&path);
    let measured = tag.kind == TagKind::Analog && !tag.unit.is_empty();
    let of_type = if measured { VariableTypeId::AnalogUnitRangeType } else { VariableTypeId::BaseDataVariableType };
    VariableBuilder::new(&id, name(&tag.name), tag.name.as_str())
        .data_type(data_value::data_type(tag.kind))
        .historizing(true)
        .history_readable()
        .has_type_definition(of_type)
        .component_of(node_id(asset))
        .insert(space);
    if let Some(NodeType::Variable(variable)) = space.find_mut(&id) {
        variable.set_data_value(DataValue {
            value: Some(Variant::Empty),
            status: Some(StatusCode::BadWaitingForInitialData),
            ..DataValue::default()
        });
    }
    if measured {
        let units = ExtensionObject::from_message(units::eu_information(&tag.unit));
        add_property(space, &path, "EngineeringUnits", DataTypeId::EUInformation, units.into());
    }
    if let Some(range) = tag.range.filter(|_| measured) {
        let range = ExtensionObject::from_message(Range { low: range.low(), high: range.high() });
        add_property(space, &path, "EURange", DataTypeId::Range, range.into());
    }
    if let Some(names) = enum_strings {
        let names: Vec<LocalizedText> = names.iter().map(|n| LocalizedText::new("", n)).collect();
        add_property(space, &path, "EnumStrings", DataTypeId::LocalizedText, names.into());
    }
}

/// A property in the standard's namespace, as OPC 10000-8 names them.
fn add_property(space: &mut AddressSpace, tag: &str, called: &str, data_type: DataTypeId, value: Variant) {
    let rank = if matches!(value, Variant::Array(_)) { 1 } else { -1 };
    VariableBuilder::new(&node_id(&format!("{tag}.{called}")), called, called)
        .data_type(data_type)
        .value_rank(rank)
        .value(value)
        .has_type_definition(VariableTypeId::PropertyType)
        .property_of(node_id(tag))
        .insert(space);
}

fn name(name: &str) -> QualifiedName {
    QualifiedName::new(NAMESPACE_INDEX, name)
}
