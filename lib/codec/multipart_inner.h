/*
 * multipart_inner - one part after the other, and the values in their headers.
 *
 * Private to lib/codec. Thread: pure. Errors: as multipart.h says.
 */
#ifndef PH_CODEC_MULTIPART_INNER_H
#define PH_CODEC_MULTIPART_INNER_H

#include "lib/codec/multipart.h"
#include "lib/codec/source.h"

#define PH_PARTS_MAX	  1000u
#define PH_PART_HEADS_MAX ((size_t) 16 << 10)
#define PH_PART_NAME_MAX  1024u
#define PH_PART_REFERENCE "part:"

/* A piece of the input. */
typedef struct ph_piece {
	const char *at;
	size_t length;
} ph_piece;

typedef struct ph_part {
	ph_piece heads; /* the header lines, each with its end */
	ph_piece body;
} ph_part;

typedef struct ph_parts {
	const ph_source *source;
	ph_error *err;
	ph_piece boundary; /* as it stands behind "--" */
	const char *line;  /* its end: CRLF or LF */
	const char *at;	   /* behind the delimiter before the next part */
	const char *end;
	unsigned count; /* parts read */
	bool last;	/* the end was read */
} ph_parts;

/* Find the first delimiter. False: *err says why. */
bool ph_parts_begin(ph_parts *parts, const ph_source *source, ph_error *err);
/* The next part; false at the end, or with *err when `failed` is set. */
bool ph_parts_next(ph_parts *parts, ph_part *out, bool *failed);

/* The value of a header ("content-type"), with folded lines; length 0: none. */
ph_piece ph_part_header(const ph_part *part, const char *name);
/* The word before the first ';' is `word`? Case does not count. */
bool ph_header_is(ph_piece header, const char *word);
/* A parameter's value ("name"), unquoted, as text. False: there is none, or it is too
 * long for `out`. */
bool ph_header_parameter(
    ph_piece header, const char *name, char out[PH_PART_NAME_MAX + 1]);

#endif
