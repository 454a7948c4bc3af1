/*
 * status: what the daemon says of itself, to ping and status. Nothing in it tells a secret, a token, OpenBao's
 * address or a namespace.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/access/rules.h"
#include "daemon/ops/limits.h"
#include "proto/jwrite.h"

struct keeper;
struct kv;

struct counters {
	uint64_t requests, failures, forbidden, gets, cache_hits, cache_stale, puts, probes, snapshots_saved, snapshots_restored;
	uint64_t audit_dropped;
};

/* Each adds members to a reply that was begun. */
void status_write_ping(struct jwrite *w, const struct keeper *keeper, const struct call_limits *limits);
void status_write(struct jwrite *w, const struct keeper *keeper, const struct counters *counters, uint64_t uptime_ms);
void status_write_cache(struct jwrite *w, const struct kv *kv);
/* The login in words, for one line that everybody may read: "logged in, renewal due at 19:08 UTC". */
void status_words(const struct keeper *keeper, char *out, size_t size);

void status_write_caller(struct jwrite *w, const struct peer *peer, const struct rules *rules);

#endif
