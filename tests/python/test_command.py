"""One wheel, two faces: what its console script does is what the program does (R81)."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness.gateway import clean_environment
from harness.places import BUCKLER, PATIENCE, ROOT

SCRIPT = [sys.executable, "-W", "error", "-m", "buckler"]
"""As the console script does."""

FACES = {"program": [str(BUCKLER)], "wheel": SCRIPT}

INTERRUPTED = -signal.SIGINT
"""How `subprocess` tells that a signal ended it."""

MEGABYTE = 1 << 20

WRONG = 'environment = "prod"\n[server]\nhost = ["a.example"]\n'
APP = "async def app(scope, receive, send): ...\n"

# Arguments, and the exit code. What is printed is long, and the same is the same.
SAME: list[tuple[list[str], int]] = [
    ([], 2),
    (["serv"], 2),
    (["run", "--worker", "3"], 2),
    (["run", "main:app"], 2),
    (["run", "--dev"], 2),
    (["run", "main:app", "--dev", "--python", "python9"], 2),
    (["check", "--policy", "wrong.toml"], 2),
    (["check", "--policy", "gone.toml"], 2),
    (["check", "--policy", "wrong.toml", "--json"], 2),
    (["check", "--dev", "--app", "main:gone", "--python", sys.executable], 1),
    (["explain", "GET", "https://localhost/a/../b", "--dev"], 1),
    (["explain", "GET", "/a", "--dev", "--json"], 0),
    (["explain", "GET", b"/\xff".decode(errors="surrogateescape"), "--dev"], 2),
    (["check", "--dev"], 0),
    (["schema"], 0),
    (["man", "run"], 0),
    (["completions", "bash"], 0),
    (["--help"], 0),
    (["run", "--help"], 0),
    (["--version"], 0),
]


def environment(**more: str) -> dict[str, str]:
    return clean_environment({"PYTHONPATH": str(ROOT / "python"), **more})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "wrong.toml").write_text(WRONG)
    (tmp_path / "main.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize(("arguments", "code"), SAME, ids=lambda value: " ".join(map(str, [value])))
def test_both_say_the_same(project: Path, arguments: list[str], code: int) -> None:
    done = [
        subprocess.run(
            [*face, *arguments],
            check=False,
            cwd=project,
            env=environment(),
            capture_output=True,
            timeout=PATIENCE,
        )
        for face in FACES.values()
    ]
    program, wheel = ((each.returncode, each.stdout, each.stderr) for each in done)
    assert program[0] == code, program
    assert wheel == program


@pytest.mark.parametrize("face", FACES)
def test_an_interrupt_ends_what_does_not_serve(project: Path, face: str) -> None:
    # Python's own handler would wait for Python code to run.
    process = subprocess.Popen(
        [*FACES[face], "explain", "POST", "/", "--dev", "--data", "-"],
        cwd=project,
        env=environment(),
        stdin=subprocess.PIPE,
        bufsize=0,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    try:
        # More than a pipe holds, so it is reading when this returns.
        process.stdin.write(bytes(MEGABYTE))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == INTERRUPTED
    finally:
        process.kill()
        process.communicate()


def test_other_threads_run_while_the_command_does() -> None:
    # More than a pipe holds: the thread that writes has to be let in again to close it.
    program = f"""
import os, sys, threading
from buckler.__main__ import main

reading, writing = os.pipe()
os.dup2(reading, 0)

def fill():
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b'"' + b"a" * {MEGABYTE} + b'"')

threading.Thread(target=fill, daemon=True).start()
sys.argv[1:] = ["explain", "POST", "/", "--dev", "-H", "Content-Type: application/json"]
sys.argv += ["--data", "-"]
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=False,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "admitted" in done.stdout


def test_the_wheel_s_own_interpreter_runs_the_app(project: Path) -> None:
    # R09, R80
    line = ["check", "--dev", "--app", "main:app", "--json"]
    elsewhere = environment(VIRTUAL_ENV=str(project / "elsewhere"))
    program = subprocess.run(
        [str(BUCKLER), *line], check=False, cwd=project, env=elsewhere, capture_output=True
    )
    assert program.returncode == 2
    assert b"elsewhere" in program.stderr
    wheel = subprocess.run(
        [*SCRIPT, *line], check=False, cwd=project, env=elsewhere, capture_output=True
    )
    assert wheel.returncode == 0, wheel.stderr
