/*
 * http_tls: says at start what is wrong with the configured TLS files, which curl would only say at each
 * connection, and less clearly. Part of http.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/error.h"
#include "daemon/upstream/http.h"

/* 0, or -1 with error set: which setting, which file, what is wrong. */
int http_tls_check(const struct http_options *options, struct error *error);

#endif
