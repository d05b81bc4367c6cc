//! What tells policies that judge alike from those that do not.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::{Contract, Environment, Policy, Server};

impl Policy {
    /// The same number for two policies by which every request would be judged and counted alike, also in processes of
    /// different hosts; learned routes and documents are no part of it. What it is made of is what the settings print,
    /// in which secrets are references, and the version of this crate, since defaults are part of a policy.
    pub fn fingerprint(&self) -> u64 {
        let Self {
            environment,
            app: _,
            server,
            headers,
            cors,
            content,
            contract,
            limits,
            routes,
            store,
            errors,
            log: _,
        } = self;
        let Server {
            mode,
            listen: _,
            http_redirect: _,
            redirect_port: _,
            hosts,
            trusted_proxies,
            max_connections: _,
            tls: _,
            client_certificates: _,
            timeouts: _,
            limits: head,
            http2: _,
            paths,
        } = server;
        let Contract {
            requests, unlisted, responses, never_return, max_response, docs, source, mode: docs_mode, ..
        } = contract;
        // In process, the name of a test client is one of them.
        let hosts = (*environment != Environment::Development).then_some(hosts);
        let mut hasher = SipHasher24::new();
        let parts = [
            env!("CARGO_PKG_VERSION").to_owned(),
            format!("{:?}", (environment, mode, hosts, trusted_proxies, head, paths)),
            format!("{:?}", (headers, cors, content, errors)),
            format!("{:?}", (requests, unlisted, responses, never_return, max_response, docs, source, docs_mode)),
            format!("{:?}", (limits, routes, store)),
        ];
        for part in parts {
            hasher.write_u64(u64::try_from(part.len()).unwrap_or(u64::MAX));
            hasher.write(part.as_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Host, Sources};

    const POLICY: &str =
        "[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"10.0.0.1/32\"]\n[server.tls]\nmode = \"off\"\n";

    fn fingerprint(host: Host, more: &str) -> u64 {
        let loaded = Sources::new(host).file("buckler.toml", format!("{POLICY}{more}")).load();
        loaded.unwrap_or_else(|errors| panic!("{more}: {errors:?}")).policy.fingerprint()
    }

    // R13: what one host has judged by a policy, another one would have judged alike
    #[test]
    fn policies_are_told_apart_by_how_they_judge_and_not_by_where() {
        let own = fingerprint(Host::Gateway, "");
        for alike in ["", "[app]\nworkers = 3\n", "[log]\nformat = \"json\"\n", "[server.timeouts]\nidle = \"5s\"\n"] {
            assert_eq!(fingerprint(Host::InProcess, alike), own, "{alike}");
        }
        for other in [
            "[limits]\ndefault = []\n",
            "[limits]\nmode = \"monitor\"\n",
            "[store]\nkeys = 2000\n",
            "[store]\nname = \"shop\"\n",
            "[content]\nmax_body = \"1MB\"\n",
            "[errors]\nmode = \"monitor\"\n",
            "[server.limits]\nheaders = 50\n",
            "[[route]]\nmatch = \"/login\"\nlimits = [\"5/minute per ip\"]\n",
        ] {
            assert_ne!(fingerprint(Host::InProcess, other), own, "{other}");
        }
    }
}
