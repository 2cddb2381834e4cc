/*
 * name - an interned name, as documents and ph_names keep it.
 *
 * An entry is found by its text's address, so that a node needs no more than that. The hash is a
 * quick one that a stranger could predict: a document changes to a keyed one when it is abused.
 *
 * Thread: pure.
 */
#ifndef PH_DOCUMENT_NAME_H
#define PH_DOCUMENT_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ph_name {
	struct ph_name *next; /* in its bucket */
	uint64_t hash;	      /* under its table's present hash */
	uint32_t length;      /* bytes of text */
	uint32_t number;      /* in a ph_names; 0: of one document only */
	uint32_t stamps[2];   /* of a document: the last pass that met it */
	char text[];	      /* zero-terminated */
} ph_name;

/* The entry whose text this is. */
static inline ph_name *
ph_name_of(const char *interned)
{
	uintptr_t address = (uintptr_t) interned - offsetof(ph_name, text);
	return (ph_name *) address;
}

static inline uint64_t
ph_name_word(const char *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof word);
	return word;
}

/* Up to eight bytes in one word, without a loop: from both ends, overlapping in the
 * middle. */
static inline uint64_t
ph_name_rest(const char *bytes, size_t length)
{
	uint32_t low = 0;
	uint32_t high = 0;
	if (length == 8)
		return ph_name_word(bytes);
	if (length >= 4) {
		memcpy(&low, bytes, sizeof low);
		memcpy(&high, bytes + length - sizeof high, sizeof high);
	} else if (length > 0) {
		low = (unsigned char) bytes[0];
		high = (unsigned) (unsigned char) bytes[length / 2] << 8 |
		       (unsigned char) bytes[length - 1];
	}
	return (uint64_t) high << 32 | low;
}

/* Mix eight bytes at a time with an odd constant (2^64 divided by the golden ratio). */
static inline uint64_t
ph_name_hash(const char *bytes, size_t length)
{
	uint64_t hash = length;
	while (length > 8) {
		hash = (hash ^ ph_name_word(bytes)) * UINT64_C(0x9E3779B97F4A7C15);
		hash ^= hash >> 29;
		bytes += 8;
		length -= 8;
	}
	hash = (hash ^ ph_name_rest(bytes, length)) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 32;
}

/* The entry in a bucket's chain; NULL. *steps is how many others were met. */
static inline ph_name *
ph_name_find(
    ph_name *entry, uint64_t hash, const char *bytes, size_t length, unsigned *steps)
{
	for (; entry != NULL; entry = entry->next, ++*steps)
		if (entry->hash == hash && entry->length == length &&
		    memcmp(entry->text, bytes, length) == 0)
			return entry;
	return NULL;
}

#endif
