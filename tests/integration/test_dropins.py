"""Drop-ins: files beside the configuration that add rules to it, and which files and folders are trusted with that."""

import contextlib
import os
import re
import signal
import stat
import threading
import time

import pytest

from harness import canary, config_text, loadcredential, process
from harness.daemon import EX_CONFIG, run

MAIN = {
    "openbao": {"address": "http://127.0.0.1:8200"},
    "approle": {"role_id": "a-role", "secret_id_file": "/nonexistent/secret_id"},
    "allow": {"main-b": {"uid": 4401, "ops": "kv.get", "paths": "m/*"}, "main-a": {"uid": 4401, "ops": "status"}},
}
CALLER, OTHER = 4401, 4402  # uids that no account needs to have
OF_OTHERS = "must be root's or this user's, since who writes it says who gets secrets"
BY_OTHERS = "chmod go-w it, since who writes it says who gets secrets"


def rule(name, paths="d/*", uid=CALLER):
    return {"allow": {name: {"uid": uid, "ops": "kv.get", "paths": paths}}}


def check(drop_ins, **kw):
    return run(MAIN, "--check-config", drop_ins=drop_ins, **kw)


def rules_in_order(done):
    """As --explain names them."""
    assert done.returncode in (0, 1), done.log
    return [line.partition(":")[0].strip("-> ") for line in done.stdout.decode().splitlines()[:-1]]


def assert_refused(done, *says):
    assert done.returncode == EX_CONFIG, done.log
    for words in says:
        assert words in done.log, done.log


class Written:
    """A configuration and a drop-in that stay, for a test to change what they are."""

    def __init__(self, directory):
        self.main = directory / "x.yaml"
        self.folder = config_text.folder_of(self.main)
        config_text.write(self.main, MAIN)
        self.drop_in = config_text.write_drop_in(self.main, "a.yaml", rule("added"))
        self.paths = {"main": self.main, "drop-in": self.drop_in, "folder": self.folder}

    def check(self, *args, path=None, **kw):
        return run(None, *(args or ("--check-config",)), "-c", path or self.main, **kw)

    def rules(self, path=None, **kw):
        return rules_in_order(self.check("--explain", f"uid={CALLER}", "probe", path=path, **kw))


@pytest.fixture
def written(scratch):
    return Written(scratch)


# -- rules from several files ----------------------------------------------------------------------------------


def test_rules_come_after_the_main_files_in_the_order_of_the_files_names():
    drop_ins = {"a.yaml": rule("lower"), "9.yaml": rule("nine"), "B.yaml": rule("upper"), "10.yaml": rule("ten"),
                "-x.yaml": rule("dash"), "_x.yaml": rule("line"), "a.b.yaml": rule("dot"),
                "z.yaml": config_text.merged(rule("z2"), rule("z1"))}
    done = run(MAIN, "--explain", f"uid={CALLER}", "probe", drop_ins=drop_ins)
    in_files = ["dash", "ten", "nine", "upper", "line", "dot", "lower", "z2", "z1"]
    assert rules_in_order(done) == ["main-b", "main-a", *in_files]


def test_the_first_that_fits_decides_over_all_files():
    words = ["--explain", f"uid={CALLER}", "kv.get", "d/x"]
    first, second = {"10-first.yaml": rule("late")}, {"05-second.yaml": rule("early")}
    assert b"allowed by the rule late\n" in run(MAIN, *words, drop_ins=first).stdout
    assert b"allowed by the rule early\n" in run(MAIN, *words, drop_ins={**first, **second}).stdout
    both = config_text.merged(MAIN, rule("of-main"))
    assert b"allowed by the rule of-main\n" in run(both, *words, drop_ins={**first, **second}).stdout


def test_a_daemon_serves_by_them(daemon, site):
    site.put("app/db", {"x": 1})
    mine = {"uid": process.UID, "ops": ["kv.get", "status"], "paths": f"{site.mount}/*"}
    settings = site.settings()
    settings["allow"] = {}
    d = daemon(settings, drop_ins={"app.yaml": {"allow": {"app": mine}}})
    assert d.get(site.mount, "app/db").ok
    assert d.put(site.mount, "app/db", {"x": 2}).code == "forbidden"
    assert d.status()["rules"] == ["app"]


@pytest.mark.root
def test_a_credential_of_a_drop_in_is_given(daemon, site, scratch):
    value = canary.run.secret()
    site.put("app/db", {"password": value})
    found = {"unit": "app.service", "id": "db", "mount": site.mount, "path": "app/db", "field": "password"}
    socket = scratch / "credentials.sock"
    daemon(site.settings(listen={"credentials_socket": str(socket)}), drop_ins={"app.yaml": {"credential": {"app": found}}})
    assert loadcredential.load(socket, "app.service", "db") == value.encode()


@pytest.mark.parametrize("path, folder", [("c.yaml", "c.yaml.d"), ("c.conf", "c.conf.d"), ("c", "c.d")])
def test_the_folder_is_named_after_the_file(scratch, path, folder):
    config_text.write(scratch / path, MAIN)
    for name in ("c.yaml.d", "c.conf.d", "c.d"):
        (scratch / name).mkdir()
        config_text.write(scratch / name / "x.yaml", rule(name.replace(".", "-")))
        config_text.settle(scratch / name)
    done = run(None, "--explain", f"uid={CALLER}", "probe", "-c", scratch / path)
    assert rules_in_order(done)[2:] == [folder.replace(".", "-")]


def test_no_folder_an_empty_one_and_files_without_a_setting_are_fine(written):
    config_text.write(written.drop_in, "# nothing yet\n")
    assert written.check().returncode == 0
    written.drop_in.unlink()
    config_text.settle(written.folder)
    assert written.check().returncode == 0
    written.folder.rmdir()
    assert written.check().returncode == 0


@pytest.mark.parametrize("text", [
    "openbao: { namespace: x }\n", "approle: { role_id: x }\n", "listen: { mode: 0666 }\n", "log: {}\n",
    "limits: { connections: 5 }\n", "audit: { level: all }\n",
])
def test_other_groups_cannot_stand_in_one(text):
    done = check({"a.yaml": f"allow: {{}}\n{text}"})
    group = text.partition(":")[0]
    assert_refused(done, f"{done.config}.d/a.yaml:2: {group}: only allow and credential can stand in a drop-in; "
                         f"this belongs in {done.config}\n")


def test_a_name_in_two_files_is_an_error_that_names_both_places():
    done = check({"a.yaml": "# 1\n# 2\nallow:\n  main-a: { uid: 0 }\n"})
    line = config_text.text(MAIN).splitlines().index("  main-a:") + 1
    where = f"{done.config}.d"
    assert_refused(done, f"{where}/a.yaml:4: allow.main-a: is set a second time, after {done.config}:{line}\n")
    done = check({"a.yaml": rule("one"), "b.yaml": rule("two"), "c.yaml": rule("one")})
    where = f"{done.config}.d"
    assert_refused(done, f"{where}/c.yaml:2: allow.one: is set a second time, after {where}/a.yaml:2\n")
    unit = {"unit": "a.service", "id": "a", "mount": "m", "path": "p"}
    done = check({"a.yaml": {"credential": {"one": unit}}, "b.yaml": {"credential": {"one": unit}}})
    where = f"{done.config}.d"
    assert_refused(done, f"{where}/b.yaml:2: credential.one: is set a second time, after {where}/a.yaml:2\n")
    assert check({"a.yaml": {"credential": {"one": unit}}, "b.yaml": rule("one")}).returncode == 0


@pytest.mark.parametrize("text, line, says", [
    ("allow:\n  a: { uid: 0, opps: read }\n", 2, "allow.a.opps: there is no such setting"),
    ("allow:\n  a: { uid: no-such-user-here }\n", 2, "allow.a.uid: "),
    ("allow:\n  a: { uid: 0\n", r"\d+", "is not closed"),
    ("alow: {}\n", 1, "alow: "),
    (b"allow: {}\n\xff\n", 2, "is not UTF-8"),
])
def test_a_broken_one_is_named_and_the_others_do_not_count(text, line, says):
    done = check({"a.yaml": rule("a-rule"), "b.yaml": text, "c.yaml": rule("c-rule")})
    assert_refused(done)
    assert re.search(rf"{re.escape(done.config)}\.d/b\.yaml:{line}: .*{re.escape(says)}", done.log), done.log


# -- which files are read --------------------------------------------------------------------------------------


def test_names_that_are_not_read_are_warned_of_where_they_look_like_drop_ins(written):
    for name in ("b.yml", "a b.yaml", "\u00e4.yaml", "a+b.yaml"):
        config_text.write(written.folder / name, "nonsense")
    quiet = ("README", "a.yaml~", "a.yaml.bak", "a.yaml.dpkg-new", ".a.yaml.swp", "a.conf", "#a.yaml#", "a.YAML")
    for name in quiet:
        config_text.write(written.folder / name, "nonsense")
    config_text.write(written.folder / ".hidden.yaml", rule("hidden"))
    (written.folder / "..data").mkdir()
    config_text.settle(written.folder)
    done = written.check()
    assert done.returncode == 0, done.log
    for name in ("b.yml", "a b.yaml", "a+b.yaml"):
        wanted = "is not read: a drop-in's name has letters, digits, . _ - and ends in .yaml"
        assert f"{written.folder}/{name}: {wanted}\n" in done.log
    assert done.log.count("is not read") in (4, 5)  # with or without the hidden one
    assert not [name for name in quiet if f"/{name}:" in done.log]
    assert written.rules() == ["main-b", "main-a", "added"]


def test_what_is_no_file_is_an_error(written):
    for make in (os.mkfifo, os.mkdir):
        path = written.folder / "b.yaml"
        make(path)
        config_text.settle(written.folder)
        assert_refused(written.check(), f"{path}: not a regular file")
        (os.rmdir if path.is_dir() else os.unlink)(path)
    (written.folder / "b.yaml").symlink_to("nowhere")
    config_text.settle(written.folder)
    assert_refused(written.check(), f"{written.folder}/b.yaml: No such file or directory")
    process.remove(written.folder)
    config_text.write(written.folder, "")
    assert_refused(written.check(), str(written.folder))


def test_symbolic_links_are_followed(written, scratch):
    """Also as Kubernetes lays out a ConfigMap: names that lead through ..data into a folder that is replaced as a whole."""
    away = scratch / "away"
    away.mkdir()
    config_text.write(away / "real", rule("linked"))
    (written.folder / "l.yaml").symlink_to(away / "real")
    volume = written.folder / "..2026_01_01"
    volume.mkdir()
    config_text.write(volume / "m.yaml", rule("mapped"))
    (written.folder / "..data").symlink_to(volume.name)
    (written.folder / "m.yaml").symlink_to("..data/m.yaml")
    config_text.settle(written.folder)
    assert written.rules()[2:] == ["added", "linked", "mapped"]
    # A linked main file has the folder that is named after the link.
    main = away / "main.yaml"
    main.symlink_to(written.main)
    assert written.rules(path=main) == ["main-b", "main-a"]
    config_text.folder_of(main).symlink_to(written.folder)
    assert written.rules(path=main)[2:] == ["added", "linked", "mapped"]


# -- which files are trusted -----------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.parametrize("which", ["main", "drop-in", "folder"])
def test_what_belongs_to_another_user_is_refused(written, which):
    path = written.paths[which]
    os.chown(path, OTHER, 0)
    assert_refused(written.check(), f"{path}: belongs to uid {OTHER}: it {OF_OTHERS}")
    assert_refused(written.check("--explain", "uid=0", "status"), f"{path}: belongs to uid {OTHER}: ")
    os.chown(path, 0, OTHER)  # a group may read it
    assert written.check().returncode == 0


@pytest.mark.root
def test_the_daemons_own_user_is_trusted_as_root_is(written):
    as_other = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    assert written.check(prefix=as_other).returncode == 0
    for path in written.paths.values():
        os.chown(path, OTHER, OTHER)
    assert written.check(prefix=as_other).returncode == 0
    os.chown(written.drop_in, CALLER, OTHER)
    assert_refused(written.check(prefix=as_other), f"{written.drop_in}: belongs to uid {CALLER}: ")


@pytest.mark.parametrize("which", ["main", "drop-in", "folder"])
@pytest.mark.parametrize("also", [stat.S_IWGRP, stat.S_IWOTH])
def test_what_others_may_write_is_refused(written, which, also):
    path = written.paths[which]
    mode = stat.S_IMODE(path.stat().st_mode) | also
    path.chmod(mode)
    assert_refused(written.check(), f"{path}: can be written by others than its owner (mode {mode:04o}): {BY_OTHERS}")


@pytest.mark.root
def test_of_a_link_the_target_counts(written, scratch):
    target = scratch / "target"
    config_text.write(target, rule("linked"))
    link = written.folder / "l.yaml"
    link.symlink_to(target)
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    config_text.settle(written.folder)
    assert written.rules()[2:] == ["added", "linked"]
    target.chmod(0o664)
    assert_refused(written.check(), "can be written by others than its owner (mode 0664)")
    target.chmod(0o644)
    os.chown(target, OTHER, 0)
    assert_refused(written.check(), f"belongs to uid {OTHER}: ")


@pytest.mark.root
def test_a_folder_that_all_may_write_is_trusted_on_a_read_only_mount(written, scratch):
    """As that of a ConfigMap in a pod."""
    process.need_mount_namespace()
    volume = scratch / "volume"
    steps = ["mount --make-rprivate /", f"mount -t tmpfs -o mode=0777 volume {volume}", f"cp {written.drop_in} {volume}",
             f"touch -d '-10 seconds' {volume} {volume}/*", f"mount --bind {volume} {written.folder}"]
    volume.mkdir()

    def mounted(*more):
        return ["unshare", "-m", "sh", "-c", f"{' && '.join([*steps, *more])} && exec \"$@\"", "sh"]

    says = f"{written.folder}: can be written by others than its owner (mode 0777)"
    assert_refused(written.check(prefix=mounted()), says)
    read_only = mounted(f"mount -o remount,bind,ro {written.folder}")
    assert written.rules(prefix=read_only)[2:] == ["added"]


@pytest.mark.root
def test_a_folder_within_a_read_only_mount_is_trusted_as_any_other(written):
    """ProtectSystem= makes whole file systems read-only for the daemon alone; others can write them."""
    process.need_mount_namespace()
    above = written.folder.parent
    written.folder.chmod(0o777)
    within = ["mount --make-rprivate /", f"mount --bind {above} {above}", f"mount -o remount,bind,ro {above}",
              f"! touch {written.folder}/x 2>/dev/null"]

    def mounted(*more):
        return ["unshare", "-m", "sh", "-c", f"{' && '.join([*within, *more])} && exec \"$@\"", "sh"]

    says = f"{written.folder}: can be written by others than its owner (mode 0777)"
    assert_refused(written.check(prefix=mounted()), says)
    itself = mounted(f"mount --bind {written.folder} {written.folder}", f"mount -o remount,bind,ro {written.folder}")
    assert written.rules(prefix=itself)[2:] == ["added"]


# -- reloads ---------------------------------------------------------------------------------------------------


class Served:
    """A daemon without rules of its own, so that a drop-in gives what a caller gets. It needs no OpenBao for that."""

    def __init__(self, daemon):
        settings = config_text.merged(MAIN, {"openbao": {"address": f"http://127.0.0.1:{process.free_port()}"}, "allow": None})
        self.daemon = daemon(settings, wait="socket")
        assert self.daemon.ping().ok  # a signal is heard by then; the socket is there a little before

    def rules(self):
        with self.daemon.connect() as c:
            return c.call("status").json.get("rules")

    def hang_up(self, word="reloaded", timeout=10):
        before = self.daemon.log.count(word)
        self.daemon.signal(signal.SIGHUP)
        process.wait_until(lambda: self.daemon.log.count(word) > before, process.patience(timeout), f"the log says {word}")

    @staticmethod
    def allowing(name):
        return {"allow": {name: {"uid": process.UID, "ops": "status"}}}


@pytest.fixture
def served(daemon):
    return Served(daemon)


def test_a_reload_takes_what_came_and_drops_what_went(served):
    assert served.rules() is None
    one = served.daemon.drop_in("one.yaml", served.allowing("one"))
    assert served.rules() is None
    served.hang_up()
    assert served.rules() == ["one"]
    served.daemon.drop_in("two.yaml", served.allowing("two"))
    served.hang_up()
    assert served.rules() == ["one", "two"]
    one.unlink()
    config_text.settle(one.parent)
    served.hang_up()
    assert served.rules() == ["two"]


def test_a_reload_with_a_broken_one_changes_nothing(served):
    served.daemon.drop_in("one.yaml", served.allowing("one"))
    served.hang_up()
    path = served.daemon.drop_in("two.yaml", "allow:\n  two: { uid: 0, ops: kv.gte }\n")
    served.daemon.drop_in("one.yaml", served.allowing("other"))
    served.hang_up("stays in force")
    assert f"{path}:2: allow.two.ops: " in served.daemon.log
    assert served.rules() == ["one"]
    path.chmod(0o666)
    served.hang_up("stays in force")
    assert f"{path}: can be written by others than its owner (mode 0666)" in served.daemon.log


@pytest.mark.parametrize("which", ["drop-in", "folder", "main"])
def test_a_reload_is_done_later_where_a_file_has_just_changed(served, which):
    """It is not known yet whether that has been written to its end. What is asked for meanwhile is answered at once."""
    path = served.daemon.drop_in("one.yaml", served.allowing("one"))
    os.utime({"drop-in": path, "folder": path.parent, "main": served.daemon.config}[which])
    changed = time.time()
    served.daemon.signal(signal.SIGHUP)
    process.wait_until(lambda: "reloading" in served.daemon.log, process.patience(5), "the signal is seen")
    began = time.monotonic()
    assert served.rules() is None
    assert time.monotonic() - began < process.patience(0.4)
    assert "reloaded" not in served.daemon.log
    served.daemon.wait_log("reloaded")
    assert time.time() - changed > 0.9
    assert served.rules() == ["one"]


@contextlib.contextmanager
def changing(path):
    """Its time of change is always now."""
    done = threading.Event()

    def change():
        while not done.wait(0.05):
            os.utime(path)

    os.utime(path)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_reload_gives_up_on_a_file_that_keeps_changing(served):
    served.daemon.drop_in("one.yaml", served.allowing("one"))
    served.hang_up()
    path = served.daemon.drop_in("one.yaml", served.allowing("other"))
    with changing(path):
        served.hang_up("stays in force", timeout=15)
    assert str(path) in [line for line in served.daemon.log.splitlines() if "stays in force" in line][-1]
    assert served.rules() == ["one"]
    served.hang_up()
    assert served.rules() == ["other"]


def test_a_signal_that_comes_while_a_reload_waits_is_not_lost(served):
    path = served.daemon.drop_in("one.yaml", served.allowing("one"))
    os.utime(path)
    served.daemon.signal(signal.SIGHUP)
    process.wait_until(lambda: "reloading" in served.daemon.log, process.patience(5), "the signal is seen")
    served.daemon.drop_in("one.yaml", served.allowing("other"))
    served.daemon.signal(signal.SIGHUP)
    process.wait_until(lambda: served.rules() == ["other"], process.patience(10), "the last rules are in force")


def test_a_daemon_can_be_stopped_while_a_reload_waits(served):
    path = served.daemon.drop_in("one.yaml", served.allowing("one"))
    with changing(path):
        served.daemon.signal(signal.SIGHUP)
        process.wait_until(lambda: "reloading" in served.daemon.log, process.patience(5), "the signal is seen")
        served.daemon.stop(5)


# -- starts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["main", "drop-in", "folder"])
def test_a_check_waits_until_a_file_that_just_changed_is_a_second_old(written, which):
    os.utime(written.paths[which])
    began = time.time()
    assert written.check().returncode == 0
    assert time.time() - began > 0.8
    began = time.time()
    assert written.check().returncode == 0
    assert time.time() - began < process.patience(0.4)


def test_a_check_gives_up_on_a_file_that_keeps_changing(written):
    with changing(written.drop_in):
        assert_refused(written.check(timeout=15), str(written.drop_in))
