/*
 * secmem: memory that is wiped when it is given back. This is a thin layer over malloc, which tells how large a
 * block really is (malloc_usable_size); there is no state here, hence nothing to lock.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"

/*
 * Gives the size of the whole block, which may be more than was asked for. The empty asm makes the compiler forget
 * the size it knows *p to have: it would take the bytes beyond to be out of bounds, and fortified functions would
 * abort.
 */
static size_t block_size(void **p)
{
	__asm__("" : "+r"(*p));
	return malloc_usable_size(*p);
}

void secmem_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

void *secmem_malloc(size_t size)
{
	return malloc(size > 0 ? size : 1);
}

void *secmem_calloc(size_t count, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(count, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	p = secmem_malloc(total);
	if (p != NULL)
		memset(p, 0, total);
	return p;
}

char *secmem_strndup(const char *p, size_t n)
{
	char *copy;

	if (n == SIZE_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	copy = secmem_malloc(n + 1);
	if (copy == NULL)
		return NULL;
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *secmem_strdup(const char *s)
{
	return secmem_strndup(s, strlen(s));
}

/*
 * libc's realloc is never used, since it may move the bytes and leave the old ones behind unwiped. A block stays
 * where it is if the new size fits and takes at least half of it, or if there is no memory for a smaller one.
 */
void *secmem_realloc(void *p, size_t size)
{
	size_t have;
	void *fresh = NULL;

	if (p == NULL)
		return secmem_malloc(size);
	have = block_size(&p);
	if (size > have || size < have / 2) {
		fresh = secmem_malloc(size);
		if (fresh == NULL && size > have)
			return NULL;
	}
	if (fresh == NULL) {
		secmem_wipe((char *)p + size, have - size);
		return p;
	}
	memcpy(fresh, p, size < have ? size : have);
	secmem_free(p);
	return fresh;
}

void secmem_free_wiped(void *p)
{
	free(p);
}

void secmem_free(void *p)
{
	if (p == NULL)
		return;
	secmem_wipe(p, block_size(&p));
	free(p);
}
