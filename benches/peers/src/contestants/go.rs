//! The contestant in Go: where its source is, and how it is built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Result;

/// Builds it beside this program, and returns its path.
///
/// Without modules: its two packages are taken from where a distribution puts them
/// (`golang-golang-x-time-dev` and `golang-golang-x-sync-dev` on Debian) or from the user's own Go path, so
/// that no build goes to the network.
pub(crate) fn build() -> Result<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go/main.go");
    let built = env::current_exe()?.with_file_name("peer-in-go");
    if is_newer(&built, &source) {
        return text(&built);
    }
    let own = Command::new("go").args(["env", "GOPATH"]).output().map_err(|_| "Go is not installed")?;
    let path = format!("{}:/usr/share/gocode", String::from_utf8_lossy(&own.stdout).trim());
    let output = Command::new("go")
        .env("GO111MODULE", "off")
        .env("GOPATH", path)
        .arg("build")
        .arg("-o")
        .arg(&built)
        .arg(&source)
        .output()?;
    if output.status.success() {
        return text(&built);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("Go cannot build it: {}", why.lines().next().unwrap_or_default()).into())
}

fn is_newer(built: &Path, source: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    changed(built) > changed(source)
}

fn text(path: &Path) -> Result<String> {
    PathBuf::from(path).into_os_string().into_string().map_err(|_| "this program's path is not text".into())
}
