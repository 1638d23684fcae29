//! Images: the named sets of Python packages a notebook can be frozen in. How one is installed is [`crate::environment`]'s
//! affair.

use crate::error::CompileError;

/// The Python versions every image's packages are published for, best first.
pub(crate) const PYTHONS: [(u32, u32); 3] = [(3, 11), (3, 12), (3, 13)];

/// A named, pinned set of packages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// What the config cell calls it.
    pub(crate) name: &'static str,
    /// Other names for it.
    aliases: &'static [&'static str],
    /// A requirements file: every package, also the indirect ones, with its exact version.
    pub(crate) requirements: &'static str,
}

const IMAGES: [Image; 4] = [
    Image { name: "python", aliases: &[], requirements: include_str!("../images/python.txt") },
    Image { name: "pytorch", aliases: &["torch"], requirements: include_str!("../images/pytorch.txt") },
    Image { name: "scikit-learn", aliases: &["scipy"], requirements: include_str!("../images/scikit-learn.txt") },
    Image { name: "tensorflow", aliases: &[], requirements: include_str!("../images/tensorflow.txt") },
];

impl Image {
    /// The image of this name.
    ///
    /// # Errors
    /// An unknown name; the error lists those there are.
    pub(crate) fn named(name: &str) -> Result<&'static Image, CompileError> {
        IMAGES.iter().find(|image| image.name == name || image.aliases.contains(&name)).ok_or_else(|| {
            CompileError::UnknownImage { image: name.into(), known: IMAGES.map(|image| image.name).join(", ") }
        })
    }

    /// How many packages it has.
    pub(crate) fn packages(&self) -> u64 {
        self.pins().count() as u64
    }

    fn pins(&self) -> impl Iterator<Item = &'static str> {
        self.requirements.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_once() {
        for image in &IMAGES {
            let mut names: Vec<_> = image.pins().map(|pin| pin.split_once("==").expect(pin).0).collect();
            assert!(names.contains(&"ipython") && names.contains(&"numpy"), "{}", image.name);
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}: a package is pinned twice", image.name);
        }
    }

    #[test]
    fn one_version_of_a_package_in_all_images() {
        let mut versions = std::collections::HashMap::new();
        for (name, version) in IMAGES.iter().flat_map(Image::pins).filter_map(|pin| pin.split_once("==")) {
            assert_eq!(*versions.entry(name).or_insert(version), version, "{name}");
        }
    }

    #[test]
    fn an_alias_is_the_image_itself() {
        let image = Image::named("scipy").unwrap();
        assert_eq!(image.name, "scikit-learn");
        assert!(image.pins().any(|pin| pin.starts_with("scipy==")));
    }

    #[test]
    fn an_unknown_image_lists_those_there_are() {
        let error = Image::named("julia").unwrap_err().to_string();
        assert_eq!(error, "image \"julia\" is unknown: use one of python, pytorch, scikit-learn, tensorflow");
    }
}
