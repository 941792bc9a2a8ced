//! The time of a line: `17/May/2015:10:05:03 +0000`.

use std::str;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads a time as seconds since 1970, UTC; the error goes on after "the time".
pub(crate) fn seconds(text: &[u8]) -> Result<i64, &'static str> {
    let fields = Fields::parse(text).ok_or("is not like 17/May/2015:10:05:03 +0000")?;
    let (year, month) = (fields.year, fields.month);
    // The day before the first of the next month is the last of this one.
    let length = days(year + month / 12, month % 12 + 1, 0) - days(year, month, 0);
    if !(1..=length).contains(&fields.day) {
        return Err("has no such day");
    }
    // Clocks that follow leap seconds have a second 60.
    if fields.hour > 23 || fields.minute > 59 || fields.second > 60 {
        return Err("has no such time of day");
    }
    if fields.zone_hours > 23 || fields.zone_minutes > 59 {
        return Err("has no such zone");
    }
    let zone = fields.zone_sign * (fields.zone_hours * 60 + fields.zone_minutes);
    let minutes = (days(year, month, fields.day) * 24 + fields.hour) * 60 + fields.minute;
    Ok((minutes - zone) * 60 + fields.second)
}

/// The numbers of a time, in no way checked.
struct Fields {
    day: i64,
    month: i64,
    year: i64,
    hour: i64,
    minute: i64,
    second: i64,
    zone_sign: i64,
    zone_hours: i64,
    zone_minutes: i64,
}

impl Fields {
    fn parse(text: &[u8]) -> Option<Self> {
        let (time, zone) = str::from_utf8(text).ok()?.split_once(' ')?;
        let mut fields = time.split(':');
        let mut date = fields.next()?.split('/');
        let [day, month, year] = [date.next()?, date.next()?, date.next()?];
        let [hour, minute, second] = [fields.next()?, fields.next()?, fields.next()?];
        if date.next().is_some() || fields.next().is_some() || zone.len() != 5 {
            return None;
        }
        let (sign, zone) = zone.split_at_checked(1)?;
        let (hours, minutes) = zone.split_at_checked(2)?;
        Some(Self {
            day: number(day, 2)?,
            month: (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0,
            year: number(year, 4)?,
            hour: number(hour, 2)?,
            minute: number(minute, 2)?,
            second: number(second, 2)?,
            zone_sign: match sign {
                "+" => 1,
                "-" => -1,
                _ => return None,
            },
            zone_hours: number(hours, 2)?,
            zone_minutes: number(minutes, 2)?,
        })
    }
}

/// Counts the days since 1 January 1970. The year begins in March here, so that the leap day
/// is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// Reads a number of as many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_counted_from_1970_in_utc() {
        for (text, expected) in [
            ("01/Jan/1970:00:00:00 +0000", 0),
            ("29/Feb/2000:00:00:00 +0000", 951_782_400),
            ("17/May/2015:10:05:03 +0000", 1_431_857_103),
            ("17/May/2015:10:05:03 +0130", 1_431_851_703),
            ("17/May/2015:10:05:03 -0130", 1_431_862_503),
            ("31/Dec/2016:23:59:60 +0000", 1_483_228_800),
            ("31/Dec/1969:23:59:59 +0000", -1),
        ] {
            assert_eq!(seconds(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_time_that_there_is_not_is_told_why() {
        let (shape, day, hour, zone) = (
            "is not like 17/May/2015:10:05:03 +0000",
            "has no such day",
            "has no such time of day",
            "has no such zone",
        );
        for (text, fault) in [
            ("", shape),
            ("17/May/2015:10:05:03", shape),
            ("17/Mai/2015:10:05:03 +0000", shape),
            ("17:May:2015/10/05/03 +0000", shape),
            ("17/May/2015:10:05:03:04 +0000", shape),
            ("17/May/2015/6:10:05:03 +0000", shape),
            ("17/May/15:10:05:03 +0000", shape),
            ("17/May/2015:10:05:03 00000", shape),
            ("17/May/2015:10:05:03 +000", shape),
            ("17/May/2015:10:05:03 +00\u{e9}", shape),
            ("17/May/2015:10:05:03 \u{e9}000", shape),
            ("32/May/2015:10:05:03 +0000", day),
            ("00/May/2015:10:05:03 +0000", day),
            ("31/Apr/2015:10:05:03 +0000", day),
            ("29/Feb/1900:10:05:03 +0000", day),
            ("32/Dec/2015:10:05:03 +0000", day),
            ("17/May/2015:24:05:03 +0000", hour),
            ("17/May/2015:10:60:03 +0000", hour),
            ("17/May/2015:10:05:61 +0000", hour),
            ("17/May/2015:10:05:03 +2400", zone),
            ("17/May/2015:10:05:03 +0060", zone),
        ] {
            assert_eq!(seconds(text.as_bytes()), Err(fault), "{text}");
        }
    }

    #[test]
    fn each_month_has_its_days() {
        for (month, last) in super::MONTHS
            .iter()
            .zip([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
        {
            let at = |day| seconds(format!("{day}/{month}/2023:00:00:00 +0000").as_bytes());
            assert!(at(last).is_ok() && at(last + 1).is_err(), "{month}");
        }
    }
}
