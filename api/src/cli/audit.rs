//! `linli audit`: proves that nobody's hand was in the audit.

use linli_store::{
    Db,
    audit_seal::{self, Fault, Verdict},
};
use serde_json::json;

use super::{Convicted, Outcome, say};
use crate::{Config, app::db_options};

/// Arguments of `linli audit`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Checks every seal against what it covers. Exits with 0 when all fit, with 3 when somebody
    /// changed the audit, with 1 when it could not be looked at.
    Verify {
        /// Digest of a seal noted earlier (from the log, or from an earlier answer), which must
        /// still be there. Can be repeated.
        #[arg(long = "seal", value_parser = digest)]
        seals: Vec<Digest>,
        /// Print one JSON object, with the last seal of each chain, to be kept elsewhere.
        #[arg(long)]
        json: bool,
    },
}

/// The digest of a seal.
#[derive(Clone, Debug)]
struct Digest(Vec<u8>);

fn digest(text: &str) -> Result<Digest, String> {
    let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32);
    bytes.map(Digest).ok_or_else(|| "a digest has 64 hexadecimal digits".to_owned())
}

/// Runs it.
pub(super) async fn run(args: Args, config: Config) -> Outcome {
    let What::Verify { seals, json } = args.what;
    let db = Db::connect(&db_options(&config)).await?;
    let verdict = audit_seal::verify(db.read()).await?;
    let mut missing = Vec::new();
    for Digest(digest) in &seals {
        if !audit_seal::is_there(db.read(), digest).await? {
            missing.push(hex::encode(digest));
        }
    }
    if json {
        say(&as_json(&verdict, &missing).to_string());
    } else {
        tell(&verdict, &missing);
    }
    if verdict.broken.is_empty() && missing.is_empty() {
        return Ok(());
    }
    Err(Convicted(
        "the audit is not as it was sealed: keep this database as it is, and call whoever audits it",
    )
    .into())
}

/// One sentence; also the doctor's.
pub(super) fn summary(verdict: &Verdict) -> String {
    let Verdict { seals, entries, waiting, broken, .. } = verdict;
    match broken.first() {
        None => format!("{seals} seals fit the {entries} entries they cover; {waiting} wait for theirs"),
        Some(first) => format!(
            "{} of {seals} seals do not fit what they cover, the first is {} of {}; somebody changed the audit",
            broken.len(),
            first.seq,
            name(&first.chain),
        ),
    }
}

fn tell(verdict: &Verdict, missing: &[String]) {
    for broken in &verdict.broken {
        let what = match broken.fault {
            Fault::DoesNotFit => "does not fit: an entry or a seal was altered, added, removed or moved",
            Fault::NoSuchSeal => "is not there, and entries name it",
        };
        say(&format!("seal {} of {} {what}", broken.seq, name(&broken.chain)));
    }
    for digest in missing {
        say(&format!("no seal has the digest {digest}: what it covered is gone"));
    }
    say(&summary(verdict));
}

/// The chain of what belongs to no organisation has no path.
fn name(chain: &str) -> &str {
    if chain.is_empty() { "the city as a whole" } else { chain }
}

fn as_json(verdict: &Verdict, missing: &[String]) -> serde_json::Value {
    let fault = |fault| match fault {
        Fault::DoesNotFit => "does_not_fit",
        Fault::NoSuchSeal => "no_such_seal",
    };
    json!({
        "unbroken": verdict.broken.is_empty() && missing.is_empty(),
        "seals": verdict.seals,
        "entries": verdict.entries,
        "waiting": verdict.waiting,
        "broken": verdict.broken.iter().map(|broken| json!({
            "chain": broken.chain, "seq": broken.seq, "fault": fault(broken.fault),
        })).collect::<Vec<_>>(),
        "missing": missing,
        "heads": verdict.heads.iter().map(|head| json!({
            "chain": head.chain, "seq": head.seq, "digest": hex::encode(&head.digest),
        })).collect::<Vec<_>>(),
    })
}
