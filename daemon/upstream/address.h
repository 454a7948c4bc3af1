/*
 * address: parses the addresses of OpenBao in the configuration. It takes only a strict form, so that the HTTP
 * library cannot understand an address otherwise than this check did.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * Parses http:// or https://, a host, perhaps a port, and perhaps a slash at the end. 0 with *ret the address
 * without that slash (the caller's, to be freed with secmem_free); or -1 with why set, which does not hold the
 * address.
 */
int address_parse(const char *text, char **ret, struct error *why);

/*
 * Parses a namespace: "team-a/" is how OpenBao prints it, "team-a" what it is, "" the root namespace. 0 with *ret
 * the namespace without a slash at its end (the caller's, to be freed with secmem_free); or -1 with why set.
 */
int address_parse_namespace(const char *text, char **ret, struct error *why);

/* Tells whether an address that address_parse gave is one of this machine's own loopback. */
bool address_is_loopback(const char *address);

/*
 * Calls warn for each address that address_parse gave and that is http:// to another machine. Gives whether one of
 * them is https://.
 */
bool address_warn(const struct texts *addresses, void (*warn)(const char *format, ...));

/* Tells whether the text is a host name, an IPv4 address, or an IPv6 address without brackets. */
bool address_is_host(const char *text);

/* Says what a text must be that is no such host; NULL: it is one. */
const char *address_host_error(const char *text);

#endif
