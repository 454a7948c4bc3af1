/*
 * api: puts OpenBao's paths, headers and bodies together, and has its answers read by classify and control.
 */
#include "daemon/upstream/api.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX 16384
#define BODY_EXTRA 128 /* what a put's body has beside the data */
#define MOUNT_MAX 256

/* The statuses make sys/health send its document with a 2xx, whatever it has to say. */
#define HEALTH_PATH "/v1/sys/health?standbyok=true&perfstandbyok=true&uninitcode=299&sealedcode=299&standbycode=299" \
	"&drsecondarycode=299&performancestandbycode=299"

#define SNAPSHOT_PATH "/v1/sys/storage/raft/snapshot"

struct api {
	struct http *http;
	struct http *own;      /* the same, if it is freed with this; else NULL */
	char *vault_namespace; /* NULL: none */
};

/* What a call carries with it through http. */
struct answer_call_arg {
	void (*classify)(const struct http_reply *reply, struct answer *ret);
	api_answer *done;
	void *arg;
};

struct mount_call_arg {
	char mount[MOUNT_MAX + 1];
	api_answer *done;
	void *arg;
};

struct control_call_arg {
	void (*read)(const struct http_reply *reply, struct control *ret);
	api_control *done;
	void *arg;
	const char *node; /* of use only until the request is started */
};

struct api *api_new(struct http *http, const char *vault_namespace)
{
	struct api *api = calloc(1, sizeof(*api));

	if (api == NULL)
		return NULL;
	api->http = http;
	if (vault_namespace == NULL || vault_namespace[0] == '\0')
		return api;
	api->vault_namespace = strdup(vault_namespace);
	if (api->vault_namespace != NULL)
		return api;
	free(api);
	return NULL;
}

struct api *api_another(const struct api *api, struct event_base *base, const char *address, struct error *error)
{
	struct http *http = http_another(api->http, base, address, error);
	struct api *another;

	if (http == NULL)
		return NULL;
	another = api_new(http, api->vault_namespace);
	if (another == NULL) {
		http_free(http);
		error_set(error, "out of memory");
		return NULL;
	}
	another->own = http;
	return another;
}

void api_free(struct api *api)
{
	if (api == NULL)
		return;
	http_free(api->own);
	free(api->vault_namespace);
	free(api);
}

/* -- paths -- */

/* Appends a path, percent-encoded but for unreserved characters and the slashes between its segments. */
static int put_encoded(struct buf *out, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

	while (*path != '\0') {
		size_t n = strspn(path, plain);

		if (n > 0 ? buf_put(out, path, n) < 0 : buf_printf(out, "%%%02X", (unsigned)(unsigned char)*path) < 0)
			return -1;
		path += n > 0 ? n : 1;
	}
	return 0;
}

int api_kv_url(struct buf *out, const char *mount, const char *path, uint64_t version)
{
	size_t mark = buf_len(out);

	if (buf_puts(out, "/v1/") == 0 && put_encoded(out, mount) == 0 && buf_puts(out, "/data/") == 0 &&
	    put_encoded(out, path) == 0 &&
	    (version == 0 || buf_printf(out, "?version=%llu", (unsigned long long)version) == 0))
		return 0;
	buf_truncate(out, mark);
	return -1;
}

/* before + the encoded path + after. */
static int put_path(struct buf *out, const char *before, const char *path, const char *after)
{
	return buf_puts(out, before) == 0 && put_encoded(out, path) == 0 && buf_puts(out, after) == 0 ? 0 : -1;
}

/* Starts a request on the URL path in url, which is freed, unless an error (not 0) happened while it was made. */
static struct http_call *start(struct api *api, int error, struct buf *url, struct http_request *request,
    http_done *done, void *arg)
{
	struct http_call *call = NULL;

	if (error == 0 && buf_put(url, "", 1) == 0) {
		request->path = (const char *)buf_data(url);
		call = http_start(api->http, request, done, arg);
	} else if (request->body != NULL) {
		buf_free(request->body);
	}
	buf_free(url);
	return call;
}

/* -- KV -- */

static void answer_done(void *arg, const struct http_reply *reply)
{
	const struct answer_call_arg *call = arg;
	struct answer answer;

	call->classify(reply, &answer);
	call->done(call->arg, &answer);
}

struct http_call *api_kv_get(struct api *api, const char *token, const char *node, const char *mount, const char *path,
    uint64_t version, uint64_t deadline_ms, api_answer *done, void *arg)
{
	struct answer_call_arg call = {.classify = classify_get, .done = done, .arg = arg};
	struct http_request request = {.method = HTTP_GET, .token = token, .vault_namespace = api->vault_namespace,
	    .deadline_ms = deadline_ms, .arg_size = sizeof(call), .node = node};
	struct buf url;

	buf_init(&url, URL_MAX);
	return start(api, api_kv_url(&url, mount, path, version), &url, &request, answer_done, &call);
}

static int put_body(struct buf *body, const char *data, size_t data_len, const uint64_t *cas)
{
	if (data_len > SIZE_MAX - BODY_EXTRA)
		return -1;
	/* At once, so that the secret is not moved about while the buffer grows. */
	buf_init(body, data_len + BODY_EXTRA);
	if (buf_reserve(body, data_len + BODY_EXTRA) < 0 || buf_puts(body, "{\"data\":") < 0 ||
	    buf_put(body, data, data_len) < 0)
		return -1;
	if (cas != NULL && buf_printf(body, ",\"options\":{\"cas\":%llu}", (unsigned long long)*cas) < 0)
		return -1;
	return buf_puts(body, "}");
}

struct http_call *api_kv_put(struct api *api, const char *token, const char *node, const char *mount, const char *path,
    const char *data, size_t data_len, const uint64_t *cas, uint64_t deadline_ms, api_answer *done, void *arg)
{
	struct answer_call_arg call = {.classify = classify_put, .done = done, .arg = arg};
	struct buf url, body;
	struct http_request request = {.method = HTTP_POST, .token = token, .vault_namespace = api->vault_namespace,
	    .body = &body, .deadline_ms = deadline_ms, .arg_size = sizeof(call), .node = node};
	int error;

	buf_init(&url, URL_MAX);
	buf_init(&body, 0);
	error = put_body(&body, data, data_len, cas) < 0 || api_kv_url(&url, mount, path, 0) < 0;
	return start(api, error, &url, &request, answer_done, &call);
}

static void mount_done(void *arg, const struct http_reply *reply)
{
	const struct mount_call_arg *call = arg;
	struct answer answer;

	classify_mount(reply, call->mount, &answer);
	call->done(call->arg, &answer);
}

struct http_call *api_mount(struct api *api, const char *token, const char *node, const char *mount,
    uint64_t deadline_ms, api_answer *done, void *arg)
{
	struct mount_call_arg call = {.done = done, .arg = arg};
	struct http_request request = {.method = HTTP_GET, .token = token, .vault_namespace = api->vault_namespace,
	    .deadline_ms = deadline_ms, .arg_size = sizeof(call), .node = node};
	struct buf url;
	size_t len = strlen(mount);

	if (len > MOUNT_MAX)
		return NULL;
	memcpy(call.mount, mount, len + 1);
	buf_init(&url, URL_MAX);
	return start(api, put_path(&url, "/v1/sys/internal/ui/mounts/", mount, ""), &url, &request, mount_done, &call);
}

/* -- snapshots, which are of the cluster and of no namespace -- */

struct http_call *api_snapshot_save(struct api *api, const char *token, const char *node,
    const struct http_stream *stream, uint64_t deadline_ms, api_answer *done, void *arg)
{
	struct answer_call_arg call = {.classify = classify_save, .done = done, .arg = arg};
	struct http_request request = {.method = HTTP_GET, .path = SNAPSHOT_PATH, .token = token, .node = node,
	    .stream = stream, .deadline_ms = deadline_ms, .arg_size = sizeof(call)};

	return http_start(api->http, &request, answer_done, &call);
}

struct http_call *api_snapshot_restore(struct api *api, const char *token, const char *node, bool force,
    const struct http_stream *stream, uint64_t deadline_ms, api_answer *done, void *arg)
{
	struct answer_call_arg call = {.classify = classify_restore, .done = done, .arg = arg};
	struct http_request request = {.method = HTTP_POST, .path = force ? SNAPSHOT_PATH "-force" : SNAPSHOT_PATH,
	    .token = token, .node = node, .stream = stream, .deadline_ms = deadline_ms, .arg_size = sizeof(call)};

	return http_start(api->http, &request, answer_done, &call);
}

/* -- control documents -- */

static void control_done(void *arg, const struct http_reply *reply)
{
	const struct control_call_arg *call = arg;
	struct control control;

	call->read(reply, &control);
	call->done(call->arg, &control);
	control_clear(&control);
}

/* Of the root namespace, and refused in any other. */
static bool is_cluster_wide(const struct control_call_arg *call)
{
	return call->read == control_health || call->read == control_leader;
}

/* A request of the daemon's own: without a caller behind it, so it goes first. body: NULL for a GET. */
static struct http_call *start_control(struct api *api, const char *token, int error, struct buf *url, struct buf *body,
    uint64_t deadline_ms, struct control_call_arg call)
{
	struct http_request request = {.method = body != NULL ? HTTP_POST : HTTP_GET, .token = token, .body = body,
	    .vault_namespace = is_cluster_wide(&call) ? NULL : api->vault_namespace, .deadline_ms = deadline_ms,
	    .urgent = true, .arg_size = sizeof(call), .node = call.node};

	return start(api, error, url, &request, control_done, &call);
}

struct http_call *api_login(struct api *api, const char *node, const char *mount, struct buf *body,
    uint64_t deadline_ms, api_control *done, void *arg)
{
	struct buf url;

	buf_init(&url, URL_MAX);
	return start_control(api, NULL, put_path(&url, "/v1/auth/", mount, "/login"), &url, body, deadline_ms,
	    (struct control_call_arg){.read = control_login, .done = done, .arg = arg, .node = node});
}

static struct http_call *get(struct api *api, const char *token, const char *path, uint64_t deadline_ms,
    struct control_call_arg call)
{
	struct buf url;

	buf_init(&url, URL_MAX);
	return start_control(api, token, buf_puts(&url, path), &url, NULL, deadline_ms, call);
}

/* A POST with an empty object. */
static struct http_call *post(struct api *api, const char *token, const char *path, uint64_t deadline_ms,
    struct control_call_arg call)
{
	struct buf url, body;

	buf_init(&url, URL_MAX);
	buf_init(&body, BODY_EXTRA);
	return start_control(api, token, buf_puts(&body, "{}") < 0 || buf_puts(&url, path) < 0, &url, &body, deadline_ms,
	    call);
}

struct http_call *api_renew_self(struct api *api, const char *token, uint64_t deadline_ms, api_control *done, void *arg)
{
	return post(api, token, "/v1/auth/token/renew-self", deadline_ms,
	    (struct control_call_arg){.read = control_renew, .done = done, .arg = arg});
}

struct http_call *api_lookup_self(struct api *api, const char *token, uint64_t deadline_ms, api_control *done, void *arg)
{
	return get(api, token, "/v1/auth/token/lookup-self", deadline_ms,
	    (struct control_call_arg){.read = control_lookup, .done = done, .arg = arg});
}

struct http_call *api_revoke_self(struct api *api, const char *token, uint64_t deadline_ms, api_control *done, void *arg)
{
	return post(api, token, "/v1/auth/token/revoke-self", deadline_ms,
	    (struct control_call_arg){.read = control_plain, .done = done, .arg = arg});
}

struct http_call *api_wrapping_lookup(struct api *api, const char *wrapping_token, const char *node,
    uint64_t deadline_ms, api_control *done, void *arg)
{
	return post(api, wrapping_token, "/v1/sys/wrapping/lookup", deadline_ms,
	    (struct control_call_arg){.read = control_wrapping, .done = done, .arg = arg, .node = node});
}

struct http_call *api_unwrap(struct api *api, const char *wrapping_token, const char *node, uint64_t deadline_ms,
    api_control *done, void *arg)
{
	return post(api, wrapping_token, "/v1/sys/wrapping/unwrap", deadline_ms,
	    (struct control_call_arg){.read = control_unwrap, .done = done, .arg = arg, .node = node});
}

struct http_call *api_health(struct api *api, const char *node, uint64_t deadline_ms, api_control *done, void *arg)
{
	return get(api, NULL, HEALTH_PATH, deadline_ms,
	    (struct control_call_arg){.read = control_health, .done = done, .arg = arg, .node = node});
}

void api_node_failed(struct api *api, size_t address)
{
	http_address_failed(api->http, address);
}

struct http_call *api_leader(struct api *api, const char *node, uint64_t deadline_ms, api_control *done, void *arg)
{
	return get(api, NULL, "/v1/sys/leader", deadline_ms,
	    (struct control_call_arg){.read = control_leader, .done = done, .arg = arg, .node = node});
}
