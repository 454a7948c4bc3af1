/*
 * What is kept of a wrapping token, and the memfd that carries it to the next daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/secretfile.h"
#include "daemon/upstream/unwrapped_secret.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define HEADER 48

static void test_it_belongs_to_one_token(void **state)
{
	struct unwrapped_secret kept = { .secret_id = NULL }, copy = { .secret_id = NULL };

	(void)state;
	assert_null(unwrapped_secret_of(&kept, "W-1"));
	assert_null(unwrapped_secret_of(&kept, ""));
	assert_int_equal(unwrapped_secret_set(&kept, "W-1", "S-1"), 0);
	assert_string_equal(unwrapped_secret_of(&kept, "W-1"), "S-1");
	assert_null(unwrapped_secret_of(&kept, "W-11"));
	assert_null(unwrapped_secret_of(&kept, "W-"));
	assert_int_equal(unwrapped_secret_copy(&copy, &kept), 0);
	assert_int_equal(unwrapped_secret_set(&kept, "W-2", "S-2"), 0);
	assert_null(unwrapped_secret_of(&kept, "W-1"));
	assert_string_equal(unwrapped_secret_of(&kept, "W-2"), "S-2");
	assert_string_equal(unwrapped_secret_of(&copy, "W-1"), "S-1");
	unwrapped_secret_clear(&kept);
	assert_null(unwrapped_secret_of(&kept, "W-2"));
	assert_int_equal(unwrapped_secret_copy(&copy, &kept), 0);
	assert_null(unwrapped_secret_of(&copy, "W-1"));
}

static int sealed(const char *token, const char *secret_id)
{
	struct unwrapped_secret kept = { .secret_id = NULL };
	struct error error;
	int fd;

	assert_int_equal(unwrapped_secret_set(&kept, token, secret_id), 0);
	fd = unwrapped_secret_seal(&kept, &error);
	assert_in_range(fd, 0, 1000);
	unwrapped_secret_clear(&kept);
	return fd;
}

static void test_it_comes_out_of_the_memfd_as_it_went_in(void **state)
{
	struct unwrapped_secret kept = { .secret_id = NULL };
	int fd = sealed("W-1", "S-1 \xc3\xa9");
	struct error error;

	(void)state;
	assert_int_equal(unwrapped_secret_set(&kept, "W-0", "S-0"), 0);
	for (int i = 0; i < 2; i++) { /* it can be read again */
		assert_int_equal(unwrapped_secret_unseal(&kept, fd, &error), 0);
		assert_string_equal(unwrapped_secret_of(&kept, "W-1"), "S-1 \xc3\xa9");
		assert_null(unwrapped_secret_of(&kept, "W-0"));
	}
	unwrapped_secret_clear(&kept);
	close(fd);
}

static void test_the_memfd_cannot_be_changed_nor_inherited(void **state)
{
	int fd = sealed("W-1", "S-1");

	(void)state;
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_ptr_equal(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
}

/* Makes a memfd with these bytes and these seals. */
static int made(const void *bytes, size_t n, int seals)
{
	int fd = memfd_create("made", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, 0), n);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refuses(int fd, const char *why)
{
	struct unwrapped_secret kept = { .secret_id = NULL };
	struct error error;

	assert_int_equal(unwrapped_secret_set(&kept, "W-0", "S-0"), 0);
	assert_int_equal(unwrapped_secret_unseal(&kept, fd, &error), -1);
	if (strstr(error.text, why) == NULL)
		fail_msg("%s: %s", why, error.text);
	assert_null(strstr(error.text, "S-1"));
	assert_string_equal(unwrapped_secret_of(&kept, "W-0"), "S-0");
	unwrapped_secret_clear(&kept);
	close(fd);
}

static void test_anything_else_is_refused(void **state)
{
	static const int seals[] = { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE };
	char bytes[HEADER + 3], large[HEADER + SECRETFILE_MAX + 1];
	int fd = sealed("W-1", "S-1"), pipes[2];

	(void)state;
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	close(fd);
	for (size_t i = 0; i < 4; i++)
		refuses(made(bytes, sizeof(bytes), ALL_SEALS & ~seals[i]), "no sealed memfd");
	refuses(made(bytes, 0, ALL_SEALS), "odd size");
	refuses(made(bytes, HEADER - 1, ALL_SEALS), "odd size");
	refuses(made(bytes, HEADER, ALL_SEALS), "odd size");
	memset(large, 'S', sizeof(large));
	memcpy(large, bytes, HEADER);
	refuses(made(large, sizeof(large), ALL_SEALS), "odd size");
	bytes[15] = '2';
	refuses(made(bytes, sizeof(bytes), ALL_SEALS), "another form");
	bytes[15] = '1';
	bytes[HEADER + 1] = '\0';
	refuses(made(bytes, sizeof(bytes), ALL_SEALS), "another form");
	assert_int_equal(pipe(pipes), 0);
	refuses(pipes[0], "no sealed memfd");
	close(pipes[1]);
	refuses(open("/dev/null", O_RDONLY | O_CLOEXEC), "no sealed memfd");
	refuses(-1, "no sealed memfd");
}

static void test_the_longest_one(void **state)
{
	static char secret_id[SECRETFILE_MAX + 1];
	struct unwrapped_secret kept = { .secret_id = NULL };
	struct error error;
	int fd;

	(void)state;
	memset(secret_id, 'S', SECRETFILE_MAX);
	fd = sealed("W-1", secret_id);
	assert_int_equal(unwrapped_secret_unseal(&kept, fd, &error), 0);
	assert_string_equal(unwrapped_secret_of(&kept, "W-1"), secret_id);
	unwrapped_secret_clear(&kept);
	close(fd);
}

/* The kept copy is the only one in memory. */
static void test_nothing_is_mapped(void **state)
{
	int fd = sealed("W-1", "S-1");
	struct unwrapped_secret kept = { .secret_id = NULL };
	struct error error;
	char line[512];
	FILE *maps;

	(void)state;
	assert_int_equal(unwrapped_secret_unseal(&kept, fd, &error), 0);
	maps = fopen("/proc/self/maps", "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		assert_null(strstr(line, "memfd:secret_id"));
	fclose(maps);
	unwrapped_secret_clear(&kept);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_belongs_to_one_token),
		cmocka_unit_test(test_it_comes_out_of_the_memfd_as_it_went_in),
		cmocka_unit_test(test_the_memfd_cannot_be_changed_nor_inherited),
		cmocka_unit_test(test_anything_else_is_refused),
		cmocka_unit_test(test_the_longest_one),
		cmocka_unit_test(test_nothing_is_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
