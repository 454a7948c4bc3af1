/*
 * writer: a thread behind a queue, which is a ring of bytes. A record is a header and its bytes in one piece; if
 * that does not fit before the ring's end, the rest of the ring is skipped.
 */
#include "daemon/host/writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"

struct header {
	struct writer_ticket *ticket;
	uint32_t n;    /* bytes of the record; 0: the rest of the ring is skipped */
	uint32_t size; /* bytes in the ring, the header included: a multiple of the header's size */
};

struct tickets {
	struct writer_ticket *first, *last;
};

struct writer {
	pthread_t thread;
	pthread_mutex_t lock;   /* for all members below */
	pthread_cond_t changed; /* for the thread: there is something to write, or it is to stop */
	pthread_cond_t drained; /* for the owner: the thread has nothing to write, or has ended */
	struct writer_sink sink;
	int loop_fd;
	bool stopping, ended;
	uint64_t lost, untold; /* records that were lost, and those of them that the sink was not told of */
	struct tickets done;
	size_t head, tail;  /* offsets in the ring: of the first record, and of free room */
	size_t used, bytes; /* from head to tail, with what is skipped; and in the whole ring */
	unsigned char *ring;
};

/* -- the ring ------------------------------------------------------------------------------------------------ */

static struct header *header_at(struct writer *w, size_t offset)
{
	return (struct header *)(void *)(w->ring + offset);
}

/* Takes size bytes at the ring's tail, if at least spare bytes are left then; else gives NULL. */
static struct header *take_ring_room(struct writer *w, size_t size, size_t spare)
{
	if (w->used == 0)
		w->head = w->tail = 0; /* as long as little is queued, only the ring's beginning is ever touched */
	size_t to_end = w->bytes - w->tail;
	bool wraps = w->tail >= w->head && size > to_end;
	size_t need = size + (wraps ? to_end : 0);
	if (need > w->bytes - w->used || spare > w->bytes - w->used - need)
		return NULL;
	if (wraps) {
		*header_at(w, w->tail) = (struct header){ .size = (uint32_t)to_end };
		w->tail = 0;
	}
	struct header *header = header_at(w, w->tail);
	header->size = (uint32_t)size;
	w->used += need;
	w->tail = (w->tail + size) % w->bytes;
	return header;
}

static void drop_first_record(struct writer *w)
{
	size_t size = header_at(w, w->head)->size;
	w->head = (w->head + size) % w->bytes;
	w->used -= size;
}

static bool is_skipped(const struct header *header)
{
	return header->n == 0;
}

/* -- the thread ---------------------------------------------------------------------------------------------- */

static void append_tickets(struct tickets *list, const struct tickets *more)
{
	if (more->first == NULL)
		return;
	if (list->last != NULL)
		list->last->next = more->first;
	else
		list->first = more->first;
	list->last = more->last;
}

static void count_lost(struct writer *w)
{
	w->lost++;
	w->untold++;
}

/* Writes the record at the head. The lock is not held meanwhile, since others only add at the tail. */
static int write_first_record(struct writer *w, struct tickets *written)
{
	struct header *header = header_at(w, w->head);
	int error = 0;
	if (!is_skipped(header)) {
		pthread_mutex_unlock(&w->lock);
		error = w->sink.write(w->sink.arg, header + 1, header->n);
		pthread_mutex_lock(&w->lock);
		if (error != 0)
			count_lost(w);
	}
	if (header->ticket != NULL) {
		header->ticket->error = error;
		header->ticket->next = NULL;
		append_tickets(written, &(struct tickets){ header->ticket, header->ticket });
	}
	drop_first_record(w);
	return error;
}

/* Hands tickets back to the loop, after one sync for all records that were written since the last. */
static void hand_back(struct writer *w, const struct tickets *written)
{
	static const uint64_t one = 1;
	if (written->first == NULL)
		return;
	if (w->sink.sync != NULL) {
		pthread_mutex_unlock(&w->lock);
		int error = w->sink.sync(w->sink.arg);
		pthread_mutex_lock(&w->lock);
		for (struct writer_ticket *t = written->first; error != 0 && t != NULL; t = t->next) {
			if (t->error == 0) {
				t->error = error;
				count_lost(w);
			}
		}
	}
	append_tickets(&w->done, written);
	(void)!write(w->loop_fd, &one, sizeof(one));
}

static void tell_sink_lost(struct writer *w)
{
	uint64_t n = w->untold;
	w->untold = 0;
	pthread_mutex_unlock(&w->lock);
	bool told = w->sink.lost(w->sink.arg, n);
	pthread_mutex_lock(&w->lock);
	if (!told)
		w->untold += n;
}

/* Writes what is in the queue now, but not what is added meanwhile. */
static void write_batch(struct writer *w)
{
	struct tickets written = { NULL, NULL };
	size_t end = w->tail;
	int error = 0;
	do
		error = write_first_record(w, &written);
	while (w->used > 0 && w->head != end);
	hand_back(w, &written);
	if (w->used == 0 && w->untold > 0 && error == 0 && w->sink.lost != NULL)
		tell_sink_lost(w);
}

static void *writer_run(void *arg)
{
	struct writer *w = arg;
	pthread_mutex_lock(&w->lock);
	while (w->used > 0 || !w->stopping) {
		if (w->used > 0)
			write_batch(w);
		else {
			pthread_cond_signal(&w->drained);
			pthread_cond_wait(&w->changed, &w->lock);
		}
	}
	w->ended = true;
	pthread_cond_signal(&w->drained);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int writer_write_all(int fd, const void *p, size_t n)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	const char *bytes = p;
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);
		if (done < 0 && errno == EAGAIN)
			(void)poll(&out, 1, -1);
		else if (done < 0 && errno != EINTR)
			return errno;
		else if (done > 0) {
			bytes += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

/* -- for the loop -------------------------------------------------------------------------------------------- */

bool writer_put(struct writer *w, const void *record, size_t n, struct writer_ticket *ticket)
{
	size_t unit = sizeof(struct header);
	bool fits = n > 0 && n < w->bytes;
	pthread_mutex_lock(&w->lock);
	struct header *header = fits
	    ? take_ring_room(w, unit + (n + unit - 1) / unit * unit, ticket == NULL ? w->bytes / 4 : 0)
	    : NULL;
	if (header != NULL) {
		header->ticket = ticket;
		header->n = (uint32_t)n;
		memcpy(header + 1, record, n);
		pthread_cond_signal(&w->changed);
	} else
		count_lost(w);
	pthread_mutex_unlock(&w->lock);
	return header != NULL;
}

bool writer_has_room(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	bool has_room = w->used < w->bytes / 2;
	pthread_mutex_unlock(&w->lock);
	return has_room;
}

struct writer_ticket *writer_collect(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	struct writer_ticket *list = w->done.first;
	w->done = (struct tickets){ NULL, NULL };
	pthread_mutex_unlock(&w->lock);
	return list;
}

uint64_t writer_lost(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	uint64_t lost = w->lost;
	pthread_mutex_unlock(&w->lock);
	return lost;
}

static void writer_destroy(struct writer *w)
{
	pthread_cond_destroy(&w->changed);
	pthread_cond_destroy(&w->drained);
	pthread_mutex_destroy(&w->lock);
	free(w->ring);
	free(w);
}

struct writer *writer_new(size_t bytes, const struct writer_sink *sink, int loop_fd)
{
	struct writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t attributes;
	if (w == NULL)
		return NULL;
	w->sink = *sink;
	w->loop_fd = loop_fd;
	w->bytes = bytes / sizeof(struct header) * sizeof(struct header);
	w->ring = malloc(w->bytes);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attributes);
	pthread_cond_init(&w->drained, &attributes);
	pthread_condattr_destroy(&attributes);
	if (w->ring != NULL && thread_start(&w->thread, writer_run, w) == 0)
		return w;
	writer_destroy(w);
	return NULL;
}

static struct timespec time_after(uint64_t ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000 * 1000000);
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

bool writer_drain(struct writer *w, uint64_t budget_ms)
{
	struct timespec until = time_after(budget_ms);
	pthread_mutex_lock(&w->lock);
	int rc = 0;
	while (w->used > 0 && rc == 0)
		rc = pthread_cond_timedwait(&w->drained, &w->lock, &until);
	bool drained = w->used == 0;
	pthread_mutex_unlock(&w->lock);
	return drained;
}

bool writer_stop(struct writer *w, uint64_t budget_ms)
{
	struct timespec until = time_after(budget_ms);
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->changed);
	int rc = 0;
	while (!w->ended && rc == 0)
		rc = pthread_cond_timedwait(&w->drained, &w->lock, &until);
	bool ended = w->ended;
	pthread_mutex_unlock(&w->lock);
	if (!ended)
		return false;
	pthread_join(w->thread, NULL);
	writer_destroy(w);
	return true;
}
