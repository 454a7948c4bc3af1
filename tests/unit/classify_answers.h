/*
 * classify_answers: OpenBao's answers as OpenBao 2.7.2 gave them, and what is expected of reading them.
 */
#ifndef CLASSIFY_ANSWERS_H
#define CLASSIFY_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream/classify.h"

#define NO_MORE "\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n"
#define HEAD \
	"{\"request_id\":\"cf5224a6-55f1-0ab4-37a1-1852333358f2\",\"lease_id\":\"\",\"renewable\":false," \
	"\"lease_duration\":0,"
#define GET_OK \
	HEAD "\"data\":{\"data\":{\"a\":1,\"u\":\"\\u003c\\u0026\\u003e\\u0000\xc3\xa9\"}," \
	     "\"metadata\":{\"created_time\":\"2026-11-23T22:54:18.711929766Z\",\"custom_metadata\":null," \
	     "\"deletion_time\":\"\",\"destroyed\":false,\"version\":1}}," NO_MORE
/* This version will be deleted by itself (delete_version_after), and is there until then. */
#define GET_TO_BE_DELETED \
	HEAD "\"data\":{\"data\":{\"a\":1},\"metadata\":{\"created_time\":\"2026-11-23T22:54:18.711929766Z\"," \
	     "\"custom_metadata\":null,\"deletion_time\":\"2126-11-23T22:54:18.711929766Z\",\"destroyed\":false," \
	     "\"version\":4}}," NO_MORE
#define GET_NULL \
	HEAD "\"data\":{\"data\":null,\"metadata\":{\"created_time\":\"2026-11-23T22:54:18.984832077Z\"," \
	     "\"custom_metadata\":null,\"deletion_time\":\"\",\"destroyed\":false,\"version\":1}}," NO_MORE
#define GET_DELETED \
	HEAD "\"data\":{\"data\":null,\"metadata\":{\"created_time\":\"2026-11-23T22:54:18.711929766Z\"," \
	     "\"custom_metadata\":null,\"deletion_time\":\"2026-11-23T22:54:18.857230534Z\",\"destroyed\":false," \
	     "\"version\":12}}," NO_MORE
#define GET_DESTROYED \
	HEAD "\"data\":{\"data\":null,\"metadata\":{\"created_time\":\"2026-11-23T22:54:18.711929766Z\"," \
	     "\"custom_metadata\":null,\"deletion_time\":\"2026-11-23T22:54:18.857230534Z\",\"destroyed\":true," \
	     "\"version\":3}}," NO_MORE
#define GET_V1 HEAD "\"data\":{\"data\":{\"a\":1}}," NO_MORE
#define PUT_OK \
	HEAD "\"data\":{\"created_time\":\"2026-11-23T22:54:18.951055046Z\",\"custom_metadata\":{\"k\":\"v\"}," \
	     "\"deletion_time\":\"\",\"destroyed\":false,\"version\":2}," NO_MORE
#define MOUNT(version, path, type) \
	HEAD \
	    "\"data\":{\"accessor\":\"kv_99d57efa\",\"config\":{\"default_lease_ttl\":0," \
	    "\"force_no_cache\":false,\"max_lease_ttl\":0},\"deprecation_status\":\"supported\",\"description\":" \
	    "\"key/value secret storage\",\"external_entropy_access\":false,\"local\":false,\"options\":" version \
	    ",\"path\":\"" path "\",\"plugin_version\":\"\",\"running_plugin_version\":\"v2.7.2+builtin.bao\"," \
	    "\"running_sha256\":\"\",\"seal_wrap\":false,\"type\":\"" type "\"," \
	    "\"uuid\":\"73860114-4508-eab9-ed8f-bbe039ec3f3d\"}," NO_MORE
#define ERRORS(text) "{\"errors\":[\"" text "\"]}\n"
#define NONE "{\"errors\":[]}\n"
#define WRAPPED "1 error occurred:\\n\\t* permission denied\\n\\n"

enum what { GET, PUT, SAVE, RESTORE };

/* Makes a copy without a NUL behind it, so that a sanitizer sees a read beyond its end. */
struct http_reply answers_reply(int status, const char *body, size_t len, char **copy);
struct answer answers_classify(enum what what, struct http_reply *reply);
/* Reads an answer whose spans the test does not look at. */
struct answer answers_read(enum what what, int status, const char *body);
struct answer answers_none(enum what what, enum http_outcome outcome, bool sent);
void answers_expect_failed(struct answer a, enum code code, int status);
void answers_expect_again(struct answer a, uint64_t ms, enum code code);
void answers_expect_span(struct jspan span, const char *text);

#endif
