/*
 * Users and groups of this machine, by name or by number.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "daemon/host/users.h"

#define UNTOUCHED 4711

static void test_users_and_groups_are_names_or_numbers(void **state)
{
	struct error why;
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_int_equal(users_find("root", &uid, &why), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(users_find("4294967294", &uid, &why), 0);
	assert_int_equal(uid, 4294967294u);
	assert_int_equal(users_find_group("root", &gid, &why), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(users_find_group("1234567", &gid, &why), 0);
	assert_int_equal(gid, 1234567);
}

/* (uid_t)-1 means "leave it" to chown(2) and the like; 2^32 must not wrap around to root. */
static void test_ids_out_of_range_are_refused(void **state)
{
	static const char *const bad[] = { "4294967295", "4294967296", "18446744073709551616", "-1", "" };
	struct error why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uid_t uid = UNTOUCHED;
		gid_t gid = UNTOUCHED;

		assert_int_equal(users_find(bad[i], &uid, &why), -1);
		assert_int_equal(users_find_group(bad[i], &gid, &why), -1);
		assert_int_equal(uid, UNTOUCHED);
		assert_int_equal(gid, UNTOUCHED);
	}
}

static void test_unknown_users_and_groups_are_named(void **state)
{
	struct error why;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(users_find("no-such-user", &uid, &why), -1);
	assert_string_equal(why.text, "there is no user \"no-such-user\" on this machine");
	assert_int_equal(users_find_group("no\nsuch", &gid, &why), -1);
	assert_string_equal(why.text, "there is no group \"no?such\" on this machine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users_and_groups_are_names_or_numbers),
		cmocka_unit_test(test_ids_out_of_range_are_refused),
		cmocka_unit_test(test_unknown_users_and_groups_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
