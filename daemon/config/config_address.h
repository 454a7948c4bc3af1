/*
 * config_address: the addresses of OpenBao. They are taken strictly, so that what is checked here and what the
 * HTTP library makes of it cannot differ.
 */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * http:// or https://, a host, perhaps a port, perhaps a slash at the end. 0 with *ret the address without that
 * slash (secmem, the caller's to free); or -1 with why set, which does not hold the address.
 */
int config_address_parse(const char *text, char **ret, struct error *why);

/* Is an address, as config_address_parse gave it, this same machine's? */
bool config_address_is_loopback(const char *address);

/* Is it a host name, an IPv4 address, or an IPv6 address without brackets? */
bool config_address_host_ok(const char *text);

#endif
