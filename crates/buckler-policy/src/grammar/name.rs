//! Addresses, names and the other texts whose vocabulary `buckler_http` reads.

use std::net::{IpAddr, SocketAddr};

use buckler_http::forwarding::{CidrError, parse_cidr};
use buckler_http::host::HostPattern;
use buckler_http::media::MediaRange;
use buckler_http::origin::OriginPattern;
use ipnet::IpNet;

use super::written::{Complaint, Written};

/// Longest free text: file names and query parameters are far shorter (`PATH_MAX` on Linux is 4096).
const LONGEST_TEXT: usize = 4_096;

/// The port that help texts propose: the one of the defaults.
const USUAL_PORT: u16 = 8_443;

pub(crate) const LISTEN: Written<SocketAddr> = Written {
    what: "an address to listen on",
    words: "an IP address and a port, such as `\"0.0.0.0:8443\"` or `\"[::]:8443\"`",
    read: listen,
};

pub(crate) const HOST: Written<HostPattern> = Written {
    what: "a host",
    words: "a name such as `\"api.example.com\"`, all names below one such as `\"*.example.com\"`, or an IP address",
    read: host,
};

pub(crate) const CIDR: Written<IpNet> = Written {
    what: "a network",
    words: "a network such as `\"10.1.2.0/24\"` or an address such as `\"10.1.2.3\"`",
    read: cidr,
};

pub(crate) const MEDIA: Written<MediaRange> = Written {
    what: "a media type",
    words: "a media type such as `\"application/json\"`, or a range such as `\"image/*\"` or `\"application/*+json\"`",
    read: |text| MediaRange::parse(text).map_err(|error| Complaint::new(error.to_string())),
};

pub(crate) const ORIGIN: Written<OriginPattern> = Written {
    what: "an origin",
    words: "an origin such as `\"https://app.example.com\"`, all below a name such as `\"https://*.example.com\"`, \
            or `\"*\"`",
    read: origin,
};

pub(crate) const APP_TARGET: Written<String> = Written {
    what: "an app",
    words: "`module:attribute` such as `\"shop.main:app\"`, or a factory such as `\"shop.main:create_app()\"`",
    read: app_target,
};

pub(crate) const PATH: Written<String> = Written { what: "a path", words: "a path such as `\"/account\"`", read: path };

pub(crate) const TEXT: Written<String> = Written { what: "usable here", words: "text", read: text };

fn listen(text: &str) -> Result<SocketAddr, Complaint> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        let mend = SocketAddr::new(address, USUAL_PORT);
        return Err(Complaint::new("the port is missing").help(format!("write \"{mend}\"")));
    }
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Err(Complaint::new("the address is missing")
            .help(format!("write \"0.0.0.0:{port}\" for all interfaces or \"127.0.0.1:{port}\" for this machine")));
    }
    let (name, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let port = port.parse().unwrap_or(USUAL_PORT);
    let complaint = Complaint::new("expected an IP address and a port");
    Err(match name {
        "localhost" => complaint.help(format!("write \"127.0.0.1:{port}\"")),
        "*" => complaint.help(format!("write \"0.0.0.0:{port}\" or \"[::]:{port}\" for all interfaces")),
        _ => complaint.help("write \"0.0.0.0:8443\" or \"[::]:8443\""),
    })
}

fn host(text: &str) -> Result<HostPattern, Complaint> {
    HostPattern::parse(text).map_err(|error| {
        let complaint = Complaint::new(error.to_string());
        if text == "*" {
            return complaint.help("list the names that clients use, such as \"api.example.com\" or \"*.example.com\"");
        }
        match host_alone(text) {
            Some(name) => complaint.help(format!("did you mean \"{name}\"?")),
            None => complaint,
        }
    })
}

/// What is left of a URL or of a name with a port, if that is a host.
fn host_alone(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    };
    let name = name.trim_end_matches('.');
    (name != text && HostPattern::parse(name).is_ok()).then_some(name)
}

fn cidr(text: &str) -> Result<IpNet, Complaint> {
    parse_cidr(text).map_err(|error| {
        let complaint = Complaint::new(error.to_string());
        match error {
            CidrError::Form => complaint,
            _ => complaint.help("name the proxies' own addresses, nothing wider"),
        }
    })
}

fn origin(text: &str) -> Result<OriginPattern, Complaint> {
    OriginPattern::parse(text).map_err(|error| {
        let complaint = Complaint::new(error.to_string());
        let mend = match text.split_once("://") {
            Some((scheme, rest)) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                format!("{scheme}://{authority}")
            }
            None => format!("https://{text}"),
        };
        if text != "null" && mend != text && OriginPattern::parse(&mend).is_ok() {
            return complaint.help(format!("did you mean \"{mend}\"?"));
        }
        complaint
    })
}

/// The form that uvicorn takes, and `()` for a factory.
fn app_target(text: &str) -> Result<String, Complaint> {
    let Some((module, attribute)) = text.split_once(':') else {
        return Err(Complaint::new("the attribute is missing").help(format!("write \"{}:app\"", module_of(text))));
    };
    if !is_dotted_name(module) {
        let mend = module_of(module);
        let complaint = Complaint::new("the part before `:` is not the name of a module");
        if is_dotted_name(&mend) {
            return Err(complaint.help(format!("did you mean \"{mend}:{attribute}\"?")));
        }
        return Err(complaint);
    }
    let name = attribute.strip_suffix("()").unwrap_or(attribute);
    if !is_dotted_name(name) {
        return Err(Complaint::new("the part after `:` is not the name of an attribute")
            .help("write \"module:app\", or \"module:create_app()\" for a factory"));
    }
    Ok(text.to_owned())
}

/// The module that a file name stands for.
fn module_of(file: &str) -> String {
    let file = file.strip_suffix(".py").unwrap_or(file);
    file.trim_start_matches("./").replace('/', ".")
}

/// What Python's import machinery can find, which is more than an `import` statement can name: `my-app.main`.
fn is_dotted_name(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-'))
}

fn path(text: &str) -> Result<String, Complaint> {
    if !text.starts_with('/') {
        return Err(Complaint::new("a path begins with `/`").help(format!("did you mean \"/{text}\"?")));
    }
    if text.contains(['?', '#', '*', '{', '}']) {
        return Err(Complaint::new("a plain path is expected: no query, no pattern"));
    }
    if text.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(Complaint::new("`.` and `..` never reach the app, so this would match nothing"));
    }
    self::text(text)
}

fn text(text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() {
        return Err(Complaint::new("it is empty"));
    }
    if text.contains(char::is_control) {
        return Err(Complaint::new("it holds a control character"));
    }
    if text.len() > LONGEST_TEXT {
        return Err(Complaint::new(format!("it is longer than {LONGEST_TEXT} bytes")));
    }
    Ok(text.to_owned())
}
