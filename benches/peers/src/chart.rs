//! A line chart over what grows by powers, as SVG set by hand: no script, no font of its own, and a paper and
//! colours that follow the reader's choice of light or dark.
//!
//! What grows is laid out by its logarithm; what is measured is not, and begins at nothing, so that a height is
//! a ratio.

use std::fmt::Write;

use crate::markdown::thousands;

pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) series: Vec<Series>,
}

pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// Which of the colours of [`STYLE`] it has, unless it is ours or a limit: the same one in every chart.
    pub(crate) colour: usize,
    /// In the order of x, which is positive.
    pub(crate) points: Vec<(f64, f64)>,
    /// What nobody can exceed: drawn as a thin dashed line.
    pub(crate) is_limit: bool,
    /// Drawn so that the eye finds it first.
    pub(crate) is_ours: bool,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 596.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 360.0;
/// The least distance between two names at the right edge.
const LINE: f64 = 15.0;

const STYLE: &str = "
  .paper { fill: #ffffff }
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 14px; font-weight: 600; fill: #1f2328 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round }
  .limit { stroke-dasharray: 4 4; stroke: #8c959f }
  .ours { stroke: #cf222e; stroke-width: 3 }
  .name-ours { font-weight: 600; fill: #cf222e }
  .c0 { stroke: #57606a } .c2 { stroke: #0969da } .c3 { stroke: #54aeff } .c4 { stroke: #1a7f37 }
  .c5 { stroke: #bf3989 } .c6 { stroke: #953800 } .c7 { stroke: #8250df } .c8 { stroke: #bf8700 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 }
    text { fill: #9198a1 }
    .title { fill: #f0f6fc }
    .grid { stroke: #3d444d }
    .ours { stroke: #ff7b72 }
    .name-ours { fill: #ff7b72 }
    .c0 { stroke: #9198a1 } .c2 { stroke: #388bfd } .c3 { stroke: #a5d6ff } .c4 { stroke: #3fb950 }
    .c5 { stroke: #f778ba } .c6 { stroke: #db6d28 } .c7 { stroke: #bc8cff } .c8 { stroke: #d29922 }
  }
";

impl Chart {
    /// Nothing if there are no points.
    pub(crate) fn draw(&self) -> Option<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let xs = Powers::over(points().map(|point| point.0))?;
        let ys = Heights::up_to(points().map(|point| point.1))?;
        let mut svg = String::new();
        // Writing to a string cannot fail.
        _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
             <style>{STYLE}</style>\n\
             <title>{0}</title>\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n\
             <text class=\"title\" x=\"16\" y=\"24\">{0}</text>\n\
             <text x=\"16\" y=\"44\">{1}</text>\n\
             <text x=\"{RIGHT}\" y=\"{2}\" text-anchor=\"end\">{3}</text>\n",
            self.title,
            self.y,
            BOTTOM + 40.0,
            self.x,
        );
        self.draw_grid(&mut svg, &xs, &ys);
        self.draw_lines(&mut svg, &xs, &ys);
        self.draw_names(&mut svg, &ys);
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn draw_grid(&self, svg: &mut String, xs: &Powers, ys: &Heights) {
        for value in ys.ticks() {
            let y = ys.place(value);
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
            _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                thousands(value as i64),
            );
        }
        let mut values: Vec<f64> =
            self.series.iter().flat_map(|series| &series.points).map(|point| point.0).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        for value in values {
            let (x, label) = (xs.place(value), thousands(value as i64));
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {BOTTOM}v6\"/>");
            _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                BOTTOM + 20.0
            );
        }
    }

    fn draw_lines(&self, svg: &mut String, xs: &Powers, ys: &Heights) {
        // Ours is drawn last, and so lies above.
        let (ours, others): (Vec<&Series>, _) = self.series.iter().partition(|series| series.is_ours);
        for series in others.into_iter().chain(ours) {
            let mut path = String::new();
            for (at, (x, y)) in series.points.iter().enumerate() {
                let verb = if at == 0 { 'M' } else { 'L' };
                _ = write!(path, "{verb}{:.1} {:.1}", xs.place(*x), ys.place(*y));
            }
            _ = writeln!(svg, "<path class=\"line {}\" d=\"{path}\"/>", series.class());
        }
    }

    /// Each name beside the end of its line; those that would touch are pushed apart downwards.
    fn draw_names(&self, svg: &mut String, ys: &Heights) {
        let end = |series: &Series| series.points.last().map_or(BOTTOM, |point| ys.place(point.1));
        let mut names: Vec<(f64, &Series)> = self.series.iter().map(|series| (end(series), series)).collect();
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut lowest, mut left) = (f64::MIN, names.len());
        for (y, series) in names {
            // Not so low that those to come would leave the paper.
            lowest = y.min(BOTTOM + LINE - left as f64 * LINE).max(lowest + LINE);
            left -= 1;
            let (class, name) = (series.class(), if series.is_ours { "name-ours" } else { "name" });
            _ = writeln!(svg, "<path class=\"line {class}\" d=\"M{} {lowest:.1}h14\"/>", RIGHT + 6.0);
            _ = writeln!(
                svg,
                "<text class=\"{name}\" x=\"{}\" y=\"{:.1}\">{}</text>",
                RIGHT + 24.0,
                lowest + 4.0,
                series.name,
            );
        }
    }
}

impl Series {
    fn class(&self) -> String {
        match (self.is_limit, self.is_ours) {
            (true, _) => "limit".to_owned(),
            (false, true) => "ours".to_owned(),
            (false, false) => format!("c{}", self.colour),
        }
    }
}

/// The axis from left to right, by the logarithm.
struct Powers {
    least: f64,
    most: f64,
}

impl Powers {
    /// From the least to the most of these values.
    fn over(values: impl Iterator<Item = f64>) -> Option<Powers> {
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for value in values.filter(|value| *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        // A little room, and never an axis of no length.
        (least <= most).then_some(Powers { least: least / 1.15, most: most * 1.15 })
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.least).ln() / (self.most / self.least).ln();
        LEFT + share * (RIGHT - LEFT)
    }
}

/// The axis upwards, from nothing.
struct Heights {
    most: f64,
}

impl Heights {
    /// With room for the highest of these values.
    fn up_to(values: impl Iterator<Item = f64>) -> Option<Heights> {
        values.filter(|value| *value > 0.0).max_by(f64::total_cmp).map(|most| Heights { most: most * 1.04 })
    }

    fn place(&self, value: f64) -> f64 {
        BOTTOM - value / self.most * (BOTTOM - TOP)
    }

    /// At most six, at a distance of 1, 2 or 5 of some power of ten.
    fn ticks(&self) -> Vec<f64> {
        let mut distances = (0..12).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
        let distance = distances.find(|distance| self.most / distance < 6.0).unwrap_or(self.most);
        (0..6).map(|number| f64::from(number) * distance).filter(|value| *value <= self.most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_lie_at_equal_distances() {
        let axis = Powers::over([1.0, 1_000.0].into_iter()).unwrap();
        let places = [1.0, 10.0, 100.0, 1_000.0].map(|value| axis.place(value));
        let steps = [places[1] - places[0], places[2] - places[1], places[3] - places[2]];
        assert!(steps.iter().all(|step| (step - steps[0]).abs() < 1e-9), "{steps:?}");
        assert!(places[0] > LEFT && places[3] < RIGHT);
    }

    #[test]
    fn heights_begin_at_nothing_and_have_ticks_as_one_would_choose_them() {
        for (most, ticks) in [
            (100.0, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0][..]),
            (11.3, &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            (47_000.0, &[0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0]),
        ] {
            let axis = Heights::up_to([most].into_iter()).unwrap();
            assert_eq!(axis.ticks(), ticks);
            assert!(axis.place(0.0) == BOTTOM && axis.place(most) > TOP);
        }
    }

    #[test]
    fn names_stay_on_the_paper_and_apart() {
        let series = |y| Series {
            name: "name",
            colour: 0,
            points: vec![(1.0, y), (2.0, y)],
            is_limit: false,
            is_ours: false,
        };
        let series = (0..12).map(|number| series(if number == 0 { 1_000.0 } else { 1.0 })).collect();
        let chart = Chart { title: String::new(), x: "", y: "", series };
        let svg = chart.draw().unwrap();
        let names = svg.lines().filter(|line| line.contains("class=\"name\""));
        let place = |line: &str| line.split('"').nth(5).and_then(|y| y.parse::<f64>().ok()).unwrap();
        let places: Vec<f64> = names.map(place).collect();
        assert_eq!(places.len(), 12);
        assert!(places.windows(2).all(|two| two[1] - two[0] >= LINE - 0.1), "{places:?}");
        assert!(places[11] < BOTTOM + LINE, "{places:?}");
    }

    #[test]
    fn a_chart_without_points_is_no_chart() {
        let chart = Chart { title: String::new(), x: "", y: "", series: Vec::new() };
        assert_eq!(chart.draw(), None);
    }
}
