/*
 * http_addresses: parses the configured addresses with curl, and tells which one to try next.
 */
#include "daemon/upstream/http_addresses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
	char *value = NULL;

	return curl_url_get(url, part, &value, flags) == CURLUE_OK ? value : NULL;
}

/*
 * Tells whether a URL has more than a scheme, a host and a port. An address may not: the rest would be dropped, or
 * sent to OpenBao, without anybody noticing.
 */
static int has_other_parts(CURLU *url)
{
	static const CURLUPart parts[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
		CURLUPART_FRAGMENT };
	char *path = url_part(url, CURLUPART_PATH, 0);
	int more = path != NULL && strcmp(path, "/") != 0;

	curl_free(path);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *value = url_part(url, parts[i], 0);

		more |= value != NULL;
		curl_free(value);
	}
	return more;
}

static int fill_address(struct http_address *entry, const char *scheme, const char *host, const char *port,
    const char *server_name)
{
	entry->url = curl_url();
	if (asprintf(&entry->text, "%s://%s:%s", scheme, host, port) < 0) {
		entry->text = NULL;
		return -1;
	}
	if (curl_url_set(entry->url, CURLUPART_SCHEME, scheme, 0) != CURLUE_OK ||
	    curl_url_set(entry->url, CURLUPART_HOST, server_name != NULL ? server_name : host, 0) != CURLUE_OK ||
	    curl_url_set(entry->url, CURLUPART_PORT, port, 0) != CURLUE_OK)
		return -1;
	if (server_name == NULL)
		return 0;
	if (asprintf(&entry->connect_to, "::%s:%s", host, port) < 0) {
		entry->connect_to = NULL;
		return -1;
	}
	return 0;
}

static int parse_url(struct http_address *entry, CURLU *url, const char *text, const char *server_name,
    struct error *error)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	int result = -1;

	if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
		error_set(error, "is not an http:// or https:// URL");
		goto out;
	}
	scheme = url_part(url, CURLUPART_SCHEME, 0);
	host = url_part(url, CURLUPART_HOST, 0);
	port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	if (scheme == NULL || (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0))
		error_set(error, "is not an http:// or https:// URL");
	else if (host == NULL || host[0] == '\0' || port == NULL)
		error_set(error, "has no host");
	else if (has_other_parts(url))
		error_set(error, "has more than a scheme, a host and a port");
	else if (fill_address(entry, scheme, host, port, server_name) < 0)
		error_set(error, "cannot be used: out of memory");
	else
		result = 0;
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return result;
}

int http_address_init(struct http_address *ret, const char *url, const char *server_name, struct error *error)
{
	CURLU *parser = curl_url();
	int result;

	memset(ret, 0, sizeof(*ret));
	result = parser == NULL ? error_set(error, "cannot be used: out of memory")
				: parse_url(ret, parser, url, server_name, error);
	curl_url_cleanup(parser);
	if (result < 0)
		http_address_clear(ret);
	return result;
}

void http_address_clear(struct http_address *address)
{
	curl_url_cleanup(address->url);
	free(address->text);
	free(address->connect_to);
	memset(address, 0, sizeof(*address));
}

int http_addresses_init(struct http_addresses *addresses, char *const *urls, size_t count, const char *server_name,
    struct error *error)
{
	struct error why;

	memset(addresses, 0, sizeof(*addresses));
	if (count == 0)
		return error_set(error, "no address of OpenBao is configured (REQ-007, PX-0003)");
	if (count > HTTP_ADDRESSES_MAX)
		return error_set(error, "more than %d addresses", HTTP_ADDRESSES_MAX);
	addresses->entries = calloc(count, sizeof(*addresses->entries));
	if (addresses->entries == NULL)
		return error_set(error, "out of memory");
	addresses->count = count;
	for (size_t i = 0; i < count; i++) {
		if (http_address_init(&addresses->entries[i], urls[i], server_name, &why) < 0) {
			http_addresses_free(addresses);
			return error_set(error, "address %zu %s", i + 1, why.text);
		}
	}
	return 0;
}

size_t http_addresses_find(const struct http_addresses *addresses, const char *text)
{
	size_t i = 0;

	while (i < addresses->count && strcmp(addresses->entries[i].text, text) != 0)
		i++;
	return i;
}

void http_addresses_free(struct http_addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		http_address_clear(&addresses->entries[i]);
	free(addresses->entries);
	memset(addresses, 0, sizeof(*addresses));
}

size_t http_addresses_next(struct http_addresses *addresses, uint64_t tried, uint64_t now_ms)
{
	size_t best = addresses->count;

	for (size_t i = 0; i < addresses->count; i++) {
		struct http_address *entry = &addresses->entries[i];

		if (tried & (UINT64_C(1) << i))
			continue;
		if (entry->failed_ms == 0)
			return i;
		if (now_ms - entry->failed_ms >= HTTP_ADDRESSES_MEMORY_MS) {
			entry->failed_ms = now_ms;
			return i;
		}
		if (best == addresses->count || entry->failed_ms < addresses->entries[best].failed_ms)
			best = i;
	}
	return best;
}
