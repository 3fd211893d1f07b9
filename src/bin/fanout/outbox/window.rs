//! Records in the order of their ids: what comes before its turn waits here for what is missing.

use std::collections::VecDeque;

use crate::record::Record;

/// From the first id that has not been settled on, those that have been handed out.
#[derive(Default)]
pub(super) struct Window {
    /// The number of the first place.
    first: u64,
    places: VecDeque<Place>,
    /// How many of the places hold a record.
    records: usize,
}

enum Place {
    /// Its id is still under way.
    Open,
    /// Its id has come to its end, and left a record or none.
    Settled(Option<Record>),
}

impl Window {
    /// The number of the first id that has not been settled.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// How many records wait for their turn.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// The id of this number has come to its end. What has its turn now goes into `ready`.
    pub(super) fn settle(&mut self, number: u64, record: Option<Record>, ready: &mut VecDeque<Record>) {
        // Each number comes once; one that is behind would have come twice.
        let Some(index) = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok()) else {
            return;
        };
        while self.places.len() <= index {
            self.places.push_back(Place::Open);
        }
        self.records += usize::from(record.is_some());
        self.places[index] = Place::Settled(record);
        while matches!(self.places.front(), Some(Place::Settled(_))) {
            self.release_first(ready);
        }
    }

    /// Nothing more will be settled: all that is there goes into `ready`, in order, without what is missing.
    pub(super) fn release(&mut self, ready: &mut VecDeque<Record>) {
        while !self.places.is_empty() {
            self.release_first(ready);
        }
    }

    fn release_first(&mut self, ready: &mut VecDeque<Record>) {
        if let Some(Place::Settled(Some(record))) = self.places.pop_front() {
            self.records -= 1;
            ready.push_back(record);
        }
        self.first += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(window: &mut Window, number: u64) -> Vec<String> {
        let mut ready = VecDeque::new();
        window.settle(number, Some(Record::of_line(number.to_string())), &mut ready);
        texts(ready)
    }

    fn texts(ready: VecDeque<Record>) -> Vec<String> {
        ready.into_iter().map(|record| String::from_utf8(record.line).unwrap()).collect()
    }

    #[test]
    fn what_comes_before_its_turn_waits_for_it() {
        let mut window = Window::default();
        assert_eq!(settle(&mut window, 2), [] as [&str; 0]);
        assert_eq!(settle(&mut window, 1), [] as [&str; 0]);
        assert_eq!((window.first(), window.records()), (0, 2));
        assert_eq!(settle(&mut window, 0), ["0", "1", "2"]);
        assert_eq!((window.first(), window.records()), (3, 0));
        assert_eq!(settle(&mut window, 3), ["3"]);
    }

    #[test]
    fn an_id_without_a_record_holds_nothing_up() {
        let mut window = Window::default();
        assert_eq!(settle(&mut window, 1), [] as [&str; 0]);
        let mut ready = VecDeque::new();
        window.settle(0, None, &mut ready);
        assert_eq!(texts(ready), ["1"]);
    }

    #[test]
    fn at_the_end_what_is_missing_is_left_out() {
        let mut window = Window::default();
        for number in [5, 2, 3] {
            assert_eq!(settle(&mut window, number), [] as [&str; 0]);
        }
        let mut ready = VecDeque::new();
        window.release(&mut ready);
        assert_eq!(texts(ready), ["2", "3", "5"]);
        assert_eq!(window.records(), 0);
    }
}
