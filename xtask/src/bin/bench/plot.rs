//! Draws how a cost grows: lines over two logarithmic axes, as a picture that scales.
//!
//! The background is transparent and no colour is light or dark, so that a page may be either. Each line has its name at its
//! end. This file measures nothing.

use anyhow::Result;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// One line.
pub(crate) struct Line {
    pub(crate) name: String,
    /// Drawn to be seen first.
    pub(crate) ours: bool,
    /// Which of the colours, ours and theirs apart.
    pub(crate) hue: usize,
    /// Both above zero, the first ascending.
    pub(crate) points: Vec<(f64, f64)>,
}

const SIZE: (u32, u32) = (760, 400);
const FONT: &str = "system-ui, sans-serif";
/// Between light and dark, readable on both.
const INK: RGBColor = RGBColor(118, 122, 128);
const OURS: [RGBColor; 2] = [RGBColor(217, 72, 15), RGBColor(226, 138, 34)];
const THEIRS: [RGBColor; 6] = [
    RGBColor(58, 123, 213),
    RGBColor(64, 145, 88),
    RGBColor(142, 98, 209),
    RGBColor(32, 148, 160),
    RGBColor(190, 82, 140),
    RGBColor(130, 130, 80),
];
/// What the names at the ends of the lines take.
const NAMES: u32 = 170;
/// From one name to the next.
const LEADING: i32 = 17;

/// The picture, as text. There is at least one line, and each has at least one point.
pub(crate) fn svg(title: &str, x: &str, y: &str, lines: &[Line]) -> Result<String> {
    let mut text = String::new();
    draw(&SVGBackend::with_string(&mut text, SIZE).into_drawing_area(), title, [x, y], lines)?;
    Ok(text)
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    axes: [&str; 2],
    lines: &[Line],
) -> Result<()> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (xs, ys) = (ticks(points().map(|point| point.0)), grid(points().map(|point| point.1)));
    let (first_x, last_x) = (xs[0], xs[xs.len() - 1]);
    let (first_y, last_y) = (ys[0], ys[ys.len() - 1]);
    let font = |size: u32| (FONT, size).into_font().color(&INK);

    let mut chart = ChartBuilder::on(area)
        .caption(title, font(17))
        .margin(10)
        .margin_right(NAMES)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(
            (first_x..last_x).log_scale().with_key_points(xs),
            (first_y..last_y).log_scale().with_key_points(ys),
        )?;
    chart
        .configure_mesh()
        .bold_line_style(INK.mix(0.3))
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(font(13))
        .axis_desc_style(font(14))
        .x_desc(axes[0])
        .y_desc(axes[1])
        .x_label_formatter(&|value| grouped(*value))
        .y_label_formatter(&|value| grouped(*value))
        .draw()?;

    let mut names = vec![];
    for line in lines {
        let colors: &[RGBColor] = if line.ours { &OURS } else { &THEIRS };
        let color = colors[line.hue % colors.len()];
        let style = color.stroke_width(if line.ours { 3 } else { 2 });
        chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
        let dots = line.points.iter().map(|&point| Circle::new(point, 3, color.filled()));
        chart.draw_series(dots)?;
        if let Some(end) = line.points.last() {
            names.push((chart.backend_coord(end), line.name.as_str(), color));
        }
    }
    names.sort_by_key(|((_, y), ..)| *y);
    let places = spread(&names.iter().map(|((_, y), ..)| *y).collect::<Vec<_>>());
    for (((x, _), name, color), y) in names.iter().zip(places) {
        let style = (FONT, 14).into_font().color(color).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(*name, (x + 10, y), style))?;
    }
    area.present()?;
    Ok(())
}

/// Every value once, ascending.
fn ticks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// 1, 2 and 5 times the powers of ten, from at or below the least value to at or above the greatest.
fn grid(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values = ticks(values);
    let (least, most) = (values[0], values[values.len() - 1]);
    let steps = (-6..12).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
    let steps: Vec<f64> = steps.collect();
    let from = steps.iter().rposition(|step| *step <= least).unwrap_or(0);
    let to = steps.iter().position(|step| *step >= most && *step > steps[from]).unwrap_or(steps.len() - 1);
    steps[from..=to].to_vec()
}

/// Moves names that would overlap apart: those above stay as near to their place as they can.
fn spread(wanted: &[i32]) -> Vec<i32> {
    let mut places: Vec<i32> = vec![];
    for &place in wanted {
        let free = places.last().map_or(place, |last| place.max(last + LEADING));
        places.push(free);
    }
    // What was pushed out at the bottom goes up again.
    let mut bottom = SIZE.1 as i32 - 55;
    for place in places.iter_mut().rev() {
        *place = (*place).min(bottom);
        bottom = *place - LEADING;
    }
    places
}

/// With a comma after each thousand; below one, with what digits it has.
pub(crate) fn grouped(value: f64) -> String {
    if value < 1.0 {
        return format!("{value:.3}").trim_end_matches('0').to_string();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_names_its_lines_and_its_axes_and_has_no_background() -> Result<()> {
        let line = |name: &str, ours, points: &[(f64, f64)]| Line {
            name: name.into(),
            ours,
            hue: 0,
            points: points.to_vec(),
        };
        let lines = [
            line("ours", true, &[(100.0, 2.0), (1e6, 3.0)]),
            line("theirs", false, &[(100.0, 20.0), (1e6, 300.0)]),
        ];
        let svg = svg("A title", "nodes", "ns", &lines)?;
        for word in ["A title", "nodes", "ns", "ours", "theirs", "1,000,000", "500"] {
            assert!(svg.contains(word), "{word} is not in {svg}");
        }
        assert_eq!(svg.matches("stroke-width=\"3\"").count(), 1, "{svg}");
        assert_eq!(svg.matches("stroke-width=\"2\"").count(), 1, "{svg}");
        assert!(!svg.contains("#FFFFFF") && !svg.contains("#000000"), "{svg}");
        Ok(())
    }

    #[test]
    fn the_grid_holds_all_values() {
        assert_eq!(grid([3.0, 40.0].into_iter()), [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(grid([2.0].into_iter()), [2.0, 5.0]);
        assert_eq!(grid([0.3].into_iter()).first(), Some(&0.2));
    }

    #[test]
    fn names_do_not_overlap_and_stay_in_the_picture() {
        let places = spread(&[100, 101, 102, 390, 391]);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= LEADING), "{places:?}");
        assert!(places.iter().all(|place| *place < SIZE.1 as i32), "{places:?}");
        assert_eq!(places[0], 100);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([1e6, 1e3, 64.0, 0.5, 0.02].map(grouped), ["1,000,000", "1,000", "64", "0.5", "0.02"]);
    }
}
