//! Places in the organisation tree, and the scopes made of them.

use std::fmt;

use uuid::Uuid;

use crate::ids::OrganisationId;

/// The place of an organisation in the tree: the ids from the root down, `/<uuid>/<uuid>/`.
///
/// It ends with a slash, so "is below" is a prefix match in Rust and in SQL
/// (`org_path LIKE '<path>%'`), and holds no character that `LIKE` treats specially.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgPath(String);

impl OrgPath {
    /// The path of a root.
    pub fn root(id: OrganisationId) -> Self {
        Self(format!("/{id}/"))
    }

    /// The path of a child.
    #[must_use]
    pub fn child(&self, id: OrganisationId) -> Self {
        Self(format!("{}{id}/", self.0))
    }

    /// Reads a stored path; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('/')?.strip_suffix('/')?;
        inner
            .split('/')
            .all(|id| id.len() == 36 && Uuid::parse_str(id).is_ok())
            .then(|| Self(text.to_owned()))
    }

    /// The text as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this place or below it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The ids from the root down.
    pub fn ids(&self) -> impl Iterator<Item = OrganisationId> {
        self.0.split('/').filter_map(|id| Uuid::parse_str(id).ok()).map(OrganisationId)
    }

    /// The same place after the part at `from` moved to `to`; `None` when it is not below `from`.
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        self.0.strip_prefix(from.as_str()).map(|rest| Self(format!("{}{rest}", to.0)))
    }
}

impl fmt::Display for OrgPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrgPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgPath({})", self.0)
    }
}

/// Where a permission reaches: everything at or below some places. Empty reaches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<OrgPath>);

impl Scope {
    /// The scope of these places; places below another one add nothing and are dropped.
    pub fn new(paths: impl IntoIterator<Item = OrgPath>) -> Self {
        let mut sorted: Vec<OrgPath> = paths.into_iter().collect();
        sorted.sort();
        // Sorted, an ancestor stands before everything below it.
        let mut kept: Vec<OrgPath> = Vec::with_capacity(sorted.len());
        for path in sorted {
            if !kept.last().is_some_and(|last| last.contains(&path)) {
                kept.push(path);
            }
        }
        Self(kept)
    }

    /// The topmost places.
    pub fn paths(&self) -> &[OrgPath] {
        &self.0
    }

    /// Whether a stored path lies in the scope.
    pub fn covers(&self, org_path: &str) -> bool {
        self.0.iter().any(|own| org_path.starts_with(own.as_str()))
    }

    /// Whether the place lies in the scope.
    pub fn contains(&self, path: &OrgPath) -> bool {
        self.0.iter().any(|own| own.contains(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u128) -> OrganisationId {
        OrganisationId(Uuid::from_u128(n))
    }

    fn path(ids: &[u8]) -> OrgPath {
        let mut ids = ids.iter().map(|n| id(u128::from(*n)));
        let root = OrgPath::root(ids.next().unwrap_or(id(0)));
        ids.fold(root, |path, id| path.child(id))
    }

    #[test]
    fn paths_read_back_and_move() {
        let street = path(&[1, 2, 3]);
        assert_eq!(OrgPath::parse(street.as_str()), Some(street.clone()));
        assert_eq!(street.ids().collect::<Vec<_>>(), [id(1), id(2), id(3)]);
        assert_eq!(path(&[1, 2, 3, 4]).moved(&street, &path(&[1, 7])), Some(path(&[1, 7, 4])));
        assert_eq!(path(&[1, 9]).moved(&street, &path(&[1, 7])), None);
        for text in ["", "/", "//", "/x/", "/%/", "00000000-0000-0000-0000-000000000001"] {
            assert_eq!(OrgPath::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_scope_reaches_what_any_of_its_places_reaches(
            places in prop::collection::vec(prop::collection::vec(0..3u8, 1..4), 0..6),
            probe in prop::collection::vec(0..3u8, 1..5),
        ) {
            let places: Vec<OrgPath> = places.iter().map(|ids| path(ids)).collect();
            let probe = path(&probe);
            let expected = places.iter().any(|place| place.contains(&probe));
            let scope = Scope::new(places);
            prop_assert_eq!(scope.contains(&probe), expected);
            for (i, a) in scope.paths().iter().enumerate() {
                for (j, b) in scope.paths().iter().enumerate() {
                    prop_assert!(i == j || !a.contains(b), "a place below another was kept");
                }
            }
        }
    }
}
