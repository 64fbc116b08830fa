//! Services as one cell: `午餐|低偿|到店、上门|政府定价|两荤两素=12元/份、半份=8元/份; 理发|有偿|到店`.
//!
//! The name comes first; the other parts are told by their words, so their order is free. A service
//! without a field of its own belongs to the facility's main one. Invariant: what [`print`] writes,
//! [`parse`] reads back equal.

use super::text::{ITEM, PART, entries, escape, split, unescape};
use crate::{
    FieldErrors, Refusal,
    facility::{Category, FeeKind, Price, Pricing, Service, ServiceMode},
    vocabulary::{Vocabulary, WordSet},
};

/// Reads the cell.
pub fn parse(text: &str, main: Category) -> Result<Vec<Service>, Refusal> {
    let mut errors = FieldErrors::new();
    let mut services = Vec::new();
    for (index, entry) in entries(text).enumerate() {
        match read_service(entry, main) {
            Some(service) => services.push(service),
            None => errors.add(
                format!("[{index}]"),
                "service_syntax",
                format!("第{}项服务无法识别，例：午餐|低偿|到店、上门|份饭=12元/份", index + 1),
                format!(
                    "Service {} is not understood; for instance: Lunch|low_cost|on_site|meal=12元/份",
                    index + 1
                ),
            ),
        }
    }
    errors.finish().map(|()| services)
}

/// Writes services as [`parse`] reads them.
pub fn print(services: &[Service], main: Option<Category>) -> String {
    let print = |service: &Service| {
        let modes = service.modes.iter().map(Vocabulary::zh).collect::<Vec<_>>().join("、");
        let mut parts = vec![escape(&service.name), service.fee.zh().to_owned(), modes];
        parts.extend(service.pricing.map(|pricing| pricing.zh().to_owned()));
        parts.extend((Some(service.category) != main).then(|| service.category.zh().to_owned()));
        if !service.prices.is_empty() {
            parts.push(service.prices.iter().map(print_price).collect::<Vec<_>>().join("、"));
        }
        parts.join("|")
    };
    services.iter().map(print).collect::<Vec<_>>().join("; ")
}

/// A word of a vocabulary, by its Chinese label or its stable name.
pub(super) fn word<V: Vocabulary>(text: &str) -> Option<V> {
    V::parse(text).or_else(|| V::ALL.iter().copied().find(|word| word.zh() == text))
}

fn read_service(entry: &str, main: Category) -> Option<Service> {
    let mut parts = split(entry, PART).into_iter();
    let name = unescape(parts.next()?);
    let (mut category, mut fee, mut pricing) = (None, None, None);
    let (mut modes, mut prices) = (WordSet::EMPTY, Vec::new());
    for part in parts.filter(|part| !part.is_empty()) {
        if let Some(word) = word::<FeeKind>(part) {
            fee = Some(word);
        } else if let Some(word) = word::<Pricing>(part) {
            pricing = Some(word);
        } else if let Some(word) = word::<Category>(part) {
            category = Some(word);
        } else if split(part, &['=']).len() > 1 {
            prices = split(part, ITEM).into_iter().map(read_price).collect::<Option<_>>()?;
        } else {
            modes = split(part, ITEM).into_iter().map(word::<ServiceMode>).collect::<Option<_>>()?;
        }
    }
    Some(Service { name, category: category.unwrap_or(main), fee: fee?, pricing, modes, prices })
}

/// `两荤两素=12.50元/份`
fn read_price(text: &str) -> Option<Price> {
    let [item, price] = *split(text, &['=']) else { return None };
    let (amount, unit) = price.split_once("元/")?;
    Some(Price { item: unescape(item), amount_fen: read_fen(amount.trim())?, unit: unescape(unit.trim()) })
}

fn print_price(price: &Price) -> String {
    format!("{}={}元/{}", escape(&price.item), print_fen(price.amount_fen), escape(&price.unit))
}

/// Yuan with at most two decimals, as exact fen.
fn read_fen(yuan: &str) -> Option<i64> {
    let (whole, decimals) = yuan.split_once('.').unwrap_or((yuan, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 2 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(100)?.checked_add(format!("{decimals:0<2}").parse().ok()?)
}

fn print_fen(fen: i64) -> String {
    match (fen / 100, fen % 100) {
        (yuan, 0) => yuan.to_string(),
        (yuan, fen) => format!("{yuan}.{fen:02}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;

    const MAIN: Category = Category::CommunityDining;

    #[test]
    fn services_are_read_as_people_write_them() {
        let text = "午餐 | 低偿 | 到店、上门 | 政府定价 | 两荤两素=12.5元/份，半份=8元/份；Haircut|paid|on_site|home_services";
        let services = parse(text, MAIN).unwrap();
        assert_eq!(
            services[0].prices[0],
            Price { item: "两荤两素".into(), amount_fen: 1250, unit: "份".into() }
        );
        assert_eq!((services[0].category, services[1].category), (MAIN, Category::HomeServices));
        assert_eq!(
            print(&services, Some(MAIN)),
            "午餐|低偿|到店、上门|政府定价|两荤两素=12.50元/份、半份=8元/份; Haircut|有偿|到店|家政便民"
        );
        assert_eq!(parse(" ", MAIN).unwrap(), []);
    }

    #[test]
    fn a_service_that_is_not_understood_is_named() {
        for bad in [
            "午餐",
            "午餐|便宜|到店",
            "午餐|低偿|到店|份=12块/份",
            "午餐|低偿|到店|份=1.234元/份",
            "午餐|低偿|到店|份=-1元/份",
        ] {
            let refusal = parse(&format!("早餐|无偿|到店; {bad}"), MAIN).unwrap_err();
            assert_eq!(
                (&*refusal.errors[0].field, refusal.errors[0].code),
                ("[1]", "service_syntax"),
                "{bad}"
            );
        }
    }

    fn service() -> impl Strategy<Value = Service> {
        let text = || "[a-z养;；|｜、,，=/\\\\元 ]{0,6}x";
        let price = (text(), 0_i64..10_000_000, text()).prop_map(|(item, amount_fen, unit)| Price {
            item: item.trim().into(),
            amount_fen,
            unit: unit.trim().into(),
        });
        let modes = proptest::sample::subsequence(ServiceMode::ALL.to_vec(), 1..=3);
        (
            text(),
            select(Category::ALL),
            select(FeeKind::ALL),
            option::of(select(Pricing::ALL)),
            modes,
            vec(price, 0..3),
        )
            .prop_map(|(name, category, fee, pricing, modes, prices)| Service {
                name: name.trim().into(),
                category,
                fee,
                pricing,
                modes: modes.into_iter().collect(),
                prices,
            })
    }

    proptest! {
        #[test]
        fn whatever_services_hold_is_read_back_equal(services in vec(service(), 0..4)) {
            let text = print(&services, Some(MAIN));
            prop_assert_eq!(parse(&text, MAIN).unwrap(), services, "{}", text);
        }
    }
}
