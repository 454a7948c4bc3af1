/*
 * audit: composes records, puts them into the writer's queue, and keeps the waits for those of changes. What runs
 * in the writer's thread touches the outlet only, and leaves word there for the loop, which tells the log.
 */
#include "daemon/host/audit.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/host/audit_file.h"
#include "daemon/host/audit_repeats.h"
#include "daemon/host/audit_text.h"
#include "daemon/host/journal.h"
#include "daemon/host/log.h"
#include "daemon/host/writer.h"

#define QUEUE_BYTES (1024u * 1024)
#define SWEEP_AGAIN_MS 1000u /* the shortest time between two sweeps */

/* Where records go. Only the writer's thread uses it once that has begun, but for its atomic members. */
struct outlet {
	enum audit_sink sink;
	struct audit_file file;
	int loop_fd;                 /* an eventfd that wakes the loop */
	int write_error, sync_error; /* the errno of the last attempt; 0: it succeeded */
	_Atomic int failing;         /* the first of them that is not 0, for the loop */
	_Atomic uint64_t untold;     /* lost records that the log has not told yet */
};

struct audit_wait {
	struct writer_ticket ticket; /* first, so that a ticket can be cast to its wait */
	LIST_ENTRY(audit_wait) link;
	struct audit *audit;
	struct event timer;
	bool queued;      /* the ticket has not come back, so the wait must not be freed */
	audit_done *done; /* NULL: it has run, or the wait was abandoned */
	void *arg;
};

struct audit {
	struct event_base *base;
	enum audit_level level;
	enum audit_on_failure on_failure;
	struct outlet *outlet;
	struct writer *writer;
	struct audit_repeats *repeats;
	struct event *sweep, *wake;
	bool sweeps;       /* the event sweep is pending */
	int failing;       /* the outlet's value that was told to the log last */
	uint64_t too_long; /* records that were lost because they did not fit into text */
	LIST_HEAD(, audit_wait) waits;
	char text[AUDIT_TEXT_MAX];
};

/* -- in the writer's thread ---------------------------------------------------------------------------------- */

static void wake_loop(struct outlet *outlet)
{
	static const uint64_t one = 1;
	(void)!write(outlet->loop_fd, &one, sizeof(one));
}

static void note_failing(struct outlet *outlet)
{
	int error = outlet->write_error != 0 ? outlet->write_error : outlet->sync_error;
	if (atomic_exchange(&outlet->failing, error) != error)
		wake_loop(outlet);
}

static int outlet_write(void *arg, const void *record, size_t n)
{
	struct outlet *outlet = arg;
	if (outlet->sink == AUDIT_JOURNAL)
		outlet->write_error = journal_send(record, n);
	else if (outlet->sink == AUDIT_FILE)
		outlet->write_error = audit_file_write(&outlet->file, record, n);
	else
		outlet->write_error = writer_write_all(STDERR_FILENO, record, n);
	note_failing(outlet);
	return outlet->write_error;
}

static int outlet_sync(void *arg)
{
	struct outlet *outlet = arg;
	if (outlet->sink != AUDIT_FILE || outlet->file.fd < 0)
		return outlet->write_error;
	outlet->sync_error = audit_file_sync(&outlet->file);
	note_failing(outlet);
	return outlet->sync_error;
}

static bool outlet_lost(void *arg, uint64_t n)
{
	struct outlet *outlet = arg;
	atomic_fetch_add(&outlet->untold, n);
	wake_loop(outlet);
	return true;
}

/* -- the outlet ---------------------------------------------------------------------------------------------- */

static const char *sink_name(const struct audit *a)
{
	static const char *const names[] = { "the journal", "its file", "standard error" };
	return names[a->outlet->sink];
}

static void outlet_free(struct outlet *outlet)
{
	if (outlet == NULL)
		return;
	audit_file_close(&outlet->file);
	if (outlet->loop_fd >= 0)
		close(outlet->loop_fd);
	free(outlet);
}

static int file_error(int rc, struct error *error)
{
	(void)error_set(error, "audit.file: cannot be opened: %s",
	    rc == EINVAL ? "it is no regular file" : strerror(rc));
	return error_set_kind_of(error, rc);
}

static struct outlet *outlet_new(const struct audit_options *options, struct error *error)
{
	struct outlet *outlet = calloc(1, sizeof(*outlet));
	if (outlet == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	outlet->sink = options->sink;
	if (outlet->sink == AUDIT_JOURNAL && !journal_is_there()) {
		log_info("audit: there is no journal, so records go to standard error");
		outlet->sink = AUDIT_STDERR;
	}
	outlet->loop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = outlet->loop_fd < 0 ? errno : 0;
	if (rc == 0 && outlet->sink == AUDIT_FILE)
		rc = audit_file_open(&outlet->file, options->file);
	if (rc == 0)
		return outlet;
	(void)file_error(rc, error);
	outlet_free(outlet);
	return NULL;
}

int audit_check(const struct audit_options *options, struct error *error)
{
	int rc = options->sink == AUDIT_FILE ? audit_file_check(options->file) : 0;
	return rc == 0 ? 0 : file_error(rc, error);
}

/* -- records ------------------------------------------------------------------------------------------------- */

static bool put_entry(struct audit *a, const struct audit_entry *entry, struct writer_ticket *ticket)
{
	size_t n;
	if (a->outlet->sink == AUDIT_JOURNAL)
		n = audit_text_fields(a->text, sizeof(a->text), entry);
	else {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		n = audit_text_json(a->text, sizeof(a->text), entry, &now);
	}
	if (n == 0)
		a->too_long++;
	return n > 0 && writer_put(a->writer, a->text, n, ticket);
}

static bool write_repeats(void *arg, const struct audit_entry *entry)
{
	struct audit *a = arg;
	if (!writer_has_room(a->writer))
		return false;
	(void)put_entry(a, entry, NULL);
	return true;
}

/* Has what was counted swept when the first of it has had its minute; a while later if there was no room then. */
static void sweep_later(struct audit *a)
{
	if (a->sweeps)
		return;
	uint64_t now_ms = clock_now_ms(), due_ms = audit_repeats_due(a->repeats);
	if (due_ms == UINT64_MAX)
		return;
	struct timeval later = clock_timeval(due_ms > now_ms + SWEEP_AGAIN_MS ? due_ms - now_ms : SWEEP_AGAIN_MS);
	a->sweeps = event_add(a->sweep, &later) == 0;
}

static void audit_on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct audit *a = arg;
	(void)fd;
	(void)what;
	a->sweeps = false;
	(void)audit_repeats_sweep(a->repeats, clock_now_ms());
	sweep_later(a);
}

/* The ways to treat a record. */
enum treatment {
	LEAVE_OUT,
	WRITE,      /* each is written */
	WRITE_SOME, /* each is written, as long as its user has few in a minute; more are counted together */
	COUNT       /* equal ones are counted */
};

/*
 * What may have changed something is always written. What changed nothing costs its user little, so that a
 * flood of it could fill the disk. At level "all" only denials are bounded: who chose it wants all that a rule
 * allowed.
 */
static enum treatment treatment_of(const struct audit *a, const struct audit_record *r)
{
	enum op op = op_by_name(r->op, strlen(r->op)); /* "credential" is no op */
	bool reads = op != OP_COUNT && op_is(op, OP_READS);
	bool denied = r->code == CODE_FORBIDDEN, failed = r->code != CODE_NONE || r->gone;
	if (a->level == AUDIT_ALL)
		return denied ? WRITE_SOME : WRITE;
	if (reads && r->code == CODE_NONE && r->path == NULL)
		return LEAVE_OUT; /* it worked and named no secret */
	if (reads || denied)
		return COUNT;
	return failed && r->code != CODE_UNKNOWN_OUTCOME ? WRITE_SOME : WRITE;
}

void audit_write(struct audit *a, const struct audit_record *record, uint64_t now_ms)
{
	enum treatment treatment = treatment_of(a, record);
	if (treatment == LEAVE_OUT)
		return;
	if (treatment == WRITE) {
		(void)put_entry(a, &(struct audit_entry){ .record = record }, NULL);
		return;
	}
	audit_repeats_take(a->repeats, record, treatment == COUNT ? AUDIT_COUNTED : AUDIT_EACH_ALONE, now_ms);
	sweep_later(a);
}

void audit_set_level(struct audit *a, enum audit_level level)
{
	a->level = level;
}

uint64_t audit_dropped(const struct audit *a)
{
	return writer_lost(a->writer) + a->too_long;
}

/* -- waits --------------------------------------------------------------------------------------------------- */

bool audit_denies(const struct audit *a)
{
	return a->on_failure == AUDIT_DENY;
}

static void audit_wait_free(struct audit_wait *wait)
{
	event_del(&wait->timer);
	LIST_REMOVE(wait, link);
	free(wait);
}

/* Runs the wait's callback, and frees the wait unless its ticket is still to come back. */
static void wait_finish(struct audit_wait *wait, bool ok)
{
	audit_done *done = wait->done;
	void *arg = wait->arg;
	wait->done = NULL;
	if (!wait->queued)
		audit_wait_free(wait);
	if (done != NULL)
		done(arg, ok);
}

static void audit_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	wait_finish(arg, false);
}

static struct audit_wait *wait_begin(struct audit *a, enum audit_stage stage, const struct audit_record *record,
    uint64_t deadline_ms, audit_done *done, void *arg)
{
	const struct audit_entry entry = { .record = record, .stage = stage };
	if (done == NULL) {
		(void)put_entry(a, &entry, NULL);
		return NULL;
	}
	struct audit_wait *wait = calloc(1, sizeof(*wait));
	if (wait == NULL)
		return NULL;
	wait->audit = a;
	wait->done = done;
	wait->arg = arg;
	LIST_INSERT_HEAD(&a->waits, wait, link);
	(void)event_assign(&wait->timer, a->base, -1, 0, audit_on_deadline, wait);
	wait->queued = put_entry(a, &entry, &wait->ticket);
	uint64_t now = clock_now_ms(), left = deadline_ms > now ? deadline_ms - now : 0;
	struct timeval tv = clock_timeval(left);
	if (!wait->queued)
		event_active(&wait->timer, EV_TIMEOUT, 0);
	else if (deadline_ms != CLOCK_NEVER)
		(void)event_add(&wait->timer, &tv);
	return wait;
}

struct audit_wait *audit_intent(struct audit *a, const struct audit_record *record, uint64_t deadline_ms,
    audit_done *done, void *arg)
{
	return wait_begin(a, AUDIT_INTENT, record, deadline_ms, done, arg);
}

struct audit_wait *audit_result(struct audit *a, const struct audit_record *record, uint64_t deadline_ms,
    audit_done *done, void *arg)
{
	return wait_begin(a, AUDIT_RESULT, record, deadline_ms, done, arg);
}

void audit_abandon(struct audit_wait *wait)
{
	wait->done = NULL;
	event_del(&wait->timer);
	if (!wait->queued)
		audit_wait_free(wait);
}

/* -- what the thread has left for the loop ------------------------------------------------------------------- */

static void audit_on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct audit *a = arg;
	uint64_t count;
	(void)what;
	(void)!read(fd, &count, sizeof(count));
	for (struct writer_ticket *t = writer_collect(a->writer), *next; t != NULL; t = next) {
		struct audit_wait *wait = (struct audit_wait *)t;
		next = t->next;
		wait->queued = false;
		wait_finish(wait, t->error == 0);
	}
	int failing = atomic_load(&a->outlet->failing);
	if (failing != a->failing && failing != 0)
		log_error("audit: %s cannot be written: %s%s", sink_name(a), strerror(failing),
		    audit_denies(a) ? "; writes are refused until it can" : "");
	else if (failing != a->failing)
		log_info("audit: %s can be written again", sink_name(a));
	a->failing = failing;
	uint64_t untold = atomic_exchange(&a->outlet->untold, 0);
	if (untold > 0)
		log_warning("audit: %llu records were dropped, since %s did not take them",
		    (unsigned long long)untold, sink_name(a));
}

/* -- all of it ----------------------------------------------------------------------------------------------- */

struct audit *audit_new(struct event_base *base, const struct audit_options *options, struct error *error)
{
	struct audit *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	a->base = base;
	a->level = options->level;
	a->on_failure = options->on_failure;
	LIST_INIT(&a->waits);
	a->outlet = outlet_new(options, error);
	if (a->outlet == NULL) {
		free(a);
		return NULL;
	}
	const struct writer_sink sink = { .write = outlet_write,
		.sync = outlet_sync,
		.lost = outlet_lost,
		.arg = a->outlet };
	a->repeats = audit_repeats_new(write_repeats, a);
	a->sweep = event_new(base, -1, 0, audit_on_sweep, a);
	a->wake = event_new(base, a->outlet->loop_fd, EV_READ | EV_PERSIST, audit_on_wake, a);
	if (a->repeats != NULL && a->sweep != NULL && a->wake != NULL && event_add(a->wake, NULL) == 0)
		a->writer = writer_new(QUEUE_BYTES, &sink, a->outlet->loop_fd);
	if (a->writer != NULL)
		return a;
	error_set(error, "audit: out of memory");
	audit_free(a, 0);
	return NULL;
}

static uint64_t ms_until(uint64_t end_ms)
{
	uint64_t now_ms = clock_now_ms();
	return end_ms > now_ms ? end_ms - now_ms : 0;
}

void audit_free(struct audit *a, uint64_t budget_ms)
{
	bool stuck = false;
	if (a == NULL)
		return;
	if (a->writer != NULL) {
		uint64_t end = clock_now_ms() + budget_ms;
		while (audit_repeats_sweep(a->repeats, UINT64_MAX) && writer_drain(a->writer, ms_until(end)))
			continue;
		stuck = !writer_stop(a->writer, ms_until(end));
	}
	if (a->wake != NULL)
		event_free(a->wake);
	if (a->sweep != NULL)
		event_free(a->sweep);
	audit_repeats_free(a->repeats);
	for (struct audit_wait *wait = LIST_FIRST(&a->waits), *next; wait != NULL; wait = next) {
		next = LIST_NEXT(wait, link);
		event_del(&wait->timer);
		if (!stuck || !wait->queued)
			audit_wait_free(wait);
	}
	if (stuck)
		log_warning("audit: what was not written yet is lost: %s does not take it", sink_name(a));
	else
		outlet_free(a->outlet); /* not if the thread is stuck, which uses it until the process ends */
	free(a);
}
