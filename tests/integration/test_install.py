"""make install and uninstall, a program built against what was installed, and what make says when something is missing."""

import contextlib
import fcntl
import os
import re
import subprocess
import tempfile

import pytest

from harness import process

pytestmark = pytest.mark.skipif(process.SANITIZED, reason="what is installed is the plain build")

VERSION = re.search(r"^VERSION := (\S+)$", (process.ROOT / "Makefile").read_text(), re.M).group(1)

PROGRAM = r"""
#include <secretstore.h>
#include <stdio.h>

int main(void)
{
	struct ss_client *client;
	int code;

	if (ss_open(&client, "/nonexistent/secretstored.sock") != SS_OK)
		return 2;
	code = ss_ping(client, 1000, NULL);
	printf("%s %s\n", ss_version(), ss_code_name(code));
	ss_close(client);
	return code == SS_NO_DAEMON ? 0 : 1;
}
"""

INSTALLED = {
    "usr/local/sbin/secretstored",
    "usr/local/bin/secretstorectl",
    "usr/local/include/secretstore.h",
    "usr/local/lib/libsecretstore.a",
    "usr/local/lib/libsecretstore.so",
    "usr/local/lib/libsecretstore.so.0",
    f"usr/local/lib/libsecretstore.so.{VERSION}",
    "usr/local/lib/pkgconfig/libsecretstore.pc",
    "usr/local/share/man/man1/secretstorectl.1",
    "usr/local/lib/systemd/system/secretstored.service",
    "usr/local/lib/systemd/system/secretstored.socket",
    "usr/local/lib/systemd/system/secretstored-credentials.socket",
    "usr/local/lib/systemd/system/secretstored-ready.service",
    "usr/local/lib/systemd/system/secretstore-snapshot.service",
    "usr/local/lib/systemd/system/secretstore-snapshot.timer",
    "usr/local/lib/sysusers.d/secretstored.conf",
    "usr/local/lib/tmpfiles.d/secretstored.conf",
    "usr/local/lib/sysusers.d/secretstore-snapshot.conf",
    "etc/secretstored/secretstored.yaml",
}


def run(*args, check=True, **extra):
    """Runs a command as if nobody had called make around it."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}
    done = subprocess.run([str(a) for a in args], cwd=process.ROOT, env={**env, **extra}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert not check or done.returncode == 0, done.stdout
    return done


def make(*args, **kw):
    return run("make", f"BUILD={process.BUILD}", *args, **kw)


def files_in(directory):
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if not p.is_dir()}


@contextlib.contextmanager
def alone():
    """Tests run side by side, but two makes in one build directory would trip over each other."""
    with open(f"{tempfile.gettempdir()}/secretstore-test-install.{process.UID}", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True)
def one_at_a_time():
    with alone():
        yield


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    with alone():
        make("install", f"DESTDIR={root}")
    return root


def pkg_config(root, *args):
    # What the file says is searched for and prefixed as when a system is built in a directory.
    return run("pkg-config", *args, "libsecretstore", PKG_CONFIG_PATH=f"{root}/usr/local/lib/pkgconfig",
               PKG_CONFIG_SYSROOT_DIR=str(root)).stdout.split()


def test_install_puts_each_file_in_its_place_and_nothing_else(installed):
    assert files_in(installed) == INSTALLED
    for path in INSTALLED:
        assert os.access(installed / path, os.X_OK) == bool(re.search(r"bin/|\.so(\.|$)", path)), path


def test_the_installed_programs_tell_the_version(installed):
    for program in ("sbin/secretstored", "bin/secretstorectl"):
        assert VERSION in run(installed / "usr/local" / program, "--version").stdout
    assert pkg_config(installed, "--modversion") == [VERSION]


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_a_program_builds_and_runs_against_the_installed_library(installed, tmp_path, kind):
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM)
    libs = pkg_config(installed, "--libs")
    if kind == "static":
        # Only this library: what it needs is on every system.
        libs = pkg_config(installed, "--libs", "--static")
        libs[libs.index("-lsecretstore")] = "-l:libsecretstore.a"
    # Strict C11: the header must stand on its own.
    run("cc", "-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-o", program, source,
        *pkg_config(installed, "--cflags"), *libs)
    library = installed / "usr/local/lib"
    needed = run("readelf", "-d", program).stdout
    assert ("libsecretstore.so.0" in needed) == (kind == "shared")
    done = run(program, LD_LIBRARY_PATH=str(library) if kind == "shared" else "")
    assert done.stdout == f"{VERSION} no_daemon\n"


def test_the_client_library_needs_only_what_every_debian_has(installed):
    needed = run("readelf", "-d", installed / "usr/local/lib/libsecretstore.so").stdout
    assert "libc.so.6" in needed
    assert set(re.findall(r"NEEDED.*\[(.*)\]", needed)) <= {"libc.so.6", "libz.so.1", "libmd.so.0"}
    dpkg = run("dpkg-query", "-W", "-f=${Pre-Depends}", "dpkg").stdout
    assert "zlib1g" in dpkg and "libmd0" in dpkg


def test_a_program_with_the_shared_library_needs_no_other_to_be_installed_for_compiling(installed):
    assert pkg_config(installed, "--libs")[-1] == "-lsecretstore"


def test_uninstall_removes_what_install_made(tmp_path):
    make("install", f"DESTDIR={tmp_path}")
    make("uninstall", f"DESTDIR={tmp_path}")
    assert files_in(tmp_path) == set()
    assert not (tmp_path / "etc/secretstored").exists()


def test_a_changed_config_survives_install_and_uninstall(tmp_path):
    conf = tmp_path / "etc/secretstored/secretstored.yaml"
    make("install", f"DESTDIR={tmp_path}")
    conf.write_text("# mine\n")
    assert "kept" in make("install", f"DESTDIR={tmp_path}").stdout
    assert "kept" in make("uninstall", f"DESTDIR={tmp_path}").stdout
    assert files_in(tmp_path) == {"etc/secretstored/secretstored.yaml"}
    assert conf.read_text() == "# mine\n"


def test_the_places_can_be_chosen(tmp_path):
    places = ["PREFIX=/usr", "LIBDIR=/usr/lib/here", "SBINDIR=/usr/bin", "SYSCONFDIR=/usr/etc", f"DESTDIR={tmp_path}"]
    make("install", *places)
    assert {"usr/bin/secretstored", "usr/bin/secretstorectl", "usr/lib/here/libsecretstore.so", "usr/include/secretstore.h",
            "usr/etc/secretstored/secretstored.yaml"} <= files_in(tmp_path)
    unit = tmp_path / "usr/lib/systemd/system/secretstore-snapshot.service"
    assert "\nExecStart=/usr/bin/secretstorectl snapshot save " in unit.read_text()
    unit = tmp_path / "usr/lib/systemd/system/secretstored.service"
    assert "\nExecStart=/usr/bin/secretstored -c /usr/etc/secretstored/secretstored.yaml\n" in unit.read_text()
    for unit in unit.parent.iterdir():
        assert not re.search(r"@[A-Z0-9_]+@", unit.read_text()), unit
    assert "libdir=/usr/lib/here\n" in (tmp_path / "usr/lib/here/pkgconfig/libsecretstore.pc").read_text()
    make("uninstall", *places)
    assert files_in(tmp_path) == set()
    make("all")  # the pkg-config file in the build directory is as it was


@pytest.mark.parametrize("version, lines, others", [
    ("252", {"Type=notify"}, {"RefreshOnReload"}),
    ("253", {"Type=notify-reload"}, {"RefreshOnReload"}),
    ("257.13", {"Type=notify-reload"}, {"RefreshOnReload"}),
    ("262", {"Type=notify-reload", "RefreshOnReload=extensions credentials"}, set()),
])
def test_the_units_are_for_one_version_of_systemd(tmp_path, version, lines, others):
    make("install", f"DESTDIR={tmp_path}", f"SYSTEMD_VERSION={version}")
    unit = (tmp_path / "usr/local/lib/systemd/system/secretstored.service").read_text().splitlines()
    assert lines | {"RestartSec=500ms", "StartLimitIntervalSec=0"} <= set(unit)
    assert not others & {line.partition("=")[0] for line in unit}
    assert not [line for line in unit if line.startswith("@")]
    make("all")


def test_nothing_is_compiled_twice():
    make("all")
    assert make("-q", "all", check=False).returncode == 0


def test_missing_libraries_are_all_named_with_their_packages_before_anything_is_compiled(tmp_path):
    done = run("make", f"BUILD={tmp_path}/build", check=False, PKG_CONFIG_LIBDIR="/nonexistent")
    assert done.returncode != 0
    for package in ("libevent-dev", "libcurl4-openssl-dev", "libjansson-dev", "libssl-dev", "libyaml-dev", "zlib1g-dev",
                    "libmd-dev"):
        assert f"(apt-get install {package})" in done.stdout
    assert "make setup" in done.stdout
    assert " CC " not in done.stdout


def test_a_missing_compiler_is_named_with_its_package(tmp_path):
    done = run("make", f"BUILD={tmp_path}/build", "CC=clang-none", check=False)
    assert done.returncode != 0
    assert "missing: the compiler clang-none (apt-get install clang)" in done.stdout


def test_clean_uninstall_and_help_need_no_libraries(tmp_path):
    for goal in ("help", "clean", "uninstall"):
        run("make", "-n", f"BUILD={tmp_path}/build", f"DESTDIR={tmp_path}", goal, PKG_CONFIG_LIBDIR="/nonexistent")
    assert not (tmp_path / "build").exists()
