//! The roles staff hold.

use super::{OrganisationKind, Permission};

/// What a person is to an organisation. Each role reaches the organisation it was given
/// at and everything below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Runs the system: accounts, organisations, jobs. Sees neither residents nor the audit
    /// trail, so that whoever could cover tracks cannot see whom they are about.
    Sysadmin,
    /// Reads the audit trail and nothing else.
    Auditor,
    /// The city's bureau in charge of the service.
    CityAdmin,
    /// A district or county government.
    DistrictManager,
    /// A street office or town, which receives and supervises facilities.
    StreetManager,
    /// A community or village committee.
    CommunityManager,
    /// The manager of an operating company or group.
    OperatorManager,
    /// The person at the counter: bookings and check-in for whoever stands there.
    CounterClerk,
    /// Reads facilities and figures for planning and evaluation, never a person.
    Analyst,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[
        Self::Sysadmin,
        Self::Auditor,
        Self::CityAdmin,
        Self::DistrictManager,
        Self::StreetManager,
        Self::CommunityManager,
        Self::OperatorManager,
        Self::CounterClerk,
        Self::Analyst,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sysadmin => "sysadmin",
            Self::Auditor => "auditor",
            Self::CityAdmin => "city_admin",
            Self::DistrictManager => "district_manager",
            Self::StreetManager => "street_manager",
            Self::CommunityManager => "community_manager",
            Self::OperatorManager => "operator_manager",
            Self::CounterClerk => "counter_clerk",
            Self::Analyst => "analyst",
        }
    }

    /// Reads the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text)
    }

    /// Whether the role carries the permission.
    pub fn may(self, permission: Permission) -> bool {
        permission.roles().contains(&self)
    }

    /// The kinds of organisation the role may be given at.
    pub const fn held_at(self) -> &'static [OrganisationKind] {
        use OrganisationKind::{City, Community, District, Operator, Street};
        match self {
            Self::Sysadmin | Self::CityAdmin => &[City],
            Self::Auditor | Self::Analyst => &[City, District, Street],
            Self::DistrictManager => &[District],
            Self::StreetManager => &[Street],
            Self::CommunityManager => &[Community],
            Self::OperatorManager => &[Operator],
            Self::CounterClerk => &[Street, Community, Operator],
        }
    }

    /// The roles its holder may give and take below: always less than one's own.
    ///
    /// The system administrator appoints everyone but auditors; those are
    /// appointed by the city's bureau, which the trail is about as little as possible.
    pub const fn appoints(self) -> &'static [Self] {
        match self {
            Self::Sysadmin => &[
                Self::CityAdmin,
                Self::Analyst,
                Self::DistrictManager,
                Self::StreetManager,
                Self::CommunityManager,
                Self::OperatorManager,
                Self::CounterClerk,
            ],
            Self::CityAdmin => &[
                Self::Auditor,
                Self::Analyst,
                Self::DistrictManager,
                Self::StreetManager,
                Self::CommunityManager,
                Self::OperatorManager,
                Self::CounterClerk,
            ],
            Self::DistrictManager => &[
                Self::Analyst,
                Self::StreetManager,
                Self::CommunityManager,
                Self::OperatorManager,
                Self::CounterClerk,
            ],
            Self::StreetManager => &[Self::CommunityManager, Self::OperatorManager, Self::CounterClerk],
            Self::CommunityManager => &[Self::OperatorManager, Self::CounterClerk],
            Self::OperatorManager => &[Self::CounterClerk],
            Self::Auditor | Self::CounterClerk | Self::Analyst => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(*role));
        }
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn the_system_administrator_appoints_no_auditor_and_nobody_appoints_an_equal() {
        assert!(!Role::Sysadmin.appoints().contains(&Role::Auditor));
        for role in Role::ALL {
            assert!(!role.appoints().contains(role), "{}", role.as_str());
            assert!(!role.appoints().contains(&Role::Sysadmin), "made on the command line only");
        }
    }
}
