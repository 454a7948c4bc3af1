/*
 * Tests of secret_name: keys, and who frees them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/secret_name.h"

static void test_a_name_gives_mount_and_path(void **state)
{
	const struct secret_name *name = secret_name_new("secret/team", "app/db");

	(void)state;
	assert_string_equal(secret_mount(name), "secret/team");
	assert_string_equal(secret_path(name), "app/db");
	secret_name_release(name);
}

static void test_a_slash_that_is_elsewhere_makes_another_key(void **state)
{
	const struct secret_name *a = secret_name_new("secret", "a/b"), *b = secret_name_new("secret/a", "b");

	(void)state;
	assert_int_equal(a->key_len, b->key_len);
	assert_memory_not_equal(a->key, b->key, a->key_len);
	secret_name_release(a);
	secret_name_release(b);
}

static void test_a_name_that_is_held_lasts(void **state)
{
	const struct secret_name *name = secret_name_new("secret", "a"), *held = secret_name_hold(name);

	(void)state;
	assert_ptr_equal(held, name);
	secret_name_release(name);
	assert_string_equal(secret_path(held), "a");
	secret_name_release(held);
	secret_name_release(NULL);
}

static void test_of_a_requests_name_a_copy_is_held(void **state)
{
	struct secret_name *name = (struct secret_name *)(uintptr_t)secret_name_new("secret", "a");
	const struct secret_name *held;

	(void)state;
	name->references = 0; /* a request sets it so */
	held = secret_name_hold(name);
	assert_ptr_not_equal(held, name);
	assert_int_equal(held->references, 1);
	assert_int_equal(held->key_len, name->key_len);
	assert_memory_equal(held->key, name->key, name->key_len);
	secret_name_release(held);
	name->references = 1;
	secret_name_release(name);
}

static void test_a_name_has_its_greatest_length(void **state)
{
	char mount[SECRET_MOUNT_MAX + 2], path[SECRET_PATH_MAX + 2];
	const struct secret_name *name;

	(void)state;
	memset(mount, 'm', sizeof(mount));
	memset(path, 'p', sizeof(path));
	mount[SECRET_MOUNT_MAX + 1] = path[SECRET_PATH_MAX + 1] = '\0';
	assert_null(secret_name_new(mount, "a"));
	assert_null(secret_name_new("a", path));
	name = secret_name_new(mount + 1, path + 1);
	assert_int_equal(name->key_len, SECRET_KEY_MAX);
	secret_name_release(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_gives_mount_and_path),
		cmocka_unit_test(test_a_slash_that_is_elsewhere_makes_another_key),
		cmocka_unit_test(test_a_name_that_is_held_lasts),
		cmocka_unit_test(test_of_a_requests_name_a_copy_is_held),
		cmocka_unit_test(test_a_name_has_its_greatest_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
