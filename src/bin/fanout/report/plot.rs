//! What all charts have in common: a place for marks that is as wide as the page lets it be, with texts of one size.
//!
//! Everything that lies along time is placed in percent, and what is a path is drawn in a box of 1000 by 1000 that is
//! stretched, while lines and texts are not: so one chart serves a phone and a wall.

use std::fmt::Write;

use maud::{Markup, html};

use super::scale::Tick;
use super::words::trimmed;

/// The width and the height of a [`stretched`] box.
const BOX: f64 = 1_000.0;

/// A chart before its marks are in it.
pub(crate) struct Plot<'a> {
    /// One on a page.
    pub(crate) id: &'a str,
    /// What it shows, and what is to be seen in it, for those who do not see it.
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    pub(crate) height: f64,
    pub(crate) across: &'a [Tick],
    pub(crate) up: &'a [Tick],
}

impl Plot<'_> {
    pub(crate) fn with(&self, marks: &Markup) -> Markup {
        let (title_id, description_id) = (format!("{}-title", self.id), format!("{}-description", self.id));
        let [floor, notch, bottom] = [0.0, 4.0, 16.0].map(|below| trimmed(self.height + below, 2));
        html! {
            svg class="plot" id=(self.id) role="img" width="100%" height=(trimmed(self.height + 22.0, 2))
                aria-labelledby=(format!("{title_id} {description_id}")) {
                title id=(title_id) { (self.title) }
                desc id=(description_id) { (self.description) }
                @for tick in self.up {
                    @let y = trimmed(self.height * (1.0 - tick.at), 2);
                    line class="grid" x1="0" x2="100%" y1=(y) y2=(y) {}
                    text class="up" x="-8" y=(y) dy="0.32em" { (tick.label) }
                }
                @for tick in self.across {
                    @let x = percent(tick.at);
                    @let class = if tick.at > 0.97 { "last" } else { "across" };
                    line class="notch" x1=(x) x2=(x) y1=(floor) y2=(notch) {}
                    text class=(class) x=(x) y=(bottom) { (tick.label) }
                }
                (marks)
                line class="axis" x1="0" x2="100%" y1=(floor) y2=(floor) {}
            }
        }
    }
}

/// A box for paths: 1000 wide and high, whatever the chart is. What sticks out is cut off.
pub(crate) fn stretched(height: f64, paths: &Markup) -> Markup {
    html! {
        svg width="100%" height=(trimmed(height, 2)) viewBox="0 0 1000 1000" preserveAspectRatio="none" {
            (paths)
        }
    }
}

/// `12.34%`
pub(crate) fn percent(at: f64) -> String {
    trimmed(at * 100.0, 3) + "%"
}

/// A point in a [`stretched`] box: both from 0 to 1, and up is up.
pub(crate) fn point(x: f64, y: f64) -> String {
    format!("{},{}", trimmed(x * BOX, 2), trimmed((1.0 - y) * BOX, 2))
}

/// Steps through points that are from 0 to 1: to the side first, then up or down.
pub(crate) fn steps(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut text = String::new();
    let mut height = None;
    for (x, y) in points {
        if let Some(height) = height {
            let _ = write!(text, "{} ", point(x, height));
        }
        let _ = write!(text, "{} ", point(x, y));
        height = Some(y);
    }
    text.truncate(text.trim_end().len());
    text
}

/// A path round columns that begin at `x` and go from `low` to `high`, all from 0 to 1, each as wide as the next.
pub(crate) fn columns(width: f64, columns: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut backwards = String::new();
    let right = |place: usize| ((place + 1) as f64 * width).min(1.0);
    for (place, (_, high)) in columns.iter().enumerate() {
        let verb = if place == 0 { "M0," } else { "V" };
        let (y, x) = (trimmed((1.0 - high) * BOX, 1), trimmed(right(place) * BOX, 2));
        let _ = write!(path, "{verb}{y}H{x}");
    }
    for (place, (low, _)) in columns.iter().enumerate().rev() {
        let x = place as f64 * width * BOX;
        let _ = write!(backwards, "V{}H{}", trimmed((1.0 - low) * BOX, 1), trimmed(x, 2));
    }
    path + &backwards + "Z"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_in_their_box_with_up_above() {
        assert_eq!(point(0.0, 0.0), "0,1000");
        assert_eq!(point(0.5, 1.0), "500,0");
        assert_eq!(percent(1.0 / 3.0), "33.333%");
    }

    #[test]
    fn steps_go_to_the_side_before_they_go_up() {
        assert_eq!(steps([(0.0, 0.0), (0.5, 1.0), (1.0, 1.0)]), "0,1000 500,1000 500,0 1000,0 1000,0");
        assert_eq!(steps([]), "");
    }

    #[test]
    fn columns_stand_on_each_other() {
        assert_eq!(columns(0.5, &[(0.0, 1.0), (0.5, 0.8)]), "M0,0H500V200H1000V500H500V1000H0Z");
    }

    #[test]
    fn a_plot_says_what_it_shows_and_escapes_it() {
        let ticks = [Tick { at: 0.5, label: "<b>".to_owned() }];
        let plot =
            Plot { id: "p", title: "a & b", description: "\"c\"", height: 100.0, across: &ticks, up: &[] };
        let text = plot.with(&html! { rect width="1" {} }).into_string();
        assert!(text.contains("role=\"img\"") && text.contains("aria-labelledby=\"p-title p-description\""));
        assert!(text.contains("<title id=\"p-title\">a &amp; b</title>"), "{text}");
        assert!(text.contains("&lt;b&gt;") && text.contains("x=\"50%\""), "{text}");
    }
}
