//! The one table of rights: permission × role.

use super::Role;

/// A permission as a type, for `Staff<perm::FacilityEdit>` in a handler's arguments.
pub trait Mark: Send + Sync + 'static {
    /// The permission the type stands for.
    const PERMISSION: Permission;
}

/// Declares [`Permission`], the matrix and the marks: `Variant, "name", [roles];`.
macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, [$($role:ident),* $(,)?];)+) => {
        /// A right that an operation asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($(#[$doc])* $variant,)+
        }

        impl Permission {
            /// Every permission, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The roles that carry it.
            pub const fn roles(self) -> &'static [Role] {
                match self { $(Self::$variant => &[$(Role::$role),*],)+ }
            }
        }

        /// Each permission as a type.
        pub mod perm {
            use super::{Mark, Permission};
            $(
                $(#[$doc])*
                #[derive(Debug)]
                pub enum $variant {}

                impl Mark for $variant {
                    const PERMISSION: Permission = Permission::$variant;
                }
            )+
        }
    };
}

permissions! {
    /// Using one's own account: profile, password, sessions. Every role has it.
    OwnAccount, "account.own",
        [Sysadmin, Auditor, CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk, Analyst];

    // staff
    /// See organisations and service areas.
    OrganisationRead, "organisation.read",
        [Sysadmin, CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk, Analyst];
    /// Make, change and move organisations.
    OrganisationEdit, "organisation.edit", [Sysadmin, CityAdmin, DistrictManager];
    /// Draw service areas across communities.
    ServiceAreaEdit, "service_area.edit", [CityAdmin, DistrictManager, StreetManager];
    /// See staff accounts and their roles.
    StaffRead, "staff.read",
        [Sysadmin, CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager];
    /// Make and change staff accounts, reset passwords, give and take roles.
    StaffEdit, "staff.edit",
        [Sysadmin, CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager];
    /// Read the audit trail.
    AuditRead, "audit.read", [Auditor];
    /// Operate the system: jobs, indexes, reconciliation.
    SystemOperate, "system.operate", [Sysadmin];

    // residents
    /// Find a resident by an exact phone number, name or identity number, and see the masked record.
    ResidentRead, "resident.read",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, CounterClerk];
    /// Verify who belongs to a household.
    HouseholdVerify, "household.verify", [StreetManager, CommunityManager];
    /// Merge two records of one resident.
    ResidentMerge, "resident.merge", [CityAdmin, DistrictManager, StreetManager];

    // facilities
    /// See facilities with what is not public.
    FacilityRead, "facility.read",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk, Analyst];
    /// Make and change facilities, their hours, services and photos.
    FacilityEdit, "facility.edit",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager];
    /// Publish dated notices.
    NoticePublish, "notice.publish",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk];
    /// Work on reports that published information is wrong.
    ReportHandle, "report.handle",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk];
    /// Import facilities from files.
    FacilityImport, "facility.import", [CityAdmin, DistrictManager, StreetManager];
    /// Export facilities to files.
    FacilityExport, "facility.export", [CityAdmin, DistrictManager, StreetManager, CommunityManager, Analyst];

    // calendar
    /// See the statutory calendar as loaded.
    CalendarRead, "calendar.read",
        [Sysadmin, CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk, Analyst];
    /// Load the statutory calendar of a year.
    CalendarEdit, "calendar.edit", [Sysadmin, CityAdmin];

    // rooms and bookings
    /// See rooms, time bands and slots as staff do.
    RoomRead, "room.read",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk, Analyst];
    /// Make and change rooms, time bands and published slots.
    RoomEdit, "room.edit", [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager];
    /// See bookings.
    BookingRead, "booking.read",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk];
    /// Book, move, cancel and check in for a resident.
    BookingEdit, "booking.edit",
        [DistrictManager, StreetManager, CommunityManager, OperatorManager, CounterClerk];

    // figures
    /// Read figures that name no person.
    StatisticsRead, "statistics.read",
        [CityAdmin, DistrictManager, StreetManager, CommunityManager, OperatorManager, Analyst];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn held_by(role: Role) -> Vec<Permission> {
        Permission::ALL.iter().copied().filter(|p| role.may(*p)).collect()
    }

    #[test]
    fn names_are_unique_and_every_permission_has_a_holder() {
        let names: HashSet<_> = Permission::ALL.iter().map(|p| p.as_str()).collect();
        assert_eq!(names.len(), Permission::ALL.len());
        assert!(Permission::ALL.iter().all(|p| !p.roles().is_empty()));
    }

    #[test]
    fn the_auditor_reads_only_the_trail() {
        assert_eq!(held_by(Role::Auditor), [Permission::OwnAccount, Permission::AuditRead]);
    }

    #[test]
    fn the_system_administrator_sees_neither_trail_nor_people_nor_bookings() {
        use Permission::{AuditRead, BookingEdit, BookingRead, HouseholdVerify, ResidentMerge, ResidentRead};
        for permission in [AuditRead, ResidentRead, HouseholdVerify, ResidentMerge, BookingRead, BookingEdit]
        {
            assert!(!Role::Sysadmin.may(permission), "{}", permission.as_str());
        }
    }

    #[test]
    fn the_analyst_sees_no_person_and_changes_nothing() {
        for permission in held_by(Role::Analyst) {
            let name = permission.as_str();
            let harmless =
                name.ends_with(".read") || permission == Permission::FacilityExport || name == "account.own";
            assert!(harmless && !name.starts_with("resident") && !name.starts_with("booking"), "{name}");
        }
    }

    #[test]
    fn a_mark_stands_for_its_permission() {
        assert_eq!(<perm::AuditRead as Mark>::PERMISSION, Permission::AuditRead);
    }
}
