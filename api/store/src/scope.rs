//! Scopes in SQL: which part of the organisation tree a query may touch.

pub use linli_domain::access::Scope;

use sea_orm::{ColumnTrait, Condition, sea_query::Expr};

/// A [`Scope`] as a condition of a query.
pub trait ScopeCondition {
    /// Rows whose `org_path` lies in scope. An empty scope matches nothing.
    fn condition<C: ColumnTrait>(&self, org_path: C) -> Condition;
}

impl ScopeCondition for Scope {
    /// Paths hold only hexadecimal digits, `-` and `/`, so they need no escaping in LIKE.
    fn condition<C: ColumnTrait>(&self, org_path: C) -> Condition {
        let mut any = Condition::any();
        if self.paths().is_empty() {
            // An empty `any` would be left out of the WHERE, which means everything.
            return any.add(Expr::cust("1 = 0"));
        }
        for path in self.paths() {
            any = any.add(org_path.like(format!("{path}%")));
        }
        any
    }
}
