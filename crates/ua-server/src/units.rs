//! Engineering units as OPC UA writes them: UNECE Recommendation 20 codes packed into a number (OPC 10000-8, 5.6.4.3).

use opcua::types::{EUInformation, LocalizedText, UAString};

const UNECE: &str = "http://www.opcfoundation.org/UA/units/un/cefact";

/// What people write, in lower case, and the UNECE common code it stands for.
const CODES: &[(&str, &str)] = &[
    ("", "C62"),
    ("1", "C62"),
    ("%", "P1"),
    ("degc", "CEL"),
    ("°c", "CEL"),
    ("c", "CEL"),
    ("k", "KEL"),
    ("degf", "FAH"),
    ("pa", "PAL"),
    ("kpa", "KPA"),
    ("mpa", "MPA"),
    ("mbar", "MBR"),
    ("bar", "BAR"),
    ("rpm", "RPM"),
    ("1/min", "RPM"),
    ("hz", "HTZ"),
    ("v", "VLT"),
    ("mv", "2Z"),
    ("a", "AMP"),
    ("ma", "4K"),
    ("w", "WTT"),
    ("kw", "KWT"),
    ("kwh", "KWH"),
    ("n", "NEW"),
    ("nm", "NU"),
    ("mm", "MMT"),
    ("m", "MTR"),
    ("mm/s", "C16"),
    ("m/s", "MTS"),
    ("m/s2", "MSK"),
    ("g", "GRM"),
    ("kg", "KGM"),
    ("t", "TNE"),
    ("kg/h", "E93"),
    ("l", "LTR"),
    ("l/min", "L2"),
    ("m3", "MTQ"),
    ("m3/h", "MQH"),
    ("ms", "C26"),
    ("s", "SEC"),
    ("min", "MIN"),
    ("h", "HUR"),
];

/// The unit `text`; without a code, but still shown, where it is not one of the common ones.
pub(crate) fn engineering_units(text: &str) -> EUInformation {
    let wanted = text.to_lowercase();
    let code = CODES.iter().find(|(name, _)| *name == wanted).map(|(_, code)| *code);
    EUInformation {
        namespace_uri: if code.is_some() { UNECE.into() } else { UAString::null() },
        unit_id: code.map_or(-1, unit_id),
        display_name: LocalizedText::new("", text),
        description: LocalizedText::new("", text),
    }
}

/// The characters of a common code as one number, the last one lowest.
fn unit_id(code: &str) -> i32 {
    code.bytes().fold(0, |id, byte| id << 8 | i32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_unit_has_its_published_number() {
        assert_eq!(engineering_units("degC").unit_id, 4_408_652);
        assert_eq!(engineering_units("%").unit_id, 20_529);
    }

    #[test]
    fn a_unit_of_the_house_is_shown_without_a_number() {
        let unit = engineering_units("bottles");
        assert_eq!((unit.unit_id, unit.display_name.text.as_ref()), (-1, "bottles"));
        assert!(unit.namespace_uri.is_null());
    }
}
