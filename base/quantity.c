/*
 * quantity: reads digits and the name of a unit, or an octal mode; and writes a number with a unit.
 */
#include "base/quantity.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct quantity_unit {
	const char *name;
	uint64_t factor;
};

/* Reads at least one digit, for 0 to UINT64_MAX, and the name of a unit, of which "" may be one. 0, or -1. */
static int quantity_parse(const char *text, const struct quantity_unit *units, size_t nunits, uint64_t *ret)
{
	uint64_t n = 0;

	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return -1;
	}
	for (size_t i = 0; i < nunits; i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(n, units[i].factor, &n))
			return -1;
		*ret = n;
		return 0;
	}
	return -1;
}

int quantity_time(const char *text, uint64_t *ret_ms)
{
	static const struct quantity_unit units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 } };

	return quantity_parse(text, units, sizeof(units) / sizeof(*units), ret_ms);
}

int quantity_size(const char *text, uint64_t *ret_bytes)
{
	static const struct quantity_unit units[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 } };

	return quantity_parse(text, units, sizeof(units) / sizeof(*units), ret_bytes);
}

int quantity_count(const char *text, uint64_t *ret)
{
	static const struct quantity_unit none = { "", 1 };

	return quantity_parse(text, &none, 1, ret);
}

int quantity_mode(const char *text, mode_t *ret)
{
	size_t n = strlen(text);
	mode_t mode = 0;

	if (n < 3 || n > 4 || (n == 4 && *text != '0'))
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '7')
			return -1;
		mode = mode << 3 | (mode_t)(*text - '0');
	}
	*ret = mode;
	return 0;
}

const char *quantity_say_time(char out[QUANTITY_SAID_SIZE], uint64_t ms)
{
	static const struct {
		uint64_t below_ms, unit_ms;
		const char *name;
	} said[] = {
		{ 120000, 1000, "s" },
		{ 2 * 3600000, 60000, "min" },
		{ 2 * 86400000, 3600000, "h" },
		{ UINT64_MAX, 86400000, "days" },
	};
	size_t i = 0;

	while (ms >= said[i].below_ms && i < sizeof(said) / sizeof(said[0]) - 1)
		i++;
	if (ms < 10000)
		snprintf(out, QUANTITY_SAID_SIZE, "%.1f s", (double)ms / 1000);
	else
		snprintf(out, QUANTITY_SAID_SIZE, "%llu %s",
		    (unsigned long long)(ms / said[i].unit_ms + (ms % said[i].unit_ms >= said[i].unit_ms / 2)),
		    said[i].name);
	return out;
}
