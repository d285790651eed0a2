//! The plan as Markdown, for the comment of a pull request: the sum, what it means for people, and the rest folded.

use std::fmt::Write as _;

use super::report::Report;
use crate::names::AccountName;

/// GitHub takes comments of at most 65,536 characters; what is over is left out, and said.
const LENGTH_MAX: usize = 60_000;

impl Report {
    /// The report as Markdown, at most about 60,000 characters.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::from("### Tenantry plan\n\n");
        if self.summary.is_nothing() {
            text.push_str("No changes. Everything is as the manifests say.\n");
        } else {
            let effort = self.summary.effort().map(|effort| format!(" {effort}")).unwrap_or_default();
            let _ = writeln!(text, "**{}.**{effort}", self.summary.counts());
        }
        let mut sections = Vec::new();
        if !self.refused.is_empty() {
            let lines = self.refused.iter().map(|it| format!("- {}: {}", inline(&it.manifest), inline(&it.message)));
            sections.push(format!("\n#### Refused\n\n{}\n", lines.collect::<Vec<_>>().join("\n")));
        }
        if !self.people.is_empty() {
            sections.push(self.people_table());
        }
        sections.extend(self.accounts.keys().map(Some).chain([None]).flat_map(|account| self.folded(account)));
        if !self.notes.is_empty() {
            let notes = self.notes.iter().map(|note| format!("- {}", inline(note)));
            sections.push(format!("\n#### Notes\n\n{}\n", notes.collect::<Vec<_>>().join("\n")));
        }
        let mut left_out = 0;
        for section in sections {
            if text.len() + section.len() > LENGTH_MAX {
                left_out += 1;
            } else {
                text.push_str(&section);
            }
        }
        if left_out > 0 {
            let _ = writeln!(text, "\n{left_out} sections are too long for a comment: run `tenantry plan` to see all.");
        }
        text
    }

    fn people_table(&self) -> String {
        let mut text =
            String::from("\n#### What it means for people\n\n| tenant | where | what |\n| --- | --- | --- |\n");
        for people in &self.people {
            let place = people.account.as_ref().map_or("cluster", AccountName::as_str);
            for line in people.lines() {
                let _ =
                    writeln!(text, "| {} | {} | {} |", inline(people.tenant.as_str()), inline(place), inline(&line));
            }
        }
        text
    }

    /// A folded diff for each tenant of an account, or of the cluster.
    fn folded(&self, account: Option<&AccountName>) -> Vec<String> {
        let place = account.map_or("cluster", AccountName::as_str);
        let sections = [None].into_iter().chain(self.tenants().into_iter().map(Some)).filter_map(|tenant| {
            let own = |it: &&super::report::Change| it.tenant.as_ref() == tenant && it.account.as_ref() == account;
            let count = self.changes.iter().filter(own).count();
            let lines: Vec<String> = self.of(tenant, account).into_iter().map(|line| line.text).collect();
            let lines: Vec<String> = lines.into_iter().filter(|line| !line.starts_with("> ")).collect();
            if lines.is_empty() {
                return None;
            }
            let body: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
            let body = body.join("\n");
            let fence = "`".repeat(longest_run(&body, '`').max(2) + 1);
            let changes = if count == 1 { "change" } else { "changes" };
            let whose = tenant.map_or_else(|| "whole account".to_owned(), |tenant| format!("tenant {tenant}"));
            Some(format!(
                "\n<details><summary>{place}: {whose}, {count} {changes}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>\n"
            ))
        });
        sections.collect()
    }
}

/// Text that stays text in a table cell or a list, whatever someone wrote into a manifest.
fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => safe.push(' '),
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '@' => safe.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => safe.extend(['\\', character]),
            other => safe.push(other),
        }
    }
    safe
}

fn longest_run(text: &str, of: char) -> usize {
    let runs = text.split(|character| character != of);
    runs.map(|run| run.chars().count()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_into_manifests_is_no_markup() {
        assert_eq!(inline("a|b <x> `c` *d*\n@all"), "a\\|b &lt;x&gt; \\`c\\` \\*d\\* &#64;all");
    }

    #[test]
    fn a_fence_is_longer_than_any_in_it() {
        assert_eq!(longest_run("a ```` b ``", '`'), 4);
        assert_eq!(longest_run("abc", '`'), 0);
    }
}
