//! What can be set on the live page. The page builds its controls from this list.

use std::time::Duration;

use serde_json::{Value, json};

/// [`Settings::coalescing`]: each request queries.
pub(crate) const OFF: u32 = 0;
/// [`Settings::coalescing`]: requests for one key share a query, by a group in this process.
pub(crate) const IN_THE_PROCESS: u32 = 1;

/// [`Settings::coalescing`]: equal HTTP requests share a response, by a layer around the service.
pub(crate) const BY_THE_LAYER: u32 = 2;
/// [`Settings::coalescing`]: requests share a query between all processes, by a group over Redis.
pub(crate) const BETWEEN_PROCESSES: u32 = 3;

/// [`Settings::cache`]: values are kept for [`KEPT`].
pub(crate) const FOR_A_SECOND: u32 = 1;
/// How long the cache keeps values, and for how long one that is older is served while it is loaded.
pub(crate) const KEPT: Duration = Duration::from_secs(1);

/// [`Settings::driver`]: the caller that leads polls the query.
pub(crate) const CALLERS: u32 = 0;
/// [`Settings::driver`]: a task of its own polls the query.
pub(crate) const TASK: u32 = 1;

/// What is set: of a switch the place of the choice in its list, of a slider a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Settings {
    /// How often something was set.
    pub(crate) revision: u32,
    /// How equal requests are coalesced.
    pub(crate) coalescing: u32,
    /// Whether values are kept.
    pub(crate) cache: u32,
    /// What polls a query that several requests wait for.
    pub(crate) driver: u32,
    /// Requests that arrive in a second.
    pub(crate) load: u32,
    /// The exponent of Zipf's law, in tenths.
    pub(crate) skew: u32,
    /// How long a query takes, in milliseconds.
    pub(crate) work: u32,
    /// Clients that leave before their answer, in percent.
    pub(crate) disconnects: u32,
}

impl Settings {
    /// What is set at the start: the herd, and nothing done about it.
    pub(crate) const FIRST: Self = Self {
        revision: 0,
        coalescing: OFF,
        cache: 0,
        driver: CALLERS,
        load: 400,
        skew: 10,
        work: 50,
        disconnects: 0,
    };

    /// Returns the settings with one of them changed. The error says why not.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Result<Self, String> {
        let control = CONTROLS.iter().find(|control| control.name == name);
        let control = control.ok_or_else(|| format!("there is no control `{name}`"))?;
        let number: u32 = value
            .parse()
            .map_err(|_| format!("`{value}` is no value for `{name}`"))?;
        let (least, most) = control.kind.bounds();
        if !(least..=most).contains(&number) {
            return Err(format!("`{name}` is from {least} to {most}, not {number}"));
        }
        *(control.place)(&mut self) = number;
        self.revision = self.revision.wrapping_add(1);
        Ok(self)
    }

    /// Whether an aside looks and loads: those who miss at once wait for one of them.
    pub(crate) fn has_aside(&self) -> bool {
        self.cache == FOR_A_SECOND && [IN_THE_PROCESS, BETWEEN_PROCESSES].contains(&self.coalescing)
    }

    /// Gives each value under the name of its control, and the revision.
    pub(crate) fn to_json(mut self) -> Value {
        let revision = ("revision".to_owned(), self.revision.into());
        let values = CONTROLS.iter();
        values
            .map(|control| {
                let value = *(control.place)(&mut self);
                (control.name.to_owned(), value.into())
            })
            .chain([revision])
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// One control of the page.
struct Control {
    name: &'static str,
    label: &'static str,
    /// What it does, for the person at the page.
    about: &'static str,
    kind: Kind,
    place: fn(&mut Settings) -> &mut u32,
}

enum Kind {
    /// One of these is chosen.
    Switch(&'static [&'static str]),
    /// A number, shown divided by `per`.
    Slider {
        least: u32,
        most: u32,
        step: u32,
        per: u32,
        unit: &'static str,
    },
}

impl Kind {
    fn bounds(&self) -> (u32, u32) {
        match self {
            Self::Switch(choices) => (0, u32::try_from(choices.len()).unwrap_or(0) - 1),
            Self::Slider { least, most, .. } => (*least, *most),
        }
    }
}

/// Every control, in the order of the page.
const CONTROLS: &[Control] = &[
    Control {
        name: "coalescing",
        label: "Coalescing",
        about: "Which requests for the same key share one query: none, those of one process, by a \
                group or by the HTTP layer, or those of all processes, over Redis.",
        // The places are the constants at the head of this file.
        kind: Kind::Switch(&["off", "in the process", "by the layer", "between processes"]),
        place: |settings| &mut settings.coalescing,
    },
    Control {
        name: "cache",
        label: "Cache",
        about: "Each process keeps values for a second. With coalescing in the process or between \
                them, an old value is served while one request loads the new one.",
        kind: Kind::Switch(&["none", "for a second"]),
        place: |settings| &mut settings.cache,
    },
    Control {
        name: "driver",
        label: "Who drives",
        about: "A caller that leads takes its query with it when it leaves, and another takes over. \
                A task goes on.",
        kind: Kind::Switch(&["callers", "a task"]),
        place: |settings| &mut settings.driver,
    },
    Control {
        name: "load",
        label: "Load",
        about: "Requests that arrive, at random moments.",
        kind: Kind::Slider {
            least: 0,
            most: 5_000,
            step: 50,
            per: 1,
            unit: "requests/s",
        },
        place: |settings| &mut settings.load,
    },
    Control {
        name: "skew",
        label: "Skew",
        about: "How much more popular the first keys are: 0 makes all alike.",
        kind: Kind::Slider {
            least: 0,
            most: 30,
            step: 1,
            per: 10,
            unit: "",
        },
        place: |settings| &mut settings.skew,
    },
    Control {
        name: "work",
        label: "Work time",
        about: "How long a query holds its connection to the database.",
        kind: Kind::Slider {
            least: 0,
            most: 500,
            step: 5,
            per: 1,
            unit: "ms",
        },
        place: |settings| &mut settings.work,
    },
    Control {
        name: "disconnects",
        label: "Disconnects",
        about: "Clients that leave before their answer, at a random moment of the work time.",
        kind: Kind::Slider {
            least: 0,
            most: 100,
            step: 1,
            per: 1,
            unit: "%",
        },
        place: |settings| &mut settings.disconnects,
    },
];

/// Describes the controls to the page.
pub(crate) fn described() -> Value {
    let described = CONTROLS.iter().map(|control| {
        let mut described = json!({
            "name": control.name,
            "label": control.label,
            "about": control.about,
        });
        match control.kind {
            Kind::Switch(choices) => described["choices"] = choices.into(),
            Kind::Slider {
                least,
                most,
                step,
                per,
                unit,
            } => {
                described["slider"] =
                    json!({"least": least, "most": most, "step": step, "per": per, "unit": unit});
            }
        }
        described
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use super::{
        BETWEEN_PROCESSES, BY_THE_LAYER, CALLERS, CONTROLS, FOR_A_SECOND, IN_THE_PROCESS, Kind,
        OFF, Settings, TASK, described,
    };

    #[test]
    fn what_is_set_is_what_is_told() {
        for control in CONTROLS {
            let (least, most) = control.kind.bounds();
            for value in [least, most] {
                let set = Settings::FIRST.with(control.name, &value.to_string());
                let told = set.unwrap().to_json();
                assert_eq!(told[control.name], value, "{}", control.name);
            }
        }
    }

    #[test]
    fn what_cannot_be_set_is_refused_by_its_name() {
        for (name, value) in [
            ("colour", "1"),
            ("load", "5001"),
            ("load", "-1"),
            ("load", "many"),
            ("coalescing", "9"),
        ] {
            let why = Settings::FIRST.with(name, value).unwrap_err();
            assert!(why.contains(name), "{why}");
        }
    }

    #[test]
    fn the_names_of_choices_stand_at_their_places() {
        for (control, place, label) in [
            ("coalescing", OFF, "off"),
            ("coalescing", IN_THE_PROCESS, "in the process"),
            ("coalescing", BY_THE_LAYER, "by the layer"),
            ("coalescing", BETWEEN_PROCESSES, "between processes"),
            ("cache", FOR_A_SECOND, "for a second"),
            ("driver", CALLERS, "callers"),
            ("driver", TASK, "a task"),
        ] {
            let found = CONTROLS.iter().find(|found| found.name == control);
            let Kind::Switch(choices) = found.unwrap().kind else {
                panic!("{control} is no switch");
            };
            assert_eq!(choices[place as usize], label);
        }
        assert_eq!(described().as_array().unwrap().len(), CONTROLS.len());
    }
}
