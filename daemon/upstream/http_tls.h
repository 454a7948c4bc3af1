/*
 * http_tls: checks the configured TLS files when they are configured; curl would only complain at each connection,
 * and less clearly. A part of http.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/error.h"
#include "daemon/upstream/http.h"

/* Checks the files. 0; or -1 with error set, which names the setting, the file and what is wrong. */
int http_tls_check(const struct http_options *options, struct error *error);

#endif
