//! The sections and code blocks of `docs/server.md`.

use license_tests::programs;

/// The first words of commands.
const COMMANDS: [&str; 7] = [
    "license-server",
    "keygen",
    "curl",
    "openssl",
    "chmod",
    "sudo",
    "pkcs11-tool",
];

/// The text of the guide.
pub(super) struct Guide(String);

impl Guide {
    pub(super) fn read() -> Self {
        Self::of("docs/server.md")
    }

    /// Reads another guide.
    pub(super) fn of(path: &str) -> Self {
        let path = programs::workspace().join(path);
        Self(std::fs::read_to_string(path).unwrap())
    }

    /// Returns the commands of a section: one script for each block, without its indentation.
    pub(super) fn blocks(&self, section: &str) -> Vec<String> {
        let blocks = self.all_blocks(section).into_iter();
        let blocks: Vec<_> = blocks.filter(|block| is_script(block)).collect();
        assert!(!blocks.is_empty(), "the guide has no commands in {section}");
        blocks
    }

    /// Returns the settings of a section.
    pub(super) fn settings(&self, section: &str) -> Vec<String> {
        let blocks = self.all_blocks(section).into_iter();
        let settings: Vec<_> = blocks.filter(|block| block.contains(" = \"")).collect();
        assert!(
            !settings.is_empty(),
            "the guide has no settings in {section}"
        );
        settings
    }

    /// Returns the JSON objects of a section.
    pub(super) fn objects(&self, section: &str) -> Vec<String> {
        let mut blocks = self.all_blocks(section);
        blocks.retain(|block| block.starts_with('{'));
        blocks
    }

    /// Returns the code blocks of a section between fences with the name of a language.
    pub(super) fn fenced(&self, section: &str, language: &str) -> Vec<String> {
        let heading = format!("\n## {section}\n");
        let (_, rest) = self.0.split_once(&heading).unwrap();
        let text = rest.split("\n## ").next().unwrap();
        let start = format!("```{language}");
        let mut blocks = Vec::new();
        let mut lines = text.lines();
        while lines.any(|line| line.trim() == start) {
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.map(|line| format!("{line}\n")).collect());
        }
        blocks
    }

    pub(super) fn sections_with_commands(&self) -> Vec<String> {
        let names = self.0.lines().filter_map(|line| line.strip_prefix("## "));
        let names = names.filter(|name| self.all_blocks(name).iter().any(|block| is_script(block)));
        names.map(str::to_owned).collect()
    }

    /// Returns all code blocks of a section.
    pub(super) fn all_blocks(&self, section: &str) -> Vec<String> {
        let heading = format!("\n## {section}\n");
        let (_, rest) = self
            .0
            .split_once(&heading)
            .unwrap_or_else(|| panic!("{section}"));
        let text = rest.split("\n## ").next().unwrap();
        let mut blocks = vec![String::new()];
        for line in text.lines() {
            // The text of a list is indented by up to three spaces.
            match line.strip_prefix("    ") {
                Some(code) => {
                    let block = blocks.last_mut().unwrap();
                    block.push_str(code.trim_start());
                    block.push('\n');
                }
                None => blocks.push(String::new()),
            }
        }
        blocks.retain(|block| !block.is_empty());
        blocks
    }
}

fn is_script(block: &str) -> bool {
    let first = block.split([' ', '=']).next().unwrap();
    let is_variable = block.starts_with(&format!("{first}=")) && first == first.to_uppercase();
    COMMANDS.contains(&first) || is_variable
}
