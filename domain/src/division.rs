//! Administrative divisions 行政区划: province > city > district > street > community.
//!
//! A division is known by its 12-digit statistical code, whose trailing zeros tell
//! its level; the hierarchy is in the code itself, so a look-up needs no tree.
//! The shipped list holds the regions of the policy documents (see
//! `data/divisions/README.md` for its source); another list in the same form can
//! be parsed beside it.

use std::{fmt, str::FromStr, sync::LazyLock};

use crate::geo::{Bounds, Point};

/// The level of a division.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 省、自治区、直辖市
    Province,
    /// 地级市, and the 市辖区 and 县 groups of a municipality
    City,
    /// 市辖区、县、县级市
    District,
    /// 街道、镇、乡
    Street,
    /// 社区、村
    Community,
}

impl Level {
    const ALL: [Self; 5] = [Self::Province, Self::City, Self::District, Self::Street, Self::Community];

    /// How many digits of a code name this level.
    const fn digits(self) -> u32 {
        match self {
            Self::Province => 2,
            Self::City => 4,
            Self::District => 6,
            Self::Street => 9,
            Self::Community => 12,
        }
    }

    /// Codes of one division of this level differ by this much at least.
    const fn unit(self) -> u64 {
        10_u64.pow(12 - self.digits())
    }
}

/// A statistical division code, always 12 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DivisionCode(u64);

/// The text is not a division code: 2, 4, 6, 9 or 12 digits, the first not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a division code has 2, 4, 6, 9 or 12 digits")]
pub struct InvalidDivisionCode;

impl DivisionCode {
    /// The level its trailing zeros tell.
    pub fn level(self) -> Level {
        Level::ALL.into_iter().find(|level| self.0.is_multiple_of(level.unit())).unwrap_or(Level::Community)
    }

    /// The division of `level` that this one lies in; itself at its own level.
    ///
    /// `None` when this one is higher than `level`.
    pub fn at(self, level: Level) -> Option<Self> {
        (level <= self.level()).then(|| Self(self.0 / level.unit() * level.unit()))
    }

    /// The next division above; some streets lie directly in a city.
    pub fn parent(self) -> Option<Self> {
        Level::ALL.into_iter().rev().filter_map(|level| self.at(level)).find(|above| *above != self)
    }

    /// Whether `other` lies in this division or is it.
    pub fn contains(self, other: Self) -> bool {
        other.at(self.level()) == Some(self)
    }

    /// The digits without the padding, for instance `330102` for a district.
    pub fn short(self) -> String {
        (self.0 / self.level().unit()).to_string()
    }

    /// The twelve digits as a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    fn end(self) -> u64 {
        self.0 + self.level().unit()
    }
}

impl FromStr for DivisionCode {
    type Err = InvalidDivisionCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = Level::ALL.into_iter().find(|level| level.digits() as usize == text.len());
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let level = level.filter(|_| plain).ok_or(InvalidDivisionCode)?;
        let number: u64 = text.parse().map_err(|_| InvalidDivisionCode)?;
        Ok(Self(number * level.unit()))
    }
}

impl fmt::Display for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DivisionCode({self})")
    }
}

/// One division with its published name.
#[derive(Clone, Debug, PartialEq)]
pub struct Division {
    /// Its code.
    pub code: DivisionCode,
    /// Its name as published, for instance 清波门社区居民委员会.
    pub name: Box<str>,
    /// A box that surely holds it, generous, given for cities; used to refuse misplaced points.
    pub bounds: Option<Bounds>,
}

impl Division {
    /// The name a person uses: the committee's name without the committee.
    ///
    /// 民生社区居民委员会 is 民生社区, 梅家坞村委会 is 梅家坞村, 下涯居民委员会 is 下涯社区.
    pub fn plain_name(&self) -> String {
        let name = &*self.name;
        if self.code.level() != Level::Community {
            return name.to_owned();
        }
        for (committee, kind) in
            [("居民委员会", "社区"), ("居委会", "社区"), ("村民委员会", "村"), ("村委会", "村")]
        {
            if let Some(stem) = name.strip_suffix(committee) {
                let has_kind = stem.ends_with("社区") || stem.ends_with("村");
                return format!("{stem}{}", if has_kind { "" } else { kind });
            }
        }
        name.to_owned()
    }

    /// Whether this is a group that nobody says in an address (市辖区, 县).
    pub fn is_group(&self) -> bool {
        self.code.level() == Level::City && matches!(&*self.name, "市辖区" | "县")
    }
}

/// A line of the list that is not a division.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DivisionsError {
    /// The line has no code, no name, a bad code or a bad box.
    #[error("line {0} is not `code<TAB>name[<TAB>south west north east]`")]
    Malformed(usize),
    /// Codes must ascend, which also rules out duplicates.
    #[error("line {0} does not ascend")]
    OutOfOrder(usize),
    /// A division whose parent is not in the list.
    #[error("the division above {0} is missing")]
    Orphan(DivisionCode),
}

/// A list of divisions, complete upwards: with a division it holds all above it.
#[derive(Clone, Debug, PartialEq)]
pub struct Divisions {
    /// Ascending by code, so that everything in a division is one contiguous range.
    rows: Vec<Division>,
}

impl Divisions {
    /// The list this build carries.
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<Divisions> = LazyLock::new(|| {
            Divisions::parse(include_str!("../data/divisions/divisions.tsv"))
                .unwrap_or_else(|error| unreachable!("the shipped divisions are tested: {error}"))
        });
        &SHIPPED
    }

    /// Parses `code<TAB>name[<TAB>south west north east]` lines; `#` begins a comment line.
    pub fn parse(text: &str) -> Result<Self, DivisionsError> {
        let mut rows: Vec<Division> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let row = parse_row(line).ok_or(DivisionsError::Malformed(index + 1))?;
            if rows.last().is_some_and(|last| last.code >= row.code) {
                return Err(DivisionsError::OutOfOrder(index + 1));
            }
            rows.push(row);
        }
        let list = Self { rows };
        match list.rows.iter().find(|row| row.code.parent().is_some_and(|up| list.get(up).is_none())) {
            Some(orphan) => Err(DivisionsError::Orphan(orphan.code)),
            None => Ok(list),
        }
    }

    /// All divisions, ascending by code.
    pub fn all(&self) -> &[Division] {
        &self.rows
    }

    /// The division with this code.
    pub fn get(&self, code: DivisionCode) -> Option<&Division> {
        let at = self.rows.binary_search_by_key(&code, |row| row.code).ok()?;
        Some(&self.rows[at])
    }

    /// The division itself and everything in it, ascending by code.
    pub fn within(&self, code: DivisionCode) -> &[Division] {
        let from = self.rows.partition_point(|row| row.code < code);
        let to = self.rows.partition_point(|row| row.code.0 < code.end());
        &self.rows[from..to]
    }

    /// The divisions of one level in a division, ascending by code.
    pub fn at_level(&self, within: DivisionCode, level: Level) -> impl Iterator<Item = &Division> {
        self.within(within).iter().filter(move |row| row.code.level() == level)
    }

    /// The divisions directly below.
    pub fn children(&self, code: DivisionCode) -> impl Iterator<Item = &Division> {
        self.within(code).iter().filter(move |row| row.code.parent() == Some(code))
    }

    /// From the province down to the division itself.
    pub fn lineage(&self, code: DivisionCode) -> Vec<&Division> {
        let mut lineage: Vec<_> = std::iter::successors(Some(code), |below| below.parent())
            .filter_map(|code| self.get(code))
            .collect();
        lineage.reverse();
        lineage
    }

    /// The city in which a division lies: the prefecture, or the municipality directly under the state.
    pub fn city(&self, code: DivisionCode) -> Option<&Division> {
        let above = |level| code.at(level).and_then(|code| self.get(code));
        above(Level::City).filter(|city| !city.is_group()).or_else(|| above(Level::Province))
    }

    /// The name as it begins an address: 浙江省杭州市上城区清波街道清波门社区.
    pub fn full_name(&self, code: DivisionCode) -> String {
        self.lineage(code).into_iter().filter(|row| !row.is_group()).map(Division::plain_name).collect()
    }

    /// The box of the nearest division at or above `code` that has one.
    pub fn bounds(&self, code: DivisionCode) -> Option<Bounds> {
        self.lineage(code).into_iter().rev().find_map(|row| row.bounds)
    }

    /// The divisions in `within` that have this name, published or plain.
    ///
    /// Names repeat (Zibo alone has several 郭家村), so the answer is a list.
    pub fn named(&self, within: Option<DivisionCode>, name: &str) -> Vec<&Division> {
        let rows = within.map_or(&*self.rows, |code| self.within(code));
        rows.iter().filter(|row| &*row.name == name || row.plain_name() == name).collect()
    }
}

fn parse_row(line: &str) -> Option<Division> {
    let mut cells = line.split('\t');
    let code = cells.next()?.parse().ok()?;
    let name = cells.next().filter(|name| !name.trim().is_empty())?.into();
    let bounds = cells.next().map(|cell| parse_bounds(cell).ok_or(())).transpose().ok()?;
    cells.next().is_none().then_some(Division { code, name, bounds })
}

fn parse_bounds(text: &str) -> Option<Bounds> {
    let edges: Vec<f64> = text.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [south, west, north, east] = *edges else { return None };
    let corners = Point::wgs84(south, west).zip(Point::wgs84(north, east));
    (corners.is_some() && south < north && west < east).then_some(Bounds { south, west, north, east })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> DivisionCode {
        text.parse().unwrap()
    }

    #[test]
    fn a_code_tells_its_level_and_what_is_above() {
        let community = code("330102001051");
        assert_eq!(community.level(), Level::Community);
        assert_eq!(community.parent(), Some(code("330102001")));
        assert_eq!(community.at(Level::District), Some(code("330102")));
        assert_eq!(code("33").level(), Level::Province);
        assert_eq!(code("33").parent(), None);
        assert_eq!(code("33").at(Level::City), None);
        assert_eq!(code("330102").to_string(), "330102000000");
        assert_eq!(code("330102").short(), "330102");
        assert!(code("3301").contains(community) && !code("3302").contains(community));
        // 东莞 has no districts: its streets lie directly in the city.
        assert_eq!(code("441900003").parent(), Some(code("4419")));
    }

    #[test]
    fn what_is_not_a_code_is_refused() {
        for text in ["", "3", "330", "03", "33010200105x", "3301020010511", "３３", "+3"] {
            assert_eq!(text.parse::<DivisionCode>(), Err(InvalidDivisionCode), "{text}");
        }
    }

    #[test]
    fn the_shipped_list_holds_the_regions_of_the_policy_documents() {
        let list = Divisions::shipped();
        let communities = |text| list.at_level(code(text), Level::Community).count();
        assert_eq!(communities("3301"), 3320);
        assert_eq!(communities("330102"), 203);
        assert_eq!(communities("330481"), 236);
        assert_eq!(communities("3703"), 2931);
        assert_eq!(communities("50"), 11_270);
        assert_eq!(list.at_level(code("330102"), Level::Street).count(), 14);
        assert_eq!(list.full_name(code("330102001051")), "浙江省杭州市上城区清波街道清波门社区");
        assert_eq!(list.full_name(code("500103")), "重庆市渝中区");
        assert_eq!(list.children(code("330102001")).count(), 5);
        assert_eq!(list.named(Some(code("3301")), "上城区").len(), 1);
        assert_eq!(list.bounds(code("330102001051")), list.get(code("3301")).unwrap().bounds);
        assert_eq!(list.city(code("330102")).unwrap().code, code("3301"));
        assert_eq!(list.city(code("500103")).unwrap().code, code("50"));
        assert_eq!(list.bounds(code("33")), None);
        assert!(list.named(Some(code("3703")), "郭家村").len() > 6);
    }

    #[test]
    fn names_are_shortened_as_people_say_them() {
        let plain = |name: &str| {
            Division { code: code("330102001001"), name: name.into(), bounds: None }.plain_name()
        };
        assert_eq!(plain("民生社区居民委员会"), "民生社区");
        assert_eq!(plain("劳动路社区"), "劳动路社区");
        assert_eq!(plain("梅家坞村委会"), "梅家坞村");
        assert_eq!(plain("大青㭎村村民委员会"), "大青㭎村");
        assert_eq!(plain("下涯居民委员会"), "下涯社区");
        assert_eq!(plain("城关居委会"), "城关社区");
    }

    #[test]
    fn a_bad_list_says_which_line() {
        assert_eq!(Divisions::parse("33 浙江省"), Err(DivisionsError::Malformed(1)));
        assert_eq!(Divisions::parse("# x\n33\t "), Err(DivisionsError::Malformed(2)));
        assert_eq!(Divisions::parse("33\ta\t30 120 29 121"), Err(DivisionsError::Malformed(1)));
        assert_eq!(Divisions::parse("33\ta\t30 NaN 31 121"), Err(DivisionsError::Malformed(1)));
        assert_eq!(Divisions::parse("33\ta\n33\tb"), Err(DivisionsError::OutOfOrder(2)));
        assert_eq!(Divisions::parse("33\ta\n330102\tb"), Err(DivisionsError::Orphan(code("330102"))));
    }
}
