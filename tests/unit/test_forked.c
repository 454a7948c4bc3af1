/*
 * A child is told apart from the process that owns a handle, with the kernel's help and without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client-lib/forked.h"

static void assert_good(pid_t child)
{
	int status;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Uses a handle in a child that inherited it, and then in a child of that child. */
static void be_a_child(struct forked *f)
{
	bool noticed = forked(f) && forked(f);
	int status;
	pid_t grandchild;

	forked_adopt(f);
	if (!noticed || forked(f))
		_exit(1);
	grandchild = fork();
	if (grandchild == 0)
		_exit(forked(f) ? 0 : 2);
	if (waitpid(grandchild, &status, 0) != grandchild || status != 0 || forked(f))
		_exit(3);
	forked_free(f);
	_exit(0);
}

static void check(struct forked *f)
{
	pid_t child;

	assert_false(forked(f));
	child = fork();
	if (child == 0)
		be_a_child(f);
	assert_good(child);
	assert_false(forked(f));
}

static void test_a_child_notices_and_its_parent_goes_on(void **state)
{
	struct forked f;

	(void)state;
	forked_init(&f);
	check(&f);
	forked_free(&f);
}

static void test_it_is_noticed_where_the_kernel_has_no_such_memory(void **state)
{
	struct forked f;

	(void)state;
	forked_init(&f);
	forked_free(&f);
	assert_null(f.here);
	check(&f);
	forked_free(&f);
}

/*
 * Neither a function that libc calls after a fork nor the process's id would help here: the first process of a
 * namespace has id 1.
 */
static void test_a_child_that_has_its_parents_id_or_was_made_without_libc_notices(void **state)
{
	struct forked f;
	pid_t child;

	(void)state;
	forked_init(&f);
	if (f.here == NULL)
		skip();
	child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (child == 0) {
		f.pid = getpid();
		_exit(forked(&f) ? 0 : 1);
	}
	assert_good(child);
	forked_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_notices_and_its_parent_goes_on),
		cmocka_unit_test(test_it_is_noticed_where_the_kernel_has_no_such_memory),
		cmocka_unit_test(test_a_child_that_has_its_parents_id_or_was_made_without_libc_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
