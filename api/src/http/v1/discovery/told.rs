//! What an answer tells besides the facilities: what a question was taken for, and why each hit
//! stands there.

use std::fmt::Write;

use super::wire::StepWire;
use crate::http::problem::Language;
use linli_search::{
    Answer, Hit, Understood,
    catalogue::Facts,
    text::{Step, Wish},
};

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
            let mut reach = String::new();
            self.length(&mut reach, metres);
            sentences.push(if zh {
                format!("附近没有，已扩大到{reach}以内。")
            } else {
                format!("Nothing is as near as asked; the circle was widened to {reach}.")
            });
        }
        sentences.join(self.say("", " "))
    }

    /// The members `reason` and `score` of a hit.
    pub fn hit(self, out: &mut String, answer: &Answer, facts: &Facts, hit: &Hit, left: Option<u32>) {
        self.reason(out, answer, facts, hit, left);
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

    /// Straight into the answer: nothing in it needs escaping, and a page has up to a hundred.
    fn reason(self, out: &mut String, answer: &Answer, facts: &Facts, hit: &Hit, left: Option<u32>) {
        let joint = self.say("·", " · ");
        out.push_str(",\"reason\":\"");
        if hit.is_exact_name() {
            out.push_str(self.say("名称一致", "the very name"));
            out.push_str(joint);
        }
        if let Some(metres) = hit.distance_m() {
            out.push_str(self.say("距离", ""));
            self.length(out, metres);
            out.push_str(self.say("", " away"));
            out.push_str(joint);
        }
        out.push_str(match (facts.status.operates(), answer.openings.is_open(facts), self.at_present) {
            (false, ..) => self.say("暂停服务", "not in service"),
            (_, None, _) => self.say("开放时间未知", "hours unknown"),
            (_, Some(true), true) => self.say("营业中", "open now"),
            (_, Some(false), true) => self.say("休息中", "closed now"),
            (_, Some(true), false) => self.say("届时营业", "open then"),
            (_, Some(false), false) => self.say("届时休息", "closed then"),
        });
        // Who asks about another time is not told of today.
        if let Some(left) = left.filter(|_| self.at_present) {
            out.push_str(joint);
            match left {
                0 => out.push_str(self.say("今日已满", "full today")),
                1 => out.push_str(self.say("今日余1席", "1 place left today")),
                _ if self.language == Language::Zh => put(out, format_args!("今日余{left}席")),
                _ => put(out, format_args!("{left} places left today")),
            }
        }
        out.push('"');
    }

    fn length(self, out: &mut String, metres: f64) {
        let rounded = (metres / STEP_M).round() * STEP_M;
        if rounded < KILOMETRE_M {
            return put(out, format_args!("{rounded:.0}{}", self.say("米", " m")));
        }
        // One digit behind the point, unless it is none.
        let tenths = (metres / KILOMETRE_M * 10.0).round();
        let digits = usize::from(tenths % 10.0 > 0.0);
        put(out, format_args!("{:.digits$}{}", tenths / 10.0, self.say("公里", " km")));
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}
