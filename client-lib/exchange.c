/*
 * exchange: see the header. An exchange is allocated once and used again and again, with its id's slot and its
 * frame's memory, so that a steady load allocates nothing.
 */
#include "client-lib/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"
#include "proto/frame.h"

#define SLOT_BITS 16
#define ID_MASK ((UINT64_C(1) << 33) - 1) /* an id is a number of at most ten digits, as the protocol wants it */
#define FRAME_KEPT 4096                   /* bytes; a larger allocation is not kept for the next use */
#define MARGIN_MAX_MS 250u /* the time that the daemon is not told of, so that its answer comes in time */

_Static_assert(EXCHANGE_MAX == 1 << SLOT_BITS, "every slot has an id");

void exchanges_init(struct exchanges *exchanges)
{
	*exchanges = (struct exchanges){ .nslots = 0 };
	for (int state = 0; state < EXCHANGE_STATES; state++)
		TAILQ_INIT(&exchanges->list[state]);
	TAILQ_INIT(&exchanges->due);
}

void exchanges_free(struct exchanges *exchanges)
{
	for (size_t i = 0; i < exchanges->nslots; i++) {
		buf_free(&exchanges->slot[i]->frame);
		free(exchanges->slot[i]);
	}
	free(exchanges->slot);
	exchanges_init(exchanges);
}

static struct exchange_list *list_of(struct exchanges *exchanges, enum exchange_state state)
{
	return &exchanges->list[state == EXCHANGE_WRITING ? EXCHANGE_QUEUED : state];
}

static void exchange_set_state(struct exchanges *exchanges, struct exchange *x, enum exchange_state state)
{
	struct exchange_list *from = list_of(exchanges, x->state), *to = list_of(exchanges, state);

	x->state = state;
	if (from == to)
		return;
	TAILQ_REMOVE(from, x, entry);
	TAILQ_INSERT_TAIL(to, x, entry);
}

/* Allocates one more exchange, with the next slot. */
static int add_slot(struct exchanges *exchanges)
{
	struct exchange *x;

	if (exchanges->nslots == exchanges->slots_room) {
		size_t room = exchanges->slots_room == 0 ? 4 : exchanges->slots_room * 2;
		struct exchange **slot = reallocarray(exchanges->slot, room, sizeof(struct exchange *));

		if (slot == NULL)
			return -1;
		exchanges->slot = slot;
		exchanges->slots_room = room;
	}
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return -1;
	x->state = EXCHANGE_FREE;
	x->id = exchanges->nslots;
	buf_init(&x->frame, FRAME_HEADER + FRAME_BODY_MAX);
	exchanges->slot[exchanges->nslots++] = x;
	TAILQ_INSERT_HEAD(&exchanges->list[EXCHANGE_FREE], x, entry);
	return 0;
}

struct exchange *exchange_new(struct exchanges *exchanges, int *ret_code)
{
	struct exchange *x;

	if (TAILQ_EMPTY(&exchanges->list[EXCHANGE_FREE])) {
		if (exchanges->nslots == EXCHANGE_MAX) {
			*ret_code = SS_OVERLOADED;
			return NULL;
		}
		if (add_slot(exchanges) != 0) {
			*ret_code = SS_NO_MEMORY;
			return NULL;
		}
	}
	/* The exchange that was used last is likely still in the processor's cache. */
	x = TAILQ_LAST(&exchanges->list[EXCHANGE_FREE], exchange_list);
	x->id = (x->id + (1 << SLOT_BITS)) & ID_MASK;
	return x;
}

/* Most requests have the timeout of the one before, so the search from the end is short. */
static void insert_due(struct exchanges *exchanges, struct exchange *x)
{
	struct exchange *before = TAILQ_LAST(&exchanges->due, exchange_list);

	while (before != NULL && before->deadline_ms > x->deadline_ms)
		before = TAILQ_PREV(before, exchange_list, due);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&exchanges->due, before, x, due);
	else
		TAILQ_INSERT_HEAD(&exchanges->due, x, due);
}

void exchange_queue(struct exchanges *exchanges, struct exchange *x)
{
	x->written = 0;
	x->lost = false;
	exchange_set_state(exchanges, x, EXCHANGE_QUEUED);
	insert_due(exchanges, x);
	exchanges->pending++;
}

uint64_t exchange_told_timeout_ms(uint64_t deadline_ms, uint64_t now_ms)
{
	uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 1;

	return left_ms - (left_ms / 10 < MARGIN_MAX_MS ? left_ms / 10 : MARGIN_MAX_MS);
}

/* Spaces before the digits keep the frame's length; JSON allows them there. */
static void fill_in_timeout(struct exchange *x, uint64_t now_ms)
{
	uint64_t told_ms = exchange_told_timeout_ms(x->deadline_ms, now_ms);
	unsigned char *field = buf_data(&x->frame) + x->timeout_at;
	size_t at = EXCHANGE_TIMEOUT_DIGITS;

	memset(field, ' ', EXCHANGE_TIMEOUT_DIGITS);
	do {
		field[--at] = (unsigned char)('0' + told_ms % 10);
		told_ms /= 10;
	} while (told_ms > 0 && at > 0);
}

size_t exchanges_to_write(struct exchanges *exchanges, uint64_t now_ms, struct iovec *part, size_t max)
{
	struct exchange *x = exchange_first_queued(exchanges);
	size_t n = 0;

	for (; x != NULL && n < max; x = TAILQ_NEXT(x, entry)) {
		if (x->state == EXCHANGE_QUEUED && x->timeout_at != 0)
			fill_in_timeout(x, now_ms);
		part[n].iov_base = buf_data(&x->frame) + x->written;
		part[n++].iov_len = buf_len(&x->frame) - x->written;
	}
	return n;
}

void exchanges_written(struct exchanges *exchanges, size_t n)
{
	while (n > 0) {
		struct exchange *x = exchange_first_queued(exchanges);
		size_t left = buf_len(&x->frame) - x->written;

		if (n < left) {
			x->written += n;
			exchange_set_state(exchanges, x, EXCHANGE_WRITING);
			return;
		}
		n -= left;
		x->written += left;
		exchange_set_state(exchanges, x, EXCHANGE_SENT);
		if (op_is(x->op, OP_WRITES) || x->callback == NULL)
			buf_truncate(&x->frame, 0);
	}
}

void exchange_requeue(struct exchanges *exchanges, struct exchange *x)
{
	exchange_set_state(exchanges, x, EXCHANGE_QUEUED);
	TAILQ_REMOVE(&exchanges->list[EXCHANGE_QUEUED], x, entry);
	TAILQ_INSERT_HEAD(&exchanges->list[EXCHANGE_QUEUED], x, entry);
	x->written = 0;
	x->lost = true;
}

void exchange_end(struct exchanges *exchanges, struct exchange *x, int code, const char *message)
{
	x->code = code;
	x->message = message;
	exchange_set_state(exchanges, x, EXCHANGE_ENDED);
}

void exchange_disown(struct exchanges *exchanges, struct exchange *x)
{
	TAILQ_REMOVE(&exchanges->due, x, due);
	exchanges->pending--;
	x->callback = NULL;
	if (x->state == EXCHANGE_SENT)
		buf_truncate(&x->frame, 0);
}

void exchange_free(struct exchanges *exchanges, struct exchange *x)
{
	if (x->callback != NULL)
		exchange_disown(exchanges, x);
	if (x->frame.cap > FRAME_KEPT)
		buf_free(&x->frame);
	else
		buf_truncate(&x->frame, 0);
	exchange_set_state(exchanges, x, EXCHANGE_FREE);
}

struct exchange *exchange_by_id(const struct exchanges *exchanges, struct jspan id)
{
	struct exchange *x;
	uint64_t number;

	if (id.type != JSON_NUMBER || jspan_number(id, &number) != 0)
		return NULL;
	if ((number & (EXCHANGE_MAX - 1)) >= exchanges->nslots)
		return NULL;
	x = exchanges->slot[number & (EXCHANGE_MAX - 1)];
	return x->id == number && x->state == EXCHANGE_SENT ? x : NULL;
}

struct exchange *exchange_first_queued(const struct exchanges *exchanges)
{
	return TAILQ_FIRST(&exchanges->list[EXCHANGE_QUEUED]);
}

struct exchange *exchange_first_sent(const struct exchanges *exchanges)
{
	return TAILQ_FIRST(&exchanges->list[EXCHANGE_SENT]);
}

struct exchange *exchange_first_ended(const struct exchanges *exchanges)
{
	return TAILQ_FIRST(&exchanges->list[EXCHANGE_ENDED]);
}

struct exchange *exchange_first_due(const struct exchanges *exchanges)
{
	return TAILQ_FIRST(&exchanges->due);
}

bool exchange_is_doubtful(const struct exchange *x)
{
	return (x->state == EXCHANGE_WRITING || x->state == EXCHANGE_SENT) && op_is(x->op, OP_WRITES);
}

bool exchanges_are_orphaned(const struct exchanges *exchanges)
{
	const struct exchange *x = exchange_first_queued(exchanges);
	bool orphan = false;

	if (x != NULL && x->state == EXCHANGE_WRITING) {
		if (x->callback != NULL)
			return false;
		orphan = true;
	}
	TAILQ_FOREACH(x, &exchanges->list[EXCHANGE_SENT], entry) {
		if (x->callback != NULL)
			return false;
		orphan = true;
	}
	return orphan;
}
