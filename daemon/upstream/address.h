/*
 * address: the addresses of OpenBao. They are taken strictly, so that what is checked here and what the
 * HTTP library makes of it cannot differ.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * http:// or https://, a host, perhaps a port, perhaps a slash at the end. 0 with *ret the address without that
 * slash (secmem, the caller's to free); or -1 with why set, which does not hold the address.
 */
int address_parse(const char *text, char **ret, struct error *why);

/* Is an address, as address_parse gave it, this same machine's? */
bool address_is_loopback(const char *address);

/* Is it a host name, an IPv4 address, or an IPv6 address without brackets? */
bool address_is_host(const char *text);

#endif
