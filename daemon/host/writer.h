/*
 * writer: a thread that does writes that may block, behind a queue of a fixed size, so that the event loop never
 * waits. A record for which there is no room, or that cannot be written, is lost and counted.
 *
 * Records are copied into the queue, and it takes no other memory however long it runs. The queue is not wiped, so
 * no record may hold a secret.
 */
#ifndef WRITER_H
#define WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer;

/* Where records go. These functions run in the writer's thread and must not log. */
struct writer_sink {
	/* Writes one record of n bytes, and may block. 0, or an errno: the record is lost. */
	int (*write)(void *arg, const void *record, size_t n);
	/*
	 * Makes sure that what was written is safe; runs before tickets come back. 0, or an errno. NULL: there is
	 * nothing to do.
	 */
	int (*sync)(void *arg);
	/*
	 * Tells that n more records were lost; runs when the queue has been written. False: it could not be told,
	 * and will be tried again. NULL: it is not told.
	 */
	bool (*lost)(void *arg, uint64_t n);
	void *arg;
};

/*
 * Tells the loop what became of a record. The owner embeds it in its struct, which must live until the ticket has
 * come back.
 */
struct writer_ticket {
	struct writer_ticket *next;
	int error; /* 0: the record is written and safe; else an errno */
};

/*
 * Starts the thread, which takes no signals, with a queue of so many bytes. loop_fd is an eventfd of the caller's,
 * to which 1 is written when tickets have come back; -1: there will be no tickets. sink is copied, its arg
 * borrowed. NULL: no memory or no thread.
 */
struct writer *writer_new(size_t bytes, const struct writer_sink *sink, int loop_fd);

/*
 * Copies a record of n bytes into the queue; ticket may be NULL. False: there is no room, the record is counted as
 * lost, and its ticket does not come back. A quarter of the queue is kept for records with a ticket. Any thread
 * may call it.
 */
bool writer_put(struct writer *writer, const void *record, size_t n, struct writer_ticket *ticket);

/* True while less than half of the queue is in use: time to put in what can wait. Any thread may call it. */
bool writer_has_room(struct writer *writer);

/*
 * Gives the tickets that have come back since the last call, as a list in the order of their records. NULL: none.
 */
struct writer_ticket *writer_collect(struct writer *writer);

/* Gives how many records have been lost so far. */
uint64_t writer_lost(struct writer *writer);

/* Waits until the queue is empty, for at most budget_ms. False: it is not. Only the owner may call it. */
bool writer_drain(struct writer *writer, uint64_t budget_ms);

/*
 * Lets the thread write what is in the queue for at most budget_ms, ends it and frees the writer; tickets do not
 * come back any more. False: the thread is stuck, and nothing is freed. It uses writer and sink until the process
 * ends, and does not keep the process from ending.
 */
bool writer_stop(struct writer *writer, uint64_t budget_ms);

/*
 * Writes all n bytes at p, for sinks. It also waits if fd is non-blocking, which standard error may be made by
 * others that share it. 0, or an errno.
 */
int writer_write_all(int fd, const void *p, size_t n);

#endif
