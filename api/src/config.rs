//! Configuration: embedded defaults < file < `LINLI_*`, typed, each key documented in `default.toml`.
//!
//! The key `database.url` is the variable `LINLI_DATABASE_URL`: upper case, dots as underscores.
//! Only keys that stand in the defaults exist, so a misspelt key in a file is an error.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::Deserialize;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Everything that can be configured; meanings stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Config {
    pub listen: SocketAddr,
    pub internal_listen: SocketAddr,
    pub environment: Environment,
    pub gate: GateKind,
    pub data_dir: PathBuf,
    pub database: Database,
    pub redis: Redis,
    pub inventory: Inventory,
    pub http: Http,
    pub auth: Auth,
    pub vault: Vault,
    pub passwords: Passwords,
    pub walking: Walking,
    pub search: Search,
    pub meili: Meili,
    pub log: Log,
}

/// Where this runs; `production` refuses what only a demo may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named by default.toml")]
pub enum Environment {
    Demo,
    Test,
    Production,
}

/// Which gate stands before the stocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named by default.toml")]
pub enum GateKind {
    Redis,
    Open,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Database {
    pub url: String,
    pub max_connections: u32,
    pub acquire_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    pub lock_timeout_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Redis {
    pub url: String,
    pub timeout_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Inventory {
    pub repeat_refusals_ms: u64,
    pub patience_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Http {
    pub trusted_proxies: usize,
    pub max_body_bytes: usize,
    pub max_upload_bytes: usize,
    pub request_timeout_ms: u64,
    pub staff_timeout_ms: u64,
    pub max_concurrent: usize,
    pub staff_max_concurrent: usize,
    pub rate_per_minute: u32,
    pub anonymous_rate_per_minute: u32,
    pub max_connections: usize,
    pub head_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub drain_ms: u64,
    pub shutdown_timeout_ms: u64,
    pub cursor_ttl_s: u64,
    pub docs: bool,
    pub cors_origins: String,
}

impl Http {
    /// The listed origins, each as a browser sends it: anything else would never match.
    pub fn origins(&self) -> Result<Vec<&str>, ConfigError> {
        let sent = |origin: &str| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte);
            host.is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
        };
        let listed = self.cors_origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let origins: Vec<_> = listed.collect();
        if origins.iter().all(|origin| sent(origin)) {
            return Ok(origins);
        }
        let expected =
            "http.cors_origins (LINLI_HTTP_CORS_ORIGINS) must list origins like https://console.example.cn";
        Err(ConfigError::Invalid(expected.to_owned()))
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Auth {
    pub signing_key: String,
    pub previous_signing_key: String,
    pub access_ttl_s: u64,
    pub session_cache_ms: u64,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("access_ttl_s", &self.access_ttl_s).finish_non_exhaustive()
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Vault {
    pub master_keys: String,
    pub master_keys_file: PathBuf,
}

impl Vault {
    /// The master keys, from the key itself or from the file it names.
    pub fn keys(&self) -> Result<linli_store::vault::MasterKeys, ConfigError> {
        use linli_store::vault::MasterKeys;
        let invalid = |why: String| ConfigError::Invalid(why);
        let text = if self.master_keys.is_empty() && !self.master_keys_file.as_os_str().is_empty() {
            std::fs::read_to_string(&self.master_keys_file)
                .map_err(|error| invalid(format!("vault.master_keys_file cannot be read: {error}")))?
        } else {
            self.master_keys.clone()
        };
        MasterKeys::parse(&zeroize::Zeroizing::new(text)).map_err(|error| {
            invalid(format!("vault.master_keys (LINLI_VAULT_MASTER_KEYS) or vault.master_keys_file: {error}"))
        })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("master_keys_file", &self.master_keys_file).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Passwords {
    pub memory_kib: u32,
    pub passes: u32,
    pub workers: usize,
    pub queue: usize,
}

/// Who knows how long a walk really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named by default.toml")]
pub enum WalkingProvider {
    Estimate,
    Amap,
    Tencent,
    Valhalla,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Walking {
    pub provider: WalkingProvider,
    pub url: String,
    pub key: String,
    pub timeout_ms: u64,
}

impl std::fmt::Debug for Walking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret.
        f.debug_struct("Walking")
            .field("provider", &self.provider)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Which engine finds texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named by default.toml")]
pub enum SearchEngineKind {
    Auto,
    Embedded,
    Meilisearch,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Search {
    pub engine: SearchEngineKind,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Meili {
    pub url: String,
    pub key: String,
    pub index: String,
    pub timeout_ms: u64,
}

impl std::fmt::Debug for Meili {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret.
        f.debug_struct("Meili").field("url", &self.url).field("index", &self.index).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each key is documented once, in default.toml")]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named by default.toml")]
pub enum LogFormat {
    Json,
    Text,
}

/// What is wrong with the configuration; keys are named, values are not.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source could not be read or a key has the wrong type or name.
    #[error("the configuration cannot be read")]
    Read(#[from] config::ConfigError),
    /// Two keys do not go together, or one is missing.
    #[error("the configuration does not hold together: {0}")]
    Invalid(String),
}

impl Config {
    /// Reads the defaults, then `file`, then the environment.
    pub fn load(file: Option<&std::path::Path>) -> Result<Self, ConfigError> {
        Self::load_with(file, |name| std::env::var(name).ok())
    }

    /// The same with the environment as an argument.
    pub fn load_with(
        file: Option<&std::path::Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut builder =
            config::Config::builder().add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(file) = file {
            builder = builder.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        for key in keys() {
            if let Some(value) = variable(&variable_name(&key)) {
                builder = builder.set_override(&key, value)?;
            }
        }
        Ok(builder.build()?.try_deserialize()?)
    }

    /// What must hold before anything starts; risky but legal pairs are returned as warnings.
    pub fn check(&self) -> Result<Vec<String>, ConfigError> {
        let mut warnings = Vec::new();
        if self.gate == GateKind::Redis && self.redis.url.is_empty() {
            return Err(ConfigError::Invalid(
                "gate = \"redis\" needs redis.url (LINLI_REDIS_URL); write gate = \"open\" to run without"
                    .to_owned(),
            ));
        }
        if self.auth.signing_key.len() < 32 {
            return Err(ConfigError::Invalid(
                "auth.signing_key (LINLI_AUTH_SIGNING_KEY) must have at least 32 characters".to_owned(),
            ));
        }
        if self.walking.provider != WalkingProvider::Estimate && self.walking.url.is_empty() {
            return Err(ConfigError::Invalid(
                "walking.provider needs walking.url (LINLI_WALKING_URL)".to_owned(),
            ));
        }
        if self.search.engine == SearchEngineKind::Meilisearch && self.meili.url.is_empty() {
            return Err(ConfigError::Invalid(
                "search.engine = \"meilisearch\" needs meili.url (LINLI_MEILI_URL)".to_owned(),
            ));
        }
        self.http.origins()?;
        let plain = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !plain(&self.meili.index) {
            return Err(ConfigError::Invalid(
                "meili.index (LINLI_MEILI_INDEX) must be letters, digits and hyphens".to_owned(),
            ));
        }
        if self.environment == Environment::Production {
            if self.database.url.starts_with("sqlite:") {
                warnings.push("SQLite in production: one process, one machine".to_owned());
            }
            if self.http.docs {
                warnings.push("http.docs is on in production".to_owned());
            }
        }
        Ok(warnings)
    }

    /// Time a request of a resident may take.
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.http.request_timeout_ms)
    }
}

/// Every key of the defaults, as dotted paths.
pub fn keys() -> Vec<String> {
    fn walk(prefix: &str, table: &toml::Table, keys: &mut Vec<String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(table) => walk(&key, table, keys),
                _ => keys.push(key),
            }
        }
    }
    let defaults: toml::Table = DEFAULTS.parse().expect("the embedded defaults parse (tested)");
    let mut keys = Vec::new();
    walk("", &defaults, &mut keys);
    keys
}

/// The variable that overrides `key`.
pub fn variable_name(key: &str) -> String {
    format!("LINLI_{}", key.replace('.', "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_load_and_variables_win() {
        let config = Config::load_with(None, |_| None).unwrap();
        assert_eq!(config.gate, GateKind::Redis);
        let config = Config::load_with(None, |name| match name {
            "LINLI_GATE" => Some("open".to_owned()),
            "LINLI_HTTP_MAX_BODY_BYTES" => Some("4096".to_owned()),
            "LINLI_DATABASE_URL" => Some("postgres://x".to_owned()),
            _ => None,
        })
        .unwrap();
        assert_eq!((config.gate, config.http.max_body_bytes), (GateKind::Open, 4096));
        assert_eq!(config.database.url, "postgres://x");
    }

    #[test]
    fn an_unknown_key_in_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("linli.toml");
        std::fs::write(&file, "[http]\nmax_boddy_bytes = 1\n").unwrap();
        assert!(Config::load_with(Some(&file), |_| None).is_err());
    }

    #[test]
    fn redis_is_asked_for_unless_the_open_gate_is_written_down() {
        let mut config = Config::load_with(None, |_| None).unwrap();
        config.auth.signing_key = "0".repeat(32);
        assert!(config.check().is_err());
        config.gate = GateKind::Open;
        assert!(config.check().is_ok());
    }

    #[test]
    fn only_what_a_browser_sends_is_an_origin() {
        let mut http = Config::load_with(None, |_| None).unwrap().http;
        assert!(http.origins().unwrap().is_empty());
        http.cors_origins = "https://console.example.cn, http://localhost:5173".to_owned();
        assert_eq!(http.origins().unwrap(), ["https://console.example.cn", "http://localhost:5173"]);
        for wrong in
            ["*", "https://*.example.cn", "https://a.cn/", "a.cn", "https://A.cn", "https://", "null"]
        {
            http.cors_origins = format!("https://a.cn,{wrong}");
            assert!(http.origins().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_key_is_documented_where_it_stands() {
        let mut documented = false;
        for line in DEFAULTS.lines() {
            if line.starts_with('#') {
                documented = true;
            } else if line.contains('=') && !line.starts_with('[') {
                assert!(documented, "no comment above: {line}");
                documented = false;
            } else {
                documented = false;
            }
        }
    }
}
