/*
 * http_addresses: the addresses of OpenBao in the order they were configured, and a short memory of those that
 * failed. Part of http, and includes curl.h: not for others. Pure but for memory.
 */
#ifndef HTTP_ADDRESSES_H
#define HTTP_ADDRESSES_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HTTP_ADDRESSES_MAX 64
#define HTTP_ADDRESSES_MEMORY_MS 10000 /* how long an address that failed is tried last */

struct http_address {
	CURLU *url;         /* scheme, host and port, parsed once for all requests */
	char *text;         /* the same, with the host as it was given, to be found by */
	char *connect_to;   /* for CURLOPT_CONNECT_TO; NULL unless a server name stands in the URL */
	uint64_t failed_ms; /* when it last failed, 0 if not since it last worked */
};

struct http_addresses {
	struct http_address *entries;
	size_t count;
};

/*
 * Reads "http://host:port" and "https://host:port"; server_name, if not NULL, takes the host's place in the
 * URL. 0, or -1 with error set, which names the address by its position only.
 */
int http_addresses_init(struct http_addresses *addresses, char *const *urls, size_t count, const char *server_name,
    struct error *error);
void http_addresses_free(struct http_addresses *addresses);

/* The place of the address with that text; addresses->count: it is none of them. */
size_t http_addresses_find(const struct http_addresses *addresses, const char *text);

/*
 * One address by itself, read in the same way. 0, or -1 with error set and ret empty. Freed with
 * http_address_clear.
 */
int http_address_init(struct http_address *ret, const char *url, const char *server_name, struct error *error);
void http_address_clear(struct http_address *address);

/*
 * The address to try next of those whose bit is not set in tried: the first that has not failed lately, else the
 * one whose failure is longest ago. addresses->count when all were tried. An address whose time is over is given
 * out once, and passed over again until that attempt has worked (its owner clears failed_ms) or as long as before:
 * one request finds out for all whether it serves.
 */
size_t http_addresses_next(struct http_addresses *addresses, uint64_t tried, uint64_t now_ms);

#endif
