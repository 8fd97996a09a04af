//! `license-server audit`: export and verification of the audit trail.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Write, stdin, stdout};
use std::path::Path;

use license_cli_support::{
    Audience, Destination, Exit, Failure, Overwrite, Source, Terminal, show_path,
};
use license_core::encoding::{decode_text, hex};
use license_core::time::unix_seconds;
use license_issuer::files;
use serde_json::json;

use super::database::DatabaseAccess;
use super::opened::{OpenedServer, now, open, refused, runtime};
use crate::args::{AuditCommand, AuditExport, AuditVerify};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{
    AuditCheckpoint, AuditEntry, AuditFault, AuditLine, AuditReport, Cursor, PageRequest, TenantId,
};
use crate::keys::{self, checkpoint};
use crate::services::AuditService;

/// The maximum size of a line of an export in bytes.
const MAX_LINE: u64 = 4 << 20;

/// The maximum size of a checkpoint in bytes.
const MAX_CHECKPOINT: usize = 64 * 1024;

pub(super) fn run(
    command: &AuditCommand,
    config: Result<Config, Failure>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    match command {
        AuditCommand::Export(arguments) => export(arguments, &config?, terminal),
        AuditCommand::Verify(arguments) => verify(arguments, terminal),
        AuditCommand::Checkpoint { out, tenant } => {
            write_checkpoint(out, tenant.as_deref(), &config?, terminal)
        }
    }
}

/// Returns the tenant with an id, or that of the server.
fn tenant_id(text: Option<&str>) -> Result<TenantId, Failure> {
    let site = TenantId::site();
    match text {
        None => Ok(site),
        Some(text) if text == site.as_str() => Ok(site),
        Some(text) => text.parse().map(TenantId::new).map_err(|_| {
            Failure::usage("--tenant: expected the id of an organization, found another text")
                .hint("without --tenant, the command uses the trail of the server")
        }),
    }
}

/// Returns the audit trail of a tenant.
async fn trail(server: &OpenedServer, tenant: Option<&str>) -> Result<AuditService, Failure> {
    let services = server.tenants.of(&tenant_id(tenant)?).await;
    let services = services.map_err(|refusal| refused(&refusal))?;
    Ok(services.audit.clone())
}

fn export(arguments: &AuditExport, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    let runtime = runtime()?;
    let server = runtime.block_on(open(config, &directory, DatabaseAccess::Beside))?;
    let trail = runtime.block_on(trail(&server, arguments.tenant.as_deref()))?;
    let copy =
        |to: &mut dyn Write, path: &Path| runtime.block_on(copy(&trail, arguments, to, path));
    let count = match &arguments.out {
        Destination::Stdout => copy(&mut stdout().lock(), Path::new("standard output"))?,
        Destination::File(to) => {
            let mut count = 0;
            let fill = |partial: &Path| {
                let file = File::create(partial);
                let file = file.map_err(|error| Failure::io("write", partial, &error))?;
                let mut file = BufWriter::new(file);
                count = copy(&mut file, to)?;
                let written = file.flush();
                written.map_err(|error| Failure::io("write", to, &error))
            };
            files::write_private_copy(to, fill, |error| match error.kind() {
                ErrorKind::AlreadyExists => {
                    let message = format!("{} already exists", show_path(to));
                    Failure::new(Exit::Usage, "EXISTS", message)
                        .hint("choose a new file with --out; an export never replaces a file")
                }
                _ => Failure::io("write", to, &error),
            })?;
            count
        }
    };
    terminal.note(&format!(
        "exported {count} entries; `license-server audit verify FILE` verifies them"
    ));
    Ok(())
}

/// Writes the entries of a range, each in a line. Returns how many.
async fn copy(
    trail: &AuditService,
    arguments: &AuditExport,
    to: &mut dyn Write,
    path: &Path,
) -> Result<u64, Failure> {
    let from = arguments.from.max(1);
    let mut previous = previous(trail, from).await?;
    let mut page = page(from.saturating_sub(1), PageRequest::MAX_LIMIT);
    let mut count = 0_u64;
    loop {
        let found = trail.list(&page).await;
        let found = found.map_err(|refusal| refused(&refusal))?;
        for entry in found.items {
            if arguments.through.is_some_and(|last| entry.seq > last) {
                return Ok(count);
            }
            let hash = entry.hash;
            let line = AuditLine::new(entry, &previous).to_json();
            let line = line.map_err(|error| Failure::malformed(error.to_string()))?;
            let written = writeln!(to, "{line}");
            written.map_err(|error| Failure::io("write", path, &error))?;
            previous = hash;
            count = count.saturating_add(1);
        }
        let Some(next) = found.next else {
            return Ok(count);
        };
        page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT));
    }
}

/// Returns the hash of the entry before this one.
async fn previous(trail: &AuditService, seq: u64) -> Result<[u8; 32], Failure> {
    let Some(before) = seq.checked_sub(2) else {
        return Ok(AuditEntry::FIRST_PREVIOUS);
    };
    let found = trail.list(&page(before, 1)).await;
    let found = found.map_err(|refusal| refused(&refusal))?;
    let entry = found.items.into_iter().next();
    Ok(entry.map_or(AuditEntry::FIRST_PREVIOUS, |entry| entry.hash))
}

fn page(after: u64, limit: usize) -> PageRequest {
    PageRequest::new(Some(Cursor::after(after.to_string())), Some(limit))
}

fn write_checkpoint(
    out: &Destination,
    tenant: Option<&str>,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    let report = runtime()?.block_on(async {
        let server = open(config, &directory, DatabaseAccess::Beside).await?;
        let report = trail(&server, tenant).await?.verify().await;
        report.map_err(|refusal| refused(&refusal))
    })?;
    // A checkpoint of a trail with a fault would hide the fault later.
    if let Some(fault) = &report.fault {
        return Err(damaged(fault));
    }
    let checkpoint = AuditCheckpoint {
        server: config.name.clone(),
        tenant: tenant_id(tenant)?.to_string(),
        at: unix_seconds(now()),
        entries: report.entries,
        head: report.head,
    };
    let text = checkpoint::sign(&checkpoint, &keys::load(config, &directory)?)?;
    out.write(
        format!("{text}\n").as_bytes(),
        Overwrite::Refuse,
        Audience::Everyone,
    )
    .map_err(|failure| match failure.code() {
        "EXISTS" => failure.hint("choose a new file; a checkpoint never replaces a file"),
        _ => failure,
    })?;
    terminal.note(&format!(
        "the checkpoint has {} entries; keep it on another machine",
        report.entries
    ));
    Ok(())
}

/// Verifies an export without the server.
fn verify(arguments: &AuditVerify, terminal: &Terminal) -> Result<(), Failure> {
    let checkpoint = arguments.checkpoint.as_ref().map(|file| {
        let text = file.read_text(MAX_CHECKPOINT, decode_text)?;
        checkpoint::verify(&text)
    });
    let checkpoint = checkpoint.transpose()?;
    if let (Some(expected), Some((_, found))) = (&arguments.server_key, &checkpoint)
        && expected != found
    {
        let message =
            format!("expected a checkpoint of the server key {expected}, found the key {found}");
        return Err(Failure::new(Exit::Indeterminate, "BAD_SIGNATURE", message)
            .hint("use the checkpoint of this server, or correct --server-key"));
    }
    let end = checkpoint.as_ref().map(|(checkpoint, _)| checkpoint);
    let verified = match &arguments.file {
        Source::Stdin => verify_lines(&mut stdin().lock(), end, "standard input"),
        Source::File(path) => {
            let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
            verify_lines(&mut BufReader::new(file), end, &show_path(path))
        }
    };
    let (first, report) = verified?;
    let key = checkpoint.as_ref().map(|(_, key)| key.as_str());
    if terminal.is_json() {
        return terminal.json(&json!({
            "is_intact": true,
            "first": first,
            "last": report.entries,
            "head": hex::encode(&report.head),
            "checkpoint": end.map(|end| end.entries),
            "server_key": key,
        }));
    }
    terminal.data(&format!(
        "the entries {first} to {} are intact\nhash of the last entry:\n{}",
        report.entries,
        hex::encode(&report.head)
    ))?;
    match (end, key) {
        (Some(end), Some(key)) => terminal.note(&format!(
            "entry {} is that of the checkpoint of {}, signed with the key {key}",
            end.entries, end.server
        )),
        _ => terminal
            .note("without --checkpoint, the removal of entries from the end is not detected"),
    }
    Ok(())
}

/// Verifies the lines of an export. Returns the number of the first entry, and the report.
fn verify_lines(
    from: &mut dyn BufRead,
    checkpoint: Option<&AuditCheckpoint>,
    name: &str,
) -> Result<(u64, AuditReport), Failure> {
    let mut state: Option<(u64, AuditReport)> = None;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = from.take(MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(|error| Failure::io("read", Path::new(name), &error))?;
        if line.is_empty() {
            break;
        }
        let (entry, previous) = AuditLine::parse(&line).map_err(|error| {
            Failure::malformed(format!("{name}: line {number}: {error}"))
                .hint("use the file as `license-server audit export` wrote it")
        })?;
        let start = || {
            (
                entry.seq,
                AuditReport::after(entry.seq.saturating_sub(1), previous),
            )
        };
        let (_, report) = state.get_or_insert_with(start);
        let is_first = entry.seq == 1 && previous != AuditEntry::FIRST_PREVIOUS;
        let is_same = previous == report.head || entry.seq != report.entries.saturating_add(1);
        let is_intact = report.verify(&entry)
            && checkpoint.is_none_or(|checkpoint| report.verify_checkpoint(checkpoint));
        if !is_intact {
            return Err(report.fault.as_ref().map_or_else(empty, damaged));
        }
        if is_first || !is_same {
            return Err(damaged(&AuditFault::Changed { seq: entry.seq }));
        }
    }
    let (first, mut report) = state.ok_or_else(empty)?;
    if let Some(checkpoint) = checkpoint {
        if checkpoint.entries < first {
            let message = format!(
                "expected an export from entry {} or before, found one from entry {first}",
                checkpoint.entries
            );
            return Err(
                Failure::malformed(message).hint("export the entries from that of the checkpoint")
            );
        }
        if checkpoint.entries > report.entries {
            report.verify_end(checkpoint.entries, &checkpoint.head);
        }
    }
    match &report.fault {
        Some(fault) => Err(damaged(fault)),
        None => Ok((first, report)),
    }
}

fn empty() -> Failure {
    Failure::malformed("expected an exported audit trail, found no entry")
        .hint("`license-server audit export` writes one")
}

fn damaged(fault: &AuditFault) -> Failure {
    let message = format!("{fault}; the first entry in doubt is {}", fault.seq());
    Failure::new(Exit::Indeterminate, "AUDIT_DAMAGED", message).hint(
        "compare the trail with an earlier export or a backup of the database, and find out who \
         could change it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, NewAuditEntry};

    /// Returns the lines of a trail, and its end.
    fn lines(count: u64, pool: &str) -> (Vec<String>, AuditCheckpoint) {
        let mut head = AuditEntry::FIRST_PREVIOUS;
        let lines = (1..=count).map(|seq| {
            let actor = Actor::ApiToken("tok_1".to_owned()).at("192.0.2.1".parse().unwrap());
            let details = json!({"z": seq, "a": {"b": "ä\n"}});
            let entry = NewAuditEntry::new(actor, "pool.policy", pool, details, now());
            let before = (seq % 2 == 0).then(|| json!({"z": null}));
            let entry = AuditEntry::chained(&entry.with_before(before), seq, &head);
            let previous = std::mem::replace(&mut head, entry.hash);
            AuditLine::new(entry, &previous).to_json().unwrap()
        });
        let lines = lines.collect();
        let checkpoint = AuditCheckpoint {
            server: "server".to_owned(),
            tenant: "site".to_owned(),
            at: 0,
            entries: count,
            head,
        };
        (lines, checkpoint)
    }

    fn check(
        lines: &[String],
        checkpoint: Option<&AuditCheckpoint>,
    ) -> Result<(u64, u64), (String, String)> {
        let text = lines.join("\n");
        let verified = verify_lines(&mut text.as_bytes(), checkpoint, "file");
        let verified = verified.map(|(first, report)| (first, report.entries));
        verified.map_err(|failure| (failure.code().to_owned(), failure.message().to_owned()))
    }

    #[test]
    fn an_export_is_verified_as_a_whole_and_in_parts() {
        let (lines, checkpoint) = lines(6, "one");
        assert_eq!(check(&lines, None), Ok((1, 6)));
        assert_eq!(check(&lines, Some(&checkpoint)), Ok((1, 6)));
        assert_eq!(check(&lines[2..5], None), Ok((3, 5)));
        assert_eq!(check(&lines[5..], Some(&checkpoint)), Ok((6, 6)));
        assert_eq!(check(&[], None).unwrap_err().0, "MALFORMED");
        let early = AuditCheckpoint {
            entries: 2,
            ..checkpoint
        };
        assert_eq!(check(&lines[3..], Some(&early)).unwrap_err().0, "MALFORMED");
    }

    #[test]
    fn each_change_of_an_export_is_found_with_the_number_of_its_entry() {
        let (own, checkpoint) = lines(6, "one");
        let (other, _) = lines(6, "two");
        let changed = |change: fn(&mut Vec<String>)| {
            let mut lines = own.clone();
            change(&mut lines);
            lines
        };
        let found = |lines: &[String], seq: u64, checkpoint: Option<&AuditCheckpoint>| {
            let (code, message) = check(lines, checkpoint).unwrap_err();
            assert_eq!(code, "AUDIT_DAMAGED", "{message}");
            let end = format!("the first entry in doubt is {seq}");
            assert!(message.ends_with(&end), "{message}");
        };
        let replace = |from: &'static str, to: &'static str| {
            let mut lines = own.clone();
            assert!(lines[3].contains(from), "{}", lines[3]);
            lines[3] = lines[3].replacen(from, to, 1);
            lines
        };
        // Changed members.
        for (from, to) in [
            ("\"z\":4", "\"z\":5"),
            ("192.0.2.1", "192.0.2.2"),
            ("tok_1", "tok_2"),
            ("{\"z\":null}", "null"),
            ("\"format\":2", "\"format\":1"),
            ("pool.policy", "pool.other"),
            ("\"address\":\"192.0.2.1\"", "\"address\":null"),
        ] {
            found(&replace(from, to), 4, None);
        }
        // A removed entry, two entries in the wrong order, and an entry that is there twice.
        found(&changed(|lines| drop(lines.remove(2))), 3, None);
        found(&changed(|lines| lines.swap(1, 2)), 2, None);
        found(&changed(|lines| lines.insert(3, lines[2].clone())), 4, None);
        // An entry of another chain.
        let mut mixed = own.clone();
        mixed[4].clone_from(&other[4]);
        found(&mixed, 5, None);
        // A start that was removed together with the link to it.
        let first = changed(|lines| lines[0] = lines[0].replace(&"0".repeat(64), &"1".repeat(64)));
        found(&first, 1, None);
        // An end that was removed, and a chain that was replaced, are found with a checkpoint only.
        let cut = changed(|lines| lines.truncate(4));
        assert_eq!(check(&cut, None), Ok((1, 4)));
        found(&cut, 5, Some(&checkpoint));
        assert_eq!(check(&other, None), Ok((1, 6)));
        found(&other, 6, Some(&checkpoint));
        // Lines that are not entries.
        let other = changed(|lines| lines[2].push('x'));
        let (code, message) = check(&other, None).unwrap_err();
        assert_eq!(
            (code.as_str(), message.contains("line 3")),
            ("MALFORMED", true)
        );
    }
}
