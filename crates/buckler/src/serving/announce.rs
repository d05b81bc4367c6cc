//! What is said when the service is there: where it is, what runs behind it, what is enforced.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use buckler_gateway::Assembled;
use buckler_policy::Loaded;
use buckler_policy::settings::{Docs, Policy, Tls};
use tempfile::TempDir;

use super::App;
use crate::cli::check::{read_widely, report};
use crate::cli::console::{self, FAINT, Failure, STRONG};

/// The file of the self-signed certificate, in its folder.
pub(super) const CERTIFICATE: &str = "certificate.pem";

/// Says it on standard error: standard output is the log's. The certificate's file, if one was made, lives as long as
/// what is returned.
pub(super) fn announce(loaded: &Loaded, app: &App, assembled: &Assembled) -> Result<Option<TempDir>, Failure> {
    console::note(format_args!(
        "{STRONG}buckler {}{STRONG:#} serves {}",
        env!("CARGO_PKG_VERSION"),
        behind(app, loaded)
    ));
    let addresses = assembled.local_addrs();
    let policy = &loaded.policy;
    let scheme = if matches!(policy.server.tls, Tls::Off) { "http" } else { "https" };
    for (index, address) in addresses.iter().enumerate() {
        if index < policy.server.listen.len() {
            console::note(format_args!("  {STRONG}{}{STRONG:#}", url(scheme, *address)));
        } else {
            console::note(format_args!("  {} redirects to HTTPS", url("http", *address)));
        }
    }
    console::note(report(loaded, assembled.layer().engine().controls()));
    if let App::Workers { coverage, facts, .. } = app {
        if let Some(told) = read_widely(facts) {
            console::note(told);
        }
        console::note(coverage);
    }
    // A certificate from files is one that its clients trust, or have been given, already.
    let made = assembled.certificate_pem().filter(|_| matches!(policy.server.tls, Tls::SelfSigned));
    let (Some(pem), Some(first)) = (made, addresses.first()) else { return Ok(None) };
    let (folder, file) = keep(pem)?;
    console::note(format_args!("{FAINT}self-signed certificate: {}{FAINT:#}\ntry:", file.display()));
    let (curl, url) = (format!("curl --cacert {}", file.display()), url(scheme, *first));
    console::note(format_args!("  {curl} {url}{}", known_path(app, policy)));
    console::note(format_args!("  {curl} -H 'Host: evil.example' {url}/"));
    console::note(format_args!("  {curl} --path-as-is {url}/../etc/passwd"));
    Ok(Some(folder))
}

fn behind(app: &App, loaded: &Loaded) -> String {
    match app {
        App::Workers { target, facts, .. } => {
            let workers = loaded.policy.app.workers;
            let plural = if workers == 1 { "" } else { "s" };
            format!(
                "{} with {workers} worker{plural} of {} requests in flight ({}, Python {} {}, {} {})",
                target.app,
                loaded.policy.app.concurrency,
                facts.framework,
                facts.python,
                target.interpreter.source(),
                facts.server,
                facts.server_version
            )
        }
        App::Upstream(addresses) => {
            let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("what answers at {}", shown.join(", "))
        }
    }
}

/// A path that the app is known to answer.
fn known_path<'a>(app: &'a App, policy: &Policy) -> &'a str {
    match (app, policy.contract.docs) {
        (App::Workers { facts, .. }, Docs::Open) => facts.openapi_url.as_deref().unwrap_or("/"),
        (App::Workers { .. }, Docs::Closed) | (App::Upstream(_), _) => "/",
    }
}

/// An address as it can be opened on this machine.
fn url(scheme: &str, address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => format!("{scheme}://127.0.0.1:{}", address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("{scheme}://[::1]:{}", address.port()),
        _ => format!("{scheme}://{address}"),
    }
}

/// Writes the certificate where a client can be pointed to.
fn keep(pem: &str) -> Result<(TempDir, PathBuf), Failure> {
    let folder = tempfile::Builder::new().prefix("buckler-certificate-").tempdir()?;
    let file = folder.path().join(CERTIFICATE);
    fs::write(&file, pem)?;
    Ok((folder, file))
}
