//! Kubernetes quantities as numbers: `64Mi`, `500m`, `0.5`, `1e3`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const SUFFIXES: &[(&str, f64)] = &[
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// The quantity's value, or nothing where the text is no quantity.
pub fn value(text: &str) -> Option<f64> {
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))
        .unwrap_or((text, 1.0));
    let number: f64 = number.parse().ok()?;
    number.is_finite().then_some(number * factor)
}

/// The quantity in whole bytes, or nothing where it is no size.
pub fn bytes(quantity: &Quantity) -> Option<u64> {
    let value = value(&quantity.0)?;
    // Exact: the API server refuses quantities over 2^63, and sizes are whole numbers of bytes.
    (value >= 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_quantities_in_different_words_have_one_value() {
        for (left, right) in [("0.5", "500m"), ("1Gi", "1024Mi"), ("1e3", "1k"), ("2", "2000m")] {
            assert_eq!(value(left), value(right), "{left} and {right}");
        }
    }

    #[test]
    fn words_that_are_no_quantity_have_no_value() {
        for text in ["", "Mi", "lots", "1 Gi", "inf", "NaN"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_counted_in_bytes() {
        assert_eq!(bytes(&Quantity("64Mi".into())), Some(67_108_864));
        assert_eq!(bytes(&Quantity("-1".into())), None);
    }
}
