/*
 * transforms - the same change of a document done by another's engine, as a library: libxslt, libjq.
 *
 *   transforms xslt|jq PROGRAM FILE SECONDS [BACK]   prints {"us": per document, "bytes": of it}
 *
 * The program is compiled once. A turn reads the bytes, changes them and writes bytes; with BACK, a
 * second program (jq) then changes the result back. Nothing is validated.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jq.h>
#include <libxml/parser.h>
#include <libxslt/transform.h>
#include <libxslt/xsltutils.h>

#include "bench/map/slices.h"

typedef struct work {
	char *bytes;
	size_t length;
	xsltStylesheetPtr sheet;
	jq_state *there, *back;
} work;

static void
must(bool good, const char *why)
{
	if (good)
		return;
	(void) fprintf(stderr, "transforms: %s\n", why);
	exit(1);
}

static char *
read_file(const char *path, size_t *length)
{
	FILE *in = fopen(path, "rb");
	must(in != NULL && fseek(in, 0, SEEK_END) == 0, path);
	long size = ftell(in);
	rewind(in);
	char *bytes = malloc((size_t) size + 1);
	must(
	    bytes != NULL && fread(bytes, 1, (size_t) size, in) == (size_t) size, path);
	bytes[size] = 0;
	(void) fclose(in);
	*length = (size_t) size;
	return bytes;
}

static void
xslt_turn(void *self)
{
	work *w = self;
	xmlChar *text = NULL;
	int size = 0;
	xmlDocPtr document =
	    xmlReadMemory(w->bytes, (int) w->length, NULL, NULL, XML_PARSE_NONET);
	xmlDocPtr result = xsltApplyStylesheet(w->sheet, document, NULL);
	must(result != NULL &&
		 xsltSaveResultToString(&text, &size, result, w->sheet) == 0 &&
		 size > 0,
	    "libxslt gives nothing");
	xmlFree(text);
	xmlFreeDoc(result);
	xmlFreeDoc(document);
}

/* What the program makes of a text, as a text. */
static jv
change(jq_state *program, const char *bytes, size_t length)
{
	jv value = jv_parse_sized(bytes, (int) length);
	must(jv_is_valid(value), "jq does not take it");
	jq_start(program, value, 0);
	jv result = jq_next(program);
	must(jv_is_valid(result), "jq gives nothing");
	return jv_dump_string(result, 0);
}

static void
jq_turn(void *self)
{
	work *w = self;
	jv there = change(w->there, w->bytes, w->length);
	if (w->back != NULL)
		jv_free(change(w->back, jv_string_value(there),
		    (size_t) jv_string_length_bytes(jv_copy(there))));
	jv_free(there);
}

static jq_state *
jq_program(const char *path)
{
	size_t length;
	char *text = read_file(path, &length);
	jq_state *program = jq_init();
	must(program != NULL && jq_compile(program, text) != 0, path);
	free(text);
	return program;
}

int
main(int argc, char **argv)
{
	work w = {0};
	must(argc == 5 || argc == 6,
	    "usage: transforms xslt|jq PROGRAM FILE SECONDS [BACK]");
	bool xslt = strcmp(argv[1], "xslt") == 0;
	w.bytes = read_file(argv[3], &w.length);
	if (xslt) {
		w.sheet = xsltParseStylesheetFile((const xmlChar *) argv[2]);
		must(w.sheet != NULL, argv[2]);
	} else {
		w.there = jq_program(argv[2]);
		w.back = argc == 6 ? jq_program(argv[5]) : NULL;
	}
	double us = bench_slices(xslt ? xslt_turn : jq_turn, &w, strtod(argv[4], NULL));
	(void) printf("{\"us\":%.4f,\"bytes\":%zu}\n", us, w.length);
	return 0;
}
