/*
 * secmem: memory that is wiped when it is given back.
 *
 * The daemon hands these functions to curl, OpenSSL, jansson and libevent before their first allocation, so
 * that whatever they held of a secret is overwritten when they free or move it, without anybody having to
 * remember. All functions are thread-safe (curl resolves names in threads).
 */
#ifndef SECMEM_H
#define SECMEM_H

#include <stddef.h>

/* As malloc, calloc, strdup: NULL when there is no memory. A size of 0 gives a unique pointer. */
void *secmem_malloc(size_t size);
void *secmem_calloc(size_t count, size_t size);
char *secmem_strdup(const char *s);

/* Copies n bytes of p and ends them with a NUL. */
char *secmem_strndup(const char *p, size_t n);

/* As realloc, but the old block is wiped if the bytes move; on failure NULL, and the old block is untouched. */
void *secmem_realloc(void *p, size_t size);

/* Wipes the whole block, then frees it; NULL is allowed. Only for blocks that came from these functions. */
void secmem_free(void *p);

/* Overwrites n bytes with zeros; the compiler may not remove it. */
void secmem_wipe(void *p, size_t n);

#endif
