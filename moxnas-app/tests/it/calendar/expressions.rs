//! Random expressions of systemd: most of them valid, all of them near to it.

use proptest::prelude::*;

/// A number of a field, rarely one that is out of bounds.
fn number(low: u32, high: u32) -> BoxedStrategy<u32> {
    prop_oneof![
        40 => low..=high,
        1 => low.saturating_sub(1)..=high + 2,
    ]
    .boxed()
}

/// A number as it is written.
fn written(low: u32, high: u32) -> BoxedStrategy<String> {
    (number(low, high), any::<bool>())
        .prop_map(|(it, zero)| {
            if zero {
                format!("{it:02}")
            } else {
                it.to_string()
            }
        })
        .boxed()
}

fn item(low: u32, high: u32) -> BoxedStrategy<String> {
    let number = move || written(low, high);
    let step = move || (1..=(high - low).min(40)).prop_map(|it| it.to_string());
    let range = (number(), number()).prop_map(|(a, b)| {
        let ordered = a.parse::<u32>().unwrap() <= b.parse::<u32>().unwrap();
        if ordered {
            format!("{a}..{b}")
        } else {
            format!("{b}..{a}")
        }
    });
    let range = range.boxed();
    prop_oneof![
        6 => number(),
        2 => range.clone(),
        1 => (range, step()).prop_map(|(a, b)| format!("{a}/{b}")),
        1 => ((low..=low + (high - low) / 2), (1..=(high - low) / 2))
            .prop_map(|(a, b)| format!("{a}/{b}")),
        1 => (number(), step()).prop_map(|(a, b)| format!("{a}/{b}")),
    ]
    .boxed()
}

fn list(low: u32, high: u32) -> BoxedStrategy<String> {
    prop_oneof![
        4 => Just("*".to_owned()),
        6 => item(low, high),
        3 => prop::collection::vec(item(low, high), 2..5).prop_map(|it| it.join(",")),
    ]
    .boxed()
}

/// systemd lowers the bound of 28 by 3 for every further item of the list. We do not.
fn days_from_end() -> BoxedStrategy<String> {
    let several = prop::collection::vec(item(1, 17), 2..5).prop_map(|it| it.join(","));
    prop_oneof![1 => Just("*".to_owned()), 6 => item(1, 28), 3 => several].boxed()
}

fn seconds() -> BoxedStrategy<String> {
    let fraction = prop_oneof![Just("5"), Just("25"), Just("000001"), Just("1234564")];
    let fraction = || fraction.clone();
    let precise = (0_u32..60, fraction()).prop_map(|(a, b)| format!("{a}.{b}"));
    let steps = (0_u32..30, fraction(), 1_u32..20, fraction());
    prop_oneof![
        6 => list(0, 59),
        1 => precise.clone(),
        1 => prop::collection::vec(precise, 2..4).prop_map(|it| it.join(",")),
        1 => steps.clone().prop_map(|(a, b, c, d)| format!("{a}.{b}/{c}.{d}")),
        1 => steps.prop_map(|(a, b, c, d)| format!("{a}.{b}..{}/{c}.{d}", a + 25)),
    ]
    .boxed()
}

fn date() -> BoxedStrategy<String> {
    let year = prop_oneof![
        12 => Just("*".to_owned()),
        2 => list(2020, 2040),
        1 => list(1970, 2199),
        1 => list(0, 99),
    ];
    let days = prop_oneof![
        6 => list(1, 31).prop_map(|it| format!("-{it}")),
        2 => days_from_end().prop_map(|it| format!("~{it}")),
    ];
    let month_day = || (list(1, 12), days.clone()).prop_map(|(a, b)| format!("{a}{b}"));
    let full = (year, month_day()).prop_map(|(a, b)| format!("{a}-{b}"));
    prop_oneof![3 => full, 2 => month_day()].boxed()
}

fn time() -> BoxedStrategy<String> {
    let minutes = || (list(0, 23), list(0, 59)).prop_map(|(a, b)| format!("{a}:{b}"));
    let full = (minutes(), seconds()).prop_map(|(a, b)| format!("{a}:{b}"));
    prop_oneof![3 => minutes(), 2 => full].boxed()
}

fn weekdays() -> BoxedStrategy<String> {
    let day = prop::sample::select(vec![
        "Mon", "tue", "WED", "Thu", "Fri", "Sat", "Sun", "Monday", "tuesday", "Saturday", "Sunday",
    ]);
    let day = move || day.clone();
    let pair = (day(), prop::sample::select(vec!["..", "-", ","]), day());
    let item = prop_oneof![3 => day().prop_map(str::to_owned), 1 => pair.prop_map(|(a, b, c)| format!("{a}{b}{c}"))];
    prop::collection::vec(item, 1..4)
        .prop_map(|it| it.join(","))
        .boxed()
}

pub(crate) fn expression() -> BoxedStrategy<String> {
    let word = prop::sample::select(vec![
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "semiannually",
        "yearly",
        "annually",
        "anually",
        "biannually",
        "Semi-Annually",
        "bi-annually",
        "@1800000000",
        "@ 7",
    ]);
    let zone = prop::sample::select(vec![
        "UTC",
        "utc",
        "Europe/Berlin",
        "Asia/Tokyo",
        "America/New_York",
        "Australia/Lord_Howe",
        "europe/berlin",
        "Nowhere/Town",
    ]);
    let some = |it: BoxedStrategy<String>| prop::option::weighted(0.6, it);
    let parts = (
        prop::option::weighted(0.3, weekdays()),
        some(date()),
        some(time()),
    )
        .prop_map(|(a, b, c)| {
            [a, b, c]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ")
        });
    let text = prop_oneof![12 => parts, 1 => word.prop_map(str::to_owned)];
    let zoned = (text, prop::option::weighted(0.15, zone)).prop_map(|(text, zone)| match zone {
        Some(zone) => format!("{text} {zone}"),
        None => text,
    });
    // Now and then a character is put in, replaced or left out.
    let slip = ("[-0-9*~:/., @a-zM]", any::<prop::sample::Index>(), 0..3_u8);
    (zoned, prop::option::weighted(0.08, slip))
        .prop_map(|(text, slip)| {
            let Some((letter, place, how)) = slip else {
                return text;
            };
            let at = place.index(text.len() + 1);
            let until = (at + usize::from(how != 0)).min(text.len());
            let letter = if how == 2 { "" } else { letter.as_str() };
            format!("{}{letter}{}", &text[..at], &text[until..])
        })
        .boxed()
}
