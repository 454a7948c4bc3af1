/*
 * frame: the outermost layer of the socket's protocol. A frame is a 4-byte big-endian word and then the body; the
 * word's top byte is the kind, its lower 24 bits are the body's length in bytes.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>

#define FRAME_HEADER 4           /* bytes of the word */
#define FRAME_BODY_MAX 0xffffffu /* bytes of any body */
#define FRAME_DATA_MAX 65536u    /* bytes of a data frame's body in a stream */

enum frame_kind { FRAME_JSON = 0, FRAME_DATA = 1 };

enum frame_status {
	FRAME_OK,        /* a whole frame is there */
	FRAME_MORE,      /* the bytes so far are the start of an acceptable frame */
	FRAME_TOO_LARGE, /* the length is over the limit: what follows cannot be split into frames any more */
	FRAME_BAD_KIND   /* the kind is neither JSON nor data, with the same consequence */
};

struct frame {
	enum frame_kind kind;
	const unsigned char *body; /* points into the bytes given to frame_parse */
	size_t len;
};

/*
 * Looks at the n bytes at p, which start at a frame's first byte. With FRAME_OK ret is filled in, and the frame
 * takes FRAME_HEADER + ret->len bytes. With FRAME_MORE and n >= FRAME_HEADER ret->kind and ret->len are set and
 * ret->body is NULL. Else ret is untouched. limit is the largest body that is accepted, in bytes.
 */
enum frame_status frame_parse(const unsigned char *p, size_t n, size_t limit, struct frame *ret);

/* Writes the header of a frame whose body has len bytes, at most FRAME_BODY_MAX. */
void frame_header(unsigned char out[FRAME_HEADER], enum frame_kind kind, size_t len);

#endif
