//! What the answer to a search tells besides the facilities: what the question was taken for, and
//! why each hit stands there.

use std::fmt::Write;

use linli_search::{
    Answer, Hit, Understood,
    catalogue::Facts,
    text::{Step, Wish},
};
use serde_json::Value;

use super::wire::StepWire;
use crate::http::problem::Language;

/// To whom it is told, and how much.
#[derive(Clone, Copy)]
pub struct Telling {
    /// In which language.
    pub language: Language,
    /// Whether the parts of each score are told too.
    pub explain: bool,
    /// Whether "open" is about the present.
    pub at_present: bool,
}

/// From here on, metres are told as kilometres.
const KILOMETRE_M: f64 = 1_000.0;
/// Nobody paces out a single metre.
const STEP_M: f64 = 10.0;
impl Telling {
    fn say<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        if self.language == Language::Zh { zh } else { en }
    }

    fn wish(self, wish: Wish) -> &'static str {
        if self.language == Language::Zh { wish.zh() } else { wish.en() }
    }

    /// The member `understood`.
    pub fn understood(self, out: &mut String, answer: &Answer) {
        let Some(understood) = &answer.understood else { return };
        let wishes = understood.wishes.iter();
        let wishes: Vec<_> = wishes
            .map(|wish| serde_json::json!({ "wish": wish.as_str(), "text": self.wish(*wish) }))
            .collect();
        let mut told = serde_json::json!({
            "step": StepWire::from(understood.step).as_str(),
            "words": understood.words,
            "places": understood.places,
            "wishes": wishes,
            "let_go": self.let_go(understood),
        });
        if let Some(read_as) = &understood.read_as {
            told["read_as"] = read_as.as_str().into();
        }
        let text = self.text(understood, answer);
        if !text.is_empty() {
            told["text"] = text.into();
        }
        out.push_str(",\"understood\":");
        out.push_str(&told.to_string());
    }

    fn let_go(self, understood: &Understood) -> Vec<String> {
        let wishes = understood.wishes_let_go.iter().map(|wish| self.wish(*wish).to_owned());
        understood.let_go.iter().cloned().chain(wishes).collect()
    }

    /// What was done to the question, in sentences; empty when it was taken as it was said.
    fn text(self, understood: &Understood, answer: &Answer) -> String {
        let zh = self.language == Language::Zh;
        let mut sentences = Vec::new();
        if answer.hits.is_empty() {
            let none = "没有找到符合的设施，可以换个说法或去掉一些条件。";
            sentences
                .push(self.say(none, "Nothing was found; try other words or fewer conditions.").to_owned());
            return sentences.concat();
        }
        if let Some(read_as) = &understood.read_as {
            sentences.push(if zh {
                format!("以下是“{read_as}”的结果。")
            } else {
                format!("These are results for \u{201c}{read_as}\u{201d}.")
            });
        }
        let let_go = self.let_go(understood);
        if !let_go.is_empty() {
            sentences.push(if zh {
                format!("没有符合“{}”的，以下结果未考虑该条件。", let_go.join("、"))
            } else {
                format!("Nothing meets \u{201c}{}\u{201d}; it was left out.", let_go.join(", "))
            });
        }
        if understood.step == Step::Most {
            let most = "没有同时符合全部要求的，以下符合其中大部分。";
            sentences.push(self.say(most, "Nothing meets every wish; these meet all but one.").to_owned());
        }
        if let Some(metres) = answer.widened_to_m {
            let reach = self.length(metres);
            sentences.push(if zh {
                format!("附近没有，已扩大到{reach}以内。")
            } else {
                format!("Nothing is as near as asked; the circle was widened to {reach}.")
            });
        }
        sentences.join(self.say("", " "))
    }

    /// The members `reason` and `score` of a hit.
    pub fn hit(self, out: &mut String, answer: &Answer, facts: &Facts, hit: &Hit) {
        let reason = Value::from(self.reason(answer, facts, hit));
        put(out, format_args!(",\"reason\":{reason}"));
        let Some(score) = answer.score(hit).filter(|_| self.explain) else { return };
        put(
            out,
            format_args!(
                ",\"score\":{{\"total\":{:.3},\"text\":{:.3},\"walk\":{:.3},\"open\":{:.3}}}",
                score.total(),
                score.text,
                score.walk,
                score.open
            ),
        );
    }

    fn reason(self, answer: &Answer, facts: &Facts, hit: &Hit) -> String {
        let zh = self.language == Language::Zh;
        let exact = hit.is_exact_name().then(|| self.say("名称一致", "the very name").to_owned());
        let distance = hit.distance_m().map(|metres| {
            let length = self.length(metres);
            if zh { format!("距离{length}") } else { format!("{length} away") }
        });
        let open = match (facts.status.operates(), answer.openings.is_open(facts), self.at_present) {
            (false, ..) => self.say("暂停服务", "not in service"),
            (_, None, _) => self.say("开放时间未知", "hours unknown"),
            (_, Some(true), true) => self.say("营业中", "open now"),
            (_, Some(false), true) => self.say("休息中", "closed now"),
            (_, Some(true), false) => self.say("届时营业", "open then"),
            (_, Some(false), false) => self.say("届时休息", "closed then"),
        };
        let parts: Vec<_> = exact.into_iter().chain(distance).chain([open.to_owned()]).collect();
        parts.join(self.say("·", " · "))
    }

    fn length(self, metres: f64) -> String {
        let rounded = (metres / STEP_M).round() * STEP_M;
        if rounded < KILOMETRE_M {
            return format!("{rounded:.0}{}", self.say("米", " m"));
        }
        let kilometres = format!("{:.1}", metres / KILOMETRE_M);
        let kilometres = kilometres.strip_suffix(".0").unwrap_or(&kilometres);
        format!("{kilometres}{}", self.say("公里", " km"))
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}
