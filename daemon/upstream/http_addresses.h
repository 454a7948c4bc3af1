/*
 * http_addresses: the addresses of OpenBao in the order in which they were configured, and which of them failed
 * lately. A part of http that no other file may include, since it includes curl.h. Pure but for memory.
 */
#ifndef HTTP_ADDRESSES_H
#define HTTP_ADDRESSES_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HTTP_ADDRESSES_MAX 64
#define HTTP_ADDRESSES_MEMORY_MS 10000 /* how long an address that failed is tried last */

struct http_address {
	CURLU *url;         /* scheme, host and port, parsed once for all requests */
	char *text;         /* "https://host:port" with the configured host, for http_addresses_find */
	char *connect_to;   /* for CURLOPT_CONNECT_TO; NULL unless a server name stands in the URL */
	bool away;          /* it is logged that this address is not reached, and not yet that it is again */
	uint64_t away_ms;   /* when that was logged last; 0: never */
	uint64_t failed_ms; /* when it last failed; 0: it has worked since, or never failed */
};

struct http_addresses {
	struct http_address *entries;
	size_t count;
};

/*
 * Reads "http://host:port" and "https://host:port", which are copied; server_name, unless NULL, takes the host's
 * place in the URL. 0; or -1 with error set, which names the address by its place only, and addresses empty.
 */
int http_addresses_init(struct http_addresses *addresses, char *const *urls, size_t count, const char *server_name,
    struct error *error);
void http_addresses_free(struct http_addresses *addresses);

/* Gives the place of the address with that text; addresses->count: it is none of them. */
size_t http_addresses_find(const struct http_addresses *addresses, const char *text);

/*
 * Reads one address by itself. 0, and it is to be freed with http_address_clear; or -1 with error set and ret
 * empty.
 */
int http_address_init(struct http_address *ret, const char *url, const char *server_name, struct error *error);
void http_address_clear(struct http_address *address);

/*
 * Gives the address to try next of those whose bit is not set in tried: the first that has not failed for
 * HTTP_ADDRESSES_MEMORY_MS, else the one whose failure is longest ago; addresses->count: all were tried. An
 * address that failed and whose time is over is given once, and counts as failed again until the caller clears its
 * failed_ms: so one request finds out for all others whether it works.
 */
size_t http_addresses_next(struct http_addresses *addresses, uint64_t tried, uint64_t now_ms);

#endif
