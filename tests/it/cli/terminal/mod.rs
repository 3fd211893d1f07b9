//! What people see of a run: the real binary on a real terminal, and a screen that shows what it wrote there.

mod demo;
mod jobs;
mod progress;
mod redraws;
mod screen;
