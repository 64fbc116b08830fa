//! The scope of a staff member: which part of the organisation tree they may touch.

use sea_orm::{ColumnTrait, Condition, sea_query::Expr};

/// Paths of organisations (`/<uuid>/<uuid>/`); everything at or below one of them is in scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    paths: Vec<String>,
}

impl Scope {
    /// A scope of these organisations and what lies below.
    pub fn new(paths: impl IntoIterator<Item = String>) -> Self {
        Self { paths: paths.into_iter().collect() }
    }

    /// Whether `org_path` is in scope.
    pub fn covers(&self, org_path: &str) -> bool {
        self.paths.iter().any(|path| org_path.starts_with(path))
    }

    /// The paths, shortest first as given.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The same in SQL, for finders. An empty scope matches nothing.
    ///
    /// Paths hold only hexadecimal digits, `-` and `/`, so they need no escaping in LIKE.
    pub fn condition<C: ColumnTrait>(&self, org_path: C) -> Condition {
        let mut any = Condition::any();
        if self.paths.is_empty() {
            // An empty `any` would be left out of the WHERE, which means everything.
            return any.add(Expr::cust("1 = 0"));
        }
        for path in &self.paths {
            any = any.add(org_path.like(format!("{path}%")));
        }
        any
    }
}
