//! `[headers.csp]`: the Content Security Policy of each kind of answer.

use super::Section;
use crate::grammar::{Boolean, List, PATH, Written, csp, field_value};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::Csp;

pub(crate) static SECTION: Section = Section {
    path: "headers.csp",
    doc: "`Content-Security-Policy` by what is answered. `\"\"` sends none. Outside development a docs page is a \
          page like \
          any other, unless `docs` is set.",
    keys: &[&DATA, &HTML, &DOCS, &DOCS_PATHS, &REPORT_ONLY],
};

const WORDS: &str = "the value of the field, such as `\"default-src 'self'\"`";

const fn policy() -> Written<Option<String>> {
    field_value("usable as Content-Security-Policy", WORDS, csp)
}

pub(crate) static DATA: Key<Written<Option<String>>> = Key {
    about: About {
        path: "headers.csp.data",
        doc: "For every answer that is not a page.",
        preset: Preset::Always("\"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\""),
        why: "data loads nothing; should a browser be made to show it as a page, that page can do nothing",
        example: "\"default-src 'none'; frame-ancestors 'none'\"",
        aliases: &["api", "json"],
    },
    grammar: policy(),
};

pub(crate) static HTML: Key<Written<Option<String>>> = Key {
    about: About {
        path: "headers.csp.html",
        doc: "For `text/html` and `application/xhtml+xml`.",
        preset: Preset::Always(
            "\"default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'\"",
        ),
        why: "pages load what the service itself serves; inline scripts, the usual way of an injection, do not run",
        example: "\"default-src 'self'; img-src 'self' data:\"",
        aliases: &["page", "pages", "policy", "content_security_policy"],
    },
    grammar: policy(),
};

/// Swagger UI and `ReDoc` as FastAPI's `fastapi/openapi/docs.py` writes them: scripts and styles from jsDelivr, an
/// inline script that starts Swagger UI (its text differs from app to app, so no hash fits), inline styles of both, the
/// FastAPI icon, `ReDoc`'s fonts from Google, its logo, and its search in a worker made from a blob.
const DOCS_DEFAULT: &str = "\"default-src 'none'; \
     script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; \
     style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com; \
     font-src 'self' data: https://fonts.gstatic.com; \
     img-src 'self' data: https://fastapi.tiangolo.com https://cdn.redoc.ly; \
     connect-src 'self'; worker-src blob:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'\"";

pub(crate) static DOCS: Key<Written<Option<String>>> = Key {
    about: About {
        path: "headers.csp.docs",
        doc: "For the interactive docs pages named in `docs_paths`.",
        preset: Preset::ByEnvironment { deployed: "\"\"", development: DOCS_DEFAULT },
        why: "fits Swagger UI and ReDoc as FastAPI serves them, which need an inline script and a content delivery \
              network; both are too much for a page that users reach",
        example: "\"default-src 'self'; script-src 'self' 'unsafe-inline'\"",
        aliases: &["swagger", "redoc"],
    },
    grammar: policy(),
};

pub(crate) static DOCS_PATHS: Key<List<Written<String>>> = Key {
    about: About {
        path: "headers.csp.docs_paths",
        doc: "Exact paths of the docs pages.",
        preset: Preset::Always("[\"/docs\", \"/redoc\", \"/docs/oauth2-redirect\"]"),
        why: "where FastAPI has them unless told otherwise",
        example: "[\"/api/docs\", \"/api/redoc\"]",
        aliases: &["docs_path", "docs_url", "redoc_url"],
    },
    grammar: List { item: PATH, not_empty: None },
};

pub(crate) static REPORT_ONLY: Key<Boolean> = Key {
    about: About {
        path: "headers.csp.report_only",
        doc: "Send `Content-Security-Policy-Report-Only` instead: browsers report and block nothing.",
        preset: Preset::Always("false"),
        why: "a policy that blocks nothing protects nobody; it is for trying one",
        example: "true",
        aliases: &["reportonly", "csp_report_only"],
    },
    grammar: Boolean,
};

pub(crate) fn read(reader: &mut Reader) -> Read<Csp> {
    let data = reader.read(&DATA);
    let html = reader.read(&HTML);
    let docs = reader.read(&DOCS);
    let docs_paths = reader.read(&DOCS_PATHS);
    let report_only = reader.read(&REPORT_ONLY);
    Ok(Csp { data: data?, html: html?, docs: docs?, docs_paths: docs_paths?, report_only: report_only? })
}
