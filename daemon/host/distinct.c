/*
 * distinct: keeps the hashes as long as they are few, and after that a HyperLogLog (Flajolet et al., 2007) in the
 * same memory: of the hashes that fall to a register it keeps the longest run of zeros, which grows with their
 * number.
 */
#include "daemon/host/distinct.h"

#include <string.h>

#define PLACES (2 * DISTINCT_EXACT)
#define REGISTERS (8 * DISTINCT_EXACT)
#define REGISTER_BITS 12

_Static_assert(REGISTERS == 1 << REGISTER_BITS, "a hash's uppermost bits are a register's number");

static void raise_rank(struct distinct *d, uint32_t hash)
{
	uint8_t *rank = &d->rank[hash >> (32 - REGISTER_BITS)];
	/* the bit that is set ends the zeros if all that is left of the hash is zeros */
	uint32_t left = hash << REGISTER_BITS | UINT32_C(1) << (REGISTER_BITS - 1);
	uint8_t found = (uint8_t)(__builtin_clz(left) + 1);

	if (found > *rank)
		*rank = found;
}

static void begin_to_estimate(struct distinct *d)
{
	uint32_t hash[PLACES];

	memcpy(hash, d->hash, sizeof(hash));
	memset(d->rank, 0, sizeof(d->rank));
	d->estimates = true;
	for (unsigned i = 0; i < PLACES; i++) {
		if (hash[i] != 0)
			raise_rank(d, hash[i]);
	}
}

void distinct_add(struct distinct *d, uint32_t hash)
{
	if (d->estimates) {
		raise_rank(d, hash);
		return;
	}
	if (hash == 0)
		hash = 1; /* 0 marks free places */
	unsigned i = hash % PLACES;
	while (d->hash[i] != 0 && d->hash[i] != hash)
		i = (i + 1) % PLACES;
	if (d->hash[i] != 0)
		return;
	d->hash[i] = hash;
	if (++d->kept > DISTINCT_EXACT)
		begin_to_estimate(d);
}

uint64_t distinct_count(const struct distinct *d)
{
	unsigned empty = 0;
	double sum = 0, estimate;

	if (!d->estimates)
		return d->kept;
	for (unsigned i = 0; i < REGISTERS; i++) {
		empty += d->rank[i] == 0;
		sum += 1.0 / (double)(UINT32_C(1) << d->rank[i]);
	}
	estimate = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS * REGISTERS / sum;
	if (estimate > 2.5 * REGISTERS || empty == 0)
		return (uint64_t)estimate;
	/*
	 * For so few it is worse than what follows from the registers that are still empty: on average it takes
	 * REGISTERS * ln(REGISTERS / empty) things until so many are left.
	 */
	estimate = 0;
	for (unsigned i = empty + 1; i <= REGISTERS; i++)
		estimate += (double)REGISTERS / i;
	return (uint64_t)estimate;
}
