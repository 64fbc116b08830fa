//! What the README says of the program is true of it.

use linli::config::{keys, variable_name};

const READMES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../../README.md")),
    ("README.zh-CN.md", include_str!("../../../README.zh-CN.md")),
];

/// Everything in backquotes in the first column of the table of keys.
fn named_keys(readme: &str) -> Vec<&str> {
    readme
        .lines()
        .skip_while(|line| !line.starts_with("| key |") && !line.starts_with("| 配置项 |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_keys_it_names_exist_and_both_languages_name_the_same() {
    let [english, chinese] = READMES.map(|(_, text)| named_keys(text));
    assert!(english.len() > 10, "{english:?}");
    assert_eq!(english, chinese);
    let keys = keys();
    for name in english {
        assert!(keys.iter().any(|key| key == name), "{name} is no key");
    }
}

#[test]
fn the_variables_and_subcommands_it_names_exist() {
    use std::process::Command;
    let help = Command::new(env!("CARGO_BIN_EXE_linli")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    // Read by the command line itself rather than as a key.
    let mut variables: Vec<_> = keys().iter().map(|key| variable_name(key)).collect();
    variables.extend(["LINLI_CONFIG".to_owned()]);
    for (file, text) in READMES {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if word.starts_with("LINLI_") {
                assert!(variables.iter().any(|variable| variable == word), "{file}: {word}");
            }
        }
        for rest in text.split("`linli ").skip(1) {
            let command = rest.split(['`', ' ']).next().unwrap();
            assert!(help.contains(&format!("  {command} ")), "{file}: linli {command}\n{help}");
        }
    }
}

/// The same sections with the same commands, so that neither reader gets less.
#[test]
fn both_languages_have_the_same_shape() {
    let shape = |text: &'static str| {
        let heads = text.lines().filter(|line| line.starts_with("## ")).count();
        let rows = text.lines().filter(|line| line.starts_with('|')).count();
        let mut code = Vec::new();
        let mut inside = false;
        for line in text.lines() {
            if line.starts_with("```") {
                inside = !inside;
            } else if inside {
                code.push(line.split('#').next().unwrap().trim());
            }
        }
        (heads, rows, code)
    };
    assert_eq!(shape(READMES[0].1), shape(READMES[1].1));
}
