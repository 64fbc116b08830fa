//! Who among the staff may do what, and where.
//!
//! A role is given to a person at an organisation and reaches everything below it.
//! [`Permission`] is the one table of rights; [`Authority`] is what one person holds;
//! [`Scope`] is where a permission reaches, and every staff query filters by it.

mod delay;
mod organisation;
mod path;
mod permission;
mod role;

pub use delay::{Attempts, DelayPolicy, ONE_ACCOUNT, ONE_ADDRESS};
pub use organisation::OrganisationKind;
pub use path::{OrgPath, Scope};
pub use permission::{Mark, Permission, perm};
pub use role::Role;

/// The roles one staff member holds, each at the path it was given for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority(Vec<(Role, OrgPath)>);

impl Authority {
    /// The authority of these assignments.
    pub fn new(assignments: Vec<(Role, OrgPath)>) -> Self {
        Self(assignments)
    }

    /// The assignments.
    pub fn assignments(&self) -> &[(Role, OrgPath)] {
        &self.0
    }

    /// Whether the permission is held anywhere.
    pub fn allows(&self, permission: Permission) -> bool {
        self.0.iter().any(|(role, _)| role.may(permission))
    }

    /// Where the permission is held.
    pub fn scope(&self, permission: Permission) -> Scope {
        Scope::new(self.0.iter().filter(|(role, _)| role.may(permission)).map(|(_, path)| path.clone()))
    }

    /// Whether this person may give or take `role` at `path`: some role of theirs that
    /// reaches the path appoints it.
    pub fn may_appoint(&self, role: Role, path: &OrgPath) -> bool {
        self.0.iter().any(|(own, reach)| reach.contains(path) && own.appoints().contains(&role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OrganisationId;

    fn id(n: u128) -> OrganisationId {
        OrganisationId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn authority_is_the_union_of_its_assignments() {
        let city = OrgPath::root(id(1));
        let district = city.child(id(2));
        let street = district.child(id(3));
        let elsewhere = city.child(id(9));
        let authority =
            Authority::new(vec![(Role::StreetManager, street.clone()), (Role::Auditor, elsewhere.clone())]);

        assert!(authority.allows(Permission::FacilityEdit) && authority.allows(Permission::AuditRead));
        assert!(!authority.allows(Permission::SystemOperate));
        let scope = authority.scope(Permission::FacilityEdit);
        assert!(scope.contains(&street) && scope.contains(&street.child(id(4))));
        assert!(!scope.contains(&district) && !scope.contains(&elsewhere));
        assert!(authority.scope(Permission::AuditRead).contains(&elsewhere));
    }

    #[test]
    fn nobody_appoints_upwards_or_outside() {
        let city = OrgPath::root(id(1));
        let street = city.child(id(2)).child(id(3));
        let community = street.child(id(4));
        let manager = Authority::new(vec![(Role::StreetManager, street.clone())]);
        assert!(manager.may_appoint(Role::CommunityManager, &community));
        assert!(!manager.may_appoint(Role::CommunityManager, &city));
        assert!(!manager.may_appoint(Role::StreetManager, &street));
        assert!(!manager.may_appoint(Role::Auditor, &street));
    }
}
