/*
 * value - one value on its way through a link, and a tuple of them.
 *
 * Absent, null and empty text are three different things. A value of many holds one item for each
 * repetition of its field; items may be absent, so that fields of the same repetition keep step.
 * Texts are borrowed from the documents of the call or live on its arena.
 *
 * Thread: owner.
 */
#ifndef PH_VALUE_H
#define PH_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum ph_value_kind {
	PH_VALUE_ABSENT,
	PH_VALUE_NULL,
	PH_VALUE_BOOLEAN, /* text "true" or "false" */
	PH_VALUE_NUMBER,  /* text is a JSON number */
	PH_VALUE_STRING,
	PH_VALUE_MANY
} ph_value_kind;

enum {
	PH_VALUE_VOLATILE = 1, /* made from the clock or the receipt */
	PH_VALUE_SECRET = 2    /* made from a secret: never shown */
};

typedef struct ph_value ph_value;
struct ph_value {
	ph_value_kind kind;
	uint32_t flags;
	uint32_t count;	  /* MANY: items */
	const char *text; /* scalars: zero-terminated */
	size_t length;
	ph_value *items;
};

#define PH_TUPLE_MAX 8
typedef struct ph_tuple {
	size_t count;
	ph_value at[PH_TUPLE_MAX];
} ph_tuple;

static inline ph_value
ph_value_text(const char *text, size_t length)
{
	return (ph_value){.kind = PH_VALUE_STRING, .text = text, .length = length};
}

/* Has it text (string, number or boolean)? */
static inline bool
ph_value_is_text(const ph_value *value)
{
	return value->kind == PH_VALUE_STRING || value->kind == PH_VALUE_NUMBER ||
	       value->kind == PH_VALUE_BOOLEAN;
}

static inline bool
ph_value_is(const ph_value *value, const char *word)
{
	return ph_value_is_text(value) && strlen(word) == value->length &&
	       memcmp(word, value->text, value->length) == 0;
}

/* All of a tuple absent? */
static inline bool
ph_tuple_absent(const ph_tuple *tuple)
{
	for (size_t i = 0; i < tuple->count; i++)
		if (tuple->at[i].kind != PH_VALUE_ABSENT)
			return false;
	return true;
}

/* The flags of all its values together. */
static inline uint32_t
ph_tuple_flags(const ph_tuple *tuple)
{
	uint32_t flags = 0;
	for (size_t i = 0; i < tuple->count; i++)
		flags |= tuple->at[i].flags;
	return flags;
}

#endif
