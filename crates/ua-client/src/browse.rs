//! What there is to read on a server: its variables with their types, units and ranges.

use std::collections::HashSet;

use andon_plant::{Range, TagKind};
use opcua::{
    client::Session,
    types::{
        self, AttributeId, BrowseDescription, BrowseDirection, BrowseResult, ByteString, DataTypeId, DataValue,
        EUInformation, NodeClass, NodeId, ObjectId, ReadValueId, ReferenceDescription, ReferenceTypeId, StatusCode,
        Variant,
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    address::NodeAddress,
    error::{UaError, explain_status},
    limits::Limits,
    link::{endpoint_of, once},
    namespaces::Namespaces,
    poll::read,
    source::Source,
};

/// A variable on a server.
#[derive(Debug, Clone, PartialEq)]
pub struct BrowsedTag {
    /// Its node, with the namespace by URI.
    pub node: NodeAddress,
    /// The browse names that lead to it from where the browse began, its own last.
    pub path: Vec<String>,
    /// Its data type's name, or node where the type is the server's own.
    pub data_type: String,
    /// What a tag of it would measure; `None` for text, arrays and structures, which can't be monitored.
    pub kind: Option<TagKind>,
    /// Its engineering unit (OPC 10000-8, 5.6.3) as people write it; empty where it has none.
    pub unit: String,
    /// Its EURange, where it has one.
    pub range: Option<Range>,
}

/// The variables below `under` (the Objects folder if none is given), without the Server object, level by level.
///
/// # Errors
/// [`UaError::NoSuchNode`] if `under` is not there; otherwise what keeps the server from being read.
pub async fn browse(
    source: &Source,
    under: Option<&NodeAddress>,
    cancel: &CancellationToken,
) -> Result<Vec<BrowsedTag>, UaError> {
    once(source, cancel, async |session| {
        let namespaces = Namespaces::read(&session).await?;
        let limits = Limits::read(&session).await?;
        let begin = match under {
            Some(address) => {
                let node = address.resolve(&namespaces).map_err(|e| no_such_node(&session, address, e.to_string()))?;
                check_exists(&session, address, &node).await?;
                node
            }
            None => NodeId::from(ObjectId::ObjectsFolder),
        };
        let mut walk = Walk { session: &session, limits, seen: HashSet::from([begin.clone()]), found: Vec::new() };
        walk.down_from(begin).await?;
        describe(&session, walk.found, &namespaces, limits.read).await
    })
    .await
}

fn no_such_node(session: &Session, node: &NodeAddress, reason: String) -> UaError {
    UaError::NoSuchNode { endpoint: endpoint_of(session), node: node.to_string(), reason }
}

async fn check_exists(session: &Session, address: &NodeAddress, node: &NodeId) -> Result<(), UaError> {
    let answer = read(session, &[attribute(node, AttributeId::NodeClass)]).await?;
    match answer.first().and_then(|v| v.status).filter(StatusCode::is_bad) {
        Some(status) => Err(no_such_node(session, address, explain_status(status))),
        None => Ok(()),
    }
}

fn attribute(node: &NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId { node_id: node.clone(), attribute_id: attribute as u32, ..ReadValueId::default() }
}

/// A variable as it was come across.
struct Found {
    node: NodeId,
    path: Vec<String>,
    units: Option<NodeId>,
    range: Option<NodeId>,
}

/// A node whose references are still to be followed.
struct Ahead {
    node: NodeId,
    path: Vec<String>,
    /// Its place among the found variables, if it is one.
    variable: Option<usize>,
}

struct Walk<'a> {
    session: &'a Session,
    limits: Limits,
    seen: HashSet<NodeId>,
    found: Vec<Found>,
}

impl Walk<'_> {
    async fn down_from(&mut self, begin: NodeId) -> Result<(), UaError> {
        let mut level = vec![Ahead { node: begin, path: Vec::new(), variable: None }];
        while !level.is_empty() {
            let mut next = Vec::new();
            for batch in level.chunks(self.limits.browse) {
                for (from, references) in batch.iter().zip(self.references(batch).await?) {
                    for reference in references {
                        next.extend(self.step(from, reference));
                    }
                }
            }
            level = next;
        }
        Ok(())
    }

    /// All references of a few nodes, through every continuation point.
    async fn references(&self, nodes: &[Ahead]) -> Result<Vec<Vec<ReferenceDescription>>, UaError> {
        let asked: Vec<_> = nodes.iter().map(|ahead| downwards(&ahead.node)).collect();
        let answer = self.session.browse(&asked, 0, None).await;
        let answer = self.complete(answer, asked.len())?;
        let mut all = Vec::with_capacity(nodes.len());
        let mut open = Vec::new();
        for (ix, result) in answer.into_iter().enumerate() {
            open.extend(point_of(&result).map(|point| (ix, point)));
            all.push(result.references.unwrap_or_default());
        }
        while !open.is_empty() {
            let points: Vec<_> = open.iter().map(|(_, point)| point.clone()).collect();
            let answer = self.session.browse_next(false, &points).await;
            let answer = self.complete(answer, points.len())?;
            let mut more = Vec::new();
            for ((ix, _), result) in open.into_iter().zip(answer) {
                more.extend(point_of(&result).map(|point| (ix, point)));
                all[ix].extend(result.references.into_iter().flatten());
            }
            open = more;
        }
        Ok(all)
    }

    fn complete(
        &self,
        answer: Result<Vec<BrowseResult>, types::Error>,
        asked: usize,
    ) -> Result<Vec<BrowseResult>, UaError> {
        let answer = answer.map_err(|e| UaError::service(self.session, "browse its nodes", &e))?;
        if answer.len() == asked {
            return Ok(answer);
        }
        Err(UaError::ShortAnswer { endpoint: endpoint_of(self.session), asked, answered: answer.len() })
    }

    /// Follows one reference: notes a variable or a property, and returns the node to go on from.
    fn step(&mut self, from: &Ahead, reference: ReferenceDescription) -> Option<Ahead> {
        if reference.node_id.server_index != 0 {
            return None;
        }
        let node = reference.node_id.node_id;
        let name = reference.browse_name.name.as_ref().to_owned();
        if reference.reference_type_id == ReferenceTypeId::HasProperty {
            if let Some(found) = from.variable.and_then(|ix| self.found.get_mut(ix)) {
                match name.as_str() {
                    "EngineeringUnits" => found.units = Some(node),
                    "EURange" => found.range = Some(node),
                    _ => {}
                }
            }
            return None;
        }
        if node == ObjectId::Server || !self.seen.insert(node.clone()) {
            return None;
        }
        let path: Vec<_> = from.path.iter().cloned().chain([name]).collect();
        let variable = (reference.node_class == NodeClass::Variable).then(|| {
            self.found.push(Found { node: node.clone(), path: path.clone(), units: None, range: None });
            self.found.len() - 1
        });
        Some(Ahead { node, path, variable })
    }
}

fn downwards(node: &NodeId) -> BrowseDescription {
    BrowseDescription {
        node_id: node.clone(),
        browse_direction: BrowseDirection::Forward,
        reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
        include_subtypes: true,
        node_class_mask: NodeClass::Object as u32 | NodeClass::Variable as u32,
        // Every field of a ReferenceDescription (OPC 10000-4, 5.9.2).
        result_mask: 0x3F,
    }
}

fn point_of(result: &BrowseResult) -> Option<ByteString> {
    Some(result.continuation_point.clone()).filter(|point| !point.is_null_or_empty())
}

/// Reads type, value, unit and range of what was found.
async fn describe(
    session: &Session,
    found: Vec<Found>,
    namespaces: &Namespaces,
    size: usize,
) -> Result<Vec<BrowsedTag>, UaError> {
    let ask = |f: &Found| {
        let optional = |node: &Option<NodeId>| node.as_ref().map(|n| attribute(n, AttributeId::Value));
        let always = [attribute(&f.node, AttributeId::DataType), attribute(&f.node, AttributeId::Value)];
        always.into_iter().chain(optional(&f.units)).chain(optional(&f.range)).collect::<Vec<_>>()
    };
    let asked: Vec<_> = found.iter().flat_map(ask).collect();
    let mut answers = Vec::with_capacity(asked.len());
    for batch in asked.chunks(size) {
        answers.extend(read(session, batch).await?);
    }
    let mut answers = answers.into_iter();
    let mut value = |wanted: bool| if wanted { answers.next().and_then(|v: DataValue| v.value) } else { None };
    let described = found.into_iter().map(|f| {
        let (data_type, present) = (value(true), value(true));
        let (units, range) = (value(f.units.is_some()), value(f.range.is_some()));
        let data_type = match data_type {
            Some(Variant::NodeId(node)) => *node,
            _ => NodeId::null(),
        };
        BrowsedTag {
            node: NodeAddress::of(&f.node, namespaces),
            path: f.path,
            kind: kind_of(&data_type, present.as_ref()),
            data_type: name_of(&data_type, namespaces),
            unit: units.and_then(unit_of).unwrap_or_default(),
            range: range.and_then(range_of),
        }
    });
    Ok(described.collect())
}

/// What a variable measures, by its present value and, where it has none, by its type.
fn kind_of(data_type: &NodeId, value: Option<&Variant>) -> Option<TagKind> {
    let standard = data_type.as_data_type_id().ok();
    match value {
        Some(Variant::Boolean(_)) => Some(TagKind::Boolean),
        // An enumeration is sent as Int32, under a type of its own.
        Some(Variant::Int32(_)) if standard.is_none_or(|id| !is_number(id)) => Some(TagKind::Enum),
        Some(
            Variant::SByte(_)
            | Variant::Byte(_)
            | Variant::Int16(_)
            | Variant::UInt16(_)
            | Variant::Int32(_)
            | Variant::UInt32(_)
            | Variant::Int64(_)
            | Variant::UInt64(_)
            | Variant::Float(_)
            | Variant::Double(_),
        ) => Some(TagKind::Analog),
        Some(Variant::Empty) | None => match standard {
            Some(DataTypeId::Boolean) => Some(TagKind::Boolean),
            Some(id) if is_number(id) => Some(TagKind::Analog),
            _ => None,
        },
        Some(_) => None,
    }
}

fn is_number(id: DataTypeId) -> bool {
    use DataTypeId as D;
    matches!(
        id,
        D::SByte
            | D::Byte
            | D::Int16
            | D::UInt16
            | D::Int32
            | D::UInt32
            | D::Int64
            | D::UInt64
            | D::Float
            | D::Double
            | D::Number
            | D::Integer
            | D::UInteger
            | D::Duration
            | D::BaseDataType
    )
}

fn name_of(data_type: &NodeId, namespaces: &Namespaces) -> String {
    match data_type.as_data_type_id() {
        Ok(id) => format!("{id:?}"),
        Err(_) => NodeAddress::of(data_type, namespaces).to_string(),
    }
}

fn unit_of(value: Variant) -> Option<String> {
    let Variant::ExtensionObject(object) = value else {
        return None;
    };
    object.inner_as::<EUInformation>().map(|unit| unit.display_name.text.as_ref().to_owned())
}

fn range_of(value: Variant) -> Option<Range> {
    let Variant::ExtensionObject(object) = value else {
        return None;
    };
    object.inner_as::<types::Range>().and_then(|range| Range::new(range.low, range.high).ok())
}
