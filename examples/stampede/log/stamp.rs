//! The time of a line.

use std::str;

/// Reads `17/May/2015:10:05:03 +0000` as seconds since 1970, UTC.
pub(crate) fn seconds(text: &[u8]) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (date, zone) = str::from_utf8(text).ok()?.split_once(' ')?;
    let mut fields = date.split(['/', ':']);
    let mut field = || fields.next();
    let day = number(field()?, 1, 31)?;
    let name = field()?;
    let month = MONTHS
        .iter()
        .zip(1..)
        .find_map(|(month, number)| (*month == name).then_some(number))?;
    let year = number(field()?, 1, 9_999)?;
    let (hour, minute, second) = (
        number(field()?, 0, 23)?,
        number(field()?, 0, 59)?,
        number(field()?, 0, 60)?,
    );
    if field().is_some() {
        return None;
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if zone.len() != 5 {
        return None;
    }
    let offset = number(zone.get(1..3)?, 0, 23)? * 60 + number(zone.get(3..)?, 0, 59)?;
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - sign * offset;
    Some(minutes * 60 + second)
}

/// Counts the days since 1 January 1970. The year begins in March here, so that the leap day
/// is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

fn number(text: &str, low: i64, high: i64) -> Option<i64> {
    let number = is_digits(text).then(|| text.parse().ok())??;
    (low..=high).contains(&number).then_some(number)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_counted_from_1970_in_utc() {
        for (text, expected) in [
            ("01/Jan/1970:00:00:00 +0000", Some(0)),
            ("29/Feb/2000:00:00:00 +0000", Some(951_782_400)),
            ("17/May/2015:10:05:03 +0000", Some(1_431_857_103)),
            ("17/May/2015:10:05:03 +0130", Some(1_431_851_703)),
            ("17/May/2015:10:05:03", None),
            ("17/Mai/2015:10:05:03 +0000", None),
            ("32/May/2015:10:05:03 +0000", None),
            ("17/May/2015:24:05:03 +0000", None),
            ("17/May/2015:10:05:03:04 +0000", None),
            ("17/May/2015:10:05:03 +00\u{e9}", None),
            ("", None),
        ] {
            assert_eq!(seconds(text.as_bytes()), expected, "{text}");
        }
    }
}
