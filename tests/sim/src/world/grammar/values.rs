//! Texts, truth values and whether there is a value at all.
use super::Grammar;
use crate::oracle::pattern::{NOTES, PATTERNS};
use crate::oracle::rule::{Area, Decimal, Fold, Literal, Op, Rule, Term};

pub(super) fn whole(number: i64) -> Literal {
    decimal(number * 1_000_000)
}

pub(super) fn decimal(micros: i64) -> Literal {
    Literal::Number(Decimal(micros))
}

impl Grammar<'_> {
    pub(super) fn text_test(&mut self) -> Rule {
        let (term, path) = self.text();
        if self.rng.chance(15) {
            self.saw("text and text");
            let (other, _) = self.text();
            let op = if self.rng.chance(60) { Op::Eq } else { Op::Ne };
            return self.compare(term, op, other);
        }
        self.test_of_text(term, path)
    }

    /// A text, and where it comes from.
    fn text(&mut self) -> (Term, &'static str) {
        match self.rng.range(0, 9) {
            0..2 => self.trait_text(),
            2..5 => self.context_text(),
            5..7 => self.session_text(),
            _ => {
                let path = self.rng.word(&["product_id", "category", "note"]);
                let fold = *self.rng.pick(&[Fold::First, Fold::Last]);
                (self.folded(fold, path), path)
            }
        }
    }

    fn trait_text(&mut self) -> (Term, &'static str) {
        let path = self.rng.word(&["plan", "address.city", "first-name", "favourite"]);
        self.saw(if path.contains('-') { "`name`" } else { "trait.*" });
        (Term::Trait(path.into()), path)
    }

    fn context_text(&mut self) -> (Term, &'static str) {
        let (area, path, form) = *self.rng.pick(&[
            (Area::Device, "type", "device.*"),
            (Area::Os, "name", "os.*"),
            (Area::App, "version", "app.*"),
            (Area::Geo, "country", "geo.*"),
            (Area::Geo, "city", "geo.*"),
            (Area::Campaign, "source", "campaign.*"),
            (Area::Campaign, "name", "campaign.*"),
        ]);
        self.saw(form);
        let place = if path == "name" && area == Area::Campaign { "campaign" } else { path };
        (Term::Context(area, path.into()), place)
    }

    fn session_text(&mut self) -> (Term, &'static str) {
        let (field, form) = *self.rng.pick(&[
            ("entry_page", "session.entry_page"),
            ("exit_page", "session.exit_page"),
            ("referrer", "session.referrer"),
            ("campaign", "session.campaign"),
            ("start_reason", "session.start_reason"),
        ]);
        self.saw(form);
        (Term::Session(field), field)
    }

    pub(super) fn truth_test(&mut self) -> Rule {
        let term = match self.rng.range(0, 5) {
            0 => {
                self.saw("trait.*");
                Term::Trait("vip".into())
            }
            1 => {
                self.saw("session.bounced");
                Term::Session("bounced")
            }
            2 => {
                let fold = *self.rng.pick(&[Fold::First, Fold::Last]);
                self.folded(fold, "gift")
            }
            3 => {
                self.saw("device.*");
                Term::Context(Area::Device, "mobile".into())
            }
            _ => {
                self.saw("consent.*");
                let purpose = self.rng.word(super::PURPOSES);
                Term::Context(Area::Consent, purpose.into())
            }
        };
        if self.rng.chance(50) {
            self.saw("value alone");
            return Rule::Is(term);
        }
        let op = if self.rng.chance(60) { Op::Eq } else { Op::Ne };
        let value = Literal::Bool(self.rng.chance(50));
        self.compare(term, op, value)
    }

    /// Whether a value is there.
    pub(super) fn presence(&mut self) -> Rule {
        self.saw("exists(value)");
        let fold = *self.rng.pick(&[Fold::Min, Fold::Max, Fold::Avg, Fold::First, Fold::Last]);
        let term = match self.rng.range(0, 6) {
            0 => Term::Trait("plan".into()),
            1 => Term::Session("referrer"),
            2 => self.context_text().0,
            3 => {
                self.saw("time_since");
                Term::TimeSince(self.select())
            }
            4 => Term::Ratio(
                Box::new(Term::Count(self.select())),
                Box::new(Term::Count(self.select())),
            ),
            _ => {
                let path = self.rng.word(&["price", "price", "tags", "mixed"]);
                self.folded(fold, path)
            }
        };
        Rule::Present(term)
    }

    /// A text against texts such as occur there.
    pub(super) fn test_of_text(&mut self, term: Term, path: &str) -> Rule {
        let text = self.word_of(path);
        match self.rng.range(0, 7) {
            0 => {
                self.saw("in");
                let other = self.word_of(path);
                Rule::In(term, vec![Literal::Text(text), Literal::Text(other)])
            }
            1 => {
                self.saw("contains (text)");
                Rule::Contains(term, Literal::Text(cut(&text, 1, 3)))
            }
            2 => {
                self.saw("starts with");
                let end = text.chars().count().saturating_sub(1);
                Rule::StartsWith(term, cut(&text, 0, end))
            }
            3 => {
                self.saw("ends with");
                let end = text.chars().count();
                Rule::EndsWith(term, cut(&text, end.saturating_sub(2), end))
            }
            4 | 5 => {
                self.saw("matches");
                Rule::Matches(term, self.rng.pick(PATTERNS))
            }
            _ => {
                let op = if self.rng.chance(60) { Op::Eq } else { Op::Ne };
                self.compare(term, op, Literal::Text(text))
            }
        }
    }

    fn word_of(&mut self, path: &str) -> String {
        let values: &[&'static str] = match path {
            "product_id" | "properties.product_id" | "favourite" => {
                &["sku-1", "sku-2", "sku-3", "sku-9"]
            }
            "category" => &["shoes", "bags", "hats"],
            "plan" => &["free", "pro", "team"],
            "address.city" | "city" => &["Lyon", "Lille", "Nantes"],
            "country" => &["FR", "DE", "LB"],
            "first-name" => &["Ada", "Zo\u{e9}", "abc"],
            "campaign" => &["spring", "autumn"],
            "source" => &["newsletter", "search"],
            "type" | "context.device.type" => &["phone", "tablet", "desktop"],
            "name" => &["iOS", "Android", "Linux"],
            "version" => &["1.2.3", "1.10.0", "2.0.0"],
            "referrer" => &["https://search.example/", "https://news.example/a"],
            "start_reason" => &["first", "idle", "max", "campaign"],
            "note" | "cut-rate" => NOTES,
            _ => &["https://shop.example/", "https://shop.example/cart"],
        };
        self.rng.word(values).to_owned()
    }
}

/// Some characters of a text.
fn cut(text: &str, from: usize, to: usize) -> String {
    text.chars().take(to).skip(from).collect()
}
