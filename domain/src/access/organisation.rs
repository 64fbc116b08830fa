//! Kinds of organisation and the tree they form.

/// What an organisation 组织 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OrganisationKind {
    /// A city 市, the root of a tree.
    City,
    /// A district or county 区县.
    District,
    /// A street office or town 街道/镇.
    Street,
    /// A community or village 社区/村.
    Community,
    /// Whoever runs facilities 运营单位, for any level above.
    Operator,
}

impl OrganisationKind {
    /// Every kind, from the root down.
    pub const ALL: &'static [Self] =
        &[Self::City, Self::District, Self::Street, Self::Community, Self::Operator];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::District => "district",
            Self::Street => "street",
            Self::Community => "community",
            Self::Operator => "operator",
        }
    }

    /// Reads the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// What may stand directly above; nothing stands above a city.
    ///
    /// Operators hang where their contract was signed: a chain at the city, a
    /// volunteer group at one community.
    pub const fn parents(self) -> &'static [Self] {
        match self {
            Self::City => &[],
            Self::District => &[Self::City],
            Self::Street => &[Self::District],
            Self::Community => &[Self::Street],
            Self::Operator => &[Self::City, Self::District, Self::Street, Self::Community],
        }
    }

    /// Whether `self` may stand directly below `parent` (`None`: at the top).
    pub fn may_stand_below(self, parent: Option<Self>) -> bool {
        match parent {
            None => self.parents().is_empty(),
            Some(parent) => self.parents().contains(&parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_one_kind_of_root_and_operators_at_the_leaves() {
        for kind in OrganisationKind::ALL {
            assert_eq!(kind.may_stand_below(None), *kind == OrganisationKind::City);
            assert!(!kind.may_stand_below(Some(OrganisationKind::Operator)));
            assert!(!kind.may_stand_below(Some(*kind)));
            assert_eq!(OrganisationKind::parse(kind.as_str()), Some(*kind));
        }
    }
}
