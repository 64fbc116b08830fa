//! What is wrong with a query string, before any handler sees it.
//!
//! A misspelt filter that is silently ignored shows the wrong list, and so does the second of two
//! values of which the first counts; so both are refused.

use std::collections::{HashMap, HashSet};

use linli_domain::Refusal;
use serde_json::Value;

/// A query parameter of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Whether it may stand several times.
    is_list: bool,
    /// Whether it is a date or a time.
    is_date: bool,
}

/// The query parameters of an operation, by name.
pub fn read(operation: &Value) -> HashMap<String, Parameter> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters.filter(|parameter| parameter["in"] == "query");
    let one = |parameter: &Value| {
        let schema = &parameter["schema"];
        let is_date = matches!(schema["format"].as_str(), Some("date-time" | "naive-date"));
        let known = Parameter { is_list: schema["type"] == "array", is_date };
        Some((parameter["name"].as_str()?.to_owned(), known))
    };
    query.filter_map(one).collect()
}

/// Refuses unknown and repeated parameters, control characters, and years nobody means.
pub fn check(known: &HashMap<String, Parameter>, query: &str) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(parameter) = known.get(name) else {
            return Err(Refusal::field(
                "",
                "unknown_parameter",
                "含有未知的查询参数",
                "There is a query parameter this operation does not know.",
            ));
        };
        if !seen.insert(name) && !parameter.is_list {
            return Err(Refusal::field(
                name,
                "repeated_parameter",
                "该参数只能出现一次",
                "This parameter may stand only once.",
            ));
        }
        if holds_control(value) || (parameter.is_date && !has_plain_year(value)) {
            return Err(Refusal::field(
                name,
                "invalid",
                "参数缺失或无效",
                "The parameter is missing or not valid.",
            ));
        }
    }
    Ok(())
}

/// Whether an encoded value holds an ASCII control character other than a line break or a tab.
fn holds_control(value: &str) -> bool {
    let encoded = value.as_bytes().windows(3).filter(|three| three[0] == b'%');
    let byte = |three: &[u8]| u8::from_str_radix(std::str::from_utf8(&three[1..]).ok()?, 16).ok();
    encoded.filter_map(byte).any(|byte| byte.is_ascii_control() && !b"\n\r\t".contains(&byte))
}

/// RFC 3339 knows years of four digits; further ones overflow in a database.
fn has_plain_year(value: &str) -> bool {
    value.len() > 4 && value.as_bytes()[..4].iter().all(u8::is_ascii_digit) && value.as_bytes()[4] == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_query_says_each_thing_once_and_nothing_unknown() {
        let known = read(&json!({ "parameters": [
            { "in": "query", "name": "q", "schema": { "type": "string" } },
            { "in": "query", "name": "category", "schema": { "type": "array" } },
            { "in": "query", "name": "from", "schema": { "type": "string", "format": "date-time" } },
            { "in": "header", "name": "If-Match", "schema": { "type": "string" } },
        ] }));
        let code = |query: &str| {
            check(&known, query)
                .err()
                .map(|refusal| (refusal.errors[0].field.clone(), refusal.errors[0].code))
        };
        for fine in
            ["", "q=%E5%85%BB%0A", "q=", "category=a&category=b", "&&q=1&", "from=2026-02-14T10:00:00Z"]
        {
            assert_eq!(code(fine), None, "{fine}");
        }
        assert_eq!(code("q=1&q=2"), Some(("q".to_owned(), "repeated_parameter")));
        assert_eq!(code("Q=1"), Some((String::new(), "unknown_parameter")));
        assert_eq!(code("If-Match=1"), Some((String::new(), "unknown_parameter")));
        for bad in ["q=a%00", "q=%7f", "q=%1B[0m"] {
            assert_eq!(code(bad), Some(("q".to_owned(), "invalid")), "{bad}");
        }
        for bad in ["from=%2B262142-01-01T00:00:00Z", "from=-9999-01-01T00:00:00Z", "from=x", "from"] {
            assert_eq!(code(bad), Some(("from".to_owned(), "invalid")), "{bad}");
        }
    }
}
