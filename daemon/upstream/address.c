/*
 * address: checks scheme, host and port of an address one after the other. Nothing is resolved.
 */
#include "daemon/upstream/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/secmem.h"
#include "proto/request.h"

#define NAME_MAX_LEN 253            /* RFC 1035, without the dot at the end */
#define HOST_MAX (NAME_MAX_LEN + 1) /* with it */

/*
 * A name has labels of letters, digits, "-" and "_". A dot at its end says that no search domain is to be tried;
 * it is no part of the name that a certificate has. By the URL standard a text whose last label has only digits is
 * an IPv4 address.
 */
bool address_is_host(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t len = strlen(text), n;
	const char *label = text, *end;
	struct in_addr ipv4;
	struct in6_addr ipv6;

	if (len == 0 || len > HOST_MAX)
		return false;
	if (strchr(text, ':') != NULL)
		return inet_pton(AF_INET6, text, &ipv6) == 1;
	end = text + len - (text[len - 1] == '.');
	if (end - text > NAME_MAX_LEN)
		return false;
	for (;;) {
		n = strcspn(label, ".");
		if (n == 0 || n > 63 || strspn(label, letters) < n)
			return false;
		if (label + n == end)
			break;
		label += n + 1;
	}
	if (strspn(label, "0123456789") == n)
		return inet_pton(AF_INET, text, &ipv4) == 1;
	/* Resolvers read labels such as "0x7f" as numbers. */
	return !(label[0] == '0' && (label[1] == 'x' || label[1] == 'X'));
}

static bool port_ok(const char *p, size_t n)
{
	unsigned port = 0;

	if (n == 0 || n > 5 || strspn(p, "0123456789") < n || p[0] == '0')
		return false;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (unsigned)(p[i] - '0');
	return port <= 65535;
}

/* Gives what follows "http://" or "https://"; NULL: the address begins with neither. */
static const char *after_scheme(const char *address)
{
	if (strncmp(address, "http://", 7) == 0)
		return address + 7;
	if (strncmp(address, "https://", 8) == 0)
		return address + 8;
	return NULL;
}

/*
 * Copies the host that p begins with, without brackets, and gives what follows it; NULL: no host, or one too long.
 */
static const char *take_host(const char *p, char host[HOST_MAX + 1])
{
	bool bracket = *p == '[';
	size_t n;

	p += bracket;
	n = strcspn(p, bracket ? "]" : ":/");
	if (n == 0 || n > HOST_MAX || (bracket && p[n] != ']'))
		return NULL;
	memcpy(host, p, n);
	host[n] = '\0';
	if (bracket != (strchr(host, ':') != NULL))
		return NULL;
	return p + n + bracket;
}

int address_parse(const char *text, char **ret, struct error *why)
{
	const char *p = after_scheme(text);
	char host[HOST_MAX + 1], *copy;
	size_t n;

	if (p == NULL)
		return error_set(why, "must begin with http:// or https://");
	p = take_host(p, host);
	if (p == NULL || !address_is_host(host))
		return error_set(why,
		    "must have a host name, IPv4 address or [IPv6 address] after http:// or https://");
	if (*p == ':') {
		n = strcspn(p + 1, "/");
		if (!port_ok(p + 1, n))
			return error_set(why, "must have a port from 1 to 65535 after the colon");
		p += 1 + n;
	}
	n = (size_t)(p - text);
	if (strcmp(p, "") != 0 && strcmp(p, "/") != 0)
		return error_set(why, "must end after the host and port: no path, user, query or space");
	copy = secmem_strndup(text, n);
	if (copy == NULL)
		return error_set(why, "out of memory");
	*ret = copy;
	return 0;
}

bool address_is_loopback(const char *address)
{
	const char *p = after_scheme(address);
	char host[HOST_MAX + 1];
	struct in6_addr ipv6;
	struct in_addr ipv4;

	if (p == NULL || take_host(p, host) == NULL)
		return false;
	if (inet_pton(AF_INET, host, &ipv4) == 1)
		return ntohl(ipv4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &ipv6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&ipv6);
	return strcasecmp(host, "localhost") == 0;
}

const char *address_host_error(const char *text)
{
	return address_is_host(text) ? NULL : "must be a host name or an IP address";
}

int address_parse_namespace(const char *text, char **ret, struct error *why)
{
	size_t len = strlen(text);
	char *copy = secmem_strndup(text, len - (len > 1 && text[len - 1] == '/'));

	if (copy == NULL)
		return error_set(why, "out of memory");
	if (*copy != '\0' && !request_path_ok(copy, SECRET_MOUNT_MAX)) {
		secmem_free(copy);
		return error_set(why,
		    "must be a namespace's path of at most %d bytes, such as team-a or team-a/dev",
		    SECRET_MOUNT_MAX);
	}
	*ret = copy;
	return 0;
}

bool address_warn(const struct texts *addresses, void (*warn)(const char *format, ...))
{
	bool any_https = false;

	for (size_t i = 0; i < addresses->count; i++) {
		if (strncmp(addresses->item[i], "https:", 6) == 0)
			any_https = true;
		else if (!address_is_loopback(addresses->item[i]))
			warn("openbao.address: number %zu is http:// to another machine: what is sent can be read "
			     "on the way",
			    i + 1);
	}
	return any_https;
}
