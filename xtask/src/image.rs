//! `cargo xtask image`: a guardian as a container image, made of one static
//! binary, and a trial of it in real containers.
//!
//! The image has no parts that a build could fetch: what is in it was built
//! here, from the lock file, and the same checkout gives the same bytes (see
//! [`binary`]).

mod binary;
mod trial;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::needs;
use crate::paint;
use crate::repository;
use crate::run::Invocation;

/// What the image is called on this machine.
const NAME: &str = "localhost/allod";

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// Nothing but the binary.
    binary_only: bool,
    /// A trial of the image.
    trial: bool,
}

/// Builds the binary, the image, and tries it, as far as asked for and possible.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let wanted = wanted(args)?;
    let root = repository::root()?;
    needs::ensure(needs::Task::Image, &root)?;
    let built = binary::build(&root)?;
    println!("binary {} ({})", built.path.display(), megabytes(size(&built.path)?));
    if wanted.binary_only {
        return Ok(());
    }
    let Some(builder) = ["podman", "buildah"].into_iter().find(|program| runs(program)) else {
        eprintln!("{}", paint::warn("podman is not here: skipped the image and its trial"));
        return Ok(());
    };
    let context = lay_out(&root, &built.path)?;
    let image = build(builder, &root, &context, &built.epoch)?;
    println!("image  {image}");
    if !wanted.trial {
        return Ok(());
    }
    if !runs("podman") {
        eprintln!("{}", paint::warn("podman is not here: skipped the trial"));
        return Ok(());
    }
    trial::run(&root, &image, &built.path, &context.with_file_name("image-trial"))
}

fn wanted(args: &[String]) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::default();
    for arg in args {
        match arg.as_str() {
            "--binary" => wanted.binary_only = true,
            "--try" => wanted.trial = true,
            other => return Err(Failure::Usage(format!("`image` has no argument `{other}`"))),
        }
    }
    if wanted.binary_only && wanted.trial {
        return Err(Failure::Usage("--binary makes no image, so there is none to try".to_owned()));
    }
    Ok(wanted)
}

/// Puts everything that goes into the image into one folder, with the modes
/// that it has there.
fn lay_out(root: &Path, binary: &Path) -> Result<PathBuf, Failure> {
    // The binary lies in TARGET/release, below the folder for what is built.
    let built = binary.ancestors().nth(3).unwrap_or(root);
    let context = built.join("image");
    let parts =
        [(binary.to_owned(), "allod", 0o755), (root.join("deploy/guardian.toml"), "guardian.toml", 0o644)];
    let lay = || -> std::io::Result<()> {
        if context.exists() {
            fs::remove_dir_all(&context)?;
        }
        for (folder, mode) in [("var", 0o755), ("var/lib", 0o755), ("state", 0o700)] {
            fs::create_dir_all(context.join(folder))?;
            fs::set_permissions(context.join(folder), fs::Permissions::from_mode(mode))?;
        }
        for (from, name, mode) in &parts {
            fs::copy(from, context.join(name))?;
            fs::set_permissions(context.join(name), fs::Permissions::from_mode(*mode))?;
        }
        Ok(())
    };
    lay().map_err(|error| Failure::Unreadable {
        what: context.display().to_string(),
        why: error.to_string(),
    })?;
    Ok(context)
}

/// Builds the image and returns the name it has now.
fn build(builder: &str, root: &Path, context: &Path, epoch: &str) -> Result<String, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("{NAME}:{version}");
    let arguments = [
        "build".to_owned(),
        // The other format has no place for a health check.
        "--format=docker".to_owned(),
        "--layers=false".to_owned(),
        format!("--timestamp={epoch}"),
        format!("--build-arg=VERSION={version}"),
        format!("--build-arg=REVISION={}", revision(root)),
        "--file=deploy/Containerfile".to_owned(),
        format!("--tag={image}"),
        format!("--tag={NAME}:latest"),
        context.display().to_string(),
    ];
    Invocation::new(builder, &arguments).run(root)?;
    Ok(image)
}

/// The commit that is built, and whether something was changed since.
fn revision(root: &Path) -> String {
    let git = |args: &[&str]| -> Option<String> {
        let output = Command::new("git").args(args).current_dir(root).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty());
    if changed { format!("{commit}-changed") } else { commit }
}

/// Whether a program is here and starts.
fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn size(path: &Path) -> Result<u64, Failure> {
    fs::metadata(path)
        .map(|about| about.len())
        .map_err(|error| Failure::Unreadable { what: path.display().to_string(), why: error.to_string() })
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> Result<Wanted, Failure> {
        wanted(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_wanted_is_read_from_the_arguments() {
        assert_eq!(asked(&[]).expect("right"), Wanted::default());
        assert_eq!(asked(&["--try"]).expect("right"), Wanted { binary_only: false, trial: true });
        assert_eq!(asked(&["--binary"]).expect("right"), Wanted { binary_only: true, trial: false });
        for wrong in [&["--tyr"][..], &["--binary", "--try"]] {
            assert!(matches!(asked(wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }

    #[test]
    fn the_context_holds_what_the_containerfile_copies() {
        let root = repository::root().expect("inside the checkout");
        let folder = std::env::temp_dir().join(format!("allod-image-{}", std::process::id()));
        let release = folder.join("some-target/release");
        fs::create_dir_all(&release).expect("a folder");
        fs::write(release.join("allod"), "not a program").expect("a file");
        let context = lay_out(&root, &release.join("allod")).expect("laid out");
        // A second time, over what is there.
        assert_eq!(lay_out(&root, &release.join("allod")).expect("laid out"), context);
        assert_eq!(context, folder.join("image"));
        let mode =
            |name: &str| fs::metadata(context.join(name)).expect("it is there").permissions().mode() & 0o777;
        let text = fs::read_to_string(root.join("deploy/Containerfile")).expect("it is there");
        let mut copied = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("COPY ")) {
            let mut words = line.split_whitespace().skip(1).filter(|word| !word.starts_with("--"));
            copied.push(words.next().expect("a source").to_owned());
        }
        let modes: Vec<_> = copied.iter().map(|name| (name.as_str(), mode(name))).collect();
        assert_eq!(modes, [("allod", 0o755), ("guardian.toml", 0o644), ("var", 0o755), ("state", 0o700)]);
        fs::remove_dir_all(&folder).expect("removed");
    }
}
