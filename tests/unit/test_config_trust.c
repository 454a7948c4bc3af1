/*
 * The files that a configuration is taken from: who may write them, and what becomes of those that are just being
 * changed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/config_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULE(name) "allow: { " name ": { uid: 0, ops: status } }\n"
#define STRANGER 4711 /* a user that is neither root nor the one who runs the test */

static void test_who_else_can_write_a_file_is_refused(void **state)
{
	static const mode_t bad[] = { 0664, 0646, 0620, 0602, 0666, 0777 };
	static const mode_t good[] = { 0644, 0600, 0640, 0444, 0755, 0400 };
	char wanted[200];

	(void)state;
	fixture_write_dropin("a.yaml", RULE("a"));
	fixture_write_good("");
	for (size_t i = 0; i < COUNT(good); i++) {
		chmod(fixture_file(), good[i]);
		chmod(fixture_dropin("a.yaml"), good[i]);
		chmod(fixture_dropins(), good[i] | 0700);
		fixture_has_rules("a ");
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *const paths[] = { fixture_file(), fixture_dropin("a.yaml"), fixture_dropins() };

		for (size_t k = 0; k < COUNT(paths); k++) {
			mode_t before = k == 2 ? 0755 : 0644, mode = k == 2 ? bad[i] | 0700 : bad[i];

			chmod(paths[k], mode);
			snprintf(wanted, sizeof(wanted),
			    ": can be written by others than its owner (mode %04o): chmod go-w it, since who "
			    "writes it says who gets secrets",
			    mode);
			fixture_refuses_file(paths[k], wanted);
			chmod(paths[k], before);
		}
	}
	fixture_has_rules("a ");
}

static void skip_unless_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void test_a_file_of_another_user_is_refused(void **state)
{
	static const char wanted[] =
	    ": belongs to uid 4711: it must be root's or this user's, since who writes it says who gets secrets";

	(void)state;
	skip_unless_root();
	fixture_write_dropin("a.yaml", RULE("a"));
	fixture_write_good("");
	for (int k = 0; k < 3; k++) {
		const char *path = k == 0 ? fixture_file() : k == 1 ? fixture_dropin("a.yaml") : fixture_dropins();

		assert_int_equal(chown(path, STRANGER, (gid_t)-1), 0);
		fixture_refuses_file(path, wanted);
		assert_int_equal(chown(path, 0, STRANGER), 0);
	}
	fixture_has_rules("a ");
}

static void test_a_user_may_have_files_of_his_own_and_of_root(void **state)
{
	char directory[100];

	(void)state;
	skip_unless_root();
	fixture_write_dropin("a.yaml", RULE("a"));
	fixture_write_good("");
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(fixture_file(), '/') - fixture_file()),
	    fixture_file());
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(seteuid(STRANGER), 0);
	fixture_has_rules("a ");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(fixture_file(), STRANGER, (gid_t)-1), 0);
	assert_int_equal(chown(fixture_dropins(), STRANGER, (gid_t)-1), 0);
	assert_int_equal(seteuid(STRANGER), 0);
	fixture_has_rules("a ");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(fixture_dropin("a.yaml"), STRANGER + 1, (gid_t)-1), 0);
	assert_int_equal(seteuid(STRANGER), 0);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": belongs to uid 4712: ");
	assert_int_equal(seteuid(0), 0);
}

/* A link is followed, and the owner and mode of its target count. */
static void test_links_are_followed_and_their_targets_count(void **state)
{
	char elsewhere[200], folder[200];

	(void)state;
	fixture_write_dropin("target", RULE("a"));
	fixture_write_good("");
	assert_int_equal(symlink("target", fixture_dropin("a.yaml")), 0);
	fixture_age(fixture_dropins(), 10);
	fixture_has_rules("a ");
	chmod(fixture_dropin("target"), 0664);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": can be written by others than its owner (mode 0664)");
	chmod(fixture_dropin("target"), 0644);
	if (geteuid() == 0) {
		assert_int_equal(lchown(fixture_dropin("a.yaml"), STRANGER, (gid_t)-1), 0);
		fixture_has_rules("a ");
		assert_int_equal(chown(fixture_dropin("target"), STRANGER, (gid_t)-1), 0);
		fixture_refuses_file(fixture_dropin("a.yaml"), ": belongs to uid 4711");
		assert_int_equal(chown(fixture_dropin("target"), 0, (gid_t)-1), 0);
	}
	snprintf(elsewhere, sizeof(elsewhere), "%s.real", fixture_file());
	snprintf(folder, sizeof(folder), "%s.real", fixture_dropins());
	assert_int_equal(rename(fixture_file(), elsewhere), 0);
	assert_int_equal(rename(fixture_dropins(), folder), 0);
	assert_int_equal(symlink(elsewhere, fixture_file()), 0);
	assert_int_equal(symlink(folder, fixture_dropins()), 0);
	fixture_has_rules("a ");
	chmod(elsewhere, 0602);
	fixture_refuses_file(fixture_file(), ": can be written by others than its owner (mode 0602)");
	chmod(elsewhere, 0600);
	chmod(folder, 0775);
	fixture_refuses_file(fixture_dropins(), ": can be written by others than its owner (mode 0775)");
}

static void test_a_link_to_nowhere_is_an_error(void **state)
{
	(void)state;
	fixture_write_good("");
	fixture_write_dropin("b.yaml", RULE("b"));
	assert_int_equal(symlink("nowhere", fixture_dropin("a.yaml")), 0);
	fixture_age(fixture_dropins(), 10);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": No such file or directory");
	unlink(fixture_dropin("a.yaml"));
	assert_int_equal(symlink("a.yaml", fixture_dropin("a.yaml")), 0);
	fixture_age(fixture_dropins(), 10);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": ");
}

static bool by_others(const struct error *error)
{
	return strstr(error->text, "can be written by others than its owner (mode 0777)") != NULL;
}

/*
 * The folder for drop-ins, of mode 0777, is within a mount that is read-only, and then a mount of its own. A
 * child process loads it in a mount namespace of its own. Its exit status is 0 if it was refused and then taken,
 * 1 if not, 77 if there can be no such mounts.
 */
static int load_within_read_only_mount(void)
{
	struct error error = { .text = "" };
	const char *folder = fixture_dropins();
	char above[96];
	struct config *c;

	snprintf(above, sizeof(above), "%.*s", (int)(strrchr(folder, '/') - folder), folder);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", above, "tmpfs", 0, "mode=0755") != 0)
		return 77;
	fixture_write_good("");
	if (mkdir(folder, 0755) != 0)
		return 77;
	fixture_write_dropin("a.yaml", RULE("a"));
	if (chmod(folder, 0777) != 0 || mount(NULL, above, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
		return 77;
	if (config_load(fixture_file(), CONFIG_START, &error) != NULL || !by_others(&error))
		return 1;
	if (mount(folder, folder, NULL, MS_BIND, NULL) != 0)
		return 77;
	c = config_load(fixture_file(), CONFIG_START, &error);
	if (c == NULL)
		fprintf(stderr, "%s\n", error.text);
	return c != NULL && c->rules.nrules == 1 ? 0 : 1;
}

/*
 * A ConfigMap's folder is 0777 on a mount of its own that nobody can write. A child process loads such a folder in
 * a mount namespace of its own. Its exit status is 0 if it was taken, 1 if not, 77 if there can be no such mount.
 */
static int load_in_read_only_folder(void)
{
	struct error error;
	struct config *c;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", fixture_dropins(), "tmpfs", 0, "mode=0777") != 0)
		return 77;
	fixture_write_dropin("a.yaml", RULE("a"));
	if (config_load(fixture_file(), CONFIG_START, &error) != NULL)
		return 1;
	if (mount(NULL, fixture_dropins(), NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
		return 77;
	c = config_load(fixture_file(), CONFIG_START, &error);
	if (c == NULL)
		fprintf(stderr, "%s\n", error.text);
	return c != NULL && c->rules.nrules == 1 ? 0 : 1;
}

static void succeeds_in_child(int (*load)(void))
{
	int status;
	pid_t pid;

	skip_unless_root();
	fixture_write_good("");
	assert_int_equal(mkdir(fixture_dropins(), 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(load());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_a_folder_on_a_read_only_mount_may_have_any_mode(void **state)
{
	(void)state;
	succeeds_in_child(load_in_read_only_folder);
}

static void test_a_folder_within_a_read_only_mount_may_not(void **state)
{
	(void)state;
	succeeds_in_child(load_within_read_only_mount);
}

/* Loads the file as a running daemon does. Sets *ret_again_ms as config_load_again() does. */
static bool loads_again(unsigned *ret_again_ms, struct error *error)
{
	struct config before = { .holds = 1 }, *config;

	error->text[0] = '\0';
	*ret_again_ms = 4711;
	config = config_load_again(fixture_file(), &before, ret_again_ms, error);
	config_free(config);
	return config != NULL;
}

/* Fails unless the error says that path is just being changed. Gives in how many milliseconds to load again. */
static unsigned is_fresh(const char *path)
{
	struct error error;
	unsigned again_ms;

	if (loads_again(&again_ms, &error))
		fail_msg("%s was taken", path);
	if (again_ms < 1 || again_ms > 1000)
		fail_msg("is to be loaded again in %u ms: %s", again_ms, error.text);
	if (strncmp(error.text, path, strlen(path)) != 0 || error.text[strlen(path)] != ':')
		fail_msg("%s\ndoes not name %s", error.text, path);
	return again_ms;
}

static void is_settled(void)
{
	struct error error;
	unsigned again_ms;

	if (!loads_again(&again_ms, &error))
		fail_msg("%s", error.text);
	assert_int_equal(again_ms, 0);
}

/* Fails unless the file is one that the operator has to mend, so that another look would not help. */
static void is_wrong(void)
{
	struct error error;
	unsigned again_ms;

	if (loads_again(&again_ms, &error))
		fail_msg("was taken");
	if (again_ms != 0)
		fail_msg("is to be loaded again in %u ms: %s", again_ms, error.text);
}

/*
 * A file that someone is writing may end anywhere, and a rule without its last keys may allow more than the whole
 * rule. A file that was changed a second ago is taken for complete.
 */
static void test_a_file_that_was_changed_just_now_is_not_trusted(void **state)
{
	const char *dropin = fixture_dropin("a.yaml");

	(void)state;
	fixture_write_good("");
	fixture_age(fixture_file(), 0);
	is_fresh(fixture_file());
	fixture_age(fixture_file(), 0.5);
	assert_in_range(is_fresh(fixture_file()), 1, 500);
	fixture_age(fixture_file(), 1.01);
	is_settled();
	fixture_write_dropin("a.yaml", RULE("a"));
	fixture_age(dropin, 0);
	is_fresh(dropin);
	fixture_age(dropin, 10);
	is_settled();
	fixture_age(fixture_dropins(), 0);
	is_fresh(fixture_dropins());
	fixture_age(fixture_dropins(), 10);
	is_settled();
	/* A file that has gone again leaves only the folder changed. */
	unlink(dropin);
	is_fresh(fixture_dropins());
	fixture_age(fixture_dropins(), 10);
	is_settled();
}

/* The text of a file that may be half written is not judged, however wrong it is. */
static void test_a_wrong_file_that_was_changed_just_now_is_not_judged(void **state)
{
	const char *dropin = fixture_dropin("a.yaml");

	(void)state;
	fixture_write("openbao: { addr", 15);
	fixture_age(fixture_file(), 0);
	is_fresh(fixture_file());
	fixture_age(fixture_file(), 10);
	is_wrong();
	fixture_write_good("");
	fixture_write_dropin("a.yaml", "allow:\n  web:\n    uid: 0\n    op");
	fixture_age(dropin, 0);
	is_fresh(dropin);
	fixture_age(dropin, 10);
	is_wrong();
}

static void test_a_fresh_file_that_others_can_write_is_wrong_at_once(void **state)
{
	(void)state;
	fixture_write_good("");
	chmod(fixture_file(), 0666);
	fixture_age(fixture_file(), 0);
	is_wrong();
	unlink(fixture_file());
	is_wrong();
}

/* A machine whose clock was set back must not wait until that time has come again. */
static void test_a_file_from_the_future_is_taken(void **state)
{
	(void)state;
	fixture_write_dropin("a.yaml", RULE("a"));
	fixture_write_good("");
	fixture_age(fixture_file(), -3600);
	fixture_age(fixture_dropin("a.yaml"), -3600);
	fixture_age(fixture_dropins(), -3600);
	is_settled();
	fixture_has_rules("a ");
}

static void test_after_the_time_that_was_said_it_loads(void **state)
{
	unsigned again_ms;

	(void)state;
	fixture_write_good("");
	fixture_age(fixture_file(), 0.7);
	again_ms = is_fresh(fixture_file());
	assert_in_range(again_ms, 1, 300);
	usleep(again_ms * 1000);
	is_settled();
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/*
 * A daemon that starts waits until the file is a second old. The credentials that it took from the environment
 * before are still there then.
 */
static void test_a_start_waits_for_a_file_that_is_being_changed(void **state)
{
	struct error error = { .text = "" };
	struct config *c;
	double from;

	(void)state;
	fixture_write(FIXTURE_OPENBAO, strlen(FIXTURE_OPENBAO));
	setenv("OPENBAO_APPROLE_ROLE_ID", "role-of-environment", 1);
	setenv("OPENBAO_APPROLE_SECRET_ID", "secret-of-environment", 1);
	fixture_age(fixture_file(), 0.6);
	from = now_seconds();
	c = fixture_load_file();
	assert_true(now_seconds() - from > 0.25);
	assert_string_equal(c->approle.role_id, "role-of-environment");
	assert_string_equal(c->approle.secret_id, "secret-of-environment");
	assert_null(getenv("OPENBAO_APPROLE_ROLE_ID"));
	assert_null(getenv("OPENBAO_APPROLE_SECRET_ID"));
	config_free(c);
	fixture_age(fixture_file(), 0.6);
	from = now_seconds();
	c = config_load(fixture_file(), CONFIG_FILES, &error);
	if (c == NULL)
		fail_msg("%s", error.text);
	assert_true(now_seconds() - from > 0.25);
	config_free(c);
}

static void test_a_start_does_not_wait_for_a_file_that_is_wrong(void **state)
{
	double from = now_seconds();

	(void)state;
	fixture_write("nonsense", 8);
	fixture_refused_file();
	assert_true(now_seconds() - from < 0.9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_who_else_can_write_a_file_is_refused),
		TEST(test_a_file_of_another_user_is_refused),
		TEST(test_a_user_may_have_files_of_his_own_and_of_root),
		TEST(test_links_are_followed_and_their_targets_count),
		TEST(test_a_link_to_nowhere_is_an_error),
		TEST(test_a_folder_on_a_read_only_mount_may_have_any_mode),
		TEST(test_a_folder_within_a_read_only_mount_may_not),
		TEST(test_a_file_that_was_changed_just_now_is_not_trusted),
		TEST(test_a_wrong_file_that_was_changed_just_now_is_not_judged),
		TEST(test_a_fresh_file_that_others_can_write_is_wrong_at_once),
		TEST(test_a_file_from_the_future_is_taken),
		TEST(test_after_the_time_that_was_said_it_loads),
		TEST(test_a_start_waits_for_a_file_that_is_being_changed),
		TEST(test_a_start_does_not_wait_for_a_file_that_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
