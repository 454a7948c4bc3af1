/*
 * SHA-256 by OpenSSL and by libmd: both give what FIPS 180-4 says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client-lib/sha256_md.h"
#include "daemon/store/sha256_openssl.h"

static const struct sha256 *const both[] = { &sha256_openssl, &sha256_md };

static void digest(const struct sha256 *sha256, const char *text, size_t times, size_t piece, char hex[65])
{
	unsigned char bytes[33];
	void *state = sha256->begin();
	size_t n = strlen(text), at, i;

	assert_non_null(state);
	while (times-- > 0)
		for (at = 0; at < n; at += piece)
			sha256->add(state, text + at, n - at < piece ? n - at : piece);
	bytes[32] = 0x55;
	sha256->end(state, bytes);
	assert_int_equal(bytes[32], 0x55);
	for (i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void test_both_give_the_published_digests(void **state)
{
	static const char fifty[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	char hex[65];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		digest(both[i], "", 0, 1, hex);
		assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
		digest(both[i], "abc", 1, 3, hex);
		assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
		digest(both[i], "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, 5, hex);
		assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
		digest(both[i], fifty, 20000, 50, hex);
		assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
}

static void test_one_can_be_given_up(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		void *md = both[i]->begin();

		assert_non_null(md);
		both[i]->add(md, "abc", 3);
		both[i]->end(md, NULL); /* ends it without a digest; the leak checker would find what is left */
	}
}

static void test_two_at_a_time_keep_apart(void **state)
{
	unsigned char a[32], b[32];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		void *one = both[i]->begin(), *other = both[i]->begin();

		assert_non_null(one);
		assert_non_null(other);
		both[i]->add(one, "ab", 2);
		both[i]->add(other, "abd", 3);
		both[i]->add(one, "d", 1);
		both[i]->end(one, a);
		both[i]->end(other, b);
		assert_memory_equal(a, b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_give_the_published_digests),
		cmocka_unit_test(test_one_can_be_given_up),
		cmocka_unit_test(test_two_at_a_time_keep_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
