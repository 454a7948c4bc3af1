/*
 * snapshot_tar: a state machine over the bytes of the archive. Headers, extended records and SHA256SUMS are
 * collected until they are complete; meta.json and state.bin only pass through their hashes.
 */
#include "proto/snapshot_tar.h"

#include <stdint.h>
#include <string.h>

#include "base/secmem.h"
#include "proto/snapshot_sums.h"
#include "proto/tar.h"

#define SMALL_FILE_MAX 8191u /* bytes of any file but state.bin */
/* The most bytes of extended records. Go writes one of 20 bytes, other programs three times and a size. */
#define TEXT_MAX 1024u

#define DAMAGED "its archive is damaged"
#define NOT_PLAIN "its archive holds more than plain files"
#define MORE_FILES "it holds more than the four files of a snapshot"
#define NO_SUMS "SHA256SUMS does not hold the sums of meta.json and state.bin"

enum file { META, STATE, SUMS, SEALED, FILES };

static const struct {
	const char *name;
	const char *missing;
	const char *odd_size;
} files[FILES] = {
	[META] = { "meta.json", "it holds no meta.json", "meta.json is empty or too large" },
	[STATE] = { "state.bin", "it holds no state.bin", NULL },
	[SUMS] = { "SHA256SUMS", "it holds no SHA256SUMS", "SHA256SUMS is empty or too large" },
	[SEALED] = { "SHA256SUMS.sealed", "it holds no SHA256SUMS.sealed",
	    "SHA256SUMS.sealed is empty or too large" },
};

enum place {
	IN_HEADER,
	IN_RECORDS, /* extended records, for the file that follows */
	IN_FILE,
	IN_PADDING,
	IN_SECOND_ZEROS, /* in the second of the two blocks of zeros that are the archive's end */
	AT_END
};

struct snapshot_tar {
	const struct sha256 *sha256;
	void *hashes[2]; /* the states of the sums of meta.json and state.bin; NULL once the file has ended */
	unsigned char sums[2][32];
	enum place place;
	unsigned file;                /* the file that is under way or comes next */
	uint64_t left;                /* bytes of the place that are still to come */
	size_t padding;               /* bytes that fill up its last block */
	bool extended;                /* extended records have come, but not yet the header that they are for */
	uint64_t given_size;          /* the file's size by these records, or NO_SIZE */
	size_t collected;             /* bytes in text */
	unsigned char text[TEXT_MAX]; /* a header, records or SHA256SUMS, as far as it has come */
	const char *error;
};

#define NO_SIZE UINT64_MAX

static void go_to_place(struct snapshot_tar *tar, enum place place, uint64_t left)
{
	tar->place = place;
	tar->left = left;
	tar->collected = 0;
}

static const char *collect_text(struct snapshot_tar *tar, const unsigned char *p, size_t n)
{
	if (n > sizeof(tar->text) - tar->collected)
		return NOT_PLAIN; /* is not reached, since sizes are checked before */
	memcpy(tar->text + tar->collected, p, n);
	tar->collected += n;
	return NULL;
}

/* Checks what can be known of a file before its content. */
static const char *check_file(const struct snapshot_tar *tar, const struct tar_header *header)
{
	if (tar->file == FILES)
		return MORE_FILES;
	if (strcmp(header->name, files[tar->file].name) != 0)
		return "it holds other files than a snapshot, or in another order";
	if (files[tar->file].odd_size != NULL && (header->size == 0 || header->size > SMALL_FILE_MAX))
		return files[tar->file].odd_size;
	if (tar->file == SUMS && header->size != SNAPSHOT_SUMS_SIZE)
		return NO_SUMS;
	return NULL;
}

static const char *begin_file(struct snapshot_tar *tar, struct tar_header *header)
{
	if (tar->extended && tar->given_size != NO_SIZE)
		header->size = tar->given_size;
	tar->extended = false;
	tar->padding = tar_padding(header->size);
	go_to_place(tar, IN_FILE, header->size);
	return check_file(tar, header);
}

static const char *begin_records(struct snapshot_tar *tar, const struct tar_header *header)
{
	if (tar->file == FILES)
		return MORE_FILES;
	if (tar->extended || header->size == 0 || header->size > TEXT_MAX)
		return NOT_PLAIN;
	tar->padding = tar_padding(header->size);
	go_to_place(tar, IN_RECORDS, header->size);
	return NULL;
}

static const char *header_is_complete(struct snapshot_tar *tar)
{
	struct tar_header header;

	switch (tar_header_parse(tar->text, &header)) {
	case TAR_OK:
		return header.type == TAR_RECORDS ? begin_records(tar, &header) : begin_file(tar, &header);
	case TAR_ZEROS:
		if (tar->file < FILES)
			return files[tar->file].missing;
		go_to_place(tar, IN_SECOND_ZEROS, TAR_BLOCK);
		return NULL;
	case TAR_NONE:
		return tar->file == META && !tar->extended ? "it is compressed data, but no tar archive" : DAMAGED;
	case TAR_ODD:
	default:
		return NOT_PLAIN;
	}
}

static const char *records_are_complete(struct snapshot_tar *tar)
{
	tar->extended = true;
	tar->given_size = NO_SIZE;
	if (!tar_records_parse(tar->text, tar->collected, &tar->given_size))
		return NOT_PLAIN;
	go_to_place(tar, IN_PADDING, tar->padding);
	return NULL;
}

static const char *compare_sums(struct snapshot_tar *tar)
{
	struct snapshot_sums given;

	if (!snapshot_sums_parse(tar->text, &given))
		return NO_SUMS;
	if (memcmp(given.meta, tar->sums[META], sizeof(given.meta)) != 0)
		return "meta.json does not have the sum that SHA256SUMS gives";
	if (memcmp(given.state, tar->sums[STATE], sizeof(given.state)) != 0)
		return "state.bin does not have the sum that SHA256SUMS gives";
	return NULL;
}

static const char *file_is_complete(struct snapshot_tar *tar)
{
	const char *error = NULL;

	if (tar->file == META || tar->file == STATE) {
		tar->sha256->end(tar->hashes[tar->file], tar->sums[tar->file]);
		tar->hashes[tar->file] = NULL;
	} else if (tar->file == SUMS) {
		error = compare_sums(tar);
	}
	tar->file++;
	go_to_place(tar, IN_PADDING, tar->padding);
	return error;
}

/* Goes on to the next place as long as nothing is left of the current one. */
static const char *advance_place(struct snapshot_tar *tar)
{
	const char *error = NULL;

	while (error == NULL && tar->left == 0) {
		switch (tar->place) {
		case IN_HEADER:
			error = header_is_complete(tar);
			break;
		case IN_RECORDS:
			error = records_are_complete(tar);
			break;
		case IN_FILE:
			error = file_is_complete(tar);
			break;
		case IN_PADDING:
			go_to_place(tar, IN_HEADER, TAR_BLOCK);
			break;
		case IN_SECOND_ZEROS:
		case AT_END:
			go_to_place(tar, AT_END, UINT64_MAX);
			break;
		}
	}
	return error;
}

/* Takes n bytes that belong to the current place. */
static const char *take_in_place(struct snapshot_tar *tar, const unsigned char *p, size_t n)
{
	switch (tar->place) {
	case IN_HEADER:
	case IN_RECORDS:
		return collect_text(tar, p, n);
	case IN_FILE:
		if (tar->file == SUMS)
			return collect_text(tar, p, n);
		if (tar->file != SEALED)
			tar->sha256->add(tar->hashes[tar->file], p, n);
		return NULL;
	case AT_END:
		return tar_all_zero(p, n) ? NULL : "something follows the end of its archive";
	case IN_PADDING:
	case IN_SECOND_ZEROS:
	default:
		return tar_all_zero(p, n) ? NULL : DAMAGED;
	}
}

const char *snapshot_tar_add(struct snapshot_tar *tar, const unsigned char *p, size_t n)
{
	while (n > 0 && tar->error == NULL) {
		size_t some = tar->left < n ? (size_t)tar->left : n;

		tar->error = take_in_place(tar, p, some);
		p += some;
		n -= some;
		tar->left -= some;
		if (tar->error == NULL)
			tar->error = advance_place(tar);
	}
	return tar->error;
}

bool snapshot_tar_at_end(const struct snapshot_tar *tar)
{
	return tar->place == AT_END && tar->error == NULL;
}

struct snapshot_tar *snapshot_tar_new(const struct sha256 *sha256)
{
	struct snapshot_tar *tar = secmem_calloc(1, sizeof(*tar));

	if (tar == NULL)
		return NULL;
	tar->sha256 = sha256;
	tar->hashes[META] = sha256->begin();
	tar->hashes[STATE] = sha256->begin();
	go_to_place(tar, IN_HEADER, TAR_BLOCK);
	if (tar->hashes[META] == NULL || tar->hashes[STATE] == NULL) {
		snapshot_tar_free(tar);
		return NULL;
	}
	return tar;
}

void snapshot_tar_free(struct snapshot_tar *tar)
{
	int i;

	if (tar == NULL)
		return;
	for (i = META; i <= STATE; i++)
		if (tar->hashes[i] != NULL)
			tar->sha256->end(tar->hashes[i], NULL);
	secmem_free(tar);
}

const unsigned char *snapshot_tar_state_sum(const struct snapshot_tar *tar)
{
	return tar->sums[STATE];
}
