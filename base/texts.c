/*
 * texts: an array whose room doubles whenever it is full.
 */
#include "base/texts.h"

#include <stdio.h>
#include <string.h>

#include "base/secmem.h"

int texts_add(struct texts *texts, const char *text)
{
	size_t n = texts->count;
	char **grown = texts->item;

	if ((n & (n - 1)) == 0) /* the array is full at each power of two */
		grown = secmem_realloc(texts->item, (n == 0 ? 1 : 2 * n) * sizeof(*grown));
	if (grown == NULL)
		return -1;
	texts->item = grown;
	grown[n] = secmem_strdup(text);
	if (grown[n] == NULL)
		return -1;
	texts->count++;
	return 0;
}

bool texts_equal(const struct texts *a, const struct texts *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->item[i], b->item[i]) == 0;
	return same;
}

void texts_clear(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		secmem_free(texts->item[i]);
	secmem_free(texts->item);
	*texts = (struct texts){ .item = NULL };
}

void texts_join(char *to, size_t size, const char *text)
{
	size_t n = strlen(to);

	snprintf(to + n, size - n, "%s%s", n > 0 ? ", " : "", text);
}

void texts_replace_controls(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			p[0] = '?';
			p[1] = '?';
		}
	}
}

bool texts_have_control(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return true;
	return false;
}
