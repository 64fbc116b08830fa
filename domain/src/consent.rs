//! What residents let others do, and the limits of it.

/// What an agent 代办人 may do for the resident who let them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FamilyScope {
    /// See bookings and orders.
    See,
    /// Book, move and cancel rooms and places.
    Book,
    /// Order meals and cancel them.
    Order,
}

impl FamilyScope {
    /// Every scope.
    pub const ALL: &'static [Self] = &[Self::See, Self::Book, Self::Order];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Book => "book",
            Self::Order => "order",
        }
    }

    /// Reads the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text)
    }
}

/// What a consent is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConsentKind {
    /// The privacy notice of the service.
    Privacy,
    /// Messages beyond what a booking needs.
    Messages,
    /// Use of one's records for figures that name nobody.
    Statistics,
    /// A family link: another resident may act, within scopes.
    Family,
}

impl ConsentKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Privacy, Self::Messages, Self::Statistics, Self::Family];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Privacy => "privacy",
            Self::Messages => "messages",
            Self::Statistics => "statistics",
            Self::Family => "family",
        }
    }

    /// Reads the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        assert!(FamilyScope::ALL.iter().all(|scope| FamilyScope::parse(scope.as_str()) == Some(*scope)));
        assert!(ConsentKind::ALL.iter().all(|kind| ConsentKind::parse(kind.as_str()) == Some(*kind)));
    }
}
