/*
 * The client library's check of snapshots before they are sent, and the restore from files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "client-lib/secretstore.h"
#include "tests/unit/client_fake.h"
#include "tests/unit/client_stream.h"
#include "tests/unit/snapshot_maker.h"

#define STATE_SIZE 200000u

static struct client_fake fake;
static struct client_stream stream;
static struct ss_client *client;
static struct buf snapshot;
static int file;
static unsigned char kept[1 << 20];
static void (*before_it_is_taken)(void);

/* A source that gives the content of a buffer. */
static struct {
	size_t at, piece, fail_at;
	bool close;
} giver;

/* The connection is made only when the file has been checked. */
static void play(struct client_fake *f)
{
	struct pollfd p = { .fd = f->listener, .events = POLLIN };

	if (before_it_is_taken != NULL && poll(&p, 1, CLIENT_FAKE_PATIENCE_MS) == 1)
		before_it_is_taken();
	client_stream_play(f, &stream);
}

static int make_file(void **state)
{
	(void)state;
	memset(&giver, 0, sizeof(giver));
	buf_init(&snapshot, MAKER_LIMIT);
	maker_snapshot(&snapshot, STATE_SIZE);
	file = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(write(file, buf_data(&snapshot), buf_len(&snapshot)), buf_len(&snapshot));
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(ss_open(&client, "/nonexistent/socket"), SS_OK);
	before_it_is_taken = NULL;
	return 0;
}

static int drop_file(void **state)
{
	(void)state;
	ss_close(client);
	buf_free(&snapshot);
	close(file);
	return 0;
}

static void start(const char *steps)
{
	ss_close(client);
	memset(&stream, 0, sizeof(stream));
	stream.steps = steps;
	stream.kept = kept;
	stream.room = sizeof(kept);
	client_fake_start(&fake, play);
	assert_int_equal(ss_open(&client, fake.path), SS_OK);
}

static void assert_error(int code, const char *text)
{
	const struct ss_error *error = ss_last_error(client);

	if (error->code != code || strstr(error->message, text) == NULL)
		print_error("%s: %s\n", ss_code_name(error->code), error->message);
	assert_int_equal(error->code, code);
	assert_non_null(strstr(error->message, text));
}

/* -- check ---------------------------------------------------------------------------------------------------- */

static long give(void *arg, void *p, size_t size)
{
	size_t n = buf_len(&snapshot) - giver.at;

	assert_ptr_equal(arg, &giver);
	if (giver.close) {
		ss_close(client);
		client = NULL;
	}
	if (giver.fail_at != 0 && giver.at >= giver.fail_at)
		return -1;
	n = n < size ? n : size;
	n = giver.piece != 0 && n > giver.piece ? giver.piece : n;
	memcpy(p, buf_data(&snapshot) + giver.at, n);
	giver.at += n;
	return (long)n;
}

static int check(void)
{
	giver.at = 0;
	return ss_snapshot_check(client, give, &giver);
}

static void test_a_whole_snapshot_passes_in_whatever_pieces_it_comes(void **state)
{
	(void)state;
	assert_int_equal(check(), SS_OK);
	assert_int_equal(ss_last_error(client)->code, SS_OK);
	assert_int_equal(giver.at, buf_len(&snapshot));
	giver.piece = 1;
	assert_int_equal(check(), SS_OK);
	giver.piece = 65535;
	assert_int_equal(check(), SS_OK);
}

static void test_what_is_not_whole_is_told_with_the_reason(void **state)
{
	size_t len = buf_len(&snapshot);

	(void)state;
	buf_data(&snapshot)[len / 2] ^= 1;
	assert_int_equal(check(), SS_INVALID_REQUEST);
	assert_error(SS_INVALID_REQUEST, "the snapshot is not whole: ");
	assert_true(strlen(ss_last_error(client)->message) > strlen("the snapshot is not whole: "));
	buf_data(&snapshot)[len / 2] ^= 1;
	buf_truncate(&snapshot, len - 1);
	assert_int_equal(check(), SS_INVALID_REQUEST);
	assert_error(SS_INVALID_REQUEST, "the snapshot is not whole: it ends ");
	buf_truncate(&snapshot, 0);
	assert_int_equal(check(), SS_INVALID_REQUEST);
	assert_false(ss_last_error(client)->retryable);
}

static void test_a_source_that_fails_or_closes_the_handle_ends_the_check(void **state)
{
	(void)state;
	assert_int_equal(ss_snapshot_check(client, NULL, NULL), SS_INVALID_REQUEST);
	giver.fail_at = 70000;
	assert_int_equal(check(), SS_ABORTED);
	giver.close = true;
	assert_int_equal(check(), SS_CLOSED);
}

static void test_a_file_is_checked_from_its_position_on_which_stays(void **state)
{
	(void)state;
	assert_int_equal(ss_snapshot_check_fd(client, file), SS_OK);
	assert_int_equal(lseek(file, 0, SEEK_CUR), 0);
	assert_int_equal(lseek(file, 1, SEEK_SET), 1);
	assert_int_equal(ss_snapshot_check_fd(client, file), SS_INVALID_REQUEST);
	assert_int_equal(lseek(file, 0, SEEK_CUR), 1);
	assert_int_equal(pwrite(file, "before", 6, 0), 6);
	assert_int_equal(pwrite(file, buf_data(&snapshot), buf_len(&snapshot), 6), buf_len(&snapshot));
	assert_int_equal(lseek(file, 6, SEEK_SET), 6);
	assert_int_equal(ss_snapshot_check_fd(client, file), SS_OK);
}

static void test_a_pipe_can_be_checked_but_not_restored(void **state)
{
	static char small[65536];
	struct buf little;
	int fds[2];

	(void)state;
	buf_init(&little, sizeof(small));
	maker_snapshot(&little, 2000);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], buf_data(&little), buf_len(&little)), buf_len(&little));
	close(fds[1]);
	assert_int_equal(ss_snapshot_restore_fd(client, false, 0, fds[0], NULL), SS_INVALID_REQUEST);
	assert_error(SS_INVALID_REQUEST, "read twice");
	assert_int_equal(ss_snapshot_check_fd(client, fds[0]), SS_OK);
	close(fds[0]);
	buf_free(&little);
}

static void test_a_file_that_cannot_be_read_is_named_by_its_error(void **state)
{
	int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(ss_snapshot_check_fd(client, directory), SS_IO);
	assert_error(SS_IO, "Is a directory");
	close(directory);
	assert_int_equal(ss_snapshot_check_fd(client, -1), SS_IO);
	assert_error(SS_IO, "Bad file descriptor");
	assert_int_equal(ss_snapshot_restore_fd(client, false, 0, -1, NULL), SS_IO);
	assert_error(SS_IO, "nothing was restored");
}

/* -- restore -------------------------------------------------------------------------------------------------- */

static void test_a_file_is_sent_byte_for_byte_from_its_position_on(void **state)
{
	enum ss_restored restored = (enum ss_restored)0;

	(void)state;
	assert_int_equal(pwrite(file, "before", 6, 0), 6);
	assert_int_equal(pwrite(file, buf_data(&snapshot), buf_len(&snapshot), 6), buf_len(&snapshot));
	assert_int_equal(lseek(file, 6, SEEK_SET), 6);
	start("rcUf");
	assert_int_equal(ss_snapshot_restore_fd(client, true, 0, file, &restored), SS_OK);
	assert_int_equal(restored, SS_RESTORED_APPLIED);
	assert_int_equal(lseek(file, 0, SEEK_CUR), 6);
	client_fake_stop(&fake);
	assert_true(fake.request.force);
	assert_int_equal(stream.received, buf_len(&snapshot));
	assert_memory_equal(kept, buf_data(&snapshot), buf_len(&snapshot));
}

static void test_a_file_that_is_not_whole_is_not_sent(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(file, (off_t)buf_len(&snapshot) - 1), 0);
	assert_int_equal(ss_snapshot_restore_fd(client, false, 0, file, NULL), SS_INVALID_REQUEST);
	assert_error(SS_INVALID_REQUEST, "the snapshot is not whole: ");
}

static void grow(void)
{
	assert_int_equal(pwrite(file, "x", 1, (off_t)buf_len(&snapshot)), 1);
}

static void shrink(void)
{
	assert_int_equal(ftruncate(file, (off_t)buf_len(&snapshot) - 1), 0);
}

static void vanish(void)
{
	assert_int_equal(ftruncate(file, 0), 0);
}

static void test_a_file_that_changes_its_size_after_the_check_is_sent_without_an_end(void **state)
{
	static void (*const changes[])(void) = { grow, shrink, vanish };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		assert_int_equal(ftruncate(file, 0), 0);
		assert_int_equal(pwrite(file, buf_data(&snapshot), buf_len(&snapshot), 0), buf_len(&snapshot));
		before_it_is_taken = changes[i];
		start("rcw");
		assert_int_equal(ss_snapshot_restore_fd(client, false, 0, file, NULL), SS_IO);
		assert_error(SS_IO, "nothing was restored");
		assert_error(SS_IO, "changed");
		client_fake_stop(&fake);
		assert_false(stream.ended);
	}
}

static void test_a_failure_of_the_daemon_stays_one_with_a_file(void **state)
{
	(void)state;
	fake.reply = "{\"id\":%,\"ok\":false,\"error\":{\"code\":\"forbidden\",\"message\":\"no\"}}";
	start("rRw");
	assert_int_equal(ss_snapshot_restore_fd(client, false, 0, file, NULL), SS_FORBIDDEN);
	client_fake_stop(&fake);
	fake.reply = NULL;
	start("rcU");
	assert_int_equal(ss_snapshot_restore_fd(client, false, 0, file, NULL), SS_UNKNOWN_OUTCOME);
	client_fake_stop(&fake);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, drop_file)
	const struct CMUnitTest tests[] = {
		TEST(test_a_whole_snapshot_passes_in_whatever_pieces_it_comes),
		TEST(test_what_is_not_whole_is_told_with_the_reason),
		TEST(test_a_source_that_fails_or_closes_the_handle_ends_the_check),
		TEST(test_a_file_is_checked_from_its_position_on_which_stays),
		TEST(test_a_pipe_can_be_checked_but_not_restored),
		TEST(test_a_file_that_cannot_be_read_is_named_by_its_error),
		TEST(test_a_file_is_sent_byte_for_byte_from_its_position_on),
		TEST(test_a_file_that_is_not_whole_is_not_sent),
		TEST(test_a_file_that_changes_its_size_after_the_check_is_sent_without_an_end),
		TEST(test_a_failure_of_the_daemon_stays_one_with_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
