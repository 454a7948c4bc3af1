/*
 * secmem: memory that is wiped when it is given back.
 *
 * The daemon gives these functions to curl, OpenSSL, jansson and libevent before their first allocation, so that
 * whatever they hold of a secret is overwritten when they free or move it, without anybody having to remember. All
 * functions are thread-safe (curl resolves names in threads).
 */
#ifndef SECMEM_H
#define SECMEM_H

#include <stddef.h>

/* These work like malloc, calloc and strdup: NULL when there is no memory. A size of 0 gives a unique pointer. */
void *secmem_malloc(size_t size);
void *secmem_calloc(size_t count, size_t size);
char *secmem_strdup(const char *s);

/* Copies n bytes at p, which may hold NULs, and adds a NUL. NULL: no memory. */
char *secmem_strndup(const char *p, size_t n);

/*
 * Works like realloc, and wipes the old block if the bytes move, or what is cut off if they stay. NULL: no memory,
 * and the old block is untouched.
 */
void *secmem_realloc(void *p, size_t size);

/* Wipes the whole block, then frees it; NULL does nothing. The block must come from these functions. */
void secmem_free(void *p);

/*
 * Frees a block, whose owner has wiped all that it wrote there: to wipe a large buffer twice would cost as much as
 * to send it. NULL does nothing.
 */
void secmem_free_wiped(void *p);

/* Overwrites n bytes with zeros; the compiler does not optimize it away. */
void secmem_wipe(void *p, size_t n);

#endif
