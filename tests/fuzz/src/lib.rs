//! What the fuzz targets share: rules of every form, and a few facts to fold.
use sillage_engine::{Plan, Record, RuleSet, SegmentSource, Zone};
use sillage_model::{EventTime, Fact, FactKind, Map, MapWriter, PersonKey, ReceiptMillis, Value};

/// The start of every made-up history.
pub const START: i64 = 1_790_000_000_000;

/// A rule of each form; also the seeds of the corpus.
pub const RULES: [&str; 30] = [
    "count(\"A\" where price > 5 and url in [\"x\", \"y\"] within 7d) >= 3 and not exists(\"B\" within 1h)",
    "sum(price of \"A\" within 90d) between 100 and 500",
    "avg(price of [\"A\", \"B\"]) > 3 or min(price of \"A\") < 1 or max(price of \"*\" today) == 9",
    "last(url of \"A\") == \"x\" and time_since(\"B\") > 30d",
    "first(url of \"A\" within 3d) != \"x\" or time_since_first(\"A\" within 2w) >= 1h",
    "distinct(url of \"*\" this week) >= 4 and score.engagement >= 40",
    "count(\"A\" between 30d and 7d ago) == 2 and distinct(price of \"A\" between 9h and 2h ago) < 3",
    "sum(price of \"A\" in session) > 10 or last(url of \"*\" in session) ends with \"y\"",
    "days_active(within 30d) >= 5 or days_active(\"A\" this month) < 2",
    "sessions(within 7d) >= 2 and sessions() < 9",
    "streak() >= 3 or streak(\"A\" where price > 1) == 2",
    "periods(\"A\" every 1w within 4w) >= 3",
    "first_time(\"A\" within 7d) or stopped(\"B\" within 30d)",
    "resumed(\"A\" where price < 9 after 3d within 1d)",
    "ratio(count(\"A\" within 7d), count(\"B\" within 7d)) >= 0.5",
    "bucket(\"salt\") < 10 and now >= \"2026-12-24T18:00:00+01:00\"",
    "trait.name matches \"(?i)^a.*[0-9]+$\" or trait.x contains \"y\"",
    "sequence(\"A\" -> \"B\" within 1h)",
    "sequence(\"A\" where price > 2 within 2d -> no \"C\" -> \"B\" within 1h, same(url))",
    "sequence(\"A\" -> \"B\" -> \"A\" within 1h -> no \"C\" within 30m -> no \"B\")",
    "device.type == \"mobile\" and os.name in [\"iOS\"] and geo.country == \"FR\"",
    "consent.ads and campaign.source starts with \"news\" and exists(app.version)",
    "count(\"A\" within 2d) > count(\"B\" within 2d)",
    "segment(\"s0\") or not segment(\"s1\")",
    "trait.`first-name` == \"\\u{e9}\\n\" and session.pages >= 2 and not session.bounced",
    "exists(last(url of \"A\" within 1d)) and exists(avg(price of \"B\" within 2h))",
    "now between \"2026-01-01\" and \"2027-01-01\" and trait.until > now",
    "session.duration_ms > 10m or session.referrer == \"x\"",
    "time_since(\"A\" between 3d and 1d ago) < 2d",
    "not (count(\"*\") <= 3 and true)",
];

/// Segments of all these rules, some with an exit, a stay, a holdout or a purpose.
pub fn plan() -> Plan {
    let source = |(index, when): (usize, &&str)| SegmentSource {
        key: format!("s{index}"),
        when: (*when).into(),
        exit: (index == 3).then(|| "exists(\"C\" within 1h)".into()),
        min_stay_ms: if index % 7 == 3 { 3_600_000 } else { 0 },
        holdout: if index == 5 { 5_000 } else { 0 },
        requires_consent: (index == 6).then(|| "ads".into()),
        ..SegmentSource::default()
    };
    let segments = RULES.iter().enumerate().map(source).collect();
    Plan::compile(&RuleSet { segments, zone: zone(), ..RuleSet::default() }).expect("sound rules")
}

/// A zone whose clocks change amid the histories.
pub fn zone() -> Zone {
    let hour = 3_600_000;
    let offsets = vec![(0, hour), (START + 86_400_000, 2 * hour), (START + 5 * 86_400_000, hour)];
    Zone { name: "made up".into(), offsets }
}

/// Folds a made-up history: one fact for each byte, which says what and how much later.
pub fn fold(plan: &Plan, record: &mut Record, bytes: &[u8]) -> i64 {
    let mut now = START;
    let mut out = Vec::new();
    for (number, byte) in bytes.iter().enumerate() {
        now += [0, 1, 60_000, 3_600_000, 7_200_000, 40_000_000, 86_400_000, 500_000_000]
            [usize::from(byte >> 5)];
        let kinds = [FactKind::Track, FactKind::Page, FactKind::Identify, FactKind::Track];
        let price = f64::from(byte & 7);
        let props = MapWriter::new()
            .with("price", Value::Float(price))
            .with("url", Value::Str(["x", "y"][usize::from(byte & 1)]))
            .into_bytes();
        let fact = Fact {
            kind: kinds[usize::from(byte >> 3 & 3)],
            subject: "u:p",
            device: ["d", "e"][usize::from(byte >> 4 & 1)],
            at: EventTime(now - i64::from(byte & 1) * 5_000),
            received: ReceiptMillis(now),
            seq: (byte & 2 == 0).then_some(number as u64),
            name: ["A", "B", "C", "Page Viewed"][usize::from(byte & 3)],
            message_id: "m",
            context: Map::default(),
            props: Map::from_bytes(&props),
        };
        record.step(plan, &fact, &mut out);
    }
    record.advance(plan, now + 7_200_000, &mut out);
    now + 7_200_000
}

/// A person of whom nothing is known.
pub fn blank() -> Record {
    Record::of(&PersonKey::user("p"))
}
