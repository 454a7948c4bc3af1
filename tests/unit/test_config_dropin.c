/*
 * The drop-ins beside the config file: which files they are, in which order they count, and what they may hold.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/config_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULE(name) "allow: { " name ": { uid: 0, ops: status } }\n"
#define CREDENTIAL(name) "credential: { " name ": { unit: a.service, id: a, mount: a, path: a } }\n"

static void assert_contains(const char *error, const char *what)
{
	if (strstr(error, what) == NULL)
		fail_msg("%s\ndoes not contain: %s", error, what);
}

static void test_there_need_be_no_folder(void **state)
{
	(void)state;
	fixture_write_good("");
	fixture_has_rules("");
	assert_int_equal(mkdir(fixture_dropins(), 0755), 0);
	fixture_age(fixture_dropins(), 10);
	fixture_has_rules("");
}

static void test_rules_of_drop_ins_are_added(void **state)
{
	struct config *c;

	(void)state;
	fixture_write_dropin("web.yaml", "allow:\n  web:\n    uid: 0\n    ops: read\n    paths: [secret/web/*]\n");
	fixture_write_dropin("db.yaml", CREDENTIAL("db"));
	c = fixture_accepted("");
	assert_int_equal(c->rules.nrules, 1);
	assert_string_equal(c->rules.rule[0].name, "web");
	assert_string_equal(c->rules.rule[0].paths[0], "secret/web/*");
	assert_int_equal(c->credentials.nrules, 1);
	assert_string_equal(c->credentials.rule[0].name, "db");
	config_free(c);
	c = fixture_accepted(RULE("main") CREDENTIAL("main"));
	assert_int_equal(c->rules.nrules, 2);
	assert_int_equal(c->credentials.nrules, 2);
	config_free(c);
}

/* The first rule that fits decides, so the order must not be the one in which the files were made. */
static void test_drop_ins_come_after_the_file_in_order_of_their_names(void **state)
{
	struct config *c;

	(void)state;
	fixture_write_dropin("a.yaml", RULE("a1") CREDENTIAL("ca"));
	fixture_write_dropin("B.yaml", RULE("B1"));
	fixture_write_dropin("9-x.yaml", "allow:\n  n1: { uid: 0, ops: status }\n  n0: { uid: 0, ops: status }\n");
	fixture_write_dropin("a-.yaml", RULE("dash"));
	fixture_write_dropin("a_.yaml", RULE("under"));
	fixture_write_dropin("10-x.yaml", RULE("ten") CREDENTIAL("cten"));
	fixture_write_dropin("aa.yaml", RULE("aa"));
	fixture_write_dropin("A.yaml", RULE("A1"));
	fixture_write_good(CREDENTIAL("cmain") RULE("z-main"));
	fixture_has_rules("z-main ten n1 n0 A1 B1 dash a1 under aa ");
	c = fixture_load_file();
	assert_string_equal(c->credentials.rule[0].name, "cmain");
	assert_string_equal(c->credentials.rule[1].name, "cten");
	assert_string_equal(c->credentials.rule[2].name, "ca");
	config_free(c);
}

static void test_a_rule_of_one_name_in_two_files_names_both(void **state)
{
	char wanted[400];

	(void)state;
	fixture_write_dropin("10-a.yaml", "# a\n" RULE("web"));
	fixture_write_dropin("20-b.yaml",
	    "allow:\n  api: { uid: 0, ops: status }\n\n  web: { uid: 1, ops: status }\n");
	fixture_write_good("");
	snprintf(wanted, sizeof(wanted), ":4: allow.web: is set a second time, after %s:2",
	    fixture_dropin("10-a.yaml"));
	fixture_refuses_file(fixture_dropin("20-b.yaml"), wanted);
	unlink(fixture_dropin("20-b.yaml"));
	fixture_age(fixture_dropins(), 10);
	fixture_has_rules("web ");
	fixture_write_good("\n\n" RULE("web"));
	snprintf(wanted, sizeof(wanted), ":2: allow.web: is set a second time, after %s:5", fixture_file());
	fixture_refuses_file(fixture_dropin("10-a.yaml"), wanted);
	fixture_write_dropin("10-a.yaml", CREDENTIAL("web"));
	config_free(fixture_load_file());
	fixture_write_dropin("11.yaml", CREDENTIAL("web"));
	snprintf(wanted, sizeof(wanted), ":1: credential.web: is set a second time, after %s:1",
	    fixture_dropin("10-a.yaml"));
	fixture_refuses_file(fixture_dropin("11.yaml"), wanted);
}

static void test_a_group_may_stand_in_each_file_once(void **state)
{
	char wanted[400];

	(void)state;
	fixture_write_dropin("a.yaml", "allow: {}\ncredential: {}\n");
	fixture_write_dropin("b.yaml", "allow: {}\ncredential: {}\n");
	config_free(fixture_accepted("allow: {}\ncredential: {}\n"));
	fixture_write_dropin("b.yaml", RULE("a") "\n" RULE("b"));
	snprintf(wanted, sizeof(wanted), ":3: allow: is set a second time, after %s:1", fixture_dropin("b.yaml"));
	fixture_refuses_file(fixture_dropin("b.yaml"), wanted);
	fixture_write_dropin("b.yaml", "allow:\n  a: { uid: 0, ops: status }\n  a: { uid: 0, ops: status }\n");
	snprintf(wanted, sizeof(wanted), ":3: allow.a: is set a second time, after %s:2",
	    fixture_dropin("b.yaml"));
	fixture_refuses_file(fixture_dropin("b.yaml"), wanted);
}

static void test_only_rules_can_stand_in_a_drop_in(void **state)
{
	static const char *const groups[] = { "openbao", "approle", "kubernetes", "listen", "cache", "limits",
		"log", "audit", "process" };
	char text[200], wanted[400];

	(void)state;
	fixture_write_good("");
	for (size_t i = 0; i < COUNT(groups); i++) {
		snprintf(text, sizeof(text), RULE("a") "%s: {}\n", groups[i]);
		fixture_write_dropin("a.yaml", text);
		snprintf(wanted, sizeof(wanted),
		    ":2: %s: only allow and credential can stand in a drop-in; this belongs in %s", groups[i],
		    fixture_file());
		fixture_refuses_file(fixture_dropin("a.yaml"), wanted);
	}
	fixture_write_dropin("a.yaml", "log:\n  level: debug\n");
	fixture_refuses_file(fixture_dropin("a.yaml"),
	    ":1: log: only allow and credential can stand in a drop-in");
	fixture_write_dropin("a.yaml", "nonsense: {}\n");
	fixture_refuses_file(fixture_dropin("a.yaml"), ":1: nonsense: ");
	fixture_write_dropin("a.yaml", "\nmode: 0600\n");
	fixture_refuses_file(fixture_dropin("a.yaml"), ":2: mode: ");
	fixture_write_dropin("a.yaml", "web: { uid: 0, ops: status }\n");
	fixture_refuses_file(fixture_dropin("a.yaml"), ":1: web: ");
}

static void test_an_error_in_a_drop_in_names_it_with_line_and_setting(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "allow:\n  web:\n    uid: no-such\n", ":3: allow.web.uid: there is no user \"no-such\"" },
		{ "allow:\n  web:\n    uid: [0,\n     no-such]\n", ":4: allow.web.uid: item 2: there is no user" },
		{ "allow:\n  web: { ops: status }\n", ":2: allow.web: must name callers" },
		{ "allow:\n  web: { units: a }\n", ":2: allow.web.units: there is no such setting" },
		{ "credential:\n  web: { unit: a.service }\n", ":2: credential.web: must have id" },
		{ "allow:\n", ":1: allow: has no value; write {} for an empty one" },
		{ "allow:\n\tweb: {}\n", ":2: allow: a tab cannot indent: use spaces" },
		{ "allow: { web: { uid: 0, ops: write, paths: * } }",
		    ":1: allow.web.paths: a text that begins with *" },
		{ "# \x01\n", ":1: holds U+0001, which nobody sees" },
		{ RULE("a") "---\n" RULE("b"), ":2: a second document begins here" },
		{ "- allow\n", ":1: " },
		{ "allow: 5\n", ":1: allow: must be a group" },
	};

	(void)state;
	fixture_write_good("");
	fixture_write_dropin("a.yaml", RULE("first"));
	fixture_write_dropin("c.yaml", RULE("last"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		fixture_write_dropin("b.yaml", cases[i].text);
		fixture_refuses_file(fixture_dropin("b.yaml"), cases[i].error);
	}
}

static void test_a_drop_in_may_be_empty(void **state)
{
	static const char *const texts[] = { "", "# nothing\n", "---\n# nothing\n", "{}\n", "\xef\xbb\xbf" };

	(void)state;
	fixture_write_good(RULE("main"));
	for (size_t i = 0; i < COUNT(texts); i++) {
		fixture_write_dropin("a.yaml", texts[i]);
		fixture_has_rules("main ");
	}
}

static void test_names_that_are_read(void **state)
{
	static const char *const names[] = { "a.yaml", "A-1_x.y.yaml", "0.yaml", "-.yaml", "_.yaml", "a..yaml",
		"a.yaml.yaml", "a.yml.yaml" };

	(void)state;
	fixture_write_good("");
	for (size_t i = 0; i < COUNT(names); i++) {
		fixture_write_dropin(names[i], RULE("a"));
		fixture_has_rules("a ");
		unlink(fixture_dropin(names[i]));
	}
}

/* These files hold what the reader would refuse, so that they cannot have been read. */
static void test_other_names_are_ignored_and_the_likely_ones_warned_of(void **state)
{
	static const char *const warned[] = { "a.yml", "a b.yaml", "a+b.yaml", "\xc3\xa9.yaml", "a~.yaml",
		"a.yaml.yml" };
	static const char *const ignored[] = { "README", "a.conf", "a.yaml~", "a.yaml.bak", "a.yaml.dpkg-dist",
		".a.yaml.swp", "a.YAML", "yaml", "ayaml", "#a.yaml#", "a.json", "..data", ".a.yaml", ".yaml",
		"..a.yaml", ".yml", ".#a.yaml" };
	char wanted[400];

	(void)state;
	for (size_t i = 0; i < COUNT(warned); i++) {
		fixture_write_dropin(warned[i], "nonsense");
		snprintf(wanted, sizeof(wanted),
		    " is not read: a drop-in's name has letters, digits, . _ - and ends in .yaml\n");
		assert_contains(fixture_warnings(fixture_accepted(RULE("main"))), wanted);
		/* A name that cannot be printed is shown with ? in it. */
		snprintf(wanted, sizeof(wanted), "%s/%s: is not read", fixture_dropins(), warned[i]);
		if ((unsigned char)warned[i][0] < 0x80)
			assert_contains(fixture_warnings(fixture_accepted(RULE("main"))), wanted);
		unlink(fixture_dropin(warned[i]));
	}
	for (size_t i = 0; i < COUNT(ignored); i++) {
		fixture_write_dropin(ignored[i], "nonsense");
		assert_string_equal(fixture_warnings(fixture_accepted(RULE("main"))), "");
		unlink(fixture_dropin(ignored[i]));
	}
}

static void test_a_name_in_a_warning_is_printable(void **state)
{
	const char *warnings;

	(void)state;
	fixture_write_dropin("a\n\x1b[2Jb.yaml", "nonsense");
	warnings = fixture_warnings(fixture_accepted(RULE("main")));
	assert_contains(warnings, ": is not read");
	assert_ptr_equal(strchr(warnings, '\n'), warnings + strlen(warnings) - 1);
	assert_null(strchr(warnings, '\x1b'));
}

static void test_a_file_of_another_name_has_a_folder_too(void **state)
{
	char path[200], folder[220], dropin[300];
	struct error error = { .text = "" };
	struct config *c;
	FILE *f;

	(void)state;
	fixture_write_good("");
	snprintf(path, sizeof(path), "%.*s/plain.conf", (int)(strrchr(fixture_file(), '/') - fixture_file()),
	    fixture_file());
	snprintf(folder, sizeof(folder), "%s.d", path);
	snprintf(dropin, sizeof(dropin), "%s/a.yaml", folder);
	assert_int_equal(rename(fixture_file(), path), 0);
	c = config_load(path, CONFIG_START, &error);
	assert_non_null(c);
	config_free(c);
	assert_int_equal(mkdir(folder, 0755), 0);
	f = fopen(dropin, "w");
	assert_non_null(f);
	fputs(RULE("a"), f);
	fclose(f);
	fixture_age(dropin, 10);
	fixture_age(folder, 10);
	c = config_load(path, CONFIG_START, &error);
	if (c == NULL)
		fail_msg("%s", error.text);
	assert_int_equal(c->rules.nrules, 1);
	config_free(c);
}

static void test_config_load_file_reads_drop_ins(void **state)
{
	struct error error = { .text = "" };
	struct config *c;

	(void)state;
	fixture_write_dropin("a.yaml", RULE("a"));
	fixture_write("# nothing\n", 10);
	c = config_load(fixture_file(), CONFIG_FILES, &error);
	if (c == NULL)
		fail_msg("%s", error.text);
	assert_int_equal(c->rules.nrules, 1);
	config_free(c);
}

static void test_drop_ins_are_read_again_too(void **state)
{
	struct error error = { .text = "" };
	unsigned again_ms = 1;
	struct config *a = fixture_accepted(RULE("main")), *b;

	(void)state;
	fixture_write_dropin("a.yaml", RULE("a"));
	b = config_load_again(fixture_file(), a, &again_ms, &error);
	if (b == NULL)
		fail_msg("%s", error.text);
	assert_int_equal(again_ms, 0);
	assert_int_equal(b->rules.nrules, 2);
	config_free(a);
	unlink(fixture_dropin("a.yaml"));
	fixture_age(fixture_dropins(), 10);
	a = config_load_again(fixture_file(), b, &again_ms, &error);
	assert_non_null(a);
	assert_int_equal(a->rules.nrules, 1);
	config_free(a);
	config_free(b);
}

static void test_doubtful_things_in_drop_ins_are_warned_of(void **state)
{
	char wanted[400];
	const char *warnings;

	(void)state;
	fixture_write_dropin("a.yaml", "allow:\n  a:\n    uid: 0 #1\n    ops: write\n    paths: secret/web*\n");
	snprintf(wanted, sizeof(wanted), "%s:3: allow.a.uid: what follows the # is a comment",
	    fixture_dropin("a.yaml"));
	warnings = fixture_warnings(fixture_accepted(""));
	assert_contains(warnings, wanted);
	assert_contains(warnings, "allow.a.paths: \"secret/web*\": ");
}

static void test_a_drop_in_is_a_regular_file(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	(void)state;
	fixture_write_good(RULE("main"));
	assert_int_equal(mkdir(fixture_dropins(), 0755), 0);
	assert_int_equal(mkfifo(fixture_dropin("a.yaml"), 0600), 0);
	fixture_age(fixture_dropins(), 10);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": not a regular file");
	unlink(fixture_dropin("a.yaml"));
	assert_int_equal(mkdir(fixture_dropin("a.yaml"), 0755), 0);
	fixture_age(fixture_dropins(), 10);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": not a regular file");
	rmdir(fixture_dropin("a.yaml"));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strncpy(at.sun_path, fixture_dropin("a.yaml"), sizeof(at.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
	fixture_age(fixture_dropins(), 10);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": ");
	unlink(fixture_dropin("a.yaml"));
	/* Names that no drop-in has may be anything. */
	assert_int_equal(mkfifo(fixture_dropin("README"), 0600), 0);
	assert_int_equal(mkdir(fixture_dropin("old"), 0755), 0);
	fixture_age(fixture_dropins(), 10);
	fixture_has_rules("main ");
}

static void test_the_folder_must_be_a_folder(void **state)
{
	FILE *f;

	(void)state;
	fixture_write_good("");
	f = fopen(fixture_dropins(), "w");
	assert_non_null(f);
	fclose(f);
	fixture_age(fixture_dropins(), 10);
	fixture_refuses_file(fixture_dropins(), ": ");
	unlink(fixture_dropins());
	assert_int_equal(symlink("secretstored.yaml.d", fixture_dropins()), 0);
	fixture_refuses_file(fixture_dropins(), ": ");
}

static void test_a_large_drop_in_is_refused(void **state)
{
	char *text = malloc((4 << 20) + 2);

	(void)state;
	fixture_write_good("");
	memset(text, '#', (4 << 20) + 1);
	text[(4 << 20) + 1] = '\0';
	fixture_write_dropin("a.yaml", text);
	free(text);
	fixture_refuses_file(fixture_dropin("a.yaml"), ": larger than 4194304 bytes");
}

/* Kubernetes mounts a ConfigMap as links to files below a link, ..data, that it replaces when the map changes. */
static void test_a_folder_laid_out_as_a_config_map_is_read(void **state)
{
	char data[200];
	FILE *f;

	(void)state;
	fixture_write_good("");
	assert_int_equal(mkdir(fixture_dropins(), 0755), 0);
	assert_int_equal(mkdir(fixture_dropin("..2026_11_30_10_00_00.1"), 0755), 0);
	assert_int_equal(symlink("..2026_11_30_10_00_00.1", fixture_dropin("..data")), 0);
	snprintf(data, sizeof(data), "%s/web.yaml", fixture_dropin("..2026_11_30_10_00_00.1"));
	f = fopen(data, "w");
	assert_non_null(f);
	fputs(RULE("web"), f);
	fclose(f);
	assert_int_equal(symlink("..data/web.yaml", fixture_dropin("web.yaml")), 0);
	fixture_age(data, 10);
	fixture_age(fixture_dropins(), 10);
	fixture_has_rules("web ");
	assert_string_equal(fixture_warnings(fixture_load_file()), "");
}

static void test_ten_thousand_drop_ins_load(void **state)
{
	char name[40], text[80];
	struct config *c;

	(void)state;
	for (int i = 9999; i >= 0; i--) {
		snprintf(name, sizeof(name), "%04d.yaml", i);
		snprintf(text, sizeof(text), "allow: { r%04d: { uid: 0, ops: status } }\n", i);
		fixture_write_dropin(name, text);
	}
	c = fixture_accepted(RULE("main"));
	assert_int_equal(c->rules.nrules, 10001);
	assert_string_equal(c->rules.rule[0].name, "main");
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "r%04d", i);
		assert_string_equal(c->rules.rule[i + 1].name, text);
	}
	config_free(c);
	fixture_write_dropin("5000-.yaml", RULE("r0000"));
	assert_contains(fixture_refused_file(), "allow.r0000: is set a second time, after ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_there_need_be_no_folder),
		TEST(test_rules_of_drop_ins_are_added),
		TEST(test_drop_ins_come_after_the_file_in_order_of_their_names),
		TEST(test_a_rule_of_one_name_in_two_files_names_both),
		TEST(test_a_group_may_stand_in_each_file_once),
		TEST(test_only_rules_can_stand_in_a_drop_in),
		TEST(test_an_error_in_a_drop_in_names_it_with_line_and_setting),
		TEST(test_a_drop_in_may_be_empty),
		TEST(test_names_that_are_read),
		TEST(test_other_names_are_ignored_and_the_likely_ones_warned_of),
		TEST(test_a_name_in_a_warning_is_printable),
		TEST(test_a_file_of_another_name_has_a_folder_too),
		TEST(test_config_load_file_reads_drop_ins),
		TEST(test_drop_ins_are_read_again_too),
		TEST(test_doubtful_things_in_drop_ins_are_warned_of),
		TEST(test_a_drop_in_is_a_regular_file),
		TEST(test_the_folder_must_be_a_folder),
		TEST(test_a_large_drop_in_is_refused),
		TEST(test_a_folder_laid_out_as_a_config_map_is_read),
		TEST(test_ten_thousand_drop_ins_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
