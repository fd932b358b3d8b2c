//! Engineering units as OPC UA names them: the UNECE code as a number (OPC 10000-8, 5.6.3).

use opcua::types::{EUInformation, LocalizedText};

const UNECE: &str = "http://www.opcfoundation.org/UA/units/un/cefact";

/// The EUInformation of a unit as people write it; one without a number where its UNECE code is not known here.
pub(super) fn eu_information(unit: &str) -> EUInformation {
    let code = match unit {
        "degC" => Some("CEL"),
        "%" => Some("P1"),
        "rpm" => Some("RPM"),
        "N.m" => Some("NU"),
        "kW" => Some("KWT"),
        "m3/h" => Some("MQH"),
        "bar" => Some("BAR"),
        "A" => Some("AMP"),
        "mm/s" => Some("C16"),
        "m/min" => Some("2X"),
        _ => None,
    };
    EUInformation {
        namespace_uri: code.map_or("", |_| UNECE).into(),
        unit_id: code.map_or(-1, unit_id),
        display_name: LocalizedText::new("", unit),
        description: LocalizedText::new("", unit),
    }
}

/// The bytes of the code, the first one highest.
fn unit_id(code: &str) -> i32 {
    code.bytes().fold(0, |id, byte| id << 8 | i32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_degree_celsius_is_that_of_the_standard() {
        assert_eq!(eu_information("degC").unit_id, 4_408_652);
    }

    #[test]
    fn an_unknown_unit_keeps_its_name() {
        let unit = eu_information("furlong");
        assert_eq!((unit.unit_id, unit.display_name.text.as_ref()), (-1, "furlong"));
    }
}
