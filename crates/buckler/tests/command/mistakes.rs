//! What is wrong with arguments, policy or app: exit code 2, and the mend.

use std::net::TcpListener;

use super::{buckler, code, project, python, run, text};

const APP: &str = "async def app(scope, receive, send): ...\n";

#[test]
fn each_is_told_with_its_mend() {
    // R09, R80
    let folder = project(&[
        ("main.py", APP),
        ("bad.toml", "environment = \"prod\"\n[server]\nhost = [\"a.example\"]\nlisten = [\"nowhere\"]\n"),
        ("binary.toml", "ok"),
        ("debug.py", "from starlette.applications import Starlette\napp = Starlette(debug=True)\n"),
        (
            "off.toml",
            "[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"127.0.0.1/32\"]\n\
            listen = [\"127.0.0.1:0\"]\n[server.tls]\nmode = \"off\"\n",
        ),
    ]);
    std::fs::write(folder.path().join("binary.toml"), [0xff, 0xfe]).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let python = python();
    let python = python.to_str().unwrap();

    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["Usage: buckler <COMMAND>"]),
        (&["serv"], &["unrecognized subcommand", "serve"]),
        (&["run", "--worker", "3"], &["--workers"]),
        (&["run", "main:app", "--server", "gunicorn"], &["possible values: uvicorn, granian"]),
        // Production names what it lacks.
        (&["run", "main:app"], &["server.hosts", "hosts = [\"api.example.com\"]", "certificate"]),
        (&["run", "--dev"], &["no app is named", "buckler run module:attribute"]),
        (&["run", "main:app", "--policy", "none.toml"], &["the policy `none.toml` cannot be read"]),
        (&["run", "main:app", "--policy", "binary.toml"], &["`binary.toml` cannot be read"]),
        (&["run", "main:app", "--policy", "."], &["`.` cannot be read"]),
        // Every mistake at once, with its place.
        (
            &["run", "main:app", "--policy", "bad.toml"],
            &["bad.toml:1", "bad.toml:3", "did you mean `hosts`?", "bad.toml:4"],
        ),
        (&["run", "main:app", "--dev", "--workers", "0"], &["--workers", "1"]),
        (&["run", "main:app", "--dev", "--listen", "8443"], &["--listen"]),
        (&["run", "main:app", "--dev", "--python", "python9"], &["no program `python9`", "`--python`"]),
        (&["run", "main:app", "--dev", "--python", python, "--app-dir", "gone"], &["no folder", "`--app-dir`"]),
        (&["run", "main", "--dev", "--python", python], &["write \"main:app\""]),
        (&["run", "mian:app", "--dev", "--python", python], &["no module `mian`", "help: "]),
        (&["run", "debug:app", "--policy", "off.toml", "--python", python], &["debug=True", "help: remove it"]),
        (&["run", "main:app", "--policy", "off.toml", "--reload"], &["--reload", "`app.reload` is for development"]),
        (&["run", "main:app", "--dev", "--python", python, "--listen", &address], &["is in use", "`--listen`"]),
        (&["serve", "--dev"], &["--upstream"]),
        (&["serve", "--dev", "--upstream", "ftp://a"], &["--upstream: ", "http://host:port"]),
        (&["serve", "--upstream", "http://127.0.0.1:9"], &["server.hosts"]),
        (&["check", "--policy", "bad.toml"], &["bad.toml:4"]),
        (&["explain", "GET"], &["<URL>"]),
        (&["explain", "GET", "ftp://a", "--dev"], &["is no URL", "https://host/path"]),
        (&["explain", "GET", "/", "--dev", "-H", "nothing"], &["is no header field", "Name: value"]),
        (&["explain", "GET", "/", "--dev", "--data", "gone"], &["`gone` cannot be read"]),
        (&["man", "fly"], &["no command `fly`"]),
        (&["completions", "dos"], &["bash"]),
    ];
    for (arguments, told) in cases {
        let output = run(folder.path(), arguments);
        let err = text(&output.stderr);
        assert_eq!(code(&output), 2, "{arguments:?}: {err}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        for part in *told {
            assert!(err.contains(part), "{arguments:?}: `{part}` is not in:\n{err}");
        }
        assert!(!err.contains('\x1b'), "{arguments:?}: colours in a pipe: {err}");
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
    }
}

#[test]
fn an_app_that_does_not_start_is_told_readably() {
    // R09
    let folder = project(&[(
        "main.py",
        "async def app(scope, receive, send):\n    await receive()\n    \
         await send({'type': 'lifespan.startup.failed', 'message': 'Traceback\\nOSError: no database'})\n",
    )]);
    let python = python();
    let listen = ["--listen", "127.0.0.1:0", "--python", python.to_str().unwrap()];
    let output = run(folder.path(), &[&["run", "main:app", "--dev"], &listen[..]].concat());
    let err = text(&output.stderr);
    assert_eq!(code(&output), 2, "{err}");
    assert!(err.contains("error: the app did not start: "), "{err}");
    assert!(err.contains("OSError: no database"), "{err}");
}

#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let folder = project(&[]);
    let value = std::ffi::OsStr::from_bytes(b"\xff");
    let output = buckler(folder.path()).args(["check", "--dev"]).env("BUCKLER_MODE", value).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("BUCKLER_MODE"), "{output:?}");
}
