//! A line chart with two logarithmic axes, as SVG set by hand: no script, no font of its own, and colours
//! that follow the reader's choice of light or dark.

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
    /// In the order of x; all positive.
    pub(crate) points: Vec<(f64, f64)>,
    /// What nobody can exceed: drawn as a thin dashed line.
    pub(crate) is_limit: bool,
    /// Drawn so that the eye finds it first.
    pub(crate) is_ours: bool,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 360.0;
/// The least distance between two names at the right edge.
const LINE: f64 = 15.0;

const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 14px; font-weight: 600; fill: #1f2328 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke-width: 1.5 }
  .limit { stroke-dasharray: 4 4; stroke: #8c959f }
  .ours { stroke: #cf222e; stroke-width: 3 }
  .c0 { stroke: #57606a } .c1 { stroke: #0969da } .c2 { stroke: #8250df } .c3 { stroke: #1a7f37 }
  .c4 { stroke: #bf8700 } .c5 { stroke: #bf3989 } .c6 { stroke: #0a7ea4 } .c7 { stroke: #953800 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title { fill: #f0f6fc }
    .grid { stroke: #3d444d }
    .ours { stroke: #ff7b72 }
    .c0 { stroke: #9198a1 } .c1 { stroke: #58a6ff } .c2 { stroke: #bc8cff } .c3 { stroke: #3fb950 }
    .c4 { stroke: #d29922 } .c5 { stroke: #f778ba } .c6 { stroke: #39c5cf } .c7 { stroke: #db6d28 }
  }
";

impl Chart {
    /// Nothing if there are no points.
    pub(crate) fn draw(&self) -> Option<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let xs = Axis::over(points().map(|point| point.0), LEFT, RIGHT)?;
        let ys = Axis::over(points().map(|point| point.1), BOTTOM, TOP)?;
        let mut svg = String::new();
        // Writing to a string cannot fail.
        _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
             <style>{STYLE}</style>\n\
             <title>{0}</title>\n\
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

    fn draw_grid(&self, svg: &mut String, xs: &Axis, ys: &Axis) {
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

    fn draw_lines(&self, svg: &mut String, xs: &Axis, ys: &Axis) {
        for (number, series) in self.series.iter().enumerate() {
            let mut path = String::new();
            for (at, (x, y)) in series.points.iter().enumerate() {
                let verb = if at == 0 { 'M' } else { 'L' };
                _ = write!(path, "{verb}{:.1} {:.1}", xs.place(*x), ys.place(*y));
            }
            let class = series.class(number);
            _ = writeln!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
        }
    }

    /// Each name beside the end of its line; those that would touch are pushed apart downwards.
    fn draw_names(&self, svg: &mut String, ys: &Axis) {
        let end = |series: &Series| series.points.last().map_or(BOTTOM, |point| ys.place(point.1));
        let mut names: Vec<(f64, usize)> =
            self.series.iter().enumerate().map(|(number, series)| (end(series), number)).collect();
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut lowest = f64::MIN;
        for (y, number) in names {
            lowest = y.max(lowest + LINE);
            let series = &self.series[number];
            let (class, weight) = (series.class(number), if series.is_ours { "600" } else { "400" });
            _ = writeln!(svg, "<path class=\"line {class}\" d=\"M{} {lowest:.1}h14\"/>", RIGHT + 6.0);
            _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" font-weight=\"{weight}\">{}</text>",
                RIGHT + 24.0,
                lowest + 4.0,
                series.name,
            );
        }
    }
}

impl Series {
    fn class(&self, number: usize) -> String {
        match (self.is_limit, self.is_ours) {
            (true, _) => "limit".to_owned(),
            (false, true) => "ours".to_owned(),
            (false, false) => format!("c{}", number % 8),
        }
    }
}

/// A logarithmic axis.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// From the least to the most of these values, laid between two places on the paper.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Axis> {
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for value in values.filter(|value| *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        // A little room, and never an axis of no length.
        (least <= most).then_some(Axis { least: least / 1.15, most: most * 1.15, from, to })
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.least).ln() / (self.most / self.least).ln();
        self.from + share * (self.to - self.from)
    }

    /// Powers of ten; and 2 and 5 of each, if there is room for them.
    fn ticks(&self) -> Vec<f64> {
        let steps: &[f64] = if self.most / self.least > 100.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let ticks = (0..12).flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        ticks.filter(|value| (self.least..=self.most).contains(value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_places_powers_at_equal_distances() {
        let axis = Axis::over([1.0, 1_000.0].into_iter(), 0.0, 100.0).unwrap();
        let places = [1.0, 10.0, 100.0, 1_000.0].map(|value| axis.place(value));
        let steps = [places[1] - places[0], places[2] - places[1], places[3] - places[2]];
        assert!(steps.iter().all(|step| (step - steps[0]).abs() < 1e-9), "{steps:?}");
        assert!(places[0] > 0.0 && places[3] < 100.0);
        assert_eq!(axis.ticks().len(), 4);
    }

    #[test]
    fn a_chart_without_points_is_no_chart() {
        let chart = Chart { title: String::new(), x: "", y: "", series: Vec::new() };
        assert_eq!(chart.draw(), None);
    }
}
