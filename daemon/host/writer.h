/*
 * writer: a thread that writes what may block, behind a queue of a fixed size, so that the event loop never waits.
 * A record for which there is no room, or that cannot be written, is lost and counted.
 *
 * The queue's bytes are all the memory it takes, however long it runs; records are copied into it. What goes
 * through it must hold no secret: it is not wiped.
 */
#ifndef WRITER_H
#define WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer;

/* Where records go. All of it runs in the thread, and must not log. */
struct writer_sink {
	/* Writes one record; it may take its time. 0, or an errno: the record is lost. */
	int (*write)(void *arg, const void *record, size_t n);
	/*
	 * Runs before tickets come back: makes sure that what was written is safe. 0, or an errno. NULL: nothing
	 * to do.
	 */
	int (*sync)(void *arg);
	/*
	 * All that was in the queue is written, and n records were lost since this was last said. False: it could
	 * not be said, and will be later. NULL: nobody wants to know.
	 */
	bool (*lost)(void *arg, uint64_t n);
	void *arg;
};

/* Tells the loop what became of a record. Part of its owner's struct, which must live until it has come back. */
struct writer_ticket {
	struct writer_ticket *next;
	int error; /* 0: the record is written and safe; or an errno */
};

/*
 * Starts the thread; it takes no signals. bytes: of the queue. loop_fd: an eventfd of the caller's, to which 1 is
 * written when tickets have come back; -1: there will be none. NULL: no memory or no thread.
 */
struct writer *writer_new(size_t bytes, const struct writer_sink *sink, int loop_fd);

/*
 * From one thread, the loop's: copies a record into the queue. False: there is no room, and the record is counted
 * as lost; a ticket then does not come back. Records with a ticket find room, a quarter of the queue, that others
 * leave.
 */
bool writer_put(struct writer *writer, const void *record, size_t n, struct writer_ticket *ticket);

/* The tickets that have come back since, as a list in the order of their records; NULL: none. */
struct writer_ticket *writer_collect(struct writer *writer);

/* Records lost so far. */
uint64_t writer_lost(struct writer *writer);

/*
 * Lets the thread write what is in the queue, for at most budget_ms, and frees all; tickets do not come back any
 * more. False: it is stuck. Then it stays, and the sink with it, until the process ends, which it does not hold
 * up.
 */
bool writer_stop(struct writer *writer, uint64_t budget_ms);

/*
 * For sinks: writes all of it, and waits where fd is non-blocking, as standard error may be, which others share.
 * 0, or an errno.
 */
int writer_write_all(int fd, const void *p, size_t n);

#endif
