/*
 * api: OpenBao's HTTP API, as far as this daemon uses it. The only place that names its paths and headers.
 *
 * Every function starts one request and gives its handle, to be ended with http_cancel, or NULL if there is no
 * memory (then done does not run). done runs exactly once, from the loop, never from within the function.
 * Strings are copied. Deadlines are clock_now_ms() values.
 */
#ifndef API_H
#define API_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/upstream/classify.h"
#include "daemon/upstream/control.h"
#include "daemon/upstream/http.h"

struct api;
struct event_base;

/* vault_namespace: NULL or "" for none. http is borrowed. NULL: no memory. */
struct api *api_new(struct http *http, const char *vault_namespace);
void api_free(struct api *api);

/* The same with an http of its own, as http_another() makes it. NULL with error set. */
struct api *api_another(const struct api *api, struct event_base *base, const char *address, struct error *error);

/* The answer and its spans are valid until done returns. */
typedef void api_answer(void *arg, const struct answer *answer);

/* node: "https://host:port", the node to ask and no other; NULL: any. */
struct http_call *api_kv_get(struct api *api, const char *token, const char *node, const char *mount, const char *path,
    uint64_t version, uint64_t deadline_ms, api_answer *done, void *arg);

/* node: as above. cas: NULL for an unconditional write. data: the object, sent byte for byte. */
struct http_call *api_kv_put(struct api *api, const char *token, const char *node, const char *mount, const char *path,
    const char *data, size_t data_len, const uint64_t *cas, uint64_t deadline_ms, api_answer *done, void *arg);

/* Asks what is mounted at mount, for the mount guard. node: as above. */
struct http_call *api_mount(struct api *api, const char *token, const char *node, const char *mount,
    uint64_t deadline_ms, api_answer *done, void *arg);

/*
 * A raft snapshot of that node; stream takes it. done gets the end: VERDICT_OK after a 2xx whose body has come to an end,
 * which does not prove it whole. Not to a standby: it would give an older state of its own (OpenBao 2.7.2).
 */
struct http_call *api_snapshot_save(struct api *api, const char *token, const char *node,
    const struct http_stream *stream, uint64_t deadline_ms, api_answer *done, void *arg);

/*
 * Has that node restore what stream gives, with force also what other keys have sealed. Not a standby: it would seal
 * itself and restore nothing. OpenBao applies what it has got to the end of even if the request is then broken off.
 */
struct http_call *api_snapshot_restore(struct api *api, const char *token, const char *node, bool force,
    const struct http_stream *stream, uint64_t deadline_ms, api_answer *done, void *arg);

/* The control document is valid until done returns. */
typedef void api_control(void *arg, const struct control *control);

/* POST auth/<mount>/login. node: as above. body is taken over. */
struct http_call *api_login(struct api *api, const char *node, const char *mount, struct buf *body,
    uint64_t deadline_ms, api_control *done, void *arg);
struct http_call *api_renew_self(struct api *api, const char *token, uint64_t deadline_ms, api_control *done, void *arg);
struct http_call *api_lookup_self(struct api *api, const char *token, uint64_t deadline_ms, api_control *done, void *arg);
struct http_call *api_revoke_self(struct api *api, const char *token, uint64_t deadline_ms, api_control *done, void *arg);

/* sys/wrapping/lookup: what made this wrapping token. Does not use it up. node: as above. */
struct http_call *api_wrapping_lookup(struct api *api, const char *wrapping_token, const char *node,
    uint64_t deadline_ms, api_control *done, void *arg);
struct http_call *api_unwrap(struct api *api, const char *wrapping_token, const char *node, uint64_t deadline_ms,
    api_control *done, void *arg);

/* sys/health, without a token and never with a namespace. node: as above. */
struct http_call *api_health(struct api *api, const char *node, uint64_t deadline_ms, api_control *done, void *arg);

/* The node at that place among the configured addresses does not serve: others are asked first for a while. */
void api_node_failed(struct api *api, size_t address);

/* sys/leader of that node, without a token. */
struct http_call *api_leader(struct api *api, const char *node, uint64_t deadline_ms, api_control *done, void *arg);

/*
 * Pure, for tests: mount + path as an encoded URL path ("/v1/secret/data/a%20b?version=3"), appended to out.
 * Everything but unreserved characters (RFC 3986) and "/" is percent-encoded. 0 or -1 (memory, limit).
 */
int api_kv_url(struct buf *out, const char *mount, const char *path, uint64_t version);

#endif
