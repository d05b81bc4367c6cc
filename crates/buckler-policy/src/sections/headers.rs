//! `[headers]`: security header fields of every answer.

use super::{Section, csp, section_mode};
use crate::diagnostic::Code;
use crate::grammar::{
    Boolean, Complaint, List, OneOf, PATH, Written, field_name, field_value, permissions, referrer, strict_transport,
};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{Headers, Mode};
use crate::suggest::nearest;

pub(crate) static SECTION: Section = Section {
    path: "headers",
    doc: "Security header fields, on every answer: refusals and the app's own errors included. The app's own value \
          wins \
          unless `force` names the field. The empty string `\"\"` switches a field off.",
    keys: &[
        &MODE,
        &HSTS,
        &CONTENT_TYPE_OPTIONS,
        &FRAME_OPTIONS,
        &REFERRER,
        &PERMISSIONS,
        &OPENER,
        &RESOURCE,
        &XSS_PROTECTION,
        &NO_STORE_AUTHENTICATED,
        &NO_STORE_PATHS,
        &FORCE,
        &REMOVE,
    ],
};

/// A field whose values are words of a closed list; `None` is no field.
type Keyword = OneOf<Option<&'static str>>;

/// The fields that this section sets, and the key of each.
const MANAGED: [(&str, &str); 10] = [
    ("content-security-policy", "headers.csp"),
    ("strict-transport-security", "headers.hsts"),
    ("x-content-type-options", "headers.content_type_options"),
    ("x-frame-options", "headers.frame_options"),
    ("referrer-policy", "headers.referrer"),
    ("permissions-policy", "headers.permissions"),
    ("cross-origin-opener-policy", "headers.opener"),
    ("cross-origin-resource-policy", "headers.resource"),
    ("x-xss-protection", "headers.xss_protection"),
    ("cache-control", "headers.no_store_authenticated"),
];

/// Fields without which an answer cannot be read (RFC 9110 §8.6, RFC 9112 §6, §9.6) or not be found again.
const NEVER_REMOVED: [&str; 8] =
    ["connection", "content-length", "content-type", "date", "trailer", "transfer-encoding", "upgrade", "x-request-id"];

pub(crate) static MODE: Key<OneOf<Mode>> =
    section_mode("headers.mode", "`monitor` records what an answer lacks and adds nothing.");

pub(crate) static HSTS: Key<Written<Option<String>>> = Key {
    about: About {
        path: "headers.hsts",
        doc: "`Strict-Transport-Security`. Never sent in development nor over plain HTTP.",
        preset: Preset::ByEnvironment { deployed: "\"max-age=63072000; includeSubDomains\"", development: "\"\"" },
        why: "two years with subdomains, as the OWASP Secure Headers Project proposes and the preload list asks for; \
              `preload` itself is hard to take back and therefore yours to add. In development it would bind every local \
              service to HTTPS",
        example: "\"max-age=31536000\"",
        aliases: &["strict_transport_security", "hsts_seconds"],
    },
    grammar: field_value(
        "usable as Strict-Transport-Security",
        "the value of the field, such as `\"max-age=63072000; includeSubDomains\"`",
        strict_transport,
    ),
};

pub(crate) static CONTENT_TYPE_OPTIONS: Key<Keyword> = Key {
    about: About {
        path: "headers.content_type_options",
        doc: "`X-Content-Type-Options`",
        preset: Preset::Always("\"nosniff\""),
        why: "without it a browser may run an upload as a script",
        example: "\"\"",
        aliases: &["x_content_type_options", "nosniff"],
    },
    grammar: OneOf { words: &[("nosniff", Some("nosniff")), ("", None)] },
};

pub(crate) static FRAME_OPTIONS: Key<Keyword> = Key {
    about: About {
        path: "headers.frame_options",
        doc: "`X-Frame-Options`, for browsers that do not know `frame-ancestors`.",
        preset: Preset::Always("\"DENY\""),
        why: "a page that nobody frames cannot be clicked unseen",
        example: "\"SAMEORIGIN\"",
        aliases: &["x_frame_options", "frame_deny", "frames"],
    },
    grammar: OneOf { words: &[("DENY", Some("DENY")), ("SAMEORIGIN", Some("SAMEORIGIN")), ("", None)] },
};

pub(crate) static REFERRER: Key<Written<Option<String>>> = Key {
    about: About {
        path: "headers.referrer",
        doc: "`Referrer-Policy`",
        preset: Preset::Always("\"strict-origin-when-cross-origin\""),
        why: "what the OWASP HTTP Headers Cheat Sheet proposes: paths and queries stay within the origin, and checks \
              of `Referer` within it go on working",
        example: "\"no-referrer\"",
        aliases: &["referrer_policy", "referer", "referer_policy"],
    },
    grammar: field_value(
        "usable as Referrer-Policy",
        "one policy or several with commas, such as `\"no-referrer\"`",
        referrer,
    ),
};

pub(crate) static PERMISSIONS: Key<Written<Option<String>>> = Key {
    about: About {
        path: "headers.permissions",
        doc: "`Permissions-Policy`",
        preset: Preset::Always(
            "\"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), \
             idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), \
             xr-spatial-tracking=()\"",
        ),
        why: "sensors, devices and payment: what an injected script could abuse and an API's pages do not use. Full \
              screen, autoplay, clipboard and passkeys stay, since ordinary pages do use them",
        example: "\"camera=(), geolocation=(self)\"",
        aliases: &["permissions_policy", "feature_policy"],
    },
    grammar: field_value(
        "usable as Permissions-Policy",
        "the value of the field, such as `\"camera=(), geolocation=(self)\"`",
        permissions,
    ),
};

pub(crate) static OPENER: Key<Keyword> = Key {
    about: About {
        path: "headers.opener",
        doc: "`Cross-Origin-Opener-Policy`",
        preset: Preset::Always("\"same-origin\""),
        why: "a foreign page that opens this one gets no handle to it. Sign-in windows of other origins need \
              `same-origin-allow-popups`",
        example: "\"same-origin-allow-popups\"",
        aliases: &["coop", "cross_origin_opener_policy", "opener_policy"],
    },
    grammar: OneOf {
        words: &[
            ("same-origin", Some("same-origin")),
            ("same-origin-allow-popups", Some("same-origin-allow-popups")),
            ("noopener-allow-popups", Some("noopener-allow-popups")),
            ("unsafe-none", Some("unsafe-none")),
            ("", None),
        ],
    },
};

pub(crate) static RESOURCE: Key<Keyword> = Key {
    about: About {
        path: "headers.resource",
        doc: "`Cross-Origin-Resource-Policy`. It does not touch requests that CORS allows.",
        preset: Preset::Always("\"same-origin\""),
        why: "foreign pages cannot pull answers into their process as images or scripts. Files meant for other sites \
              need `cross-origin`, which the app can set on them",
        example: "\"same-site\"",
        aliases: &["corp", "cross_origin_resource_policy", "resource_policy"],
    },
    grammar: OneOf {
        words: &[
            ("same-origin", Some("same-origin")),
            ("same-site", Some("same-site")),
            ("cross-origin", Some("cross-origin")),
            ("", None),
        ],
    },
};

pub(crate) static XSS_PROTECTION: Key<Keyword> = Key {
    about: About {
        path: "headers.xss_protection",
        doc: "`X-XSS-Protection`",
        preset: Preset::Always("\"0\""),
        why: "the filter that it once switched on could itself be used for attacks; browsers removed it, and `0` \
              keeps it off in \
              old ones (OWASP HTTP Headers Cheat Sheet)",
        example: "\"\"",
        aliases: &["x_xss_protection", "xss", "xss_filter"],
    },
    grammar: OneOf { words: &[("0", Some("0")), ("", None)] },
};

pub(crate) static NO_STORE_AUTHENTICATED: Key<Boolean> = Key {
    about: About {
        path: "headers.no_store_authenticated",
        doc: "`Cache-Control: no-store` on answers to requests that carry credentials, unless the app set its own.",
        preset: Preset::Always("true"),
        why: "one person's answer must not be given to the next by a cache on the way (CWE-525)",
        example: "false",
        aliases: &["no_store", "cache_control", "no_cache"],
    },
    grammar: Boolean,
};

pub(crate) static NO_STORE_PATHS: Key<List<Written<String>>> = Key {
    about: About {
        path: "headers.no_store_paths",
        doc: "Beginnings of paths whose answers are never stored, credentials or not.",
        preset: Preset::Always("[]"),
        why: "which answers are confidential without credentials only the app's owner knows",
        example: "[\"/account\", \"/invoices\"]",
        aliases: &["no_cache_paths"],
    },
    grammar: List { item: PATH, not_empty: None },
};

pub(crate) static FORCE: Key<List<Written<String>>> = Key {
    about: About {
        path: "headers.force",
        doc: "Fields whose value from this section replaces the app's.",
        preset: Preset::Always("[]"),
        why: "the app knows its pages better; a weaker value is reported",
        example: "[\"Content-Security-Policy\"]",
        aliases: &["override", "overwrite"],
    },
    grammar: List {
        item: Written {
            what: "a field that this section sets",
            words: "the name of a field that this section sets, such as `\"Content-Security-Policy\"`; case does not \
                    matter",
            read: managed,
        },
        not_empty: None,
    },
};

pub(crate) static REMOVE: Key<List<Written<String>>> = Key {
    about: About {
        path: "headers.remove",
        doc: "Fields that are removed from the app's answers.",
        preset: Preset::Always("[\"Server\", \"X-Powered-By\"]"),
        why: "they tell an attacker which known flaws to try, and no client needs them (OWASP Secure Headers Project)",
        example: "[\"Server\", \"X-Powered-By\", \"X-Runtime\"]",
        aliases: &["strip", "hide", "proxy_hide_header"],
    },
    grammar: List {
        item: Written {
            what: "a field that can be removed",
            words: "the name of a header field such as `\"Server\"`; case does not matter",
            read: removable,
        },
        not_empty: None,
    },
};

pub(crate) fn read(reader: &mut Reader) -> Read<Headers> {
    let mode = reader.read_mode(&MODE);
    let hsts = read_hsts(reader);
    let content_type_options = reader.read(&CONTENT_TYPE_OPTIONS);
    let frame_options = reader.read(&FRAME_OPTIONS);
    let referrer_policy = reader.read(&REFERRER);
    let permissions_policy = reader.read(&PERMISSIONS);
    let opener_policy = reader.read(&OPENER);
    let resource_policy = reader.read(&RESOURCE);
    let xss_protection = reader.read(&XSS_PROTECTION);
    let no_store_authenticated = reader.read(&NO_STORE_AUTHENTICATED);
    let no_store_paths = reader.read(&NO_STORE_PATHS);
    let force = reader.read(&FORCE);
    let remove = reader.read(&REMOVE);
    let content_security_policy = csp::read(reader);
    Ok(Headers {
        mode: mode?,
        content_security_policy: content_security_policy?,
        hsts: hsts?,
        content_type_options: content_type_options?.map(str::to_owned),
        frame_options: frame_options?.map(str::to_owned),
        referrer_policy: referrer_policy?,
        permissions_policy: permissions_policy?,
        opener_policy: opener_policy?.map(str::to_owned),
        resource_policy: resource_policy?.map(str::to_owned),
        xss_protection: xss_protection?.map(str::to_owned),
        no_store_authenticated: no_store_authenticated?,
        no_store_paths: no_store_paths?,
        force: force?,
        remove: remove?,
    })
}

fn read_hsts(reader: &mut Reader) -> Read<Option<String>> {
    let hsts = reader.read(&HSTS)?;
    if hsts.is_some() && !reader.is_deployed() {
        reader
            .warn(&HSTS, Code::Unused, "`headers.hsts` is not sent in development")
            .help("a browser would refuse plain HTTP of everything on this name for as long as `max-age` says");
        return Ok(None);
    }
    Ok(hsts)
}

fn managed(text: &str) -> Result<String, Complaint> {
    let name = field_name(text)?;
    if MANAGED.iter().any(|(field, _)| *field == name) {
        return Ok(name);
    }
    let fields: Vec<&str> = MANAGED.iter().map(|(field, _)| *field).collect();
    let complaint = Complaint::new("there is no value of the policy to replace the app's with");
    Err(match nearest(&name, fields.iter().copied()) {
        Some(near) => complaint.help(format!("did you mean \"{near}\"?")),
        None => complaint.help(format!("the fields are {}", fields.join(", "))),
    })
}

fn removable(text: &str) -> Result<String, Complaint> {
    let name = field_name(text)?;
    if let Some((_, key)) = MANAGED.iter().find(|(field, _)| *field == name) {
        return Err(
            Complaint::new("the policy sets it itself").help(format!("`{key}` is the key that switches it off"))
        );
    }
    if NEVER_REMOVED.contains(&name.as_str()) {
        return Err(Complaint::new("answers do not work without it"));
    }
    Ok(name)
}
