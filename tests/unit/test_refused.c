/*
 * What is remembered of refused logins: whom it is about, and the memfd that carries it to the next daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/upstream/refused.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static struct digest digest(const char *text)
{
	return digest_of(text, strlen(text), "", 0);
}

static struct refused refused_at(const char *node, const char *role)
{
	struct refused refused;

	memset(&refused, 0, sizeof(refused));
	refused.node[0] = digest(node);
	refused.role = digest(role);
	refused.credentials = digest("S-1");
	refused.times = (struct lease_refusals){ .at = { 3, 2, 1 }, .not_before = 4, .locked_out = true };
	return refused;
}

static void test_one_address_in_common_is_the_same_openbao(void **state)
{
	struct refused a = refused_at("https://a:1", "R"), b = refused_at("https://b:1", "R");

	(void)state;
	assert_true(refused_same_role(&a, &a));
	assert_false(refused_same_role(&a, &b));
	b.node[REFUSED_NODES_MAX - 1] = digest("https://a:1");
	assert_true(refused_same_role(&a, &b));
	b.role = digest("R-2");
	assert_false(refused_same_role(&a, &b));
}

static void test_a_way_to_log_in_without_a_role_remembers_nothing(void **state)
{
	struct refused a = refused_at("https://a:1", "R"), b = a;

	(void)state;
	a.role.valid = b.role.valid = false;
	assert_false(refused_same_role(&a, &b));
}

static void test_it_comes_out_of_the_memfd_as_it_went_in(void **state)
{
	struct refused in = refused_at("https://a:1", "R"), out;
	struct error error;
	int fd = refused_seal(&in, &error);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
	memset(&out, 0, sizeof(out));
	assert_int_equal(refused_unseal(fd, &out, &error), 0);
	assert_true(refused_same_role(&in, &out));
	assert_true(digest_equal(&in.credentials, &out.credentials));
	assert_true(out.times.at[0] == 3 && out.times.at[2] == 1 && out.times.not_before == 4);
	assert_true(out.times.locked_out);
	assert_true(refused_any(&out));
	close(fd);
}

static void test_anything_else_is_refused(void **state)
{
	struct refused in = refused_at("https://a:1", "R"), out;
	char bytes[sizeof(in) + 17];
	struct error error;
	int fd = refused_seal(&in, &error);
	size_t size = sizeof(in) + 16;

	(void)state;
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), size);
	close(fd);
	for (int i = 0; i < 4; i++) {
		fd = memfd_create("made", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		bytes[0] = i == 3 ? 'x' : bytes[0];
		assert_int_equal(pwrite(fd, bytes, size + (i == 0) - (i == 1), 0), size + (i == 0) - (i == 1));
		if (i != 2)
			assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
		assert_int_equal(refused_unseal(fd, &out, &error), -1);
		assert_string_equal(error.text,
		    i == 2       ? "it is no sealed memfd"
			: i == 3 ? "it is of another form"
				 : "it has an odd size");
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_address_in_common_is_the_same_openbao),
		cmocka_unit_test(test_a_way_to_log_in_without_a_role_remembers_nothing),
		cmocka_unit_test(test_it_comes_out_of_the_memfd_as_it_went_in),
		cmocka_unit_test(test_anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
